#pragma once

namespace at {
class Tensor;
}

namespace models {

/// One batch-norm layer at work: what it is about to normalise, and what it learnt on the source. The tensors
/// of a layer are the same objects from call to call, by which the layer is known again.
struct NormCall {
  const at::Tensor& x;         ///< [B, C, H, W]
  const at::Tensor& scale;     ///< [C]
  const at::Tensor& shift;     ///< [C]
  const at::Tensor& mean;      ///< [C], tracked
  const at::Tensor& variance;  ///< [C], tracked
  double epsilon;
};

/// Takes the place of every batch norm of a network while a NormHookScope lives.
class NormHook {
 public:
  virtual ~NormHook() = default;
  /// @return  of the shape of `call.x`
  [[nodiscard]] virtual at::Tensor normalise(const NormCall& call) = 0;
};

/// The calling thread's; null where batch norms are what they are.
[[nodiscard]] NormHook* norm_hook();

/// Scopes do not nest.
class NormHookScope {
 public:
  explicit NormHookScope(NormHook& hook);
  ~NormHookScope();
  NormHookScope(const NormHookScope&) = delete;
  NormHookScope& operator=(const NormHookScope&) = delete;
};

}  // namespace models
