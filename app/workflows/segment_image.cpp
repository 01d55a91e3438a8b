#include "app/workflows/segment_image.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "imaging/base/error.h"
#include "imaging/slide/area_resample.h"
#include "imaging/slide/file_scale.h"

namespace workflows {
namespace {

using imaging::Error;
using imaging::ErrorCode;

[[noreturn]] void refuse_channels(const models::SegmenterFacts& facts, std::int64_t found,
                                  std::string_view what) {
  throw Error(ErrorCode::incompatible,
              fmt::format("The model takes {} channels and the {} has {}; use a model made for such images.",
                          facts.channels, what, found));
}

/// Mean 0 and deviation 1 of the values that are not 0; what is 0 stays so.
/// @param stride  from a value of the channel to the next
void standardise(std::span<float> values, std::size_t first, std::size_t stride) {
  double sum = 0, squares = 0, count = 0;
  for (std::size_t i = first; i < values.size(); i += stride) {
    const auto value = static_cast<double>(values[i]);
    if (value == 0) continue;
    sum += value;
    squares += value * value;
    ++count;
  }
  if (count == 0) return;
  const double mean = sum / count;
  const double deviation = std::sqrt(std::max(0.0, squares / count - mean * mean));
  for (std::size_t i = first; i < values.size(); i += stride) {
    if (values[i] != 0)
      values[i] = static_cast<float>(deviation > 0 ? (static_cast<double>(values[i]) - mean) / deviation : 0);
  }
}

/// A picture with the network's channels, values 0 to 255; a single channel is the mean of the three, as in
/// training.
imaging::ImageF as_input(const imaging::Image8& picture, const models::SegmenterFacts& facts) {
  if (facts.channels != 1 && facts.channels != 3) refuse_channels(facts, 3, "picture");
  const auto channels = static_cast<int>(facts.channels);
  imaging::ImageF input(picture.width(), picture.height(), channels);
  const auto* from = picture.data();
  for (float* to = input.data(); to != input.data() + input.values().size(); to += channels, from += 3) {
    if (channels == 3) {
      std::copy_n(from, 3, to);
    } else {
      *to = static_cast<float>(from[0] + from[1] + from[2]) / 3;
    }
  }
  return input;
}

/// "x,y,width,height"
imaging::RectD parse_region(const std::string& text, imaging::SizeI size) {
  std::vector<double> numbers;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(',', at), text.size());
    const auto number = imaging::parse_number(text.substr(at, end - at));
    if (!number) break;
    numbers.push_back(*number);
    at = end + 1;
  }
  if (numbers.size() != 4 || std::count(text.begin(), text.end(), ',') != 3)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("The region '{}' is not x,y,width,height in level-0 pixels.", text));
  const imaging::RectD region{numbers[0], numbers[1], numbers[2], numbers[3]};
  if (!(region.x >= 0 && region.y >= 0 && region.width >= 1 && region.height >= 1 &&
        region.right() <= static_cast<double>(size.width) &&
        region.bottom() <= static_cast<double>(size.height)))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("The region '{}' does not lie in the slide of {} x {} level-0 pixels.", text,
                            size.width, size.height));
  return region;
}

}  // namespace

imaging::ImageF picture_input(const imaging::Image8& picture, const models::SegmenterFacts& facts) {
  auto input = as_input(picture, facts);
  if (facts.intensity == models::IntensityScale::zscore) {
    const auto channels = static_cast<std::size_t>(facts.channels);
    for (std::size_t c = 0; c < channels; ++c) standardise(input.values(), c, channels);
  }
  return input;
}

bool needs_whole_picture(const models::SegmenterFacts& facts) {
  return facts.working_size || facts.crop_to_field || facts.intensity == models::IntensityScale::zscore;
}

SegmentedPicture segment_picture(const imaging::Image8& picture, models::Segmenter& segmenter,
                                 const models::SegmentTilingOptions& tiling, const imaging::JobContext& job) {
  const auto& facts = segmenter.facts();
  SegmentedPicture result;
  if (!facts.crop_to_field) {
    result.labels = segmenter.segment(picture_input(picture, facts), false, tiling, job).labels;
    return result;
  }
  result.field = imaging::find_field_of_view(picture);
  const auto& box = result.field->box;
  const auto side = static_cast<std::int64_t>(std::llround(std::max(box.width, box.height)));
  const auto crop = imaging::crop_to_field(picture, *result.field, side);
  const auto labels = segmenter.segment(picture_input(crop.image, facts), false, tiling, job).labels;
  // crop_to_field puts the box in the middle of its square.
  const auto left = std::llround(box.x) - (side - std::llround(box.width)) / 2;
  const auto top = std::llround(box.y) - (side - std::llround(box.height)) / 2;
  const auto mask = imaging::field_mask(*result.field, {picture.width(), picture.height()});
  result.labels = imaging::Image8(picture.width(), picture.height(), 1);
  for (std::int64_t y = 0; y < side; ++y) {
    const auto to_y = top + y;
    if (to_y < 0 || to_y >= picture.height()) continue;
    for (std::int64_t x = 0; x < side; ++x) {
      const auto to_x = left + x;
      if (to_x < 0 || to_x >= picture.width() || *mask.pixel(to_x, to_y) == 0) continue;
      *result.labels.pixel(to_x, to_y) = *labels.pixel(x, y);
    }
  }
  return result;
}

SegmentArea segment_area(const imaging::SlideInfo& info, const std::optional<imaging::SlideScale>& scale,
                         const models::ModelPackage& package, const std::optional<std::string>& region) {
  const auto size = info.size_l0();
  imaging::RectD rect{0, 0, static_cast<double>(size.width), static_cast<double>(size.height)};
  if (region) rect = parse_region(*region, size);
  SegmentArea area{.size = {}, .origin_l0 = {rect.x, rect.y}, .pixel_l0 = {1, 1}};
  if (package.manifest().contains("spacing_um_px")) {
    if (!scale)
      throw Error(
          ErrorCode::missing_scale,
          fmt::format("{}: its scale is not known, and the model works at {} um/px; give --mpp, a table "
                      "with a column mpp, or --mpp pixels.",
                      info.path.string(), package.spacing_um_px()));
    if (scale->source != "pixels")
      area.pixel_l0 = {package.spacing_um_px() / scale->mpp_x, package.spacing_um_px() / scale->mpp_y};
  }
  area.size = {
      std::max<std::int64_t>(1, static_cast<std::int64_t>(std::floor(rect.width / area.pixel_l0.x))),
      std::max<std::int64_t>(1, static_cast<std::int64_t>(std::floor(rect.height / area.pixel_l0.y)))};
  return area;
}

void segment_slide(const imaging::SlideReader& reader, const SegmentArea& area, models::Segmenter& segmenter,
                   const models::SegmentTilingOptions& tiling, const LabelRows& rows, SlideDamage& damage,
                   const imaging::JobContext& job) {
  const auto& facts = segmenter.facts();
  const models::PixelSource source{
      .size = area.size,
      .read = [&](std::int64_t x, std::int64_t y, std::int64_t width, std::int64_t height) {
        const imaging::RectD rect{area.origin_l0.x + static_cast<double>(x) * area.pixel_l0.x,
                                  area.origin_l0.y + static_cast<double>(y) * area.pixel_l0.y,
                                  static_cast<double>(width) * area.pixel_l0.x,
                                  static_cast<double>(height) * area.pixel_l0.y};
        ++damage.reads;
        try {
          return as_input(imaging::read_area(reader, rect, {width, height}), facts);
        } catch (const Error& error) {
          if (error.code() != ErrorCode::corrupt_data) throw;
          damage.places.push_back({rect, error.what()});
          return as_input(imaging::Image8(width, height, 3, 255), facts);
        }
      }};
  segmenter.segment(
      source, [&](const models::SegmentedBand& band) { rows(band.labels); }, false, tiling, job);
}

VolumeSlices::VolumeSlices(imaging::Volume volume, const models::SegmenterFacts& facts,
                           std::vector<std::string>& warnings)
    : volume_(std::move(volume)), channels_(facts.channels) {
  if (volume_.channels != channels_ && !(volume_.channels == 1 && channels_ == 3))
    refuse_channels(facts, volume_.channels, "volume");
  const auto voxels = static_cast<std::size_t>(geometry().voxels());
  if (facts.intensity == models::IntensityScale::zscore) {
    for (std::size_t c = 0; c < static_cast<std::size_t>(volume_.channels); ++c)
      standardise(std::span(volume_.values).subspan(c * voxels, voxels), 0, 1);
  } else if (volume_.sample_type != "unsigned_char") {
    const auto [least, most] = std::ranges::minmax(volume_.values);
    const float range = most > least ? most - least : 1;
    for (auto& value : volume_.values) value = 255 * (value - least) / range;
    warnings.push_back(
        fmt::format("Values {:.6g} to {:.6g} are shown to the model as 0 to 255.", least, most));
  }
}

imaging::ImageF VolumeSlices::slice(std::int64_t z) const {
  const auto channels = static_cast<std::size_t>(channels_);
  const auto plane = static_cast<std::size_t>(geometry().slice_voxels());
  const auto voxels = static_cast<std::size_t>(geometry().voxels());
  imaging::ImageF slice(geometry().size[0], geometry().size[1], static_cast<int>(channels_));
  for (std::size_t c = 0; c < channels; ++c) {
    const auto* from = volume_.values.data() + (volume_.channels == 1 ? 0 : c) * voxels +
                       static_cast<std::size_t>(z) * plane;
    for (std::size_t i = 0; i < plane; ++i) slice.data()[i * channels + c] = from[i];
  }
  return slice;
}

std::vector<std::int64_t> slices_with_content(const imaging::Volume& volume) {
  const auto plane = volume.geometry.slice_voxels(), voxels = volume.geometry.voxels();
  std::vector<std::int64_t> slices;
  for (std::int64_t z = 0; z < volume.geometry.size[2]; ++z) {
    std::int64_t most = 0;
    for (std::int64_t c = 0; c < volume.channels; ++c) {
      const auto first = volume.values.begin() + c * voxels + z * plane;
      most = std::max(most, plane - std::count(first, first + plane, 0.0F));
    }
    if (100 * most > plane) slices.push_back(z);
  }
  return slices;
}

std::vector<std::uint8_t> segment_volume(const imaging::Volume& volume, models::Segmenter& segmenter,
                                         const models::SegmentTilingOptions& tiling,
                                         std::vector<std::string>& warnings, const imaging::JobContext& job) {
  const VolumeSlices slices(volume, segmenter.facts(), warnings);
  const auto& geometry = slices.geometry();
  std::vector<std::uint8_t> labels;
  labels.reserve(static_cast<std::size_t>(geometry.voxels()));
  for (std::int64_t z = 0; z < geometry.size[2]; ++z) {
    job.checkpoint("slices", z, geometry.size[2]);
    const auto found =
        segmenter.segment(slices.slice(z), false, tiling, imaging::JobContext(job.stop_token())).labels;
    labels.insert(labels.end(), found.values().begin(), found.values().end());
  }
  job.checkpoint("slices", geometry.size[2], geometry.size[2]);
  return labels;
}

imaging::Image8 show_slice(const imaging::Volume& volume, std::int64_t z) {
  const auto& geometry = volume.geometry;
  std::vector<float> values(volume.values.begin(), volume.values.begin() + geometry.voxels());
  const auto rank = static_cast<std::ptrdiff_t>(0.995 * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + rank, values.end());
  const float high = values[static_cast<std::size_t>(rank)];
  const float low = std::ranges::min(values);
  imaging::Image8 picture(geometry.size[0], geometry.size[1], 3);
  const auto* from = volume.values.data() + z * geometry.slice_voxels();
  for (std::int64_t i = 0; i < geometry.slice_voxels(); ++i) {
    const float share = high > low ? std::clamp((from[i] - low) / (high - low), 0.0F, 1.0F) : 0;
    std::fill_n(picture.data() + 3 * i, 3, static_cast<std::uint8_t>(std::lround(255 * share)));
  }
  return picture;
}

}  // namespace workflows
