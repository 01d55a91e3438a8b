#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>

#include "app/workflows/analyze.h"
#include "app/workflows/reading.h"
#include "imaging/base/job.h"
#include "models/adaptation/adapt_options.h"

namespace workflows {

struct SegmentSiteOptions {
  bool per_site = false;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, SegmentSiteOptions>
void visit_fields(Visitor&& field, Options& options) {
  field("per_site", options.per_site,
        imaging::FieldInfo{
            .help = "A package for each `site` of the --table, each adapted from the source anew"});
}

struct SegmentAdaptRequest {
  std::string model;    ///< a package's path, or the name of an installed one
  InputOptions inputs;  ///< pictures without labels; the scale is not used
  std::filesystem::path out;
  SegmentSiteOptions sites;
  models::AdaptOptions options;
  models::GuardOptions guard;
  ReadingOptions reading;
  RuntimeOptions runtime;
};

/// Adapts a segmenter to unlabelled pictures: OUT/model (the package), log.csv and .svg, before_after.png
/// (rows: picture, source, adapted), adaptation.json; with `per_site` the same under OUT/<site>. Files that
/// cannot be read are left out and named. The same request again goes on where the last one stopped.
/// @return  per site, or as the single entry: adaptation.json with `site`, `was_finished`
/// @throws Error  `invalid_argument` where OUT holds another run, or a site is missing; as collect_inputs and
/// adapt_segmenter; Cancelled.
nlohmann::ordered_json adapt_segmentation(const SegmentAdaptRequest& request, const imaging::JobContext& job);

}  // namespace workflows
