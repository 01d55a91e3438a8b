#include "app/workflows/segment_input.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "imaging/base/error.h"
#include "imaging/fundus/field_of_view.h"

namespace workflows {
namespace {

using imaging::Image8;
using imaging::ImageF;

/// Cut like the photograph; at its own scale, so that labels stay what they are.
Image8 cut_to_field(const Image8& image, const imaging::FieldOfView& field) {
  const auto side = static_cast<std::int64_t>(std::max(field.box.width, field.box.height));
  return imaging::crop_to_field(image, field, side).image;
}

Image8 first_channel(const Image8& image) {
  Image8 single(image.width(), image.height(), 1);
  for (std::int64_t i = 0; i < image.width() * image.height(); ++i)
    single.data()[i] = image.data()[i * image.channels()];
  return single;
}

}  // namespace

SegmentInput segment_input(const Image8& picture, const std::optional<Image8>& labels, bool crop_to_field,
                           std::int64_t channels) {
  if (channels != 1 && channels != 3) {
    throw imaging::Error(imaging::ErrorCode::incompatible,
                         fmt::format("The network takes {} channels; pictures have 1 or 3.", channels));
  }
  SegmentInput input{.shown = picture, .picture = {}, .labels = labels};
  if (crop_to_field) {
    const auto field = imaging::find_field_of_view(picture);
    input.shown = cut_to_field(picture, field);
    if (labels) input.labels = first_channel(cut_to_field(*labels, field));
  }
  input.picture = ImageF(input.shown.width(), input.shown.height(), static_cast<int>(channels));
  const auto values = input.shown.values();
  if (channels == 3) {
    std::copy(values.begin(), values.end(), input.picture.data());
  } else {
    for (std::size_t i = 0; i < values.size() / 3; ++i)
      input.picture.data()[i] = static_cast<float>(values[3 * i] + values[3 * i + 1] + values[3 * i + 2]) / 3;
  }
  return input;
}

Image8 paint_labels(Image8 picture, const Image8& labels) {
  constexpr std::array<std::array<int, 3>, 6> kColours{
      {{0, 200, 90}, {230, 80, 20}, {60, 120, 240}, {220, 200, 40}, {190, 60, 200}, {40, 200, 220}}};
  for (std::int64_t y = 0; y < picture.height(); ++y) {
    for (std::int64_t x = 0; x < picture.width(); ++x) {
      const int label = *labels.pixel(x, y);
      if (label == 0) continue;
      const auto& colour = kColours[static_cast<std::size_t>(label - 1) % kColours.size()];
      auto* pixel = picture.pixel(x, y);
      for (int c = 0; c < 3; ++c)
        pixel[c] = static_cast<std::uint8_t>((2 * pixel[c] + 3 * colour[static_cast<std::size_t>(c)]) / 5);
    }
  }
  return picture;
}

}  // namespace workflows
