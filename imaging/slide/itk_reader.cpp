#include "imaging/slide/itk_reader.h"

#include <fmt/format.h>
#include <gdcmVersion.h>
#include <itkVersion.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <new>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "imaging/base/error.h"
#include "imaging/slide/detail/read_protocol.h"
#include "imaging/slide/detail/run_apart.h"
#include "imaging/slide/picture_pyramid.h"
#include "imaging/slide/rgb_rows.h"
#include "imaging/slide/stored_picture.h"

namespace imaging {
namespace fs = std::filesystem;
namespace {

constexpr std::chrono::seconds kTimeLimit{60};

class StoredRows final : public RowDecoder {
 public:
  explicit StoredRows(const StoredPicture& picture)
      : picture_(picture),
        row_bytes_(static_cast<std::size_t>(picture.format.size.width * picture.format.channels *
                                            picture.format.bits / 8)) {
    format_ = picture.format;
  }
  void read_row(std::uint8_t* samples) override {
    std::memcpy(samples, picture_.samples.data() + next_ * row_bytes_, row_bytes_);
    ++next_;
  }

 private:
  const StoredPicture& picture_;
  std::size_t row_bytes_;
  std::size_t next_ = 0;
};

StoredPicture read_picture(const fs::path& path, SlideInfo& info) {
  if (is_dicom(path)) {
    info.vendor = "dicom";
    return read_dicom_picture(path, info);
  }
  if (is_meta_image(path)) {
    info.vendor = "metaimage";
    return read_meta_picture(path, info);
  }
  if (is_nifti(path)) {
    info.vendor = "nifti";
    return read_nifti_picture(path, info);
  }
  refuse_kind(path, "neither DICOM, MetaImage nor NIfTI");
}

using Json = nlohmann::json;

/// A line of JSON, then the samples.
std::string pack(const SlideInfo& info, const StoredPicture& picture) {
  const auto& format = picture.format;
  Json header{{"failed", nullptr},
              {"vendor", info.vendor},
              {"warnings", info.warnings},
              {"properties", info.properties},
              {"width", format.size.width},
              {"height", format.size.height},
              {"channels", format.channels},
              {"bits", format.bits},
              {"is_white_at_zero", format.is_white_at_zero}};
  if (info.laterality) header["laterality"] = *info.laterality;
  if (info.scale) header["scale"] = {info.scale->mpp_x, info.scale->mpp_y, info.scale->source};
  auto bytes = header.dump(-1, ' ', true, Json::error_handler_t::replace) + '\n';
  bytes.append(picture.samples.begin(), picture.samples.end());
  return bytes;
}

StoredPicture unpack(const std::string& bytes, SlideInfo& info) {
  const auto end = bytes.find('\n');
  const auto header = Json::parse(bytes.substr(0, end));
  detail::throw_if_failed(header);
  header["vendor"].get_to(info.vendor);
  header["warnings"].get_to(info.warnings);
  header["properties"].get_to(info.properties);
  if (header.contains("laterality")) info.laterality = header["laterality"].get<std::string>();
  if (header.contains("scale")) {
    const auto& scale = header["scale"];
    info.scale = SlideScale{scale[0].get<double>(), scale[1].get<double>(), scale[2].get<std::string>()};
  }
  StoredPicture picture;
  auto& format = picture.format;
  format.size = {header["width"].get<std::int64_t>(), header["height"].get<std::int64_t>()};
  header["channels"].get_to(format.channels);
  header["bits"].get_to(format.bits);
  header["is_white_at_zero"].get_to(format.is_white_at_zero);
  picture.samples.assign(bytes.begin() + static_cast<std::ptrdiff_t>(end) + 1, bytes.end());
  if (picture.samples.size() !=
      static_cast<std::size_t>(format.size.width * format.size.height * format.channels * format.bits / 8)) {
    throw std::runtime_error("its decoder ended early");
  }
  return picture;
}

[[noreturn]] void refuse_for_memory(const fs::path& path) {
  throw Error(
      ErrorCode::resource_exhausted,
      fmt::format("{}: its decoder needs more memory than is free, or than it may have ({} GiB); close "
                  "other programs, or convert it to a tiled pyramidal TIFF.",
                  path.string(), detail::kMemoryApart >> 30));
}

/// read_picture in a process of its own.
StoredPicture read_picture_apart(const fs::path& path, SlideInfo& info) {
  const auto work = [&] {
    try {
      try {
        SlideInfo found;
        const auto picture = read_picture(path, found);
        return pack(found, picture);
      } catch (const std::bad_alloc&) {
        refuse_for_memory(path);
      }
    } catch (const Error& error) {
      const Json failed{{"code", static_cast<int>(error.code())}, {"message", error.what()}};
      return Json{{"failed", failed}}.dump(-1, ' ', true, Json::error_handler_t::replace) + '\n';
    }
  };
  try {
    return unpack(detail::run_apart(work, kTimeLimit), info);
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    refuse_for_memory(path);
  } catch (const detail::WorkerFailure& failure) {
    refuse_damaged(path, failure.reason);
  } catch (const std::exception& error) {
    refuse_damaged(path, error.what());
  }
}

}  // namespace

void check_stored_size(const fs::path& path, SizeI size, int bits) {
  check_picture_size(path, size, bits, kPixelsInMemory);
  if (size.width * size.height > kMaxStoredPixels) {
    throw Error(
        ErrorCode::resource_exhausted,
        fmt::format("{}: {} x {} pixels; a medical image may have {}: convert it to a tiled pyramidal TIFF.",
                    path.string(), size.width, size.height, kMaxStoredPixels));
  }
}

void lift_signed(std::vector<std::uint8_t>& samples, std::vector<std::string>& warnings) {
  const auto count = samples.size() / 2;
  std::int16_t least = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::int16_t value = 0;
    std::memcpy(&value, samples.data() + 2 * i, 2);
    least = std::min(least, value);
  }
  for (std::size_t i = 0; i < count; ++i) {
    std::int16_t value = 0;
    std::memcpy(&value, samples.data() + 2 * i, 2);
    const auto lifted = static_cast<std::uint16_t>(value - least);
    std::memcpy(samples.data() + 2 * i, &lifted, 2);
  }
  if (least < 0) warnings.push_back(fmt::format("Signed samples: {} is added to each.", -least));
}

std::string itk_reader_version() {
  return fmt::format("ITK {}, GDCM {}", itk::Version::GetITKVersion(), gdcm::Version::GetVersion());
}

bool itk_recognises(const fs::path& path) {
  return is_dicom(path) || is_meta_image(path) || is_nifti(path);
}

std::unique_ptr<SlideReader> open_with_itk(const fs::path& path) {
  SlideInfo info;
  info.path = path;
  info.reader = "itk";
  info.reader_version = itk_reader_version();
  const auto picture = read_picture_apart(path, info);
  int white = 255;
  if (picture.format.bits == 16) {
    StoredRows rows(picture);
    white = measure_white(rows);
    info.warnings.push_back(deep_picture_warning(white));
  }
  StoredRows rows(picture);
  RgbRows rgb(rows, white);
  return make_picture_reader(
      std::move(info), picture.format.size, picture.format.orientation, [&](Image8& band) { rgb.read(band); },
      [](SlideInfo&) {}, kPixelsInMemory);
}

}  // namespace imaging
