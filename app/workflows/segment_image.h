#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "imaging/base/geometry.h"
#include "imaging/base/image.h"
#include "imaging/base/job.h"
#include "imaging/base/options.h"
#include "imaging/fundus/field_of_view.h"
#include "imaging/slide/slide_reader.h"
#include "imaging/slide/volume.h"
#include "models/runtime/model_package.h"
#include "models/segmentation/segmenter.h"

namespace workflows {

/// Pixels of the result from top to bottom, over its whole width.
using LabelRows = std::function<void(const imaging::Image8& rows)>;

/// A part of a slide, read at the scale that a network works at.
struct SegmentArea {
  imaging::SizeI size;        ///< of the label map
  imaging::PointD origin_l0;  ///< of its top left corner
  imaging::PointD pixel_l0;   ///< level-0 size of its pixels
};

/// What of a slide did not decode; it was white for the network.
struct SlideDamage {
  std::int64_t reads = 0;  ///< tiles that the network asked for
  struct Place {
    imaging::RectD rect_l0;
    std::string reason;
  };
  std::vector<Place> places;
};

/// A picture as a network takes it: the mean of R, G and B where it has one channel; standardised over what
/// is not 0 where the package says `zscore`.
/// @param picture  H x W x 3, RGB
/// @return         H x W x channels, as PixelSource::read gives values
/// @throws Error   `incompatible` where the network takes neither 1 nor 3 channels
[[nodiscard]] imaging::ImageF picture_input(const imaging::Image8& picture,
                                            const models::SegmenterFacts& facts);

/// Segments a picture in memory as the package says: a photograph of the retina is cut to its field first,
/// and what lies outside it is background.
struct SegmentedPicture {
  imaging::Image8 labels;                     ///< of the picture's size
  std::optional<imaging::FieldOfView> field;  ///< where the package cuts to it
};

/// @param picture  H x W x 3, RGB
/// @throws Error   as picture_input, find_field_of_view and Segmenter::segment; Cancelled.
[[nodiscard]] SegmentedPicture segment_picture(const imaging::Image8& picture, models::Segmenter& segmenter,
                                               const models::SegmentTilingOptions& tiling,
                                               const imaging::JobContext& job);

/// True where a network has to see a picture as a whole, so that it must fit in memory.
[[nodiscard]] bool needs_whole_picture(const models::SegmenterFacts& facts);

/// The area that `region` names, at the package's scale.
///
/// A package that states `spacing_um_px` is read at that scale, any other at level-0 pixels.
/// @param scale   of the slide; needed only where the package states a spacing
/// @param region  "x,y,width,height" in level-0 pixels; absent: all of the slide
/// @throws Error  `missing_scale`; `invalid_argument` on a region that is no such text or lies outside.
[[nodiscard]] SegmentArea segment_area(const imaging::SlideInfo& info,
                                       const std::optional<imaging::SlideScale>& scale,
                                       const models::ModelPackage& package,
                                       const std::optional<std::string>& region);

/// Segments an area of a slide of any size, tile by tile. A tile that does not decode is white and is noted.
/// @throws Error  as Segmenter::segment and, but for `corrupt_data`, SlideReader::read_region; Cancelled.
/// @par Memory    Flat in the area's height.
void segment_slide(const imaging::SlideReader& reader, const SegmentArea& area, models::Segmenter& segmenter,
                   const models::SegmentTilingOptions& tiling, const LabelRows& rows, SlideDamage& damage,
                   const imaging::JobContext& job);

/// The slices of a volume along its third axis as a network takes them: values standardised per channel over
/// the whole volume's non-zero voxels where the package says `zscore`; else 8-bit values as they are, and
/// others stretched from the volume's least and largest value to 0 to 255.
class VolumeSlices {
 public:
  /// @param warnings  told of stretched values
  /// @throws Error    `incompatible` where the network's channels are not the volume's (one channel is
  /// repeated
  ///                  where it takes three)
  VolumeSlices(imaging::Volume volume, const models::SegmenterFacts& facts,
               std::vector<std::string>& warnings);

  [[nodiscard]] const imaging::VolumeGeometry& geometry() const { return volume_.geometry; }
  /// H x W x channels, as PixelSource::read gives values.
  [[nodiscard]] imaging::ImageF slice(std::int64_t z) const;

 private:
  imaging::Volume volume_;
  std::int64_t channels_;
};

/// Slices of which more than a hundredth of the voxels differ from 0 in some channel: a network learns
/// nothing from the others, of which brain volumes are half.
[[nodiscard]] std::vector<std::int64_t> slices_with_content(const imaging::Volume& volume);

/// Segments a volume slice by slice.
/// @return        labels, x fastest
/// @throws Error  as VolumeSlices and Segmenter::segment; Cancelled.
[[nodiscard]] std::vector<std::uint8_t> segment_volume(const imaging::Volume& volume,
                                                       models::Segmenter& segmenter,
                                                       const models::SegmentTilingOptions& tiling,
                                                       std::vector<std::string>& warnings,
                                                       const imaging::JobContext& job);

/// One slice of a volume as an RGB picture for people: its first channel, from the volume's least to
/// its 99.5th percentile.
[[nodiscard]] imaging::Image8 show_slice(const imaging::Volume& volume, std::int64_t z);

}  // namespace workflows
