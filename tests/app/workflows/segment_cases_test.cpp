#include "app/workflows/segment_cases.h"

#include <gmock/gmock.h>

#include "imaging/base/files.h"
#include "imaging/raster/png.h"
#include "tests/support/test_support.h"

namespace {

using imaging::ErrorCode;
using support::HasCode;
using workflows::SegmentDataOptions;

/// A data set of painted images: 8 x 6 pixels, masks of the same size.
class SegmentCasesTest : public testing::Test {
 protected:
  void paint(const std::string& name, std::uint8_t value, imaging::SizeI size = {8, 6}) const {
    imaging::write_png(folder_ / name, imaging::Image8(size.width, size.height, 3, value));
  }
  /// A mask that is `value` in its left half.
  void paint_mask(const std::string& name, std::uint8_t value, imaging::SizeI size = {8, 6}) const {
    imaging::Image8 mask(size.width, size.height, 1);
    for (std::int64_t y = 0; y < size.height; ++y) {
      for (std::int64_t x = 0; x < size.width / 2; ++x) *mask.pixel(x, y) = value;
    }
    imaging::write_png(folder_ / name, mask);
  }
  [[nodiscard]] workflows::SegmentData read(const SegmentDataOptions& options,
                                            const std::string& data = ".") const {
    return workflows::read_segment_data((folder_ / data).lexically_normal(), options);
  }
  [[nodiscard]] std::string failure_of(const SegmentDataOptions& options, ErrorCode code,
                                       const std::string& data = ".") const {
    try {
      const auto found = read(options, data);
      for (const auto& one : found.cases) (void)workflows::read_segment_case(found, one);
    } catch (const imaging::Error& error) {
      EXPECT_THAT(error, HasCode(code));
      return error.what();
    }
    return "nothing was refused";
  }

  support::TemporaryFolder folder_;
};

TEST_F(SegmentCasesTest, PairsMasksOfTheSameStemInAStableOrder) {
  for (const auto* stem : {"b", "a", "c"}) {
    paint(std::string("images/") + stem + ".png", 100);
    paint_mask(std::string("masks/") + stem + ".png", 1);
  }
  imaging::write_file(folder_ / "images/notes.txt", "no image");

  const auto data = read({.classes = {"vessel"}});

  ASSERT_EQ(data.cases.size(), 3U);
  EXPECT_EQ(data.cases[0].name, "a");
  EXPECT_EQ(data.cases[2].name, "c");
  EXPECT_THAT(data.class_names, testing::ElementsAre("background", "vessel"));
  const auto sample = workflows::read_segment_case(data, data.cases[1]);
  EXPECT_EQ(sample.image.channels(), 3);
  ASSERT_TRUE(sample.labels);
  EXPECT_EQ(*sample.labels->pixel(3, 5), 1);
  EXPECT_EQ(*sample.labels->pixel(4, 5), 0);
  EXPECT_FALSE(sample.spacing_mm);
}

TEST_F(SegmentCasesTest, PairsTheNamesOfChaseAndOfDrive) {
  for (const auto* stem : {"Image_01L", "Image_01R"}) {
    paint(std::string("chase/images/") + stem + ".png", 100);
    paint_mask(std::string("chase/vessels_1st/") + stem + "_1stHO.png", 255);
  }
  for (const auto* stem : {"21", "22"}) {
    paint(std::string("drive/images/") + stem + "_training.png", 100);
    paint_mask(std::string("drive/vessels_1st/") + stem + "_manual1.png", 255);
  }
  const auto chase = read({.classes = {"vessel=vessels_1st"}, .group = "Image_([0-9]+)"}, "chase");
  EXPECT_EQ(chase.cases[1].masks[0].filename(), "Image_01R_1stHO.png");
  EXPECT_EQ(chase.cases[0].group, "01");
  EXPECT_EQ(chase.cases[1].group, "01");
  const auto drive = read({.classes = {"vessel=vessels_1st"}}, "drive");
  EXPECT_EQ(drive.cases[1].masks[0].filename(), "22_manual1.png");
  EXPECT_EQ(drive.cases[1].group, "22_training");
}

TEST_F(SegmentCasesTest, OfOverlappingClassesTheLaterOneCounts) {
  paint("images/eye.png", 100);
  imaging::write_png(folder_ / "disc/eye.png", imaging::Image8(8, 6, 1, 255));
  paint_mask("cup/eye.png", 255);
  const auto data = read({.classes = {"disc=disc", "cup=cup"}});
  const auto sample = workflows::read_segment_case(data, data.cases[0]);
  EXPECT_EQ(*sample.labels->pixel(0, 0), 2);
  EXPECT_EQ(*sample.labels->pixel(7, 0), 1);
}

TEST_F(SegmentCasesTest, WhatIncompleteTruthMeansIsSaidByAPerson) {
  for (const auto* stem : {"a", "b", "c"}) {
    paint(std::string("images/") + stem + ".png", 100);
    if (*stem != 'c') paint_mask(std::string("disc/") + stem + ".png", 255);
    if (*stem == 'a') paint_mask(std::string("cup/") + stem + ".png", 255);
  }
  SegmentDataOptions options{.classes = {"disc=disc", "cup=cup"}};
  EXPECT_THAT(failure_of(options, ErrorCode::not_found),
              testing::HasSubstr("b.png has no mask of the class 'cup'"));
  options.incomplete = "leave-out";
  const auto left = read(options);
  ASSERT_EQ(left.cases.size(), 2U);
  EXPECT_TRUE(left.cases[1].masks.empty()) << "c has no truth at all and stays, for prediction";
  options.incomplete = "empty";
  const auto emptied = read(options);
  ASSERT_EQ(emptied.cases.size(), 3U);
  const auto sample = workflows::read_segment_case(emptied, emptied.cases[2]);
  EXPECT_EQ(*sample.labels, imaging::Image8(8, 6, 1));
}

TEST_F(SegmentCasesTest, NumbersOfObjectsAreOneClassAndDeepMasksAreReadAsStored) {
  paint("a.png", 100);
  paint_mask("masks/a.png", 77);
  const auto data = read({.classes = {"nucleus"}, .mask_values = "objects"});
  const auto sample = workflows::read_segment_case(data, data.cases[0]);
  EXPECT_EQ(*sample.labels->pixel(0, 0), 1);
  EXPECT_THAT(
      failure_of({.classes = {"nucleus"}}, ErrorCode::incompatible),
      testing::AllOf(testing::HasSubstr("value 77 at (0, 0)"), testing::HasSubstr("--mask-values objects")));
}

TEST_F(SegmentCasesTest, ValuesOfClassesMayBeChosen) {
  paint("images/a.png", 100);
  paint_mask("masks/a.png", 4);
  const auto data = read({.classes = {"core:1", "oedema:2", "enhancing:4"}});
  const auto sample = workflows::read_segment_case(data, data.cases[0]);
  EXPECT_EQ(*sample.labels->pixel(0, 0), 3);
}

TEST_F(SegmentCasesTest, ReadsATableWithPatientsSitesAndSpacing) {
  paint("pictures/a.png", 100);
  paint("pictures/b.png", 100);
  paint_mask("truth/a.png", 1);
  imaging::write_file(folder_ / "cases.csv",
                      "file,mask,patient,site,spacing\npictures/b.png,,7,north,\n"
                      "pictures/a.png,truth/a.png,007,south,0.5 0.25\n");
  const auto data = read({.classes = {"vessel"}}, "cases.csv");
  ASSERT_EQ(data.cases.size(), 2U);
  EXPECT_EQ(data.cases[0].group, "007");
  EXPECT_EQ(data.cases[0].site, "south");
  const auto sample = workflows::read_segment_case(data, data.cases[0]);
  ASSERT_TRUE(sample.spacing_mm);
  EXPECT_EQ(sample.spacing_mm->y, 0.25);
  EXPECT_TRUE(data.cases[1].masks.empty());
  EXPECT_THAT(data.notes, testing::ElementsAre("1 images have no mask."));
  imaging::write_file(folder_ / "cases.csv", "file,mask,spacing\npictures/b.png,,-1\n");
  EXPECT_THAT(failure_of({.classes = {"vessel"}}, ErrorCode::invalid_argument, "cases.csv"),
              testing::HasSubstr("spacing '-1'"));
}

TEST_F(SegmentCasesTest, SaysInASentenceWhatDoesNotFit) {
  paint("images/a.png", 100);
  paint_mask("masks/a.png", 1, {9, 6});
  EXPECT_THAT(failure_of({.classes = {"vessel"}}, ErrorCode::incompatible),
              testing::HasSubstr("the mask has 9 x 6 pixels and its image a.png 8 x 6"));
  EXPECT_THAT(failure_of({}, ErrorCode::invalid_argument), testing::HasSubstr("--classes"));
  EXPECT_THAT(failure_of({.classes = {"vessel"}, .masks = "truth"}, ErrorCode::not_found),
              testing::HasSubstr("no folder 'truth' for masks (there: images, masks)"));
  EXPECT_THAT(failure_of({.classes = {"a", "a"}}, ErrorCode::invalid_argument),
              testing::HasSubstr("named twice"));
  EXPECT_THAT(failure_of({.classes = {"a:2", "b"}}, ErrorCode::invalid_argument),
              testing::HasSubstr("same value"));
  EXPECT_THAT(failure_of({.classes = {"a=x", "b"}}, ErrorCode::invalid_argument),
              testing::HasSubstr("own folder"));
  EXPECT_THAT(failure_of({.classes = {"a"}, .group = "("}, ErrorCode::invalid_argument),
              testing::HasSubstr("no regular expression"));
  EXPECT_THAT(failure_of({.classes = {"a"}}, ErrorCode::not_found, "absent"),
              testing::HasSubstr("no such folder"));
  paint("masks/a.png", 10);
  imaging::Image8 coloured(8, 6, 3, 10);
  coloured.pixel(2, 1)[1] = 200;
  imaging::write_png(folder_ / "masks/a.png", coloured);
  EXPECT_THAT(failure_of({.classes = {"a"}}, ErrorCode::unsupported_format),
              testing::HasSubstr("coloured at (2, 1)"));
}

TEST(SegmentCasesDataTest, PairsTheRealDataSetsAsTheyLie) {
  TESSERA_NEED_DATA(data, "retina_seg");
  const auto size_of = [](const workflows::SegmentData& found) {
    const auto sample = workflows::read_segment_case(found, found.cases.front());
    EXPECT_TRUE(sample.labels);
    EXPECT_GT(*std::ranges::max_element(sample.labels->values()), 0);
    return found.cases.size();
  };
  using workflows::read_segment_data;
  EXPECT_EQ(size_of(read_segment_data(data / "drive", {.classes = {"vessel=vessels_1st"}})), 20U);
  EXPECT_EQ(size_of(read_segment_data(data / "chasedb1",
                                      {.classes = {"vessel=vessels_1st"}, .group = "Image_([0-9]+)"})),
            28U);
  EXPECT_EQ(size_of(read_segment_data(data / "idrid", {.classes = {"disc=optic_disc"}})), 54U);
  EXPECT_EQ(
      size_of(read_segment_data(data / "drishti_gs", {.classes = {"disc=optic_disc", "cup=optic_cup"}})),
      24U);
}

TEST(SegmentCasesDataTest, ReadsInstanceMasksOfNucleiOf16Bits) {
  TESSERA_NEED_DATA(data, "pathology/monuseg");
  const auto found =
      workflows::read_segment_data(data / "labels.csv", {.classes = {"nucleus"}, .mask_values = "objects"});
  EXPECT_EQ(found.cases.size(), 30U);
  for (const auto& one : found.cases) {
    const auto sample = workflows::read_segment_case(found, one);
    EXPECT_EQ(*std::ranges::max_element(sample.labels->values()), 1) << one.name;
  }
}

}  // namespace
