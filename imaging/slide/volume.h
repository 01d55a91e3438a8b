#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace imaging {

/// Most values of a volume, channels included; it is held whole (4 bytes each).
inline constexpr std::int64_t kMaxVolumeValues = std::int64_t{1} << 29;

/// Where the voxels of a volume lie, as ITK sees it (patient axes left, posterior, superior).
struct VolumeGeometry {
  std::array<std::int64_t, 3> size{0, 0, 1};  ///< voxels along x (fastest), y, z
  std::array<double, 3> spacing_mm{1, 1, 1};
  bool has_spacing = true;  ///< false: the file does not say, and a voxel counts 1
  std::array<double, 3> origin_mm{};
  /// Unit vector along each axis.
  std::array<std::array<double, 3>, 3> direction{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
  [[nodiscard]] std::int64_t slice_voxels() const { return size[0] * size[1]; }
  [[nodiscard]] std::int64_t voxels() const { return slice_voxels() * size[2]; }
};

/// A volume in memory.
struct Volume {
  VolumeGeometry geometry;
  std::int64_t channels = 1;
  std::vector<float> values;  ///< x fastest, then y, z, channel
  std::string sample_type;    ///< as ITK names it: "unsigned_char", "short", "float", ...
  std::vector<std::string> warnings;
};

/// True for a MetaImage or NIfTI that is no picture: several slices or channels, or samples that are neither
/// of 8 nor 16 bits. Looks at the header alone. Never throws.
[[nodiscard]] bool is_volume(const std::filesystem::path& path);

/// Reads a MetaImage or a NIfTI-1 of 2 to 4 axes through ITK, in a process of its own as open_with_itk does.
/// A fourth axis, or several numbers per voxel, become channels; a NIfTI's slope and intercept are applied. A
/// spacing that is not stated, or not above 0, is 1 and a warning says so.
///
/// @throws Error   `not_found`; `unsupported_format` on complex samples, more than 64 channels and whatever
/// is
///                 neither; `corrupt_data` on a damaged header, missing samples, and values that are no
///                 numbers; `resource_exhausted` above kMaxVolumeValues.
/// @par Threads    Reentrant.
[[nodiscard]] Volume read_volume(const std::filesystem::path& path);

/// Writes labels as 8-bit NIfTI (.nii, .nii.gz) or MetaImage (.mha), compressed where the format can, with
/// the geometry given. Appears whole or not at all.
/// @param labels   geometry.voxels() values, x fastest
/// @throws Error   `invalid_argument` on another ending or count; `io_error`.
void write_label_volume(const std::filesystem::path& path, const VolumeGeometry& geometry,
                        std::span<const std::uint8_t> labels);

}  // namespace imaging
