#include "models/runtime/soup.h"

#include <torch/types.h>

#include "imaging/base/files.h"
#include "models/runtime/model_package.h"
#include "tests/support/test_support.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using support::HasCode;
using testing::Throws;

TensorMap model(double weight, std::int64_t count) {
  return {{"layer.weight", at::full({2, 3}, weight, at::kFloat)},
          {"norm.num_batches_tracked", at::scalar_tensor(count, at::kLong)}};
}

double weight_of(const TensorMap& weights) {
  return weights.at("layer.weight")[1][2].item<double>();
}

TEST(SoupTest, UniformIsTheMeanWithIntegersOfTheFirst) {
  const std::array members{model(1, 7), model(2, 9), model(6, 9)};
  const auto soup = uniform_soup(members);
  EXPECT_DOUBLE_EQ(weight_of(soup), 3);
  EXPECT_EQ(soup.at("layer.weight").scalar_type(), at::kFloat);
  EXPECT_EQ(soup.at("norm.num_batches_tracked").item<std::int64_t>(), 7);
  EXPECT_EQ(soup.at("norm.num_batches_tracked").scalar_type(), at::kLong);
}

TEST(SoupTest, InterpolatesFromFirstToSecond) {
  EXPECT_FLOAT_EQ(static_cast<float>(weight_of(interpolate_weights(model(1, 1), model(3, 2), 0.75))), 2.5F);
  EXPECT_DOUBLE_EQ(weight_of(interpolate_weights(model(1, 1), model(3, 2), 0)), 1);
  EXPECT_THAT([] { (void)interpolate_weights(model(1, 1), model(3, 2), 1.5); },
              Throws<Error>(HasCode(ErrorCode::invalid_argument)));
}

/// The score is best at a weight of 2.5, so the mean of 2 and 3 beats both.
TEST(SoupTest, GreedyKeepsWhatIsStrictlyBetterAndTakesTheLaterOfEqualsFirst) {
  const auto score = [](const TensorMap& weights) { return -std::abs(weight_of(weights) - 2.5); };
  const std::array candidates{model(2, 1), model(9, 1), model(3, 1), model(2.5, 1)};
  const std::array scores{-0.5, -6.5, -0.5, -3.0};  // the last one's own score is not its soup's
  int calls = 0;
  const auto soup = greedy_soup(candidates, scores, [&](const TensorMap& weights) {
    ++calls;
    return score(weights);
  });
  EXPECT_EQ(soup.members, (std::vector<std::size_t>{2, 0}));
  EXPECT_DOUBLE_EQ(weight_of(soup.weights), 2.5);
  EXPECT_EQ(soup.score, 0);
  EXPECT_EQ(calls, 3);
}

TEST(SoupTest, GreedyWeighsMembersAlike) {
  const std::array candidates{model(0, 1), model(3, 1), model(6, 1)};
  const std::array scores{3.0, 2.0, 1.0};
  double best = 3;
  const auto soup = greedy_soup(candidates, scores, [&](const TensorMap&) { return ++best; });
  EXPECT_EQ(soup.members.size(), 3U);
  EXPECT_NEAR(weight_of(soup.weights), 3, 1e-6);
}

TEST(SoupTest, RefusesModelsThatDiffer) {
  auto other = model(1, 1);
  other["layer.weight"] = at::zeros({3, 2});
  EXPECT_THAT(
      [&] {
        (void)uniform_soup(std::array{model(1, 1), other});
      },
      Throws<Error>(HasCode(ErrorCode::incompatible)));
  other = model(1, 1);
  other["more"] = at::zeros({1});
  EXPECT_THAT(
      [&] {
        (void)uniform_soup(std::array{model(1, 1), other});
      },
      Throws<Error>(HasCode(ErrorCode::incompatible)));
  EXPECT_THAT(
      [&] {
        (void)uniform_soup(std::array{other, model(1, 1)});
      },
      Throws<Error>(HasCode(ErrorCode::incompatible)));
  EXPECT_THAT([] { (void)uniform_soup({}); }, Throws<Error>(HasCode(ErrorCode::invalid_argument)));
  EXPECT_THAT([] { (void)greedy_soup(std::array{model(1, 1)}, {}, nullptr); },
              Throws<Error>(HasCode(ErrorCode::invalid_argument)));
}

TEST(SoupTest, WeightsAreKnownByTheirValuesNotTheirFile) {
  const auto hash = weights_sha256(model(1, 1));
  EXPECT_EQ(weights_sha256(model(1, 1)), hash);
  EXPECT_NE(weights_sha256(model(1, 2)), hash);
  EXPECT_NE(weights_sha256({{"layer.weights", model(1, 1).at("layer.weight")}}),
            weights_sha256({{"layer.weight", model(1, 1).at("layer.weight")}}));
}

ModelPackage package(const std::filesystem::path& folder, const nlohmann::ordered_json& changes) {
  write_safetensors(folder / "model.safetensors", model(1, 1));
  imaging::write_file(folder / "README.md", "# m\n");
  nlohmann::ordered_json manifest = {{"schema", "tessera.model/1"},
                                     {"name", "m"},
                                     {"task", "slide-classification"},
                                     {"architecture", "abmil"},
                                     {"architecture_arguments", {{"input_dim", 3}}},
                                     {"class_names", {"a", "b"}},
                                     {"input_bag", {{"dim", 3}}},
                                     {"training", {{"initialisation_sha256", "11"}}},
                                     {"metrics", nlohmann::ordered_json::object()},
                                     {"training_data", "t"},
                                     {"intended_use", "i"},
                                     {"limitations", "l"},
                                     {"licence", "Apache-2.0"}};
  manifest.update(changes);
  seal_package(folder, manifest);
  return ModelPackage::open(folder);
}

TEST(SoupTest, TakesPackagesOfOneStartAndArchitectureOnly) {
  const support::TemporaryFolder folder;
  const auto first = package(folder / "first", nlohmann::ordered_json::object());
  EXPECT_NO_THROW(
      check_soup_members(std::array{first, package(folder / "same", nlohmann::ordered_json::object())}));
  EXPECT_THAT([&] { check_soup_members(std::array{first}); },
              Throws<Error>(HasCode(ErrorCode::invalid_argument)));
  int number = 0;
  for (const auto& changes :
       std::initializer_list<nlohmann::ordered_json>{{{"architecture", "transmil"}},
                                                     {{"architecture_arguments", {{"input_dim", 4}}}},
                                                     {{"class_names", {"b", "a"}}},
                                                     {{"training", {{"initialisation_sha256", "22"}}}},
                                                     {{"training", {{"seed", 1}}}}}) {
    const auto other = package(folder / std::to_string(number++), changes);
    EXPECT_THAT(
        [&] {
          check_soup_members(std::array{first, other});
        },
        Throws<Error>(HasCode(ErrorCode::incompatible)))
        << changes.dump();
  }
}

}  // namespace
}  // namespace models
