#pragma once

#include <cstdint>

#include "models/retina/linear_discriminant.h"
#include "models/runtime/tensor_bridge.h"

namespace models {

/// Learns in closed form from marked photographs which cells of a frozen map show a lesion: for each kind a
/// linear discriminant between the cells with and without one.
///
/// @par Threads  One caller at a time.
class LesionProbe {
 public:
  LesionProbe(std::int64_t channels, std::int64_t kinds);

  /// @param map      [C, h, w]
  /// @param lesions  [kinds, H, W], 0 to 1; a cell holds a lesion where it holds a pixel of it
  /// @param field    [1, H, W] likewise; cells that lie less than half inside are passed over
  void add(const at::Tensor& map, const at::Tensor& lesions, const at::Tensor& field);

  /// @param shrinkage  share by which the covariance of the standardised cells is drawn to the identity
  /// @return  weights [kinds, C] of log odds; a kind that was never seen gets none, and the bias of one cell
  ///          in all
  /// @throws imaging::Error  `insufficient_data` where no cell was added
  [[nodiscard]] LinearHead fit(double shrinkage) const;

 private:
  double cells_ = 0;
  at::Tensor sum_, products_;             ///< [C], [C, C] of all cells, float64
  at::Tensor lesion_cells_, lesion_sum_;  ///< [kinds], [kinds, C]
};

}  // namespace models
