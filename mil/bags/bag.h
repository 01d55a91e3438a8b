#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mil/bags/feature_vector.h"

namespace mil {

/// One slide (or patient) as a set of instances. Plain memory: torch wraps it without a copy.
struct Bag {
  std::string id;
  std::int64_t count = 0;  ///< N
  std::int64_t dim = 0;    ///< D
  FeatureVector features;  ///< [N, D] row-major
  std::vector<std::int64_t>
      coords;  ///< [N, 2] row-major, (x, y) of the tile's top left corner in level-0 pixels; may be empty
  /// Tiles of each slide, in the order of the rows, where several slides form the bag: each has its own
  /// level-0 pixels. Else empty.
  std::vector<std::int64_t> slide_counts = {};
  bool is_half = false;  ///< every feature was stored as float16, and is one exactly
};

/// First row of a [rows, dim] row-major matrix that holds NaN or inf; -1 where all is finite.
[[nodiscard]] std::int64_t find_non_finite_row(const float* values, std::int64_t rows, std::int64_t dim);

/// @throws imaging::Error  `invalid_argument` if the sizes do not agree with count and dim; `corrupt_data` on
/// NaN or inf, naming the row.
void check_bag(const Bag& bag);

/// Raw score per tile as stored and painted (DESIGN.md, "Tile scores").
struct TileScores {
  std::string
      kind;  ///< "attention" | "attention_per_class" | "class_token_attention" | "instance_probability"
  std::vector<std::string> names;  ///< K names
  std::vector<float> values;       ///< [N, K] row-major
};

/// How unlike the training bags a bag's features are.
struct OutOfDistribution {
  double score = 0;       ///< 1 is the distance that one training bag in twenty passes
  double threshold = 0;   ///< a score above it is out of distribution
  double percentile = 0;  ///< share of training bags, held out, that lie nearer. Unit: percent.

  [[nodiscard]] bool is_out() const { return score > threshold; }
};

/// What a classifier says of one bag.
struct SlidePrediction {
  std::vector<std::string> class_names;  ///< C
  std::vector<double> probabilities;     ///< C, sums to 1
  std::vector<double> logits;            ///< C, before calibration
  TileScores tile_scores;
  std::optional<OutOfDistribution> out_of_distribution;  ///< where the package knows its training bags
};

}  // namespace mil
