#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>

#include "app/workflows/analyze.h"
#include "app/workflows/mil_train.h"
#include "app/workflows/segment_cases.h"
#include "imaging/base/job.h"
#include "models/segmentation/train_options.h"

namespace workflows {

struct SegmentSplitOptions {
  double validation_share = 0.2;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, SegmentSplitOptions>
void visit_fields(Visitor&& field, Options& options) {
  field("validation_share", options.validation_share,
        imaging::FieldInfo{.help = "Share of the patients that stops the training, without --validation",
                           .min = 0,
                           .max = 0.9});
}

struct SegmentTrainRequest {
  std::filesystem::path data;                       ///< as read_segment_data takes it
  std::optional<std::filesystem::path> validation;  ///< the same, for the pictures that stop the training
  SegmentDataOptions data_options;
  std::filesystem::path out;
  MilCard card;
  SegmentSplitOptions split;
  models::SegmentTrainOptions training;
  RuntimeOptions runtime;
};

/// Trains a segmenter into a run folder: OUT/model (the package), config.json, curves.csv and .svg,
/// metrics.json. The same request again goes on where the last one stopped.
/// @return  metrics.json, and `was_finished`
/// @throws Error  `invalid_argument` where OUT holds another run; as read_segment_data, read_segment_case and
/// train_segmenter; Cancelled.
nlohmann::ordered_json train_segmentation(const SegmentTrainRequest& request, const imaging::JobContext& job);

}  // namespace workflows
