#include "models/retina/retina_grader.h"

#include <torch/script.h>
#include <torch/torch.h>

#include <cmath>
#include <numeric>

#include "models/retina/fundus_transform.h"
#include "models/retina/grader_network_module.h"
#include "models/retina/grader_package.h"
#include "models/runtime/tensor_bridge.h"
#include "tests/support/test_support.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using imaging::Image8;

constexpr std::int64_t kSide = 64;

/// A disc with a bright spot, black outside.
FieldPicture paint_picture(int number) {
  FieldPicture picture{Image8(kSide, kSide, 3), Image8(kSide, kSide, 1)};
  for (std::int64_t y = 0; y < kSide; ++y) {
    for (std::int64_t x = 0; x < kSide; ++x) {
      const double dx = static_cast<double>(x) - 31.5, dy = static_cast<double>(y) - 31.5;
      if (dx * dx + dy * dy > 31 * 31) continue;
      picture.mask.pixel(x, y)[0] = 255;
      auto* pixel = picture.image.pixel(x, y);
      pixel[0] = static_cast<std::uint8_t>(120 + number * 9 + x / 2);
      pixel[1] = static_cast<std::uint8_t>(60 + (x * y) % 40);
      pixel[2] = static_cast<std::uint8_t>(20 + y / 4);
      if (std::hypot(dx - 10, dy + number) < 5) pixel[1] = 230;
    }
  }
  return picture;
}

GraderPackage tiny_package(const std::string& architecture, const nlohmann::ordered_json& arguments) {
  GraderPackage package;
  package.name = "tiny";
  package.arguments = grader_arguments_from_json(architecture, arguments);
  package.weights = std::make_shared<const TensorMap>(initial_grader_weights(package.arguments, 5));
  package.transform = fundus_transform_steps(kSide, kSide);
  package.facts = {{"training_data", "none"}, {"licence", "none"}};
  package.card = "# tiny\n";
  return package;
}

const nlohmann::ordered_json kTiny{{"width", 8}, {"layers", {1, 1, 1, 1}}, {"oedema", 3}};
const nlohmann::ordered_json kTinyV2{{"width", 8}, {"layers", {1, 1, 1}}, {"pool", "mean_max"}};

std::unique_ptr<RetinaGrader> open_written(const support::TemporaryFolder& folder,
                                           const GraderPackage& package, bool is_half = false) {
  write_grader_package(folder / "pkg", package, is_half);
  return open_retina_grader(ModelPackage::open(folder / "pkg"), "cpu");
}

class RetinaGraderTest : public testing::TestWithParam<std::string> {
 protected:
  [[nodiscard]] static GraderPackage package() {
    if (GetParam() == "resnet50v2") return tiny_package("resnet50v2", kTinyV2);
    if (GetParam() == "lesions") {
      auto probed = kTinyV2;
      probed["pool"] = "lesions";
      return tiny_package("resnet50v2", probed);
    }
    auto arguments = kTiny;
    if (GetParam() != "resnet18") arguments["ibn"] = GetParam();
    return tiny_package("resnet18", arguments);
  }
};

TEST_P(RetinaGraderTest, GivesABatchTheSameBitsAsEachAlone) {
  const support::TemporaryFolder folder;
  auto made = package();
  made.calibration = {{"temperature", 2.0}};
  const auto grader = open_written(folder, made);
  const std::vector<FieldPicture> pictures{paint_picture(0), paint_picture(3), paint_picture(7)};

  const auto together = grader->grade(pictures);

  ASSERT_EQ(together.size(), 3U);
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const auto alone = grader->grade({&pictures[i], 1}).front();
    EXPECT_EQ(together[i].logits, alone.logits);
    EXPECT_EQ(together[i].features, alone.features);
    const auto& p = alone.probabilities;
    EXPECT_NEAR(std::accumulate(p.begin(), p.end(), 0.0), 1, 1e-12);
    EXPECT_NEAR(alone.referable_score, p[2] + p[3] + p[4], 1e-12);
    EXPECT_NEAR(std::log(p[1] / p[0]), (alone.logits[1] - alone.logits[0]) / 2, 1e-9) << "temperature 2";
    EXPECT_EQ(alone.oedema_probabilities.size(), grader->has_oedema() ? 3U : 0U);
    EXPECT_EQ(static_cast<std::int64_t>(alone.features.size()), grader->feature_dim());
  }
  EXPECT_NE(together[0].logits, together[1].logits);
}

TEST_P(RetinaGraderTest, LogitsAreThoseOfTheNetworkInTraining) {
  const support::TemporaryFolder folder;
  const auto made = package();
  GraderNetwork network(made.arguments);
  network->load(*made.weights);
  network->eval();
  const auto picture = paint_picture(2);
  const FundusTransform transform(made.transform);
  const torch::NoGradGuard no_grad;
  const auto input =
      transform.apply(tensor_from_images({&picture.image, 1}), torch::zeros({1, 1, kSide, kSide}));
  const auto map = network->late(network->early(input));
  const auto expected = network->heads(network->pool(map)).grades[0];

  const auto full = open_written(folder, made)->grade({&picture, 1}).front();
  const auto half = [&] {
    const support::TemporaryFolder other;
    return open_written(other, made, true)->grade({&picture, 1}).front();
  }();

  for (std::int64_t k = 0; k < 5; ++k) {
    const auto at = static_cast<std::size_t>(k);
    EXPECT_NEAR(full.logits[at], expected[k].item<double>(), 1e-4);
    EXPECT_NEAR(half.probabilities[at], full.probabilities[at], 5e-3);
  }
}

TEST_P(RetinaGraderTest, EvidenceStaysInTheFieldAndKeepsTheClass) {
  const support::TemporaryFolder folder;
  const auto grader = open_written(folder, package());
  const auto picture = paint_picture(1);

  const auto evidence = grader->evidence(picture, 3);
  const auto hidden = grader->occlusion(picture, {.grid = 8}, {}, 3);

  EXPECT_EQ(evidence.class_index, 3);
  EXPECT_EQ(evidence.box, (imaging::RectD{0, 0, kSide, kSide}));
  EXPECT_EQ(evidence.values.width(), grader->feature_dim() == 256 || GetParam() == "lesions" ? 4 : 2);
  EXPECT_EQ(hidden.values.width(), 8);
  EXPECT_EQ(*hidden.values.pixel(0, 0), 0.0F) << "a corner outside the field";
  for (const auto& map : {evidence, hidden}) {
    for (const float value : map.values.values()) EXPECT_GE(value, 0.0F);
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, RetinaGraderTest,
                         testing::Values("resnet18", "a", "b", "resnet50v2", "lesions"),
                         [](const auto& made) { return made.param; });

TEST(RetinaGraderFlipsTest, AMirroredPictureIsGradedAlike) {
  const support::TemporaryFolder folder;
  auto made = tiny_package("resnet18", kTiny);
  made.test_time_views = "flips";
  const auto grader = open_written(folder, made);
  const auto picture = paint_picture(4);
  auto mirrored = picture;
  for (std::int64_t y = 0; y < kSide; ++y) {
    for (std::int64_t x = 0; x < kSide; ++x) {
      std::copy_n(picture.image.pixel(x, y), 3, mirrored.image.pixel(kSide - 1 - x, y));
      *mirrored.mask.pixel(kSide - 1 - x, y) = *picture.mask.pixel(x, y);
    }
  }
  const auto first = grader->grade({&picture, 1}).front(), second = grader->grade({&mirrored, 1}).front();
  for (std::size_t k = 0; k < 5; ++k) EXPECT_NEAR(first.logits[k], second.logits[k], 1e-5);
}

TEST(RetinaGraderOpeningTest, RefusesWhatDoesNotFit) {
  const support::TemporaryFolder folder;
  const auto grader = open_written(folder, tiny_package("resnet18", kTiny));
  const FieldPicture small{Image8(32, 32, 3), Image8(32, 32, 1)};
  EXPECT_THAT(
      [&] {
        (void)grader->grade({&small, 1});
      },
      testing::Throws<Error>(support::HasCode(ErrorCode::invalid_argument)));
  const auto picture = paint_picture(0);
  EXPECT_THAT([&] { (void)grader->evidence(picture, 5); },
              testing::Throws<Error>(support::HasCode(ErrorCode::invalid_argument)));

  auto wrong = tiny_package("resnet18", kTiny);
  auto weights = *wrong.weights;
  weights.erase("grade.bias");
  wrong.weights = std::make_shared<const TensorMap>(weights);
  const support::TemporaryFolder other;
  EXPECT_THAT([&] { (void)open_written(other, wrong); },
              testing::Throws<Error>(support::HasCode(ErrorCode::incompatible)));
  auto unstated = tiny_package("resnet18", kTiny);
  unstated.transform.erase(0);
  const support::TemporaryFolder third;
  EXPECT_THAT([&] { (void)open_written(third, unstated); },
              testing::Throws<Error>(support::HasCode(ErrorCode::corrupt_data)));
}

TEST(FundusTransformTest, MatchesTheFieldAndSaysWhatIsSeen) {
  const FundusTransform transform(fundus_transform_steps(kSide, 32, 28, FieldNormalisation::colours));
  EXPECT_EQ(transform.seen(), (imaging::RectD{4, 4, 56, 56}));
  auto dark = paint_picture(1);
  for (auto& value : dark.image.values()) value = static_cast<std::uint8_t>(value / 2);
  const auto picture = paint_picture(1);
  const auto difference = [&](FieldNormalisation normalisation) {
    const FundusTransform whole(fundus_transform_steps(kSide, kSide, 0, normalisation));
    const auto prepare = [&](const FieldPicture& made) {
      const auto mask =
          torch::from_blob(const_cast<std::uint8_t*>(made.mask.data()), {1, 1, kSide, kSide}, torch::kUInt8);
      return whole.apply(tensor_from_images({&made.image, 1}), mask);
    };
    return (prepare(picture) - prepare(dark)).abs().mean().item<float>();
  };
  // Halves are rounded to whole grey levels: a little is left.
  const auto plain = difference(FieldNormalisation::none);
  EXPECT_LT(difference(FieldNormalisation::colours), plain / 20) << "half the light, the same input";
  EXPECT_LT(difference(FieldNormalisation::contrast), plain / 8) << "grey levels are stretched further";
}

TEST(PreactResNetTest, GivesTheFeaturesOfThePublishedTrace) {
  TESSERA_NEED_DATA(weights, "weights/resnet50v2_trunc1024_imagenet.ts.pt");
  auto trace = torch::jit::load(weights.string());
  TensorMap state;
  for (const auto& item : trace.named_parameters()) state[item.name] = item.value;
  for (const auto& item : trace.named_buffers()) state[item.name] = item.value;
  GraderNetwork network(grader_arguments_from_json("resnet50v2", {}));
  network->load_backbone(state);
  network->eval();
  const torch::NoGradGuard no_grad;
  torch::manual_seed(1);
  const auto x = torch::randn({1, 3, 96, 96});
  const auto expected = trace.forward({x}).toTensor();
  EXPECT_LT((network->pool(network->forward_map(x)) - expected).abs().max().item<double>(), 1e-4);
  network->prepare_for_inference();
  EXPECT_LT((network->pool(network->forward_map(x)) - expected).abs().max().item<double>(), 1e-4);
}

}  // namespace
}  // namespace models
