#pragma once

#include <filesystem>

namespace at {
class Tensor;
}

namespace golden {

/// Reads a version 1 .npy: little-endian float32, float64, int64 or uint8, C order.
/// @throws imaging::Error  `not_found`, `corrupt_data`, `unsupported_format`.
[[nodiscard]] at::Tensor read_npy(const std::filesystem::path& path);

}  // namespace golden
