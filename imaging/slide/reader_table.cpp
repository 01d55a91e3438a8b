#include "imaging/slide/reader_table.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "imaging/base/error.h"
#include "imaging/slide/file_scale.h"
#include "imaging/slide/flat_reader.h"
#include "imaging/slide/itk_reader.h"
#include "imaging/slide/openslide_reader.h"
#include "imaging/slide/tiff_reader.h"

namespace imaging {
namespace fs = std::filesystem;
namespace {

constexpr std::array kReaders{
    ReaderEntry{"tiff", "Aperio SVS and tiled TIFF of JPEG tiles", &tiff_reader_version, &tiff_recognises,
                &open_tiff_slide},
    ReaderEntry{"openslide",
                "Aperio SVS, Hamamatsu NDPI/VMS, Leica SCN, MIRAX, Philips TIFF, Sakura, Trestle, Ventana "
                "BIF, tiled TIFF",
                &openslide_version, &openslide_recognises, &open_with_openslide},
    ReaderEntry{"flat", "PNG, JPEG, TIFF", &flat_reader_version, &flat_recognises, &open_flat_image},
    ReaderEntry{"itk", "2-D DICOM, MetaImage (MHA, MHD) and NIfTI", &itk_reader_version, &itk_recognises,
                &open_with_itk},
};

}  // namespace

std::span<const ReaderEntry> reader_table() {
  return kReaders;
}

bool is_readable_slide(const fs::path& path) {
  std::error_code failed;
  if (!fs::is_regular_file(path, failed)) return false;
  for (const auto& reader : kReaders) {
    if (reader.recognises(path)) return true;
  }
  return false;
}

std::unique_ptr<SlideReader> open_slide(const fs::path& path) {
  std::error_code failed;
  const bool exists = fs::exists(path, failed);
  if (failed || (exists && access(path.c_str(), R_OK) != 0)) {
    throw Error(ErrorCode::io_error,
                fmt::format("{}: {}.", path.string(), failed ? failed.message() : std::strerror(errno)));
  }
  if (!exists) throw Error(ErrorCode::not_found, fmt::format("{}: no such file.", path.string()));
  const bool is_file = fs::is_regular_file(path, failed);
  if (!is_file && !fs::is_directory(path, failed)) {
    throw Error(ErrorCode::io_error,
                fmt::format("{}: not a regular file (a pipe, a socket or a device).", path.string()));
  }
  if (is_file && fs::file_size(path, failed) == 0) {
    throw Error(ErrorCode::unsupported_format,
                fmt::format("{}: is empty (0 bytes); copy it again from its source.", path.string()));
  }
  for (const auto& reader : kReaders) {
    if (reader.recognises(path)) return reader.open(path);
  }
  std::string formats;
  for (const auto& reader : kReaders)
    formats += fmt::format("{}{}", formats.empty() ? "" : ", ", reader.formats);
  throw Error(ErrorCode::unsupported_format,
              fmt::format("{}: no reader recognises it; known are {}.", path.string(), formats));
}

SlideScale scale_from_text(const std::string& text, std::string_view source) {
  if (text == "pixels") return {1, 1, "pixels"};
  const auto mpp = parse_number(text);
  if (!mpp || !(*mpp >= 0.01 && *mpp <= 100)) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("The scale '{}' ({}) is neither a number from 0.01 to 100 um/px nor 'pixels'.",
                            text, source));
  }
  return {*mpp, *mpp, std::string(source)};
}

SlideScale resolve_scale(const SlideInfo& info, const std::optional<std::string>& override_mpp,
                         const std::optional<std::string>& table_mpp, std::string_view option) {
  if (override_mpp) return scale_from_text(*override_mpp, "override");
  if (table_mpp && !table_mpp->empty()) return scale_from_text(*table_mpp, "table");
  if (info.scale) return *info.scale;
  throw Error(
      ErrorCode::missing_scale,
      fmt::format(
          "{}: the file does not say how many um a pixel is; give {} M, a --table with a column mpp, or "
          "{} pixels to tile by level-0 pixels.",
          info.path.string(), option, option));
}

std::vector<std::string> scale_warnings(const SlideInfo& info, const SlideScale& used,
                                        std::string_view option) {
  if (!info.scale || (used.source != "override" && used.source != "table")) return {};
  const auto& own = *info.scale;
  if (!scales_differ(used.mpp_x, own.mpp_x) && !scales_differ(used.mpp_y, own.mpp_y)) return {};
  const auto given = used.source == "table" ? "The table's mpp" : option;
  return {fmt::format("{} {:.4g} is used although the file says {:.4g} um/px ({}).", given, used.mpp_x,
                      own.mpp_x, own.source)};
}

}  // namespace imaging
