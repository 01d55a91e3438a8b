#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace at {
class Tensor;
}

namespace models {

/// [B, 3, H, W] float32 in, whatever the network gives out.
using Network = std::function<at::Tensor(const at::Tensor&)>;

/// Loads a TorchScript module, freezes it and, on the CPU, optimises it for inference. Where the optimised
/// graph fails, or changes the output on `probe` by more than 1e-3 of its largest value, the frozen one is
/// used and a warning is logged.
///
/// @param probe   a batch like those to come, on `device`
/// @throws Error  `unsupported_format` if the file is no TorchScript archive; `incompatible` if the module
/// fails on
///                `probe` or gives no single tensor
[[nodiscard]] Network load_torchscript(const std::filesystem::path& path, const std::string& device,
                                       const at::Tensor& probe);

}  // namespace models
