#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "app/workflows/analyze.h"
#include "imaging/base/job.h"
#include "imaging/base/options.h"
#include "mil/training/training_plan.h"

namespace workflows {

/// How patients are dealt where no split is given.
struct SplitOptions {
  double validation_share = 0.15;
  double test_share = 0.15;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, SplitOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("validation_share", options.validation_share,
        FieldInfo{.help = "Share of every class's patients that stops the training, without --split",
                  .min = 0,
                  .max = 0.9});
  field("test_share", options.test_share,
        FieldInfo{.help = "Share of every class's patients kept for the test, without --split",
                  .min = 0,
                  .max = 0.9});
}

struct MilTrainRequest {
  std::filesystem::path bags;                  ///< folder that find_bags understands
  std::filesystem::path labels;                ///< CSV, as read_labels
  std::optional<std::filesystem::path> split;  ///< CLAM's splits_k.csv
  std::filesystem::path out;
  std::string name;  ///< of the package; empty: the out folder's
  std::string training_data = "not stated";
  std::string licence = "not stated";
  SplitOptions split_options;
  mil::TrainingPlan plan;
  RuntimeOptions runtime;
};

/// Trains a slide classifier. Writes OUT/config.json, splits.csv, curves.csv, predictions.csv (every bag with
/// its part), metrics.json and the package OUT/model.
/// @return  metrics.json
/// @throws Error `invalid_argument` where OUT/model exists; as train_classifier; Cancelled.
nlohmann::ordered_json train_mil(const MilTrainRequest& request, const imaging::JobContext& job);

struct MilPredictRequest {
  std::string model;  ///< package folder, .tsr, or the name of an installed package
  std::filesystem::path bags;
  std::optional<std::filesystem::path> labels;
  std::optional<std::filesystem::path> truth;  ///< folder of <id>.geojson outlines, for the tile scores
  std::string truth_class = "Tumour";          ///< the outlines that count
  std::filesystem::path out;
  RuntimeOptions runtime;
};

/// Classifies every bag of a folder: OUT/predictions.csv, and OUT/metrics.json where labels or truth are
/// given. With truth, the tile scores are held against the outlines: AUC over all tiles of slides that hold
/// the class
/// (`pooled`: raw scores of all slides together; `mean`: mean of each slide's own).
/// @return  {"bags", "failed", "metrics", "tile_auc"}; a bag that cannot be read is a failed row of
/// predictions.csv
/// @throws Error as find_package, find_bags, read_labels; Cancelled.
nlohmann::ordered_json predict_mil(const MilPredictRequest& request, const imaging::JobContext& job);

}  // namespace workflows
