#pragma once

#include <QAbstractTableModel>
#include <QObject>
#include <QStringList>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "app/viewmodels/background.h"
#include "app/viewmodels/job_queue.h"
#include "app/viewmodels/mask_overlay.h"
#include "app/viewmodels/model_shelf.h"
#include "app/viewmodels/studio.h"

namespace viewmodels {

/// What an adaptation to one site came to.
struct AdaptationRecord {
  QString site;                      ///< empty where there was one for all
  QString strategy;                  ///< as `--adapt` takes it
  std::filesystem::path run_folder;  ///< of this site
  std::string parent;                ///< the package it began at, as `--model` takes it
  QString parent_name;
  int pictures = 0;
  int steps = 0;
  bool is_rolled_back = false;
  bool is_source_doubtful = false;  ///< the source behaves here as it never did on its own pictures
  QStringList tripped;              ///< a sentence per monitor
  QStringList left_out;             ///< files that could not be used, a sentence each
  struct Figure {
    QString name;
    std::optional<double> source, adapted;
    bool is_share = false;  ///< of all pixels, shown in percent
  };
  std::vector<Figure> figures;

  [[nodiscard]] std::filesystem::path package() const { return run_folder / "model"; }
};

/// The monitors of one record: measure, source, adapted.
class AdaptationFigures : public QAbstractTableModel {
  Q_OBJECT
 public:
  using QAbstractTableModel::QAbstractTableModel;
  void set_figures(std::vector<AdaptationRecord::Figure> figures);
  [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
  [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  std::vector<AdaptationRecord::Figure> figures_;
};

/// Adapts a segmenter to the pictures of a folder, through the queue, and says what came of it: figures
/// before and after, masks of both side by side, whether it was rolled back, and the ways back.
///
/// @par Threads  The GUI thread; everything slow happens elsewhere.
class Adaptation : public QObject {
  Q_OBJECT
 public:
  Adaptation(Studio* studio, JobQueue* jobs, ModelShelf* shelf, QObject* parent = nullptr);

  /// Segmenters that are installed, by name and path.
  [[nodiscard]] std::vector<const workflows::ModelCard*> segmenters() const;
  void set_model(const std::string& path) { set(model_, path); }
  [[nodiscard]] const std::string& model() const { return model_; }
  void set_folder(const std::filesystem::path& folder) { set(folder_, folder); }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  void set_method(const std::string& method) { set(options_.adapt, method); }
  void set_steps(int steps) { set(options_.steps, std::int64_t{steps}); }
  void set_only_warns(bool on) { set(guard_.guard, std::string(on ? "warn" : "rollback")); }
  /// @param table  CSV with the columns file and site
  void set_per_site(bool on, const std::filesystem::path& table);
  /// As the form shows it.
  [[nodiscard]] workflows::SegmentAdaptRequest request() const;
  [[nodiscard]] static QStringList methods();  ///< as `--adapt` takes them
  [[nodiscard]] static QString method_words(const QString& method);
  [[nodiscard]] static bool takes_steps(const QString& method);

  [[nodiscard]] QString hindrance() const;  ///< why it cannot start; empty where it can
  [[nodiscard]] QString command_line() const;
  void start();

  [[nodiscard]] const std::vector<AdaptationRecord>& records() const { return records_; }
  [[nodiscard]] const AdaptationRecord* record() const;  ///< the one shown; null where there is none
  void show_record(int index);
  [[nodiscard]] int shown_record() const { return shown_; }
  [[nodiscard]] AdaptationFigures* figures() { return &figures_; }
  /// What the monitors say, in sentences.
  [[nodiscard]] QString verdict() const;

  /// Masks of the open picture by the source and by the adapted package, made by two jobs of the queue;
  /// `comparison_ready` follows.
  void compare();
  [[nodiscard]] QString compare_hindrance() const;
  [[nodiscard]] MaskOverlay* source_masks() { return &source_masks_; }
  [[nodiscard]] MaskOverlay* adapted_masks() { return &adapted_masks_; }

  [[nodiscard]] bool is_in_use() const;  ///< the adapted package of the record shown can be analysed with
  void use();                            ///< and is the chosen one
  void return_to_parent();               ///< which is chosen again; no file is touched
  /// Removes the run of the site shown, so that its next adaptation begins at the source. Ask before.
  void reset_site();

 Q_SIGNALS:
  void changed();
  void comparison_ready();
  void notice(const QString& sentence, viewmodels::Studio::Tone tone);

 private:
  template <typename Value>
  void set(Value& member, const Value& value) {
    if (member == value) return;
    member = value;
    Q_EMIT changed();
  }
  void take_records(const workflows::SegmentAdaptRequest& request, const nlohmann::ordered_json& records);
  void take_row(const workflows::RunRow& row, const std::filesystem::path& input,
                const std::filesystem::path& out);
  void restore_used();
  [[nodiscard]] ModelChoice choice_of(const AdaptationRecord& record) const;

  Studio* studio_;
  JobQueue* jobs_;
  ModelShelf* shelf_;
  std::string model_;
  std::filesystem::path folder_, table_;
  bool per_site_ = false;
  decltype(workflows::SegmentAdaptRequest::options) options_;
  decltype(workflows::SegmentAdaptRequest::guard) guard_;
  std::vector<AdaptationRecord> records_;
  int shown_ = -1;
  AdaptationFigures figures_;
  MaskOverlay source_masks_, adapted_masks_;
  struct Side {
    std::filesystem::path out;
    std::optional<std::filesystem::path> case_folder;
  };
  std::optional<std::pair<Side, Side>> comparing_;  // source, adapted
  Background background_{this};
};

}  // namespace viewmodels
