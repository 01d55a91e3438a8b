#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "mil/bags/label_table.h"

namespace mil {

/// Which bags train, which stop the training, and which are kept for the test. Ids in file order.
struct Split {
  std::vector<std::string> train, validation, test;
};

/// Reads CLAM's `splits_k.csv` (columns train, val, test of ids) or `splits_k_bool.csv` (one row per id with
/// True or False).
/// @throws imaging::Error  `not_found`; `corrupt_data` on a missing column, a value other than True or False,
/// or an id in two parts.
[[nodiscard]] Split read_split(const std::filesystem::path& path);

/// Writes CLAM's `splits_k.csv`. @throws imaging::Error `io_error`.
void write_split(const std::filesystem::path& path, const Split& split);

struct SplitFractions {
  double validation = 0.15;  ///< share of every class's patients, 0 to 1
  double test = 0.15;
};

/// Splits so that no patient is in two parts and every class is shared out alike. A patient whose slides
/// differ counts for the class that is latest in `class_names()`. Every class keeps at least one training
/// patient; a part with a share above 0 gets one wherever there are enough.
/// @throws imaging::Error  `invalid_argument` if the shares are negative or leave nothing to train on.
[[nodiscard]] Split make_split(const LabelTable& table, const SplitFractions& fractions, std::uint64_t seed);

/// Deals the patients into `folds` disjoint test parts, every class alike; split k tests on part k. Of the
/// rest of every class, a share stops the training, as in `make_split`.
/// @param validation  share of the patients that do not test, 0 to less than 1
/// @return            `folds` splits
/// @throws imaging::Error  `invalid_argument` on fewer than two folds, more folds than patients, or a share
/// that leaves nothing to train on.
[[nodiscard]] std::vector<Split> make_folds(const LabelTable& table, std::int64_t folds, double validation,
                                            std::uint64_t seed);

/// @throws imaging::Error  `invalid_argument` where slides of one patient are in two parts, naming them.
void check_patients(const Split& split, const LabelTable& table, const std::string& source);

}  // namespace mil
