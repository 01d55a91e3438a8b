#include "app/viewmodels/analysis.h"

#include "app/viewmodels/wording.h"

namespace viewmodels {

workflows::AnalyzeRequest make_request(const std::filesystem::path& slide, const std::string& model,
                                       const std::filesystem::path& out,
                                       const std::optional<std::string>& mpp) {
  workflows::AnalyzeRequest request;
  request.inputs.inputs = {slide.string()};
  request.inputs.mpp = mpp;
  request.model = model;
  request.out = out;
  return request;
}

Analysis::Analysis(AnalyzeJob job, QObject* parent) : QObject(parent), job_(std::move(job)) {
  connect(&runner_, &JobRunner::progressed, this, &Analysis::take_progress);
  connect(&runner_, &JobRunner::ended, this, &Analysis::take_end);
}

void Analysis::start(const workflows::AnalyzeRequest& request) {
  request_ = request;
  step_ = {};
  cancelling_ = false;
  summary_ = std::make_shared<std::optional<workflows::RunSummary>>();
  runner_.start([job = job_, request, summary = summary_](const imaging::JobContext& context) {
    summary->emplace(job(request, context));
  });
  Q_EMIT changed();
}

void Analysis::cancel() {
  if (!is_running()) return;
  cancelling_ = true;
  runner_.cancel();
  Q_EMIT changed();
}

int Analysis::permille() const {
  return step_.total > 0 ? static_cast<int>(step_.done * 1000 / step_.total) : -1;
}

QString Analysis::progress_words() const {
  if (!is_running()) return {};
  if (cancelling_) return tr("Cancelling…");
  if (step_.stage.empty()) return tr("Starting…");
  const auto stage = QString::fromStdString(step_.stage);
  if (step_.total <= 0) return stage;
  auto words = tr("%1 %2 of %3").arg(stage).arg(step_.done).arg(step_.total);
  const auto seconds = static_cast<double>(stage_clock_.elapsed()) / 1000;
  const auto done = static_cast<double>(step_.done - first_done_);
  if (done > 0 && seconds > 0.5) {
    const auto rate = done / seconds;
    words += tr(" · %1/s · %2 left")
                 .arg(QString::number(rate, 'g', rate < 100 ? 2 : 3),
                      duration_words(static_cast<double>(step_.total - step_.done) / rate));
  }
  return words;
}

void Analysis::take_progress(const imaging::Progress& step) {
  // One slide at a time here: its tiles say more than "slides 0 of 1".
  if (step.stage == "slides") return;
  if (step.stage != step_.stage) {
    first_done_ = step.done;
    stage_clock_.start();
  }
  step_ = step;
  Q_EMIT changed();
}

void Analysis::take_end(const imaging::JobOutcome& outcome) {
  Q_EMIT changed();
  switch (outcome.status) {
    case imaging::JobStatus::cancelled:
      Q_EMIT cancelled();
      break;
    case imaging::JobStatus::failed:
      Q_EMIT failed(QString::fromStdString(outcome.message));
      break;
    case imaging::JobStatus::done:
      for (const auto& row : (*summary_)->rows) Q_EMIT finished(row, (*summary_)->out);
      break;
  }
}

}  // namespace viewmodels
