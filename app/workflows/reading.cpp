#include "app/workflows/reading.h"

#include <algorithm>

#include "imaging/base/log.h"
#include "imaging/slide/reader_table.h"

namespace workflows {
namespace {

bool is_wanted(const ReadingOptions& options, const std::vector<std::string>& inputs) {
  if (options.isolate != "auto") return options.isolate == "always";
  return inputs.size() > 1 || std::any_of(inputs.begin(), inputs.end(), [](const std::string& input) {
           std::error_code ignored;
           return std::filesystem::is_directory(input, ignored);
         });
}

}  // namespace

SlideSource::SlideSource(const ReadingOptions& options, const std::vector<std::string>& inputs) {
  imaging::check_options(options);
  if (!is_wanted(options, inputs)) return;
  if (const auto worker = imaging::find_read_worker()) {
    isolation_ = {.worker = *worker, .timeout_s = options.read_timeout};
    return;
  }
  imaging::log(
      imaging::LogLevel::warning,
      "tessera-read-worker is not beside the program: slides are decoded in the program itself, and a "
      "file that hangs or crashes a decoder takes the run along; install it, or say --isolate never.");
}

std::unique_ptr<imaging::SlideReader> SlideSource::open(const std::filesystem::path& path,
                                                        const imaging::JobContext& job) const {
  return isolation_ ? imaging::open_isolated(path, *isolation_, job.stop_token()) : imaging::open_slide(path);
}

nlohmann::ordered_json SlideSource::to_json() const {
  nlohmann::ordered_json json{{"isolated", isolation_.has_value()}};
  if (isolation_) json["read_timeout"] = isolation_->timeout_s;
  return json;
}

}  // namespace workflows
