#include "app/workflows/doctor.h"

#include <fmt/format.h>

#include <thread>

#include "app/workflows/model_registry.h"
#include "app/workflows/threads.h"
#include "imaging/base/version.h"
#include "imaging/slide/reader_table.h"
#include "models/runtime/device.h"

namespace workflows {

nlohmann::ordered_json examine_machine(const RuntimeOptions& runtime) {
  using Json = nlohmann::ordered_json;
  const auto plan = apply_threads(runtime.threads);
  const auto blas = models::measure_blas();
  const auto device = models::choose_device(runtime.device);
  Json report{{"tessera", imaging::kVersion}, {"notice", imaging::kResearchUse}};
  report["blas"] = {{"library", blas.library},
                    {"is_reference", blas.is_reference},
                    {"gflops", blas.gflops},
                    {"threads", blas.threads},
                    {"torch", blas.torch_version}};
  report["threads"] = {
      {"compute", plan.compute}, {"decode", plan.decode}, {"hardware", std::thread::hardware_concurrency()}};
  report["device"] = device.name;
  report["devices"] = Json::array();
  for (const auto& probe : device.probes) {
    report["devices"].push_back({{"name", probe.name}, {"usable", probe.usable}, {"reason", probe.reason}});
  }
  report["readers"] = Json::array();
  for (const auto& reader : imaging::reader_table()) {
    report["readers"].push_back(
        {{"name", reader.name}, {"version", reader.version()}, {"formats", reader.formats}});
  }
  report["models"] = Json::array();
  report["warnings"] = Json::array();
  for (const auto& model : list_models()) {
    report["models"].push_back({{"name", model.name},
                                {"path", model.path.string()},
                                {"task", model.task},
                                {"problem", model.problem}});
    if (!model.problem.empty())
      report["warnings"].push_back(fmt::format("Model '{}' does not open: {}", model.name, model.problem));
  }
  if (blas.is_reference) {
    report["warnings"].push_back(
        fmt::format("LibTorch uses the reference BLAS ({:.1f} GFLOP/s), about thirty times slower than "
                    "OpenBLAS: install libopenblas0-pthread.",
                    blas.gflops));
  }
  return report;
}

}  // namespace workflows
