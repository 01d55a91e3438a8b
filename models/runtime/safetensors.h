#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>

namespace at {
class Tensor;
}

namespace models {

/// Named tensors, sorted by name: a state dict.
using TensorMap = std::map<std::string, at::Tensor>;

/// Reads a safetensors file (little-endian; F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL).
/// @throws Error  `corrupt_data` if the header is not valid JSON, is above 100 MB, a range leaves the file or
/// overlaps another,
///                or a shape does not fit its bytes; `not_found`.
[[nodiscard]] TensorMap read_safetensors(const std::filesystem::path& path);

/// The texts of `__metadata__`; empty where there are none. @throws Error  as `read_safetensors`.
[[nodiscard]] std::map<std::string, std::string> read_safetensors_metadata(const std::filesystem::path& path);

/// Writes contiguous CPU copies, sorted by name, 8-byte aligned header, the same bytes for the same tensors.
/// Atomic.
void write_safetensors(const std::filesystem::path& path, const TensorMap& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace models
