#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace at {
class Tensor;
}

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
  /// @throws imaging::Error  `io_error` where another process does not answer in time.
  virtual void sum(const std::vector<at::Tensor>& tensors) = 0;
  /// Rows of all processes, in the order of their ranks, on every process. Rows may differ in number.
  /// @param rows  [n, ...]
  /// @throws imaging::Error  as `sum`
  [[nodiscard]] virtual at::Tensor gather(const at::Tensor& rows) = 0;
};

[[nodiscard]] std::unique_ptr<ProcessGroup> make_single_process();

/// By RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT (torchrun's; SLURM_PROCID and SLURM_NTASKS where the
/// first two are absent); a single process where neither is set or there is only one. torch's gloo on the
/// CPU, NCCL on CUDA. GLOO_SOCKET_IFNAME names the network interface, as in torch.
/// @param device   "cpu" or "cuda:N", this process's own
/// @param timeout  how long to wait for the others, here and in every later call
/// @throws imaging::Error  `invalid_argument` on a variable that is missing or no number; `io_error` where
/// the others do not answer; `incompatible` where this LibTorch lacks the backend.
[[nodiscard]] std::unique_ptr<ProcessGroup> join_process_group(
    const std::string& device, std::chrono::milliseconds timeout = std::chrono::minutes(10));

}  // namespace mil
