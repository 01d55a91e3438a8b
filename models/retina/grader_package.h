#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "models/retina/grader_arguments.h"
#include "models/runtime/feature_cloud.h"
#include "models/runtime/safetensors.h"

namespace models {

/// What a fundus-grading package holds.
struct GraderPackage {
  std::string name;
  GraderArguments arguments;
  std::shared_ptr<const TensorMap> weights;  ///< of the whole network: backbone.*, grade.*, oedema.*
  nlohmann::ordered_json transform;          ///< as FundusTransform takes it
  std::string test_time_views =
      "plain";  ///< "plain", or "flips": mean logits of the picture and its mirror image
  double referable_threshold = 0.5;
  nlohmann::ordered_json calibration =
      nlohmann::ordered_json::object();  ///< temperature, oedema_temperature, ...
  nlohmann::ordered_json abstention = nlohmann::ordered_json::object();  ///< min_confidence, max_ood
  std::optional<FeatureCloud> cloud;                                     ///< of the training photographs
  /// Joined to the manifest: metrics, training, training_data, intended_use, limitations, licence.
  nlohmann::ordered_json facts = nlohmann::ordered_json::object();
  std::string card;  ///< README.md
};

/// The ICDR grades by name, in their order: nodr, mild_npdr, moderate_npdr, severe_npdr, pdr.
[[nodiscard]] const std::vector<std::string>& fundus_grade_names();
/// The risk of macular oedema by name, 0 to 2: no_risk, moderate_risk, high_risk.
[[nodiscard]] const std::vector<std::string>& oedema_names();

/// Writes `folder` as a package of task `fundus-grading`; it appears whole or not at all.
/// @param is_half  stores the weights as float16: half the size, probabilities off by about 1e-3
/// @throws imaging::Error  `invalid_argument` if the folder exists; `io_error`.
void write_grader_package(const std::filesystem::path& folder, const GraderPackage& package,
                          bool is_half = false);

/// A network as it starts: drawn from `seed`, to be trained or tested with.
[[nodiscard]] TensorMap initial_grader_weights(const GraderArguments& arguments, std::uint64_t seed);

}  // namespace models
