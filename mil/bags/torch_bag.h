#pragma once

#include <filesystem>

#include "mil/bags/bag.h"

namespace mil {

/// Reads a `.pt` bag: a tensor, a dict with features and coords, or a TorchScript archive with such buffers.
/// Not checked for NaN.
/// @throws imaging::Error  `not_found`; `unsupported_format` (legacy file, NumPy array, any pickled object),
/// naming the remedy;
///                         `corrupt_data` (damaged archive, wrong rank).
[[nodiscard]] Bag read_torch_bag(const std::filesystem::path& path);

}  // namespace mil
