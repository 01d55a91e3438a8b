#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "imaging/base/job.h"
#include "models/retina/feature_store.h"
#include "models/retina/field_picture.h"
#include "models/retina/grader_arguments.h"
#include "models/retina/training_plan.h"
#include "models/runtime/calibration.h"
#include "models/runtime/feature_cloud.h"
#include "models/runtime/safetensors.h"

namespace models {

/// One labelled photograph.
struct RetinaExample {
  std::string id;
  std::int64_t label = 0;                   ///< grade, 0 to 4
  std::int64_t domain = 0;                  ///< number of its source in RetinaTrainingSet::domains
  std::optional<std::int64_t> oedema = {};  ///< risk of macular oedema, 0 to 2, where it is known
  bool has_lesions = false;                 ///< its picture comes with lesions
  std::string patient = {};                 ///< empty: nothing is known, the photograph stands for itself
};

struct RetinaTrainingSet {
  std::vector<RetinaExample> train;
  std::vector<RetinaExample> validation;  ///< of the sources; chooses the weights and the temperature
  std::vector<std::string> domains;       ///< names of the sources
  /// The photograph at plan.network.crop square. Called from several threads at once.
  std::function<FieldPicture(const RetinaExample&)> read;
  /// Where features of a wholly frozen backbone are kept; may be null.
  std::shared_ptr<FeatureStore> features;
};

struct RetinaEpoch {
  std::int64_t epoch = 0;  ///< from 1
  double train_loss = 0;
  std::optional<double> validation_loss =
      {};  ///< plain cross-entropy; absent in epochs that are not validated
  std::optional<double> validation_auc = {};  ///< one-vs-one; also absent where a class is missing
};

using OnRetinaEpoch = std::function<void(const RetinaEpoch&)>;

struct RetinaTrainingResult {
  RetinaTrainingPlan plan;  ///< with the sha256 of the start weights in place of their path
  std::uint64_t seed = 0;
  GraderArguments arguments;
  nlohmann::ordered_json transform;  ///< of the package
  std::vector<std::string> domains;
  std::vector<std::int64_t> class_counts, domain_counts;  ///< of the training part
  std::vector<RetinaEpoch> curve;
  std::int64_t best_epoch = 0;  ///< whose weights are kept; 0: those the heads start with
  std::shared_ptr<const TensorMap> weights;
  std::optional<TemperatureFit> calibration, oedema_calibration;
  std::string calibration_note;  ///< why there is none, or that the training part itself gave it
  /// Of the validation part in its order, calibrated: [M, 5], and [M, 3] where there is an oedema head.
  std::vector<double> validation_probabilities, validation_oedema;
  std::optional<FeatureCloud> cloud;
};

/// Trains a fundus grader by the plan's method: erm (cross-entropy), gdrnet (FundusAug, two views, domain and
/// class weights), deco (DECO-style: after the published figure and abstract, the rest as
/// models/retina/deco.h says). Of the epochs that are validated, the one with the best one-vs-one AUC on the
/// sources' validation part is kept (the lowest loss where a class is missing), the last without such a part.
/// The same set, plan, seed and thread count give the same weights.
///
/// Pictures are decoded and augmented ahead on worker threads; every draw belongs to its place in the epoch,
/// so that neither their number nor timing matters. With `freeze`, what lies before the split keeps its
/// weights and statistics, and with `views` its maps are computed once: the plain photograph and as many
/// augmented views, which depend on the photograph's id alone. Where the split is behind all blocks, what is
/// kept are the features themselves (erm only). The discriminant start takes the heads from the classes'
/// mean features and the shrunk covariance within classes, over all those views: directions in which
/// augmentation moves a photograph count for little. Where nothing else is trained (no epoch) and there is no
/// validation part, the temperature is fitted on predictions made in turn within the training part: five
/// times the heads are set without a fifth of its patients, and tried on these.
///
/// Where `checkpoint` exists, the run goes on from it and ends with the weights of an uninterrupted one;
/// where not, it is written after each epoch (at most every ten seconds) and at the end. Stages reported to
/// `job`: "early maps", "training", "validation", in photographs.
/// @param device  "cpu" or "cuda:N"
/// @throws imaging::Error  `invalid_argument` (option out of range, label or domain out of range, loss not
/// finite, unknown domain with mix_counts gdrbench); `insufficient_data` (fewer than two training photographs
/// or classes, a domain without any); `incompatible` (start weights that do not fit; a checkpoint of another
/// run); `resource_exhausted` (cached maps beyond cache_mb); whatever `read` throws. imaging::Cancelled.
/// @par Reference  [xia2024], [che2023], [noh2023]
[[nodiscard]] RetinaTrainingResult train_grader(const RetinaTrainingSet& set, const RetinaTrainingPlan& plan,
                                                std::uint64_t seed, const std::string& device,
                                                const imaging::JobContext& job,
                                                const std::filesystem::path& checkpoint = {},
                                                const OnRetinaEpoch& on_epoch = {});

/// A state dict from safetensors, a PyTorch zip file or a TorchScript module. @throws imaging::Error as
/// read_safetensors and read_pth; `unsupported_format`.
[[nodiscard]] TensorMap read_backbone_weights(const std::filesystem::path& path);

}  // namespace models
