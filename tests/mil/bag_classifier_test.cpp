#include "mil/aggregators/bag_classifier.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "imaging/base/files.h"
#include "imaging/base/options_json.h"
#include "mil/aggregators/abmil_module.h"
#include "mil/aggregators/module_weights.h"
#include "mil/bags/bag_tensor.h"
#include "mil/explain/top_tiles.h"
#include "models/runtime/safetensors.h"
#include "tests/support/test_support.h"

namespace mil {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using support::HasCode;
using testing::Throws;

AbmilOptions small_options() {
  AbmilOptions options;
  options.input_dim = 6;
  options.embed_dim = 8;
  options.attention_dim = 4;
  return options;
}

/// A package around a module, with whatever `edit` changes in its manifest.
models::ModelPackage pack(const std::filesystem::path& folder, const AbmilModule& module,
                          const AbmilOptions& options,
                          const std::function<void(nlohmann::ordered_json&)>& edit = {}) {
  models::write_safetensors(folder / "model.safetensors", weights_of(module));
  imaging::write_file(folder / "README.md", "# Test\n");
  nlohmann::ordered_json manifest = {{"schema", "tessera.model/1"},
                                     {"name", "test"},
                                     {"task", "slide-classification"},
                                     {"architecture", "abmil"},
                                     {"architecture_arguments", imaging::options_to_json(options)},
                                     {"class_names", {"normal", "tumor"}},
                                     {"input_bag", {{"encoder_sha256", "ab"}, {"dim", options.input_dim}}},
                                     {"licence", "Apache-2.0"}};
  if (edit) edit(manifest);
  models::seal_package(folder, manifest);
  return models::ModelPackage::open(folder);
}

Bag painted_bag(std::int64_t count) {
  Bag bag{.id = "painted", .count = count, .dim = 6, .features = {}, .coords = {}};
  for (std::int64_t i = 0; i < count * 6; ++i) bag.features.push_back(std::sin(static_cast<float>(i)));
  return bag;
}

TEST(BagClassifierTest, PredictsFromItsPackageWhatTheModuleSays) {
  const support::TemporaryFolder folder;
  torch::manual_seed(1);
  AbmilModule module(small_options());
  module.eval();
  const auto classifier = open_classifier(pack(folder.path(), module, small_options()), "cpu");
  const auto bag = painted_bag(50);

  const auto prediction = classifier->predict(bag);

  const auto wanted = module.infer(wrap_features(bag));
  EXPECT_EQ(classifier->dim(), 6);
  EXPECT_EQ(prediction.class_names, (std::vector<std::string>{"normal", "tumor"}));
  EXPECT_EQ(prediction.logits[1], wanted.logits[1].item<double>());
  EXPECT_NEAR(prediction.probabilities[0] + prediction.probabilities[1], 1.0, 1e-12);
  EXPECT_EQ(prediction.tile_scores.kind, "attention");
  EXPECT_EQ(prediction.tile_scores.names, (std::vector<std::string>{"attention"}));
  ASSERT_EQ(prediction.tile_scores.values.size(), 50U);
  EXPECT_EQ(prediction.tile_scores.values[7], wanted.scores[7].item<float>());
}

TEST(BagClassifierTest, CalibratesProbabilitiesAndLeavesLogits) {
  const support::TemporaryFolder plain, warm;
  AbmilModule module(small_options());
  const auto bag = painted_bag(20);

  const auto cold = open_classifier(pack(plain.path(), module, small_options()), "cpu")->predict(bag);
  const auto calibrated = open_classifier(pack(warm.path(), module, small_options(),
                                               [](auto& manifest) {
                                                 manifest["calibration"] = {{"temperature", 2.0}};
                                               }),
                                          "cpu")
                              ->predict(bag);

  EXPECT_EQ(cold.logits, calibrated.logits);
  EXPECT_NEAR(calibrated.probabilities[1], 1 / (1 + std::exp((cold.logits[0] - cold.logits[1]) / 2)), 1e-12);
}

TEST(BagClassifierTest, PredictsOneAndTwoTilesAndRefusesNone) {
  const support::TemporaryFolder folder;
  AbmilModule module(small_options());
  const auto classifier = open_classifier(pack(folder.path(), module, small_options()), "cpu");

  EXPECT_EQ(classifier->predict(painted_bag(1)).tile_scores.values, std::vector<float>{1.F});
  const auto two = classifier->predict(painted_bag(2)).tile_scores.values;
  EXPECT_NEAR(two[0] + two[1], 1.F, 1e-6F);
  EXPECT_THAT([&] { (void)classifier->predict(painted_bag(0)); },
              Throws<Error>(HasCode(ErrorCode::insufficient_data)));
}

TEST(BagClassifierTest, RefusesBagsItCannotJudge) {
  const support::TemporaryFolder folder;
  AbmilModule module(small_options());
  const auto classifier = open_classifier(pack(folder.path(), module, small_options()), "cpu");
  auto narrow = painted_bag(4);
  narrow.dim = 3;
  narrow.count = 8;
  auto broken = painted_bag(4);
  broken.features[9] = std::numeric_limits<float>::quiet_NaN();

  EXPECT_THAT([&] { (void)classifier->predict(narrow); }, Throws<Error>(HasCode(ErrorCode::incompatible)));
  EXPECT_THAT([&] { (void)classifier->predict(broken); }, Throws<Error>(HasCode(ErrorCode::corrupt_data)));
}

TEST(BagClassifierTest, RefusesPackagesThatAreNoFittingClassifier) {
  AbmilModule module(small_options());
  const auto refuses = [&](const std::function<void(nlohmann::ordered_json&)>& edit) {
    const support::TemporaryFolder folder;
    const auto package = pack(folder.path(), module, small_options(), edit);
    EXPECT_THAT([&] { (void)open_classifier(package, "cpu"); },
                Throws<Error>(HasCode(ErrorCode::incompatible)));
  };
  refuses([](auto& manifest) { manifest["architecture"] = "unheard-of"; });
  refuses([](auto& manifest) { manifest["architecture_arguments"]["embed_dim"] = 9; });
  refuses([](auto& manifest) { manifest["architecture_arguments"]["gated"] = true; });
  refuses([](auto& manifest) { manifest["architecture_arguments"]["surprise"] = 1; });
  refuses([](auto& manifest) { manifest["class_names"] = {"a", "b", "c"}; });
}

TEST(TopTilesTest, ReturnsBestFirstAndLowerRowsFirstAmongEquals) {
  const TileScores scores{.kind = "attention", .names = {"a", "b"}, .values = {1, 9, 5, 8, 5, 7, 3, 6}};

  EXPECT_EQ(find_top_tiles(scores, 0, 3), (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_EQ(find_top_tiles(scores, 1, 99), (std::vector<std::int64_t>{0, 1, 2, 3}));
  EXPECT_TRUE(find_top_tiles(scores, 0, 0).empty());
  EXPECT_THAT([&] { (void)find_top_tiles(scores, 2, 1); },
              Throws<Error>(HasCode(ErrorCode::invalid_argument)));
}

}  // namespace
}  // namespace mil
