#include "models/adaptation/adapter.h"

#include <fmt/format.h>
#include <torch/optim/adam.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "imaging/base/error.h"
#include "models/adaptation/channel_statistics.h"
#include "models/adaptation/mixed_norm.h"
#include "models/adaptation/norm_hook.h"
#include "models/adaptation/osuda.h"
#include "models/adaptation/unmix_tns.h"
#include "models/runtime/adam_state.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t kUbnaBatches = 50;

/// One batch norm: the network's own tensors, and what the source had in them.
struct Layer {
  at::Tensor scale, shift, mean, variance;  ///< shared with the network
  SourceNorm source;                        ///< copies
  at::Tensor distance;                      ///< of the last forward pass, [C]
  ChannelStatistics sum;                    ///< over collected batches
  NormComponents components;                ///< unmix-tns
};

ChannelStatistics copied(const at::Tensor& mean, const at::Tensor& variance) {
  return {.mean = mean.detach().clone(), .variance = variance.detach().clone()};
}

void refuse_state(const std::string& name) {
  throw Error(ErrorCode::incompatible, fmt::format("The stored adaptation has no fitting '{}'.", name));
}

}  // namespace

struct Adapter::Impl final : NormHook {
  enum class Pass { register_layers, step, collect, predict };

  Impl(AdaptableNetwork network_, const AdaptOptions& options_, std::uint64_t seed)
      : network(std::move(network_)), options(options_), generator_seed(seed) {
    for (const auto& [name, tensor] : network.state) source_state[name] = tensor.detach().clone();
  }

  at::Tensor normalise(const NormCall& call) override {
    auto& layer = layer_of(call);
    if (pass == Pass::register_layers)
      return at::batch_norm(call.x, call.scale, call.shift, call.mean, call.variance, false, 0, call.epsilon,
                            false);
    if (options.adapt == "unmix-tns") {
      return unmix_normalise(
          call.x, layer.components, layer.source,
          pass == Pass::step ? unmix_momentum(call.x.size(0), options.largest_batch) : 0.0);
    }
    auto result = mixed_normalise(call.x, layer.source.statistics, call.scale, call.shift, call.epsilon,
                                  target_weight, options.variance == "unbiased" && is_alpha());
    if (pass == Pass::step && options.adapt == "osuda")
      layer.distance = channel_distance(layer.source.statistics, result.statistics, call.epsilon);
    if (pass == Pass::step && options.adapt == "ubna") {
      const at::NoGradGuard no_grad;
      call.mean.lerp_(result.batch.mean, momentum);
      call.variance.lerp_(result.batch.variance, momentum);
    }
    if (pass == Pass::collect) {
      layer.sum.mean += result.batch.mean;
      layer.sum.variance += result.batch.variance;
    }
    return result.y;
  }

  Layer& layer_of(const NormCall& call) {
    const auto* key = call.mean.unsafeGetTensorImpl();
    if (const auto found = index.find(key); found != index.end()) return layers[found->second];
    if (pass != Pass::register_layers)
      throw Error(ErrorCode::incompatible, "A batch norm runs that did not run on the first batch.");
    index.emplace(key, layers.size());
    const auto statistics = copied(call.mean, call.variance);
    layers.push_back({.scale = call.scale,
                      .shift = call.shift,
                      .mean = call.mean,
                      .variance = call.variance,
                      .source = {.statistics = statistics,
                                 .scale = call.scale.detach().clone(),
                                 .shift = call.shift.detach().clone(),
                                 .epsilon = call.epsilon},
                      .distance = {},
                      .sum = {},
                      .components = {}});
    return layers.back();
  }

  at::Tensor run(Pass which, const at::Tensor& x) {
    pass = which;
    const NormHookScope scope(*this);
    return network.forward(x);
  }

  [[nodiscard]] bool is_alpha() const { return options.adapt == "alpha-bn" || options.adapt == "core"; }
  [[nodiscard]] bool is_trained() const { return options.adapt == "osuda" || options.adapt == "core"; }

  /// Nothing but what is trained asks for gradients.
  void start() {
    for (auto parameter : network.parameters) parameter.requires_grad_(false);
    std::vector<at::Tensor> trained;
    if (is_trained()) {
      if (options.adapt == "osuda" && options.trainable == "all") {
        trained = network.parameters;
      } else {
        for (const auto& layer : layers) trained.insert(trained.end(), {layer.scale, layer.shift});
      }
      for (auto& parameter : trained) parameter.requires_grad_(true);
      adam.emplace(trained, torch::optim::AdamOptions(options.learning_rate));
    }
    at::manual_seed(generator_seed);
    collected = 0;
    is_settled = false;
    target_weight = is_alpha() ? options.target_weight : 1;
    for (auto& layer : layers) {
      layer.sum = {.mean = at::zeros_like(layer.source.statistics.mean),
                   .variance = at::zeros_like(layer.source.statistics.mean)};
      if (options.adapt == "unmix-tns") {
        const auto& mean = layer.source.statistics.mean;
        layer.components = make_components(layer.source.statistics,
                                           at::randn({options.components, mean.size(0)}).to(mean.device()));
      }
    }
  }

  double osuda_loss(const at::Tensor& logits, AdaptStep& record, at::Tensor& loss) const {
    std::vector<at::Tensor> distances;
    std::vector<ScaleShift> source, target;
    for (const auto& layer : layers) {
      distances.push_back(layer.distance);
      source.push_back({layer.source.scale, layer.source.shift});
      target.push_back({layer.scale, layer.shift});
    }
    const auto alphas = transferability(
        distances, options.transfer_scope == "layer" ? TransferScope::per_layer : TransferScope::network);
    const auto held = high_order_consistency(source, target, alphas,
                                             options.reduction == "mean" ? Reduction::mean : Reduction::sum);
    const auto entropy = pixel_entropy(logits).mean();
    loss = held + record.entropy_weight * entropy;
    record.consistency = held.item<double>();
    record.entropy = entropy.item<double>();
    record.mean_alpha = at::cat(alphas).mean().item<double>();
    return record.entropy;
  }

  AdaptableNetwork network;
  AdaptOptions options;
  std::uint64_t generator_seed;
  TensorMap source_state;
  std::vector<Layer> layers;
  std::map<const void*, std::size_t> index;
  std::optional<torch::optim::Adam> adam;
  Pass pass = Pass::register_layers;
  double target_weight = 1;  ///< of the batch's statistics
  double momentum = 0;       ///< ubna's
  std::int64_t collected = 0;
  bool is_settled = false;
};

Adapter::Adapter(AdaptableNetwork network, const AdaptOptions& options, std::uint64_t seed,
                 const at::Tensor& probe)
    : impl_(std::make_unique<Impl>(std::move(network), options, seed)) {
  imaging::check_options(options);
  const at::NoGradGuard no_grad;
  (void)impl_->run(Impl::Pass::register_layers, probe);
  if (impl_->layers.empty() && options.adapt != "none") {
    throw Error(
        ErrorCode::incompatible,
        fmt::format("The network has no batch norm with tracked statistics, so '{}' has nothing to adapt; "
                    "export it without folding them in.",
                    options.adapt));
  }
  impl_->start();
}

Adapter::~Adapter() = default;

std::size_t Adapter::layers() const {
  return impl_->layers.size();
}

std::int64_t Adapter::steps(std::int64_t batches) const {
  const auto& options = impl_->options;
  if (impl_->is_trained()) return options.steps;
  if (options.adapt == "ubna") return std::min(options.steps, kUbnaBatches);
  return options.adapt == "unmix-tns" ? batches : 0;
}

bool Adapter::collects() const {
  const auto& name = impl_->options.adapt;
  return name == "bn" || name == "osuda" || impl_->is_alpha();
}

AdaptStep Adapter::step(const at::Tensor& x, std::int64_t t, std::int64_t steps, std::int64_t batches) {
  auto& impl = *impl_;
  const auto& options = impl.options;
  AdaptStep record{.iteration = t,
                   .consistency = kNone,
                   .entropy = kNone,
                   .entropy_weight = kNone,
                   .source_share = kNone,
                   .mean_alpha = kNone};
  if (options.adapt == "osuda") {
    const auto time = options.unit == "epoch" ? t / std::max<std::int64_t>(1, batches) : t;
    record.source_share = osuda_source_share(time, options.eta, options.kappa);
    record.entropy_weight = osuda_entropy_weight(t, steps, options.entropy_weight);
    impl.target_weight = 1 - record.source_share;
  } else if (options.adapt == "ubna") {
    impl.momentum = record.source_share = ubna_momentum(t);
  }
  if (!impl.is_trained()) {
    const at::NoGradGuard no_grad;
    record.entropy = pixel_entropy(impl.run(Impl::Pass::step, x)).mean().item<double>();
    return record;
  }
  const at::AutoGradMode with_gradients(true);
  const auto logits = impl.run(Impl::Pass::step, x);
  at::Tensor loss;
  if (options.adapt == "osuda") {
    impl.osuda_loss(logits, record, loss);
  } else {
    loss = class_correlation_loss(logits.movedim(1, -1).reshape({-1, logits.size(1)}), CoreForm::sample);
    record.entropy = loss.item<double>();
  }
  impl.adam->zero_grad();
  loss.backward();
  impl.adam->step();
  return record;
}

void Adapter::collect(const at::Tensor& x) {
  const at::NoGradGuard no_grad;
  (void)impl_->run(Impl::Pass::collect, x);
  ++impl_->collected;
}

void Adapter::settle() {
  auto& impl = *impl_;
  const at::NoGradGuard no_grad;
  if (collects() && impl.collected > 0) {
    for (auto& layer : impl.layers) {
      const auto count = static_cast<double>(impl.collected);
      const auto mixed = mixed_statistics(
          layer.source.statistics, {.mean = layer.sum.mean / count, .variance = layer.sum.variance / count},
          impl.target_weight);
      layer.mean.copy_(mixed.mean);
      layer.variance.copy_(mixed.variance);
    }
  }
  impl.is_settled = true;
}

at::Tensor Adapter::predict(const at::Tensor& x) {
  const at::NoGradGuard no_grad;
  const auto& name = impl_->options.adapt;
  if (name == "unmix-tns" || (!impl_->is_settled && collects())) return impl_->run(Impl::Pass::predict, x);
  return impl_->network.forward(x);
}

void Adapter::reset() {
  const at::NoGradGuard no_grad;
  for (auto& [name, tensor] : impl_->network.state) tensor.copy_(impl_->source_state.at(name));
  impl_->start();
}

TensorMap Adapter::state() const {
  TensorMap state;
  for (const auto& [name, tensor] : impl_->network.state) state["network." + name] = tensor.detach().clone();
  for (std::size_t i = 0; i < impl_->layers.size(); ++i) {
    const auto& layer = impl_->layers[i];
    state[fmt::format("sum.{}.mean", i)] = layer.sum.mean.clone();
    state[fmt::format("sum.{}.variance", i)] = layer.sum.variance.clone();
  }
  for (const auto& [name, tensor] : components()) state["components." + name] = tensor;
  state["collected"] = at::scalar_tensor(impl_->collected, at::kLong);
  state["target_weight"] = at::scalar_tensor(impl_->target_weight, at::kDouble);
  if (impl_->adam) save_adam(*impl_->adam, state, "adam.");
  return state;
}

void Adapter::load_state(const TensorMap& state) {
  const at::NoGradGuard no_grad;
  const auto copy = [&](const std::string& name, at::Tensor into) {
    const auto found = state.find(name);
    if (found == state.end() || found->second.sizes() != into.sizes()) refuse_state(name);
    into.copy_(found->second);
  };
  const auto number = [&](const char* name) {
    const auto found = state.find(name);
    if (found == state.end()) refuse_state(name);
    return found->second;
  };
  for (auto& [name, tensor] : impl_->network.state) copy("network." + name, tensor);
  for (std::size_t i = 0; i < impl_->layers.size(); ++i) {
    auto& layer = impl_->layers[i];
    copy(fmt::format("sum.{}.mean", i), layer.sum.mean);
    copy(fmt::format("sum.{}.variance", i), layer.sum.variance);
    if (!layer.components.mean.defined()) continue;
    copy(fmt::format("components.{}.mean", i), layer.components.mean);
    copy(fmt::format("components.{}.variance", i), layer.components.variance);
  }
  impl_->collected = number("collected").item<std::int64_t>();
  impl_->target_weight = number("target_weight").item<double>();
  if (impl_->adam) load_adam(*impl_->adam, state, "adam.");
}

TensorMap Adapter::components() const {
  TensorMap components;
  for (std::size_t i = 0; i < impl_->layers.size(); ++i) {
    const auto& own = impl_->layers[i].components;
    if (!own.mean.defined()) continue;
    components[fmt::format("{}.mean", i)] = own.mean.clone();
    components[fmt::format("{}.variance", i)] = own.variance.clone();
  }
  return components;
}

namespace {

class FrozenComponents final : public NormHook {
 public:
  explicit FrozenComponents(const TensorMap& components) : stored_(components) {}

  at::Tensor normalise(const NormCall& call) override {
    const auto [found, is_new] = layers_.try_emplace(call.mean.unsafeGetTensorImpl());
    if (is_new) {
      const auto entry = [&](const char* what) {
        const auto name = fmt::format("{}.{}", layers_.size() - 1, what);
        const auto tensor = stored_.find(name);
        if (tensor == stored_.end() || tensor->second.dim() != 2 || tensor->second.size(1) != call.x.size(1))
          refuse_state(name);
        return tensor->second.to(call.x.device());
      };
      found->second = {.mean = entry("mean"), .variance = entry("variance")};
    }
    const SourceNorm source{
        .statistics = {}, .scale = call.scale, .shift = call.shift, .epsilon = call.epsilon};
    return unmix_normalise(call.x, found->second, source, /*momentum=*/0);
  }

 private:
  TensorMap stored_;
  std::map<const void*, NormComponents> layers_;
};

}  // namespace

std::function<at::Tensor(const at::Tensor&)> with_frozen_components(
    std::function<at::Tensor(const at::Tensor&)> forward, const TensorMap& components) {
  return [forward = std::move(forward),
          hook = std::make_shared<FrozenComponents>(components)](const at::Tensor& x) {
    const at::NoGradGuard no_grad;
    const NormHookScope scope(*hook);
    return forward(x);
  };
}

}  // namespace models
