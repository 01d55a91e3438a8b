#include "mil/bags/torch_bag.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <optional>

#include "imaging/base/error.h"
#include "models/runtime/pth_reader.h"

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

BagTensors read_tensors(const std::filesystem::path& path) {
  models::TensorMap tensors;
  try {
    tensors = models::read_pt(path);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unsupported_format) throw;
    refuse(path,
           "holds Python objects (a NumPy array or a module), or was saved by torch older than 1.6 or by "
           "another program");
  }
  BagTensors found;
  for (const auto* name : {"", "feats", "features"}) {
    if (const auto tensor = tensors.find(name); tensor != tensors.end()) found.features = tensor->second;
  }
  if (!found.features.defined()) refuse(path, "holds no tensor, nor one named features");
  if (const auto coords = tensors.find("coords"); coords != tensors.end()) found.coords = coords->second;
  return found;
}

at::Tensor squeeze_leading(at::Tensor tensor) {
  return tensor.dim() == 3 && tensor.size(0) == 1 ? tensor.squeeze(0) : tensor;
}

template <typename Values>
Values values_of(const at::Tensor& tensor, at::ScalarType type) {
  Values values(static_cast<std::size_t>(tensor.numel()));
  at::from_blob(values.data(), tensor.sizes(), type).copy_(tensor.detach());
  return values;
}

}  // namespace

Bag read_torch_bag(const std::filesystem::path& path) {
  const auto tensors = read_tensors(path);
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
  bag.is_half = features.scalar_type() == at::kHalf;
  bag.features = values_of<FeatureVector>(features, at::kFloat);
  if (tensors.coords) {
    const auto coords = squeeze_leading(*tensors.coords);
    if (coords.dim() != 2 || coords.size(0) != bag.count || coords.size(1) != 2 ||
        !at::isIntegralType(coords.scalar_type(), false)) {
      throw Error(ErrorCode::corrupt_data,
                  fmt::format("{}: coords are not [{}, 2] integers.", path.string(), bag.count));
    }
    bag.coords = values_of<std::vector<std::int64_t>>(coords, at::kLong);
  }
  return bag;
}

}  // namespace mil
