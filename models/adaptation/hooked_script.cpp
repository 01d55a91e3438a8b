#include "models/adaptation/hooked_script.h"

#include <fmt/format.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/library.h>
#include <torch/script.h>

#include "imaging/base/error.h"
#include "models/adaptation/norm_hook.h"
#include "models/runtime/torch_errors.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;
namespace jit = torch::jit;

/// What stands where `aten::batch_norm` stood.
at::Tensor hooked_batch_norm(const at::Tensor& x, const c10::optional<at::Tensor>& scale,
                             const c10::optional<at::Tensor>& shift, const c10::optional<at::Tensor>& mean,
                             const c10::optional<at::Tensor>& variance, double epsilon) {
  const auto is_given = [](const c10::optional<at::Tensor>& tensor) { return tensor && tensor->defined(); };
  auto* hook = norm_hook();
  if (hook == nullptr || !is_given(scale) || !is_given(shift) || !is_given(mean) || x.dim() != 4) {
    return at::batch_norm(x, scale, shift, mean, variance, /*training=*/!is_given(mean), /*momentum=*/0,
                          epsilon,
                          /*cudnn_enabled=*/false);
  }
  return hook->normalise(
      {.x = x, .scale = *scale, .shift = *shift, .mean = *mean, .variance = *variance, .epsilon = epsilon});
}

TORCH_LIBRARY(tessera, library) {
  library.def(
      "batch_norm(Tensor x, Tensor? scale, Tensor? shift, Tensor? mean, Tensor? variance, float epsilon) -> "
      "Tensor",
      &hooked_batch_norm);
}

std::size_t replace_batch_norms(jit::Block* block) {
  static const auto kind = c10::Symbol::fromQualString("tessera::batch_norm");
  constexpr std::size_t kEpsilon = 7;  // of aten::batch_norm's inputs
  std::size_t count = 0;
  for (auto it = block->nodes().begin(); it != block->nodes().end();) {
    auto* node = *it++;
    for (auto* inner : node->blocks()) count += replace_batch_norms(inner);
    if (node->kind() != c10::aten::batch_norm) continue;
    std::vector<jit::Value*> inputs;
    for (std::size_t i = 0; i < 5; ++i) inputs.push_back(node->input(i));
    inputs.push_back(node->input(kEpsilon));
    auto* hooked = block->owningGraph()->create(kind, inputs);
    hooked->output()->setType(c10::TensorType::get());
    hooked->insertBefore(node);
    node->output()->replaceAllUsesWith(hooked->output());
    node->destroy();
    ++count;
  }
  return count;
}

}  // namespace

struct HookedScript::Impl {
  Impl(const std::filesystem::path& path, const std::string& device)
      : module(with_torch_errors(ErrorCode::unsupported_format,
                                 fmt::format("{} is no TorchScript module", path.string()),
                                 [&] { return jit::load(path.string(), torch::Device(device)); })),
        name(path.filename().string()) {
    module.eval();
    auto graph = module.get_method("forward").graph()->copy();
    jit::Inline(*graph);
    batch_norms = replace_batch_norms(graph->block());
    forward = std::make_unique<jit::GraphFunction>(c10::QualifiedName("hooked"), graph, nullptr);
  }

  mutable jit::Module module;
  std::string name;
  std::size_t batch_norms = 0;
  std::unique_ptr<jit::GraphFunction> forward;
};

HookedScript::HookedScript(const std::filesystem::path& path, const std::string& device)
    : impl_(std::make_unique<Impl>(path, device)) {}
HookedScript::~HookedScript() = default;
HookedScript::HookedScript(HookedScript&&) noexcept = default;

at::Tensor HookedScript::forward(const at::Tensor& x) {
  // The profiling executor would rewrite the graph between the first calls.
  const jit::GraphOptimizerEnabledGuard as_loaded(false);
  const auto output = (*impl_->forward)({impl_->module._ivalue(), x});
  if (!output.isTensor()) {
    throw Error(
        ErrorCode::incompatible,
        fmt::format("The network {} gives a {}, not one tensor; wrap it so that it returns the logits "
                    "alone and export it again.",
                    impl_->name, output.tagKind()));
  }
  return output.toTensor();
}

std::size_t HookedScript::batch_norms() const {
  return impl_->batch_norms;
}

TensorMap HookedScript::state() const {
  TensorMap state;
  for (const auto& item : impl_->module.named_parameters()) state[item.name] = item.value.detach();
  for (const auto& item : impl_->module.named_buffers()) {
    if (item.value.is_floating_point()) state[item.name] = item.value;
  }
  return state;
}

std::vector<at::Tensor> HookedScript::parameters() const {
  std::vector<at::Tensor> parameters;
  for (const auto& parameter : impl_->module.parameters()) parameters.push_back(parameter);
  return parameters;
}

void HookedScript::save(const std::filesystem::path& path) const {
  with_torch_errors(ErrorCode::io_error, fmt::format("Cannot write {}", path.string()),
                    [&] { impl_->module.save(path.string()); });
}

}  // namespace models
