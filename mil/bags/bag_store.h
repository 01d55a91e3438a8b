#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "mil/bags/bag.h"

namespace mil {

/// Attribute on the `coords` dataset. Paths never go in (CLAM's `save_path` is written empty).
using CoordsAttribute = std::variant<std::int64_t, double, std::string, std::vector<double>>;

/// What goes beside the features in an HDF5 bag (CLAM and TRIDENT layouts at once: methods/mil.md 5.1,
/// research/anchors.md 4.1, 4.2).
struct BagFileExtras {
  std::map<std::string, CoordsAttribute> coords_attributes;
  std::map<std::string, std::string> features_attributes;  ///< e.g. encoder name and package sha256
  std::optional<TileScores> scores;                        ///< dataset `scores` with score_kind, score_names
};

/// Writes `features` float32 (N,D) chunked (min(N,512), D), `coords` int64 (N,2), optionally `scores`.
/// Atomic; N = 0 gives an empty file of the right shape. Deterministic content (no times in the file).
/// @throws Error `io_error`, `invalid_argument` where the sizes do not agree.
void write_bag(const std::filesystem::path& path, const Bag& bag, const BagFileExtras& extras);

/// Writes what `write_bag` writes while the rows are made: memory does not grow with their number.
///
/// @par Threads  One caller at a time.
class BagWriter {
 public:
  /// @throws Error `io_error`; `invalid_argument` unless dim >= 1.
  BagWriter(const std::filesystem::path& path, std::int64_t dim);
  ~BagWriter();  ///< without `finish` nothing is left of the file
  BagWriter(const BagWriter&) = delete;
  BagWriter& operator=(const BagWriter&) = delete;

  /// @param features  [n, D] row-major
  /// @throws Error `io_error`; `invalid_argument` on a broken row; `corrupt_data` on NaN or inf.
  void append(std::span<const float> features);
  [[nodiscard]] std::int64_t count() const;  ///< rows so far
  /// Rows that were appended, read from the file. @return [count, D] row-major @throws Error `io_error`.
  [[nodiscard]] FeatureVector read_rows(std::int64_t first, std::int64_t count) const;
  /// All rows so far; without coordinates. @throws Error `io_error`.
  [[nodiscard]] Bag read_back(const std::string& id) const;
  /// The rest of the file, which then is in its place.
  /// @param coords  [N, 2] row-major, or empty
  /// @throws Error  as `write_bag`
  void finish(const std::vector<std::int64_t>& coords, const BagFileExtras& extras);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// Coordinates alone, as `tessera tile` writes them (CLAM's patches/<slide>.h5).
void write_coords(const std::filesystem::path& path, const std::vector<std::int64_t>& coords,
                  const std::map<std::string, CoordsAttribute>& attributes);

/// The files of each bag by its id: one, or a patient's slides.
using BagFiles = std::map<std::string, std::vector<std::filesystem::path>>;

/// Reads CLAM, TRIDENT and STAMP `.h5` bags (any float type, any integer type, a leading axis of 1, chunked,
/// compressed or contiguous) and `.pt` bags (a tensor, a dict with features and coords, a TorchScript archive
/// with such buffers). The id is the file's stem. STAMP coordinates (µm) stay absent, since level-0 pixels
/// cannot be known from them.
/// @throws Error  `not_found`; `corrupt_data` (broken file, wrong rank, NaN or inf); `unsupported_format`
/// (legacy or pickled-object
///                `.pt`, no features dataset), each naming the remedy.
/// @par Threads  Safe; the HDF5 part runs one at a time, since the distribution's library is not thread-safe.
[[nodiscard]] Bag read_bag(const std::filesystem::path& path);

/// One bag of several files, their rows one after the other (`slide_counts` tells them apart). Coordinates
/// stay, each in its own slide's pixels, where every file has them.
/// @param files  at least one
/// @throws Error  as above; `incompatible` where the files differ in width or `encoder_sha256`.
[[nodiscard]] Bag read_bag(const std::string& id, const std::vector<std::filesystem::path>& files);

/// Scores of a bag that `write_bag` wrote; absent where it has none.
[[nodiscard]] std::optional<TileScores> read_scores(const std::filesystem::path& path);
/// Attributes of the features, the coords and the file as text, for provenance and encoder checks; lists
/// joined by commas. Where a name is found twice, the features' value stands. Empty for `.pt`.
[[nodiscard]] std::map<std::string, std::string> read_bag_attributes(const std::filesystem::path& path);

/// Bag files of a folder by id: looks in the folder, `h5_files/` and `pt_files/` of it; an id with both forms
/// is read as .h5.
/// @throws Error `not_found` if there are none.
[[nodiscard]] std::map<std::string, std::filesystem::path> find_bags(const std::filesystem::path& folder);

}  // namespace mil
