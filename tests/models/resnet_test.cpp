#include <torch/torch.h>

#include "models/encoders/resnet_module.h"
#include "tests/support/test_support.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;

std::int64_t count_parameters(const ResNet& network) {
  std::int64_t count = 0;
  for (const auto& parameter : network->parameters()) count += parameter.numel();
  return count;
}

/// Running statistics and affine parameters as a trained network has them, so that folding has something to
/// fold.
void unsettle(ResNet& network) {
  const torch::NoGradGuard no_grad;
  for (auto& item : network->named_buffers()) {
    if (item.key().find("running_mean") != std::string::npos) item.value().normal_(0, 0.3);
    if (item.key().find("running_var") != std::string::npos) item.value().uniform_(0.5, 2);
  }
  for (auto& item : network->named_parameters()) {
    if (item.key().find("bn") != std::string::npos) item.value().uniform_(0.5, 1.5);
  }
}

TEST(ResNetTest, HasTorchvisionsParametersAndNames) {
  const ResNet small(resnet_arguments_from_json("resnet18", {}));
  EXPECT_EQ(count_parameters(small), 11'689'512 - 513'000);  // torchvision's resnet18 less its classifier
  const auto names = small->state();
  for (const char* name :
       {"conv1.weight", "bn1.running_var", "layer1.1.conv2.weight", "layer2.0.downsample.0.weight",
        "layer2.0.downsample.1.running_mean", "layer4.1.bn2.bias"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
  const ResNet large(resnet_arguments_from_json("resnet50", {}));
  EXPECT_EQ(count_parameters(large), 25'557'032 - 2'049'000);
  EXPECT_EQ(large->state().at("layer3.0.conv2.weight").sizes(), torch::IntArrayRef({256, 256, 3, 3}));
}

TEST(ResNetTest, GivesTheSameFeaturesFoldedAndUnfolded) {
  torch::manual_seed(3);
  for (const auto& [architecture, variant] :
       {std::pair{"resnet18", "none"}, {"resnet50", "none"}, {"resnet18", "b"}, {"resnet50", "a"}}) {
    const auto arguments = resnet_arguments_from_json(architecture, {{"width", 16}, {"ibn", variant}});
    ResNet network(arguments);
    unsettle(network);
    EXPECT_EQ(resnet_arguments_to_json(resnet_arguments_of(network->state(), false)),
              resnet_arguments_to_json(arguments));
    network->eval();
    const torch::NoGradGuard no_grad;
    const auto x = torch::rand({3, 3, 70, 50});
    const auto expected = network->forward(x);
    network->prepare_for_inference();
    const auto found = network->forward(x);
    EXPECT_LT((found - expected).abs().max().item<double>(), 1e-4 * expected.abs().max().item<double>())
        << architecture << ' ' << variant;
  }
}

TEST(ResNetTest, StopsAfterStageThreeWhenTruncated) {
  torch::manual_seed(3);
  ResNet whole(resnet_arguments_from_json("resnet50", {{"width", 8}}));
  const auto arguments = resnet_arguments_of(whole->state(), /*is_truncated=*/true);
  EXPECT_EQ(arguments.dim(), 8 * 4 * 4);
  ResNet truncated(arguments);
  truncated->load(whole->state());
  EXPECT_EQ(truncated->forward(torch::rand({1, 3, 64, 64})).size(1), 128);
  EXPECT_EQ(resnet_arguments_from_json("resnet50", {{"features", "truncated"}}).dim(), 1024);
}

TEST(ResNetTest, ReadsItsShapeOffAStateDict) {
  const auto given = resnet_arguments_from_json("resnet50", {{"width", 8}, {"layers", {1, 2, 1, 1}}});
  const auto found = resnet_arguments_of(ResNet(given)->state(), false);
  EXPECT_EQ(resnet_arguments_to_json(found), resnet_arguments_to_json(given));
  EXPECT_EQ(resnet_architecture(found), "resnet50");
}

TEST(ResNetTest, NamesTheTensorThatDoesNotFit) {
  ResNet network(resnet_arguments_from_json("resnet18", {{"width", 8}}));
  const auto refused = [&](const TensorMap& state, const std::string& name) {
    EXPECT_THAT(
        [&] { network->load(state); },
        testing::Throws<Error>(testing::AllOf(support::HasCode(ErrorCode::incompatible),
                                              testing::Property(&Error::what, testing::HasSubstr(name)))));
  };
  auto state = network->state();
  state.erase("layer2.0.bn1.weight");
  refused(state, "layer2.0.bn1.weight");
  state = network->state();
  state["conv1.weight"] = torch::ones({8, 3, 3, 3});
  refused(state, "conv1.weight");
  state = network->state();
  state["extra"] = torch::ones({1});
  refused(state, "extra");
  state = network->state();
  state["fc.weight"] = torch::ones({1000, 64});
  EXPECT_NO_THROW(network->load(state));
  EXPECT_THAT([] { (void)resnet_arguments_from_json("vit", {}); },
              testing::Throws<Error>(support::HasCode(ErrorCode::incompatible)));
}

}  // namespace
}  // namespace models
