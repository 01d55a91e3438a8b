#include "models/encoders/torchscript_network.h"

#include <fmt/format.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/script.h>

#include <limits>
#include <memory>
#include <optional>

#include "imaging/base/error.h"
#include "imaging/base/log.h"
#include "models/runtime/torch_errors.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using imaging::LogLevel;
using torch::jit::Module;

constexpr double kMaxRelativeChange = 1e-3;

torch::Tensor run(Module& module, const torch::Tensor& input) {
  const torch::NoGradGuard no_grad;
  // The profiling executor would rewrite the graph between the first calls, and with it the last bits of the
  // output.
  const torch::jit::GraphOptimizerEnabledGuard as_loaded(false);
  const auto output = module.forward({input});
  if (!output.isTensor()) {
    throw Error(ErrorCode::incompatible,
                fmt::format("The network gives a {}, not one tensor; wrap it so that it returns the "
                            "features alone and export it again.",
                            output.tagKind()));
  }
  return output.toTensor();
}

double relative_change(const torch::Tensor& before, const torch::Tensor& after) {
  if (before.sizes() != after.sizes()) return std::numeric_limits<double>::infinity();
  const auto scale = before.abs().max().item<double>();
  const auto change = (after - before).abs().max().item<double>();
  // Not finite where either is not: then nothing was gained by optimising.
  return scale > 0 ? change / scale : change;
}

/// The optimised module, or nothing with the reason logged.
std::optional<Module> optimize(const std::string& name, const Module& frozen, const torch::Tensor& probe,
                               const torch::Tensor& expected) {
  std::string problem;
  try {
    auto copy = frozen.clone();
    auto optimized = torch::jit::optimize_for_inference(copy);
    const auto change = relative_change(expected, run(optimized, probe));
    if (change <= kMaxRelativeChange) return optimized;
    problem = fmt::format("it changes the output by {:.2g} of its largest value", change);
  } catch (const std::exception& error) {
    problem = describe_torch_error(error);
  }
  imaging::log(LogLevel::warning, fmt::format("{} runs without graph optimisation, since {}", name, problem));
  return std::nullopt;
}

Module freeze(const std::string& name, Module module) {
  try {
    return torch::jit::freeze(module);
  } catch (const std::exception& error) {
    imaging::log(LogLevel::warning,
                 fmt::format("{} cannot be frozen: {}", name, describe_torch_error(error)));
    return module;
  }
}

}  // namespace

Network load_torchscript(const std::filesystem::path& path, const std::string& device,
                         const torch::Tensor& probe) {
  auto module = with_torch_errors(ErrorCode::unsupported_format,
                                  fmt::format("{} is no TorchScript module", path.string()),
                                  [&] { return torch::jit::load(path.string(), torch::Device(device)); });
  module.eval();
  const auto expected = with_torch_errors(ErrorCode::incompatible,
                                          fmt::format("The network {} fails on a tile of {} x {} px",
                                                      path.string(), probe.size(3), probe.size(2)),
                                          [&] { return run(module, probe); });
  const auto name = path.filename().string();
  auto network = freeze(name, module);
  if (probe.device().is_cpu()) {
    if (auto optimized = optimize(name, network, probe, expected)) network = *optimized;
  }
  return [shared = std::make_shared<Module>(network)](const torch::Tensor& input) {
    return run(*shared, input);
  };
}

}  // namespace models
