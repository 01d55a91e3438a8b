#pragma once

#include <concepts>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "imaging/base/options.h"
#include "mil/bags/bag.h"
#include "models/runtime/model_package.h"

namespace workflows {

/// The verdict where a classifier does not decide.
inline constexpr const char* kAbstained = "abstained";

/// Limits in place of the package's.
struct AbstentionOptions {
  std::optional<double> min_confidence, max_ood;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, AbstentionOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("min_confidence", options.min_confidence,
        FieldInfo{.help = "Abstain below this probability, in place of the package's limit; 0 never does",
                  .min = 0,
                  .max = 1});
  field("max_ood", options.max_ood,
        FieldInfo{.help = "Abstain above this out-of-distribution score, in place of the package's limit",
                  .min = 0,
                  .max = 1e9});
}

/// How probabilities become a verdict, and when they do not.
struct DecisionRule {
  std::optional<double> threshold;  ///< of the second of two classes, `p >= threshold`; absent: the most
                                    ///< probable class
  std::string threshold_from;       ///< "validation", or the option that gave it; empty where there is none
  std::optional<double> min_confidence;  ///< abstain where the largest probability is below
  std::optional<double> max_ood;         ///< abstain where the out-of-distribution score is above

  [[nodiscard]] nlohmann::ordered_json to_json() const;
};

/// What a slide classifier's package says: `threshold` {value, from} and `abstention` {min_confidence,
/// max_ood}, each of which may be missing or null; `options` stand in their place.
/// @throws imaging::Error  `corrupt_data` on a value that is no number or out of range.
[[nodiscard]] DecisionRule decision_rule_of(const models::ModelPackage& package,
                                            const AbstentionOptions& options = {});

struct Decision {
  std::size_t class_index = 0;
  std::string abstention;  ///< why there is no verdict; empty where there is one

  [[nodiscard]] std::string verdict(const std::vector<std::string>& class_names) const {
    return abstention.empty() ? class_names[class_index] : kAbstained;
  }
};

/// `rule` with the package's own limit of the out-of-distribution score where nobody chose one.
[[nodiscard]] DecisionRule rule_for(DecisionRule rule, const mil::SlidePrediction& prediction);

/// @param probabilities  [C], C >= 1
/// @param ood            score of the bag; absent where the package holds none
[[nodiscard]] Decision decide(const DecisionRule& rule, std::span<const double> probabilities,
                              std::optional<double> ood);

}  // namespace workflows
