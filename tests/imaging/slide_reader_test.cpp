#include <fmt/format.h>
#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "imaging/base/files.h"
#include "imaging/base/random.h"
#include "imaging/raster/png.h"
#include "imaging/slide/area_resample.h"
#include "imaging/slide/file_scale.h"
#include "imaging/slide/reader_table.h"
#include "tests/imaging/painted_slide.h"
#include "tests/support/test_support.h"

namespace imaging {
namespace {

using support::HasCode;
using testing::Throws;

std::vector<int> rgb(const Image8& image, std::int64_t x, std::int64_t y) {
  const auto* pixel = image.pixel(x, y);
  return {pixel[0], pixel[1], pixel[2]};
}
const std::vector<int> kWhite{255, 255, 255};

/// Both kinds of reader over the same pixels: a tiled TIFF (OpenSlide) and a PNG (flat).
class EveryReaderTest : public testing::TestWithParam<bool> {
 protected:
  std::unique_ptr<SlideReader> open(const Image8& pixels) {
    if (GetParam()) {
      support::write_tiled_tiff(folder_ / "painted.tiff", {pixels});
      return open_slide(folder_ / "painted.tiff");
    }
    write_png(folder_ / "painted.png", pixels);
    return open_slide(folder_ / "painted.png");
  }
  support::TemporaryFolder folder_;
};

TEST_P(EveryReaderTest, ReadsEachPixelWhereItLies) {
  const auto truth = support::paint_positions(300, 200);
  const auto reader = open(truth);

  EXPECT_EQ(reader->info().reader, GetParam() ? "openslide" : "flat");
  EXPECT_EQ(reader->info().size_l0(), (SizeI{300, 200}));
  EXPECT_EQ(reader->read_region(0, 0, 0, {300, 200}), truth);
  EXPECT_EQ(rgb(reader->read_region(263, 171, 0, {2, 2}), 1, 1), rgb(truth, 264, 172));
}

TEST_P(EveryReaderTest, IsWhiteOutsideTheSlideOnEverySide) {
  const auto truth = support::paint_positions(100, 80);
  const auto reader = open(truth);

  const auto region = reader->read_region(-10, -20, 0, {130, 120});

  for (std::int64_t y = 0; y < 120; ++y) {
    for (std::int64_t x = 0; x < 130; ++x) {
      const bool is_inside = x >= 10 && x < 110 && y >= 20 && y < 100;
      ASSERT_EQ(rgb(region, x, y), is_inside ? rgb(truth, x - 10, y - 20) : kWhite) << x << ", " << y;
    }
  }
  EXPECT_EQ(reader->read_region(5000, 7000, 0, {9, 9}), Image8(9, 9, 3, 255));
  EXPECT_EQ(reader->read_region(-5000, -7000, 0, {9, 9}), Image8(9, 9, 3, 255));
}

TEST_P(EveryReaderTest, RefusesLevelsAndSizesOutOfRange) {
  const auto reader = open(support::paint_positions(64, 64));

  EXPECT_THAT(
      [&] {
        (void)reader->read_region(0, 0, 1, {8, 8});
      },
      Throws<Error>(HasCode(ErrorCode::invalid_argument)));
  EXPECT_THAT(
      [&] {
        (void)reader->read_region(0, 0, -1, {8, 8});
      },
      Throws<Error>(HasCode(ErrorCode::invalid_argument)));
  EXPECT_THAT(
      [&] {
        (void)reader->read_region(0, 0, 0, {0, 8});
      },
      Throws<Error>(HasCode(ErrorCode::invalid_argument)));
  EXPECT_THAT(
      [&] {
        (void)reader->read_region(0, 0, 0, {1 << 20, 1 << 20});
      },
      Throws<Error>(HasCode(ErrorCode::invalid_argument)));
  EXPECT_THAT([&] { (void)reader->read_associated("label"); }, Throws<Error>(HasCode(ErrorCode::not_found)));
}

TEST_P(EveryReaderTest, GivesTheSamePixelsToManyThreads) {
  const auto truth = support::paint_positions(900, 700);
  const auto reader = open(truth);
  const int level = static_cast<int>(reader->info().levels.size()) - 1;
  const auto overview = reader->read_region(0, 0, level, {50, 50});
  std::atomic<int> mistakes{0};
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t id = 0; id < 4; ++id) {
      threads.emplace_back([&, id] {
        Random random(7, id);
        for (int i = 0; i < 60; ++i) {
          const auto x = random.index(800);
          const auto y = random.index(600);
          const auto region = reader->read_region(x, y, 0, {90, 90});
          if (rgb(region, 0, 0) != rgb(truth, x, y) || rgb(region, 89, 89) != rgb(truth, x + 89, y + 89))
            ++mistakes;
          if (reader->read_region(0, 0, level, {50, 50}) != overview) ++mistakes;
        }
      });
    }
  }
  EXPECT_EQ(mistakes, 0);
}

INSTANTIATE_TEST_SUITE_P(Readers, EveryReaderTest, testing::Bool(),
                         [](const auto& parameter) { return parameter.param ? "OpenSlide" : "Flat"; });

TEST(OpenSlideReaderTest, ReadsARealSlideWithItsScale) {
  TESSERA_NEED_DATA(path, "wsi/CMU-1-Small-Region.svs");
  const auto reader = open_slide(path);
  const auto& info = reader->info();

  EXPECT_EQ(info.vendor, "aperio");
  EXPECT_EQ(info.size_l0(), (SizeI{2220, 2967}));
  ASSERT_TRUE(info.scale.has_value());
  EXPECT_DOUBLE_EQ(info.scale->mpp_x, 0.499);
  EXPECT_EQ(info.scale->source, "openslide.mpp");
  EXPECT_EQ(info.objective_power, 20);
  EXPECT_THAT(info.associated_images, testing::Contains("label"));
  EXPECT_GT(reader->read_associated("thumbnail").width(), 0);
}

TEST(OpenSlideReaderTest, KeepsReadingAfterADamagedLevel) {
  TESSERA_NEED_DATA(path, "wsi/Mirax2-Fluorescence-2.mrxs");
  const auto reader = open_slide(path);
  const auto x = std::stoll(reader->info().properties.at("openslide.bounds-x"));
  const auto y = std::stoll(reader->info().properties.at("openslide.bounds-y"));

  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(
        [&] {
          (void)reader->read_region(x + 2000, y + 2000, 0, {256, 256});
        },
        Throws<Error>(HasCode(ErrorCode::corrupt_data)));
    EXPECT_NE(reader->read_region(x + 2000, y + 2000, 3, {256, 256}), Image8(256, 256, 3, 255));
  }
  const auto overview = read_overview(*reader, 400);
  EXPECT_EQ(overview.height(), 400);
  EXPECT_NE(overview, Image8(overview.width(), 400, 3, 255));
}

TEST(OpenSlideReaderTest, GoodReadsSucceedWhileOthersKillTheHandle) {
  TESSERA_NEED_DATA(path, "wsi/Mirax2-Fluorescence-2.mrxs");
  const auto reader = open_slide(path);
  const auto x = std::stoll(reader->info().properties.at("openslide.bounds-x"));
  const auto y = std::stoll(reader->info().properties.at("openslide.bounds-y"));
  const auto truth = reader->read_region(x, y, 5, {128, 128});
  std::atomic<int> damaged{0};
  std::atomic<int> mistakes{0};
  {
    std::vector<std::jthread> threads;
    for (int id = 0; id < 4; ++id) {
      threads.emplace_back([&, id] {
        for (int i = 0; i < 25; ++i) {
          try {
            if (id % 2 == 0) {
              (void)reader->read_region(x + 3000, y + 3000, 0, {64, 64});
            } else if (reader->read_region(x, y, 5, {128, 128}) != truth) {
              ++mistakes;
            }
          } catch (const Error&) {
            ++(id % 2 == 0 ? damaged : mistakes);
          }
        }
      });
    }
  }
  EXPECT_EQ(damaged, 50);
  EXPECT_EQ(mistakes, 0);
}

TEST(OpenSlideReaderTest, OpensASlideWhosePixelsAreDamagedAndSaysSoOnReading) {
  TESSERA_NEED_DATA(path, "wsi/openslide-fixtures/unreadable.svs");
  const auto reader = open_slide(path);

  EXPECT_THAT(
      [&] {
        (void)reader->read_region(0, 0, 0, {16, 16});
      },
      Throws<Error>(HasCode(ErrorCode::corrupt_data)));
  EXPECT_THAT([&] { (void)read_overview(*reader, 16); }, Throws<Error>(HasCode(ErrorCode::corrupt_data)));
}

TEST(ReaderTableTest, TellsUnrecognisedFromDamagedFromMissing) {
  const support::TemporaryFolder folder;
  write_file(folder / "notes.svs", "not a slide");
  EXPECT_FALSE(is_readable_slide(folder / "notes.svs"));
  EXPECT_FALSE(is_readable_slide(folder.path()));
  EXPECT_THAT([&] { (void)open_slide(folder / "notes.svs"); },
              Throws<Error>(HasCode(ErrorCode::unsupported_format)));
  EXPECT_THAT([&] { (void)open_slide(folder / "none.svs"); }, Throws<Error>(HasCode(ErrorCode::not_found)));

  TESSERA_NEED_DATA(path, "wsi/openslide-fixtures/unopenable.tiff");
  EXPECT_TRUE(is_readable_slide(path));
  EXPECT_THAT([&] { (void)open_slide(path); }, Throws<Error>(HasCode(ErrorCode::corrupt_data)));
}

TEST(ReaderTableTest, LooksAtTheContentNotAtTheName) {
  const support::TemporaryFolder folder;
  const auto pixels = support::paint_positions(20, 10);
  write_file(folder / "picture.txt", encode_png(pixels));

  EXPECT_TRUE(is_readable_slide(folder / "picture.txt"));
  EXPECT_EQ(open_slide(folder / "picture.txt")->info().vendor, "png");
}

TEST(ReaderTableTest, RefusesAPipeAtOnceAndSaysThatAFileIsEmpty) {
  const support::TemporaryFolder folder;
  const auto refused = [](ErrorCode code, const char* why) {
    return testing::AllOf(HasCode(code), testing::Property(&Error::what, testing::HasSubstr(why)));
  };
  ASSERT_EQ(mkfifo((folder / "pipe.svs").c_str(), 0600), 0);
  EXPECT_FALSE(is_readable_slide(folder / "pipe.svs"));
  EXPECT_THAT([&] { (void)open_slide(folder / "pipe.svs"); },
              Throws<Error>(refused(ErrorCode::io_error, "not a regular file")));
  EXPECT_THAT([&] { (void)sha256_of_file(folder / "pipe.svs"); },
              Throws<Error>(refused(ErrorCode::io_error, "not a regular file")));
  write_file(folder / "empty.svs", "");
  EXPECT_THAT([&] { (void)open_slide(folder / "empty.svs"); },
              Throws<Error>(refused(ErrorCode::unsupported_format, "is empty (0 bytes)")));
}

TEST(ResolveScaleTest, SaysWhereTheGivenScaleIsFarFromTheFiles) {
  SlideInfo info;
  info.scale = SlideScale{0.499, 0.499, "openslide.mpp"};
  const auto warnings = [&](const std::optional<std::string>& given,
                            const std::optional<std::string>& table) {
    return scale_warnings(info, resolve_scale(info, given, table), "--slide-mpp");
  };
  EXPECT_THAT(
      warnings("0.25", std::nullopt),
      testing::ElementsAre("--slide-mpp 0.25 is used although the file says 0.499 um/px (openslide.mpp)."));
  EXPECT_THAT(warnings(std::nullopt, "0.25"),
              testing::ElementsAre(testing::HasSubstr("The table's mpp 0.25")));
  EXPECT_THAT(warnings("0.5", std::nullopt), testing::IsEmpty());
  EXPECT_THAT(warnings("pixels", std::nullopt), testing::IsEmpty());
  EXPECT_THAT(warnings(std::nullopt, std::nullopt), testing::IsEmpty());
  info.scale.reset();
  EXPECT_THAT(warnings("0.25", std::nullopt), testing::IsEmpty());
  EXPECT_THAT([&] { (void)resolve_scale(info, std::nullopt, std::nullopt, "--slide-mpp"); },
              Throws<Error>(testing::Property(&Error::what, testing::HasSubstr("give --slide-mpp M"))));
}

TEST(JudgeScaleTest, KnowsThePhysicalSizesOfOme) {
  const auto scale_of = [](const std::string& pixels) {
    ScaleClaims claims;
    add_ome_claims("<?xml version='1.0'?><OME><Image ID='Image:0'>" + pixels + "</Image></OME>", claims);
    std::vector<std::string> warnings;
    return judge_scale(claims, warnings);
  };
  for (const auto* sizes : {
           R"(PhysicalSizeX="0.4" PhysicalSizeY="0.5")",
           R"(PhysicalSizeX="0.4" PhysicalSizeXUnit="µm" PhysicalSizeY="0.5" PhysicalSizeYUnit="um")",
           R"(PhysicalSizeXUnit="nm" PhysicalSizeX="400" PhysicalSizeYUnit="mm" PhysicalSizeY="0.0005")",
       }) {
    const auto scale = scale_of(fmt::format("<Pixels ID='Pixels:0' {} SizeX='9'/>", sizes));
    ASSERT_TRUE(scale) << sizes;
    EXPECT_EQ(scale->source, "ome.physical_size");
    EXPECT_NEAR(scale->mpp_x, 0.4, 1e-9);
    EXPECT_NEAR(scale->mpp_y, 0.5, 1e-9);
  }
  EXPECT_FALSE(scale_of("<Pixels SizeX='9'/>"));
  EXPECT_FALSE(scale_of("<Pixels PhysicalSizeX='0.4' PhysicalSizeY='0.4' PhysicalSizeXUnit='pixel'/>"));
  EXPECT_FALSE(scale_of("<Pixels PhysicalSizeX='4000' PhysicalSizeY='4000'/>"));
  EXPECT_FALSE(scale_of("<Pixels PhysicalSizeX='0.4"));
  ScaleClaims claims;
  add_ome_claims("<Pixels PhysicalSizeX='0.4' PhysicalSizeY='0.4'/>", claims);
  EXPECT_FALSE(claims.ome_x);
}

TEST(ResolveScaleTest, PrefersOverrideThenTableThenFile) {
  SlideInfo info;
  info.path = "x.svs";
  EXPECT_THAT(
      [&] { (void)resolve_scale(info, std::nullopt, std::nullopt); },
      Throws<Error>(testing::AllOf(HasCode(ErrorCode::missing_scale),
                                   testing::Property(&Error::what, testing::HasSubstr("--mpp pixels")))));
  info.scale = SlideScale{0.25, 0.26, "openslide.mpp"};
  EXPECT_EQ(resolve_scale(info, std::nullopt, std::nullopt).mpp_y, 0.26);
  EXPECT_EQ(resolve_scale(info, std::nullopt, "0.5").source, "table");
  EXPECT_EQ(resolve_scale(info, "0.4", "0.5").mpp_x, 0.4);
  const auto pixels = resolve_scale(info, "pixels", "0.5");
  EXPECT_EQ(pixels.mpp_x, 1);
  EXPECT_EQ(pixels.source, "pixels");
  for (const auto* wrong : {"0", "-1", "nan", "inf", "1e9", "0.25 um", ""}) {
    EXPECT_THAT([&] { (void)resolve_scale(info, wrong, std::nullopt); },
                Throws<Error>(HasCode(ErrorCode::invalid_argument)))
        << wrong;
  }
}

TEST(FileScaleTest, RefusesUnbelievableValuesWithAWarning) {
  for (const auto* wrong : {"0", "-0.25", "nan", "inf", "1000", "abc"}) {
    std::vector<std::string> warnings;
    EXPECT_EQ(judge_scale({.mpp_x = wrong, .mpp_y = wrong}, warnings), std::nullopt) << wrong;
    EXPECT_EQ(warnings.size(), 1U) << wrong;
  }
}

TEST(FileScaleTest, TakesTiffTagsOnlyWithAPhysicalUnitAndWithinRange) {
  std::vector<std::string> warnings;
  const auto found = judge_scale(
      {.tiff_x_resolution = 20000, .tiff_y_resolution = 40000, .tiff_unit = "centimeter"}, warnings);
  ASSERT_TRUE(found.has_value());
  EXPECT_DOUBLE_EQ(found->mpp_x, 0.5);
  EXPECT_DOUBLE_EQ(found->mpp_y, 0.25);
  EXPECT_EQ(found->source, "tiff.resolution");

  EXPECT_FALSE(
      judge_scale({.tiff_x_resolution = 72, .tiff_y_resolution = 72, .tiff_unit = "inch"}, warnings));
  EXPECT_FALSE(
      judge_scale({.tiff_x_resolution = 20000, .tiff_y_resolution = 20000, .tiff_unit = "none"}, warnings));
  EXPECT_FALSE(judge_scale({.tiff_x_resolution = 0, .tiff_y_resolution = 0, .tiff_unit = "inch"}, warnings));
}

TEST(FileScaleTest, WarnsWhereSourcesDisagreeAndNeverUsesTheObjective) {
  std::vector<std::string> warnings;
  EXPECT_FALSE(judge_scale({.objective_power = 20}, warnings));
  EXPECT_TRUE(warnings.empty());

  const auto found = judge_scale({.mpp_x = "0.25",
                                  .mpp_y = "0.25",
                                  .tiff_x_resolution = 20000,
                                  .tiff_y_resolution = 20000,
                                  .tiff_unit = "centimeter",
                                  .objective_power = 40},
                                 warnings);
  EXPECT_EQ(found->mpp_x, 0.25);
  EXPECT_EQ(warnings.size(), 1U);

  (void)judge_scale({.mpp_x = "2.5", .mpp_y = "2.5", .objective_power = 40}, warnings);
  EXPECT_EQ(warnings.size(), 2U);
}

}  // namespace
}  // namespace imaging
