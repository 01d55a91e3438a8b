#include "app/workflows/run_environment.h"

#include <chrono>

#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/base/json_text.h"
#include "imaging/base/log.h"
#include "models/runtime/device.h"

namespace workflows {

nlohmann::ordered_json RunEnvironment::to_json() const {
  return {{"device", device}, {"threads", threads.compute},     {"decode_workers", threads.decode},
          {"seed", seed},     {"blas", models::blas_library()}, {"warnings", warnings}};
}

RunEnvironment prepare_environment(const RuntimeOptions& runtime) {
  imaging::check_options(runtime);
  RunEnvironment environment;
  environment.threads = apply_threads(runtime.threads);
  const auto choice = models::choose_device(runtime.device);
  environment.device = choice.name;
  environment.seed = runtime.seed;
  models::make_deterministic(static_cast<std::uint64_t>(runtime.seed));
  if (models::uses_reference_blas() && choice.name == "cpu") {
    environment.warnings.emplace_back(
        "LibTorch uses the reference BLAS, about thirty times slower than OpenBLAS: install "
        "libopenblas0-pthread.");
  }
  for (const auto& warning : environment.warnings) imaging::log(imaging::LogLevel::warning, warning);
  if (runtime.device == "auto" && choice.name == "cpu") {
    for (const auto& probe : choice.probes) {
      if (probe.usable) continue;
      environment.warnings.push_back("Running on the CPU: " + probe.name + " was refused (" + probe.reason +
                                     ").");
      imaging::log(imaging::LogLevel::info, environment.warnings.back());
    }
  }
  return environment;
}

ParallelHash::ParallelHash(const std::filesystem::path& path)
    : future_(promise_.get_future()), thread_([this, path](const std::stop_token& stop) {
        try {
          promise_.set_value(imaging::sha256_of_file(path, stop));
        } catch (...) {
          promise_.set_exception(std::current_exception());
        }
      }) {}

std::string ParallelHash::get(const std::stop_token& stop) {
  while (future_.wait_for(std::chrono::milliseconds(50)) != std::future_status::ready) {
    if (stop.stop_requested()) throw imaging::Cancelled{};
  }
  return future_.get();
}

std::map<std::string, std::string> encoder_attributes(const models::ModelPackage& encoder) {
  return {{"encoder", encoder.name()}, {"encoder_sha256", encoder.sha256()}};
}

bool have_same_keys(const std::filesystem::path& path, const nlohmann::ordered_json& manifest,
                    const std::vector<std::string>& keys) {
  nlohmann::json before;
  try {
    before = imaging::parse_json<nlohmann::json>(imaging::read_file(path), path.string());
  } catch (const imaging::Error&) {  // not there, or not readable
    return false;
  }
  if (!before.is_object()) return false;
  for (const auto& key : keys) {
    if (!before.contains(key) || before[key] != nlohmann::json::parse(manifest.at(key).dump())) return false;
  }
  return true;
}

}  // namespace workflows
