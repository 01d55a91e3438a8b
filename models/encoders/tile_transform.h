#pragma once

#include <nlohmann/json.hpp>
#include <variant>
#include <vector>

namespace at {
class Tensor;
}

namespace models {

/// The preprocessing a manifest states under `transform`, run in torch: the torchvision transforms of these
/// names.
///
///     Resize      size: shorter side, or [height, width]; interpolation: "bilinear" (default) | "bicubic";
///     with antialias CenterCrop  size: side, or [height, width] ToTensor    once; 0..255 becomes 0..1
///     Normalize   mean, std: three numbers each; after ToTensor
///
/// @par Threads  Reentrant.
class TileTransform {
 public:
  /// @param steps  [{"name": "Resize", "arguments": {"size": 224}}, ...]
  /// @throws Error  `corrupt_data` naming the step that is unknown, incomplete or out of order
  explicit TileTransform(const nlohmann::ordered_json& steps);

  /// @param tiles  [B, 3, H, W] uint8
  /// @return       [B, 3, h, w] float32 on the same device
  /// @throws Error  `incompatible` if a tile is smaller than a crop
  [[nodiscard]] at::Tensor apply(const at::Tensor& tiles) const;

 private:
  struct Resize {
    std::int64_t height = 0;
    std::int64_t width = 0;  ///< 0 where `height` is the shorter side's
    bool is_bicubic = false;
  };
  struct CenterCrop {
    std::int64_t height = 0;
    std::int64_t width = 0;
  };
  struct ToTensor {};
  struct Normalize {
    std::vector<float> mean;
    std::vector<float> std;
  };
  static at::Tensor resize(const at::Tensor& tiles, const Resize& step, bool is_scaled);

  std::vector<std::variant<Resize, CenterCrop, ToTensor, Normalize>> steps_;
};

}  // namespace models
