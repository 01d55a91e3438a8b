#include "imaging/tissue/tissue_mask.h"

#include <nlohmann/json.hpp>

#include "imaging/base/random.h"
#include "imaging/raster/png.h"
#include "imaging/slide/reader_table.h"
#include "tests/support/test_support.h"

namespace imaging {
namespace {

using support::HasCode;
using testing::Throws;

const SlideScale kOneMicron{1, 1, "override"};

using Colour = std::array<std::uint8_t, 3>;
constexpr Colour kGlass{243, 243, 245};
constexpr Colour kPink{225, 150, 190};
constexpr Colour kPurple{120, 70, 150};

void fill(Image8& image, RectD rect, Colour colour) {
  for (auto y = static_cast<std::int64_t>(rect.y); y < static_cast<std::int64_t>(rect.bottom()); ++y) {
    for (auto x = static_cast<std::int64_t>(rect.x); x < static_cast<std::int64_t>(rect.right()); ++x) {
      std::ranges::copy(colour, image.pixel(x, y));
    }
  }
}

Image8 uniform(std::int64_t width, std::int64_t height, Colour colour) {
  Image8 image(width, height, 3);
  fill(image, {0, 0, static_cast<double>(width), static_cast<double>(height)}, colour);
  return image;
}

class FindTissueTest : public testing::Test {
 protected:
  TissueMask find(const Image8& pixels, const TissueOptions& options = {},
                  const SlideScale& scale = kOneMicron) {
    write_png(folder_ / "painted.png", pixels);
    const auto reader = open_slide(folder_ / "painted.png");
    return find_tissue(*reader, scale, options);
  }
  support::TemporaryFolder folder_;
};

TEST_F(FindTissueTest, FindsAPaintedPieceWithItsHole) {
  auto slide = uniform(1600, 1200, kGlass);
  fill(slide, {400, 240, 640, 480}, kPink);
  fill(slide, {560, 400, 160, 160}, kGlass);
  fill(slide, {1520, 1120, 24, 24}, kPurple);  // below the least area

  const auto tissue = find(slide);

  ASSERT_EQ(tissue.pieces().size(), 1U);
  ASSERT_EQ(tissue.pieces()[0].holes_l0.size(), 1U);
  EXPECT_NEAR(tissue.area_fraction(), (640.0 * 480 - 160 * 160) / (1600.0 * 1200), 0.005);
  EXPECT_EQ(tissue.fraction({440, 280, 80, 80}), 1);
  EXPECT_EQ(tissue.fraction({600, 440, 80, 80}), 0);
  EXPECT_EQ(tissue.fraction({0, 0, 300, 200}), 0);
  EXPECT_NEAR(tissue.fraction({360, 480, 80, 16}), 0.5, 0.02) << "half glass";
  EXPECT_NEAR(tissue.fraction({1000, 640, 80, 160}), 0.25, 0.03) << "a corner, rounded by the median";
}

TEST_F(FindTissueTest, KeepsOnlyTheLargestHolesAndThoseAboveTheLeastArea) {
  auto slide = uniform(1600, 1600, kGlass);
  fill(slide, {80, 80, 1440, 1440}, kPink);
  fill(slide, {160, 160, 400, 400}, kGlass);
  fill(slide, {800, 160, 240, 240}, kGlass);
  fill(slide, {160, 800, 56, 56}, kGlass);

  EXPECT_EQ(find(slide).pieces().at(0).holes_l0.size(), 2U);
  const auto one = find(slide, {.max_n_holes = 1});
  EXPECT_EQ(one.pieces().at(0).holes_l0.size(), 1U);
  EXPECT_EQ(one.fraction({300, 300, 50, 50}), 0);
  EXPECT_EQ(one.fraction({900, 250, 50, 50}), 1);
}

TEST_F(FindTissueTest, DoesNotTakeTheNoiseOfABlankSlideForTissue) {
  auto slide = uniform(1200, 900, kGlass);
  Random random(3);
  for (auto& value : slide.values()) value = static_cast<std::uint8_t>(value - random.index(8));

  const auto tissue = find(slide);

  EXPECT_EQ(tissue.area_fraction(), 0);
  EXPECT_TRUE(tissue.pieces().empty());
}

TEST_F(FindTissueTest, KeepsAFrameFullOfTissueOfTwoStains) {
  auto frame = uniform(1200, 900, kPink);
  fill(frame, {0, 0, 600, 900}, kPurple);
  EXPECT_EQ(find(frame).area_fraction(), 1);
  EXPECT_EQ(find(uniform(800, 600, kPink)).area_fraction(), 1) << "one colour";
}

TEST_F(FindTissueTest, KeepsMostOfRealPhotomicrographs) {
  TESSERA_NEED_DATA(folder, "pathology/glas");
  int count = 0;
  for (const auto* name : {"testA_10.jpg", "testA_32.jpg", "train_17.jpg", "testB_2.jpg"}) {
    const auto reader = open_slide(folder / name);
    EXPECT_GT(find_tissue(*reader, {0.62, 0.62, "override"}, {}).area_fraction(), 0.95) << name;
    ++count;
  }
  EXPECT_EQ(count, 4);
}

TEST_F(FindTissueTest, RefusesFluorescenceByName) {
  EXPECT_THAT(
      [&] {
        (void)find(uniform(800, 600, {4, 9, 12}));
      },
      Throws<Error>(HasCode(ErrorCode::not_brightfield)));
  TESSERA_NEED_DATA(path, "wsi/Mirax2-Fluorescence-2.mrxs");
  const auto reader = open_slide(path);
  EXPECT_THAT([&] { (void)find_tissue(*reader, *reader->info().scale, {}); },
              Throws<Error>(HasCode(ErrorCode::not_brightfield)));
}

TEST_F(FindTissueTest, UsesTheFixedThresholdWithoutOtsu) {
  auto slide = uniform(800, 800, kGlass);
  fill(slide, {80, 80, 320, 640}, {230, 205, 215});  // saturation 28
  fill(slide, {400, 80, 320, 640}, kPurple);
  EXPECT_NEAR(find(slide, {.use_otsu = false, .sthresh = 20}).area_fraction(), 0.64, 0.01);
  EXPECT_NEAR(find(slide, {.use_otsu = false, .sthresh = 40}).area_fraction(), 0.32, 0.01);
  EXPECT_THAT([&] { (void)find(slide, {.mthresh = 4}); },
              Throws<Error>(HasCode(ErrorCode::invalid_argument)));
}

TEST_F(FindTissueTest, FindsARealSlidesTissue) {
  TESSERA_NEED_DATA(path, "wsi/CMU-1-Small-Region.svs");
  const auto reader = open_slide(path);
  const auto tissue = find_tissue(*reader, *reader->info().scale, {});
  EXPECT_NEAR(tissue.area_fraction(), 0.32, 0.05);
  EXPECT_EQ(tissue.fraction({0, 0, 400, 400}), 0);
  EXPECT_GT(tissue.fraction({1000, 1500, 200, 200}), 0.9);
}

TEST_F(FindTissueTest, WritesClosedRingsWhoseAreaIsTheMasks) {
  auto slide = uniform(1600, 1200, kGlass);
  fill(slide, {400, 240, 640, 480}, kPink);
  fill(slide, {560, 400, 160, 160}, kGlass);
  fill(slide, {1200, 800, 240, 240}, kPurple);

  const auto tissue = find(slide);
  const auto json = nlohmann::json::parse(tissue.to_geojson());

  ASSERT_EQ(json["features"].size(), 2U);
  double area = 0;
  for (const auto& feature : json["features"]) {
    EXPECT_EQ(feature["type"], "Feature");
    EXPECT_EQ(feature["properties"]["objectType"], "annotation");
    EXPECT_EQ(feature["properties"]["classification"]["name"], "Tissue");
    for (const auto& ring : feature["geometry"]["coordinates"]) {
      EXPECT_EQ(ring.front(), ring.back());
      for (std::size_t i = 0; i + 1 < ring.size(); ++i) {
        area += (ring[i][0].get<double>() * ring[i + 1][1].get<double>() -
                 ring[i + 1][0].get<double>() * ring[i][1].get<double>()) /
                2;
      }
    }
  }
  EXPECT_NEAR(area / (1600.0 * 1200), tissue.area_fraction(), 1e-9)
      << "holes run the other way and count negative";
}

TEST(TissueMaskTest, FractionIsExactBetweenMaskPixels) {
  Image8 mask(4, 2, 1);
  *mask.pixel(1, 0) = 255;
  const TissueMask tissue(std::move(mask), {40, 20}, {}, 0);
  EXPECT_DOUBLE_EQ(tissue.fraction({10, 0, 10, 10}), 1);
  EXPECT_DOUBLE_EQ(tissue.fraction({5, 0, 10, 10}), 0.5);
  EXPECT_DOUBLE_EQ(tissue.fraction({12.5, -5, 5, 10}), 0.5) << "outside the slide counts as none";
  EXPECT_DOUBLE_EQ(tissue.fraction({100, 100, 10, 10}), 0);
  EXPECT_DOUBLE_EQ(tissue.area_fraction(), 1.0 / 8);
}

}  // namespace
}  // namespace imaging
