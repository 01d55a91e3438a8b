#pragma once

#include <filesystem>
#include <future>
#include <map>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "app/workflows/analyze.h"
#include "app/workflows/threads.h"
#include "models/runtime/model_package.h"

namespace workflows {

/// What a run has chosen of this machine.
struct RunEnvironment {
  ThreadPlan threads;
  std::string device;  ///< as DeviceChoice::name
  std::int64_t seed = 0;
  std::vector<std::string> warnings;  ///< a slow BLAS, a fallback to the CPU

  [[nodiscard]] nlohmann::ordered_json to_json() const;
};

/// Sets threads, device, seed and determinism, and says aloud what a person should know.
/// @throws Error `invalid_argument` on a device that cannot be used.
[[nodiscard]] RunEnvironment prepare_environment(const RuntimeOptions& runtime);

/// SHA-256 of a file, computed beside the work on it. Stops with the object.
class ParallelHash {
 public:
  explicit ParallelHash(const std::filesystem::path& path);
  /// Waits for it. @throws Error as sha256_of_file; Cancelled.
  [[nodiscard]] std::string get(const std::stop_token& stop);

 private:
  std::promise<std::string> promise_;
  std::shared_future<std::string> future_;
  std::jthread thread_;  // last: joined before the promise goes
};

/// Attributes of `features` that name their encoder.
[[nodiscard]] std::map<std::string, std::string> encoder_attributes(const models::ModelPackage& encoder);

/// True where the manifest at `path` holds these keys with the same values.
[[nodiscard]] bool have_same_keys(const std::filesystem::path& path, const nlohmann::ordered_json& manifest,
                                  const std::vector<std::string>& keys);

}  // namespace workflows
