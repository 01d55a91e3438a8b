#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace imaging::detail {

/// The text inside a gzip stream (`1f 8b`) or the first .geojson or .json of a zip archive (`PK`); any other
/// text as it is.
/// @throws Error `corrupt_data`; `not_found` where a zip holds no such file; `resource_exhausted` above
/// max_bytes.
[[nodiscard]] std::string unpack_text(std::string bytes, std::string_view source_name,
                                      std::uint64_t max_bytes);

/// A gzip stream without name or date: the same text gives the same bytes.
[[nodiscard]] std::string pack_gzip(std::string_view text);

}  // namespace imaging::detail
