#pragma once

#include <concepts>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "imaging/base/job.h"
#include "imaging/base/options.h"
#include "imaging/slide/isolated_reader.h"
#include "imaging/slide/slide_reader.h"

namespace workflows {

/// How a run gets at pixels. Never changes a result.
struct ReadingOptions {
  std::string isolate = "auto";
  double read_timeout = 30;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, ReadingOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("isolate", options.isolate,
        FieldInfo{.help = "Decode in processes of their own, so that a file that hangs or crashes a decoder "
                          "fails alone; auto: for folders and several inputs. What a file is, is still "
                          "recognised in the program",
                  .choices = {"auto", "always", "never"}});
  field("read_timeout", options.read_timeout,
        FieldInfo{
            .unit = "s",
            .help = "Where decoding is isolated, the longest that a read or the opening of a file may take",
            .min = 1,
            .max = 86400});
}

/// Opens the inputs of one run as its options say.
class SlideSource {
 public:
  /// Says aloud where isolation is wanted but its program is missing, and reads without.
  /// @param inputs  as given: files or folders
  /// @throws Error  `invalid_argument` on options out of range
  SlideSource(const ReadingOptions& options, const std::vector<std::string>& inputs);

  /// @throws Error as imaging::open_slide or imaging::open_isolated; Cancelled.
  [[nodiscard]] std::unique_ptr<imaging::SlideReader> open(const std::filesystem::path& path,
                                                           const imaging::JobContext& job) const;
  /// For a run's manifest: what was done, not what was asked for.
  [[nodiscard]] nlohmann::ordered_json to_json() const;

 private:
  std::optional<imaging::IsolationOptions> isolation_;
};

}  // namespace workflows
