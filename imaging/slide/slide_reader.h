#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "imaging/base/geometry.h"
#include "imaging/base/image.h"

namespace imaging {

/// One level of the pyramid. Level 0 is the largest.
struct SlideLevel {
  std::int64_t width = 0;   ///< pixels of this level
  std::int64_t height = 0;  ///< pixels of this level
  /// Level-0 pixels per pixel of this level, as the decoding library addresses it: the mean of the sizes'
  /// quotients for TIFFs, exact powers of two for MIRAX and flat images. For geometry see level_step.
  double downsample = 1;
};

/// Physical size of a level-0 pixel and how it is known (DESIGN.md, "Scale").
struct SlideScale {
  double mpp_x = 0;  ///< µm per level-0 pixel along x
  double mpp_y = 0;  ///< µm per level-0 pixel along y
  /// "openslide.mpp" | "tiff.resolution" | "dicom.pixel_spacing" | "itk.spacing" | "override" | "table" |
  /// "pixels"
  std::string source;
};

/// What is known of an opened slide without reading its pixels.
struct SlideInfo {
  std::filesystem::path path;
  std::string reader;          ///< name in the reader table: "tiff" | "openslide" | "flat" | "itk"
  std::string reader_version;  ///< of the library that decodes
  std::string vendor;  ///< OpenSlide's vendor name, else "png", "jpeg", "tiff", "dicom", "metaimage", "nifti"
  std::vector<SlideLevel> levels;         ///< never empty
  std::optional<SlideScale> scale;        ///< absent where the file does not say
  std::optional<double> objective_power;  ///< nominal; for display only, never used for scale
  std::optional<std::string> laterality;  ///< the eye, "L" or "R", where the file says so
  std::vector<std::string> warnings;      ///< e.g. scale sources that disagree by more than 5 %
  std::map<std::string, std::string>
      properties;  ///< as the file gives them; may hold patient data: never exported
  std::vector<std::string> associated_images;  ///< names ("label", "macro", ...); never shown by default

  [[nodiscard]] SizeI size_l0() const { return {levels.front().width, levels.front().height}; }
};

/// An opened slide or flat image.
///
/// @par Threads  All members may be called from several threads at once.
class SlideReader {
 public:
  virtual ~SlideReader() = default;

  [[nodiscard]] virtual const SlideInfo& info() const = 0;

  /// Reads `size` pixels of `level`; the top left one lies at (x_l0, y_l0) in level-0 pixels.
  ///
  /// @return  size.height x size.width x 3, RGB8. Outside the slide and where the slide is transparent:
  /// white.
  ///          Partly transparent pixels have their premultiplied alpha undone over white.
  /// @throws Error  `invalid_argument` on a level or size outside the slide's or above 2^28 pixels;
  ///                `corrupt_data` if the region does not decode. A reader whose handle died of an earlier
  ///                error has reopened itself: one bad region does not spoil later reads.
  [[nodiscard]] virtual Image8 read_region(std::int64_t x_l0, std::int64_t y_l0, int level,
                                           SizeI size) const = 0;

  /// @throws Error  `not_found` where `name` is not among `info().associated_images`.
  [[nodiscard]] virtual Image8 read_associated(const std::string& name) const = 0;
};

}  // namespace imaging
