#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "imaging/annotation/annotation.h"

namespace imaging::detail {

/// Reads what a feature says besides its geometry and its children. @throws Error `corrupt_data`.
[[nodiscard]] Annotation read_feature(nlohmann::ordered_json feature, std::string_view source_name);

/// The feature with its geometry left out.
[[nodiscard]] nlohmann::ordered_json feature_without_geometry(const Annotation& item);

/// JSON of an annotation file: as imaging::parse_json, but `metadata` may stand twice in an object.
[[nodiscard]] nlohmann::ordered_json parse_annotation_json(std::string_view text,
                                                           std::string_view source_name);

/// Compact; bytes that are no UTF-8 are replaced.
[[nodiscard]] std::string dump_json(const nlohmann::ordered_json& json);

}  // namespace imaging::detail
