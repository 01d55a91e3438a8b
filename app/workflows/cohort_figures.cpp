#include "app/workflows/cohort_figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "imaging/base/error.h"
#include "models/runtime/metrics.h"

namespace workflows {
namespace {

std::vector<RocPoint> roc_curve(const std::vector<double>& scores,
                                const std::vector<std::int64_t>& positives) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return scores[a] > scores[b]; });
  const auto total = std::count(positives.begin(), positives.end(), 1);
  const auto rest = std::ssize(positives) - total;
  std::vector<RocPoint> points{{0, 0, 1}};
  std::int64_t hits = 0, false_alarms = 0;
  for (std::size_t i = 0; i < order.size();) {
    const double score = scores[order[i]];
    for (; i < order.size() && scores[order[i]] == score; ++i)
      (positives[order[i]] == 1 ? hits : false_alarms)++;
    points.push_back({static_cast<double>(false_alarms) / static_cast<double>(rest),
                      static_cast<double>(hits) / static_cast<double>(total), score});
  }
  return points;
}

}  // namespace

CohortFigures measure_cohort(const std::vector<CohortCase>& cases,
                             const std::vector<std::string>& class_names, std::size_t positive) {
  const auto index_of = [&](const std::string& name) {
    return std::find(class_names.begin(), class_names.end(), name) - class_names.begin();
  };
  if (positive >= class_names.size()) {
    throw imaging::Error(imaging::ErrorCode::invalid_argument,
                         fmt::format("There is no class {} of {}.", positive, class_names.size()));
  }
  std::vector<std::int64_t> labels, decided, positives;
  std::vector<double> scores;
  for (const auto& one : cases) {
    const auto label = index_of(one.label);
    if (label == std::ssize(class_names)) continue;
    if (one.probabilities.size() != class_names.size()) {
      throw imaging::Error(imaging::ErrorCode::invalid_argument,
                           fmt::format("A case has {} probabilities for {} classes.",
                                       one.probabilities.size(), class_names.size()));
    }
    const auto found = index_of(one.decided);
    labels.push_back(label);
    decided.push_back(found == std::ssize(class_names)
                          ? std::max_element(one.probabilities.begin(), one.probabilities.end()) -
                                one.probabilities.begin()
                          : found);
    scores.push_back(one.probabilities[positive]);
    positives.push_back(label == static_cast<std::ptrdiff_t>(positive) ? 1 : 0);
  }
  CohortFigures figures;
  figures.labelled = std::ssize(labels);
  if (labels.empty()) return figures;
  const auto confusion = models::count_confusion(labels, decided, std::ssize(class_names));
  figures.confusion = confusion.counts;
  figures.accuracy = confusion.accuracy();
  figures.balanced_accuracy = confusion.balanced_accuracy();
  figures.auc = models::roc_auc(scores, positives);
  if (figures.auc) figures.roc = roc_curve(scores, positives);
  return figures;
}

}  // namespace workflows
