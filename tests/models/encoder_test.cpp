#include "models/encoders/encoder.h"

#include <torch/script.h>
#include <torch/torch.h>

#include "imaging/base/files.h"
#include "imaging/base/log.h"
#include "imaging/base/random.h"
#include "models/encoders/pack_encoder.h"
#include "models/encoders/resnet_module.h"
#include "models/runtime/safetensors.h"
#include "models/runtime/tensor_bridge.h"
#include "tests/support/test_support.h"

namespace models {
namespace {

namespace fs = std::filesystem;
using imaging::Error;
using imaging::ErrorCode;
using imaging::Image8;

std::vector<Image8> random_tiles(std::size_t count, std::int64_t side, std::uint64_t seed = 1) {
  imaging::Random random(seed);
  std::vector<Image8> tiles(count, Image8(side, side, 3));
  for (auto& tile : tiles) {
    for (auto& value : tile.values()) value = static_cast<std::uint8_t>(random.index(256));
  }
  return tiles;
}

PackOptions options_for(const fs::path& weights) {
  PackOptions options;
  options.weights = weights.string();
  options.patch_size = 32;
  options.mpp = 0.5;
  return options;
}

/// A TorchScript module whose forward has the given body.
fs::path write_script(const fs::path& path, const std::string& body) {
  torch::jit::Module module("encoder");
  module.register_parameter("weight", torch::arange(12, torch::kFloat32).reshape({4, 3}), false);
  module.define("def forward(self, x):\n" + body);
  module.save(path.string());
  return path;
}

/// Packs and opens a small built-in network.
std::unique_ptr<Encoder> make_small_resnet(const support::TemporaryFolder& folder) {
  torch::manual_seed(11);
  const ResNet network(resnet_arguments_from_json("resnet18", {{"width", 8}}));
  write_safetensors(folder / "weights.safetensors", network->state());
  pack_encoder(options_for(folder / "weights.safetensors"), folder / "package");
  return open_encoder(ModelPackage::open(folder / "package"), "cpu");
}

TEST(EncoderTest, RunsABuiltInNetworkAsItsModuleDoes) {
  const support::TemporaryFolder folder;
  const auto encoder = make_small_resnet(folder);
  ASSERT_EQ(encoder->dim(), 64);
  const auto tiles = random_tiles(3, 32);

  const auto features = encoder->encode(tiles);

  const torch::NoGradGuard no_grad;
  ResNet network(resnet_arguments_from_json("resnet18", {{"width", 8}}));
  network->load(read_safetensors(folder / "weights.safetensors"));
  network->eval();
  const auto mean = torch::tensor({0.485F, 0.456F, 0.406F}).view({1, 3, 1, 1});
  const auto std = torch::tensor({0.229F, 0.224F, 0.225F}).view({1, 3, 1, 1});
  const auto expected = network->forward((tensor_from_images(tiles).to(torch::kFloat32) / 255 - mean) / std);
  ASSERT_EQ(features.size(), 3U * 64U);
  EXPECT_TRUE(torch::tensor(features).reshape({3, 64}).allclose(expected, 1e-4, 1e-5));
}

TEST(EncoderTest, GivesTheSameBitsForTheSameBatch) {
  const support::TemporaryFolder folder;
  const auto encoder = make_small_resnet(folder);
  const auto tiles = random_tiles(5, 32);
  const auto first = encoder->encode(tiles);
  (void)encoder->encode(random_tiles(2, 32, 9));
  EXPECT_EQ(encoder->encode(tiles), first);
  EXPECT_EQ(open_encoder(ModelPackage::open(folder / "package"), "cpu")->encode(tiles), first);
  EXPECT_TRUE(encoder->encode({}).empty());
}

TEST(EncoderTest, RunsATorchScriptModuleAndSqueezesItsOutput) {
  const support::TemporaryFolder folder;
  // Channel means times a matrix, as [B, 4, 1, 1].
  const auto script =
      write_script(folder / "net.pt",
                   "    return torch.matmul(x.mean([2, 3]), self.weight.t()).unsqueeze(-1).unsqueeze(-1)\n");
  auto options = options_for(script);
  options.mean = "0,0,0";
  options.std = "1,1,1";
  pack_encoder(options, folder / "package");

  const auto package = ModelPackage::open(folder / "package");
  const auto encoder = open_encoder(package, "cpu");

  EXPECT_EQ(package.architecture(), "torchscript");
  EXPECT_EQ(package.manifest()["feature_dim"], 4);
  std::vector<Image8> tiles(2, Image8(32, 32, 3, 0));
  for (auto& value : tiles[1].values()) value = 255;
  const auto features = encoder->encode(tiles);
  const std::vector<float> expected{0, 0, 0, 0, 3, 12, 21, 30};
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(features[i], expected[i], 1e-5) << i;
}

TEST(EncoderTest, RefusesNetworksThatGiveNoFeatures) {
  const support::TemporaryFolder folder;
  const std::vector<std::pair<std::string, std::string>> faulty{
      {"    return x / 0.0\n", "shape"},
      {"    return (x / 0.0).flatten(1)\n", "NaN"},
      {"    return (x.mean([2, 3]), x)\n", "not one tensor"},
      {"    return x[0:1].flatten(1)\n", "shape"},
      {"    return torch.matmul(x, self.weight)\n", "fails"}};
  for (const auto& [body, part] : faulty) {
    const auto script = write_script(folder / "net.pt", body);
    EXPECT_THAT(
        [&] { pack_encoder(options_for(script), folder / "package"); },
        testing::Throws<Error>(testing::AllOf(support::HasCode(ErrorCode::incompatible),
                                              testing::Property(&Error::what, testing::HasSubstr(part)))))
        << body;
    EXPECT_FALSE(fs::exists(folder / "package"));
  }
}

TEST(EncoderTest, RefusesUnequalTilesAndOtherTasks) {
  const support::TemporaryFolder folder;
  const auto encoder = make_small_resnet(folder);
  std::vector<Image8> tiles{Image8(32, 32, 3), Image8(31, 32, 3)};
  EXPECT_THAT([&] { (void)encoder->encode(tiles); },
              testing::Throws<Error>(support::HasCode(ErrorCode::invalid_argument)));
  auto manifest = ModelPackage::open(folder / "package").manifest();
  manifest["task"] = "segmentation";
  seal_package(folder / "package", manifest);
  EXPECT_THAT([&] { (void)open_encoder(ModelPackage::open(folder / "package"), "cpu"); },
              testing::Throws<Error>(support::HasCode(ErrorCode::incompatible)));
}

TEST(EncoderTest, RefusesAWidthOtherThanTheManifests) {
  const support::TemporaryFolder folder;
  (void)make_small_resnet(folder);
  auto manifest = ModelPackage::open(folder / "package").manifest();
  manifest["feature_dim"] = 65;
  seal_package(folder / "package", manifest);
  EXPECT_THAT([&] { (void)open_encoder(ModelPackage::open(folder / "package"), "cpu"); },
              testing::Throws<Error>(support::HasCode(ErrorCode::incompatible)));
}

TEST(PackEncoderTest, NamesWhatIsMissing) {
  const support::TemporaryFolder folder;
  const auto script = write_script(folder / "net.pt", "    return x.mean([2, 3])\n");
  const auto refused = [&](const PackOptions& options, const std::string& part) {
    EXPECT_THAT(
        [&] { pack_encoder(options, folder / "package"); },
        testing::Throws<Error>(testing::AllOf(support::HasCode(ErrorCode::invalid_argument),
                                              testing::Property(&Error::what, testing::HasSubstr(part)))));
  };
  auto options = options_for(script);
  options.mpp.reset();
  refused(options, "mpp");
  options = options_for(script);
  options.preset = "uni_v9";
  refused(options, "uni_v9");
  options = options_for(script);
  options.mean = "0.5,x";
  refused(options, "mean");
  options = options_for(script);
  options.preset = "phikon";
  EXPECT_THAT([&] { pack_encoder(options, folder / "package"); },
              testing::Throws<Error>(support::HasCode(ErrorCode::incompatible)))
      << "three features where phikon has 768";
  fs::create_directory(folder / "package");
  refused(options_for(script), "exists already");
}

TEST(PackEncoderTest, PacksTheRealTorchScriptEncoders) {
  TESSERA_NEED_DATA(resnet, "weights/resnet50v2_trunc1024_imagenet.ts.pt");
  TESSERA_NEED_DATA(squeezenet, "weights/squeezenet1.1_imagenet.ts.pt");
  const support::TemporaryFolder folder;
  std::vector<std::string> warnings;
  imaging::set_log_sink([&](imaging::LogLevel, const std::string& message) { warnings.push_back(message); });
  for (const auto& [weights, dim] : {std::pair{resnet, 1024}, std::pair{squeezenet, 1000}}) {
    const auto target = folder / weights.stem().string();
    auto options = options_for(weights);
    options.patch_size = 224;
    pack_encoder(options, target);
    const auto encoder = open_encoder(ModelPackage::open(target), "cpu");
    EXPECT_EQ(encoder->dim(), dim);
    const auto tiles = random_tiles(2, 224);
    const auto features = encoder->encode(tiles);

    auto module = torch::jit::load(weights.string());
    const torch::NoGradGuard no_grad;
    const auto mean = torch::tensor({0.485F, 0.456F, 0.406F}).view({1, 3, 1, 1});
    const auto std = torch::tensor({0.229F, 0.224F, 0.225F}).view({1, 3, 1, 1});
    const auto expected =
        module.forward({(tensor_from_images(tiles).to(torch::kFloat32) / 255 - mean) / std}).toTensor();
    const auto change = (torch::tensor(features).reshape({2, dim}) - expected).abs().max().item<double>();
    EXPECT_LT(change, 1e-4 * expected.abs().max().item<double>());
  }
  imaging::set_log_sink({});
  EXPECT_TRUE(warnings.empty()) << warnings.front();
}

}  // namespace
}  // namespace models
