#include "app/workflows/segment_image.h"

#include <algorithm>
#include <cmath>

#include "imaging/base/random.h"
#include "tests/support/test_support.h"

namespace {

using imaging::Error;
using imaging::ErrorCode;
using support::HasCode;
using testing::HasSubstr;

/// A noisy picture of which a part does not decode.
class DamagedReader : public imaging::SlideReader {
 public:
  DamagedReader(imaging::SizeI size, imaging::RectD damaged) : damaged_(damaged) {
    info_.path = "slide.tif";
    info_.levels = {{size.width, size.height, 1}};
  }
  [[nodiscard]] const imaging::SlideInfo& info() const override { return info_; }
  [[nodiscard]] imaging::Image8 read_region(std::int64_t x, std::int64_t y, int /*level*/,
                                            imaging::SizeI size) const override {
    if (static_cast<double>(x) < damaged_.right() && static_cast<double>(x + size.width) > damaged_.x &&
        static_cast<double>(y) < damaged_.bottom() && static_cast<double>(y + size.height) > damaged_.y)
      throw Error(ErrorCode::corrupt_data, "slide.tif: a tile does not decode.");
    imaging::Random random(7);
    imaging::Image8 picture(size.width, size.height, 3);
    for (auto& value : picture.values()) value = static_cast<std::uint8_t>(random.index(256));
    return picture;
  }
  [[nodiscard]] imaging::Image8 read_associated(const std::string& name) const override {
    throw Error(ErrorCode::not_found, name);
  }

 private:
  imaging::SlideInfo info_;
  imaging::RectD damaged_;
};

class SegmentImageTest : public testing::Test {
 protected:
  [[nodiscard]] models::ModelPackage package(const std::string& name, bool is_cropped,
                                             std::int64_t channels) const {
    models::SegmenterFacts facts;
    facts.class_names = {"background", "vessel"};
    facts.channels = channels;
    facts.crop_to_field = is_cropped;
    models::write_untrained_segmenter(folder_ / name, facts, {.widths = {4, 8}}, 5);
    return models::ModelPackage::open(folder_ / name);
  }
  support::TemporaryFolder folder_;
  static constexpr models::SegmentTilingOptions kTiling{.tile = 64, .overlap = 8};
};

TEST_F(SegmentImageTest, ATileThatDoesNotDecodeIsNotedAndTheRestGoesOn) {
  const auto model = package("model", false, 3);
  auto segmenter = models::Segmenter::open(model, "cpu");
  const DamagedReader reader({300, 200}, {10, 10, 5, 5});
  const auto area = workflows::segment_area(reader.info(), std::nullopt, model, std::nullopt);
  EXPECT_EQ(area.size, (imaging::SizeI{300, 200}));
  workflows::SlideDamage damage;
  std::int64_t rows = 0;
  workflows::segment_slide(reader, area, segmenter, kTiling,
                           [&](const imaging::Image8& band) {
                             EXPECT_EQ(band.width(), 300);
                             rows += band.height();
                           },
                           damage, {});
  EXPECT_EQ(rows, 200);
  EXPECT_EQ(damage.places.size(), 1U);
  EXPECT_GT(damage.reads, 8);
  EXPECT_THAT(damage.places.front().reason, HasSubstr("does not decode"));
}

TEST_F(SegmentImageTest, ARegionMustLieInTheSlide) {
  const auto model = package("model", false, 3);
  const DamagedReader reader({300, 200}, {});
  const auto area = workflows::segment_area(reader.info(), std::nullopt, model, "20,30,100,50");
  EXPECT_EQ(area.size, (imaging::SizeI{100, 50}));
  EXPECT_EQ(area.origin_l0, (imaging::PointD{20, 30}));
  for (const auto* text : {"", "1,2,3", "1,2,3,4,5", "a,b,c,d", "-1,0,10,10", "250,0,100,10", "0,0,0,10"}) {
    EXPECT_THAT([&] { (void)workflows::segment_area(reader.info(), std::nullopt, model, text); },
                testing::Throws<Error>(HasCode(ErrorCode::invalid_argument)))
        << text;
  }
}

TEST_F(SegmentImageTest, OutsideTheFieldOfViewIsBackground) {
  const auto model = package("model", true, 3);
  auto segmenter = models::Segmenter::open(model, "cpu");
  constexpr std::int64_t kWidth = 260, kHeight = 220;
  imaging::Image8 photograph(kWidth, kHeight, 3);
  imaging::Random random(3);
  const auto is_inside = [](std::int64_t x, std::int64_t y, double radius) {
    return std::hypot(static_cast<double>(x) - 130, static_cast<double>(y) - 110) < radius;
  };
  for (std::int64_t y = 0; y < kHeight; ++y) {
    for (std::int64_t x = 0; x < kWidth; ++x) {
      if (!is_inside(x, y, 100)) continue;
      const int noise = static_cast<int>(random.index(20));
      const std::array<int, 3> colour{180 + noise, 90 + noise, 40 + noise};
      std::ranges::copy(colour, photograph.pixel(x, y));
    }
  }
  const auto found = workflows::segment_picture(photograph, segmenter, kTiling, {});
  ASSERT_TRUE(found.field);
  EXPECT_EQ(found.labels.width(), kWidth);
  EXPECT_EQ(found.labels.height(), kHeight);
  for (std::int64_t y = 0; y < kHeight; ++y) {
    for (std::int64_t x = 0; x < kWidth; ++x) {
      if (is_inside(x, y, 104)) continue;
      ASSERT_EQ(*found.labels.pixel(x, y), 0) << x << ", " << y;
    }
  }
}

TEST_F(SegmentImageTest, VolumesAreSegmentedSliceBySlice) {
  const auto model = package("grey", false, 1);
  auto segmenter = models::Segmenter::open(model, "cpu");
  imaging::Volume volume;
  volume.geometry.size = {12, 10, 3};
  volume.sample_type = "short";
  imaging::Random random(2);
  for (std::int64_t i = 0; i < volume.geometry.voxels(); ++i)
    volume.values.push_back(static_cast<float>(random.index(2000)) - 500);
  std::vector<std::string> warnings;
  const auto labels = workflows::segment_volume(volume, segmenter, kTiling, warnings, {});
  EXPECT_EQ(labels.size(), 360U);
  EXPECT_THAT(warnings, testing::ElementsAre(HasSubstr("are shown to the model as 0 to 255")));
  const auto shown = workflows::show_slice(volume, 1);
  EXPECT_EQ(shown.width(), 12);
  EXPECT_EQ(shown.channels(), 3);
  volume.channels = 2;
  volume.values.resize(720);
  EXPECT_THAT([&] { (void)workflows::segment_volume(volume, segmenter, kTiling, warnings, {}); },
              testing::Throws<Error>(HasCode(ErrorCode::incompatible)));
}

TEST_F(SegmentImageTest, AStopIsAnsweredWithinATile) {
  const auto model = package("model", false, 3);
  auto segmenter = models::Segmenter::open(model, "cpu");
  const DamagedReader reader({300, 200}, {});
  const auto area = workflows::segment_area(reader.info(), std::nullopt, model, std::nullopt);
  std::stop_source stop;
  workflows::SlideDamage damage;
  const imaging::JobContext job(stop.get_token(), [&](const imaging::Progress&) { stop.request_stop(); });
  EXPECT_THROW(workflows::segment_slide(
                   reader, area, segmenter, kTiling, [](const imaging::Image8&) {}, damage, job),
               imaging::Cancelled);
  EXPECT_LE(damage.reads, 2) << "the tile at hand and the one that is read ahead, of 24";
}

}  // namespace
