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
#include "app/workflows/segment_adapt.h"

namespace viewmodels {

/// The main job, as the front end injects it (workflows::analyze with its report writer).
/// The second argument is called after each input, on the job's thread.
using AnalyzeJob = std::function<workflows::RunSummary(const workflows::AnalyzeRequest&,
                                                       const std::function<void(const workflows::RunRow&)>&,
                                                       const imaging::JobContext&)>;

/// The other job of the queue (workflows::adapt_segmentation): its records, one per site.
using AdaptJob =
    std::function<nlohmann::ordered_json(const workflows::SegmentAdaptRequest&, const imaging::JobContext&)>;

/// The request that `tessera analyze SLIDE --model MODEL --out OUT [--mpp MPP]` makes: nothing but these is
/// set, so the window and the command line write the same result.json.
[[nodiscard]] workflows::AnalyzeRequest make_request(const std::filesystem::path& slide,
                                                     const std::string& model,
                                                     const std::filesystem::path& out,
                                                     const std::optional<std::string>& mpp);

/// One analysis or adaptation at a time, with its progress in words.
class Analysis : public QObject {
  Q_OBJECT
 public:
  Analysis(AnalyzeJob job, AdaptJob adapt_job, QObject* parent = nullptr);

  /// Call only when idle.
  /// @param prepare  what the job needs first, done on its thread; may be empty
  void start(const workflows::AnalyzeRequest& request, std::function<void()> prepare = {});
  /// Call only when idle.
  void start(const workflows::SegmentAdaptRequest& request);
  void cancel();  ///< returns at once; `cancelled` follows

  [[nodiscard]] bool is_running() const { return runner_.is_running(); }
  [[nodiscard]] bool is_cancelling() const { return cancelling_; }
  [[nodiscard]] int permille() const;  ///< of the stage, -1 where its end is unknown
  /// "tiles 320 of 1024 · 85/s · 8 s left"; of several inputs, which one comes first
  [[nodiscard]] QString progress_words() const;
  [[nodiscard]] const workflows::AnalyzeRequest& request() const { return request_; }

 Q_SIGNALS:
  void changed();  ///< progress, start or end
  /// One input came to its end, as soon as it did.
  /// @param row    its outcome, failures included
  /// @param input  the file, as the request named it
  void finished(const workflows::RunRow& row, const std::filesystem::path& input,
                const std::filesystem::path& out);
  /// An adaptation came to its end. @param records  as workflows::adapt_segmentation returns them
  void adapted(const workflows::SegmentAdaptRequest& request, const nlohmann::ordered_json& records);
  void completed();  ///< all inputs did
  void failed(const QString& reason);
  void cancelled();

 private:
  void take_progress(const imaging::Progress& step);
  void take_row(const workflows::RunRow& row);
  void take_end(const imaging::JobOutcome& outcome);

  void begin(imaging::JobBody body);

  AnalyzeJob job_;
  AdaptJob adapt_job_;
  workflows::AnalyzeRequest request_;
  std::size_t next_input_ = 0;  // rows arrive in the inputs' order
  imaging::Progress step_, slides_;
  std::int64_t first_done_ = 0;  // of the stage, when its clock was started
  QElapsedTimer stage_clock_;
  bool cancelling_ = false;
  JobRunner runner_;  // last: joined before the rest goes
};

}  // namespace viewmodels
