#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "imaging/slide/row_decoder.h"
#include "imaging/slide/slide_reader.h"

namespace imaging {

/// Most pixels of a medical image; it is decoded whole.
inline constexpr std::int64_t kMaxStoredPixels = std::int64_t{1} << 28;

/// A decoded picture as its file stores it.
struct StoredPicture {
  RowFormat format;
  std::vector<std::uint8_t> samples;  ///< rows, top first, as RowDecoder::read_row gives them
};

/// Content of a DICOM file: "DICM" after 128 bytes. Never throws.
[[nodiscard]] bool is_dicom(const std::filesystem::path& path);
/// Reads the one frame of a 2-D DICOM image through GDCM, see open_with_itk. Fills scale, laterality,
/// properties and warnings.
[[nodiscard]] StoredPicture read_dicom_picture(const std::filesystem::path& path, SlideInfo& info);

/// Content of a MetaImage header (text with NDims and ElementDataFile). Never throws.
[[nodiscard]] bool is_meta_image(const std::filesystem::path& path);
/// Content of a NIfTI-1 or NIfTI-2 file in one piece, plain or gzipped. Never throws.
[[nodiscard]] bool is_nifti(const std::filesystem::path& path);
/// Read the one slice of such an image through ITK, see open_with_itk. Fill scale and warnings.
[[nodiscard]] StoredPicture read_meta_picture(const std::filesystem::path& path, SlideInfo& info);
[[nodiscard]] StoredPicture read_nifti_picture(const std::filesystem::path& path, SlideInfo& info);

/// @throws Error  as check_picture_size; `resource_exhausted` above kMaxStoredPixels.
void check_stored_size(const std::filesystem::path& path, SizeI size, int bits);

/// Lifts signed samples so that the least of them is 0; those that need no lift stay as they are.
/// @param samples   16-bit, native byte order
/// @param warnings  gets by how much they were lifted
void lift_signed(std::vector<std::uint8_t>& samples, std::vector<std::string>& warnings);

}  // namespace imaging
