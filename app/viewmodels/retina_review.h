#pragma once

#include <QObject>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "app/viewmodels/background.h"
#include "app/viewmodels/studio.h"

namespace viewmodels {

/// The current photograph of the retina as a clinician reviews it: its grading, how the next one is made, and
/// the photograph of the same patient's other eye.
///
/// @par Threads  The GUI thread; folders are looked through elsewhere.
class RetinaReview : public QObject {
  Q_OBJECT
 public:
  /// The other eye's photograph, as a worklist knows it; absent where it does not.
  using FindPartner = std::function<std::optional<std::filesystem::path>(const std::filesystem::path&)>;

  explicit RetinaReview(Studio* studio, QObject* parent = nullptr);
  void set_find_partner(FindPartner find);

  [[nodiscard]] bool is_fundus() const;
  /// Absent where the current photograph was not graded.
  [[nodiscard]] const workflows::CaseResult* grading() const;
  /// "L", "R" or empty.
  [[nodiscard]] std::string eye() const;

  // Of the next grading.
  void set_threshold(std::optional<double> threshold);
  void set_evidence(const std::string& evidence);  ///< as `--evidence` takes it
  void set_grades_ungradable(bool on);             ///< on record in result.json and report

  /// The photograph of the other eye: by the worklist, else by the names of files in the same folder.
  [[nodiscard]] const std::optional<std::filesystem::path>& partner() const { return partner_; }
  /// Opens the other eye; `pair_ready` follows.
  void show_both();

 Q_SIGNALS:
  void changed();
  /// Both are open. As they stand in front of the clinician: the right eye on the left.
  void pair_ready(const std::shared_ptr<viewmodels::OpenSlide>& right_eye,
                  const std::shared_ptr<viewmodels::OpenSlide>& left_eye);

 private:
  void look_for_partner();
  void try_pair();

  Studio* studio_;
  FindPartner find_;
  std::optional<std::filesystem::path> partner_;
  struct Wanted {
    std::filesystem::path right_eye, left_eye;
  };
  std::optional<Wanted> wanted_;
  quint64 turn_ = 0;
  Background background_{this};
};

}  // namespace viewmodels
