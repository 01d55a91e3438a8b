#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "models/runtime/safetensors.h"

namespace models {

/// A TorchScript module whose batch norms ask the thread's NormHook. The module itself stays as it was: its
/// `forward` is copied, inlined, and every `aten::batch_norm` node of the copy replaced, whatever its
/// `training` says. Instance norms and folded batch norms are not touched.
///
/// @par Threads  One caller at a time.
class HookedScript {
 public:
  /// @throws Error  `unsupported_format` if the file is no TorchScript archive
  HookedScript(const std::filesystem::path& path, const std::string& device);
  ~HookedScript();
  HookedScript(HookedScript&&) noexcept;

  /// @throws Error  `incompatible` if it gives no single tensor; whatever LibTorch throws
  [[nodiscard]] at::Tensor forward(const at::Tensor& x);
  [[nodiscard]] std::size_t batch_norms() const;  ///< nodes that were replaced
  [[nodiscard]] TensorMap state() const;          ///< parameters and floating-point buffers, shared
  [[nodiscard]] std::vector<at::Tensor> parameters() const;
  /// The module with the weights of now. @throws Error `io_error`
  void save(const std::filesystem::path& path) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace models
