#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "imaging/base/image.h"
#include "models/runtime/model_package.h"

namespace models {

/// Turns tiles into features. Made from a `patch-encoder` package; frozen and optimised once.
///
/// @par Threads  One caller at a time.
class Encoder {
 public:
  virtual ~Encoder() = default;
  [[nodiscard]] virtual std::int64_t dim() const = 0;

  /// @param tiles  all of one size, RGB8; resized and normalised as the manifest's `transform` says
  /// @return       [tiles.size(), dim()] float32, row-major. The same bits for the same batch.
  /// @throws Error  `incompatible` if the network's output is not [B, D] or holds NaN or inf.
  [[nodiscard]] virtual std::vector<float> encode(std::span<const imaging::Image8> tiles) = 0;
};

/// @param device  as DeviceChoice::name
/// @throws Error  `incompatible` if the package is no patch encoder, or its architecture or weights do not
/// fit.
[[nodiscard]] std::unique_ptr<Encoder> open_encoder(const ModelPackage& package, const std::string& device);

}  // namespace models
