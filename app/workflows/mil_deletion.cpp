#include "app/workflows/mil_deletion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "imaging/base/csv.h"
#include "imaging/base/error.h"
#include "imaging/base/files.h"

namespace workflows {
namespace {

void add_to(std::vector<double>& sum, const std::vector<double>& curve) {
  sum.resize(curve.size());
  std::transform(curve.begin(), curve.end(), sum.begin(), sum.begin(), std::plus<>());
}

}  // namespace

DeletionSummary::DeletionSummary(mil::BagClassifier& classifier, const std::vector<std::string>& class_names,
                                 std::string class_name, std::uint64_t seed)
    : classifier_(classifier), class_name_(std::move(class_name)) {
  const auto found = std::find(class_names.begin(), class_names.end(), class_name_);
  if (found == class_names.end()) {
    throw imaging::Error(imaging::ErrorCode::invalid_argument,
                         fmt::format("'{}' is none of the classifier's classes, {}; name one of them for "
                                     "--deletion.",
                                     class_name_, fmt::join(class_names, ", ")));
  }
  target_class_ = found - class_names.begin();
  options_.seed = seed;
}

void DeletionSummary::add(const mil::Bag& bag, const mil::TileScores& scores) {
  const auto width = scores.names.size();
  const auto column = width == 1 ? 0 : static_cast<std::size_t>(target_class_);
  std::vector<double> of_class;
  for (std::size_t i = column; i < scores.values.size(); i += width)
    of_class.push_back(static_cast<double>(scores.values[i]));
  const auto curves = mil::measure_deletion(classifier_, bag, of_class, target_class_, options_);
  ++bags_;
  sum_.shares = curves.shares;
  add_to(sum_.deletion, curves.deletion);
  add_to(sum_.insertion, curves.insertion);
  add_to(sum_.random_deletion, curves.random_deletion);
  add_to(sum_.random_insertion, curves.random_insertion);
  sum_.deletion_area += curves.deletion_area;
  sum_.insertion_area += curves.insertion_area;
  sum_.random_deletion_area += curves.random_deletion_area;
  sum_.random_insertion_area += curves.random_insertion_area;
}

nlohmann::ordered_json DeletionSummary::to_json() const {
  if (bags_ == 0) return {};
  const auto count = static_cast<double>(bags_);
  return {{"class", class_name_},
          {"bags", bags_},
          {"deletion", sum_.deletion_area / count},
          {"random_deletion", sum_.random_deletion_area / count},
          {"insertion", sum_.insertion_area / count},
          {"random_insertion", sum_.random_insertion_area / count}};
}

void DeletionSummary::write_curves(const std::filesystem::path& csv) const {
  std::string text =
      imaging::csv_line({"share", "deletion", "random_deletion", "insertion", "random_insertion"});
  for (std::size_t i = 0; i < sum_.shares.size(); ++i) {
    std::vector<std::string> cells{fmt::format("{}", sum_.shares[i])};
    for (const auto* curve : {&sum_.deletion, &sum_.random_deletion, &sum_.insertion, &sum_.random_insertion})
      cells.push_back(fmt::format("{}", (*curve)[i] / static_cast<double>(bags_)));
    text += imaging::csv_line(cells);
  }
  imaging::write_file(csv, text);
}

}  // namespace workflows
