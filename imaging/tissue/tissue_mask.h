#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <vector>

#include "imaging/base/geometry.h"
#include "imaging/base/image.h"
#include "imaging/base/options.h"
#include "imaging/slide/slide_reader.h"

namespace imaging {

/// Tissue against glass on an overview of the slide. Names as CLAM's where they mean the same.
struct TissueOptions {
  double seg_mpp = 8.0;  ///< µm per mask pixel
  bool use_otsu = true;
  std::int64_t sthresh = 8;      ///< saturation threshold where Otsu is off, and its floor where it is on
  std::int64_t mthresh = 7;      ///< median filter side on the saturation; odd
  std::int64_t close = 4;        ///< side of the closing square, mask pixels; 0 for none
  double a_t = 0.01;             ///< smallest tissue piece, mm²
  double a_h = 0.005;            ///< smallest hole kept, mm²
  std::int64_t max_n_holes = 8;  ///< largest holes kept per piece
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, TissueOptions>
void visit_fields(Visitor&& field, Options& options) {
  field("seg_mpp", options.seg_mpp,
        FieldInfo{.unit = "um/px", .help = "Resolution of the tissue mask", .min = 0.5, .max = 64});
  field("use_otsu", options.use_otsu, FieldInfo{.help = "Choose the saturation threshold by Otsu's method"});
  field("sthresh", options.sthresh,
        FieldInfo{.unit = "grey levels",
                  .help = "Saturation threshold without Otsu, and the least Otsu may choose",
                  .min = 0,
                  .max = 255});
  field("mthresh", options.mthresh,
        FieldInfo{
            .unit = "px", .help = "Side of the median filter on the saturation, odd", .min = 1, .max = 99});
  field("close", options.close,
        FieldInfo{.unit = "px", .help = "Side of the closing square, 0 for none", .min = 0, .max = 99});
  field("a_t", options.a_t,
        FieldInfo{.unit = "mm2", .help = "Smallest piece of tissue kept", .min = 0, .max = 1000});
  field("a_h", options.a_h, FieldInfo{.unit = "mm2", .help = "Smallest hole kept", .min = 0, .max = 1000});
  field("max_n_holes", options.max_n_holes,
        FieldInfo{.help = "Holes kept per piece, largest first", .min = 0, .max = 1000});
}

/// One connected piece: an outer ring and its holes, closed implicitly, in level-0 pixels.
struct TissuePiece {
  std::vector<PointD> outer_l0;
  std::vector<std::vector<PointD>> holes_l0;
};

/// Where the tissue is.
class TissueMask {
 public:
  /// @param mask  H x W x 1, 255 tissue, 0 not; stretched over the whole slide
  TissueMask(Image8 mask, SizeI slide_size_l0, std::vector<TissuePiece> pieces, double threshold);

  /// Share of `rect_l0` that is tissue, 0 to 1, exact in mask pixels; outside the slide counts as none.
  [[nodiscard]] double fraction(RectD rect_l0) const;
  [[nodiscard]] const Image8& mask() const { return mask_; }
  [[nodiscard]] const std::vector<TissuePiece>& pieces() const { return pieces_; }
  [[nodiscard]] double threshold() const { return threshold_; }  ///< saturation, grey levels
  [[nodiscard]] double area_fraction() const;                    ///< of the slide
  /// QuPath FeatureCollection, level-0 pixels, one annotation per piece, classified "Tissue".
  [[nodiscard]] std::string to_geojson() const;

 private:
  Image8 mask_;
  SizeI slide_size_l0_;
  std::vector<TissuePiece> pieces_;
  double threshold_ = 0;
  std::vector<double> integral_;  // (H+1) x (W+1)
};

/// True where the file's own metadata say that it is a fluorescence slide, which find_tissue refuses.
[[nodiscard]] bool is_fluorescence(const SlideInfo& info);

/// Finds the tissue of a brightfield slide: saturation, median filter, threshold, closing, then pieces and
/// holes by area (pieces 4-connected; outlines run along the edges of mask pixels).
///
/// Otsu's threshold is at least `sthresh`, so that the noise of a blank slide is not tissue. It is taken only
/// where the class below it is glass (pale and flat); a frame full of tissue is split again below it, down to
/// `sthresh`.
///
/// @param scale   with "pixels" as source, seg_mpp and the areas count level-0 pixels as 1 µm
/// @return        Perhaps without any tissue; TileGrid then says `no_tissue`.
/// @throws Error  `not_brightfield` if the file says fluorescence or the scanned area is dark;
/// `invalid_argument` on
///                options out of range; `resource_exhausted` if the mask would exceed 2^26 pixels;
///                `corrupt_data` if no level that is coarse enough can be read.
[[nodiscard]] TissueMask find_tissue(const SlideReader& reader, const SlideScale& scale,
                                     const TissueOptions& options);

}  // namespace imaging
