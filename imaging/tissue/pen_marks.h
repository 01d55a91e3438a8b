#pragma once

#include "imaging/base/geometry.h"
#include "imaging/base/image.h"

namespace imaging {

/// Marker ink, on glass and on tissue, by its colour and its width.
///
/// Ink is what haematoxylin and eosin cannot mix: blue and green take more red than green light, red takes
/// blue and green alike but hardly any red, black takes all alike. A mark must hold a disc 0.11 mm across of
/// such colour, which spares pigment, blood in vessels, dark lymphocytes and the thin black ink of resection
/// margins; from there it spreads to its own pale edges, no further than 0.1 mm.
///
/// @param overview  H x W x 3
/// @param pixel_um  size of a pixel
/// @param least_od  optical density (base 10) over the overview's own glass; black needs twice as much
/// @return          H x W x 1, 255 ink, 0 not
[[nodiscard]] Image8 find_pen_marks(const Image8& overview, PointD pixel_um, double least_od);

}  // namespace imaging
