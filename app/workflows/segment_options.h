#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>

#include "app/workflows/corrupt_tiles.h"
#include "imaging/base/options.h"
#include "models/segmentation/segmenter.h"

namespace workflows {

/// What is segmented, and what counts.
struct SegmentOptions {
  std::optional<std::string> region;
  std::int64_t min_object = 1;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, SegmentOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("region", options.region,
        FieldInfo{
            .unit = "x,y,width,height",
            .help = "Segment this part of every picture or slide, in level-0 pixels; default: all of it"});
  field("min_object", options.min_object,
        FieldInfo{.unit = "px", .help = "Smallest piece that is counted as an object", .min = 1, .max = 1e9});
}

/// How a segmentation is shown, and how much damage it bears.
struct SegmentPictureOptions {
  double opacity = 0.35;
  bool no_report = false;
  CorruptTileOptions corrupt = {};
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, SegmentPictureOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field(
      "opacity", options.opacity,
      FieldInfo{.help = "Opacity of the classes in overlay.png, inside their outlines", .min = 0, .max = 1});
  visit_fields(field, options.corrupt);
  field("no_report", options.no_report, FieldInfo{.help = "Write no report.html and report.pdf"});
}

}  // namespace workflows
