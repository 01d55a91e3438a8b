#include "imaging/raster/mask_metrics.h"

#include <fmt/format.h>
#include <itkImage.h>
#include <itkLabelOverlapMeasuresImageFilter.h>
#include <itkMultiThreaderBase.h>
#include <itkSignedMaurerDistanceMapImageFilter.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "imaging/base/error.h"

namespace imaging {
namespace {

using Mask = itk::Image<std::uint8_t, 3>;
using DistanceMap = itk::Image<double, 3>;

/// ITK works on the calling thread: no pool of its own beside ours.
void keep_to_this_thread() {
  [[maybe_unused]] static const bool done = [] {
    itk::MultiThreaderBase::SetGlobalDefaultThreader(itk::MultiThreaderBase::ThreaderEnum::Platform);
    itk::MultiThreaderBase::SetGlobalDefaultNumberOfThreads(1);
    itk::Object::GlobalWarningDisplayOff();
    return true;
  }();
}

void check(std::span<const std::uint8_t> prediction, std::span<const std::uint8_t> reference,
           const MaskGrid& grid) {
  const auto count = static_cast<std::size_t>(grid.count());
  if (prediction.size() != count || reference.size() != count) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("Masks of {} and {} voxels on a raster of {} x {} x {}.", prediction.size(),
                            reference.size(), grid.size[0], grid.size[1], grid.size[2]));
  }
  for (const double side : grid.spacing) {
    if (!(side > 0) || !std::isfinite(side))
      throw Error(ErrorCode::invalid_argument, fmt::format("A spacing of {} is not above 0.", side));
  }
}

Mask::Pointer make_image(const MaskGrid& grid) {
  auto image = Mask::New();
  Mask::RegionType region;
  for (unsigned axis = 0; axis < 3; ++axis)
    region.SetSize(axis, static_cast<itk::SizeValueType>(grid.size[axis]));
  image->SetRegions(region);
  image->SetSpacing(Mask::SpacingType(grid.spacing.data()));
  image->Allocate();
  return image;
}

/// The box of a raster that holds every voxel of two masks.
struct Box {
  std::array<std::int64_t, 3> first{}, last{};  ///< last is inside
};

std::optional<Box> box_of(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b,
                          const MaskGrid& grid) {
  Box box{.first = grid.size, .last = {-1, -1, -1}};
  std::size_t i = 0;
  for (std::int64_t z = 0; z < grid.size[2]; ++z) {
    for (std::int64_t y = 0; y < grid.size[1]; ++y) {
      for (std::int64_t x = 0; x < grid.size[0]; ++x, ++i) {
        if (a[i] == 0 && b[i] == 0) continue;
        const std::array at{x, y, z};
        for (std::size_t axis = 0; axis < 3; ++axis) {
          box.first[axis] = std::min(box.first[axis], at[axis]);
          box.last[axis] = std::max(box.last[axis], at[axis]);
        }
      }
    }
  }
  if (box.last[0] < 0) return std::nullopt;
  return box;
}

/// A mask cut to a box; distances inside it are those of the whole raster.
struct Cut {
  MaskGrid grid;
  std::vector<std::uint8_t> values;
  bool is_empty = true;
};

Cut cut(std::span<const std::uint8_t> mask, const MaskGrid& grid, const Box& box) {
  Cut part;
  part.grid.spacing = grid.spacing;
  for (std::size_t axis = 0; axis < 3; ++axis) part.grid.size[axis] = box.last[axis] - box.first[axis] + 1;
  part.values.reserve(static_cast<std::size_t>(part.grid.count()));
  for (std::int64_t z = box.first[2]; z <= box.last[2]; ++z) {
    for (std::int64_t y = box.first[1]; y <= box.last[1]; ++y) {
      const auto* row = mask.data() + (z * grid.size[1] + y) * grid.size[0];
      for (std::int64_t x = box.first[0]; x <= box.last[0]; ++x) part.values.push_back(row[x] != 0 ? 1 : 0);
    }
  }
  part.is_empty = std::ranges::find(part.values, std::uint8_t{1}) == part.values.end();
  return part;
}

/// Voxels of which a face neighbour is background or outside.
/// @param axes  2 for a picture, 3 for a volume
std::vector<std::uint8_t> surface_of(const Cut& mask, std::size_t axes) {
  const auto& size = mask.grid.size;
  const std::array<std::int64_t, 3> step{1, size[0], size[0] * size[1]};
  std::vector<std::uint8_t> surface(mask.values.size());
  std::int64_t i = 0;
  for (std::int64_t z = 0; z < size[2]; ++z) {
    for (std::int64_t y = 0; y < size[1]; ++y) {
      for (std::int64_t x = 0; x < size[0]; ++x, ++i) {
        const auto* voxel = mask.values.data() + i;
        if (*voxel == 0) continue;
        const std::array at{x, y, z};
        bool is_edge = false;
        for (std::size_t axis = 0; axis < axes && !is_edge; ++axis) {
          is_edge = at[axis] == 0 || at[axis] + 1 == size[axis] || *(voxel - step[axis]) == 0 ||
                    *(voxel + step[axis]) == 0;
        }
        surface[static_cast<std::size_t>(i)] = is_edge ? 1 : 0;
      }
    }
  }
  return surface;
}

/// For every voxel of `from` its distance to the nearest one of `to`, which holds at least one.
std::vector<double> distances(const std::vector<std::uint8_t>& from, const std::vector<std::uint8_t>& to,
                              const MaskGrid& grid) {
  const auto image = make_image(grid);
  std::ranges::copy(to, image->GetBufferPointer());
  const auto filter = itk::SignedMaurerDistanceMapImageFilter<Mask, DistanceMap>::New();
  filter->SetInput(image);
  filter->SetSquaredDistance(false);
  filter->SetUseImageSpacing(true);
  filter->SetInsideIsPositive(false);
  filter->SetBackgroundValue(0);
  filter->Update();
  const auto* map = filter->GetOutput()->GetBufferPointer();
  std::vector<double> found;
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (from[i] != 0) found.push_back(to[i] != 0 ? 0 : std::max(0.0, map[i]));
  }
  return found;
}

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// 95th percentile with linear interpolation between ranks.
double percentile_95(std::vector<double> values) {
  std::ranges::sort(values);
  const double rank = 0.95 * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(rank);
  const auto above = std::min(below + 1, values.size() - 1);
  return values[below] + (rank - static_cast<double>(below)) * (values[above] - values[below]);
}

/// The two masks cut to the box around both; absent where either is empty.
struct CutPair {
  Cut prediction, reference;
};

std::optional<CutPair> cut_pair(std::span<const std::uint8_t> prediction,
                                std::span<const std::uint8_t> reference, const MaskGrid& grid) {
  check(prediction, reference, grid);
  const auto box = box_of(prediction, reference, grid);
  if (!box) return std::nullopt;
  CutPair pair{cut(prediction, grid, *box), cut(reference, grid, *box)};
  if (pair.prediction.is_empty || pair.reference.is_empty) return std::nullopt;
  keep_to_this_thread();
  return pair;
}

}  // namespace

OverlapMetrics measure_overlap(std::span<const std::uint8_t> prediction,
                               std::span<const std::uint8_t> reference, const MaskGrid& grid) {
  check(prediction, reference, grid);
  OverlapMetrics metrics;
  for (std::size_t i = 0; i < prediction.size(); ++i) {
    metrics.prediction += prediction[i] != 0 ? 1 : 0;
    metrics.reference += reference[i] != 0 ? 1 : 0;
    metrics.both += prediction[i] != 0 && reference[i] != 0 ? 1 : 0;
  }
  const auto ratio = [](std::int64_t part, std::int64_t whole) -> std::optional<double> {
    if (whole == 0) return std::nullopt;
    return static_cast<double>(part) / static_cast<double>(whole);
  };
  metrics.false_discovery_rate = ratio(metrics.prediction - metrics.both, metrics.prediction);
  if (metrics.are_both_empty()) {
    metrics.dice = metrics.jaccard = 1;
    return metrics;
  }
  keep_to_this_thread();
  const auto as_image = [&](std::span<const std::uint8_t> mask) {
    auto image = make_image(grid);
    std::ranges::transform(mask, image->GetBufferPointer(),
                           [](std::uint8_t value) { return std::uint8_t{value != 0}; });
    return image;
  };
  const auto filter = itk::LabelOverlapMeasuresImageFilter<Mask>::New();
  filter->SetSourceImage(as_image(prediction));
  filter->SetTargetImage(as_image(reference));
  filter->Update();
  metrics.dice = filter->GetDiceCoefficient(1);
  metrics.jaccard = filter->GetJaccardCoefficient(1);
  metrics.volume_similarity = filter->GetVolumeSimilarity(1);
  if (metrics.reference > 0) metrics.false_negative_rate = filter->GetFalseNegativeError(1);
  return metrics;
}

std::optional<SurfaceMetrics> measure_surfaces(std::span<const std::uint8_t> prediction,
                                               std::span<const std::uint8_t> reference,
                                               const MaskGrid& grid) {
  const auto pair = cut_pair(prediction, reference, grid);
  if (!pair) return std::nullopt;
  const std::size_t axes = grid.size[2] > 1 ? 3 : 2;
  const auto predicted = surface_of(pair->prediction, axes);
  const auto referenced = surface_of(pair->reference, axes);
  auto to_prediction = distances(referenced, predicted, pair->reference.grid);
  const auto to_reference = distances(predicted, referenced, pair->reference.grid);
  SurfaceMetrics metrics;
  metrics.hd = std::max(std::ranges::max(to_prediction), std::ranges::max(to_reference));
  metrics.hd95_maxdir = std::max(percentile_95(to_prediction), percentile_95(to_reference));
  metrics.mean_to_prediction = mean_of(to_prediction);
  metrics.mean_to_reference = mean_of(to_reference);
  metrics.assd_meandir = (metrics.mean_to_prediction + metrics.mean_to_reference) / 2;
  auto& pooled = to_prediction;
  pooled.insert(pooled.end(), to_reference.begin(), to_reference.end());
  metrics.hd95_pooled = percentile_95(pooled);
  metrics.assd_pooled = mean_of(pooled);
  return metrics;
}

std::optional<SetDistances> measure_sets(std::span<const std::uint8_t> prediction,
                                         std::span<const std::uint8_t> reference, const MaskGrid& grid) {
  const auto pair = cut_pair(prediction, reference, grid);
  if (!pair) return std::nullopt;
  const auto to_prediction = distances(pair->reference.values, pair->prediction.values, pair->reference.grid);
  const auto to_reference = distances(pair->prediction.values, pair->reference.values, pair->reference.grid);
  return SetDistances{.largest_to_prediction = std::ranges::max(to_prediction),
                      .largest_to_reference = std::ranges::max(to_reference),
                      .mean_to_prediction = mean_of(to_prediction),
                      .mean_to_reference = mean_of(to_reference)};
}

std::vector<std::uint8_t> mask_of(std::span<const std::uint8_t> labels,
                                  std::span<const std::uint8_t> values) {
  std::array<std::uint8_t, 256> is_in{};
  for (const auto value : values) is_in[value] = 1;
  std::vector<std::uint8_t> mask(labels.size());
  std::ranges::transform(labels, mask.begin(), [&](std::uint8_t label) { return is_in[label]; });
  return mask;
}

}  // namespace imaging
