#pragma once

#include <map>
#include <string>

#include "imaging/base/image.h"
#include "imaging/phantom/detail/fundus_layout.h"
#include "imaging/phantom/fundus_domains.h"

namespace imaging::detail {

/// How a photograph shows a retina.
struct FundusFrame {
  std::int64_t width;
  std::int64_t height;
  PointD centre;     ///< of the disc, pixels
  double radius;     ///< of the disc, pixels
  bool is_left_eye;  ///< mirrored
  RetinaView view;

  [[nodiscard]] double px_per_degree() const { return radius / static_cast<double>(view.radius); }
  [[nodiscard]] PointD to_pixels(RetinaPoint at) const;
  [[nodiscard]] RetinaPoint to_retina(double x, double y) const;
};

/// What goes wrong with one photograph, each 0 (nothing) to 1.
struct FundusFaults {
  double blur = 0;
  double darkness = 0;
  double haze = 0;
  double partial = 0;  ///< share of the field that a lid or the pupil's edge hides
};

/// The retina through the camera, RGB8, before JPEG; with its truth.
struct PaintedFundus {
  Image8 photograph;
  std::map<std::string, Image8> truth;  ///< by name, width x height x 1, 0 or 255; only within the field
};

/// @par Threads  Reentrant.
[[nodiscard]] PaintedFundus paint_fundus(const RetinaLayout& retina, const FundusFrame& frame,
                                         const FundusDomain& domain, const FundusFaults& faults,
                                         std::uint64_t seed);

}  // namespace imaging::detail
