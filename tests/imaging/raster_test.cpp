#include <cmath>
#include <cstring>

#include "imaging/base/files.h"
#include "imaging/raster/colormap.h"
#include "imaging/raster/ome_tiff.h"
#include "imaging/raster/png.h"
#include "imaging/raster/score_raster.h"
#include "tests/imaging/painted_slide.h"
#include "tests/support/test_support.h"

namespace imaging {
namespace {

using support::HasCode;
using testing::Throws;

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

TileGrid grid_of(SizeI slide, std::int64_t overlap_px = 0) {
  return TileGrid(slide, {0.5, 0.5, "override"}, {.tile_mpp = 0.5, .tile_px = 100, .overlap_px = overlap_px},
                  nullptr);
}

TEST(PngTest, ReturnsTheSamePixelsAndTheSameBytes) {
  const auto image = support::paint_positions(70, 50);
  const auto bytes = encode_png(image);
  EXPECT_EQ(decode_image(bytes), image);
  EXPECT_EQ(encode_png(image), bytes);
  EXPECT_THAT([] { (void)encode_png(Image8(3, 3, 2)); }, Throws<Error>(HasCode(ErrorCode::invalid_argument)));
  EXPECT_THAT([] { (void)encode_png(Image8()); }, Throws<Error>(HasCode(ErrorCode::invalid_argument)));
  EXPECT_THAT([] { (void)decode_image("not an image"); }, Throws<Error>(HasCode(ErrorCode::corrupt_data)));
  EXPECT_THAT([] { (void)decode_image(""); }, Throws<Error>(HasCode(ErrorCode::corrupt_data)));
}

TEST(PngTest, KeepsRedRedInJpeg) {
  Image8 red(16, 16, 3);
  for (std::int64_t i = 0; i < 256; ++i) red.data()[3 * i] = 220;
  const auto back = decode_image(encode_jpeg(red, 95));
  EXPECT_NEAR(back.pixel(8, 8)[0], 220, 4);
  EXPECT_NEAR(back.pixel(8, 8)[2], 0, 4);
}

TEST(PngTest, ResizesByAreaAndBilinearly) {
  Image8 image(2, 2, 1);
  image.data()[1] = 100;
  image.data()[3] = 100;
  EXPECT_EQ(*resize(image, {1, 1}).data(), 50);
  EXPECT_EQ(resize(image, {8, 8}).width(), 8);
  EXPECT_EQ(resize(image, {2, 2}), image);
}

TEST(PaintScoresTest, PutsEachScoreAtItsTileAndNothingElsewhere) {
  const auto grid = grid_of({400, 300});
  const std::vector<std::int64_t> numbers{1, 6};
  const std::vector<float> scores{0.25F, -3, 0.5F, 7};
  const auto raster = paint_scores(grid, numbers, scores, {"a", "b"});
  ASSERT_EQ(raster.values.width(), 4);
  ASSERT_EQ(raster.values.height(), 3);
  EXPECT_EQ(raster.values.pixel(1, 0)[0], 0.25F);
  EXPECT_EQ(raster.values.pixel(1, 0)[1], -3);
  EXPECT_EQ(raster.values.pixel(2, 1)[1], 7);
  EXPECT_TRUE(std::isnan(raster.values.pixel(0, 0)[0]));
  EXPECT_EQ(raster.pixel_l0, (PointD{100, 100}));
  EXPECT_EQ(raster.pixel_um, (PointD{50, 50}));
  EXPECT_EQ(painted_range(raster, 1).low, -3.0F);
  EXPECT_EQ(painted_range(raster, 1).high, 7.0F);
  EXPECT_FALSE(painted_range(raster, 1).is_clipped);
  EXPECT_THAT([&] { (void)paint_scores(grid, numbers, scores, {"a"}); },
              Throws<Error>(HasCode(ErrorCode::invalid_argument)));
}

TEST(PaintedRangeTest, LeavesOutTheLastHundredthSoThatOneTileDoesNotDarkenTheRest) {
  ScoreRaster raster;
  raster.values = ImageF(20, 10, 1);
  for (int i = 0; i < 200; ++i) raster.values.values()[static_cast<std::size_t>(i)] = static_cast<float>(i);
  raster.values.values()[0] = 1e6F;
  raster.values.values()[1] = std::numeric_limits<float>::quiet_NaN();

  const auto range = painted_range(raster, 0);

  EXPECT_EQ(range.low, 2.0F);
  EXPECT_EQ(range.high, 199.0F) << "rank 198 of 199";
  EXPECT_TRUE(range.is_clipped);
}

TEST(PaintScoresTest, AveragesOverlappingTilesByTheAreaTheyCover) {
  const auto grid = grid_of({180, 100}, 20);  // stride 80: a tile covers a quarter of the next cell
  ASSERT_EQ(grid.columns(), 2);
  const std::vector<std::int64_t> numbers{0, 1};
  const std::vector<float> scores{1, 3};
  const auto raster = paint_scores(grid, numbers, scores, {"a"});
  EXPECT_EQ(*raster.values.pixel(0, 0), 1);
  EXPECT_FLOAT_EQ(*raster.values.pixel(1, 0), (3 * 1 + 1 * 0.25F) / 1.25F);
}

/// Every level-0 pixel of a raster cell counts each tile that covers it once.
float average_by_pixels(const TileGrid& grid, std::span<const float> scores, std::int64_t column,
                        std::int64_t row) {
  const auto stride_x = std::llround(grid.stride_l0().x);
  const auto stride_y = std::llround(grid.stride_l0().y);
  double sum = 0;
  double covered = 0;
  for (auto y = row * stride_y; y < (row + 1) * stride_y; ++y) {
    for (auto x = column * stride_x; x < (column + 1) * stride_x; ++x) {
      for (std::size_t i = 0; i < grid.tiles().size(); ++i) {
        const auto tile = grid.rect_l0(grid.tiles()[i]);
        const PointD middle{static_cast<double>(x) + 0.5, static_cast<double>(y) + 0.5};
        if (middle.x < tile.x || middle.y < tile.y || middle.x >= tile.right() || middle.y >= tile.bottom())
          continue;
        sum += static_cast<double>(scores[i]);
        covered += 1;
      }
    }
  }
  return covered > 0 ? static_cast<float>(sum / covered) : kNone;
}

class PaintOverlapTest : public testing::TestWithParam<std::int64_t> {};

TEST_P(PaintOverlapTest, EqualsTheAveragePixelByPixelUpToTheEdges) {
  const TileGrid grid({133, 97}, {0.5, 0.5, "override"},
                      {.tile_mpp = 0.5, .tile_px = 20, .overlap_px = GetParam()}, nullptr);
  std::vector<std::int64_t> numbers(grid.tiles().size());
  std::vector<float> scores(grid.tiles().size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    numbers[i] = static_cast<std::int64_t>(i);
    scores[i] = static_cast<float>((i * 37) % 101) - 50;
  }
  const auto raster = paint_scores(grid, numbers, scores, {"a"});
  for (std::int64_t row = 0; row < grid.rows(); ++row) {
    for (std::int64_t column = 0; column < grid.columns(); ++column) {
      ASSERT_NEAR(*raster.values.pixel(column, row), average_by_pixels(grid, scores, column, row), 1e-3)
          << column << ", " << row;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Overlaps, PaintOverlapTest, testing::Values(0, 4, 7, 10, 13, 16));

TEST(RankViewTest, RanksFiniteValuesWithTiesShared) {
  ScoreRaster raster{ImageF(5, 1, 1), {"a"}, {}, {1, 1}, {1, 1}};
  const std::vector<float> values{10, -1, kNone, 10, 99};
  std::ranges::copy(values, raster.values.data());
  const auto ranks = rank_view(raster);
  EXPECT_FLOAT_EQ(ranks.values.data()[0], 0.5F);
  EXPECT_FLOAT_EQ(ranks.values.data()[1], 0);
  EXPECT_TRUE(std::isnan(ranks.values.data()[2]));
  EXPECT_FLOAT_EQ(ranks.values.data()[3], 0.5F);
  EXPECT_FLOAT_EQ(ranks.values.data()[4], 1);
}

TEST(ColormapTest, KnowsViridisByItsPublishedColours) {
  const auto& viridis = colormaps().front();
  EXPECT_EQ(viridis.name, "viridis");
  EXPECT_EQ(viridis.rgb[0], (std::array<std::uint8_t, 3>{68, 1, 84}));
  EXPECT_EQ(viridis.rgb[255], (std::array<std::uint8_t, 3>{253, 231, 37}));
  EXPECT_EQ(find_colormap("magma").name, "magma");
  EXPECT_THAT([] { (void)find_colormap("rainbow"); },
              Throws<Error>(testing::AllOf(HasCode(ErrorCode::invalid_argument),
                                           testing::Property(&Error::what, testing::HasSubstr("cividis")))));
}

TEST(ColormapTest, LeavesUnscoredAndLowPixelsTransparent) {
  ScoreRaster raster{ImageF(3, 1, 1), {"a"}, {}, {1, 1}, {1, 1}};
  const std::vector<float> values{kNone, 0.2F, 1};
  std::ranges::copy(values, raster.values.data());
  const auto& map = colormaps().front();
  const auto image = colour_raster(raster, 0, map, {.opacity = 0.5, .threshold = 0.5F});
  EXPECT_EQ(image.pixel(0, 0)[3], 0);
  EXPECT_EQ(image.pixel(1, 0)[3], 0);
  EXPECT_EQ(image.pixel(2, 0)[3], 128);
  EXPECT_EQ(image.pixel(2, 0)[0], map.rgb[255][0]);
}

TEST(BlendHeatmapTest, LiesExactlyOverTheTilesCornerToCorner) {
  const auto grid = grid_of({1000, 700});
  std::vector<std::int64_t> numbers;
  std::vector<float> scores;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(grid.tiles().size()); ++i) {
    const auto index = grid.tiles()[static_cast<std::size_t>(i)];
    if ((index.column + index.row) % 2 == 1) continue;
    numbers.push_back(i);
    scores.push_back(1);
  }
  const auto raster = paint_scores(grid, numbers, scores, {"a"});
  const Image8 overview(500, 350, 3, 200);
  const auto blended = blend_heatmap(overview, {1000, 700}, raster, 0, colormaps().front(), {.opacity = 1});
  for (std::int64_t y = 0; y < 350; ++y) {
    for (std::int64_t x = 0; x < 500; ++x) {
      const bool is_painted = (x / 50 + y / 50) % 2 == 0;
      ASSERT_EQ(blended.pixel(x, y)[2], is_painted ? colormaps().front().rgb[255][2] : 200) << x << ", " << y;
    }
  }
}

ScoreRaster large_raster() {
  ScoreRaster raster{ImageF(700, 300, 2), {"normal", "tumour <&\">"}, {}, {448.5, 448.25}, {224, 112}};
  for (std::int64_t y = 0; y < 300; ++y) {
    for (std::int64_t x = 0; x < 700; ++x) {
      raster.values.pixel(x, y)[0] = x < 350 ? static_cast<float>(x + 1000 * y) : kNone;
      raster.values.pixel(x, y)[1] = x % 2 == 0 ? 4 : kNone;
    }
  }
  return raster;
}

TEST(OmeTiffTest, StatesThePixelSizeWithoutNoiseOfRounding) {
  const support::TemporaryFolder folder;
  auto raster = large_raster();
  raster.pixel_um = {63.99999999999999, 0.1 + 0.2};
  write_ome_tiff(folder / "a.ome.tif", raster);
  const auto bytes = read_file(folder / "a.ome.tif");
  EXPECT_THAT(bytes, testing::HasSubstr("PhysicalSizeX=\"64\""));
  EXPECT_THAT(bytes, testing::HasSubstr("PhysicalSizeY=\"0.3\""));
}

TEST(OmeTiffTest, ReturnsWhatWasWritten) {
  const support::TemporaryFolder folder;
  const auto raster = large_raster();
  write_ome_tiff(folder / "a.ome.tif", raster);
  const auto back = read_ome_tiff(folder / "a.ome.tif");
  EXPECT_EQ(back.channel_names, raster.channel_names);
  EXPECT_EQ(back.pixel_um, raster.pixel_um);
  EXPECT_EQ(back.pixel_l0, raster.pixel_l0);
  ASSERT_EQ(back.values.bytes(), raster.values.bytes());
  EXPECT_EQ(std::memcmp(back.values.data(), raster.values.data(), back.values.bytes()), 0);
}

TEST(OmeTiffTest, WritesTheSameBytesAgain) {
  const support::TemporaryFolder folder;
  write_ome_tiff(folder / "a.ome.tif", large_raster());
  write_ome_tiff(folder / "b.ome.tif", large_raster());
  EXPECT_EQ(sha256_of_file(folder / "a.ome.tif"), sha256_of_file(folder / "b.ome.tif"));
}

TEST(OmeTiffTest, RefusesOtherFilesAndFoldersItCannotWrite) {
  const support::TemporaryFolder folder;
  support::write_tiled_tiff(folder / "other.tif", {support::paint_positions(64, 64)});
  EXPECT_THAT([&] { (void)read_ome_tiff(folder / "other.tif"); },
              Throws<Error>(HasCode(ErrorCode::corrupt_data)));
  EXPECT_THAT([&] { (void)read_ome_tiff(folder / "none.tif"); },
              Throws<Error>(HasCode(ErrorCode::not_found)));
  EXPECT_THAT([] { write_ome_tiff("/proc/none/a.tif", large_raster()); },
              Throws<Error>(HasCode(ErrorCode::io_error)));
}

TEST(OmeTiffTest, IsReadByVips) {
  if (support::run_command("vipsheader --version").exit_code != 0) GTEST_SKIP() << "needs libvips-tools";
  const support::TemporaryFolder folder;
  const auto path = (folder / "a.ome.tif").string();
  write_ome_tiff(path, large_raster());
  const auto header = support::run_command("vipsheader " + path);
  EXPECT_EQ(header.exit_code, 0) << header.err;
  EXPECT_THAT(header.out, testing::HasSubstr("700x300 float, 1 band"));
  const auto point = support::run_command("vips getpoint " + path + " 3 2");
  EXPECT_THAT(point.out, testing::StartsWith("2003"));
  const auto level = support::run_command("vipsheader " + path + "[subifd=0]");
  EXPECT_THAT(level.out, testing::HasSubstr("350x150 float")) << level.err;
  const auto second = support::run_command("vips getpoint " + path + "[page=1] 4 0");
  EXPECT_THAT(second.out, testing::StartsWith("4")) << second.err;
}

TEST(OmeTiffTest, IsReadByTifffileAsAPyramid) {
  if (support::run_command("/usr/bin/python3 -c 'import tifffile'").exit_code != 0) {
    GTEST_SKIP() << "needs python3-tifffile";
  }
  const support::TemporaryFolder folder;
  write_ome_tiff(folder / "a.ome.tif", large_raster());
  const std::string script = R"(
import sys, numpy, tifffile
with tifffile.TiffFile(sys.argv[1]) as f:
    assert f.is_ome
    s = f.series[0]
    print(s.axes, s.shape, s.dtype, len(s.levels), [l.shape for l in s.levels], f.pages[0].is_tiled)
    a = s.levels[0].asarray(); b = s.levels[1].asarray()
    print(a[0, 2, 3], numpy.isnan(a[0, 0, 350]), b[0, 0, 0], b[1, 3, 3], numpy.isnan(b[0, 5, 200]))
    m = tifffile.xml2dict(f.ome_metadata)['OME']['Image']['Pixels']
    print(m['PhysicalSizeX'], m['PhysicalSizeXUnit'].encode('ascii', 'xmlcharrefreplace').decode(), m['PhysicalSizeY'], [c['Name'] for c in m['Channel']])
)";
  write_file(folder / "check.py", script);
  const auto result = support::run_command("/usr/bin/python3 " + (folder / "check.py").string() + " " +
                                           (folder / "a.ome.tif").string());
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out,
            "CYX (2, 300, 700) float32 3 [(2, 300, 700), (2, 150, 350), (2, 75, 175)] True\n"
            "2003.0 True 500.5 4.0 True\n"
            "224 &#181;m 112 ['normal', 'tumour <&\">']\n");
}

}  // namespace
}  // namespace imaging
