#include "mil/training/process_group.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <charconv>
#include <cstdlib>
#include <string>

#include "imaging/base/error.h"
#include "models/runtime/torch_errors.h"

// Upstream's LibTorch archives carry c10d without the headers of gloo or NCCL.
#if defined(USE_C10D_GLOO) && __has_include(<gloo/context.h>)
#define TESSERA_HAS_GLOO
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#endif
#if defined(USE_C10D_NCCL) && __has_include(<nccl.h>)
#define TESSERA_HAS_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif
#if defined(TESSERA_HAS_GLOO) || defined(TESSERA_HAS_NCCL)
#define TESSERA_HAS_C10D
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#endif

namespace mil {
namespace {

using imaging::Error;
using imaging::ErrorCode;

class SingleProcess : public ProcessGroup {
 public:
  [[nodiscard]] std::int64_t rank() const override { return 0; }
  [[nodiscard]] std::int64_t size() const override { return 1; }
  void sum(const std::vector<at::Tensor>& /*tensors*/) override {}
  [[nodiscard]] at::Tensor gather(const at::Tensor& rows) override { return rows; }
};

std::string variable(const char* name) {
  const auto* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::int64_t number_in(const char* name, std::int64_t low, std::int64_t high) {
  const auto text = variable(name);
  std::int64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || stop != text.data() + text.size() || value < low || value > high) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} is '{}', not a number from {} to {}; training over several processes needs "
                            "RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT.",
                            name, text, low, high));
  }
  return value;
}

/// Where and which of how many.
struct Place {
  std::int64_t rank = 0, size = 1;
  std::string host;
  std::int64_t port = 0;
};

Place place_in_group() {
  constexpr std::int64_t kMostProcesses = 65536;
  constexpr std::int64_t kLastPort = 65535;
  Place place;
  const bool is_torchrun = !variable("RANK").empty() || !variable("WORLD_SIZE").empty();
  if (!is_torchrun && variable("SLURM_NTASKS").empty()) return place;
  place.size = number_in(is_torchrun ? "WORLD_SIZE" : "SLURM_NTASKS", 1, kMostProcesses);
  if (!is_torchrun && place.size == 1) return place;
  place.rank = number_in(is_torchrun ? "RANK" : "SLURM_PROCID", 0, place.size - 1);
  if (place.size == 1) return place;
  place.host = variable("MASTER_ADDR");
  if (place.host.empty()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("MASTER_ADDR is not set; {} processes need it, and MASTER_PORT, to find each "
                            "other.",
                            place.size));
  }
  place.port = number_in("MASTER_PORT", 1, kLastPort);
  return place;
}

#ifdef TESSERA_HAS_C10D

/// @tparam Backend  torch's ProcessGroupGloo or ProcessGroupNCCL
template <typename Backend>
class TorchProcesses : public ProcessGroup {
 public:
  TorchProcesses(const Place& place, c10::intrusive_ptr<Backend> backend, torch::Device device)
      : place_(place), backend_(std::move(backend)), device_(device) {}

  [[nodiscard]] std::int64_t rank() const override { return place_.rank; }
  [[nodiscard]] std::int64_t size() const override { return place_.size; }

  void sum(const std::vector<at::Tensor>& tensors) override {
    const at::NoGradGuard no_gradients;
    answered([&] {
      for (const auto& tensor : tensors) {
        std::vector<at::Tensor> moved{tensor.detach().to(device_).contiguous()};
        backend_->allreduce(moved)->wait();
        if (!moved[0].is_same(tensor)) tensor.detach().copy_(moved[0]);
      }
    });
  }

  [[nodiscard]] at::Tensor gather(const at::Tensor& rows) override {
    const at::NoGradGuard no_gradients;
    return answered([&] {
      const auto counts = all_gathered(at::full({1}, rows.size(0), at::kLong));
      const auto most = at::cat(counts).max().template item<std::int64_t>();
      auto shape = rows.sizes().vec();
      shape[0] = most;
      auto padded = at::zeros(shape, rows.options());
      padded.narrow(0, 0, rows.size(0)).copy_(rows.detach());
      auto parts = all_gathered(padded);
      for (std::size_t i = 0; i < parts.size(); ++i) {
        parts[i] = parts[i].narrow(0, 0, counts[i].template item<std::int64_t>());
      }
      return at::cat(parts).to(rows.device());
    });
  }

 private:
  std::vector<at::Tensor> all_gathered(const at::Tensor& own) {
    std::vector<at::Tensor> inputs{own.to(device_)};
    std::vector<std::vector<at::Tensor>> outputs(1);
    for (std::int64_t i = 0; i < place_.size; ++i) outputs[0].push_back(at::empty_like(inputs[0]));
    backend_->allgather(outputs, inputs)->wait();
    return outputs[0];
  }

  template <typename Body>
  auto answered(Body&& body) {
    return models::with_torch_errors(
        ErrorCode::io_error,
        fmt::format("Process {} of {} lost the others; see what ended them, and start all again", place_.rank,
                    place_.size),
        std::forward<Body>(body));
  }

  Place place_;
  c10::intrusive_ptr<Backend> backend_;
  torch::Device device_;
};

c10::intrusive_ptr<c10d::Store> open_store(const Place& place, std::chrono::milliseconds timeout) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(place.port);
  // torchrun's own agent may already serve the port.
  options.isServer = place.rank == 0 && variable("TORCHELASTIC_USE_AGENT_STORE") != "True";
  options.numWorkers = static_cast<std::size_t>(place.size);
  options.waitWorkers = false;
  options.timeout = timeout;
  auto store = c10::make_intrusive<c10d::TCPStore>(place.host, options);
  store->setTimeout(timeout);
  return c10::make_intrusive<c10d::PrefixStore>("tessera", std::move(store));
}

#endif

#ifdef TESSERA_HAS_GLOO
std::unique_ptr<ProcessGroup> join_gloo(const Place& place, std::chrono::milliseconds timeout) {
  const auto options = c10d::ProcessGroupGloo::Options::create(timeout);
  const auto interface = variable("GLOO_SOCKET_IFNAME");
  options->devices.push_back(interface.empty() ? c10d::ProcessGroupGloo::createDefaultDevice()
                                               : c10d::ProcessGroupGloo::createDeviceForInterface(interface));
  auto backend = c10::make_intrusive<c10d::ProcessGroupGloo>(
      open_store(place, timeout), static_cast<int>(place.rank), static_cast<int>(place.size), options);
  return std::make_unique<TorchProcesses<c10d::ProcessGroupGloo>>(place, std::move(backend),
                                                                  torch::Device(at::kCPU));
}
#endif

#ifdef TESSERA_HAS_NCCL
std::unique_ptr<ProcessGroup> join_nccl(const Place& place, const std::string& device,
                                        std::chrono::milliseconds timeout) {
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = timeout;
  auto backend = c10::make_intrusive<c10d::ProcessGroupNCCL>(
      open_store(place, timeout), static_cast<int>(place.rank), static_cast<int>(place.size), options);
  return std::make_unique<TorchProcesses<c10d::ProcessGroupNCCL>>(place, std::move(backend),
                                                                  torch::Device(device));
}
#endif

}  // namespace

std::unique_ptr<ProcessGroup> make_single_process() {
  return std::make_unique<SingleProcess>();
}

std::unique_ptr<ProcessGroup> join_process_group(const std::string& device,
                                                 [[maybe_unused]] std::chrono::milliseconds timeout) {
  const auto place = place_in_group();
  if (place.size == 1) return make_single_process();
  const bool is_cuda = device != "cpu";
  return models::with_torch_errors(
      ErrorCode::io_error,
      fmt::format("Process {} of {} cannot meet the others at {}:{}", place.rank, place.size, place.host,
                  place.port),
      [&]() -> std::unique_ptr<ProcessGroup> {
#ifdef TESSERA_HAS_NCCL
        if (is_cuda) return join_nccl(place, device, timeout);
#endif
#ifdef TESSERA_HAS_GLOO
        if (!is_cuda) return join_gloo(place, timeout);
#endif
        throw Error(ErrorCode::incompatible,
                    fmt::format("This LibTorch was built without {}; train in one process.",
                                is_cuda ? "NCCL" : "gloo"));
      });
}

}  // namespace mil
