#include "app/viewmodels/report_desk.h"

#include "app/viewmodels/command_line.h"
#include "app/viewmodels/picture.h"
#include "app/workflows/write_reports.h"
#include "imaging/base/files.h"

namespace viewmodels {
namespace {
constexpr double kPreviewDpi = 92;
}

ReportDesk::ReportDesk(QObject* parent)
    : QObject(parent), files_(std::make_shared<const report::ReportFiles>()) {}

template <typename Work, typename Done>
void ReportDesk::run(Work work, Done done) {
  ++working_;
  Q_EMIT changed();
  background_.run(
      std::move(work),
      [this, done](auto value) {
        --working_;
        done(std::move(value));
        Q_EMIT changed();
      },
      [this](const imaging::JobOutcome& outcome) {
        --working_;
        Q_EMIT changed();
        Q_EMIT problem(QString::fromStdString(outcome.message));
      });
}

void ReportDesk::show(const std::filesystem::path& case_folder) {
  folder_ = case_folder;
  pages_.clear();
  review_.reset();
  read();
}

void ReportDesk::read() {
  run(
      [folder = workflows::CaseFolder{folder_}] {
        Shown shown;
        shown.review = workflows::read_review(folder);
        const auto model = report::read_report_model(folder, workflows::printed_now());
        for (const auto& page : report::to_pages(model, kPreviewDpi)) shown.pages.push_back(to_qimage(page));
        return shown;
      },
      [this, folder = folder_](Shown shown) {
        if (folder != folder_) return;
        pages_ = std::move(shown.pages);
        review_ = std::move(shown.review);
      });
}

void ReportDesk::sign_off(const QString& reviewer, const QString& note) {
  run(
      [folder = workflows::CaseFolder{folder_}, files = files_,
       review = workflows::Review{reviewer.trimmed().toStdString(), note.trimmed().toStdString(),
                                  workflows::printed_now()}] {
        workflows::sign_off(folder, review, *files);
        return true;
      },
      [this](bool) {
        Q_EMIT signed_off();
        read();
      });
}

QString ReportDesk::sign_off_command(const QString& reviewer, const QString& note) const {
  CommandLine line({"report", QString::fromStdString(folder_.string())});
  line.add("--reviewer", reviewer.trimmed().toStdString());
  line.add("--note", note.trimmed().toStdString());
  return line.text();
}

void ReportDesk::export_to(const std::filesystem::path& target) {
  const workflows::CaseFolder folder{folder_};
  run(
      [source = target.extension() == ".html" ? folder.report_html() : folder.report_pdf(), target] {
        imaging::write_file(target, imaging::read_file(source));
        return true;
      },
      [this, target](bool) { Q_EMIT exported(QString::fromStdString(target.string())); });
}

}  // namespace viewmodels
