#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mil/aggregators/aggregator_module.h"

namespace mil {

/// Weight of a class c with n_c of N bags: 1 for "none"; N / (C n_c) for "balanced" with C the classes
/// present, so that their mean over the bags is 1; else the numbers of a list separated by commas.
///
/// @param counts  training bags of each class
/// @throws imaging::Error  `invalid_argument` on a list of another length or with a number below 0.
[[nodiscard]] std::vector<double> class_weights_of(const std::string& choice,
                                                   const std::vector<std::int64_t>& counts);

/// w_y (1 - p_y)^gamma * -log p_y, with p the softmax of the logits: weighted cross-entropy where gamma is 0,
/// focal loss above [lin2017]. Not divided by the weight, so that weights act on batches of one bag too.
///
/// @param weights  a number per class
[[nodiscard]] LogitLoss make_logit_loss(std::vector<double> weights, double gamma);

}  // namespace mil
