#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace imaging {

/// The raster that two masks share: x fastest, then y, then z.
struct MaskGrid {
  std::array<std::int64_t, 3> size{0, 0, 1};  ///< voxels along x, y, z; z = 1 for a picture
  std::array<double, 3> spacing{1, 1,
                                1};  ///< of a voxel along x, y, z, in whatever unit distances shall have
  [[nodiscard]] std::int64_t count() const { return size[0] * size[1] * size[2]; }
};

/// How many voxels two masks share. Every value that would be 0 / 0 is absent.
struct OverlapMetrics {
  std::int64_t prediction = 0;  ///< voxels
  std::int64_t reference = 0;   ///< voxels
  std::int64_t both = 0;        ///< voxels
  double dice = 0;              ///< 2 both / (prediction + reference); 1 where both masks are empty
  double jaccard = 0;           ///< both / either; 1 where both masks are empty
  std::optional<double> volume_similarity;     ///< 2 (prediction - reference) / (prediction + reference)
  std::optional<double> false_discovery_rate;  ///< FP / (FP + TP)
  std::optional<double> false_negative_rate;   ///< FN / (FN + TP)
  [[nodiscard]] bool are_both_empty() const { return prediction == 0 && reference == 0; }
};

/// Distances between two masks that both hold something, in the unit of the spacing.
///
/// A surface is the mask without its erosion by face neighbours (4 in a picture, 8 corners excluded; 6 in a
/// volume), where what lies outside the raster counts as background: all voxels of which a face neighbour is
/// not in the mask. Distances are Euclidean, from voxel centre to voxel centre.
struct SurfaceMetrics {
  double hd = 0;            ///< largest distance, either way
  double hd95_pooled = 0;   ///< 95th percentile (linear interpolation) of the distances of both ways together
  double hd95_maxdir = 0;   ///< the larger of the two ways' 95th percentiles
  double assd_pooled = 0;   ///< mean of the distances of both ways together
  double assd_meandir = 0;  ///< half the sum of the two ways' means
  double mean_to_prediction = 0;  ///< from the reference's surface
  double mean_to_reference = 0;   ///< from the prediction's surface
};

/// What itk::HausdorffDistanceImageFilter calls distance: over all voxels of the masks, those that both share
/// counting 0. The largest equals SurfaceMetrics::hd where masks have no holes in each other; the averages
/// are no surface distances.
struct SetDistances {
  double largest_to_prediction = 0;  ///< from the reference's voxels
  double largest_to_reference = 0;
  double mean_to_prediction = 0;
  double mean_to_reference = 0;
};

/// Counts the overlap, through ITK's label-overlap filter (source: prediction, target: reference).
/// @param prediction, reference  `grid.count()` values, not 0 inside
/// @throws Error   `invalid_argument` where the counts do not agree
/// @par Threads    Reentrant; works on the calling thread.
[[nodiscard]] OverlapMetrics measure_overlap(std::span<const std::uint8_t> prediction,
                                             std::span<const std::uint8_t> reference, const MaskGrid& grid);

/// Surface distances through ITK's signed Maurer distance map; absent where either mask is empty.
/// @throws Error   `invalid_argument` where the counts do not agree or a spacing is not above 0
/// @par Threads    Reentrant; works on the calling thread.
/// @par Cost       O(voxels of the box around both masks), 18 bytes for each.
/// @par Reference  [maurer2003]
[[nodiscard]] std::optional<SurfaceMetrics> measure_surfaces(std::span<const std::uint8_t> prediction,
                                                             std::span<const std::uint8_t> reference,
                                                             const MaskGrid& grid);

/// The same over whole sets. @throws Error  as measure_surfaces.
[[nodiscard]] std::optional<SetDistances> measure_sets(std::span<const std::uint8_t> prediction,
                                                       std::span<const std::uint8_t> reference,
                                                       const MaskGrid& grid);

/// 1 where a label is one of `values`, else 0: one class, or a region of several (BraTS: whole tumour is
/// 1, 2 and 4).
[[nodiscard]] std::vector<std::uint8_t> mask_of(std::span<const std::uint8_t> labels,
                                                std::span<const std::uint8_t> values);

}  // namespace imaging
