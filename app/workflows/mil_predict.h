#pragma once

#include <concepts>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "app/workflows/analyze.h"
#include "app/workflows/decision.h"
#include "imaging/base/job.h"
#include "imaging/base/options.h"

namespace workflows {

/// How verdicts are made where the package's own rule is not wanted.
struct DecisionOptions {
  std::string threshold = "package";
  AbstentionOptions abstention;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, DecisionOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field(
      "threshold", options.threshold,
      FieldInfo{.help = "Threshold of two classes: the package's (from its validation part), fixed (the "
                        "likeliest class), or youden-test, which takes it from the very bags it is measured "
                        "on and flatters: for comparison with publications only",
                .choices = {"package", "fixed", "youden-test"}});
  visit_fields(field, options.abstention);
}

struct MilPredictRequest {
  std::string model;  ///< package folder, .tsr, or the name of an installed package
  std::filesystem::path bags;
  std::optional<std::filesystem::path> labels;
  bool labelled_only = false;                  ///< leave out bags without a label; needs labels
  std::string group = "slide";                 ///< as MilData; patient needs labels
  std::optional<std::filesystem::path> truth;  ///< folder of <id>.geojson outlines, for the tile scores
  std::string truth_class = "Tumour";          ///< the outlines that count
  bool tile_scores = false;                    ///< write OUT/tiles/<id>.csv
  std::optional<std::string> deletion;  ///< class whose bags' tiles are deleted and inserted; needs labels
  std::filesystem::path out;
  DecisionOptions decision;
  RuntimeOptions runtime;
};

/// Classifies every bag of a folder: OUT/predictions.csv, and OUT/metrics.json where labels or truth are
/// given. With truth, the tile scores are held against the outlines: AUC over all tiles of slides that hold
/// the class (`pooled`: raw scores of all slides together; `mean`: mean of each slide's own). With a class
/// for `deletion`, the mean curves of the bags labelled so (mil/explain/deletion.h) are OUT/deletion.csv.
/// With tile_scores, OUT/tiles/<id>.csv holds every tile of a classified bag: x, y (level-0 pixels, top left;
/// empty where the bag has no coordinates) and the classifier's scores.
/// @return  {"bags", "failed", "failures", "abstained", "model", "decision", "metrics", "tile_auc",
/// "deletion", "notes"};
/// a bag that cannot be read is a failed row of predictions.csv
/// @throws Error `invalid_argument` on a label that is none of the package's classes, patients without
/// labels, or a threshold from a test with one class; as find_package, find_bags, read_cohort; Cancelled.
nlohmann::ordered_json predict_mil(const MilPredictRequest& request, const imaging::JobContext& job);

}  // namespace workflows
