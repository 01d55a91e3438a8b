#pragma once

#include <QElapsedTimer>
#include <QObject>
#include <QString>
#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "app/viewmodels/job_runner.h"
#include "app/workflows/analyze.h"

namespace viewmodels {

/// The main job, as the front end injects it (workflows::analyze with its report writer).
using AnalyzeJob =
    std::function<workflows::RunSummary(const workflows::AnalyzeRequest&, const imaging::JobContext&)>;

/// The request that `tessera analyze SLIDE --model MODEL --out OUT [--mpp MPP]` makes: nothing but these is
/// set, so the window and the command line write the same result.json.
[[nodiscard]] workflows::AnalyzeRequest make_request(const std::filesystem::path& slide,
                                                     const std::string& model,
                                                     const std::filesystem::path& out,
                                                     const std::optional<std::string>& mpp);

/// One analysis at a time, with its progress in words.
class Analysis : public QObject {
  Q_OBJECT
 public:
  explicit Analysis(AnalyzeJob job, QObject* parent = nullptr);

  void start(const workflows::AnalyzeRequest& request);  ///< call only when idle
  void cancel();                                         ///< returns at once; `cancelled` follows

  [[nodiscard]] bool is_running() const { return runner_.is_running(); }
  [[nodiscard]] bool is_cancelling() const { return cancelling_; }
  [[nodiscard]] int permille() const;            ///< of the stage, -1 where its end is unknown
  [[nodiscard]] QString progress_words() const;  ///< "tiles 320 of 1 024 · 85/s · 8 s left"
  [[nodiscard]] const workflows::AnalyzeRequest& request() const { return request_; }

 Q_SIGNALS:
  void changed();  ///< progress, start or end
  /// @param row  the one input's outcome, failures included
  void finished(const workflows::RunRow& row, const std::filesystem::path& out);
  void failed(const QString& reason);
  void cancelled();

 private:
  void take_progress(const imaging::Progress& step);
  void take_end(const imaging::JobOutcome& outcome);

  AnalyzeJob job_;
  workflows::AnalyzeRequest request_;
  std::shared_ptr<std::optional<workflows::RunSummary>> summary_;
  imaging::Progress step_;
  std::int64_t first_done_ = 0;  // of the stage, when its clock was started
  QElapsedTimer stage_clock_;
  bool cancelling_ = false;
  JobRunner runner_;  // last: joined before the rest goes
};

}  // namespace viewmodels
