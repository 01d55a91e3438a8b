#include "mil/explain/deletion.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "imaging/base/error.h"
#include "imaging/base/random.h"
#include "mil/aggregators/bag_classifier.h"

namespace mil {
namespace {

void require(bool holds, const std::string& sentence) {
  if (!holds) throw imaging::Error(imaging::ErrorCode::invalid_argument, sentence);
}

/// The bag's rows of the given numbers, in their own order.
Bag keep_rows(const Bag& bag, std::vector<std::int64_t> rows) {
  std::sort(rows.begin(), rows.end());
  Bag kept;
  kept.id = bag.id;
  kept.count = static_cast<std::int64_t>(rows.size());
  kept.dim = bag.dim;
  kept.features.reserve(rows.size() * static_cast<std::size_t>(bag.dim));
  for (const auto row : rows) {
    const auto first = bag.features.begin() + row * bag.dim;
    kept.features.insert(kept.features.end(), first, first + bag.dim);
  }
  return kept;
}

struct Curves {
  std::vector<double> deletion, insertion;
};

/// @param order  tiles in the order in which they go or come
Curves follow_order(BagClassifier& classifier, const Bag& bag, const std::vector<std::int64_t>& order,
                    std::size_t target_class, std::int64_t steps) {
  Curves curves;
  for (std::int64_t step = 0; step <= steps; ++step) {
    const auto changed = order.begin() + bag.count * step / steps;
    const std::vector<std::int64_t> rest(std::min(changed, order.end() - 1), order.end());
    const std::vector<std::int64_t> first(order.begin(), std::max(changed, order.begin() + 1));
    curves.deletion.push_back(classifier.predict(keep_rows(bag, rest)).probabilities[target_class]);
    curves.insertion.push_back(classifier.predict(keep_rows(bag, first)).probabilities[target_class]);
  }
  return curves;
}

/// Trapezoids over 0 to 1.
double area_under(const std::vector<double>& curve) {
  const double sum = std::accumulate(curve.begin(), curve.end(), 0.0) - (curve.front() + curve.back()) / 2;
  return sum / static_cast<double>(curve.size() - 1);
}

}  // namespace

DeletionCurves measure_deletion(BagClassifier& classifier, const Bag& bag, std::span<const double> scores,
                                std::int64_t target_class, const DeletionOptions& options) {
  require(static_cast<std::int64_t>(scores.size()) == bag.count && bag.count > 0,
          fmt::format("Bag {}: {} scores for {} tiles.", bag.id, scores.size(), bag.count));
  require(options.steps >= 1 && options.random_orders >= 1,
          "A deletion curve needs at least one step and one random order.");
  const auto class_count = classifier.predict(bag).probabilities.size();
  require(target_class >= 0 && static_cast<std::size_t>(target_class) < class_count,
          fmt::format("Class {} is not one of the {} classes.", target_class, class_count));
  const auto target = static_cast<std::size_t>(target_class);

  std::vector<std::int64_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  auto by_score = order;
  std::stable_sort(by_score.begin(), by_score.end(), [&](std::int64_t a, std::int64_t b) {
    return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
  });
  const auto own = follow_order(classifier, bag, by_score, target, options.steps);

  const auto points = static_cast<std::size_t>(options.steps) + 1;
  DeletionCurves curves;
  curves.deletion = own.deletion;
  curves.insertion = own.insertion;
  curves.random_deletion.assign(points, 0.0);
  curves.random_insertion.assign(points, 0.0);
  imaging::Random random(options.seed);
  for (std::int64_t draw = 0; draw < options.random_orders; ++draw) {
    random.shuffle(std::span(order));
    const auto drawn = follow_order(classifier, bag, order, target, options.steps);
    for (std::size_t i = 0; i < points; ++i) {
      curves.random_deletion[i] += drawn.deletion[i] / static_cast<double>(options.random_orders);
      curves.random_insertion[i] += drawn.insertion[i] / static_cast<double>(options.random_orders);
    }
  }
  for (std::size_t i = 0; i < points; ++i)
    curves.shares.push_back(static_cast<double>(i) / static_cast<double>(options.steps));
  curves.deletion_area = area_under(curves.deletion);
  curves.insertion_area = area_under(curves.insertion);
  curves.random_deletion_area = area_under(curves.random_deletion);
  curves.random_insertion_area = area_under(curves.random_insertion);
  return curves;
}

}  // namespace mil
