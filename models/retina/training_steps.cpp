#include "models/retina/training_steps.h"

#include <algorithm>
#include <numeric>
#include <span>

#include "models/retina/training_draws.h"

namespace models {
namespace {

using imaging::Random;

std::size_t pick(const std::vector<std::size_t>& from, Random& random) {
  return from[static_cast<std::size_t>(random.index(std::ssize(from)))];
}

}  // namespace

StepSampler::StepSampler(const std::vector<RetinaExample>& examples, const RetinaTrainingPlan& plan,
                         std::uint64_t seed, std::size_t class_count, std::size_t domain_count)
    : method_(plan.training.method),
      pairs_(plan.deco.pairs),
      batch_(static_cast<std::size_t>(plan.training.batch)),
      seed_(seed),
      by_class_(class_count),
      by_domain_(domain_count),
      count_(examples.size()) {
  for (std::size_t i = 0; i < examples.size(); ++i) {
    by_class_[static_cast<std::size_t>(examples[i].label)].push_back(i);
    by_domain_[static_cast<std::size_t>(examples[i].domain)].push_back(i);
  }
  std::erase_if(by_class_, [](const auto& members) { return members.empty(); });
}

std::vector<TrainingStep> StepSampler::epoch(std::int64_t number) const {
  Random random(seed_, training_stream("order", number, 0));
  std::vector<TrainingStep> steps;
  if (method_ == "deco") {
    for (std::size_t done = 0; done < count_; done += batch_) {
      auto& step = steps.emplace_back();
      for (std::size_t i = 0; i < std::min(batch_, std::max<std::size_t>(2, count_ - done)); ++i)
        draw_pair(step, random);
    }
    return steps;
  }
  std::vector<std::size_t> order(count_);
  std::iota(order.begin(), order.end(), std::size_t{0});
  random.shuffle(std::span(order));
  for (std::size_t begin = 0; begin < count_; begin += batch_) {
    const auto end = std::min(begin + batch_, count_);
    const auto from = order.begin() + static_cast<std::ptrdiff_t>(begin);
    // A single photograph has no batch statistics: it joins the step before.
    if (end - begin == 1 && !steps.empty()) {
      steps.back().first.push_back(*from);
    } else {
      steps.push_back({{from, order.begin() + static_cast<std::ptrdiff_t>(end)}, {}});
    }
  }
  return steps;
}

void StepSampler::draw_pair(TrainingStep& step, Random& random) const {
  const auto domains = std::ssize(by_domain_);
  if (pairs_ == "tally") {
    step.first.push_back(
        pick(by_class_[static_cast<std::size_t>(random.index(std::ssize(by_class_)))], random));
    step.second.push_back(pick(by_domain_[static_cast<std::size_t>(random.index(domains))], random));
    return;
  }
  const auto first = random.index(domains);
  const auto second = domains == 1 ? 0 : (first + 1 + random.index(domains - 1)) % domains;
  step.first.push_back(pick(by_domain_[static_cast<std::size_t>(first)], random));
  step.second.push_back(pick(by_domain_[static_cast<std::size_t>(second)], random));
}

}  // namespace models
