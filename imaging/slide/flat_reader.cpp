#include "imaging/slide/flat_reader.h"

#include <fmt/format.h>
#include <tiffio.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <mutex>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <string_view>
#include <vector>

#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/slide/file_scale.h"
#include "imaging/slide/tiff_file.h"

namespace imaging {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kMaxRegionPixels = std::int64_t{1} << 28;
constexpr std::int64_t kSmallestLevelSide = 512;  // a level above this gets another one below it

enum class Kind { none, png, jpeg, tiff };

Kind kind_of(std::string_view start) {
  using namespace std::string_view_literals;
  if (start.starts_with("\x89PNG\r\n\x1a\n"sv)) return Kind::png;
  if (start.starts_with("\xff\xd8\xff"sv)) return Kind::jpeg;
  for (const auto magic : {"II*\0"sv, "MM\0*"sv, "II+\0"sv, "MM\0+"sv}) {
    if (start.starts_with(magic)) return Kind::tiff;
  }
  return Kind::none;
}

Kind kind_of_file(const fs::path& path) {
  std::array<char, 8> start{};
  std::ifstream in(path, std::ios::binary);
  in.read(start.data(), start.size());
  return kind_of({start.data(), static_cast<std::size_t>(in.gcount())});
}

[[noreturn]] void refuse_damaged(const fs::path& path, std::string_view why) {
  throw Error(ErrorCode::corrupt_data, fmt::format("{}: cannot be decoded: {}.", path.string(), why));
}

void check_size(const fs::path& path, std::int64_t width, std::int64_t height) {
  if (width <= 0 || height <= 0)
    refuse_damaged(path, fmt::format("its size is {} x {} pixels", width, height));
  if (width > kMaxFlatPixels / height) {
    throw Error(
        ErrorCode::resource_exhausted,
        fmt::format(
            "{}: {} x {} pixels; a flat image may have {} (2^29). Convert it to a tiled pyramidal TIFF, "
            "for example with vips tiffsave --tile --pyramid.",
            path.string(), width, height, kMaxFlatPixels));
  }
}

std::uint32_t big_endian(std::string_view bytes, std::size_t at, int count) {
  std::uint32_t value = 0;
  for (int i = 0; i < count; ++i)
    value = value << 8 | static_cast<unsigned char>(bytes[at + static_cast<std::size_t>(i)]);
  return value;
}

/// Size before orientation, from the frame header; also refuses a file whose end is missing, which the
/// decoder would fill with grey.
SizeI jpeg_size(const fs::path& path, std::string_view bytes) {
  SizeI size;
  std::size_t at = 2;
  while (at + 4 <= bytes.size()) {
    if (static_cast<unsigned char>(bytes[at]) != 0xff) refuse_damaged(path, "a JPEG marker is missing");
    const auto marker = static_cast<unsigned char>(bytes[at + 1]);
    if (marker == 0xff) {  // fill byte
      ++at;
      continue;
    }
    const std::size_t length = big_endian(bytes, at + 2, 2);
    const bool is_frame =
        marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
    if (is_frame && at + 9 <= bytes.size())
      size = {big_endian(bytes, at + 7, 2), big_endian(bytes, at + 5, 2)};
    at += 2 + length;
    if (marker == 0xda) break;  // pixels follow; in them 0xff is escaped, so the end marker is unmistakable
  }
  if (at >= bytes.size() || bytes.find("\xff\xd9", at) == std::string_view::npos) {
    refuse_damaged(path, "the JPEG ends early");
  }
  return size;
}

Image8 to_rgb8(const fs::path& path, cv::Mat decoded) {
  if (decoded.depth() == CV_16U) {
    decoded.convertTo(decoded, CV_8U, 1.0 / 257);
  } else if (decoded.depth() != CV_8U) {
    refuse_damaged(path, "its samples are neither 8 nor 16 bits");
  }
  Image8 image(decoded.cols, decoded.rows, 3);
  cv::Mat rgb(decoded.rows, decoded.cols, CV_8UC3, image.data());
  switch (decoded.channels()) {
    case 1:
      cv::cvtColor(decoded, rgb, cv::COLOR_GRAY2RGB);
      break;
    case 3:
      cv::cvtColor(decoded, rgb, cv::COLOR_BGR2RGB);
      break;
    case 4:
      for (int y = 0; y < decoded.rows; ++y) {
        const auto* from = decoded.ptr<cv::Vec4b>(y);
        auto* to = rgb.ptr<cv::Vec3b>(y);
        for (int x = 0; x < decoded.cols; ++x) {
          const int alpha = from[x][3];
          for (int c = 0; c < 3; ++c) {
            to[x][c] = static_cast<std::uint8_t>((from[x][2 - c] * alpha + 255 * (255 - alpha) + 127) / 255);
          }
        }
      }
      break;
    default:
      refuse_damaged(path, fmt::format("it has {} channels", decoded.channels()));
  }
  return image;
}

Image8 decode_with_opencv(const fs::path& path, Kind kind) {
  const auto bytes = read_file(path);
  const auto size = kind == Kind::jpeg  ? jpeg_size(path, bytes)
                    : bytes.size() < 24 ? SizeI{}
                                        : SizeI{big_endian(bytes, 16, 4), big_endian(bytes, 20, 4)};
  check_size(path, size.width, size.height);
  try {
    const cv::Mat raw(1, static_cast<int>(bytes.size()), CV_8U, const_cast<char*>(bytes.data()));
    // IMREAD_COLOR applies the EXIF orientation; IMREAD_UNCHANGED keeps alpha and 16 bits.
    auto decoded = cv::imdecode(raw, kind == Kind::jpeg ? cv::IMREAD_COLOR : cv::IMREAD_UNCHANGED);
    if (decoded.empty()) refuse_damaged(path, "the decoder refuses it");
    return to_rgb8(path, std::move(decoded));
  } catch (const cv::Exception& error) {
    refuse_damaged(path, error.err);
  }
}

/// Pixels as stored, laid over white, without the orientation.
Image8 decode_tiff_rows(const fs::path& path, TIFF* file, SizeI size) {
  std::array<char, 1024> why{};
  TIFFRGBAImage reader{};
  if (TIFFRGBAImageOK(file, why.data()) == 0 || TIFFRGBAImageBegin(&reader, file, 1, why.data()) == 0) {
    refuse_damaged(path, why.data());
  }
  const std::unique_ptr<TIFFRGBAImage, void (*)(TIFFRGBAImage*)> end(&reader, &TIFFRGBAImageEnd);
  reader.req_orientation = reader.orientation;  // no flip here
  std::uint32_t band_rows = 0;
  if (TIFFIsTiled(file) != 0) {
    TIFFGetField(file, TIFFTAG_TILELENGTH, &band_rows);
  } else {
    TIFFGetFieldDefaulted(file, TIFFTAG_ROWSPERSTRIP, &band_rows);
  }
  const auto rows = std::clamp<std::int64_t>(band_rows, 1, size.height);
  Image8 image(size.width, size.height, 3);
  std::vector<std::uint32_t> band(static_cast<std::size_t>(size.width * rows));
  for (std::int64_t y = 0; y < size.height; y += rows) {
    const auto count = std::min(rows, size.height - y);
    reader.row_offset = static_cast<int>(y);
    reader.col_offset = 0;
    if (TIFFRGBAImageGet(&reader, band.data(), static_cast<std::uint32_t>(size.width),
                         static_cast<std::uint32_t>(count)) == 0) {
      refuse_damaged(path, last_tiff_message());
    }
    auto* out = image.row(y);
    for (std::int64_t i = 0; i < size.width * count; ++i) {
      const auto pixel = band[static_cast<std::size_t>(i)];
      const auto glass = 255 - TIFFGetA(pixel);  // libtiff premultiplies
      *out++ = static_cast<std::uint8_t>(std::min(255U, TIFFGetR(pixel) + glass));
      *out++ = static_cast<std::uint8_t>(std::min(255U, TIFFGetG(pixel) + glass));
      *out++ = static_cast<std::uint8_t>(std::min(255U, TIFFGetB(pixel) + glass));
    }
  }
  return image;
}

/// Applies a TIFF orientation, 1 to 8.
Image8 oriented(Image8 image, int orientation) {
  if (orientation <= 1 || orientation > 8) return image;
  const cv::Mat from(static_cast<int>(image.height()), static_cast<int>(image.width()), CV_8UC3,
                     image.data());
  const bool swaps = orientation >= 5;
  Image8 result(swaps ? image.height() : image.width(), swaps ? image.width() : image.height(), 3);
  cv::Mat to(static_cast<int>(result.height()), static_cast<int>(result.width()), CV_8UC3, result.data());
  switch (orientation) {
    case 2:
      cv::flip(from, to, 1);
      break;
    case 3:
      cv::flip(from, to, -1);
      break;
    case 4:
      cv::flip(from, to, 0);
      break;
    case 5:
      cv::transpose(from, to);
      break;
    case 6:
      cv::rotate(from, to, cv::ROTATE_90_CLOCKWISE);
      break;
    case 7: {
      cv::Mat transposed;
      cv::transpose(from, transposed);
      cv::flip(transposed, to, -1);
      break;
    }
    default:
      cv::rotate(from, to, cv::ROTATE_90_COUNTERCLOCKWISE);
      break;
  }
  return result;
}

Image8 decode_tiff(const fs::path& path, SlideInfo& info) {
  const auto file = open_tiff(path, "r");
  if (!file) refuse_damaged(path, last_tiff_message());
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  TIFFGetField(file.get(), TIFFTAG_IMAGEWIDTH, &width);
  TIFFGetField(file.get(), TIFFTAG_IMAGELENGTH, &height);
  check_size(path, width, height);
  auto image = decode_tiff_rows(path, file.get(), {width, height});

  std::uint16_t orientation = ORIENTATION_TOPLEFT;
  std::uint16_t unit = RESUNIT_INCH;
  float x_resolution = 0;
  float y_resolution = 0;
  TIFFGetFieldDefaulted(file.get(), TIFFTAG_ORIENTATION, &orientation);
  TIFFGetFieldDefaulted(file.get(), TIFFTAG_RESOLUTIONUNIT, &unit);
  ScaleClaims claims;
  if (TIFFGetField(file.get(), TIFFTAG_XRESOLUTION, &x_resolution) == 1 &&
      TIFFGetField(file.get(), TIFFTAG_YRESOLUTION, &y_resolution) == 1) {
    if (orientation >= 5) std::swap(x_resolution, y_resolution);
    claims.tiff_x_resolution = static_cast<double>(x_resolution);
    claims.tiff_y_resolution = static_cast<double>(y_resolution);
    claims.tiff_unit = unit == RESUNIT_CENTIMETER ? "centimeter" : unit == RESUNIT_INCH ? "inch" : "none";
    info.properties["tiff.ResolutionUnit"] = claims.tiff_unit;
    info.properties["tiff.XResolution"] = fmt::format("{}", x_resolution);
    info.properties["tiff.YResolution"] = fmt::format("{}", y_resolution);
  }
  info.scale = judge_scale(claims, info.warnings);
  if (const auto pages = TIFFNumberOfDirectories(file.get()); pages > 1) {
    info.warnings.push_back(fmt::format("The TIFF holds {} images; only the first is shown.", pages));
  }
  return oriented(std::move(image), orientation);
}

/// Averages of 2 x 2 pixels; at an odd edge of those that exist.
Image8 halved(const Image8& fine) {
  Image8 coarse((fine.width() + 1) / 2, (fine.height() + 1) / 2, 3);
  for (std::int64_t y = 0; y < coarse.height(); ++y) {
    const auto* above = fine.row(2 * y);
    const auto* below = fine.row(std::min(2 * y + 1, fine.height() - 1));
    auto* out = coarse.row(y);
    for (std::int64_t x = 0; x < coarse.width(); ++x) {
      const auto left = 6 * x;
      const auto right = 3 * std::min(2 * x + 1, fine.width() - 1);
      for (int c = 0; c < 3; ++c) {
        *out++ = static_cast<std::uint8_t>(
            (above[left + c] + above[right + c] + below[left + c] + below[right + c] + 2) / 4);
      }
    }
  }
  return coarse;
}

class FlatReader final : public SlideReader {
 public:
  explicit FlatReader(const fs::path& path) {
    const auto kind = kind_of_file(path);
    info_.path = path;
    info_.reader = "flat";
    info_.reader_version = flat_reader_version();
    switch (kind) {
      case Kind::none:
        throw Error(ErrorCode::unsupported_format,
                    fmt::format("{}: neither PNG, JPEG nor TIFF.", path.string()));
      case Kind::tiff:
        info_.vendor = "tiff";
        levels_.push_back(decode_tiff(path, info_));
        break;
      default:
        info_.vendor = kind == Kind::png ? "png" : "jpeg";
        levels_.push_back(decode_with_opencv(path, kind));
    }
    SlideLevel level{levels_.front().width(), levels_.front().height(), 1};
    info_.levels.push_back(level);
    while (std::max(level.width, level.height) > kSmallestLevelSide) {
      level = {(level.width + 1) / 2, (level.height + 1) / 2, level.downsample * 2};
      info_.levels.push_back(level);
    }
    levels_.resize(info_.levels.size());
  }

  const SlideInfo& info() const override { return info_; }

  Image8 read_region(std::int64_t x_l0, std::int64_t y_l0, int level, SizeI size) const override {
    if (level < 0 || level >= static_cast<int>(info_.levels.size())) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("{}: level {} asked for, the image has 0 to {}.", info_.path.string(), level,
                              info_.levels.size() - 1));
    }
    if (size.width <= 0 || size.height <= 0 || size.width > kMaxRegionPixels / size.height) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("{}: a region of {} x {} pixels asked for, 1 to {} may be.",
                              info_.path.string(), size.width, size.height, kMaxRegionPixels));
    }
    const auto& source = pixels_of(level);
    Image8 region(size.width, size.height, 3, 255);
    const auto left = x_l0 >> level;  // also floors negative positions
    const auto top = y_l0 >> level;
    const auto first = std::clamp<std::int64_t>(-left, 0, size.width);
    const auto last = std::clamp<std::int64_t>(source.width() - left, first, size.width);
    if (first == last) return region;
    for (std::int64_t y = std::max<std::int64_t>(0, -top); y < std::min(size.height, source.height() - top);
         ++y) {
      std::memcpy(region.pixel(first, y), source.pixel(left + first, top + y),
                  static_cast<std::size_t>(3 * (last - first)));
    }
    return region;
  }

  Image8 read_associated(const std::string& name) const override {
    throw Error(ErrorCode::not_found,
                fmt::format("{}: has no associated image '{}'.", info_.path.string(), name));
  }

 private:
  const Image8& pixels_of(int level) const {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 1; i <= static_cast<std::size_t>(level); ++i) {
      if (levels_[i].empty()) levels_[i] = halved(levels_[i - 1]);
    }
    return levels_[static_cast<std::size_t>(level)];  // never changed again once filled
  }

  SlideInfo info_;
  mutable std::mutex mutex_;
  mutable std::vector<Image8> levels_;
};

}  // namespace

std::string flat_reader_version() {
  const std::string_view tiff = TIFFGetVersion();  // "LIBTIFF, Version 4.5.0\nCopyright ..."
  const auto line = tiff.substr(0, tiff.find('\n'));
  return fmt::format("OpenCV {}, libtiff {}", CV_VERSION, line.substr(line.rfind(' ') + 1));
}

bool flat_recognises(const fs::path& path) {
  return kind_of_file(path) != Kind::none;
}

std::unique_ptr<SlideReader> open_flat_image(const fs::path& path) {
  return std::make_unique<FlatReader>(path);
}

}  // namespace imaging
