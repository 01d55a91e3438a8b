#pragma once

#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/normalization.h>

#include "mil/aggregators/layers_module.h"
#include "mil/aggregators/transmil_options.h"

namespace mil {

/// Six steps towards the pseudo-inverses of attention matrices. The start is scaled by one maximum over all
/// of them, as in the official code.
/// @param matrices  [..., m, m], rows that sum to 1
/// @par Reference   [xiong2021]
[[nodiscard]] at::Tensor iterative_pinv(const at::Tensor& matrices);

/// Self-attention through landmarks, with a depth-wise convolution of the values beside it; never N x N.
///
/// Zeros are put before the tokens up to a multiple of the landmarks, and count in their means.
/// Parameters by name: to_qkv [3 H d, D], to_out [D, H d], residual [H, 1, 33, 1].
///
/// @par Reference  [xiong2021], [shao2021]
class NystromAttention : public torch::nn::Module {
 public:
  NystromAttention(std::int64_t width, std::int64_t heads, std::int64_t head_dim, std::int64_t landmarks,
                   double dropout);

  enum class Rows { all, first };
  struct Result {
    at::Tensor tokens;     ///< [N, D] or [1, D]
    at::Tensor first_row;  ///< [H, N - 1], attention of the first token to the others, without gradient; not
                           ///< a probability
  };
  /// Under c10::InferenceMode without dropout and one head at a time, which takes less memory.
  /// @param tokens  [N, D], the class token first
  /// @param rows    which tokens' outputs are wanted
  [[nodiscard]] Result forward(const at::Tensor& tokens, Rows rows);

  torch::nn::Linear to_qkv{nullptr}, to_out{nullptr};
  torch::nn::Conv2d residual{nullptr};

 private:
  std::int64_t heads_, head_dim_, landmarks_;
  double dropout_;
};

/// Positions for tiles without coordinates: they are laid row by row in a square, and depth-wise convolutions
/// of 7, 5 and 3 are added. Parameters by name: conv7, conv5, conv3.
///
/// @par Reference  [shao2021]
class PositionEncoding : public torch::nn::Module {
 public:
  explicit PositionEncoding(std::int64_t width);

  /// The square is filled by repeating the first tiles; one with a side below 7 by zeros up to 7 x 7 where
  /// `has_least_side`. What was added is cut off.
  /// @param tiles  [N, D]  @return [N, D]
  [[nodiscard]] at::Tensor forward(const at::Tensor& tiles, bool has_least_side);

  torch::nn::Conv2d conv7{nullptr}, conv5{nullptr}, conv3{nullptr};
};

/// TransMIL: two layers x + Attention(LayerNorm(x)) with a positional encoding between them and a class
/// token.
///
/// Parameters by name: embedding [D, F], class_token [1, D], layer1.{norm,attention.*}, position.*, layer2.*,
/// norm, classifier [C, D]. With `xavier`, padding `stand_alone` also starts convolutions Xavier-normal and
/// the class token near 0, as MHIM's copy of it does.
///
/// @par Memory     O(N (D + landmarks))
/// @par Reference  [shao2021], [tang2023]
class TransmilModule : public EmbeddingAggregator {
 public:
  /// @throws imaging::Error  `invalid_argument` if an option is out of range.
  explicit TransmilModule(const TransmilOptions& options);

  [[nodiscard]] AggregatorOutput forward(const at::Tensor& features) override;
  [[nodiscard]] AggregatorOutput infer(const at::Tensor& features) override;
  [[nodiscard]] std::string score_kind() const override { return "class_token_attention"; }
  [[nodiscard]] std::int64_t embedding_size() const override { return shape().embed_dim; }

  at::Tensor class_token;
  std::shared_ptr<PositionEncoding> position;
  torch::nn::LayerNorm norm{nullptr};
  torch::nn::Linear classifier{nullptr};

 private:
  struct Layer;
  [[nodiscard]] AggregatorOutput attend(const at::Tensor& embedded);

  TransmilOptions options_;
  std::shared_ptr<Layer> layer1_, layer2_;
};

}  // namespace mil
