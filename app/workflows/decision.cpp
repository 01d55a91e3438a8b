#include "app/workflows/decision.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "imaging/base/error.h"

namespace workflows {
namespace {

std::optional<double> number_of(const models::ModelPackage& package, const char* object, const char* key,
                                double max) {
  const auto& manifest = package.manifest();
  const auto found = manifest.find(object);
  if (found == manifest.end() || !found->is_object() || !found->contains(key) || found->at(key).is_null())
    return std::nullopt;
  const auto& value = found->at(key);
  if (!value.is_number() || !(value.get<double>() >= 0 && value.get<double>() <= max)) {
    throw imaging::Error(imaging::ErrorCode::corrupt_data,
                         fmt::format("Package {}: {}.{} is {}, not a number of 0 to {}.", package.name(),
                                     object, key, value.dump(), max));
  }
  return value.get<double>();
}

nlohmann::ordered_json or_null(const std::optional<double>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
}

}  // namespace

nlohmann::ordered_json DecisionRule::to_json() const {
  return {{"threshold", or_null(threshold)},
          {"threshold_from", threshold_from},
          {"min_confidence", or_null(min_confidence)},
          {"max_ood", or_null(max_ood)}};
}

DecisionRule decision_rule_of(const models::ModelPackage& package, const AbstentionOptions& options) {
  DecisionRule rule;
  if (package.class_names().size() == 2) rule.threshold = number_of(package, "threshold", "value", 1);
  if (rule.threshold) rule.threshold_from = package.manifest()["threshold"].value("from", "the package");
  rule.min_confidence = number_of(package, "abstention", "min_confidence", 1);
  rule.max_ood = number_of(package, "abstention", "max_ood", std::numeric_limits<double>::max());
  if (options.min_confidence) rule.min_confidence = options.min_confidence;
  if (options.max_ood) rule.max_ood = options.max_ood;
  return rule;
}

DecisionRule rule_for(DecisionRule rule, const mil::SlidePrediction& prediction) {
  if (!rule.max_ood && prediction.out_of_distribution)
    rule.max_ood = prediction.out_of_distribution->threshold;
  return rule;
}

Decision decide(const DecisionRule& rule, std::span<const double> probabilities, std::optional<double> ood) {
  const auto largest = std::max_element(probabilities.begin(), probabilities.end());
  Decision decision;
  decision.class_index = static_cast<std::size_t>(largest - probabilities.begin());
  if (rule.threshold && probabilities.size() == 2)
    decision.class_index = probabilities[1] >= *rule.threshold ? 1 : 0;
  if (rule.max_ood && ood && *ood > *rule.max_ood) {
    decision.abstention = fmt::format(
        "The features lie outside what the model was trained on: out-of-distribution score {:.3g}, above "
        "{:.3g}.",
        *ood, *rule.max_ood);
  } else if (rule.min_confidence && *largest < *rule.min_confidence) {
    decision.abstention =
        fmt::format("The confidence {:.3f} is below {:.3f}.", *largest, *rule.min_confidence);
  }
  return decision;
}

}  // namespace workflows
