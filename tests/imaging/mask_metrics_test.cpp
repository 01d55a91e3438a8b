#include "imaging/raster/mask_metrics.h"

#include <itkHausdorffDistanceImageFilter.h>
#include <itkImage.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "imaging/base/random.h"
#include "tests/support/test_support.h"

namespace {

using imaging::ErrorCode;
using imaging::MaskGrid;
using Bytes = std::vector<std::uint8_t>;

struct Box {
  std::array<std::int64_t, 3> first, size;
};

Bytes paint(const MaskGrid& grid, const std::vector<Box>& boxes) {
  Bytes mask(static_cast<std::size_t>(grid.count()));
  for (const auto& box : boxes) {
    for (auto z = box.first[2]; z < box.first[2] + box.size[2]; ++z) {
      for (auto y = box.first[1]; y < box.first[1] + box.size[1]; ++y) {
        for (auto x = box.first[0]; x < box.first[0] + box.size[0]; ++x)
          mask[static_cast<std::size_t>((z * grid.size[1] + y) * grid.size[0] + x)] = 1;
      }
    }
  }
  return mask;
}

/// Some boxes at random places.
Bytes blobs(const MaskGrid& grid, std::uint64_t seed) {
  imaging::Random random(seed);
  std::vector<Box> boxes;
  for (int i = 0; i < 4; ++i) {
    Box box{};
    for (std::size_t axis = 0; axis < 3; ++axis) {
      box.size[axis] = std::min(grid.size[axis], 1 + random.index(6));
      box.first[axis] = random.index(grid.size[axis] - box.size[axis] + 1);
    }
    boxes.push_back(box);
  }
  return paint(grid, boxes);
}

using Point = std::array<std::int64_t, 3>;

/// By the definition, without any cleverness.
std::vector<Point> surface_points(const Bytes& mask, const MaskGrid& grid) {
  const auto value = [&](Point p) {
    for (std::size_t axis = 0; axis < 3; ++axis) {
      if (p[axis] < 0 || p[axis] >= grid.size[axis]) return false;
    }
    return mask[static_cast<std::size_t>((p[2] * grid.size[1] + p[1]) * grid.size[0] + p[0])] != 0;
  };
  std::vector<Point> points;
  for (std::int64_t z = 0; z < grid.size[2]; ++z) {
    for (std::int64_t y = 0; y < grid.size[1]; ++y) {
      for (std::int64_t x = 0; x < grid.size[0]; ++x) {
        if (!value({x, y, z})) continue;
        bool is_inner = true;
        for (std::size_t axis = 0; axis < (grid.size[2] > 1 ? 3U : 2U); ++axis) {
          for (const int step : {-1, 1}) {
            Point next{x, y, z};
            next[axis] += step;
            is_inner = is_inner && value(next);
          }
        }
        if (!is_inner) points.push_back({x, y, z});
      }
    }
  }
  return points;
}

std::vector<double> nearest(const std::vector<Point>& from, const std::vector<Point>& to,
                            const MaskGrid& grid) {
  std::vector<double> found;
  for (const auto& a : from) {
    double least = std::numeric_limits<double>::infinity();
    for (const auto& b : to) {
      double sum = 0;
      for (std::size_t axis = 0; axis < 3; ++axis)
        sum += std::pow(static_cast<double>(a[axis] - b[axis]) * grid.spacing[axis], 2);
      least = std::min(least, std::sqrt(sum));
    }
    found.push_back(least);
  }
  return found;
}

TEST(MaskMetricsTest, CountsTwoShiftedSquares) {
  const MaskGrid grid{.size = {40, 30, 1}};
  const auto prediction = paint(grid, {{{13, 10, 0}, {10, 10, 1}}});
  const auto reference = paint(grid, {{{10, 10, 0}, {10, 10, 1}}});

  const auto overlap = imaging::measure_overlap(prediction, reference, grid);
  EXPECT_EQ(overlap.both, 70);
  EXPECT_DOUBLE_EQ(overlap.dice, 0.7);
  EXPECT_DOUBLE_EQ(overlap.jaccard, 70.0 / 130);
  EXPECT_DOUBLE_EQ(overlap.volume_similarity.value(), 0);
  EXPECT_DOUBLE_EQ(overlap.false_discovery_rate.value(), 0.3);
  EXPECT_DOUBLE_EQ(overlap.false_negative_rate.value(), 0.3);

  const auto surfaces = imaging::measure_surfaces(prediction, reference, grid);
  ASSERT_TRUE(surfaces);
  EXPECT_DOUBLE_EQ(surfaces->hd, 3);
  auto in_mm = grid;
  in_mm.spacing = {0.5, 0.25, 1};
  EXPECT_DOUBLE_EQ(imaging::measure_surfaces(prediction, reference, in_mm)->hd, 1.5);
}

TEST(MaskMetricsTest, SurfacesAgreeWithTheDefinitionOnBlobsOfTwoAndThreeAxes) {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    const MaskGrid grid{.size = {17, 14, seed % 2 == 0 ? 1 : 9}, .spacing = {0.7, 1.3, 2.5}};
    const auto prediction = blobs(grid, seed);
    const auto reference = blobs(grid, seed + 100);
    const auto from = surface_points(prediction, grid), to = surface_points(reference, grid);
    const auto to_reference = nearest(from, to, grid), to_prediction = nearest(to, from, grid);
    const auto mean = [](const std::vector<double>& values) {
      double sum = 0;
      for (const double value : values) sum += value;
      return sum / static_cast<double>(values.size());
    };
    const auto found = imaging::measure_surfaces(prediction, reference, grid).value();
    EXPECT_NEAR(found.hd, std::max(std::ranges::max(to_reference), std::ranges::max(to_prediction)), 1e-9)
        << seed;
    EXPECT_NEAR(found.mean_to_reference, mean(to_reference), 1e-9) << seed;
    EXPECT_NEAR(found.mean_to_prediction, mean(to_prediction), 1e-9) << seed;
    EXPECT_NEAR(found.assd_meandir, (mean(to_reference) + mean(to_prediction)) / 2, 1e-9) << seed;
    const auto count = static_cast<double>(from.size()), other = static_cast<double>(to.size());
    EXPECT_NEAR(found.assd_pooled,
                (mean(to_reference) * count + mean(to_prediction) * other) / (count + other), 1e-9)
        << seed;
  }
}

TEST(MaskMetricsTest, PercentilesAreInterpolatedPooledOrByDirection) {
  // One pixel against a row of eleven: distances 0 to 10 one way, 0 the other.
  const MaskGrid grid{.size = {11, 1, 1}};
  const auto prediction = paint(grid, {{{0, 0, 0}, {1, 1, 1}}});
  const auto reference = paint(grid, {{{0, 0, 0}, {11, 1, 1}}});
  const auto found = imaging::measure_surfaces(prediction, reference, grid).value();
  EXPECT_DOUBLE_EQ(found.hd95_maxdir, 9.5);     // rank 0.95 * 10
  EXPECT_NEAR(found.hd95_pooled, 9.45, 1e-12);  // rank 0.95 * 11 of 0, 0, 1, ..., 10
}

TEST(MaskMetricsTest, TheRasterEdgeIsSurface) {
  const MaskGrid grid{.size = {9, 9, 1}};
  const auto everything = paint(grid, {{{0, 0, 0}, {9, 9, 1}}});
  const auto centre = paint(grid, {{{4, 4, 0}, {1, 1, 1}}});
  EXPECT_NEAR(imaging::measure_surfaces(everything, centre, grid)->hd, 4 * std::sqrt(2.0), 1e-12);
  EXPECT_DOUBLE_EQ(imaging::measure_surfaces(everything, centre, grid)->mean_to_prediction, 4);
  EXPECT_DOUBLE_EQ(imaging::measure_surfaces(everything, everything, grid)->hd, 0);
}

TEST(MaskMetricsTest, EmptyMasksHaveNoDistance) {
  const MaskGrid grid{.size = {9, 9, 1}};
  const Bytes none(81);
  const auto some = paint(grid, {{{4, 4, 0}, {2, 2, 1}}});
  EXPECT_FALSE(imaging::measure_surfaces(none, some, grid));
  EXPECT_FALSE(imaging::measure_surfaces(some, none, grid));
  EXPECT_FALSE(imaging::measure_sets(none, none, grid));
  const auto both = imaging::measure_overlap(none, none, grid);
  EXPECT_TRUE(both.are_both_empty());
  EXPECT_EQ(both.dice, 1);
  EXPECT_FALSE(both.volume_similarity);
  const auto missed = imaging::measure_overlap(none, some, grid);
  EXPECT_EQ(missed.dice, 0);
  EXPECT_EQ(missed.false_negative_rate.value(), 1);
  EXPECT_FALSE(missed.false_discovery_rate) << "0 / 0";
  const auto invented = imaging::measure_overlap(some, none, grid);
  EXPECT_EQ(invented.false_discovery_rate.value(), 1);
  EXPECT_FALSE(invented.false_negative_rate) << "0 / 0";
}

TEST(MaskMetricsTest, SetDistancesAreThoseOfItksHausdorffFilter) {
  using Image = itk::Image<std::uint8_t, 3>;
  const MaskGrid grid{.size = {17, 14, 9}, .spacing = {0.7, 1.3, 2.5}};
  const auto prediction = blobs(grid, 3), reference = blobs(grid, 4);
  const auto as_image = [&](const Bytes& mask) {
    auto image = Image::New();
    image->SetRegions(Image::SizeType{17, 14, 9});
    image->SetSpacing(Image::SpacingType(grid.spacing.data()));
    image->Allocate();
    std::ranges::copy(mask, image->GetBufferPointer());
    return image;
  };
  const auto filter = itk::HausdorffDistanceImageFilter<Image, Image>::New();
  filter->SetInput1(as_image(prediction));
  filter->SetInput2(as_image(reference));
  filter->SetUseImageSpacing(true);
  filter->Update();
  const auto found = imaging::measure_sets(prediction, reference, grid).value();
  EXPECT_NEAR(std::max(found.largest_to_prediction, found.largest_to_reference),
              filter->GetHausdorffDistance(), 1e-5);
  EXPECT_NEAR((found.mean_to_prediction + found.mean_to_reference) / 2, filter->GetAverageHausdorffDistance(),
              1e-5);
}

TEST(MaskMetricsTest, RefusesMasksThatDoNotFitTheRaster) {
  EXPECT_THAT(
      [] {
        (void)imaging::measure_overlap(Bytes(4), Bytes(5), {.size = {2, 2, 1}});
      },
      testing::Throws<imaging::Error>(support::HasCode(ErrorCode::invalid_argument)));
  EXPECT_THAT(
      [] {
        (void)imaging::measure_surfaces(Bytes(4, 1), Bytes(4, 1), {.size = {2, 2, 1}, .spacing = {1, 0, 1}});
      },
      testing::Throws<imaging::Error>(support::HasCode(ErrorCode::invalid_argument)));
}

}  // namespace
