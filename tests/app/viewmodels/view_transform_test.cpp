#include "app/viewmodels/view_transform.h"

#include <gtest/gtest.h>

#include <cmath>

namespace viewmodels {
namespace {

ViewTransform large_slide() {
  ViewTransform view;
  view.resize_view(1000, 700);
  view.set_slide({60000, 40000});
  return view;
}

TEST(ViewTransformTest, FitsTheWholeSlideInTheMiddle) {
  const auto view = large_slide();

  EXPECT_DOUBLE_EQ(view.scale(), 1000.0 / 60000);
  const auto corner = view.to_view({0, 0});
  const auto opposite = view.to_view({60000, 40000});
  EXPECT_NEAR(corner.x, 0, 1e-9);
  EXPECT_NEAR(opposite.x, 1000, 1e-9);
  EXPECT_NEAR(corner.y, 700 - opposite.y, 1e-9);
}

TEST(ViewTransformTest, ZoomKeepsTheLevelZeroPointUnderTheCursor) {
  auto view = large_slide();
  const imaging::PointD cursor{731.25, 412.5};
  const auto before = view.to_l0(cursor);
  for (int i = 0; i < 30; ++i) {
    view.zoom_about(cursor, 1.17);
    EXPECT_NEAR(view.to_l0(cursor).x, before.x, 1e-9);
    EXPECT_NEAR(view.to_l0(cursor).y, before.y, 1e-9);
  }
  EXPECT_NEAR(view.scale(), 1000.0 / 60000 * std::pow(1.17, 30), 1e-9);
}

TEST(ViewTransformTest, TurnedAndMirroredViewsKeepTheirPromises) {
  for (const double angle : {0.0, 90.0, 180.0, 270.0, 33.0}) {
    for (const bool mirrored : {false, true}) {
      auto view = large_slide();
      view.set_turn(angle, mirrored);
      for (const auto corner :
           {imaging::PointD{0, 0}, imaging::PointD{60000, 0}, imaging::PointD{0, 40000}}) {
        const auto place = view.to_view(corner);  // fitted: the whole slide is in the view
        EXPECT_GE(place.x, -1e-6);
        EXPECT_LE(place.x, 1000 + 1e-6);
        EXPECT_GE(place.y, -1e-6);
        EXPECT_LE(place.y, 700 + 1e-6);
      }
      const imaging::PointD cursor{731.25, 412.5};
      const auto before = view.to_l0(cursor);
      view.zoom_about(cursor, 40);
      EXPECT_NEAR(view.to_l0(cursor).x, before.x, 1e-6);
      EXPECT_NEAR(view.to_l0(cursor).y, before.y, 1e-6);
      const auto place = view.to_view(before);
      view.pan_by(13, -7);
      EXPECT_NEAR(view.to_view(before).x, place.x + 13, 1e-6) << "the content follows the hand";
      EXPECT_NEAR(view.to_view(before).y, place.y - 7, 1e-6);
      const auto visible = view.visible_l0();
      for (const auto edge : {imaging::PointD{0, 0}, imaging::PointD{1000, 0}, imaging::PointD{1000, 700}}) {
        const auto l0 = view.to_l0(edge);
        EXPECT_GE(l0.x, visible.x - 1e-6);
        EXPECT_LE(l0.y, visible.bottom() + 1e-6);
      }
    }
  }
}

TEST(ViewTransformTest, AQuarterTurnBringsTheTopToTheRight) {
  auto view = large_slide();
  view.set_turn(90, false);
  const auto top = view.to_view({30000, 0});
  const auto bottom = view.to_view({30000, 40000});
  EXPECT_GT(top.x, bottom.x);
  EXPECT_NEAR(top.y, bottom.y, 1e-9);
  view.set_turn(0, true);
  EXPECT_GT(view.to_view({0, 0}).x, view.to_view({60000, 0}).x);
}

TEST(ViewTransformTest, ViewAndSlideCoordinatesAreInverse) {
  auto view = large_slide();
  view.zoom_about({200, 300}, 37.3);
  const auto there = view.to_view({12345.678, 23456.789});
  const auto back = view.to_l0(there);

  EXPECT_NEAR(back.x, 12345.678, 1e-8);
  EXPECT_NEAR(back.y, 23456.789, 1e-8);
}

TEST(ViewTransformTest, LimitsTheScale) {
  auto view = large_slide();
  view.zoom_about({500, 350}, 1e9);
  EXPECT_DOUBLE_EQ(view.scale(), ViewTransform::kMaxScale);
  view.zoom_about({500, 350}, 1e-12);
  EXPECT_DOUBLE_EQ(view.scale(), view.min_scale());
}

TEST(ViewTransformTest, KeepsPartOfTheSlideInsideTheViewHoweverFarItIsDragged) {
  auto view = large_slide();
  view.set_scale(1);
  for (const auto& [dx, dy] : {std::pair{1e7, 0.0}, {-1e7, 0.0}, {0.0, 1e7}, {0.0, -1e7}, {1e7, 1e7}}) {
    view.pan_by(dx, dy);
    const auto slide = view.rect_to_upright({0, 0, 60000, 40000});
    EXPECT_LE(slide.x, 1000 - ViewTransform::kKeepVisible + 1e-6);
    EXPECT_GE(slide.right(), ViewTransform::kKeepVisible - 1e-6);
    EXPECT_LE(slide.y, 700 - ViewTransform::kKeepVisible + 1e-6);
    EXPECT_GE(slide.bottom(), ViewTransform::kKeepVisible - 1e-6);
  }
}

TEST(ViewTransformTest, PanMovesTheContentByViewPixels) {
  auto view = large_slide();
  view.set_scale(2);
  const auto before = view.to_view({30000, 20000});
  view.pan_by(15, -7);
  const auto after = view.to_view({30000, 20000});

  EXPECT_NEAR(after.x - before.x, 15, 1e-8);
  EXPECT_NEAR(after.y - before.y, -7, 1e-8);
}

TEST(ViewTransformTest, StaysFittedWhenTheWindowChangesAndKeepsTheCentreOtherwise) {
  auto view = large_slide();
  view.resize_view(500, 700);
  EXPECT_DOUBLE_EQ(view.scale(), 500.0 / 60000);

  view.set_scale(1);
  const auto centre = view.centre_l0();
  view.resize_view(800, 300);
  EXPECT_DOUBLE_EQ(view.scale(), 1);
  EXPECT_EQ(view.centre_l0(), centre);
}

TEST(ViewTransformTest, ShowsARectangleInTheMiddle) {
  auto view = large_slide();
  view.show_rect({10000, 20000, 512, 512}, 0.5);
  const auto rect = view.rect_to_upright({10000, 20000, 512, 512});

  EXPECT_NEAR(rect.height, 350, 1e-6);
  EXPECT_NEAR(rect.x + rect.width / 2, 500, 1e-6);
  EXPECT_NEAR(rect.y + rect.height / 2, 350, 1e-6);
}

TEST(ViewTransformTest, HoldsForAnImageOfOnePixel) {
  ViewTransform view;
  view.resize_view(1000, 700);
  view.set_slide({1, 1});
  EXPECT_DOUBLE_EQ(view.scale(), ViewTransform::kMaxScale);
  view.zoom_about({0, 0}, 0.01);
  view.pan_by(1e5, 1e5);
  EXPECT_TRUE(std::isfinite(view.centre_l0().x));
}

TEST(ScaleBarTest, IsRoundAndAsLongAsAllowed) {
  for (double units = 1e-4; units < 1e4; units *= 1.37) {
    const auto bar = choose_scale_bar(units, 160);
    EXPECT_LE(bar.length_view, 160);
    EXPECT_GT(bar.length_view, 160 * 0.39);
    const auto mantissa = bar.value / std::pow(10, std::floor(std::log10(bar.value) + 1e-12));
    EXPECT_TRUE(std::abs(mantissa - 1) < 1e-9 || std::abs(mantissa - 2) < 1e-9 ||
                std::abs(mantissa - 5) < 1e-9)
        << bar.value;
    EXPECT_NEAR(bar.value, bar.length_view * units, 1e-9 * bar.value);
  }
}

}  // namespace
}  // namespace viewmodels
