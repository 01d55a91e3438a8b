#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/runtime/tensor_bridge.h"

namespace models {

/// A feature map taken apart: what the retina shows, and how the camera coloured it.
struct Disentangled {
  at::Tensor semantics;  ///< [B, C, H, W], (r - mean) / deviation
  at::Tensor mean;       ///< [B, C, 1, 1], over H x W
  at::Tensor deviation;  ///< [B, C, 1, 1], root of the unbiased variance + 1e-6

  /// @param features  [B, C, H, W] float32, H * W >= 2
  /// @throws imaging::Error  `invalid_argument` on another rank or one pixel.
  /// @par Reference  [yang2023tally], its code; DECO's "retinal semantics" and "domain noise" [xia2024]
  [[nodiscard]] static Disentangled of(const at::Tensor& features);
  /// The map again.
  [[nodiscard]] at::Tensor joined() const { return semantics * deviation + mean; }
};

/// (n_min / n_k)^beta: 1 for the rarest, towards 0 for the most frequent; beta 0 gives 1 to all. Our
/// reconstruction of DECO's data-aware weights, of which only the direction is published. A count of 0 gets 1
/// and is no minimum.
/// @throws imaging::Error  `invalid_argument` where no count is above 0.
[[nodiscard]] std::vector<double> data_aware_weights(std::span<const std::int64_t> counts, double beta);

/// Running means of semantics by class and of domain noise by domain, without gradients.
///
/// @par Threads  One caller at a time.
/// @par Reference  [xia2024] figure, [yang2023tally] code
class PrototypeBank {
 public:
  struct State {
    at::Tensor class_semantics;   ///< [K, C, H, W]
    at::Tensor domain_mean;       ///< [M, C, 1, 1]
    at::Tensor domain_deviation;  ///< [M, C, 1, 1]
    at::Tensor has_class;         ///< [K] bool: seen before
    at::Tensor has_domain;        ///< [M] bool
  };

  explicit PrototypeBank(State state) : state_(std::move(state)) {}
  /// A bank that has seen nothing. @param semantics_size  C, H, W
  [[nodiscard]] static PrototypeBank make_empty(std::int64_t class_count, std::int64_t domain_count,
                                                at::IntArrayRef semantics_size, at::TensorOptions options);

  /// For each class of `first` and each domain of `second` that is present: P <- 0.8 P + 0.2 batch mean; the
  /// first value seen replaces the slot.
  /// @param labels   [B] int64 of `first`
  /// @param domains  [B] int64 of `second`
  void update(const Disentangled& first, const at::Tensor& labels, const Disentangled& second,
              const at::Tensor& domains);

  [[nodiscard]] const State& state() const { return state_; }

 private:
  State state_;
};

/// Shares of the samples in the mix, [B]; the prototypes get the rest.
struct MixShares {
  at::Tensor semantics;  ///< of `first` against its class prototype
  at::Tensor noise;      ///< of `second` against its domain prototype
};

/// The augmented representation: semantics of `first` between sample and class prototype, with the domain
/// noise of `second` between sample and domain prototype. Carries the gradient of both samples.
/// @param prototypes  rows of each sample: [B, C, H, W] semantics, [B, C, 1, 1] mean and deviation
/// @par Reference  [xia2024] figure, [yang2023tally] code
[[nodiscard]] Disentangled mix_representations(const Disentangled& first, const Disentangled& second,
                                               const Disentangled& prototypes, const MixShares& shares);

enum class AlignmentForm {
  flat,   ///< one vector per map: all of C, H, W
  dense,  ///< a vector of C per location, negatives at the same location; mean over locations
};

/// Draws the semantics of original and augmented late features together: the two-view contrastive loss over
/// the instance-normalised maps. Our reconstruction: DECO's formula is not published.
/// @param original, augmented  [B, C, H, W]
/// @return                     scalar
[[nodiscard]] at::Tensor alignment_loss(const at::Tensor& original, const at::Tensor& augmented,
                                        double temperature, AlignmentForm form);

}  // namespace models
