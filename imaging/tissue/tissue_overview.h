#pragma once

#include <string>

#include "imaging/base/geometry.h"
#include "imaging/base/image.h"
#include "imaging/base/job.h"
#include "imaging/slide/slide_reader.h"
#include "imaging/tissue/focus.h"
#include "imaging/tissue/tissue_options.h"

namespace imaging {

/// What find_tissue looks at: all that has to be read from the slide, read once.
struct TissueOverview {
  std::string source;  ///< the slide's path, for messages
  SizeI slide_size_l0;
  PointD pixel_um;  ///< size of an overview pixel
  double seg_mpp = 0;
  Image8 rgb;    ///< H x W x 3, stretched over the whole slide
  BlurMap blur;  ///< empty where not read

  /// False where these options need another reading: another seg_mpp, or blur where none was read.
  [[nodiscard]] bool serves(const TissueOptions& options) const;
};

/// True where the file's own metadata say that it is a fluorescence slide, which cannot be analysed.
[[nodiscard]] bool is_fluorescence(const SlideInfo& info);

/// Reads the overview at `seg_mpp` and, where `reject_blur` is on, the sharpness of all that is not plain
/// glass, at 2 µm/px.
///
/// @param scale   with "pixels" as source, seg_mpp counts level-0 pixels as 1 µm
/// @param job     told "tissue" with the rows of blocks read
/// @throws Error  `not_brightfield` if the file says fluorescence or the scanned area is dark;
///                `invalid_argument` on options out of range; `resource_exhausted` if the mask would exceed
///                2^26 pixels; `corrupt_data` if no level that is coarse enough can be read. Cancelled.
[[nodiscard]] TissueOverview read_tissue_overview(const SlideReader& reader, const SlideScale& scale,
                                                  const TissueOptions& options, const JobContext& job = {});

}  // namespace imaging
