#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "models/runtime/safetensors.h"

namespace models {

class ModelPackage;

/// Arithmetic mean of every floating-point entry; integers (counters of batch norm) are the first model's.
///
/// With batch norm, averaged running variances are an approximation: measure the statistics again on training
/// images. Prototypes, adaptation states and calibration temperatures are not weights and belong in no soup.
///
/// @param members  state dicts of one architecture and one start, at least one
/// @throws Error   `invalid_argument` if there is none; `incompatible` on a tensor that another lacks or has
///                 in another shape or type, naming it.
/// @par Reference  [wortsman2022]
[[nodiscard]] TensorMap uniform_soup(std::span<const TensorMap> members);

struct GreedySoup {
  TensorMap weights;
  std::vector<std::size_t> members;  ///< of the candidates, in the order they went in
  double score = 0;
};

/// Starts from the best candidate and adds each next best whose mean with the soup scores strictly higher.
/// Of equal scores the later candidate comes first.
///
/// @param candidates  as uniform_soup
/// @param scores      of each candidate alone; higher is better
/// @param score       of a soup, by the same measure on the same held-out data (validation, never the test
///                    domain); called at most once less than there are candidates
/// @throws Error      as uniform_soup; `invalid_argument` where there are not as many scores, or one is not a
///                    number.
/// @par Reference     [wortsman2022]
[[nodiscard]] GreedySoup greedy_soup(std::span<const TensorMap> candidates, std::span<const double> scores,
                                     const std::function<double(const TensorMap&)>& score);

/// (1 - share) first + share second; integers are the first's.
/// @throws Error   `incompatible` as uniform_soup; `invalid_argument` where share is outside 0 to 1.
[[nodiscard]] TensorMap interpolate_weights(const TensorMap& first, const TensorMap& second, double share);

/// sha256 over names, types, shapes and values: the identity of a set of weights, whatever file holds it.
[[nodiscard]] std::string weights_sha256(const TensorMap& weights);

/// Refuses packages whose weights are not to be averaged: another task, architecture, architecture_arguments,
/// class_names or input_bag; another start (`training.initialisation_sha256`), or one that a package does not
/// record.
/// @throws Error  `incompatible`, naming the two packages and what differs; `invalid_argument` if there are
///                fewer than two.
void check_soup_members(std::span<const ModelPackage> packages);

}  // namespace models
