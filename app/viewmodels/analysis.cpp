#include "app/viewmodels/analysis.h"

#include <algorithm>

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

Analysis::Analysis(AnalyzeJob job, AdaptJob adapt_job, QObject* parent)
    : QObject(parent), job_(std::move(job)), adapt_job_(std::move(adapt_job)) {
  connect(&runner_, &JobRunner::progressed, this, &Analysis::take_progress);
  connect(&runner_, &JobRunner::ended, this, &Analysis::take_end);
}

void Analysis::begin(imaging::JobBody body) {
  step_ = slides_ = {};
  next_input_ = 0;
  cancelling_ = false;
  runner_.start(std::move(body));
  Q_EMIT changed();
}

void Analysis::start(const workflows::AnalyzeRequest& request, std::function<void()> prepare) {
  request_ = request;
  begin([this, job = job_, request, prepare = std::move(prepare)](const imaging::JobContext& context) {
    if (prepare) prepare();
    (void)job(
        request,
        [this](const workflows::RunRow& row) {
          QMetaObject::invokeMethod(
              this, [this, row] { take_row(row); }, Qt::QueuedConnection);
        },
        context);
  });
}

void Analysis::start(const workflows::SegmentAdaptRequest& request) {
  begin([this, job = adapt_job_, request](const imaging::JobContext& context) {
    const auto records = job(request, context);
    QMetaObject::invokeMethod(
        this, [this, request, records] { Q_EMIT adapted(request, records); }, Qt::QueuedConnection);
  });
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
  if (slides_.total > 1) words = tr("file %1 of %2 · %3").arg(slides_.done + 1).arg(slides_.total).arg(words);
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
  if (step.stage == "slides") {  // its tiles say more
    slides_ = step;
    return;
  }
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
      Q_EMIT completed();
      break;
  }
}

void Analysis::take_row(const workflows::RunRow& row) {
  // A file that was named twice has one row.
  const auto& inputs = request_.inputs.inputs;
  auto number = next_input_;
  while (number < inputs.size() && std::filesystem::path(inputs[number]).filename() != row.file) ++number;
  if (number == inputs.size()) number = std::min(next_input_, inputs.size() - 1);
  next_input_ = number + 1;
  Q_EMIT finished(row, inputs[number], request_.out);
}

}  // namespace viewmodels
