#include "app/workflows/segment_input.h"

#include <algorithm>

#include "app/workflows/segment_image.h"
#include "imaging/fundus/field_of_view.h"

namespace workflows {
namespace {

using imaging::Image8;

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

SegmentInput segment_input(const Image8& picture, const std::optional<Image8>& labels,
                           const models::SegmenterFacts& facts) {
  SegmentInput input{.shown = picture, .picture = {}, .labels = labels};
  if (facts.crop_to_field) {
    const auto field = imaging::find_field_of_view(picture);
    input.shown = cut_to_field(picture, field);
    if (labels) input.labels = first_channel(cut_to_field(*labels, field));
  }
  input.picture = picture_input(input.shown, facts);
  return input;
}

}  // namespace workflows
