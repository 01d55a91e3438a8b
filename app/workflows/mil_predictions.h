#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "app/workflows/decision.h"
#include "mil/aggregators/bag_classifier.h"

namespace workflows {

/// A row of predictions.csv.
struct BagPrediction {
  std::string id, part, label, verdict;
  std::vector<double> probabilities;  ///< [C]; empty where the bag failed
  std::optional<double> ood;          ///< out-of-distribution score, where the package has one
  std::int64_t tiles = 0;
  std::string status;  ///< done | failed
  std::string reason_code, reason;
};

/// Told of every bag that was classified.
using OnPrediction = std::function<void(const mil::Bag&, const mil::SlidePrediction&)>;

/// Classifies one bag of a cohort, whose part and label the caller adds. What cannot be read or classified is
/// a failed row; so is a bag that states another encoder than the classifier's.
/// @param files  read one after the other into one bag
/// @throws imaging::Cancelled
[[nodiscard]] BagPrediction classify_bag(mil::BagClassifier& classifier, const DecisionRule& rule,
                                         const std::vector<std::string>& class_names, const std::string& id,
                                         const std::vector<std::filesystem::path>& files,
                                         const OnPrediction& on_prediction = {});

void write_predictions(const std::filesystem::path& path, const std::vector<BagPrediction>& rows,
                       const std::vector<std::string>& class_names);
/// What `write_predictions` wrote. @throws imaging::Error  `not_found`; `corrupt_data`.
[[nodiscard]] std::vector<BagPrediction> read_predictions(const std::filesystem::path& path,
                                                          const std::vector<std::string>& class_names);

/// The rows of one part.
[[nodiscard]] std::vector<BagPrediction> rows_of_part(const std::vector<BagPrediction>& rows,
                                                      const std::string& part);

/// Metrics of the classified rows with a label, by the rule's threshold but without its abstentions (counted
/// in `abstained`), with bootstrap intervals over patients. Null where no row counts.
/// @param patient_of  by id; an id that it lacks is its own patient
[[nodiscard]] nlohmann::ordered_json measure_predictions(const std::vector<BagPrediction>& rows,
                                                         const std::vector<std::string>& class_names,
                                                         const DecisionRule& rule,
                                                         const std::map<std::string, std::string>& patient_of,
                                                         std::uint64_t seed);

/// Youden's threshold of the classified rows with a label. @throws imaging::Error  as choose_threshold.
[[nodiscard]] std::optional<double> youden_threshold_of(const std::vector<BagPrediction>& rows,
                                                        const std::vector<std::string>& class_names);

}  // namespace workflows
