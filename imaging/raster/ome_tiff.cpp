#include "imaging/raster/ome_tiff.h"

#include <fmt/format.h>
#include <tiffio.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>

#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/slide/file_scale.h"
#include "imaging/slide/tiff_file.h"

namespace imaging {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kTileSide = 256;
constexpr std::size_t kClassicTiffBytes = std::size_t{1} << 31;  // BigTIFF above, well before the 4 GiB limit
constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string unescaped(std::string text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kEntities{
      {{"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&amp;", "&"}}};
  for (const auto& [entity, character] : kEntities) {
    for (std::size_t at = 0; (at = text.find(entity, at)) != std::string::npos; at += character.size()) {
      text.replace(at, entity.size(), character);
    }
  }
  return text;
}

/// OME-XML 2016-06. The level-0 size of a pixel is ours and goes in a map annotation.
std::string describe(const ScoreRaster& raster) {
  std::string channels;
  std::string planes;
  for (std::size_t c = 0; c < raster.channel_names.size(); ++c) {
    channels += fmt::format("<Channel ID=\"Channel:0:{}\" Name=\"{}\" SamplesPerPixel=\"1\"/>", c,
                            escaped(raster.channel_names[c]));
    planes +=
        fmt::format("<TiffData IFD=\"{}\" FirstC=\"{}\" FirstZ=\"0\" FirstT=\"0\" PlaneCount=\"1\"/>", c, c);
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
      "<OME xmlns=\"http://www.openmicroscopy.org/Schemas/OME/2016-06\" "
      "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
      "xsi:schemaLocation=\"http://www.openmicroscopy.org/Schemas/OME/2016-06 "
      "http://www.openmicroscopy.org/Schemas/OME/2016-06/ome.xsd\" Creator=\"Tessera\">"
      "<Image ID=\"Image:0\" Name=\"tile scores\">"
      "<Pixels ID=\"Pixels:0\" DimensionOrder=\"XYCZT\" Type=\"float\" BigEndian=\"false\" "
      "Interleaved=\"false\" "
      "SizeX=\"{}\" SizeY=\"{}\" SizeC=\"{}\" SizeZ=\"1\" SizeT=\"1\" PhysicalSizeX=\"{:.10g}\" "
      "PhysicalSizeXUnit=\"\u00b5m\" "
      "PhysicalSizeY=\"{:.10g}\" PhysicalSizeYUnit=\"\u00b5m\">{}{}</Pixels><AnnotationRef "
      "ID=\"Annotation:0\"/></Image>"
      "<StructuredAnnotations><MapAnnotation ID=\"Annotation:0\" Namespace=\"tessera\"><Value>"
      "<M K=\"pixel_l0_x\">{}</M><M "
      "K=\"pixel_l0_y\">{}</M></Value></MapAnnotation></StructuredAnnotations></OME>",
      raster.values.width(), raster.values.height(), raster.values.channels(), raster.pixel_um.x,
      raster.pixel_um.y, channels, planes, raster.pixel_l0.x, raster.pixel_l0.y);
}

/// Means of the finite values among 2 x 2 pixels.
ImageF halved(const ImageF& fine) {
  ImageF coarse((fine.width() + 1) / 2, (fine.height() + 1) / 2, 1);
  for (std::int64_t y = 0; y < coarse.height(); ++y) {
    for (std::int64_t x = 0; x < coarse.width(); ++x) {
      double sum = 0;
      int count = 0;
      for (auto v = 2 * y; v < std::min(2 * y + 2, fine.height()); ++v) {
        for (auto u = 2 * x; u < std::min(2 * x + 2, fine.width()); ++u) {
          const float value = *fine.pixel(u, v);
          if (!std::isfinite(value)) continue;
          sum += static_cast<double>(value);
          ++count;
        }
      }
      *coarse.pixel(x, y) = count > 0 ? static_cast<float>(sum / count) : kNone;
    }
  }
  return coarse;
}

[[noreturn]] void fail_writing(const fs::path& path) {
  throw Error(ErrorCode::io_error, fmt::format("Cannot write {}: {}.", path.string(), last_tiff_message()));
}

void write_plane(TIFF* file, const fs::path& path, const ImageF& plane, PointD pixel_um) {
  TIFFSetField(file, TIFFTAG_IMAGEWIDTH, static_cast<std::uint32_t>(plane.width()));
  TIFFSetField(file, TIFFTAG_IMAGELENGTH, static_cast<std::uint32_t>(plane.height()));
  TIFFSetField(file, TIFFTAG_BITSPERSAMPLE, 32);
  TIFFSetField(file, TIFFTAG_SAMPLESPERPIXEL, 1);
  TIFFSetField(file, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_IEEEFP);
  TIFFSetField(file, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
  TIFFSetField(file, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
  TIFFSetField(file, TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE);
  TIFFSetField(file, TIFFTAG_TILEWIDTH, static_cast<std::uint32_t>(kTileSide));
  TIFFSetField(file, TIFFTAG_TILELENGTH, static_cast<std::uint32_t>(kTileSide));
  TIFFSetField(file, TIFFTAG_RESOLUTIONUNIT, RESUNIT_CENTIMETER);
  TIFFSetField(file, TIFFTAG_XRESOLUTION, 1e4 / pixel_um.x);
  TIFFSetField(file, TIFFTAG_YRESOLUTION, 1e4 / pixel_um.y);
  std::vector<float> tile(static_cast<std::size_t>(kTileSide * kTileSide));
  for (std::int64_t y = 0; y < plane.height(); y += kTileSide) {
    for (std::int64_t x = 0; x < plane.width(); x += kTileSide) {
      std::ranges::fill(tile, kNone);
      for (std::int64_t row = 0; row < std::min(kTileSide, plane.height() - y); ++row) {
        std::copy_n(plane.pixel(x, y + row), std::min(kTileSide, plane.width() - x),
                    tile.data() + row * kTileSide);
      }
      if (TIFFWriteTile(file, tile.data(), static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(y), 0,
                        0) < 0) {
        fail_writing(path);
      }
    }
  }
  if (TIFFWriteDirectory(file) == 0) fail_writing(path);
}

ImageF channel_of(const ImageF& values, int channel) {
  ImageF plane(values.width(), values.height(), 1);
  for (std::int64_t y = 0; y < plane.height(); ++y) {
    for (std::int64_t x = 0; x < plane.width(); ++x) *plane.pixel(x, y) = values.pixel(x, y)[channel];
  }
  return plane;
}

[[noreturn]] void refuse(const fs::path& path, std::string_view why) {
  throw Error(ErrorCode::corrupt_data,
              fmt::format("{}: not a score raster of ours: {}.", path.string(), why));
}

/// The text after `before` up to `end`, searched from `at`, which moves behind it.
std::string text_after(const fs::path& path, const std::string& xml, std::string_view before, char end,
                       std::size_t& at) {
  const auto found = xml.find(before, at);
  if (found == std::string::npos) refuse(path, fmt::format("its OME-XML lacks {}", before));
  const auto start = found + before.size();
  at = xml.find(end, start);
  if (at == std::string::npos) refuse(path, "its OME-XML is cut off");
  return xml.substr(start, at - start);
}

double number_after(const fs::path& path, const std::string& xml, std::string_view before, char end) {
  std::size_t at = 0;
  const auto value = parse_number(text_after(path, xml, before, end, at));
  if (!value || !(*value > 0)) refuse(path, fmt::format("{} is not a positive number", before));
  return *value;
}

}  // namespace

void write_ome_tiff(const fs::path& path, const ScoreRaster& raster) {
  if (raster.values.empty() || static_cast<int>(raster.channel_names.size()) != raster.values.channels() ||
      !(raster.pixel_um.x > 0 && raster.pixel_um.y > 0)) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: a raster of {} x {} pixels and {} channels with {} names cannot be written.",
                            path.string(), raster.values.width(), raster.values.height(),
                            raster.values.channels(), raster.channel_names.size()));
  }
  AtomicFile target(path);
  {
    const auto file =
        open_tiff(target.temporary_path(), raster.values.bytes() > kClassicTiffBytes ? "wl8" : "wl");
    if (!file) fail_writing(path);
    for (int channel = 0; channel < raster.values.channels(); ++channel) {
      std::vector<ImageF> levels{channel_of(raster.values, channel)};
      while (std::max(levels.back().width(), levels.back().height()) > kTileSide)
        levels.push_back(halved(levels.back()));
      if (channel == 0) TIFFSetField(file.get(), TIFFTAG_IMAGEDESCRIPTION, describe(raster).c_str());
      if (levels.size() > 1) {
        const std::vector<std::uint64_t> offsets(levels.size() - 1,
                                                 0);  // libtiff fills them in as the levels follow
        TIFFSetField(file.get(), TIFFTAG_SUBIFD, static_cast<int>(offsets.size()), offsets.data());
      }
      PointD pixel_um = raster.pixel_um;
      for (std::size_t level = 0; level < levels.size(); ++level) {
        if (level > 0) TIFFSetField(file.get(), TIFFTAG_SUBFILETYPE, FILETYPE_REDUCEDIMAGE);
        write_plane(file.get(), path, levels[level], pixel_um);
        pixel_um = {2 * pixel_um.x, 2 * pixel_um.y};
      }
    }
  }
  target.commit();
}

ScoreRaster read_ome_tiff(const fs::path& path) {
  std::error_code failed;
  if (!fs::exists(path, failed))
    throw Error(ErrorCode::not_found, fmt::format("{}: no such file.", path.string()));
  const auto file = open_tiff(path, "r");
  if (!file) refuse(path, last_tiff_message());
  const char* description = nullptr;
  if (TIFFGetField(file.get(), TIFFTAG_IMAGEDESCRIPTION, &description) != 1)
    refuse(path, "it has no description");
  const std::string xml = description;
  ScoreRaster raster;
  raster.pixel_um = {number_after(path, xml, "PhysicalSizeX=\"", '"'),
                     number_after(path, xml, "PhysicalSizeY=\"", '"')};
  raster.pixel_l0 = {number_after(path, xml, "pixel_l0_x\">", '<'),
                     number_after(path, xml, "pixel_l0_y\">", '<')};
  const auto channels = static_cast<int>(number_after(path, xml, "SizeC=\"", '"'));
  std::size_t at = 0;
  for (int channel = 0; channel < channels; ++channel) {
    raster.channel_names.push_back(unescaped(
        text_after(path, xml, fmt::format("<Channel ID=\"Channel:0:{}\" Name=\"", channel), '"', at)));
  }

  std::vector<float> tile(static_cast<std::size_t>(kTileSide * kTileSide));
  for (int channel = 0; channel < channels; ++channel) {
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    if (TIFFSetDirectory(file.get(), static_cast<std::uint16_t>(channel)) == 0)
      refuse(path, "a channel is missing");
    TIFFGetField(file.get(), TIFFTAG_IMAGEWIDTH, &width);
    TIFFGetField(file.get(), TIFFTAG_IMAGELENGTH, &height);
    if (TIFFIsTiled(file.get()) == 0 ||
        TIFFTileSize(file.get()) != static_cast<tmsize_t>(tile.size() * sizeof(float))) {
      refuse(path, "its tiles are not ours");
    }
    if (channel == 0) raster.values = ImageF(width, height, channels);
    if (raster.values.width() != width || raster.values.height() != height)
      refuse(path, "its channels differ in size");
    for (std::int64_t y = 0; y < height; y += kTileSide) {
      for (std::int64_t x = 0; x < width; x += kTileSide) {
        if (TIFFReadTile(file.get(), tile.data(), static_cast<std::uint32_t>(x),
                         static_cast<std::uint32_t>(y), 0, 0) < 0) {
          refuse(path, last_tiff_message());
        }
        for (std::int64_t v = 0; v < std::min<std::int64_t>(kTileSide, height - y); ++v) {
          for (std::int64_t u = 0; u < std::min<std::int64_t>(kTileSide, width - x); ++u) {
            raster.values.pixel(x + u, y + v)[channel] = tile[static_cast<std::size_t>(v * kTileSide + u)];
          }
        }
      }
    }
  }
  return raster;
}

}  // namespace imaging
