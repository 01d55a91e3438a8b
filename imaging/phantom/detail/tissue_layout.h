#pragma once

#include <array>
#include <functional>
#include <vector>

#include "imaging/phantom/detail/noise.h"
#include "imaging/phantom/slide_phantom.h"

namespace imaging::detail {

/// What holds at one point. The region fields are signed, in about µm: above 0 inside, below 0 outside.
struct Fields {
  float tissue;
  float tumour;
  float fat;
  float gland;
  float lymphocytes;
  float across;  ///< µm across the collagen fibres
  float along;   ///< µm along them
  float shade;   ///< thickness of the section, about 1
};

using Polygons = std::vector<std::vector<std::vector<PointD>>>;  ///< each: its border, then its holes

/// Outlines of the part of `area` where `depth` is above 0, from its values on nodes about `step` apart.
[[nodiscard]] Polygons trace_outlines(const RectD& area, double step,
                                      const std::function<float(float, float)>& depth);

/// Where which tissue lies. Everything is a function of the seed and the slide's size in µm.
///
/// @par Threads  Immutable after construction.
class TissueLayout {
 public:
  /// A round region whose radius wobbles with the angle.
  struct Star {
    float x, y;
    float radius_x, radius_y;
    std::array<float, 5> cosines, sines;  // of 2 to 6 times the angle
    [[nodiscard]] float depth(float px, float py, float scale) const;
  };
  [[nodiscard]] static Star make_star(Random& random, double x, double y, double rx, double ry,
                                      double wobble);

  /// @param margin  share of either side without tissue, 0 to below 0.5
  TissueLayout(double width_um, double height_um, std::uint64_t seed, double margin, double tumour_fraction,
               std::int64_t tumour_regions);

  [[nodiscard]] Fields fields_at(float x, float y) const;
  /// Fields::tissue alone.
  [[nodiscard]] float tissue_depth(float x, float y) const;
  /// Fills all fields but `tissue`.
  void complete(Fields& fields, float x, float y) const;
  [[nodiscard]] TissueClass class_at(float x, float y) const;
  [[nodiscard]] static TissueClass classify(const Fields& fields);

  /// Tumour tissue: above 0 in the nests' epithelium and lumens, below 0 in the stroma between them.
  [[nodiscard]] float nest(float x, float y) const;
  /// Level of `nest` above which the tumour has a lumen; above the field's range in solid parts.
  [[nodiscard]] float lumen_level(float x, float y) const;

  [[nodiscard]] double tumour_fraction() const { return tumour_fraction_; }
  [[nodiscard]] std::uint64_t seed() const { return seed_; }
  [[nodiscard]] const Noise& noise() const { return noise_; }
  [[nodiscard]] const std::vector<Star>& pieces() const { return pieces_; }
  [[nodiscard]] double width_um() const { return width_; }
  [[nodiscard]] double height_um() const { return height_; }

  /// Outlines of the region where `tissue` is (see SlidePhantom::regions), in µm.
  [[nodiscard]] Polygons outlines(TissueClass tissue, double step_um) const;

 private:
  [[nodiscard]] float tumour_depth(float x, float y) const;
  [[nodiscard]] float lymphocyte_depth(float x, float y) const;
  [[nodiscard]] double measure_tumour() const;

  double width_;
  double height_;
  double margin_;
  std::uint64_t seed_;
  Noise noise_;
  std::vector<Star> pieces_;
  std::vector<Star> tumours_;
  float tumour_scale_ = 1;
  double tumour_fraction_ = 0;
  float fibre_cos_ = 1;
  float fibre_sin_ = 0;
};

}  // namespace imaging::detail
