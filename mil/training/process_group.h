#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace mil {

/// The processes that train one network together. One process needs no launcher and pays nothing.
///
/// @par Threads  One caller at a time.
class ProcessGroup {
 public:
  virtual ~ProcessGroup() = default;
  [[nodiscard]] virtual std::int64_t rank() const = 0;
  [[nodiscard]] virtual std::int64_t size() const = 0;
  /// Sums each tensor over the processes, in place.
  virtual void sum(const std::vector<at::Tensor>& tensors) = 0;
  /// Rows of all processes, in the order of their ranks, on every process. Rows may differ in number.
  /// @param rows  [n, ...]
  [[nodiscard]] virtual at::Tensor gather(const at::Tensor& rows) = 0;
};

[[nodiscard]] std::unique_ptr<ProcessGroup> make_single_process();

/// By RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT (torchrun's; SLURM_PROCID and SLURM_NTASKS where those
/// are absent); a single process where neither is set. gloo on the CPU, NCCL on CUDA.
/// @throws imaging::Error  `invalid_argument` on a variable that is missing or no number; `io_error` where
/// the others do not answer.
[[nodiscard]] std::unique_ptr<ProcessGroup> join_process_group(bool is_cuda);

}  // namespace mil
