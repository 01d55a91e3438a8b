#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace at {
class Tensor;
}

namespace golden {

/// The reproducible weights of the `full_*` cases (golden/mil/README.md, "Hash fill").
[[nodiscard]] at::Tensor hash_fill(const std::vector<std::int64_t>& shape, std::uint32_t seed, double scale,
                                   double offset = 0);

/// Every parameter that `hashfill.csv` lists for a case, by name.
/// @throws imaging::Error  `not_found` where the table or the case is missing; `corrupt_data`.
[[nodiscard]] std::map<std::string, at::Tensor> hash_filled_weights(const std::filesystem::path& table,
                                                                    const std::string& case_name);

}  // namespace golden
