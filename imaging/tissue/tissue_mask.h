#pragma once

#include <string>
#include <vector>

#include "imaging/base/geometry.h"
#include "imaging/base/image.h"
#include "imaging/base/job.h"
#include "imaging/slide/slide_reader.h"
#include "imaging/tissue/tissue_options.h"
#include "imaging/tissue/tissue_outlines.h"
#include "imaging/tissue/tissue_overview.h"

namespace imaging {

/// What was left out of the tissue, as shares (0 to 1) of all that would be tissue otherwise. A place that is
/// several counts as the first.
struct TissueRejections {
  double pen = 0;
  double folds = 0;
  double blur = 0;
};

/// Where the tissue is.
class TissueMask {
 public:
  /// @param mask  H x W x 1, 255 tissue, 0 not; stretched over the whole slide
  TissueMask(Image8 mask, SizeI slide_size_l0, std::vector<TissuePiece> pieces, double threshold,
             TissueRejections rejected = {});

  /// Share of `rect_l0` that is tissue, 0 to 1, exact in mask pixels; outside the slide counts as none.
  [[nodiscard]] double fraction(RectD rect_l0) const;
  [[nodiscard]] const Image8& mask() const { return mask_; }
  [[nodiscard]] const std::vector<TissuePiece>& pieces() const { return pieces_; }
  [[nodiscard]] double threshold() const { return threshold_; }  ///< saturation, grey levels
  [[nodiscard]] double area_fraction() const;                    ///< of the slide
  [[nodiscard]] const TissueRejections& rejected() const { return rejected_; }
  /// QuPath FeatureCollection, level-0 pixels, one annotation per piece, classified "Tissue".
  [[nodiscard]] std::string to_geojson() const;

 private:
  /// Mask pixels from `left` to `right`, fractions included.
  [[nodiscard]] double tissue_in_row(std::int64_t y, double left, double right) const;

  Image8 mask_;
  SizeI slide_size_l0_;
  std::vector<TissuePiece> pieces_;
  double threshold_ = 0;
  TissueRejections rejected_;
};

/// Finds the tissue of a brightfield slide: saturation, median filter, threshold, closing, then pieces and
/// holes by area (pieces 4-connected; outlines run along the edges of mask pixels); then takes pen marks,
/// dark folds and what is out of focus out of it.
///
/// Otsu's threshold is at least `sthresh`, so that the noise of a blank slide is not tissue. It is taken only
/// where the class below it is glass (pale and flat); a frame full of tissue is split again below it, down to
/// `sthresh`. Ink does not count in it.
///
/// @return        Perhaps without any tissue; TileGrid then says `no_tissue`.
/// @throws Error  `invalid_argument` on options out of range or that the overview does not serve.
/// @par Cost      Proportional to the mask's pixels: about 0.1 s per million.
[[nodiscard]] TissueMask find_tissue(const TissueOverview& overview, const TissueOptions& options);

/// The same from the slide itself. @throws Error as read_tissue_overview. Cancelled.
[[nodiscard]] TissueMask find_tissue(const SlideReader& reader, const SlideScale& scale,
                                     const TissueOptions& options, const JobContext& job = {});

}  // namespace imaging
