#pragma once

#include <QImage>
#include <QObject>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "app/report/report_files.h"
#include "app/viewmodels/background.h"
#include "app/workflows/review.h"

namespace viewmodels {

/// The report of one case: its pages as they print, its sign-off, its copies.
class ReportDesk : public QObject {
  Q_OBJECT
 public:
  /// Make it on the GUI thread, with a QApplication.
  explicit ReportDesk(QObject* parent = nullptr);

  void show(const std::filesystem::path& case_folder);  ///< `changed` follows
  [[nodiscard]] const std::filesystem::path& case_folder() const { return folder_; }
  [[nodiscard]] const std::vector<QImage>& pages() const { return pages_; }
  [[nodiscard]] const std::optional<workflows::Review>& review() const { return review_; }
  [[nodiscard]] bool is_working() const { return working_ > 0; }
  /// Records the sign-off and sets the report anew.
  void sign_off(const QString& reviewer, const QString& note);
  /// The `tessera` command that signs off so.
  [[nodiscard]] QString sign_off_command(const QString& reviewer, const QString& note) const;
  /// Copies the report to `target` (.pdf or .html), whole or not at all.
  void export_to(const std::filesystem::path& target);

 Q_SIGNALS:
  void changed();
  void signed_off();
  void exported(const QString& file);
  void problem(const QString& reason);

 private:
  struct Shown {
    std::vector<QImage> pages;
    std::optional<workflows::Review> review;
  };
  template <typename Work, typename Done>
  void run(Work work, Done done);
  void read();

  std::filesystem::path folder_;
  std::shared_ptr<const report::ReportFiles> files_;
  std::vector<QImage> pages_;
  std::optional<workflows::Review> review_;
  int working_ = 0;
  Background background_{this, 1, Background::kForEver};  // it writes files
};

}  // namespace viewmodels
