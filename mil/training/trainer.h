#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "imaging/base/job.h"
#include "mil/bags/bag_store.h"
#include "mil/bags/label_table.h"
#include "mil/bags/split.h"
#include "mil/explain/out_of_distribution.h"
#include "mil/training/checkpoint.h"
#include "mil/training/training_plan.h"
#include "models/runtime/metrics.h"
#include "models/runtime/safetensors.h"

namespace mil {

class ProcessGroup;

/// What is trained on.
struct TrainingSet {
  BagFiles bags;  ///< a slide's one file, or all of a patient's
  LabelTable labels;
  Split split;
};

/// What the bags' own attributes say of the features; it becomes the package's `input_bag`.
struct BagOrigin {
  std::int64_t dim = 0;
  std::string encoder_name, encoder_sha256;  ///< empty where the bags do not say
  std::int64_t tile_px = 0;                  ///< 0 where the bags do not say
  double tile_mpp = 0;
};

using OnEpoch = std::function<void(const EpochRecord&)>;

struct TrainingResult {
  TrainingPlan plan;
  std::uint64_t seed = 0;
  std::vector<std::string> class_names;
  BagOrigin origin;
  std::string architecture;
  nlohmann::ordered_json architecture_arguments;
  std::string initialisation_sha256;  ///< of the weights the training started from (weights_sha256)
  std::vector<EpochRecord> curve;
  std::int64_t best_epoch =
      0;  ///< whose weights are kept: the best on validation, the last where there is none
  std::int64_t train_count = 0;
  std::optional<models::ClassificationMetrics> validation, test;
  std::optional<double> threshold;   ///< of the second of two classes, from the validation part
  std::string threshold_from;        ///< where it comes from, or why there is none
  std::vector<std::string> skipped;  ///< ids of bags without tiles
  std::shared_ptr<const models::TensorMap> weights;
  std::optional<FeatureCloud> training_cloud;  ///< absent with few training bags
};

/// Trains an aggregator by the plan's method, stops early on the validation part and keeps the best epoch's
/// weights; a tie is no improvement. The validation loss is the plain cross-entropy of the decision, whatever
/// the training minimises. The same set, plan, seed, thread and process count give the same weights.
///
/// Where `checkpoint` exists, the run goes on from it and ends with the weights of an uninterrupted one;
/// where not, it is written after epochs (at most once a second) and at the end. mhim with mhim_init "self"
/// first trains its base, with a checkpoint of its own beside it (`<stem>_base<extension>`).
///
/// Stages reported to `job`: "reading bags", "training" and, with mhim, "training the base", in bags.
/// @param device      "cpu" or "cuda:N"
/// @param checkpoint  file; empty for none
/// @param processes   null for one process; only rank 0 writes
/// @param on_epoch    told of every epoch, those of the checkpoint first; may be empty
/// @throws imaging::Error  `invalid_argument` (an option out of range, an id of the split without a label,
/// loss not finite, a method that cannot train the base); `not_found` (an id without a bag); `incompatible`
/// (bags of different width or encoder; a checkpoint of another plan, cohort or seed); `insufficient_data`
/// (fewer than two classes to train on); whatever `read_bag` throws. imaging::Cancelled.
/// @par Memory  At most plan.training.memory_mb of features, and one bag more.
[[nodiscard]] TrainingResult train_classifier(const TrainingSet& set, const TrainingPlan& plan,
                                              std::uint64_t seed, const std::string& device,
                                              const imaging::JobContext& job,
                                              const std::filesystem::path& checkpoint = {},
                                              ProcessGroup* processes = nullptr,
                                              const OnEpoch& on_epoch = {});

/// What people should know of a classifier, beside what the training knows itself.
struct PackageTexts {
  std::string name;
  std::string training_data = "not stated";
  std::string intended_use = "research; not for diagnosis";
  std::string limitations = "not assessed outside its own validation data";
  std::string licence = "not stated";
};

/// Writes `folder` as a model package: weights, manifest.json, README.md (the card) and training_curve.csv.
/// Appears whole or not at all.
/// @throws imaging::Error  `invalid_argument` if the folder exists; `io_error`.
void write_classifier_package(const std::filesystem::path& folder, const TrainingResult& result,
                              const PackageTexts& texts);

}  // namespace mil
