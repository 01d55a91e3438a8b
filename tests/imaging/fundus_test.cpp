#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <vector>

#include "imaging/base/files.h"
#include "imaging/base/random.h"
#include "imaging/fundus/field_of_view.h"
#include "imaging/fundus/quality.h"
#include "imaging/raster/png.h"
#include "tests/support/test_support.h"

namespace {

using imaging::ErrorCode;
using imaging::Image8;
using support::HasCode;

struct Painted {
  std::int64_t width = 400;
  std::int64_t height = 300;
  double x = 200;
  double y = 150;
  double radius = 130;
  std::uint8_t background = 0;
};

/// An orange disc with a little noise on a dark frame.
Image8 paint_disc(const Painted& painted) {
  Image8 image(painted.width, painted.height, 3, painted.background);
  imaging::Random random(3);
  for (std::int64_t y = 0; y < painted.height; ++y) {
    for (std::int64_t x = 0; x < painted.width; ++x) {
      const bool is_inside = std::hypot(static_cast<double>(x) - painted.x,
                                        static_cast<double>(y) - painted.y) <= painted.radius;
      const double noise =
          random.uniform(0, 10) + 30.0 * static_cast<double>(x) / static_cast<double>(painted.width);
      auto* pixel = image.pixel(x, y);
      if (is_inside) {
        pixel[0] = static_cast<std::uint8_t>(170 + noise);
        pixel[1] = static_cast<std::uint8_t>(85 + noise);
        pixel[2] = static_cast<std::uint8_t>(40 + noise);
      } else {
        for (int c = 0; c < 3; ++c) pixel[c] = static_cast<std::uint8_t>(painted.background + noise / 8);
      }
    }
  }
  return image;
}

void expect_circle(const imaging::FieldOfView& field, const Painted& truth, double tolerance) {
  EXPECT_NEAR(field.centre.x, truth.x, tolerance) << field.method;
  EXPECT_NEAR(field.centre.y, truth.y, tolerance) << field.method;
  EXPECT_NEAR(field.radius, truth.radius, tolerance) << field.method;
}

TEST(FieldOfViewTest, FindsADiscByThePublishedRule) {
  const Painted truth{.x = 210, .y = 140};
  const auto field = imaging::find_field_of_view(paint_disc(truth));
  EXPECT_EQ(field.method, "gdrbench");
  EXPECT_TRUE(field.warnings.empty());
  expect_circle(field, truth, 3);
}

TEST(FieldOfViewTest, FindsADiscThatTheFrameCuts) {
  for (const Painted& truth : {Painted{.x = 200, .y = 150, .radius = 180}, Painted{.x = 90, .y = 150},
                               Painted{.x = 330, .y = 230}}) {
    const auto field = imaging::find_field_of_view(paint_disc(truth));
    expect_circle(field, truth, 4);
    EXPECT_LT(imaging::seen_share(field, {truth.width, truth.height}), 0.97);
  }
}

TEST(FieldOfViewTest, FindsADiscOnGreyAndOnWhite) {
  for (const int background : {30, 60, 245}) {
    const Painted truth{.background = static_cast<std::uint8_t>(background)};
    expect_circle(imaging::find_field_of_view(paint_disc(truth)), truth, 4);
  }
}

TEST(FieldOfViewTest, FindsADiscBesideRedTextOnAWhiteBorder) {
  const Painted truth{.x = 200, .y = 170, .radius = 120, .background = 248};
  auto image = paint_disc(truth);
  for (std::int64_t y = 8; y < 30; ++y) {  // letters
    for (std::int64_t x = 20; x < 300; ++x) {
      if (x / 6 % 2 == 0 || y / 8 % 2 == 0) {
        auto* pixel = image.pixel(x, y);
        pixel[0] = 230;
        pixel[1] = pixel[2] = 20;
      }
    }
  }
  const auto field = imaging::find_field_of_view(image);
  expect_circle(field, truth, 4);
  EXPECT_FALSE(field.warnings.empty());
}

TEST(FieldOfViewTest, FindsADiscOf28Pixels) {
  const Painted truth{.width = 28, .height = 28, .x = 13.5, .y = 13.5, .radius = 12.5};
  const auto field = imaging::find_field_of_view(paint_disc(truth));
  expect_circle(field, truth, 1.5);
  EXPECT_FALSE(field.warnings.empty());
}

TEST(FieldOfViewTest, FindsTheDiscInGreyAsInColour) {
  const Painted truth;
  const auto colour = paint_disc(truth);
  Image8 grey(truth.width, truth.height, 1);
  for (std::int64_t y = 0; y < truth.height; ++y) {
    for (std::int64_t x = 0; x < truth.width; ++x) *grey.pixel(x, y) = colour.pixel(x, y)[1];
  }
  expect_circle(imaging::find_field_of_view(grey), truth, 3);
}

TEST(FieldOfViewTest, TakesTheFrameThatLiesWithinTheField) {
  const auto field = imaging::find_field_of_view(paint_disc({.radius = 400}));
  EXPECT_EQ(field.method, "full frame");
  EXPECT_FALSE(field.warnings.empty());
  EXPECT_EQ(field.box, (imaging::RectD{0, 0, 400, 300}));
}

TEST(FieldOfViewTest, RefusesWhatIsNoFundus) {
  Image8 page(300, 400, 3, 255);
  for (std::int64_t y = 50; y < 350; y += 20) {
    for (std::int64_t x = 30; x < 270; ++x) {
      if (x % 7 < 4) std::fill_n(page.pixel(x, y), 3, std::uint8_t{0});
    }
  }
  Image8 stripes(300, 300, 3);
  for (std::int64_t y = 0; y < 300; ++y) {
    for (std::int64_t x = 0; x < 300; ++x)
      stripes.pixel(x, y)[y / 30 % 3] = static_cast<std::uint8_t>(x / 40 % 2 == 0 ? 220 : 20);
  }
  for (const auto& image :
       {Image8(200, 200, 3), Image8(200, 200, 3, 255), page, stripes, Image8(1, 1, 3, 9)}) {
    EXPECT_THAT([&] { (void)imaging::find_field_of_view(image); },
                testing::Throws<imaging::Error>(HasCode(ErrorCode::insufficient_data)));
  }
  EXPECT_THAT([&] { (void)imaging::find_field_of_view(Image8()); },
              testing::Throws<imaging::Error>(HasCode(ErrorCode::invalid_argument)));
}

TEST(FieldOfViewTest, RefusesWhatIsTooNarrowForARoundField) {
  for (const auto& [width, height] :
       std::vector<std::pair<std::int64_t, std::int64_t>>{{100000, 1}, {1, 5000}, {15, 15}, {400, 20}}) {
    auto image = paint_disc({.width = width, .height = height, .x = 5, .y = 5, .radius = 4});
    EXPECT_THAT([&] { (void)imaging::find_field_of_view(image); },
                testing::Throws<imaging::Error>(testing::AllOf(
                    HasCode(ErrorCode::insufficient_data),
                    testing::Property(&imaging::Error::what, testing::HasSubstr("too narrow")))))
        << width << " x " << height;
  }
}

TEST(FundusQualityTest, RefusesThresholdsInTheWrongOrder) {
  const auto image = paint_disc({});
  const auto field = imaging::find_field_of_view(image);
  EXPECT_NO_THROW((void)imaging::assess_quality(image, field));
  for (const auto& [options, name] : std::vector<std::pair<imaging::FundusQualityOptions, std::string>>{
           {{.exposure_zero = 0.3}, "exposure_full"},
           {{.clipped_full = 0.4}, "clipped_zero"},
           {{.evenness_zero = 0.5}, "evenness_full"},
           {{.focus_full = 0.1}, "focus_zero"},
           {{.vessel_contrast_full = 0.01}, "vessel_contrast_zero"},
           {{.seen_zero = 0.9}, "seen_full"},
           {{.offset_zero = 0.1}, "offset_full"},
           {{.diameter_full_px = 30}, "diameter_zero_px"},
           {{.ungradable_below = 0.6}, "poor_below"}}) {
    EXPECT_THAT([&] { (void)imaging::assess_quality(image, field, options); },
                testing::Throws<imaging::Error>(
                    testing::AllOf(HasCode(ErrorCode::invalid_argument),
                                   testing::Property(&imaging::Error::what, testing::HasSubstr(name)))));
  }
}

TEST(FieldOfViewTest, CropIsASquareWithTheBoxInTheMiddle) {
  const Painted truth{.x = 200, .y = 150, .radius = 180};
  const auto photograph = paint_disc(truth);
  const auto field = imaging::find_field_of_view(photograph);
  const auto crop = imaging::crop_to_field(photograph, field, 512);
  ASSERT_EQ(crop.image.width(), 512);
  ASSERT_EQ(crop.mask.height(), 512);
  EXPECT_EQ(*crop.mask.pixel(256, 256), 255);
  EXPECT_GT(crop.image.pixel(256, 256)[2], 30);
  EXPECT_EQ(*crop.mask.pixel(256, 10), 0) << "padding: the frame cut the disc's top";
  EXPECT_EQ(*crop.mask.pixel(2, 256), 255);
  EXPECT_EQ(*crop.mask.pixel(2, 60), 0);
  for (std::int64_t y = 0; y < 512; ++y) {
    for (std::int64_t x = 0; x < 512; ++x) {
      ASSERT_TRUE(*crop.mask.pixel(x, y) != 0 || crop.image.pixel(x, y)[0] == 0);
    }
  }
}

TEST(FieldOfViewTest, CropOfAFineCameraIsTheMeanOfItsPixels) {
  const Painted truth{.width = 800, .height = 800, .x = 400, .y = 400, .radius = 380};
  auto photograph = paint_disc(truth);
  const auto field = imaging::find_field_of_view(photograph);
  const auto smooth = imaging::crop_to_field(photograph, field, 100);
  for (std::int64_t y = 0; y < 800; ++y) {
    for (std::int64_t x = 0; x < 800; ++x) {
      if (std::hypot(static_cast<double>(x) - 400, static_cast<double>(y) - 400) > 370) continue;
      photograph.pixel(x, y)[2] =
          static_cast<std::uint8_t>(photograph.pixel(x, y)[2] + ((x + y) % 2 == 0 ? 20 : -20));
    }
  }
  const auto crop = imaging::crop_to_field(photograph, field, 100);
  for (std::int64_t y = 30; y < 70; ++y) {
    for (std::int64_t x = 30; x < 70; ++x)
      ASSERT_NEAR(crop.image.pixel(x, y)[2], smooth.image.pixel(x, y)[2], 5) << x << ", " << y;
  }
}

TEST(FieldOfViewTest, AgreesWithTheMasksOfDrive) {
  TESSERA_NEED_DATA(folder, "retina_seg/drive");
  for (const auto& entry : std::filesystem::directory_iterator(folder / "fov")) {
    const auto truth = imaging::decode_image(imaging::read_file(entry.path()));
    std::filesystem::path photograph;
    const auto number = entry.path().filename().string().substr(0, 2);
    for (const auto& candidate : std::filesystem::directory_iterator(folder / "images")) {
      if (candidate.path().filename().string().starts_with(number)) photograph = candidate.path();
    }
    const auto image = imaging::decode_image(imaging::read_file(photograph));
    const auto field = imaging::find_field_of_view(image);
    const auto mask = imaging::field_mask(field, {image.width(), image.height()});
    double both = 0;
    double sum = 0;
    for (std::int64_t y = 0; y < image.height(); ++y) {
      for (std::int64_t x = 0; x < image.width(); ++x) {
        const bool mine = *mask.pixel(x, y) != 0;
        const bool theirs = truth.pixel(x, y)[0] > 127;
        both += mine && theirs ? 1 : 0;
        sum += (mine ? 1 : 0) + (theirs ? 1 : 0);
      }
    }
    EXPECT_GT(2 * both / sum, 0.985) << photograph.filename();
  }
}

}  // namespace
