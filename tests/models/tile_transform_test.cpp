#include "models/encoders/tile_transform.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "models/encoders/encoder_table.h"
#include "tests/support/test_support.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using nlohmann::ordered_json;

ordered_json step(const std::string& name, ordered_json arguments = ordered_json::object()) {
  return {{"name", name}, {"arguments", std::move(arguments)}};
}

/// Weights of the triangle filter that Pillow and torchvision's antialias use along one axis, in double.
std::vector<std::vector<double>> triangle_weights(std::int64_t from, std::int64_t to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double support = std::max(scale, 1.0);
  std::vector<std::vector<double>> rows;
  for (std::int64_t i = 0; i < to; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    std::vector<double> row(static_cast<std::size_t>(from));
    double total = 0;
    for (std::int64_t j = 0; j < from; ++j) {
      const double distance = std::abs((static_cast<double>(j) + 0.5 - centre) / support);
      row[static_cast<std::size_t>(j)] = std::max(0.0, 1.0 - distance);
      total += row[static_cast<std::size_t>(j)];
    }
    for (auto& weight : row) weight /= total;
    rows.push_back(std::move(row));
  }
  return rows;
}

torch::Tensor as_matrix(const std::vector<std::vector<double>>& rows) {
  std::vector<double> flat;
  for (const auto& row : rows) flat.insert(flat.end(), row.begin(), row.end());
  return torch::tensor(flat, torch::kFloat64)
      .reshape({static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(rows[0].size())});
}

TEST(TileTransformTest, ResizesWithTheAntialiasedTriangleFilter) {
  torch::manual_seed(5);
  const auto tiles = torch::randint(0, 256, {2, 3, 48, 60}, torch::kUInt8);
  for (const auto& [height, width] : {std::pair{20, 31}, std::pair{70, 90}, std::pair{24, 30}}) {
    const TileTransform transform({step("Resize", {{"size", {height, width}}}), step("ToTensor")});

    const auto found = transform.apply(tiles) * 255;

    const auto rows = as_matrix(triangle_weights(48, height));
    const auto columns = as_matrix(triangle_weights(60, width));
    const auto exact = torch::matmul(torch::matmul(rows, tiles.to(torch::kFloat64)), columns.t());
    EXPECT_LE((found.to(torch::kFloat64) - exact).abs().max().item<double>(), 0.502) << height;
    EXPECT_TRUE(found.round().allclose(found, 0, 1e-3)) << "whole grey levels";
  }
}

TEST(TileTransformTest, ResizesTheShorterSideAndCropsTheCentre) {
  const auto tiles = torch::zeros({1, 3, 100, 150}, torch::kUInt8);
  EXPECT_EQ(TileTransform({step("Resize", {{"size", 50}}), step("ToTensor")}).apply(tiles).sizes(),
            torch::IntArrayRef({1, 3, 50, 75}));
  auto marked = torch::zeros({1, 3, 8, 8}, torch::kUInt8);
  marked[0][0][2][2] = 255;
  const auto cropped = TileTransform({step("CenterCrop", {{"size", 4}}), step("ToTensor")}).apply(marked);
  EXPECT_EQ(cropped.sizes(), torch::IntArrayRef({1, 3, 4, 4}));
  EXPECT_EQ(cropped[0][0][0][0].item<float>(), 1.0F);
}

TEST(TileTransformTest, NormalisesEachChannel) {
  const TileTransform transform(
      {step("ToTensor"), step("Normalize", {{"mean", {0.5, 0.25, 0}}, {"std", {0.5, 1, 2}}})});
  const auto found = transform.apply(torch::full({1, 3, 2, 2}, 255, torch::kUInt8));
  EXPECT_FLOAT_EQ(found[0][0][0][0].item<float>(), 1.0F);
  EXPECT_FLOAT_EQ(found[0][1][1][0].item<float>(), 0.75F);
  EXPECT_FLOAT_EQ(found[0][2][1][1].item<float>(), 0.5F);
}

TEST(TileTransformTest, RefusesStepsItCannotRun) {
  const std::vector<ordered_json> faulty{
      ordered_json::array(),
      {step("ToTensor"), step("ToTensor")},
      {step("Normalize", {{"mean", {0, 0, 0}}, {"std", {1, 1, 1}}}), step("ToTensor")},
      {step("ToTensor"), step("Normalize", {{"mean", {0, 0}}, {"std", {1, 1, 1}}})},
      {step("ToTensor"), step("Normalize", {{"mean", {0, 0, 0}}, {"std", {1, 0, 1}}})},
      {step("ToTensor"), step("GaussianBlur")},
      {step("Resize"), step("ToTensor")},
      {step("Resize", {{"size", 0}}), step("ToTensor")},
      {step("Resize", {{"size", 224}, {"interpolation", "nearest"}}), step("ToTensor")},
      {1, step("ToTensor")}};
  for (const auto& steps : faulty) {
    EXPECT_THAT([&] { TileTransform transform(steps); },
                testing::Throws<Error>(support::HasCode(ErrorCode::corrupt_data)))
        << steps.dump();
  }
  const TileTransform crop({step("CenterCrop", {{"size", 64}}), step("ToTensor")});
  EXPECT_THAT(
      [&] {
        (void)crop.apply(torch::zeros({1, 3, 32, 32}, torch::kUInt8));
      },
      testing::Throws<Error>(support::HasCode(ErrorCode::incompatible)));
}

TEST(EncoderTableTest, HasUsableTransformsForEveryPreset) {
  for (const auto& preset : encoder_presets()) {
    const auto tile = torch::zeros({1, 3, preset.patch_size_pixels, preset.patch_size_pixels}, torch::kUInt8);
    const auto input = TileTransform(transform_of(preset)).apply(tile);
    EXPECT_EQ(input.size(2), preset.crop_px > 0 ? preset.crop_px : preset.resize_px) << preset.name;
    EXPECT_EQ(find_encoder_preset(preset.name)->dim, preset.dim);
  }
  EXPECT_FALSE(find_encoder_preset("nothing").has_value());
}

}  // namespace
}  // namespace models
