#pragma once

#include <cstdint>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/encoders/resnet_arguments.h"

namespace models {

/// How the last map becomes the features that the heads read.
enum class FundusPooling {
  mean,
  mean_max,  ///< the means and the maxima, side by side: small lesions are not averaged away
  lesions,   ///< the means, and how much a linear probe finds of each kind of lesion
};

/// The kinds of lesion that a probe tells apart: microaneurysms, haemorrhages, hard_exudates, soft_exudates.
[[nodiscard]] const std::vector<std::string>& lesion_kind_names();
/// What FundusPooling::lesions says of each kind.
inline constexpr std::int64_t kLesionStatistics = 3;

/// What shapes a fundus grader's network: backbone, pooling, a linear head of the grades and, where
/// `oedema_count` is above 0, one of the macular oedema risk.
struct GraderArguments {
  /// "resnet18" | "resnet50" (v1.5, torchvision's) | "resnet50v2" (pre-activation, up to stage 3)
  std::string architecture = "resnet50";
  ResNetArguments backbone;  ///< of resnet50v2 only width and the first three of layers
  FundusPooling pooling = FundusPooling::mean;
  std::int64_t grade_count = 5;
  std::int64_t oedema_count = 0;

  [[nodiscard]] std::int64_t map_channels() const {
    return architecture == "resnet50v2" ? backbone.width * 16 : backbone.dim();
  }
  /// Length of the features that the heads read.
  [[nodiscard]] std::int64_t feature_dim() const {
    if (pooling == FundusPooling::lesions)
      return map_channels() + kLesionStatistics * std::ssize(lesion_kind_names());
    return map_channels() * (pooling == FundusPooling::mean ? 1 : 2);
  }
};

/// @param arguments  any of width, layers, features, ibn (as resnet_arguments_from_json; v2 takes width and
///                   layers), pool ("mean" | "mean_max" | "lesions"), grades, oedema
/// @throws Error  `incompatible` on an unknown architecture or argument, or a value out of range
[[nodiscard]] GraderArguments grader_arguments_from_json(const std::string& architecture,
                                                         const nlohmann::ordered_json& arguments);
[[nodiscard]] nlohmann::ordered_json grader_arguments_to_json(const GraderArguments& arguments);

}  // namespace models
