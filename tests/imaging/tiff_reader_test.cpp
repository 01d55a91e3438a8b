#include "imaging/slide/tiff_reader.h"

#include <tiffio.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fstream>
#include <iterator>
#include <thread>

#include "imaging/base/files.h"
#include "imaging/base/random.h"
#include "imaging/phantom/checker_slide.h"
#include "imaging/phantom/slide_phantom.h"
#include "imaging/slide/area_resample.h"
#include "imaging/slide/detail/tiff_directories.h"
#include "imaging/slide/openslide_reader.h"
#include "imaging/slide/pyramid_tiff_writer.h"
#include "imaging/slide/reader_table.h"
#include "imaging/slide/tiff_file.h"
#include "tests/imaging/painted_slide.h"
#include "tests/support/test_support.h"

namespace imaging {
namespace {

using support::HasCode;
using testing::HasSubstr;
using testing::Throws;

/// Tissue-like noise, so that every coefficient of the JPEG is busy.
Image8 paint_noise(std::int64_t width, std::int64_t height, std::uint64_t seed) {
  Random random(seed, 0);
  Image8 image(width, height, 3);
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      const auto base = 128 + 60 * ((x / 9 + y / 7) % 2);
      for (int c = 0; c < 3; ++c)
        image.pixel(x, y)[c] = static_cast<std::uint8_t>(base - 20 * c + random.index(40));
    }
  }
  return image;
}

/// How a test's JPEG TIFF is written.
struct Form {
  std::string name = "plain";
  std::vector<SizeI> sizes = {{700, 500}};  ///< of the levels
  std::uint32_t tile = 240;
  bool is_ycbcr = true;
  std::uint16_t sampling_x = 2;
  std::uint16_t sampling_y = 2;
  bool has_tables = true;  ///< common to all tiles; else each brings its own
  std::string description = {};
  const char* mode = "w";
  std::vector<std::uint16_t> compressions = {};  ///< by level; JPEG where empty
  int empty_tile = -1;                           ///< of level 0: left out
};

void write_form(const std::filesystem::path& path, const Form& form) {
  TIFF* file = TIFFOpen(path.c_str(), form.mode);
  ASSERT_NE(file, nullptr);
  for (std::size_t i = 0; i < form.sizes.size(); ++i) {
    const auto size = form.sizes[i];
    const auto compression =
        form.compressions.empty() ? std::uint16_t{COMPRESSION_JPEG} : form.compressions[i];
    const bool is_jpeg = compression == COMPRESSION_JPEG;
    TIFFSetField(file, TIFFTAG_IMAGEWIDTH, static_cast<std::uint32_t>(size.width));
    TIFFSetField(file, TIFFTAG_IMAGELENGTH, static_cast<std::uint32_t>(size.height));
    if (form.description.empty()) TIFFSetField(file, TIFFTAG_SUBFILETYPE, i == 0 ? 0 : FILETYPE_REDUCEDIMAGE);
    TIFFSetField(file, TIFFTAG_SAMPLESPERPIXEL, 3);
    TIFFSetField(file, TIFFTAG_BITSPERSAMPLE, 8);
    TIFFSetField(file, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(file, TIFFTAG_TILEWIDTH, form.tile);
    TIFFSetField(file, TIFFTAG_TILELENGTH, form.tile);
    TIFFSetField(file, TIFFTAG_RESOLUTIONUNIT, RESUNIT_CENTIMETER);
    TIFFSetField(file, TIFFTAG_XRESOLUTION, 20000.0);
    TIFFSetField(file, TIFFTAG_YRESOLUTION, 20000.0);
    if (!form.description.empty()) TIFFSetField(file, TIFFTAG_IMAGEDESCRIPTION, form.description.c_str());
    TIFFSetField(file, TIFFTAG_COMPRESSION, compression);
    TIFFSetField(file, TIFFTAG_PHOTOMETRIC, is_jpeg && form.is_ycbcr ? PHOTOMETRIC_YCBCR : PHOTOMETRIC_RGB);
    if (is_jpeg) {
      if (form.is_ycbcr) {
        TIFFSetField(file, TIFFTAG_YCBCRSUBSAMPLING, form.sampling_x, form.sampling_y);
        TIFFSetField(file, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
      }
      TIFFSetField(file, TIFFTAG_JPEGQUALITY, 80);
      TIFFSetField(file, TIFFTAG_JPEGTABLESMODE,
                   form.has_tables ? JPEGTABLESMODE_QUANT | JPEGTABLESMODE_HUFF : 0);
    }
    const auto pixels = paint_noise(size.width, size.height, 11 + i);
    int number = 0;
    Image8 tile(form.tile, form.tile, 3);
    for (std::int64_t y = 0; y < size.height; y += form.tile) {
      for (std::int64_t x = 0; x < size.width; x += form.tile) {
        for (std::int64_t row = 0; row < form.tile; ++row) {
          for (std::int64_t column = 0; column < form.tile; ++column) {
            std::copy_n(
                pixels.pixel(std::min(x + column, size.width - 1), std::min(y + row, size.height - 1)), 3,
                tile.pixel(column, row));
          }
        }
        if (i > 0 || number != form.empty_tile) {
          ASSERT_GT(TIFFWriteTile(file, tile.data(), static_cast<std::uint32_t>(x),
                                  static_cast<std::uint32_t>(y), 0, 0),
                    0);
        }
        ++number;
      }
    }
    ASSERT_EQ(TIFFWriteDirectory(file), 1);
  }
  TIFFClose(file);
}

std::string where(int level, std::int64_t x, std::int64_t y, SizeI size) {
  return "level " + std::to_string(level) + " at " + std::to_string(x) + ", " + std::to_string(y) + " size " +
         std::to_string(size.width) + " x " + std::to_string(size.height);
}

/// Every level tile by tile, on the file's grid and off it, then at random places inside, across and outside
/// the slide; bit for bit.
void expect_same_pixels(const std::filesystem::path& path, std::int64_t tile_px, int random_reads = 60) {
  const auto ours = open_slide(path);
  const auto theirs = open_with_openslide(path);
  ASSERT_EQ(ours->info().reader, "tiff");
  const auto& levels = ours->info().levels;
  const auto compare = [&](std::int64_t x_l0, std::int64_t y_l0, int level, SizeI size) {
    ASSERT_TRUE(ours->read_region(x_l0, y_l0, level, size) == theirs->read_region(x_l0, y_l0, level, size))
        << where(level, x_l0, y_l0, size);
  };
  for (int level = 0; level < static_cast<int>(levels.size()); ++level) {
    const auto& entry = levels[static_cast<std::size_t>(level)];
    for (const auto step : {tile_px, std::int64_t{256}}) {
      for (std::int64_t y = 0; y < entry.height; y += step) {
        for (std::int64_t x = 0; x < entry.width; x += step) {
          compare(std::llround(static_cast<double>(x) * entry.downsample),
                  std::llround(static_cast<double>(y) * entry.downsample), level, {step, step});
          if (testing::Test::HasFatalFailure()) return;
        }
      }
    }
    Random random(5, static_cast<std::uint64_t>(level));
    const auto slide = ours->info().size_l0();
    for (int i = 0; i < random_reads; ++i) {
      compare(random.index(2 * slide.width) - slide.width / 2,
              random.index(2 * slide.height) - slide.height / 2, level,
              {1 + random.index(400), 1 + random.index(400)});
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

void expect_same_info(const std::filesystem::path& path) {
  const auto ours = open_slide(path);
  const auto theirs = open_with_openslide(path);
  const auto& a = ours->info();
  const auto& b = theirs->info();
  EXPECT_EQ(a.reader, "tiff");
  EXPECT_EQ(b.reader, "openslide");
  EXPECT_EQ(a.path, b.path);
  EXPECT_EQ(a.vendor, b.vendor);
  EXPECT_EQ(a.properties, b.properties);
  EXPECT_EQ(a.associated_images, b.associated_images);
  EXPECT_EQ(a.objective_power, b.objective_power);
  EXPECT_EQ(a.warnings, b.warnings);
  ASSERT_EQ(a.levels.size(), b.levels.size());
  for (std::size_t i = 0; i < a.levels.size(); ++i) {
    EXPECT_EQ(a.levels[i].width, b.levels[i].width);
    EXPECT_EQ(a.levels[i].height, b.levels[i].height);
    EXPECT_EQ(a.levels[i].downsample, b.levels[i].downsample);
  }
  ASSERT_EQ(a.scale.has_value(), b.scale.has_value());
  if (a.scale) {
    EXPECT_EQ(a.scale->mpp_x, b.scale->mpp_x);
    EXPECT_EQ(a.scale->mpp_y, b.scale->mpp_y);
    EXPECT_EQ(a.scale->source, b.scale->source);
  }
  for (const auto& name : a.associated_images)
    EXPECT_EQ(ours->read_associated(name), theirs->read_associated(name)) << name;
}

class TiffReaderFormTest : public testing::TestWithParam<Form> {
 protected:
  support::TemporaryFolder folder_;
};

TEST_P(TiffReaderFormTest, GivesOpenSlidesPixelsAndFacts) {
  write_form(folder_ / "slide.tif", GetParam());

  expect_same_info(folder_ / "slide.tif");
  expect_same_pixels(folder_ / "slide.tif", GetParam().tile);
}

const std::string kAperio =
    "Aperio Image Library v11.2.1\r\n700x500 (240x240) J2K/YUV16|AppMag = 20|MPP = 0.499";

INSTANTIATE_TEST_SUITE_P(
    Forms, TiffReaderFormTest,
    testing::Values(Form{}, Form{.name = "FullChroma", .sampling_x = 1, .sampling_y = 1},
                    Form{.name = "HalfChroma", .sampling_x = 2, .sampling_y = 1},
                    Form{.name = "Rgb", .is_ycbcr = false}, Form{.name = "OwnTables", .has_tables = false},
                    Form{.name = "BigTiff", .mode = "w8"}, Form{.name = "SmallTiles", .tile = 16},
                    Form{.name = "WholeSteps", .sizes = {{800, 512}, {400, 256}, {100, 64}}, .tile = 128},
                    Form{.name = "BrokenSteps", .sizes = {{701, 503}, {175, 125}, {43, 31}}, .tile = 64},
                    Form{.name = "Unsorted", .sizes = {{600, 400}, {150, 100}, {300, 200}}, .tile = 64},
                    Form{.name = "LargerThanABlock", .sizes = {{9001, 300}, {4301, 143}}, .tile = 256},
                    Form{.name = "Aperio", .sizes = {{701, 503}, {175, 125}}, .description = kAperio}),
    [](const auto& parameter) { return parameter.param.name; });

TEST(TiffReaderTest, GivesOpenSlidesPixelsOfRealSlides) {
  for (const auto& [name, tile] : std::initializer_list<std::pair<const char*, std::int64_t>>{
           {"wsi/CMU-1-Small-Region.svs", 240},
           {"wsi/CMU-1-Small-Region-pyramid.tiff", 256},
           {"wsi/openslide-fixtures/small.svs", 64}}) {
    TESSERA_NEED_DATA(path, name);
    SCOPED_TRACE(name);
    expect_same_info(path);
    expect_same_pixels(path, tile);
  }
}

TEST(TiffReaderTest, GivesOpenSlidesPixelsOfAPhantom) {
  const support::TemporaryFolder folder;
  SlidePhantomOptions options;
  options.width = 3001;  // its levels do not divide evenly
  options.height = 2003;
  write_slide_phantom(folder / "phantom.tif", options, JobContext{{}, {}}, 2);

  expect_same_info(folder / "phantom.tif");
  expect_same_pixels(folder / "phantom.tif", 256);
}

TEST(TiffReaderTest, DrawsRegionsLargerThanOpenSlidesBlocksAlike) {
  const support::TemporaryFolder folder;
  write_form(folder / "slide.tif", {.sizes = {{9001, 300}, {4301, 143}}, .tile = 256});
  const auto ours = open_slide(folder / "slide.tif");
  const auto theirs = open_with_openslide(folder / "slide.tif");

  for (const std::int64_t x : {-7, 0, 3, 10, 4097}) {
    for (const int level : {0, 1}) {
      EXPECT_TRUE(ours->read_region(x, -2, level, {8500, 200}) ==
                  theirs->read_region(x, -2, level, {8500, 200}))
          << where(level, x, -2, {8500, 200});
    }
  }
}

TEST(TiffReaderTest, IsWhiteFarOutside) {
  const support::TemporaryFolder folder;
  write_form(folder / "slide.tif", {});
  const auto reader = open_slide(folder / "slide.tif");
  constexpr auto kFar = std::numeric_limits<std::int64_t>::max();

  EXPECT_EQ(reader->read_region(kFar, 0, 0, {9, 9}), Image8(9, 9, 3, 255));
  EXPECT_EQ(reader->read_region(0, -kFar, 0, {9, 9}), Image8(9, 9, 3, 255));
}

TEST(TiffReaderTest, GivesTheSamePixelsToManyThreads) {
  const support::TemporaryFolder folder;
  write_form(folder / "slide.tif", {.sizes = {{3000, 2200}, {751, 549}}});  // more tiles than it keeps
  const auto truth = open_with_openslide(folder / "slide.tif")->read_region(0, 0, 0, {3000, 2200});
  const auto reader = open_slide(folder / "slide.tif");
  std::atomic<int> mistakes{0};
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t id = 0; id < 4; ++id) {
      threads.emplace_back([&, id] {
        Random random(3, id);
        for (int i = 0; i < 60; ++i) {
          const auto x = random.index(2900);
          const auto y = random.index(2100);
          if (reader->read_region(x, y, 0, {90, 90}) !=
              resample_area(truth, {static_cast<double>(x), static_cast<double>(y), 90, 90}, {90, 90})) {
            ++mistakes;
          }
          (void)reader->read_region(x, y, 1, {30, 30});
        }
      });
    }
  }
  EXPECT_EQ(mistakes, 0);
}

TEST(TiffReaderTest, LeavesTheWholeFileToOpenSlideWhereItCannotDoAlike) {
  const support::TemporaryFolder folder;
  const std::vector<Form> forms = {
      {.name = "deflate", .compressions = {COMPRESSION_ADOBE_DEFLATE}},
      {.name = "mixed",
       .sizes = {{512, 512}, {256, 256}},
       .compressions = {COMPRESSION_JPEG, COMPRESSION_ADOBE_DEFLATE}},
      {.name = "missing", .sizes = {{701, 503}, {175, 125}}, .description = kAperio, .empty_tile = 3},
  };
  for (const auto& form : forms) {
    SCOPED_TRACE(form.name);
    const auto path = folder / (form.name + ".tif");
    write_form(path, form);
    const auto reader = open_slide(path);
    EXPECT_EQ(reader->info().reader, "openslide");
    EXPECT_EQ(reader->read_region(0, 0, 0, {300, 300}).width(), 300);
  }
  TESSERA_NEED_DATA(boxes, "wsi/openslide-fixtures/boxes.tiff");
  EXPECT_EQ(open_slide(boxes)->info().reader, "openslide");
}

// --- damage ---------------------------------------------------------------------------------------------

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

template <typename T>
T number_at(const std::string& bytes, std::size_t at) {
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

template <typename T>
void put(std::string& bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof(T));
}

/// Where the value (or the place of the values) of a tag of the first directory stands; classic
/// little-endian.
std::size_t place_of(const std::string& bytes, std::uint16_t tag) {
  const auto directory = number_at<std::uint32_t>(bytes, 4);
  const auto count = number_at<std::uint16_t>(bytes, directory);
  for (std::size_t i = 0; i < count; ++i) {
    const auto entry = directory + 2 + 12 * i;
    if (number_at<std::uint16_t>(bytes, entry) == tag) return entry + 8;
  }
  ADD_FAILURE() << "no tag " << tag;
  return 0;
}

/// A slide of 3 x 3 tiles whose bytes a test may spoil.
class DamagedTiffTest : public testing::Test {
 protected:
  void SetUp() override {
    write_form(path_, {.sizes = {{700, 700}, {350, 350}}});
    bytes_ = bytes_of(path_);
    offsets_ = number_at<std::uint32_t>(bytes_, place_of(bytes_, TIFFTAG_TILEOFFSETS));
    counts_ = number_at<std::uint32_t>(bytes_, place_of(bytes_, TIFFTAG_TILEBYTECOUNTS));
  }
  std::unique_ptr<SlideReader> open() {
    write_file(path_, bytes_);
    return open_slide(path_);
  }
  /// The middle tile is refused with a reason, the others still read.
  void expect_middle_tile_damaged(const std::string& why) {
    const auto reader = open();
    ASSERT_EQ(reader->info().reader, "tiff");
    for (int round = 0; round < 2; ++round) {
      EXPECT_THAT(
          [&] {
            (void)reader->read_region(300, 300, 0, {20, 20});
          },
          Throws<Error>(testing::AllOf(
              HasCode(ErrorCode::corrupt_data),
              testing::Property(&Error::what, testing::AllOf(HasSubstr(path_.string()), HasSubstr(why),
                                                             HasSubstr("copy the slide again"))))));
      EXPECT_EQ(reader->read_region(0, 0, 0, {240, 240}).width(), 240);
    }
  }
  std::size_t offset_of(std::size_t tile) const {
    return number_at<std::uint32_t>(bytes_, offsets_ + 4 * tile);
  }
  /// Where a JPEG marker of the middle tile stands.
  std::size_t marker(char code) const { return bytes_.find(std::string{'\xff', code}, offset_of(4)); }

  support::TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "slide.tif";
  std::string bytes_;
  std::size_t offsets_ = 0;
  std::size_t counts_ = 0;
};

TEST_F(DamagedTiffTest, ATileThatEndsEarlyIsNotFilledWithGrey) {
  put<std::uint32_t>(bytes_, counts_ + 16, number_at<std::uint32_t>(bytes_, counts_ + 16) / 2);
  expect_middle_tile_damaged("Premature end");
}

TEST_F(DamagedTiffTest, ATileOfOverwrittenBytesIsRefused) {
  std::fill_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset_of(4) + 400), 600, '\xff');
  expect_middle_tile_damaged("Corrupt JPEG data");
}

TEST_F(DamagedTiffTest, ATileThatIsNoJpegIsRefused) {
  std::fill_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset_of(4)), 100, '\0');
  expect_middle_tile_damaged("Not a JPEG file");
}

TEST_F(DamagedTiffTest, ATileBeyondTheEndIsRefused) {
  put<std::uint32_t>(bytes_, offsets_ + 16, 0x7ffffff0);
  expect_middle_tile_damaged("outside the file");
}

TEST_F(DamagedTiffTest, ATileWithoutDataIsRefused) {
  put<std::uint32_t>(bytes_, counts_ + 16, 0);
  expect_middle_tile_damaged("no data");
}

TEST_F(DamagedTiffTest, ATileOfAnotherSizeThanTheTiffSaysIsRefused) {
  const auto frame = marker('\xc0');
  for (const auto side : {std::array{'\x00', '\x10'}, std::array{'\x10', '\x00'}}) {
    bytes_[frame + 5] = bytes_[frame + 7] = side[0];
    bytes_[frame + 6] = bytes_[frame + 8] = side[1];
    expect_middle_tile_damaged(side[0] == 0 ? "16 x 16" : "4096 x 4096");
  }
}

TEST_F(DamagedTiffTest, TheOverviewIsMadeOfWhatReads) {
  std::fill_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset_of(4)), 100, '\0');
  EXPECT_NE(read_overview(*open(), 700), Image8(700, 700, 3, 255));
}

TEST_F(DamagedTiffTest, AHeaderThatClaimsMorePixelsThanTheFileListsIsRefused) {
  for (const std::uint32_t side : {0U, 50000U, 1000000000U}) {
    for (const auto tag : {TIFFTAG_IMAGEWIDTH, TIFFTAG_IMAGELENGTH}) {
      put<std::uint16_t>(bytes_, place_of(bytes_, tag) - 6, TIFF_LONG);
      put<std::uint32_t>(bytes_, place_of(bytes_, tag), side);
    }
    EXPECT_THAT([&] { (void)open(); },
                Throws<Error>(testing::Property(&Error::what, HasSubstr(path_.string()))))
        << side;
  }
}

TEST_F(DamagedTiffTest, AnAperioHeaderThatClaimsMorePixelsThanTheFileListsIsRefused) {
  write_form(path_, {.sizes = {{700, 700}}, .description = kAperio});
  const auto whole = bytes_of(path_);
  for (const std::uint32_t side : {50000U, 1000000000U}) {
    bytes_ = whole;
    for (const auto tag : {TIFFTAG_IMAGEWIDTH, TIFFTAG_IMAGELENGTH}) {
      put<std::uint16_t>(bytes_, place_of(bytes_, tag) - 6, TIFF_LONG);
      put<std::uint32_t>(bytes_, place_of(bytes_, tag), side);
    }
    EXPECT_THAT([&] { (void)open(); },
                Throws<Error>(testing::Property(&Error::what, HasSubstr(path_.string()))))
        << side;
  }
}

TEST_F(DamagedTiffTest, ASlideWithoutASingleTileInsideTheFileIsRefused) {
  for (std::size_t i = 0; i < 9; ++i) put<std::uint32_t>(bytes_, offsets_ + 4 * i, 0x7ffffff0);
  EXPECT_THAT([&] { (void)open(); },
              Throws<Error>(testing::AllOf(
                  HasCode(ErrorCode::corrupt_data),
                  testing::Property(&Error::what, HasSubstr("none of its 9 tiles lies inside")))));
}

TEST_F(DamagedTiffTest, ATagThatStatesMoreBytesThanTheFileHasIsRefusedBeforeMemoryIsAskedFor) {
  write_form(path_, {.sizes = {{700, 700}}, .description = kAperio});
  bytes_ = bytes_of(path_);
  put<std::uint32_t>(bytes_, place_of(bytes_, TIFFTAG_IMAGEDESCRIPTION) - 4, 0xffffffbdU);
  EXPECT_THAT(
      [&] { (void)open(); },
      Throws<Error>(testing::AllOf(
          HasCode(ErrorCode::corrupt_data),
          testing::Property(&Error::what, testing::AllOf(HasSubstr(path_.string()),
                                                         HasSubstr("tag 270 states 4294967229 bytes"),
                                                         HasSubstr(std::to_string(bytes_.size())))))));
  EXPECT_TRUE(is_readable_slide(path_)) << "in a folder it is listed with its reason, not passed over";
}

TEST_F(DamagedTiffTest, APictureWithoutTilesIsReadInSpiteOfSuchATag) {
  {
    const auto tiff = open_tiff(path_, "w");
    ASSERT_TRUE(tiff);
    TIFFSetField(tiff.get(), TIFFTAG_IMAGEWIDTH, 40);
    TIFFSetField(tiff.get(), TIFFTAG_IMAGELENGTH, 30);
    TIFFSetField(tiff.get(), TIFFTAG_BITSPERSAMPLE, 8);
    TIFFSetField(tiff.get(), TIFFTAG_SAMPLESPERPIXEL, 3);
    TIFFSetField(tiff.get(), TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_RGB);
    TIFFSetField(tiff.get(), TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(tiff.get(), TIFFTAG_ROWSPERSTRIP, 30);
    TIFFSetField(tiff.get(), TIFFTAG_ARTIST, "whoever painted this");
    std::vector<std::uint8_t> row(120, 90);
    for (std::uint32_t y = 0; y < 30; ++y) TIFFWriteScanline(tiff.get(), row.data(), y, 0);
  }
  bytes_ = bytes_of(path_);
  put<std::uint32_t>(bytes_, place_of(bytes_, TIFFTAG_ARTIST) - 4, 0xffffffbdU);
  const auto reader = open();
  EXPECT_EQ(reader->info().reader, "flat");
  EXPECT_EQ(*reader->read_region(0, 0, 0, {4, 4}).pixel(1, 1), 90);
}

TEST_F(DamagedTiffTest, DirectoriesThatOverlapAreNotWalkedForever) {
  // 65,536 directories, 12 bytes apart, of 65,535 entries each.
  std::string file("II*\0\x08\0\0\0", 8);
  file.resize(8 + 12 * 65536 + 2 + 12 * 65535 + 4, '\xff');
  for (std::uint32_t i = 0; i < 65536; ++i)
    put<std::uint32_t>(file, 8 + 12 * i + 2 + 12 * 65535, 8 + 12 * (i + 1));
  write_file(path_, file);
  EXPECT_FALSE(detail::find_impossible_tag(path_));
}

TEST_F(DamagedTiffTest, SuchATagIsFoundInABigTiffOfTheOtherByteOrder) {
  const auto number = [](std::uint64_t value, int bytes) {
    std::string text;
    for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(value >> (8 * i));
    return text;
  };
  const auto file = [&](std::uint64_t count) {
    return "MM" + number(43, 2) + number(8, 2) + number(0, 2) + number(16, 8) + number(1, 8) +
           number(270, 2) + number(TIFF_SHORT, 2) + number(count, 8) + number(0, 8) + number(0, 8);
  };
  write_file(path_, file(26));  // 52 bytes: all of the file
  EXPECT_FALSE(detail::find_impossible_tag(path_));
  for (const std::uint64_t count : {std::uint64_t{27}, ~std::uint64_t{0}}) {
    write_file(path_, file(count));
    const auto found = detail::find_impossible_tag(path_);
    ASSERT_TRUE(found) << count;
    EXPECT_EQ(found->tag, 270);
    EXPECT_EQ(found->file_bytes, 52U);
  }
  write_file(path_, file(27).substr(0, 30));
  EXPECT_FALSE(detail::find_impossible_tag(path_)) << "a directory that ends early is for the readers";
}

TEST_F(DamagedTiffTest, AListOfImagesThatLeadsBackToItselfIsRefused) {
  const auto first = number_at<std::uint32_t>(bytes_, 4);
  const auto next_of = [&](std::size_t directory) {
    return directory + 2 + std::size_t{12} * number_at<std::uint16_t>(bytes_, directory);
  };
  const auto second = number_at<std::uint32_t>(bytes_, next_of(first));
  put<std::uint32_t>(bytes_, next_of(second), first);
  EXPECT_THAT([&] { (void)open(); },
              Throws<Error>(testing::AllOf(HasCode(ErrorCode::corrupt_data),
                                           testing::Property(&Error::what, HasSubstr(path_.string())))));
  put<std::uint32_t>(bytes_, next_of(first), first);
  EXPECT_THAT([&] { (void)open(); },
              Throws<Error>(testing::AllOf(HasCode(ErrorCode::corrupt_data),
                                           testing::Property(&Error::what, HasSubstr(path_.string())))));
}

TEST_F(DamagedTiffTest, EveryTruncationEndsInAnErrorOrIsWarnedOf) {
  const auto whole = bytes_;
  for (std::size_t tenth = 0; tenth < 10; ++tenth) {
    bytes_ = whole.substr(0, whole.size() * tenth / 10);
    try {
      const auto reader = open();
      for (std::int64_t at = 0; at < 700; at += 240) (void)reader->read_region(at, at, 0, {240, 240});
      EXPECT_THAT(reader->info().warnings, testing::Contains(HasSubstr("cut short"))) << tenth;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(path_.string()));
    }
  }
}

}  // namespace
}  // namespace imaging
