#pragma once

#include <filesystem>

#include "models/runtime/safetensors.h"

namespace models {

/// Reads a PyTorch zip state dict (`torch.save(model.state_dict())`, torch >= 1.6) without executing any
/// pickle: a restricted reader that knows tensors, numbers, strings, booleans, None, lists, tuples, dicts and
/// OrderedDict. A state dict under one of the usual keys ("state_dict", "model_state_dict", "model",
/// "teacher", "student") is found; nested names are joined with dots; a "module." before every name
/// (DataParallel) is taken off.
/// @throws Error  `unsupported_format` on anything else (a legacy file, a NumPy array, a whole module),
/// naming what was met
///                and the remedy; `corrupt_data` on a damaged archive.
[[nodiscard]] TensorMap read_pth(const std::filesystem::path& path);

/// Reads whatever tensors a PyTorch zip file holds, by the same restricted reader: a tensor alone under the
/// empty name, those of a dict and of a TorchScript archive (whose code is not looked at) by their own names.
/// Empty where there are none. @throws Error as read_pth.
[[nodiscard]] TensorMap read_pt(const std::filesystem::path& path);

/// Whether the file is a TorchScript archive, by its content. False for whatever cannot be read.
[[nodiscard]] bool is_torchscript(const std::filesystem::path& path);

}  // namespace models
