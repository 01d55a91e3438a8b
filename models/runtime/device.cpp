#include "models/runtime/device.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <link.h>
#include <omp.h>
#include <torch/cuda.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <torch/version.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string_view>
#include <thread>

#include "imaging/base/error.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;

std::string first_line(std::string_view text) {
  return std::string(text.substr(0, text.find('\n')));
}

/// Runs a small product on the device, since a driver may list a device that this LibTorch has no kernels
/// for.
DeviceProbe probe_cuda_device(int index) {
  DeviceProbe probe{fmt::format("cuda:{}", index), false, ""};
  try {
    const auto options = torch::device(torch::Device(torch::kCUDA, static_cast<c10::DeviceIndex>(index)));
    const auto product = torch::mm(torch::ones({8, 8}, options), torch::ones({8, 8}, options)).cpu();
    probe.usable = product[0][0].item<float>() == 8.0F;
    probe.reason = probe.usable ? "a matrix product ran and was right" : "a matrix product came out wrong";
  } catch (const std::exception& error) {
    probe.reason = "a matrix product failed: " + first_line(error.what());
  }
  return probe;
}

std::vector<DeviceProbe> probe_cuda() {
  if (!at::globalContext().hasCUDA()) {
    // The same answer with a CUDA build that finds no driver; the build string tells the two apart.
    const bool is_cuda_build = at::show_config().find("CUDA") != std::string::npos;
    return {{"cuda", false,
             is_cuda_build ? "no CUDA driver or device was found" : "this LibTorch is built without CUDA"}};
  }
  const auto count = static_cast<int>(torch::cuda::device_count());
  if (count == 0) return {{"cuda", false, "no CUDA device was found"}};
  std::vector<DeviceProbe> probes;
  for (int index = 0; index < count; ++index) probes.push_back(probe_cuda_device(index));
  return probes;
}

std::optional<int> parse_index(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value < 0)
    return std::nullopt;
  return value;
}

/// Which of the processes that a launcher started on this machine this is (torchrun's or Slurm's word).
int local_rank() {
  for (const auto* name : {"LOCAL_RANK", "SLURM_LOCALID"}) {
    const auto* const value = std::getenv(name);
    if (const auto rank = parse_index(value == nullptr ? "" : value)) return *rank;
  }
  return 0;
}

using SetThreads = void (*)(int);
using GetConfig = char* (*)();

/// A handle of a library that is mapped already; never loads one.
struct MappedLibrary {
  explicit MappedLibrary(const char* path) : handle(dlopen(path, RTLD_LAZY | RTLD_NOLOAD)) {}
  ~MappedLibrary() {
    if (handle != nullptr) dlclose(handle);
  }
  MappedLibrary(const MappedLibrary&) = delete;
  MappedLibrary& operator=(const MappedLibrary&) = delete;
  template <typename Function>
  [[nodiscard]] Function find(const char* symbol) const {
    return handle == nullptr ? nullptr : reinterpret_cast<Function>(dlsym(handle, symbol));
  }
  void* handle;
};

int set_openblas_threads(dl_phdr_info* info, std::size_t, void* threads) {
  if (std::string_view(info->dlpi_name).find("blas") != std::string_view::npos) {
    const MappedLibrary library(info->dlpi_name);
    const auto set_threads = library.find<SetThreads>("openblas_set_num_threads");
    if (set_threads != nullptr) set_threads(*static_cast<int*>(threads));
  }
  return 0;
}

/// "OpenBLAS 0.3.21 NO_LAPACK DYNAMIC_ARCH SkylakeX MAX_THREADS=64" -> "OpenBLAS 0.3.21 (SkylakeX)"
std::string describe_openblas(std::string_view config) {
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin < config.size();) {
    const auto end = std::min(config.find(' ', begin), config.size());
    if (end > begin) words.emplace_back(config.substr(begin, end - begin));
    begin = end + 1;
  }
  std::string name = "OpenBLAS";
  if (words.size() > 1) name += " " + words[1];
  for (std::size_t i = 2; i < words.size(); ++i) {
    const bool is_flag = words[i].find('_') != std::string::npos || words[i].find('=') != std::string::npos;
    if (!is_flag) name += " (" + words[i] + ")";
  }
  return name;
}

}  // namespace

DeviceChoice choose_device(const std::string& request) {
  if (request == "cpu") return {"cpu", {{"cpu", true, "asked for"}}};
  const bool is_auto = request == "auto";
  std::optional<int> index;
  if (request.rfind("cuda:", 0) == 0) index = parse_index(std::string_view(request).substr(5));
  if (!is_auto && request != "cuda" && !index) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("Device '{}' is not one of: auto, cpu, cuda, cuda:N.", request));
  }

  DeviceChoice choice;
  choice.probes = probe_cuda();
  const auto turn = local_rank() % static_cast<int>(choice.probes.size());
  std::rotate(choice.probes.begin(), choice.probes.begin() + turn, choice.probes.end());
  for (const auto& probe : choice.probes) {
    if (probe.usable && (!index || probe.name == fmt::format("cuda:{}", *index))) {
      choice.name = probe.name;
      return choice;
    }
  }
  if (is_auto) {
    choice.name = "cpu";
    choice.probes.push_back({"cpu", true, "no CUDA device can be used"});
    return choice;
  }
  std::string reasons;
  for (const auto& probe : choice.probes) reasons += fmt::format(" {}: {}.", probe.name, probe.reason);
  throw Error(ErrorCode::invalid_argument,
              fmt::format("Device '{}' cannot be used.{} Use --device cpu.", request, reasons));
}

int set_compute_threads(int threads) {
  if (threads < 0) {
    throw Error(ErrorCode::invalid_argument, fmt::format("Threads is {}, below 0.", threads));
  }
  int used = threads > 0 ? threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  omp_set_num_threads(used);
  dl_iterate_phdr(&set_openblas_threads, &used);
  at::set_num_threads(used);
  return used;
}

void make_deterministic(std::uint64_t seed) {
  // cuBLAS reads it when its first handle is made; without it a deterministic matrix product throws.
  setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
  auto& context = at::globalContext();
  context.setDeterministicAlgorithms(true, /*warn_only=*/false);
  context.setDeterministicCuDNN(true);
  context.setBenchmarkCuDNN(false);
  torch::manual_seed(seed);
}

std::string torch_version() {
  return TORCH_VERSION;
}

std::string blas_library() {
  void* sgemm = dlsym(RTLD_DEFAULT, "sgemm_");
  Dl_info where{};
  if (sgemm == nullptr || dladdr(sgemm, &where) == 0 || where.dli_fname == nullptr) {
    return at::hasMKL() ? "MKL" : "unknown";
  }
  const MappedLibrary library(where.dli_fname);
  if (const auto get_config = library.find<GetConfig>("openblas_get_config"); get_config != nullptr) {
    return describe_openblas(get_config());
  }
  if (at::hasMKL()) return "MKL";
  std::error_code ignored;
  const auto file = std::filesystem::canonical(where.dli_fname, ignored).filename().string();
  if (file.rfind("libblas", 0) == 0) return "reference BLAS";
  return file.empty() ? "unknown" : file;
}

bool uses_reference_blas() {
  return blas_library() == "reference BLAS";
}

std::string better_openblas_kernels() {
#ifdef __x86_64__
  const auto library = blas_library();
  const bool takes_avx2 =
      library.find("(Haswell)") != std::string::npos || library.find("(Zen)") != std::string::npos;
  const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
                          __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                          __builtin_cpu_supports("avx512vl");
  if (takes_avx2 && has_avx512) return "SkylakeX";
#endif
  return {};
}

BlasReport measure_blas() {
  BlasReport report;
  report.library = blas_library();
  report.is_reference = uses_reference_blas();
  report.threads = at::get_num_threads();
  report.torch_version = torch_version();

  constexpr std::int64_t kSize = 1024;
  constexpr double kOperations = 2.0 * kSize * kSize * kSize;
  const torch::NoGradGuard no_grad;
  const auto a = torch::full({kSize, kSize}, 0.5F);
  const auto b = torch::full({kSize, kSize}, 0.25F);
  std::vector<double> seconds;
  double total = 0;
  while (seconds.size() < 3 || (seconds.size() < 7 && total < 0.15)) {
    const auto start = std::chrono::steady_clock::now();
    const auto product = torch::mm(a, b);
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    total += seconds.back();
  }
  std::nth_element(seconds.begin(), seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2),
                   seconds.end());
  report.gflops = kOperations / seconds[seconds.size() / 2] / 1e9;
  return report;
}

}  // namespace models
