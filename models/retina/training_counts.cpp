#include "models/retina/training_counts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "imaging/base/error.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;

/// GDRBench's counts as its code has them: classes 0 to 4, and the domain's own number.
struct BenchmarkDomain {
  std::string_view name;
  std::array<std::int64_t, 5> classes;
  std::int64_t images;
};
constexpr std::array kBenchmarkDomains{BenchmarkDomain{"aptos", {1804, 369, 999, 192, 294}, 3662},
                                       BenchmarkDomain{"deepdr", {917, 214, 402, 353, 113}, 2000},
                                       BenchmarkDomain{"fgadr", {100, 211, 595, 646, 286}, 1842},
                                       BenchmarkDomain{"idrid", {175, 26, 163, 89, 60}, 516},
                                       BenchmarkDomain{"messidor", {1016, 269, 347, 75, 35}, 1744},
                                       BenchmarkDomain{"rldr", {165, 336, 929, 98, 62}, 1593}};

std::string lower_case(std::string text) {
  for (auto& letter : text) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return text;
}

}  // namespace

TrainingCounts count_examples(const RetinaTrainingSet& set, std::int64_t class_count) {
  TrainingCounts counts{std::vector<std::int64_t>(static_cast<std::size_t>(class_count)),
                        std::vector<std::int64_t>(set.domains.size())};
  const auto check = [&](const RetinaExample& example) {
    if (example.label < 0 || example.label >= class_count || example.domain < 0 ||
        example.domain >= std::ssize(set.domains) ||
        (example.oedema && (*example.oedema < 0 || *example.oedema > 2))) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("Photograph {} has the grade {} and the domain {}; grades go from 0 to {}, "
                              "domains to {}, the oedema risk from 0 to 2.",
                              example.id, example.label, example.domain, class_count - 1,
                              std::ssize(set.domains) - 1));
    }
  };
  for (const auto& example : set.validation) check(example);
  for (const auto& example : set.train) {
    check(example);
    ++counts.classes[static_cast<std::size_t>(example.label)];
    ++counts.domains[static_cast<std::size_t>(example.domain)];
  }
  const auto present =
      std::count_if(counts.classes.begin(), counts.classes.end(), [](auto n) { return n > 0; });
  if (set.train.size() < 2 || present < 2) {
    throw Error(
        ErrorCode::insufficient_data,
        fmt::format("{} training photographs of {} grades are too few: two photographs and two grades "
                    "are the least.",
                    set.train.size(), present));
  }
  for (std::size_t d = 0; d < counts.domains.size(); ++d) {
    if (counts.domains[d] == 0) {
      throw Error(ErrorCode::insufficient_data,
                  fmt::format("The domain {} has no training photograph; leave it out.", set.domains[d]));
    }
  }
  return counts;
}

TrainingCounts benchmark_counts(const std::vector<std::string>& domains) {
  TrainingCounts counts{std::vector<std::int64_t>(5), {}};
  for (const auto& domain : domains) {
    const auto found = std::find_if(kBenchmarkDomains.begin(), kBenchmarkDomains.end(),
                                    [&](const auto& known) { return known.name == lower_case(domain); });
    if (found == kBenchmarkDomains.end()) {
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("GDRBench has no counts of the domain {}; known are aptos, deepdr, fgadr, idrid, "
                      "messidor, rldr. Use mix_counts train.",
                      domain));
    }
    for (std::size_t c = 0; c < 5; ++c) counts.classes[c] += found->classes[c];
    counts.domains.push_back(found->images);
  }
  return counts;
}

}  // namespace models
