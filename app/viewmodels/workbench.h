#pragma once

#include <QObject>
#include <QStringList>
#include <QTimer>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "app/viewmodels/adaptation.h"
#include "app/viewmodels/cohort.h"
#include "app/viewmodels/job_queue.h"
#include "app/viewmodels/model_shelf.h"
#include "app/viewmodels/project_keeper.h"
#include "app/viewmodels/report_desk.h"
#include "app/viewmodels/studio.h"
#include "app/viewmodels/worklist.h"

namespace viewmodels {

/// Why a file is not analysed with a model.
struct Refusal {
  std::int64_t id = 0;
  QString file, reason;
};

/// What a set of files would be analysed with, and what would be left out.
struct AnalysisPlan {
  std::vector<std::int64_t> ids;
  std::vector<Refusal> refused;
  workflows::AnalyzeRequest request;
  std::function<void()> prepare;  ///< writes the table of per-file facts
  QString title;
};

/// Where one looks in a slide.
struct ViewPlace {
  double x_l0 = 0, y_l0 = 0, scale = 0;
};

/// The working half of the studio: the open project with its worklist, jobs, cohort, models and reports,
/// bound to what the studio shows.
///
/// @par Threads  One, the GUI's.
class Workbench : public QObject {
  Q_OBJECT
 public:
  explicit Workbench(Studio* studio, QObject* parent = nullptr);
  ~Workbench() override;

  [[nodiscard]] Studio* studio() { return studio_; }
  [[nodiscard]] Worklist* worklist() { return &worklist_; }
  [[nodiscard]] WorklistFilter* filter() { return &filter_; }
  [[nodiscard]] PatientList* patients() { return &patients_; }
  [[nodiscard]] JobQueue* jobs() { return &jobs_; }
  [[nodiscard]] Cohort* cohort() { return &cohort_; }
  [[nodiscard]] ModelShelf* models() { return &models_; }
  [[nodiscard]] ReportDesk* reports() { return &reports_; }
  [[nodiscard]] Adaptation* adaptation() { return &adaptation_; }
  [[nodiscard]] ProjectKeeper* keeper() { return &keeper_; }

  /// Opens the project of a folder, or begins one; `project_changed` or a notice follows.
  void open_project(const QString& folder);
  [[nodiscard]] bool has_project() const { return !worklist_.folder().empty(); }
  [[nodiscard]] QString project_name() const;

  /// Shows files of the worklist in the studio; the first becomes the current one.
  void open_items(const std::vector<std::int64_t>& ids);

  /// Sorts out which files the model takes. @param ids  all of the project where empty
  [[nodiscard]] AnalysisPlan plan(const std::vector<std::int64_t>& ids,
                                  const workflows::ModelCard& model) const;
  /// Why nothing can be analysed here; empty where it can.
  [[nodiscard]] QString analyse_hindrance() const;
  void start(const AnalysisPlan& plan);

  /// Case folders of an item's results, those of the cohort's model last.
  [[nodiscard]] std::vector<std::filesystem::path> cases_of(std::int64_t id) const;
  /// The photograph of the same patient's other eye, as the worklist says; absent where it does not.
  [[nodiscard]] std::optional<std::filesystem::path> other_eye(const std::filesystem::path& file) const;

  /// Where the current slide is looked at, told by the canvas, and found again after a crash; absent: all of
  /// it.
  void keep_place(const std::optional<ViewPlace>& place);
  [[nodiscard]] std::optional<ViewPlace> place_of(const std::filesystem::path& file) const;

 Q_SIGNALS:
  void project_changed();
  void notice(const QString& sentence, viewmodels::Studio::Tone tone);
  /// The current slide was looked at here before.
  void place_wanted(const viewmodels::ViewPlace& place);

 private:
  void take_content(const ProjectContent& content);
  void restore_session(const std::string& text);
  void keep_session();
  void take_result(const workflows::RunRow& row, const std::filesystem::path& input,
                   const std::filesystem::path& out);
  void bind_current();

  Studio* studio_;
  ProjectKeeper keeper_;
  Worklist worklist_{&keeper_};
  WorklistFilter filter_{&worklist_};
  PatientList patients_{&worklist_};
  JobQueue jobs_;
  Cohort cohort_{&worklist_};
  ModelShelf models_;
  ReportDesk reports_;
  Adaptation adaptation_;
  std::map<std::filesystem::path, ViewPlace> places_;
  QTimer session_timer_;
  bool restoring_ = false;
  quint64 log_number_ = 0;
};

}  // namespace viewmodels
