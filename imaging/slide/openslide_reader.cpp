#include "imaging/slide/openslide_reader.h"

#include <fmt/format.h>
#include <openslide.h>

#include <algorithm>
#include <mutex>
#include <shared_mutex>
#include <string_view>
#include <utility>

#include "imaging/base/error.h"
#include "imaging/slide/detail/region.h"
#include "imaging/slide/detail/tiff_directories.h"
#include "imaging/slide/file_scale.h"
#include "imaging/slide/tiff_file.h"

namespace imaging {
namespace fs = std::filesystem;
namespace {

constexpr double kMostTilePixels = 1 << 26;

struct CloseSlide {
  void operator()(openslide_t* handle) const { openslide_close(handle); }
};
using Handle = std::unique_ptr<openslide_t, CloseSlide>;

/// OpenSlide's null (not recognised) and error state (recognised, but broken) are two different errors.
Handle open_handle(const fs::path& path) {
  detail::refuse_impossible_tag(path);
  Handle handle(openslide_open(path.c_str()));
  if (!handle) {
    std::error_code ignored;
    if (!fs::exists(path, ignored))
      throw Error(ErrorCode::not_found, fmt::format("{}: no such file.", path.string()));
    throw Error(ErrorCode::unsupported_format, fmt::format("{}: not a slide that OpenSlide {} recognises.",
                                                           path.string(), openslide_version()));
  }
  if (const char* why = openslide_get_error(handle.get())) {
    throw Error(ErrorCode::corrupt_data, fmt::format("{}: cannot be opened: {}.", path.string(), why));
  }
  return handle;
}

std::vector<std::string> copy_names(const char* const* names) {
  std::vector<std::string> copies;
  for (; names != nullptr && *names != nullptr; ++names) copies.emplace_back(*names);
  return copies;
}

Image8 over_white(const std::vector<std::uint32_t>& argb, SizeI size) {
  Image8 image(size.width, size.height, 3);
  detail::over_white(argb, image.data());
  return image;
}

class OpenSlideReader final : public SlideReader {
 public:
  explicit OpenSlideReader(const fs::path& path) : handle_(open_handle(path)) { describe(path); }

  const SlideInfo& info() const override { return info_; }

  Image8 read_region(std::int64_t x_l0, std::int64_t y_l0, int level, SizeI size) const override {
    detail::check_region(info_, level, size);
    std::vector<std::uint32_t> argb(static_cast<std::size_t>(size.width * size.height));
    const auto read = [&](openslide_t* handle) {
      openslide_read_region(handle, argb.data(), x_l0, y_l0, level, size.width, size.height);
    };
    with_retry(read, fmt::format("the region of {} x {} pixels at ({}, {}) of level {} cannot be read",
                                 size.width, size.height, x_l0, y_l0, level));
    return over_white(argb, size);
  }

  Image8 read_associated(const std::string& name) const override {
    if (std::ranges::find(info_.associated_images, name) == info_.associated_images.end()) {
      throw Error(ErrorCode::not_found,
                  fmt::format("{}: has no associated image '{}'.", info_.path.string(), name));
    }
    SizeI size;
    std::vector<std::uint32_t> argb;
    const auto read = [&](openslide_t* handle) {
      openslide_get_associated_image_dimensions(handle, name.c_str(), &size.width, &size.height);
      if (size.width <= 0 || size.height <= 0 || size.width > detail::kMaxRegionPixels / size.height) return;
      argb.resize(static_cast<std::size_t>(size.width * size.height));
      openslide_read_associated_image(handle, name.c_str(), argb.data());
    };
    const auto what = fmt::format("the associated image '{}' cannot be read", name);
    with_retry(read, what);
    if (argb.empty()) throw Error(ErrorCode::corrupt_data, fmt::format("{}: {}.", info_.path.string(), what));
    return over_white(argb, size);
  }

 private:
  void describe(const fs::path& path) {
    openslide_t* handle = handle_.get();
    info_.path = path;
    info_.reader = "openslide";
    info_.reader_version = openslide_version();
    for (const auto& name : copy_names(openslide_get_property_names(handle))) {
      if (const char* value = openslide_get_property_value(handle, name.c_str()))
        info_.properties[name] = value;
    }
    const auto property = [&](const char* name) -> std::optional<std::string> {
      const auto found = info_.properties.find(name);
      return found == info_.properties.end() ? std::nullopt : std::optional(found->second);
    };
    const auto number = [&](const char* name) -> std::optional<double> {
      const auto text = property(name);
      return text ? parse_number(*text) : std::nullopt;
    };
    info_.vendor = property(OPENSLIDE_PROPERTY_NAME_VENDOR).value_or("unknown");
    info_.objective_power = number(OPENSLIDE_PROPERTY_NAME_OBJECTIVE_POWER);
    info_.associated_images = copy_names(openslide_get_associated_image_names(handle));
    for (int level = 0; level < openslide_get_level_count(handle); ++level) {
      SlideLevel entry;
      openslide_get_level_dimensions(handle, level, &entry.width, &entry.height);
      entry.downsample = openslide_get_level_downsample(handle, level);
      if (entry.width <= 0 || entry.height <= 0 || !(entry.downsample > 0)) {
        throw Error(ErrorCode::corrupt_data,
                    fmt::format("{}: level {} is {} x {} pixels with downsample {}.", path.string(), level,
                                entry.width, entry.height, entry.downsample));
      }
      // OpenSlide asks for a whole tile at once, and GLib ends the process where memory cannot be had.
      const auto tile_width = number(fmt::format("openslide.level[{}].tile-width", level).c_str());
      const auto tile_height = number(fmt::format("openslide.level[{}].tile-height", level).c_str());
      if (tile_width.value_or(0) * tile_height.value_or(0) > kMostTilePixels) {
        throw Error(
            ErrorCode::corrupt_data,
            fmt::format("{}: level {} claims tiles of {} x {} pixels, more than any scanner writes; the "
                        "file is damaged.",
                        path.string(), level, *tile_width, *tile_height));
      }
      info_.levels.push_back(entry);
    }
    if (const char* why = openslide_get_error(handle)) {
      throw Error(ErrorCode::corrupt_data, fmt::format("{}: cannot be opened: {}.", path.string(), why));
    }
    if (info_.levels.empty())
      throw Error(ErrorCode::corrupt_data, fmt::format("{}: has no levels.", path.string()));
    const auto unit = property("tiff.ResolutionUnit").value_or("");
    ScaleClaims claims{.mpp_x = property(OPENSLIDE_PROPERTY_NAME_MPP_X),
                       .mpp_y = property(OPENSLIDE_PROPERTY_NAME_MPP_Y),
                       .tiff_x_resolution = number("tiff.XResolution"),
                       .tiff_y_resolution = number("tiff.YResolution"),
                       .tiff_unit = unit,
                       .objective_power = info_.objective_power};
    add_ome_claims(property("tiff.ImageDescription").value_or(""), claims);
    info_.scale = judge_scale(claims, info_.warnings);
  }

  template <typename Read>
  void with_retry(const Read& read, const std::string& what) const {
    {
      const std::shared_lock lock(mutex_);
      if (handle_) {
        read(handle_.get());
        if (openslide_get_error(handle_.get()) == nullptr) return;
      }
    }
    const std::unique_lock lock(mutex_);
    if (!handle_ || openslide_get_error(handle_.get()) != nullptr)
      reopen();  // dead of whichever thread's error
    read(handle_.get());
    const char* error = openslide_get_error(handle_.get());
    if (error == nullptr) return;
    const std::string why = error;
    reopen();
    throw Error(ErrorCode::corrupt_data, fmt::format("{}: {}: {}.", info_.path.string(), what, why));
  }

  /// Call with the lock held exclusively.
  void reopen() const {
    handle_.reset();
    handle_ = open_handle(info_.path);
  }

  SlideInfo info_;
  mutable std::shared_mutex mutex_;
  mutable Handle handle_;
};

}  // namespace

std::string openslide_version() {
  return openslide_get_version();
}

bool openslide_recognises(const fs::path& path) {
  // Opening says so; what has no tiles is a picture, and the flat reader's.
  if (detail::find_impossible_tag(path)) return is_tiled_tiff(path);
  const char* vendor = openslide_detect_vendor(path.c_str());
  // Of a plain TIFF's deep samples OpenSlide keeps the upper 8 bits, black for most cameras: left to the flat
  // reader.
  return vendor != nullptr && (vendor != std::string_view("generic-tiff") || tiff_sample_bits(path) <= 8);
}

std::unique_ptr<SlideReader> open_with_openslide(const fs::path& path) {
  return std::make_unique<OpenSlideReader>(path);
}

}  // namespace imaging
