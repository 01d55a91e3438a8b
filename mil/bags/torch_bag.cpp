#include "mil/bags/torch_bag.h"

#include <fmt/format.h>
#include <torch/script.h>
#include <torch/serialize.h>

#include <fstream>
#include <optional>

#include "imaging/base/error.h"
#include "imaging/base/files.h"

namespace mil {
namespace {

using imaging::Error;
using imaging::ErrorCode;

struct BagTensors {
  at::Tensor features;
  std::optional<at::Tensor> coords;
};

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& what) {
  throw Error(
      ErrorCode::unsupported_format,
      fmt::format("{}: {}; save the features again as a plain tensor with torch.save(features, path), "
                  "torch 1.6 or newer.",
                  path.string(), what));
}

std::vector<char> read_bytes(const std::filesystem::path& path) {
  std::error_code failed;
  const auto size = std::filesystem::file_size(path, failed);
  if (failed) throw Error(ErrorCode::not_found, fmt::format("{}: no such file.", path.string()));
  std::vector<char> bytes(size);
  std::ifstream in(path, std::ios::binary);
  in.read(bytes.data(), static_cast<std::streamsize>(size));
  if (!in) throw Error(ErrorCode::io_error, fmt::format("{}: cannot be read.", path.string()));
  return bytes;
}

bool is_zip(std::string_view bytes) {
  return bytes.starts_with("PK\x03\x04");
}
bool is_torchscript(std::string_view bytes) {
  return bytes.find("/code/__torch__") != std::string_view::npos;
}

BagTensors from_script(const std::filesystem::path& path) {
  const auto module = torch::jit::load(path.string());
  BagTensors found;
  for (const auto& buffer : module.named_buffers()) {
    if (buffer.name == "features" || buffer.name == "feats") found.features = buffer.value;
    if (buffer.name == "coords") found.coords = buffer.value;
  }
  if (!found.features.defined()) refuse(path, "a TorchScript archive without a buffer named features");
  return found;
}

BagTensors from_pickle(const std::filesystem::path& path, const std::vector<char>& bytes) {
  const auto value = torch::pickle_load(bytes);
  if (value.isTensor()) return {value.toTensor(), std::nullopt};
  if (!value.isGenericDict()) refuse(path, fmt::format("holds a {}, not a tensor", value.tagKind()));
  BagTensors found;
  for (const auto& entry : value.toGenericDict()) {
    if (!entry.key().isString() || !entry.value().isTensor()) continue;
    const auto& key = entry.key().toStringRef();
    if (key == "features" || key == "feats") found.features = entry.value().toTensor();
    if (key == "coords") found.coords = entry.value().toTensor();
  }
  if (!found.features.defined()) refuse(path, "a dict without a tensor named features");
  return found;
}

at::Tensor squeeze_leading(at::Tensor tensor) {
  return tensor.dim() == 3 && tensor.size(0) == 1 ? tensor.squeeze(0) : tensor;
}

template <typename T>
std::vector<T> values_of(const at::Tensor& tensor, at::ScalarType type) {
  const auto plain = tensor.detach().to(at::kCPU, type).contiguous();
  const auto* data = plain.template data_ptr<T>();
  return {data, data + plain.numel()};
}

}  // namespace

Bag read_torch_bag(const std::filesystem::path& path) {
  const auto bytes = read_bytes(path);
  const std::string_view text(bytes.data(), bytes.size());
  if (!is_zip(text))
    refuse(path, "not a PyTorch zip file (saved by torch older than 1.6, or by another program)");
  BagTensors tensors;
  try {
    tensors = is_torchscript(text) ? from_script(path) : from_pickle(path, bytes);
  } catch (const Error&) {
    throw;
  } catch (const std::exception&) {
    refuse(path, "holds Python objects (a NumPy array, a Parameter or a module) or is damaged");
  }
  const auto features = squeeze_leading(tensors.features);
  if (features.dim() != 2 ||
      !(features.is_floating_point() || at::isIntegralType(features.scalar_type(), false))) {
    throw Error(ErrorCode::corrupt_data,
                fmt::format("{}: features have {} axes of type {}, not [N, D] numbers.", path.string(),
                            features.dim(), c10::toString(features.scalar_type())));
  }
  Bag bag;
  bag.id = path.stem().string();
  bag.count = features.size(0);
  bag.dim = features.size(1);
  bag.features = values_of<float>(features, at::kFloat);
  if (tensors.coords) {
    const auto coords = squeeze_leading(*tensors.coords);
    if (coords.dim() != 2 || coords.size(0) != bag.count || coords.size(1) != 2 ||
        !at::isIntegralType(coords.scalar_type(), false)) {
      throw Error(ErrorCode::corrupt_data,
                  fmt::format("{}: coords are not [{}, 2] integers.", path.string(), bag.count));
    }
    bag.coords = values_of<std::int64_t>(coords, at::kLong);
  }
  return bag;
}

}  // namespace mil
