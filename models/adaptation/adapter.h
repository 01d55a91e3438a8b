#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "models/adaptation/adapt_options.h"
#include "models/runtime/safetensors.h"

namespace models {

/// A network whose batch norms go through the thread's NormHook.
struct AdaptableNetwork {
  std::function<at::Tensor(const at::Tensor&)> forward;  ///< [B, C, H, W] -> logits [B, K, ...]
  TensorMap state;                     ///< parameters and buffers, sharing memory with the network
  std::vector<at::Tensor> parameters;  ///< those that require a gradient when trained
};

/// One step of the log; what a strategy does not have is NaN.
struct AdaptStep {
  std::int64_t iteration = 0;
  double consistency = 0;  ///< L_HBS
  double entropy = 0;      ///< L_SE, or Core's loss
  double entropy_weight = 0;
  double source_share = 0;  ///< eta_t, or UBNA's momentum
  double mean_alpha = 0;    ///< over channels
};

/// One strategy at work on one network; all share the wrapper of each batch norm.
///
///     step()     as often as `steps()` says: statistics, components, scale and shift move
///     collect()  once per target picture where `collects()`: what inference will normalise with
///     settle()   writes it into the network
///     predict()  as the adapted model answers
///     reset()    the source again, bit for bit
///
/// `unmix-tns` normalises every picture by statistics of its own: its components (`components()`) are part of
/// the adapted model and the hook stays in place. After any other strategy the network's own batch norms do.
///
/// @par Threads  One caller at a time.
class Adapter {
 public:
  /// @param probe   a target batch: finds the batch norms, in the order in which they run
  /// @throws Error  `incompatible` where the network has no batch norm that can be adapted
  Adapter(AdaptableNetwork network, const AdaptOptions& options, std::uint64_t seed, const at::Tensor& probe);
  ~Adapter();
  Adapter(const Adapter&) = delete;
  Adapter& operator=(const Adapter&) = delete;

  [[nodiscard]] std::size_t layers() const;
  /// @param batches  that one pass over the target set takes
  [[nodiscard]] std::int64_t steps(std::int64_t batches) const;
  [[nodiscard]] bool collects() const;

  /// @param x  [B, C, H, W], B above 1 for osuda, core and ubna
  /// @param t  from 0
  AdaptStep step(const at::Tensor& x, std::int64_t t, std::int64_t steps, std::int64_t batches);
  void collect(const at::Tensor& x);
  void settle();
  /// Logits without gradient. Before `settle`, by the statistics of this batch as the strategy mixes them.
  [[nodiscard]] at::Tensor predict(const at::Tensor& x);
  void reset();

  /// All that a stopped adaptation needs to go on. @throws Error `incompatible` on another network's.
  [[nodiscard]] TensorMap state() const;
  void load_state(const TensorMap& state);
  /// unmix-tns' components, `<layer>.mean` and `<layer>.variance`, [K, C]; empty for other strategies.
  [[nodiscard]] TensorMap components() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// File of a package that unmix-tns adapted: its components.
inline constexpr const char* kAdaptedComponents = "components.safetensors";

/// A network that was adapted by unmix-tns, at inference: components stay as they are.
/// @param components  as `Adapter::components` gives them
[[nodiscard]] std::function<at::Tensor(const at::Tensor&)> with_frozen_components(
    std::function<at::Tensor(const at::Tensor&)> forward, const TensorMap& components);

}  // namespace models
