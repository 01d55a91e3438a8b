#include "mil/aggregators/abmil_module.h"

#include <torch/nn/functional.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "tests/support/test_support.h"

namespace mil {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using support::HasCode;
using testing::Throws;

AbmilOptions small_options() {
  AbmilOptions options;
  options.input_dim = 12;
  options.embed_dim = 16;
  options.attention_dim = 8;
  options.class_count = 3;
  return options;
}

AbmilOptions clam_options() {
  auto options = small_options();
  options.gated = true;
  options.attention_bias = true;
  options.attention_activation = "tanh";
  options.initialisation = "torch";
  return options;
}

std::int64_t count_parameters(const AbmilOptions& options) {
  std::int64_t count = 0;
  for (const auto& parameter : AbmilModule(options).parameters()) count += parameter.numel();
  return count;
}

TEST(AbmilTest, HasThePublishedParameterCounts) {
  AbmilOptions options;
  EXPECT_EQ(count_parameters(options), 591490);
  options.attention_bias = true;
  EXPECT_EQ(count_parameters(options), 591619);
  options.attention_bias = false;
  options.gated = true;
  EXPECT_EQ(count_parameters(options), 657026);
}

TEST(AbmilTest, StartsXavierNormalWithZeroBiases) {
  torch::manual_seed(3);
  AbmilOptions options;
  const AbmilModule module(options);

  const double expected = std::sqrt(2.0 / (1024 + 512));
  EXPECT_NEAR(module.embedding->weight.std().item<double>(), expected, 0.01 * expected);
  EXPECT_NEAR(module.embedding->weight.mean().item<double>(), 0.0, 0.01 * expected);
  EXPECT_EQ(module.embedding->bias.abs().max().item<float>(), 0.F);

  options.initialisation = "torch";
  const AbmilModule plain(options);
  EXPECT_LE(plain.embedding->weight.abs().max().item<double>(), 1.0 / 32 + 1e-7);
  EXPECT_GT(plain.embedding->bias.abs().max().item<float>(), 0.F);
}

TEST(AbmilTest, InferenceAgreesWithForwardForEveryBagLength) {
  for (auto options : {small_options(), clam_options()}) {
    for (const auto* activation : {"relu", "gelu"}) {
      options.activation = activation;
      torch::manual_seed(5);
      AbmilModule module(options);
      module.eval();
      for (const std::int64_t count : {1, 2, 37, 8192, 8193, 20000}) {
        const auto features = torch::randn({count, 12});
        const auto wanted = module.forward(features);
        const auto got = module.infer(features);
        EXPECT_TRUE(at::allclose(got.logits, wanted.logits, 1e-5, 1e-5)) << count;
        EXPECT_TRUE(at::allclose(got.embedding, wanted.embedding, 1e-5, 1e-5)) << count;
        EXPECT_TRUE(at::allclose(got.scores, wanted.scores, 1e-5, 1e-7)) << count;
        EXPECT_TRUE(at::allclose(got.raw_scores, wanted.raw_scores, 1e-5, 1e-5)) << count;
        EXPECT_NEAR(got.scores.sum().item<double>(), 1.0, 1e-5);
      }
    }
  }
}

TEST(AbmilTest, DoesNotDependOnTheOrderOfTheTiles) {
  torch::manual_seed(8);
  AbmilModule module(clam_options());
  module.eval();
  const auto features = torch::randn({300, 12});
  const auto order = torch::randperm(300);

  const auto straight = module.infer(features);
  const auto mixed = module.infer(features.index_select(0, order));

  EXPECT_TRUE(at::allclose(straight.logits, mixed.logits, 1e-5, 1e-5));
  EXPECT_TRUE(at::allclose(straight.scores.index_select(0, order), mixed.scores, 1e-5, 1e-7));
}

TEST(AbmilTest, GradientsAreTheSlopesOfTheLoss) {
  for (auto options : {small_options(), clam_options()}) {
    options.attention_activation = "tanh";
    options.activation = "gelu";
    torch::manual_seed(2);
    AbmilModule module(options);
    module.eval();
    module.to(at::kDouble);
    const auto features = torch::randn({9, 12}, at::kDouble);
    const auto target = torch::tensor({2}, at::kLong);
    const auto loss = [&] {
      return torch::nn::functional::cross_entropy(module.forward(features).logits.unsqueeze(0), target);
    };
    loss().backward();
    for (const auto& item : module.named_parameters()) {
      auto values = item.value().detach().view(-1);
      const auto gradient = item.value().grad().view(-1);
      for (std::int64_t i = 0; i < values.numel(); i += 7) {
        const double kept = values[i].item<double>();
        const double step = 1e-6;
        values[i] = kept + step;
        const double above = loss().item<double>();
        values[i] = kept - step;
        const double below = loss().item<double>();
        values[i] = kept;
        EXPECT_NEAR((above - below) / (2 * step), gradient[i].item<double>(), 1e-7) << item.key() << " " << i;
      }
    }
  }
}

TEST(AbmilTest, SurvivesScoresThatWouldOverflow) {
  auto options = small_options();
  AbmilModule module(options);
  module.eval();
  const auto features = torch::randn({9000, 12}) * 1e4;

  const auto output = module.infer(features);

  EXPECT_TRUE(output.logits.isfinite().all().item<bool>());
  EXPECT_NEAR(output.scores.sum().item<double>(), 1.0, 1e-5);
}

TEST(AbmilTest, RefusesOptionsOutOfRange) {
  auto options = small_options();
  options.attention_activation = "swish";
  EXPECT_THAT([&] { AbmilModule{options}; }, Throws<Error>(HasCode(ErrorCode::invalid_argument)));
}

}  // namespace
}  // namespace mil
