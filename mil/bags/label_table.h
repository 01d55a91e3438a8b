#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace mil {

/// One slide with its truth.
struct LabelRow {
  std::string id;       ///< the bag's id: slide_id, or the stem of file; text, so leading zeros stay
  std::string patient;  ///< equals `id` where the table names none
  std::string label;
};

/// Who has which label. Rows in file order.
struct LabelTable {
  std::vector<LabelRow> rows;
  std::vector<std::string> class_order;  ///< as `set_class_order` was told; empty: nobody chose

  /// The chosen classes; else the different labels, numbers in numeric order, others alphabetically.
  [[nodiscard]] std::vector<std::string> class_names() const;

  /// Fixes the classes and their numbers, as CLAM's label dictionary does.
  /// @throws imaging::Error  `invalid_argument` on fewer than two classes, one named twice, or a label that
  /// is none of them.
  void set_class_order(std::vector<std::string> names);
};

/// Reads the labels of CLAM (header `case_id,slide_id,label`), of MHIM (no header: id, label) and of our
/// cohorts (`labels.csv`, any of `file`, `slide_id`, `case` for the id, `patient` or `case_id` for the
/// patient, `label`; further columns are ignored). A row that says again what an earlier one said is dropped.
/// @throws imaging::Error  `not_found`; `corrupt_data` on a missing column, an empty id or label, an id with
/// two labels or two patients, or labels that differ in upper and lower case alone.
[[nodiscard]] LabelTable read_labels(const std::filesystem::path& path);

/// Class index of every bag that has a label, by bag id.
/// @throws imaging::Error  `invalid_argument` on a label that `class_names` does not hold.
[[nodiscard]] std::map<std::string, std::int64_t> label_indices(const LabelTable& table,
                                                                const std::vector<std::string>& class_names);

}  // namespace mil
