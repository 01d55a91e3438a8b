#pragma once

#include <array>
#include <vector>

#include "imaging/phantom/detail/tissue_layout.h"

namespace imaging::detail {

/// Where a phantom's artefacts lie. Everything is a function of the seed and the slide's size in µm, and
/// drawn apart from the tissue, which stays what it is without them.
///
/// @par Threads  Immutable after construction; `tissue` must outlive it.
class ArtefactLayout {
 public:
  /// One stroke, fold or area out of focus.
  struct Shape {
    PhantomArtefact artefact;
    RectD bounds{};  ///< µm
    /// µm from the border, above 0 inside.
    [[nodiscard]] float depth(float x, float y) const;

    std::vector<std::array<float, 2>> line{};  ///< middle of a stroke or fold, µm
    float half_width = 0;                      ///< µm; a fold's tapers to its ends
    std::array<float, 3> ink{};                ///< a stroke's optical density in R, G, B
    TissueLayout::Star star{};                 ///< an area out of focus
  };

  ArtefactLayout(const TissueLayout& tissue, const SlidePhantomOptions& options);

  [[nodiscard]] const std::vector<Shape>& shapes() const { return shapes_; }
  /// Depth of one shape; folds and areas out of focus end where the tissue does.
  [[nodiscard]] float depth(const Shape& shape, float x, float y) const;
  /// Outlines of one shape, in µm.
  [[nodiscard]] Polygons outlines(const Shape& shape) const;

 private:
  void add_line(Random& random, PhantomArtefact artefact, double half_width, double x, double y,
                double heading, double length, double bend);

  const TissueLayout& tissue_;
  std::vector<Shape> shapes_;
};

}  // namespace imaging::detail
