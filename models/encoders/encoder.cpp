#include "models/encoders/encoder.h"

#include <fmt/format.h>
#include <torch/types.h>

#include "imaging/base/error.h"
#include "models/encoders/resnet_module.h"
#include "models/encoders/tile_transform.h"
#include "models/encoders/torchscript_network.h"
#include "models/runtime/tensor_bridge.h"
#include "models/runtime/torch_errors.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;

/// Two tiles with structure at several scales, so that a network is probed with something like an image.
std::vector<imaging::Image8> probe_tiles(std::int64_t side) {
  std::vector<imaging::Image8> tiles(2, imaging::Image8(side, side, 3));
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    for (std::int64_t y = 0; y < side; ++y) {
      for (std::int64_t x = 0; x < side; ++x) {
        auto* pixel = tiles[i].pixel(x, y);
        pixel[0] = static_cast<std::uint8_t>((x * 5 + y * 3 + static_cast<std::int64_t>(i) * 40) % 256);
        pixel[1] = static_cast<std::uint8_t>((x * y / 16) % 256);
        pixel[2] = static_cast<std::uint8_t>(255 - ((x / 8 + y / 8) % 2) * 90 - (x + y) % 32);
      }
    }
  }
  return tiles;
}

Network load_resnet(const ModelPackage& package, const torch::Device& device) {
  const auto arguments = resnet_arguments_from_json(
      package.architecture(),
      package.manifest().value("architecture_arguments", nlohmann::ordered_json::object()));
  ResNet network(arguments);
  network->load(read_safetensors(package.file("model.safetensors")));
  network->to(device);
  network->prepare_for_inference();
  return [network](const torch::Tensor& input) mutable {
    const torch::NoGradGuard no_grad;
    return network->forward(input);
  };
}

class NetworkEncoder final : public Encoder {
 public:
  NetworkEncoder(const ModelPackage& package, const std::string& device)
      : name_(package.name()), device_(device), transform_(package.manifest().at("transform")) {
    const auto probe = probe_tiles(package.patch_size_pixels());
    network_ = package.architecture() == "torchscript"
                   ? load_torchscript(package.file("model.pt"), device, prepare(probe))
                   : load_resnet(package, device_);
    dim_ = features_of(probe).size(1);
    const auto stated = package.manifest().value("feature_dim", dim_);
    if (stated != dim_) {
      throw Error(
          ErrorCode::incompatible,
          fmt::format("Encoder {} gives {} features, where its manifest says {}.", name_, dim_, stated));
    }
  }

  [[nodiscard]] std::int64_t dim() const override { return dim_; }

  [[nodiscard]] std::vector<float> encode(std::span<const imaging::Image8> tiles) override {
    if (tiles.empty()) return {};
    const auto features = features_of(tiles);
    if (features.size(1) != dim_) {
      throw Error(ErrorCode::incompatible,
                  fmt::format("Encoder {} gives {} features for tiles of {} px, where it gave {} before.",
                              name_, features.size(1), tiles.front().width(), dim_));
    }
    const auto* values = features.data_ptr<float>();
    return {values, values + features.numel()};
  }

 private:
  [[nodiscard]] torch::Tensor prepare(std::span<const imaging::Image8> tiles) const {
    return transform_.apply(tensor_from_images(tiles).to(device_));
  }

  /// [B, D] float32 on the CPU, finite.
  [[nodiscard]] torch::Tensor features_of(std::span<const imaging::Image8> tiles) {
    auto features = with_torch_errors(ErrorCode::incompatible, fmt::format("Encoder {} fails", name_), [&] {
      return network_(prepare(tiles)).to(torch::kCPU, torch::kFloat32);
    });
    if (features.dim() == 4 && features.size(2) == 1 && features.size(3) == 1) features = features.flatten(1);
    if (features.dim() != 2 || features.size(0) != static_cast<std::int64_t>(tiles.size()) ||
        features.size(1) == 0) {
      throw Error(
          ErrorCode::incompatible,
          fmt::format("Encoder {} gives a tensor of shape [{}] for {} tiles; features must be [B, D].", name_,
                      fmt::join(features.sizes().begin(), features.sizes().end(), ", "), tiles.size()));
    }
    if (!features.isfinite().all().item<bool>()) {
      throw Error(ErrorCode::incompatible, fmt::format("Encoder {} gives NaN or infinite features.", name_));
    }
    return features.contiguous();
  }

  std::string name_;
  torch::Device device_;
  TileTransform transform_;
  Network network_;
  std::int64_t dim_ = 0;
};

}  // namespace

std::unique_ptr<Encoder> open_encoder(const ModelPackage& package, const std::string& device) {
  if (package.task() != "patch-encoder") {
    throw Error(ErrorCode::incompatible, fmt::format("Package {} is for the task '{}', not a patch-encoder.",
                                                     package.path().string(), package.task()));
  }
  return std::make_unique<NetworkEncoder>(package, device);
}

}  // namespace models
