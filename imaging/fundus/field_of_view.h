#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "imaging/base/geometry.h"
#include "imaging/base/image.h"

namespace imaging {

/// Where the retina lies in a fundus photograph: the camera's round field, of which the frame may cut a part.
struct FieldOfView {
  PointD centre;      ///< pixels of the photograph
  double radius = 0;  ///< pixels of the photograph
  RectD box;          ///< whole pixels: the square around the disc, cut at the frame
  /// "gdrbench": the published rule; "circle fit": ours, where that rule fails; "full frame": no edge of the
  /// field is seen, the disc goes through the frame's corners.
  std::string method;
  std::vector<std::string> warnings;  ///< what a person should know: a fallback, a white border
};

/// Finds the field by the rule of GDRBench: half-size grey stretched to 0..255, threshold at mean / 3 - 5,
/// holes filled, opened with a 20 x 20 square, centre from the long rows and columns, radius from the
/// histogram of the edge's distances.
///
/// Pixels of a white border are set to black first. The result is believed only where the bright pixels fill
/// the disc, little else is bright and the disc has an edge there; else a circle is fitted to the edge of the
/// brightest large piece (consensus of point triples, then least squares), at last also where up to half of
/// the disc is dark. A frame that lies wholly inside the field, in a retina's colours or grey, is taken as it
/// is.
///
/// @param photograph  H x W x 3 RGB or H x W x 1 grey
/// @throws Error   `insufficient_data` where there is no field: blank, no round edge, colours that are not
///                 those of a retina, a side below 16 pixels or sides beyond 16 to 1; `invalid_argument` on
///                 an empty image or one of 2 or 4 channels.
/// @par Threads    Reentrant.
/// @par Reference  [che2023]; the fallback is ours
[[nodiscard]] FieldOfView find_field_of_view(const Image8& photograph);

/// Share of the disc that lies in a frame of this size, 0 to 1.
[[nodiscard]] double seen_share(const FieldOfView& field, SizeI frame);

/// Disc as a mask.
/// @return  frame.height x frame.width x 1; 255 inside the field, 0 outside
[[nodiscard]] Image8 field_mask(const FieldOfView& field, SizeI frame);

/// A photograph cut to its field.
struct FundusCrop {
  Image8 image;  ///< size x size x 3 RGB (or the four channels that were given), 0 outside the field
  Image8 mask;   ///< size x size x 1; 255 inside the field, bilinear at its edge
};

/// Blackens what lies outside the field, cuts the box, pads it with black to a square with the box in the
/// middle and resizes to `size` x `size`, picture and mask alike: bilinear, as GDRBench does; one that is
/// more than twice as wide is first brought near that size by the means of its pixels.
/// @param photograph  as find_field_of_view, or what belongs to it in four channels; grey becomes RGB
/// @throws Error      `invalid_argument` where size is below 1.
/// @par Reference     [che2023]
[[nodiscard]] FundusCrop crop_to_field(const Image8& photograph, const FieldOfView& field, std::int64_t size);

}  // namespace imaging
