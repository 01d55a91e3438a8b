#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "imaging/base/geometry.h"
#include "imaging/base/image.h"
#include "imaging/base/job.h"
#include "imaging/base/options.h"
#include "imaging/phantom/stain_domains.h"

namespace imaging {

/// What a place of a phantom slide is made of.
enum class TissueClass { background, stroma, fat, gland, lymphocytes, tumour };
[[nodiscard]] std::string_view to_string(TissueClass tissue);

/// What spoils a place of a phantom slide, whatever the tissue there.
enum class PhantomArtefact {
  pen,   ///< marker ink on the cover glass, over tissue and glass
  fold,  ///< tissue lying doubled
  blur   ///< tissue out of focus
};

/// A synthetic H&E slide. The tissue is laid out in µm from the seed alone: another `mpp` shows the same
/// tissue at another resolution (for equal width x mpp and height x mpp), another `domain` the same tissue in
/// other stains.
struct SlidePhantomOptions {
  std::int64_t width = 8192;
  std::int64_t height = 6144;
  double mpp = 0.5;
  std::int64_t seed = 1;
  std::string domain = "hospital-a";
  double tumour_fraction = 0.0;
  std::int64_t tumour_regions = 2;
  std::int64_t pen = 0;
  std::int64_t folds = 0;
  std::int64_t blur = 0;
  double margin = 0;
  double vignetting = 0;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, SlidePhantomOptions>
void visit_fields(Visitor&& field, Options& options) {
  field("width", options.width,
        FieldInfo{.unit = "px", .help = "Width at level 0", .min = 256, .max = 200000});
  field("height", options.height,
        FieldInfo{.unit = "px", .help = "Height at level 0", .min = 256, .max = 200000});
  field("mpp", options.mpp, FieldInfo{.unit = "µm/px", .help = "Scale of level 0", .min = 0.1, .max = 4});
  field("seed", options.seed, FieldInfo{.help = "Another seed, another tissue"});
  field("domain", options.domain, FieldInfo{.help = "Stain and scanner", .choices = stain_domain_names()});
  field(
      "tumour_fraction", options.tumour_fraction,
      FieldInfo{.help = "Share of the tissue that is tumour; 0 makes a normal slide", .min = 0, .max = 0.9});
  field("tumour_regions", options.tumour_regions,
        FieldInfo{.help = "Number of tumour regions, where there is tumour", .min = 1, .max = 16});
  field("pen", options.pen, FieldInfo{.help = "Number of marker strokes", .min = 0, .max = 16});
  field("folds", options.folds, FieldInfo{.help = "Number of tissue folds", .min = 0, .max = 64});
  field("blur", options.blur, FieldInfo{.help = "Number of areas out of focus", .min = 0, .max = 16});
  field("margin", options.margin,
        FieldInfo{.help = "Share of the slide left without tissue along each border", .min = 0, .max = 0.4});
  field("vignetting", options.vignetting,
        FieldInfo{.help = "Share of the light lost in the corners of each field the scanner takes",
                  .min = 0,
                  .max = 0.5});
}

/// An outline of one class, in level-0 pixels: rings[0] is the border, the others are holes.
struct PhantomRegion {
  TissueClass tissue;  ///< never background; stroma stands for "all tissue" here
  std::vector<std::vector<PointD>> rings_l0;
};

/// An outline of one artefact, as PhantomRegion; folds and blur end where the tissue does.
struct ArtefactRegion {
  PhantomArtefact artefact;
  std::vector<std::vector<PointD>> rings_l0;
};

/// The tissue of one phantom slide, rendered where and when it is asked for.
///
/// A place is coloured by its position and the seed alone, so any two renderings of it are equal.
///
/// @par Threads  All members may be called from several threads at once.
class SlidePhantom {
 public:
  /// @throws Error `invalid_argument` if an option is out of range.
  explicit SlidePhantom(const SlidePhantomOptions& options);
  ~SlidePhantom();
  SlidePhantom(SlidePhantom&&) noexcept;
  SlidePhantom& operator=(SlidePhantom&&) noexcept;

  [[nodiscard]] const SlidePhantomOptions& options() const;

  /// The class at a point. Tumour counts before lymphocytes, fat, glands and stroma.
  /// @param x_um, y_um  from the slide's top left corner
  [[nodiscard]] TissueClass class_at(double x_um, double y_um) const;

  /// Whether that artefact is at a point. Each kind is on its own: ink may lie over a fold.
  /// @param x_um, y_um  from the slide's top left corner
  [[nodiscard]] bool has_artefact(PhantomArtefact artefact, double x_um, double y_um) const;

  /// Share of the tissue that is tumour, as it came out.
  [[nodiscard]] double tumour_fraction() const;

  /// Pixels [x, x + width) x [y, y + height) of level 0, RGB8, before JPEG. Outside the slide: glass.
  /// @par Cost  Paints all 512 x 256 blocks that the rectangle touches.
  [[nodiscard]] Image8 render(std::int64_t x_l0, std::int64_t y_l0, SizeI size) const;

  /// Outlines of all tissue, and of every class but stroma and background.
  [[nodiscard]] std::vector<PhantomRegion> regions() const;
  /// Outlines of every stroke, fold and area out of focus.
  [[nodiscard]] std::vector<ArtefactRegion> artefacts() const;

 private:
  friend void write_slide_phantom(const std::filesystem::path& path, const SlidePhantomOptions& options,
                                  const JobContext& job, int threads);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Writes the slide as a pyramidal JPEG TIFF that says it is synthetic, with its truth beside it:
/// `<stem>.geojson` (QuPath annotations in level-0 pixels) and `<stem>.json` (label, seed, domain, options).
/// The picture comes last, so a slide that exists is whole. Any thread count gives the same bytes.
///
/// @param path     ends in .tif or .tiff
/// @param threads  1 or more; 0 takes all cores
/// @throws Error   `invalid_argument`, `io_error`; Cancelled on a stop request, leaving nothing behind.
/// @par Cost       Memory: two rows of 256-pixel tiles; time: see tests/imaging/phantom.
void write_slide_phantom(const std::filesystem::path& path, const SlidePhantomOptions& options,
                         const JobContext& job, int threads);

}  // namespace imaging
