#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace models {

/// One device that was looked at, and why it was or was not taken.
struct DeviceProbe {
  std::string name;  ///< "cuda:0", "cpu"
  bool usable = false;
  std::string reason;  ///< for people: "no CUDA in this LibTorch build", "NVIDIA H100, 80 GB"
};

struct DeviceChoice {
  std::string name;                 ///< "cpu" or "cuda:N", as torch spells it
  std::vector<DeviceProbe> probes;  ///< in the order tried
};

/// @param request  "auto" | "cpu" | "cuda" | "cuda:N"
/// @throws Error   `invalid_argument` if the request is malformed or the named device cannot be used; "auto"
/// falls back
///                 to the CPU and says why in `probes`. Processes that a launcher started on one machine
///                 (LOCAL_RANK, SLURM_LOCALID) each begin the search at a device of their own.
[[nodiscard]] DeviceChoice choose_device(const std::string& request);

/// Sets the sizes of torch's, OpenMP's and OpenBLAS's pools. Call once, before any tensor is made.
/// @param threads  0 for the number of hardware threads
/// @return  the number used
int set_compute_threads(int threads);

/// Seeds torch, and makes its kernels deterministic (an operation without a deterministic kernel throws).
void make_deterministic(std::uint64_t seed);

/// Version of the LibTorch that this was built with, e.g. "1.13.1".
[[nodiscard]] std::string torch_version();

/// Which BLAS the process uses and how fast it is.
struct BlasReport {
  std::string library;  ///< "OpenBLAS 0.3.21 (pthread)", "reference BLAS", "unknown"
  bool is_reference = false;
  double gflops = 0;  ///< float32 matrix product, 1024 x 1024, median of several
  int threads = 0;
  std::string torch_version;
};
/// @par Cost  About 0.2 s with a fast library, 1.5 s with the reference one.
[[nodiscard]] BlasReport measure_blas();
/// The library alone, without measuring.
[[nodiscard]] std::string blas_library();
[[nodiscard]] bool uses_reference_blas();
/// A value for the environment's OPENBLAS_CORETYPE that makes OpenBLAS faster here, empty where it has chosen
/// well: version 0.3.21 takes every AMD processor for one without AVX-512, and multiplies at half the speed.
[[nodiscard]] std::string better_openblas_kernels();

}  // namespace models
