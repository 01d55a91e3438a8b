#include "app/viewmodels/annotation_editor.h"

#include <gtest/gtest.h>

#include <QCoreApplication>

#include "app/viewmodels/display.h"
#include "tests/support/test_support.h"

namespace viewmodels {
namespace {

imaging::SlideInfo painted_slide(const std::filesystem::path& path) {
  imaging::SlideInfo info;
  info.path = path;
  info.levels = {{1000, 800, 1}};
  return info;
}

class AnnotationEditorTest : public testing::Test {
 protected:
  AnnotationEditorTest() : document_(painted_slide(folder_ / "a.png"), folder_ / "a.geojson") {
    editor_.set_document(&document_);
  }
  support::TemporaryFolder folder_;
  AnnotationDocument document_;
  AnnotationEditor editor_;
};

TEST_F(AnnotationEditorTest, LeavesTheDragToTheCanvasWhereItHasNoUseForIt) {
  EXPECT_FALSE(editor_.press({10, 10}, 2)) << "pan";
  editor_.set_tool(Tool::select);
  EXPECT_FALSE(editor_.press({10, 10}, 2)) << "nothing there";
  editor_.set_document(nullptr);
  editor_.set_tool(Tool::rectangle);
  EXPECT_FALSE(editor_.press({10, 10}, 2)) << "no slide";
}

TEST_F(AnnotationEditorTest, DropsAClickWithADragToolAndAPolygonOfTwoCorners) {
  editor_.set_tool(Tool::rectangle);
  EXPECT_TRUE(editor_.press({10, 10}, 4));
  editor_.release({10.5, 10.5});
  EXPECT_EQ(document_.rowCount(), 0);
  editor_.set_tool(Tool::polygon);
  editor_.press({10, 10}, 4);
  editor_.press({90, 10}, 4);
  editor_.finish();
  EXPECT_EQ(document_.rowCount(), 0);
  EXPECT_FALSE(editor_.draft());
}

TEST_F(AnnotationEditorTest, EndsAPolygonAtItsFirstCorner) {
  editor_.set_tool(Tool::polygon);
  for (const auto corner : {imaging::PointD{10, 10}, {90, 10}, {90, 90}, {11, 11}}) editor_.press(corner, 4);
  ASSERT_EQ(document_.rowCount(), 1);
  EXPECT_EQ(document_.items()[0]->geometry.parts[0][0].size(), 3U);
}

TEST_F(AnnotationEditorTest, TakesTheTopmostAndSurvivesAnUndoUnderTheHand) {
  editor_.set_tool(Tool::rectangle);
  editor_.press({0, 0}, 4);
  editor_.release({100, 100});
  editor_.press({50, 50}, 4);
  editor_.release({150, 150});
  EXPECT_EQ(editor_.row_at({75, 75}, 4), 1);
  EXPECT_EQ(editor_.row_at({20, 20}, 4), 0);
  EXPECT_EQ(editor_.row_at({300, 20}, 4), -1);
  editor_.set_tool(Tool::select);
  EXPECT_TRUE(editor_.press({75, 75}, 4));
  document_.undo_stack()->undo();
  editor_.move({80, 80});
  editor_.release({90, 90});
  EXPECT_EQ(document_.rowCount(), 1);
}

TEST_F(AnnotationEditorTest, KeepsTheLastFiveHundredStepsOfUndo) {
  editor_.set_tool(Tool::point);
  for (int i = 0; i < 600; ++i) editor_.press({static_cast<double>(i), 5}, 4);
  while (document_.undo_stack()->canUndo()) document_.undo_stack()->undo();
  EXPECT_EQ(document_.rowCount(), 100) << "500 steps are kept";
}

TEST(DisplayTest, ChangesNothingWhilePlainAndKeepsGlassWhite) {
  Display display;
  QImage image(2, 1, QImage::Format_RGB32);
  image.setPixel(0, 0, qRgb(255, 255, 255));
  image.setPixel(1, 0, qRgb(120, 60, 200));
  auto plain = image;
  display.apply(plain);
  EXPECT_TRUE(display.is_plain());
  EXPECT_EQ(plain.pixel(1, 0), image.pixel(1, 0));
  for (const auto channel :
       {Display::Channel::haematoxylin, Display::Channel::eosin, Display::Channel::residual}) {
    display.set_channel(channel);
    auto shown = image;
    display.apply(shown);
    EXPECT_EQ(shown.pixel(0, 0), qRgb(255, 255, 255));
  }
  display.reset();
  display.set_gamma(2);
  display.apply(image);
  EXPECT_GT(qRed(image.pixel(1, 0)), 120);
}

TEST(DisplayTest, PartsThePureStains) {
  // Haematoxylin alone, one OD along Ruifrok's vector: all of it shows there and nothing in eosin.
  const auto level = [](double od) { return static_cast<int>(std::lround(255 * std::pow(10, -od))); };
  QImage image(1, 1, QImage::Format_RGB32);
  image.setPixel(0, 0, qRgb(level(0.650), level(0.704), level(0.286)));
  Display display;
  display.set_channel(Display::Channel::haematoxylin);
  auto shown = image;
  display.apply(shown);
  EXPECT_NEAR(qRed(shown.pixel(0, 0)), level(0.650), 6);
  EXPECT_NEAR(qBlue(shown.pixel(0, 0)), level(0.286), 6);
  display.set_channel(Display::Channel::eosin);
  display.apply(image);
  EXPECT_GT(qGreen(image.pixel(0, 0)), 240);
}

}  // namespace
}  // namespace viewmodels
