#include "imaging/slide/flat_reader.h"

#include <fmt/format.h>
#include <png.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <tiffio.h>
#include <unistd.h>
#include <zlib.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
// After <cstdio>, which it needs.
#include <jpeglib.h>

#include "imaging/base/files.h"
#include "imaging/base/random.h"
#include "imaging/raster/png.h"
#include "imaging/slide/area_resample.h"
#include "imaging/slide/picture_pyramid.h"
#include "imaging/slide/reader_table.h"
#include "tests/imaging/painted_slide.h"
#include "tests/support/test_support.h"

namespace imaging {
namespace {

using support::HasCode;
using testing::HasSubstr;
using testing::Throws;
namespace fs = std::filesystem;

constexpr std::int64_t kAlwaysOnDisk = 1;
const std::vector<int> kWhite{255, 255, 255};

std::vector<int> rgb(const Image8& image, std::int64_t x, std::int64_t y) {
  const auto* pixel = image.pixel(x, y);
  return {pixel[0], pixel[1], pixel[2]};
}
std::vector<int> rgb_of(const fs::path& path, std::int64_t x, std::int64_t y) {
  return rgb(open_slide(path)->read_region(x, y, 0, {1, 1}), 0, 0);
}

void expect_equal_pictures(const SlideReader& found, const SlideReader& expected, const std::string& what) {
  ASSERT_EQ(found.info().levels.size(), expected.info().levels.size()) << what;
  for (int level = 0; level < static_cast<int>(expected.info().levels.size()); ++level) {
    const auto& size = expected.info().levels[static_cast<std::size_t>(level)];
    EXPECT_TRUE(found.read_region(0, 0, level, {size.width, size.height}) ==
                expected.read_region(0, 0, level, {size.width, size.height}))
        << what << ", level " << level;
    const auto x = (size.width / 3) << level;
    const auto y = (size.height / 2) << level;
    EXPECT_TRUE(found.read_region(x - 40, y + 7, level, {333, 300}) ==
                expected.read_region(x - 40, y + 7, level, {333, 300}))
        << what << ", level " << level;
  }
}

/// Writes a PNG of any kind, row after row. @param row  fills the samples of row y, big-endian
struct PngForm {
  std::uint32_t width = 1, height = 1;
  int bits = 8;
  int colour = PNG_COLOR_TYPE_RGB;
  bool is_interlaced = false;
  std::vector<png_color> palette = {};
};
void write_png_rows(const fs::path& path, const PngForm& form,
                    const std::function<void(std::uint32_t y, std::vector<std::uint8_t>& row)>& fill) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  auto* png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  auto* header = png_create_info_struct(png);
  png_init_io(png, file);
  png_set_compression_level(png, 1);
  png_set_IHDR(png, header, form.width, form.height, form.bits, form.colour,
               form.is_interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  if (!form.palette.empty())
    png_set_PLTE(png, header, form.palette.data(), static_cast<int>(form.palette.size()));
  png_write_info(png, header);
  std::vector<std::uint8_t> row(png_get_rowbytes(png, header));
  for (int pass = png_set_interlace_handling(png); pass > 0; --pass) {
    for (std::uint32_t y = 0; y < form.height; ++y) {
      fill(y, row);
      png_write_row(png, row.data());
    }
  }
  png_write_end(png, header);
  png_destroy_write_struct(&png, &header);
  std::fclose(file);
}

struct TiffForm {
  std::uint32_t width = 1, height = 1;
  int bits = 8, samples = 1, photometric = PHOTOMETRIC_MINISBLACK, planar = PLANARCONFIG_CONTIG;
  int format = SAMPLEFORMAT_UINT, orientation = 1;
  std::uint32_t tile = 0;  ///< 0 for strips
  std::uint32_t rows_per_strip = 7;
  int compression = COMPRESSION_LZW;
  std::uint32_t subfile = 0;
  const char* description = nullptr;
};
using Sample = std::function<int(std::uint32_t x, std::uint32_t y, int c)>;
void append_tiff(TIFF* file, const TiffForm& form, const Sample& sample) {
  TIFFSetField(file, TIFFTAG_SUBFILETYPE, form.subfile);
  TIFFSetField(file, TIFFTAG_IMAGEWIDTH, form.width);
  TIFFSetField(file, TIFFTAG_IMAGELENGTH, form.height);
  TIFFSetField(file, TIFFTAG_BITSPERSAMPLE, form.bits);
  TIFFSetField(file, TIFFTAG_SAMPLESPERPIXEL, form.samples);
  TIFFSetField(file, TIFFTAG_PHOTOMETRIC, form.photometric);
  TIFFSetField(file, TIFFTAG_PLANARCONFIG, form.planar);
  TIFFSetField(file, TIFFTAG_SAMPLEFORMAT, form.format);
  TIFFSetField(file, TIFFTAG_ORIENTATION, form.orientation);
  TIFFSetField(file, TIFFTAG_COMPRESSION, form.compression);
  if (form.description != nullptr) TIFFSetField(file, TIFFTAG_IMAGEDESCRIPTION, form.description);
  const int together = form.planar == PLANARCONFIG_SEPARATE ? 1 : form.samples;
  const auto bytes = static_cast<std::size_t>(form.bits / 8);
  const auto fill = [&](std::vector<std::uint8_t>& row, std::uint32_t x0, std::uint32_t count,
                        std::uint32_t y, int plane) {
    for (std::uint32_t x = 0; x < count; ++x) {
      for (int c = 0; c < together; ++c) {
        const bool is_inside = x0 + x < form.width && y < form.height;
        const auto value = static_cast<std::uint32_t>(is_inside ? sample(x0 + x, y, plane + c) : 0);
        std::memcpy(
            row.data() + (x * static_cast<std::size_t>(together) + static_cast<std::size_t>(c)) * bytes,
            &value, bytes);
      }
    }
  };
  const auto pixel = static_cast<std::size_t>(together) * bytes;
  if (form.tile > 0) {
    TIFFSetField(file, TIFFTAG_TILEWIDTH, form.tile);
    TIFFSetField(file, TIFFTAG_TILELENGTH, form.tile);
  } else {
    TIFFSetField(file, TIFFTAG_ROWSPERSTRIP, form.rows_per_strip);
  }
  for (int plane = 0; plane < form.samples; plane += together) {
    const auto side = form.tile;
    std::vector<std::uint8_t> row((side > 0 ? side : form.width) * pixel);
    if (side == 0) {
      for (std::uint32_t y = 0; y < form.height; ++y) {
        fill(row, 0, form.width, y, plane);
        TIFFWriteScanline(file, row.data(), y, static_cast<std::uint16_t>(plane));
      }
      continue;
    }
    for (std::uint32_t y = 0; y < form.height; y += side) {
      for (std::uint32_t x = 0; x < form.width; x += side) {
        std::vector<std::uint8_t> tile;
        for (std::uint32_t v = 0; v < side; ++v) {
          fill(row, x, side, y + v, plane);
          tile.insert(tile.end(), row.begin(), row.end());
        }
        TIFFWriteTile(file, tile.data(), x, y, 0, static_cast<std::uint16_t>(plane));
      }
    }
  }
  TIFFWriteDirectory(file);
}
void write_tiff(const fs::path& path, const TiffForm& form, const Sample& sample) {
  TIFF* file = TIFFOpen(path.c_str(), "w");
  append_tiff(file, form, sample);
  TIFFClose(file);
}

int ramp(std::uint32_t x, std::uint32_t y, int c) {
  return static_cast<int>((7 * x + 3 * y + 50 * static_cast<std::uint32_t>(c)) % 256);
}

void write_jpeg(const fs::path& path, const Image8& pixels, J_COLOR_SPACE from, bool is_progressive) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  jpeg_stdio_dest(&jpeg, file);
  jpeg.image_width = static_cast<JDIMENSION>(pixels.width());
  jpeg.image_height = static_cast<JDIMENSION>(pixels.height());
  jpeg.input_components = pixels.channels();
  jpeg.in_color_space = from;
  jpeg_set_defaults(&jpeg);
  if (is_progressive) jpeg_simple_progression(&jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  for (std::int64_t y = 0; y < pixels.height(); ++y) {
    auto* row = const_cast<std::uint8_t*>(pixels.row(y));
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  std::fclose(file);
}

TEST(FlatReaderTest, ReadsGreyAlphaAndSixteenBitPng) {
  const support::TemporaryFolder folder;
  Image8 grey(2, 1, 1);
  grey.data()[0] = 10;
  grey.data()[1] = 200;
  write_png(folder / "grey.png", grey);
  EXPECT_EQ(rgb(open_slide(folder / "grey.png")->read_region(1, 0, 0, {1, 1}), 0, 0),
            (std::vector{200, 200, 200}));

  Image8 clear(3, 1, 4);
  const std::vector<std::uint8_t> values{255, 0, 0, 255, 255, 0, 0, 51, 9, 9, 9, 0};
  std::ranges::copy(values, clear.data());
  write_png(folder / "alpha.png", clear);
  const auto laid = open_slide(folder / "alpha.png")->read_region(0, 0, 0, {3, 1});
  EXPECT_EQ(rgb(laid, 0, 0), (std::vector{255, 0, 0}));
  EXPECT_EQ(rgb(laid, 1, 0), (std::vector{255, 204, 204}));
  EXPECT_EQ(rgb(laid, 2, 0), kWhite);
}

TEST(FlatReaderTest, ReadsStripedTiffsThatOpenSlideRefuses) {
  const support::TemporaryFolder folder;
  const std::vector<std::uint16_t> wide{0, 257, 32896, 65535};
  support::write_strip_tiff(folder / "grey16.tif", 2, 2, wide,
                            {.bits = 16, .samples = 1, .pixels_per_cm = 20000});
  const auto reader = open_slide(folder / "grey16.tif");
  EXPECT_EQ(reader->info().reader, "flat");
  ASSERT_TRUE(reader->info().scale.has_value());
  EXPECT_NEAR(reader->info().scale->mpp_x, 0.5, 1e-9);
  const auto pixels = reader->read_region(0, 0, 0, {2, 2});
  EXPECT_EQ(rgb(pixels, 0, 0)[0], 0);
  EXPECT_NEAR(rgb(pixels, 1, 0)[0], 1, 1);
  EXPECT_NEAR(rgb(pixels, 0, 1)[0], 128, 1);
  EXPECT_EQ(rgb(pixels, 1, 1)[0], 255);

  support::write_strip_tiff(folder / "alpha.tif", 2, 1, {255, 0, 0, 51, 9, 9, 9, 0}, {.samples = 4});
  const auto laid = open_slide(folder / "alpha.tif")->read_region(0, 0, 0, {2, 1});
  EXPECT_EQ(rgb(laid, 0, 0), (std::vector{255, 204, 204}));
  EXPECT_EQ(rgb(laid, 1, 0), kWhite);
}

TEST(FlatReaderTest, AppliesEachTiffOrientation) {
  const support::TemporaryFolder folder;
  // Stored 3 x 2:  1 2 3 / 4 5 6; shown, by TIFF 6.0:
  const std::vector<std::vector<int>> shown{{1, 2, 3, 4, 5, 6}, {3, 2, 1, 6, 5, 4}, {6, 5, 4, 3, 2, 1},
                                            {4, 5, 6, 1, 2, 3}, {1, 4, 2, 5, 3, 6}, {4, 1, 5, 2, 6, 3},
                                            {6, 3, 5, 2, 4, 1}, {3, 6, 2, 5, 1, 4}};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const auto path = folder / fmt::format("o{}.tif", orientation);
    support::write_strip_tiff(path, 3, 2, {1, 2, 3, 4, 5, 6}, {.samples = 1, .orientation = orientation});
    const auto reader = open_slide(path);
    const auto size = reader->info().size_l0();
    EXPECT_EQ(size, orientation < 5 ? (SizeI{3, 2}) : (SizeI{2, 3}));
    const auto pixels = reader->read_region(0, 0, 0, size);
    std::vector<int> values;
    for (int i = 0; i < 6; ++i) values.push_back(pixels.data()[3 * i]);
    EXPECT_EQ(values, shown[static_cast<std::size_t>(orientation - 1)]) << orientation;
  }
}

TEST(FlatReaderTest, AppliesTheExifOrientationOfAJpeg) {
  const support::TemporaryFolder folder;
  Image8 pixels(32, 16, 3, 255);
  for (std::int64_t y = 0; y < 16; ++y)
    std::fill_n(pixels.row(y), 16 * 3, std::uint8_t{0});  // black left half
  const auto plain = encode_jpeg(pixels, 95);
  using namespace std::string_view_literals;
  const auto exif =
      "\xff\xe1\x00\x22"
      "Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"sv;
  std::string turned = plain;
  turned.insert(2, exif);
  write_file(folder / "turned.jpg", turned);

  const auto reader = open_slide(folder / "turned.jpg");

  EXPECT_EQ(reader->info().size_l0(), (SizeI{16, 32}));
  EXPECT_LT(rgb(reader->read_region(8, 2, 0, {1, 1}), 0, 0)[0], 20)
      << "6: turned clockwise, left becomes top";
  EXPECT_GT(rgb(reader->read_region(8, 29, 0, {1, 1}), 0, 0)[0], 235);
}

TEST(FlatReaderTest, RefusesFilesThatEndEarly) {
  const support::TemporaryFolder folder;
  const auto pixels = support::paint_positions(200, 200);
  for (const auto& bytes : {encode_png(pixels), encode_jpeg(pixels, 90)}) {
    write_file(folder / "cut", bytes.substr(0, bytes.size() / 2));
    EXPECT_THAT([&] { (void)open_slide(folder / "cut"); }, Throws<Error>(HasCode(ErrorCode::corrupt_data)));
    write_file(folder / "stub", bytes.substr(0, 10));
    EXPECT_THAT([&] { (void)open_slide(folder / "stub"); }, Throws<Error>(HasCode(ErrorCode::corrupt_data)));
  }
}

TEST(FlatReaderTest, KnowsTheScaleOfAnOmeTiff) {
  const support::TemporaryFolder folder;
  write_tiff(
      folder / "a.ome.tif",
      {.width = 9,
       .height = 9,
       .description = "<OME><Image><Pixels PhysicalSizeX=\"0.4\" PhysicalSizeY=\"0.5\"/></Image></OME>"},
      [](auto, auto, auto) { return 7; });
  const auto scale = open_slide(folder / "a.ome.tif")->info().scale;
  ASSERT_TRUE(scale);
  EXPECT_EQ(scale->source, "ome.physical_size");
  EXPECT_EQ(scale->mpp_x, 0.4);
  EXPECT_EQ(scale->mpp_y, 0.5);
}

TEST(FlatReaderTest, OpensARealStripedGreyTiff) {
  TESSERA_NEED_DATA(path, "wsi/small_vectra.qptiff");
  const auto reader = open_slide(path);

  EXPECT_EQ(reader->info().reader, "flat");
  EXPECT_EQ(reader->info().size_l0(), (SizeI{1920, 1440}));
  EXPECT_EQ(reader->info().levels.back().downsample, 4);
  EXPECT_EQ(read_overview(*reader, 480).height(), 360);
}

TEST(FlatReaderTest, HalvesByAreaForItsVirtualLevels) {
  const support::TemporaryFolder folder;
  const auto truth = support::paint_positions(1025, 601);
  write_png(folder / "a.png", truth);
  const auto reader = open_slide(folder / "a.png");

  ASSERT_EQ(reader->info().levels.size(), 3U);
  EXPECT_EQ(reader->info().levels[1].width, 513);
  const auto half = reader->read_region(0, 0, 1, {513, 301});
  EXPECT_EQ(half, support::shrunk(truth, 2, true));
  EXPECT_EQ(rgb(reader->read_region(200, 100, 1, {1, 1}), 0, 0), rgb(half, 100, 50));
  EXPECT_EQ(rgb(reader->read_region(-4, 0, 1, {3, 1}), 1, 0), kWhite);
}

// --- any size -------------------------------------------------------------------------------------------

TEST(FlatReaderSizeTest, GivesTheSamePixelsFromDiskAsFromMemory) {
  const support::TemporaryFolder folder;
  const auto truth = support::paint_positions(1325, 1101);
  write_png(folder / "a.png", truth);
  write_file(folder / "a.jpg", encode_jpeg(truth, 90));
  write_tiff(folder / "planar.tif",
             {.width = 700,
              .height = 1031,
              .bits = 16,
              .samples = 3,
              .photometric = PHOTOMETRIC_RGB,
              .planar = PLANARCONFIG_SEPARATE},
             [](auto x, auto y, int c) { return 16 * ramp(x, y, c); });
  write_tiff(folder / "palette.tif",
             {.width = 530, .height = 777, .samples = 4, .photometric = PHOTOMETRIC_SEPARATED}, ramp);
  for (const auto* name : {"a.png", "a.jpg", "planar.tif", "palette.tif"}) {
    expect_equal_pictures(*open_flat_image(folder / name, kAlwaysOnDisk), *open_flat_image(folder / name),
                          name);
  }
  const auto reader = open_flat_image(folder / "a.png", kAlwaysOnDisk);
  EXPECT_EQ(reader->read_region(0, 0, 0, {1325, 1101}), truth);
  ASSERT_EQ(reader->info().levels.size(), 3U);
  EXPECT_EQ(reader->read_region(0, 0, 1, {663, 551}), support::shrunk(truth, 2, true));
  EXPECT_EQ(reader->read_region(-4000, 0, 1, {3, 1}), Image8(3, 1, 3, 255));
}

TEST(FlatReaderSizeTest, TurnsOnDiskAsInMemory) {
  const support::TemporaryFolder folder;
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const auto path = folder / fmt::format("o{}.tif", orientation);
    write_tiff(path,
               {.width = 601,
                .height = 333,
                .samples = 3,
                .photometric = PHOTOMETRIC_RGB,
                .orientation = orientation},
               ramp);
    expect_equal_pictures(*open_flat_image(path, kAlwaysOnDisk), *open_flat_image(path),
                          fmt::format("orientation {}", orientation));
  }
}

TEST(FlatReaderSizeTest, LeavesNothingInTheTemporaryFolderAndNamesItWhereItFails) {
  const support::TemporaryFolder folder;
  write_png(folder / "a.png", support::paint_positions(600, 500));
  const auto temporary = folder / "temporary";
  fs::create_directory(temporary);
  const char* before = std::getenv("TMPDIR");
  const std::string kept = before == nullptr ? "" : before;
  setenv("TMPDIR", temporary.c_str(), 1);
  const auto reader = open_flat_image(folder / "a.png", kAlwaysOnDisk);
  EXPECT_TRUE(fs::is_empty(temporary));
  setenv("TMPDIR", (folder / "missing").c_str(), 1);
  EXPECT_THAT([&] { (void)open_flat_image(folder / "a.png", kAlwaysOnDisk); },
              Throws<Error>(testing::AllOf(HasCode(ErrorCode::io_error),
                                           testing::Property(&Error::what, HasSubstr("TMPDIR")))));
  EXPECT_EQ(reader->read_region(599, 499, 0, {1, 1}).pixel(0, 0)[1], 499 % 256);
  kept.empty() ? unsetenv("TMPDIR") : setenv("TMPDIR", kept.c_str(), 1);
}

TEST(FlatReaderSizeTest, ReadsAHundredMegapixelsInLittleMemory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer keeps freed memory";
#endif
  const support::TemporaryFolder folder;
  write_png_rows(folder / "large.png", {.width = 10000, .height = 10000}, [](auto y, auto& row) {
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<std::uint8_t>(i / 900 + y / 40);
  });
  // A process of its own, whose peak is not that of the tests before.
  const auto child = fork();
  if (child == 0) {
    rusage start{};
    rusage end{};
    getrusage(RUSAGE_SELF, &start);
    const auto reader = open_flat_image(folder / "large.png");
    const auto pixel = reader->read_region(9999, 9999, 0, {1, 1});
    (void)read_overview(*reader, 500);
    getrusage(RUSAGE_SELF, &end);
    const bool is_right = pixel.data()[2] == static_cast<std::uint8_t>(29999 / 900 + 9999 / 40);
    _exit(!is_right ? 200 : static_cast<int>(std::min<long>(199, (end.ru_maxrss - start.ru_maxrss) / 1024)));
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_LT(WEXITSTATUS(status), 100) << "MiB more than before; the picture has 286 MiB";
}

TEST(FlatReaderSizeTest, RefusesLyingHeadersWithoutReadingPixels) {
  const support::TemporaryFolder folder;
  const auto write_png_claim = [&](const std::string& name, std::uint32_t width, std::uint32_t height) {
    auto bytes = encode_png(Image8(8, 8, 3));
    for (int i = 0; i < 4; ++i) {
      bytes[static_cast<std::size_t>(16 + i)] = static_cast<char>(width >> (24 - 8 * i));
      bytes[static_cast<std::size_t>(20 + i)] = static_cast<char>(height >> (24 - 8 * i));
    }
    auto crc = crc32(0, reinterpret_cast<const Bytef*>(bytes.data()) + 12, 17);
    for (int i = 0; i < 4; ++i)
      bytes[static_cast<std::size_t>(29 + i)] = static_cast<char>(crc >> (24 - 8 * i));
    write_file(folder / name, bytes);
  };
  write_png_claim("giant.png", 1000000000, 1000000000);
  write_png_claim("bomb.png", 60000, 60000);
  write_png_claim("zero.png", 0, 8);
  auto jpeg = encode_jpeg(Image8(8, 8, 3), 90);
  const auto frame = jpeg.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  jpeg.replace(frame + 5, 4, "\xff\x00\xff\x00", 4);
  write_file(folder / "bomb.jpg", jpeg);
  jpeg.replace(frame + 5, 4, std::string(4, '\0'));
  write_file(folder / "zero.jpg", jpeg);

  for (const auto* name : {"giant.png", "bomb.png", "bomb.jpg"}) {
    EXPECT_THAT([&] { (void)open_slide(folder / name); },
                Throws<Error>(testing::AllOf(HasCode(ErrorCode::resource_exhausted),
                                             testing::Property(&Error::what, HasSubstr(name)))))
        << name;
  }
  for (const auto* name : {"zero.png", "zero.jpg"}) {
    EXPECT_THAT([&] { (void)open_slide(folder / name); }, Throws<Error>(HasCode(ErrorCode::corrupt_data)))
        << name;
  }
}

TEST(FlatReaderSizeTest, RefusesATiffThatClaimsAPictureOfAThousandMillionPixelsASide) {
  const support::TemporaryFolder folder;
  write_tiff(folder / "a.tif", {.width = 8, .height = 8}, ramp);
  for (const std::uint32_t claim : {1000000000U, 100000U, 0U}) {
    auto bytes = read_file(folder / "a.tif");
    // Little-endian entries of width (256) and length (257), both LONG or SHORT.
    for (const char tag : {'\x00', '\x01'}) {
      for (std::size_t i = 8; i + 12 < bytes.size(); ++i) {
        if (bytes[i] != tag || bytes[i + 1] != '\x01' || (bytes[i + 2] != 3 && bytes[i + 2] != 4)) continue;
        bytes[i + 2] = 4;
        std::memcpy(bytes.data() + i + 8, &claim, 4);
        break;
      }
    }
    write_file(folder / "claim.tif", bytes);
    EXPECT_THROW((void)open_slide(folder / "claim.tif"), Error) << claim;
  }
}

// --- samples --------------------------------------------------------------------------------------------

TEST(FlatReaderSampleTest, ShowsTwelveBitsInFullAndSaysSo) {
  const support::TemporaryFolder folder;
  const auto twelve_bits = [](std::uint32_t x, std::uint32_t, int) {
    return static_cast<int>(4095 * x / 99);
  };
  write_tiff(folder / "strips.tif", {.width = 100, .height = 20, .bits = 16}, twelve_bits);
  write_tiff(folder / "tiles.tif", {.width = 100, .height = 20, .bits = 16, .tile = 32}, twelve_bits);
  write_png_rows(folder / "a.png", {.width = 100, .height = 20, .bits = 16, .colour = PNG_COLOR_TYPE_GRAY},
                 [&](auto y, auto& row) {
                   for (std::uint32_t x = 0; x < 100; ++x) {
                     row[2 * x] = static_cast<std::uint8_t>(twelve_bits(x, y, 0) >> 8);
                     row[2 * x + 1] = static_cast<std::uint8_t>(twelve_bits(x, y, 0));
                   }
                 });
  for (const auto* name : {"strips.tif", "tiles.tif", "a.png"}) {
    const auto reader = open_slide(folder / name);
    EXPECT_EQ(reader->info().reader, "flat") << name;
    EXPECT_THAT(reader->info().warnings, testing::Contains(HasSubstr("0 to 4095"))) << name;
    const auto row = reader->read_region(0, 10, 0, {100, 1});
    for (std::int64_t x = 0; x < 100; ++x) {
      const int truth = static_cast<int>(std::lround(255.0 * static_cast<double>(4095 * x / 99) / 4095));
      EXPECT_EQ(rgb(row, x, 0), (std::vector{truth, truth, truth})) << name << " " << x;
    }
  }
}

TEST(FlatReaderSampleTest, DoesNotLetAHotPixelDarkenThePicture) {
  const support::TemporaryFolder folder;
  write_tiff(folder / "hot.tif", {.width = 200, .height = 100, .bits = 16},
             [](auto x, auto y, int) { return x == 3 && y == 5 ? 65535 : 1000; });
  EXPECT_EQ(rgb_of(folder / "hot.tif", 100, 50)[0], std::lround(255 * 1000 / 1023.0));
  EXPECT_EQ(rgb_of(folder / "hot.tif", 3, 5)[0], 255);
}

TEST(FlatReaderSampleTest, ReadsEveryKindOfPng) {
  const support::TemporaryFolder folder;
  const PngForm palette{.width = 4,
                        .height = 1,
                        .bits = 2,
                        .colour = PNG_COLOR_TYPE_PALETTE,
                        .palette = {{1, 2, 3}, {10, 20, 30}, {200, 100, 50}, {255, 0, 255}}};
  write_png_rows(folder / "palette.png", palette, [](auto, auto& row) { row[0] = 0b00011011; });
  EXPECT_EQ(rgb_of(folder / "palette.png", 2, 0), (std::vector{200, 100, 50}));
  EXPECT_EQ(rgb_of(folder / "palette.png", 3, 0), (std::vector{255, 0, 255}));

  write_png_rows(folder / "bits.png", {.width = 8, .height = 1, .bits = 1, .colour = PNG_COLOR_TYPE_GRAY},
                 [](auto, auto& row) { row[0] = 0b01000000; });
  EXPECT_EQ(rgb_of(folder / "bits.png", 0, 0)[0], 0);
  EXPECT_EQ(rgb_of(folder / "bits.png", 1, 0)[0], 255);

  write_png_rows(folder / "grey_alpha16.png",
                 {.width = 1, .height = 1, .bits = 16, .colour = PNG_COLOR_TYPE_GA}, [](auto, auto& row) {
                   row = {0x00, 0x00, 0x33, 0x33};
                 });
  EXPECT_EQ(rgb_of(folder / "grey_alpha16.png", 0, 0), (std::vector{204, 204, 204}));

  const auto truth = support::paint_positions(77, 53);
  write_png_rows(folder / "woven.png", {.width = 77, .height = 53, .is_interlaced = true},
                 [&](auto y, auto& row) { std::copy_n(truth.row(y), row.size(), row.begin()); });
  EXPECT_EQ(open_slide(folder / "woven.png")->read_region(0, 0, 0, {77, 53}), truth);
  EXPECT_THAT([&] { (void)open_flat_image(folder / "woven.png", kAlwaysOnDisk); },
              Throws<Error>(testing::AllOf(HasCode(ErrorCode::resource_exhausted),
                                           testing::Property(&Error::what, HasSubstr("interlac")))));
}

TEST(FlatReaderSampleTest, ReadsEveryKindOfTiff) {
  const support::TemporaryFolder folder;
  for (const std::uint32_t tile : {0U, 32U}) {
    for (const int bits : {8, 16}) {
      for (const int planar : {PLANARCONFIG_CONTIG, PLANARCONFIG_SEPARATE}) {
        for (const std::uint32_t strip : {7U, 1000U}) {
          const auto path = folder / fmt::format("rgb{}{}{}{}.tif", tile, bits, planar, strip);
          write_tiff(path,
                     {.width = 90,
                      .height = 50,
                      .bits = bits,
                      .samples = 3,
                      .photometric = PHOTOMETRIC_RGB,
                      .planar = planar,
                      .tile = tile,
                      .rows_per_strip = strip},
                     [&](auto x, auto y, int c) {
                       return x == 0 ? (1 << bits) - 1 : ramp(x, y, c) * (bits == 8 ? 1 : 257);
                     });
          const auto reader = open_flat_image(path);
          const auto pixels = reader->read_region(0, 0, 0, {90, 50});
          for (std::uint32_t y = 0; y < 50; ++y) {
            for (std::uint32_t x = 1; x < 90; ++x)
              ASSERT_EQ(rgb(pixels, x, y), (std::vector{ramp(x, y, 0), ramp(x, y, 1), ramp(x, y, 2)}))
                  << path;
          }
        }
      }
    }
  }
  write_tiff(folder / "white0.tif", {.width = 9, .height = 9, .photometric = PHOTOMETRIC_MINISWHITE}, ramp);
  EXPECT_EQ(rgb_of(folder / "white0.tif", 4, 2)[0], 255 - ramp(4, 2, 0));
  write_tiff(folder / "cmyk.tif",
             {.width = 9, .height = 9, .samples = 4, .photometric = PHOTOMETRIC_SEPARATED},
             [](auto, auto, int c) { return c == 0   ? 255
                                            : c == 3 ? 0
                                                     : 51; });
  EXPECT_EQ(rgb_of(folder / "cmyk.tif", 4, 2), (std::vector{0, 204, 204}));
  write_tiff(folder / "many.tif", {.width = 9, .height = 9, .samples = 5, .photometric = PHOTOMETRIC_RGB},
             ramp);
  EXPECT_EQ(rgb_of(folder / "many.tif", 4, 2), (std::vector{ramp(4, 2, 0), ramp(4, 2, 1), ramp(4, 2, 2)}));
}

TEST(FlatReaderSampleTest, RefusesSamplesThatAreNoPicture) {
  const support::TemporaryFolder folder;
  write_tiff(folder / "float.tif", {.width = 9, .height = 9, .bits = 32, .format = SAMPLEFORMAT_IEEEFP},
             ramp);
  write_tiff(folder / "float_tiles.tif",
             {.width = 9, .height = 9, .bits = 32, .format = SAMPLEFORMAT_IEEEFP, .tile = 16}, ramp);
  write_tiff(folder / "signed.tif", {.width = 9, .height = 9, .bits = 16, .format = SAMPLEFORMAT_INT}, ramp);
  for (const auto* name : {"float.tif", "float_tiles.tif", "signed.tif"}) {
    EXPECT_THAT([&] { (void)open_slide(folder / name); },
                Throws<Error>(testing::AllOf(HasCode(ErrorCode::unsupported_format),
                                             testing::Property(&Error::what, HasSubstr("whole numbers")))))
        << name;
  }
}

TEST(FlatReaderSampleTest, ReadsEveryKindOfJpeg) {
  const support::TemporaryFolder folder;
  write_jpeg(folder / "grey.jpg", Image8(40, 30, 1, 77), JCS_GRAYSCALE, false);
  EXPECT_EQ(rgb_of(folder / "grey.jpg", 20, 20), (std::vector{77, 77, 77}));
  // libjpeg writes an Adobe marker with CMYK: 255 is no ink.
  Image8 ink(40, 30, 4, 255);
  for (std::int64_t i = 0; i < 40 * 30; ++i) ink.data()[4 * i] = 51;
  write_jpeg(folder / "ink.jpg", ink, JCS_CMYK, false);
  EXPECT_EQ(rgb_of(folder / "ink.jpg", 20, 20), (std::vector{51, 255, 255}));
  const auto truth = support::paint_positions(120, 90);
  write_jpeg(folder / "plain.jpg", truth, JCS_RGB, false);
  write_jpeg(folder / "woven.jpg", truth, JCS_RGB, true);
  EXPECT_EQ(open_slide(folder / "woven.jpg")->read_region(0, 0, 0, {120, 90}),
            open_slide(folder / "plain.jpg")->read_region(0, 0, 0, {120, 90}));
  EXPECT_THAT([&] { (void)open_flat_image(folder / "woven.jpg", kAlwaysOnDisk); },
              Throws<Error>(testing::AllOf(HasCode(ErrorCode::resource_exhausted),
                                           testing::Property(&Error::what, HasSubstr("progressive")))));
}

TEST(FlatReaderSampleTest, RefusesAJpegOfEndlessScans) {
  const support::TemporaryFolder folder;
  write_jpeg(folder / "a.jpg", support::paint_positions(120, 90), JCS_RGB, true);
  auto bytes = read_file(folder / "a.jpg");
  const auto scan = bytes.substr(bytes.rfind("\xff\xda"));  // the last, with the end of the image
  const auto body = std::string_view(scan).substr(0, scan.size() - 2);
  bytes.resize(bytes.size() - 2);
  for (int i = 0; i < 200; ++i) bytes += body;
  write_file(folder / "a.jpg", bytes + "\xff\xd9");
  EXPECT_THAT([&] { (void)open_slide(folder / "a.jpg"); },
              Throws<Error>(testing::AllOf(HasCode(ErrorCode::corrupt_data),
                                           testing::Property(&Error::what, HasSubstr("100 scans")))));
}

// --- pages, damage --------------------------------------------------------------------------------------

TEST(FlatReaderPageTest, ShowsTheFirstImageThatIsNoOverviewAndSaysSo) {
  const support::TemporaryFolder folder;
  TIFF* file = TIFFOpen((folder / "pages.tif").c_str(), "w");
  append_tiff(file, {.width = 5, .height = 5, .subfile = FILETYPE_REDUCEDIMAGE}, ramp);
  append_tiff(file, {.width = 50, .height = 40}, ramp);
  append_tiff(file, {.width = 60, .height = 40}, ramp);
  TIFFClose(file);

  const auto reader = open_slide(folder / "pages.tif");

  EXPECT_EQ(reader->info().size_l0(), (SizeI{50, 40}));
  EXPECT_THAT(reader->info().warnings, testing::Contains(HasSubstr("3 images; only number 2")));
}

TEST(FlatReaderPageTest, RefusesATiffWhoseImagesPointBackAtThemselves) {
  const support::TemporaryFolder folder;
  write_tiff(folder / "a.tif", {.width = 50, .height = 40}, ramp);
  auto bytes = read_file(folder / "a.tif");
  std::uint32_t directory = 0;
  std::uint16_t entries = 0;
  std::memcpy(&directory, bytes.data() + 4, 4);
  std::memcpy(&entries, bytes.data() + directory, 2);
  std::memcpy(bytes.data() + directory + 2 + 12U * entries, &directory, 4);
  write_file(folder / "loop.tif", bytes);

  EXPECT_THAT([&] { (void)open_slide(folder / "loop.tif"); },
              Throws<Error>(HasCode(ErrorCode::corrupt_data)));
}

TEST(FlatReaderDamageTest, RefusesFilesCutAtEachTenth) {
  const support::TemporaryFolder folder;
  const auto truth = support::paint_positions(700, 600);
  write_png(folder / "a.png", truth);
  write_jpeg(folder / "a.jpg", truth, JCS_RGB, false);
  write_jpeg(folder / "woven.jpg", truth, JCS_RGB, true);
  write_tiff(folder / "a.tif", {.width = 400, .height = 300, .samples = 3, .photometric = PHOTOMETRIC_RGB},
             ramp);
  write_tiff(folder / "deep.tif", {.width = 400, .height = 300, .bits = 16, .compression = COMPRESSION_NONE},
             ramp);
  for (const auto* name : {"a.png", "a.jpg", "woven.jpg", "a.tif", "deep.tif"}) {
    const auto bytes = read_file(folder / name);
    for (std::size_t tenth = 0; tenth < 10; ++tenth) {
      write_file(folder / "cut", bytes.substr(0, bytes.size() * tenth / 10));
      EXPECT_THROW((void)open_slide(folder / "cut"), Error) << name << " at tenth " << tenth;
      if (tenth == 0) continue;
      EXPECT_THROW(
          (void)open_flat_image(folder / "cut",
                                std::string_view(name) == "woven.jpg" ? kPixelsInMemory : kAlwaysOnDisk),
          Error)
          << name << " at tenth " << tenth;
    }
  }
}

TEST(FlatReaderDamageTest, SurvivesFlippedBytes) {
  const support::TemporaryFolder folder;
  const auto truth = support::paint_positions(300, 200);
  write_png(folder / "a.png", truth);
  write_jpeg(folder / "a.jpg", truth, JCS_RGB, false);
  write_tiff(folder / "a.tif", {.width = 100, .height = 80, .samples = 3, .photometric = PHOTOMETRIC_RGB},
             ramp);
  write_tiff(folder / "tiles.tif", {.width = 100, .height = 80, .bits = 16, .tile = 32}, ramp);
  Random random(11, 3);
  for (const auto* name : {"a.png", "a.jpg", "a.tif", "tiles.tif"}) {
    const auto bytes = read_file(folder / name);
    for (int round = 0; round < 150; ++round) {
      auto damaged = bytes;
      for (int i = 0; i < 3; ++i) {
        // Half of the damage near the ends, where the headers are.
        const auto span = static_cast<std::int64_t>(round % 2 == 0 ? std::min<std::size_t>(300, bytes.size())
                                                                   : bytes.size());
        const auto at = round % 4 == 0 ? static_cast<std::int64_t>(bytes.size()) - 1 - random.index(span)
                                       : random.index(span);
        damaged[static_cast<std::size_t>(at)] = static_cast<char>(random.index(256));
      }
      write_file(folder / "damaged", damaged);
      try {
        (void)open_flat_image(folder / "damaged");
      } catch (const Error&) {
      }
    }
  }
}

TEST(FlatReaderRealTest, ReadsFundusPhotographsAsTheirFilesSay) {
  TESSERA_NEED_DATA(path, "fundus_dr/idrid_fullres/IDRiD_001.jpg");
  const auto reader = open_slide(path);
  EXPECT_EQ(reader->info().size_l0(), (SizeI{4288, 2848}));
  EXPECT_TRUE(reader->info().warnings.empty());
  expect_equal_pictures(*open_flat_image(path, kAlwaysOnDisk), *reader, "IDRiD_001");
}

}  // namespace
}  // namespace imaging
