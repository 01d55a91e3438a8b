#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "mil/bags/bag.h"
#include "mil/explain/deletion.h"

namespace workflows {

/// Deletion and insertion curves of one class, their mean over bags.
class DeletionSummary {
 public:
  /// @param classifier   outlives this
  /// @param class_names  of the classifier
  /// @throws imaging::Error  `invalid_argument` where `class_name` is none of them.
  DeletionSummary(mil::BagClassifier& classifier, const std::vector<std::string>& class_names,
                  std::string class_name, std::uint64_t seed);

  [[nodiscard]] const std::string& class_name() const { return class_name_; }

  /// Follows one bag, by the scores of the class or the only ones.
  /// @throws imaging::Error  as mil::measure_deletion.
  void add(const mil::Bag& bag, const mil::TileScores& scores);

  /// {"class", "bags", and the mean areas "deletion", "random_deletion", "insertion", "random_insertion"};
  /// null without a bag.
  [[nodiscard]] nlohmann::ordered_json to_json() const;

  /// share, deletion, random_deletion, insertion, random_insertion.
  void write_curves(const std::filesystem::path& csv) const;

 private:
  mil::BagClassifier& classifier_;
  std::string class_name_;
  std::int64_t target_class_ = 0;
  mil::DeletionOptions options_;
  std::int64_t bags_ = 0;
  mil::DeletionCurves sum_;
};

}  // namespace workflows
