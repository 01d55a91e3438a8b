#include "imaging/phantom/slide_phantom.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <exception>
#include <mutex>
#include <nlohmann/json.hpp>
#include <opencv2/imgproc.hpp>
#include <thread>

#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/base/options_json.h"
#include "imaging/phantom/detail/artefact_layout.h"
#include "imaging/phantom/detail/tissue_layout.h"
#include "imaging/phantom/detail/tissue_painter.h"
#include "imaging/slide/pyramid_tiff_writer.h"

namespace imaging {
namespace {

constexpr std::int64_t kBlockWidth = 512;
constexpr std::int64_t kBlockHeight = PyramidTiffWriter::kTilePx;
constexpr std::int64_t kBlurPx = 4;  // margin of a block, and the longest half of the blur
constexpr double kOutlineStepUm = 8;
constexpr double kMostOutlineNodes = 1400;  // along the longer side: bounds the memory of the outlines

constexpr double kDefocusUm = 6;      // standard deviation well inside an area out of focus
constexpr float kDefocusRampUm = 60;  // to there from its border
constexpr double kFoldShiftXUm = 70;  // from where the tissue that a fold lays over itself comes
constexpr double kFoldShiftYUm = -50;
constexpr double kScanFieldXUm = 700;  // what the scanner's camera takes at once
constexpr double kScanFieldYUm = 525;

/// 10 to the power of -x for x in about [-1, 8], to 1e-4 relative; branch-free, so that the loop over pixels
/// vectorises.
inline float transmittance(float density) {
  const float t = std::min(std::max(density * -3.3219281F, -30.0F), 4.0F) + 64.0F;
  const int whole = static_cast<int>(t);
  const float f = t - static_cast<float>(whole);
  const float power = 1 + f * (0.6951786F + f * (0.2261497F + f * 0.0782013F));
  return power * std::bit_cast<float>((whole - 64 + 127) << 23);
}

inline std::uint32_t pixel_hash(std::uint32_t x, std::uint32_t y, std::uint32_t seed) {
  std::uint32_t h = x * 0x9e3779b1U ^ (y * 0x85ebca77U + seed);
  h = (h ^ (h >> 15)) * 0x2c1b3c6dU;
  h = (h ^ (h >> 12)) * 0x297a2d39U;
  return h ^ (h >> 15);
}

/// Separable blur of one plane; the result is valid kBlurPx away from the border.
void blur(std::vector<float>& plane, std::vector<float>& scratch, std::int64_t width, std::int64_t height,
          const std::array<float, kBlurPx + 1>& taps) {
  const std::int64_t last = width * height - kBlurPx;
  for (std::int64_t i = kBlurPx; i < last; ++i) {
    float sum = taps[0] * plane[static_cast<std::size_t>(i)];
    for (std::int64_t k = 1; k <= kBlurPx; ++k) {
      sum += taps[static_cast<std::size_t>(k)] *
             (plane[static_cast<std::size_t>(i - k)] + plane[static_cast<std::size_t>(i + k)]);
    }
    scratch[static_cast<std::size_t>(i)] = sum;
  }
  for (std::int64_t y = kBlurPx; y < height - kBlurPx; ++y) {
    float* to = plane.data() + y * width;
    const float* from = scratch.data() + y * width;
    for (std::int64_t x = 0; x < width; ++x) {
      float sum = taps[0] * from[x];
      for (std::int64_t k = 1; k <= kBlurPx; ++k) {
        sum += taps[static_cast<std::size_t>(k)] * (from[x - k * width] + from[x + k * width]);
      }
      to[x] = sum;
    }
  }
}

std::array<float, kBlurPx + 1> gaussian_taps(double sigma_px) {
  std::array<float, kBlurPx + 1> taps{};
  double sum = 0;
  for (std::int64_t k = 0; k <= kBlurPx; ++k) {
    const double weight = std::exp(-0.5 * static_cast<double>(k * k) / (sigma_px * sigma_px));
    taps[static_cast<std::size_t>(k)] = static_cast<float>(weight);
    sum += k == 0 ? weight : 2 * weight;
  }
  for (float& tap : taps) tap = static_cast<float>(static_cast<double>(tap) / sum);
  return taps;
}

std::filesystem::path beside(const std::filesystem::path& path, const char* extension) {
  return std::filesystem::path(path).replace_extension(extension);
}

void scale_to_pixels(std::vector<std::vector<PointD>>& rings_um, double mpp) {
  for (auto& ring : rings_um) {
    for (PointD& point : ring) point = {point.x / mpp, point.y / mpp};
  }
}

nlohmann::ordered_json feature_of(const char* name, const std::array<int, 3>& colour,
                                  const std::vector<std::vector<PointD>>& rings_l0) {
  nlohmann::ordered_json rings = nlohmann::ordered_json::array();
  for (const auto& ring : rings_l0) {
    nlohmann::ordered_json points = nlohmann::ordered_json::array();
    const auto add = [&](const PointD& p) {
      points.push_back({std::round(p.x * 100) / 100, std::round(p.y * 100) / 100});
    };
    for (const PointD& point : ring) add(point);
    add(ring.front());
    rings.push_back(std::move(points));
  }
  return {{"type", "Feature"},
          {"geometry", {{"type", "Polygon"}, {"coordinates", std::move(rings)}}},
          {"properties",
           {{"objectType", "annotation"}, {"classification", {{"name", name}, {"color", colour}}}}}};
}

nlohmann::ordered_json truth_to_geojson(const SlidePhantom& phantom) {
  nlohmann::ordered_json features = nlohmann::ordered_json::array();
  for (const auto& region : phantom.regions()) {
    const auto add = [&](const char* name, const std::array<int, 3>& colour) {
      features.push_back(feature_of(name, colour, region.rings_l0));
    };
    switch (region.tissue) {
      case TissueClass::tumour:
        add("Tumour", {200, 0, 0});
        break;
      case TissueClass::gland:
        add("Glands", {70, 120, 200});
        break;
      case TissueClass::fat:
        add("Fat", {230, 190, 60});
        break;
      case TissueClass::lymphocytes:
        add("Lymphocytes", {110, 50, 160});
        break;
      default:
        add("Tissue", {0, 140, 70});
        break;
    }
  }
  for (const auto& region : phantom.artefacts()) {
    const auto add = [&](const char* name, const std::array<int, 3>& colour) {
      features.push_back(feature_of(name, colour, region.rings_l0));
    };
    switch (region.artefact) {
      case PhantomArtefact::pen:
        add("Pen", {40, 40, 40});
        break;
      case PhantomArtefact::fold:
        add("Fold", {160, 80, 0});
        break;
      case PhantomArtefact::blur:
        add("Out of focus", {120, 120, 120});
        break;
    }
  }
  return {{"type", "FeatureCollection"}, {"features", std::move(features)}};
}

/// How deep each pixel of a block lies in a shape, in µm. As the tissue's fields, it is computed on a lattice
/// that all blocks share and lies straight between its nodes.
std::vector<float> depth_map(const detail::ArtefactLayout& layout, const detail::ArtefactLayout::Shape& shape,
                             double mpp, std::int64_t left, std::int64_t top, SizeI size) {
  constexpr double kLatticeUm = 8;
  const auto place = [&](std::int64_t pixel) {
    return (static_cast<double>(pixel) + 0.5) * mpp / kLatticeUm;
  };
  const double first_x = std::floor(place(left));
  const double first_y = std::floor(place(top));
  const auto columns = static_cast<std::size_t>(place(left + size.width) - first_x) + 2;
  const auto rows = static_cast<std::size_t>(place(top + size.height) - first_y) + 2;
  std::vector<float> nodes(columns * rows);
  for (std::size_t j = 0; j < rows; ++j) {
    for (std::size_t i = 0; i < columns; ++i) {
      nodes[j * columns + i] =
          layout.depth(shape, static_cast<float>((first_x + static_cast<double>(i)) * kLatticeUm),
                       static_cast<float>((first_y + static_cast<double>(j)) * kLatticeUm));
    }
  }
  std::vector<float> depth(static_cast<std::size_t>(size.width * size.height));
  float* to = depth.data();
  for (std::int64_t y = 0; y < size.height; ++y) {
    const double v = place(top + y) - first_y;
    const auto j = static_cast<std::size_t>(v);
    const auto fy = static_cast<float>(v - static_cast<double>(j));
    for (std::int64_t x = 0; x < size.width; ++x, ++to) {
      const double u = place(left + x) - first_x;
      const auto i = static_cast<std::size_t>(u);
      const auto fx = static_cast<float>(u - static_cast<double>(i));
      const float* node = nodes.data() + j * columns + i;
      *to = detail::mix(detail::mix(node[0], node[1], fx), detail::mix(node[columns], node[columns + 1], fx),
                        fy);
    }
  }
  return depth;
}

}  // namespace

std::string_view to_string(TissueClass tissue) {
  switch (tissue) {
    case TissueClass::background:
      return "background";
    case TissueClass::stroma:
      return "stroma";
    case TissueClass::fat:
      return "fat";
    case TissueClass::gland:
      return "gland";
    case TissueClass::lymphocytes:
      return "lymphocytes";
    case TissueClass::tumour:
      return "tumour";
  }
  return "background";
}

struct SlidePhantom::Impl {
  explicit Impl(const SlidePhantomOptions& given)
      : options((check_options(given), given)),
        domain(find_stain_domain(given.domain)),
        layout(static_cast<double>(given.width) * given.mpp, static_cast<double>(given.height) * given.mpp,
               static_cast<std::uint64_t>(given.seed), given.margin, given.tumour_fraction,
               given.tumour_regions),
        artefacts(layout, given),
        taps(gaussian_taps(std::max(0.05, domain.blur_um / given.mpp))) {
    for (std::size_t c = 0; c < 3; ++c) {
      haematoxylin[c] = static_cast<float>(domain.stains.rows[0][c] * domain.haematoxylin);
      eosin[c] = static_cast<float>(domain.stains.rows[1][c] * domain.eosin);
      for (std::size_t i = 0; i < tone[c].size(); ++i) {
        const double light = static_cast<double>(i) / static_cast<double>(tone[c].size() - 1);
        tone[c][i] = static_cast<float>(255.0 * domain.white[c] * std::pow(light, domain.gamma));
      }
    }
  }

  using Shape = detail::ArtefactLayout::Shape;

  /// The shapes that reach into a rectangle of level-0 pixels.
  [[nodiscard]] std::vector<const Shape*> shapes_in(PhantomArtefact artefact, std::int64_t left,
                                                    std::int64_t top, SizeI size) const {
    std::vector<const Shape*> found;
    for (const Shape& shape : artefacts.shapes()) {
      if (shape.artefact == artefact &&
          shape.bounds.x < static_cast<double>(left + size.width) * options.mpp &&
          shape.bounds.right() > static_cast<double>(left) * options.mpp &&
          shape.bounds.y < static_cast<double>(top + size.height) * options.mpp &&
          shape.bounds.bottom() > static_cast<double>(top) * options.mpp) {
        found.push_back(&shape);
      }
    }
    return found;
  }

  /// Lays the tissue from beside the folds over that in them.
  void fold(detail::StainBlock& stains, std::int64_t left, std::int64_t top, SizeI size) const {
    const auto folds = shapes_in(PhantomArtefact::fold, left, top, size);
    if (folds.empty() || stains.is_glass) return;
    const auto upper =
        detail::paint_tissue(layout, options.mpp, left + std::llround(kFoldShiftXUm / options.mpp),
                             top + std::llround(kFoldShiftYUm / options.mpp), size);
    for (const Shape* shape : folds) {
      const auto depth = depth_map(artefacts, *shape, options.mpp, left, top, size);
      for (std::size_t i = 0; i < depth.size(); ++i) {
        if (depth[i] <= 0) continue;
        const float cover = detail::smooth_step(0, 3, depth[i]);
        // Twice the tissue, pressed together, and thickest where it bends.
        const float bend = 0.15F + 0.35F * detail::smooth_step(12, 3, depth[i]);
        stains.haematoxylin[i] += cover * (upper.haematoxylin[i] + bend * stains.haematoxylin[i] + 0.08F);
        stains.eosin[i] += cover * (upper.eosin[i] + bend * stains.eosin[i] + 0.15F);
      }
    }
  }

  /// Blurs the light in the areas out of focus.
  void defocus(std::vector<float>& plane, const std::vector<std::vector<float>>& depths, SizeI size) const {
    if (depths.empty()) return;
    std::vector<float> soft(plane.size());
    const cv::Mat from(static_cast<int>(size.height), static_cast<int>(size.width), CV_32F, plane.data());
    cv::Mat to(from.rows, from.cols, CV_32F, soft.data());
    cv::GaussianBlur(from, to, {}, kDefocusUm / options.mpp, 0, cv::BORDER_REPLICATE);
    for (std::size_t i = 0; i < plane.size(); ++i) {
      float deepest = 0;
      for (const auto& depth : depths) deepest = std::max(deepest, depth[i]);
      plane[i] = detail::mix(plane[i], soft[i], detail::smooth_step(0, kDefocusRampUm, deepest));
    }
  }

  /// How much ink lies on each pixel, about 1 in the middle of a stroke.
  [[nodiscard]] std::vector<float> ink_amount(const Shape& shape, std::int64_t left, std::int64_t top,
                                              SizeI size) const {
    auto amount = depth_map(artefacts, shape, options.mpp, left, top, size);
    const detail::Noise& noise = layout.noise();
    for (std::int64_t y = 0; y < size.height; ++y) {
      for (std::int64_t x = 0; x < size.width; ++x) {
        float& value = amount[static_cast<std::size_t>(y * size.width + x)];
        if (value <= -2) {
          value = 0;
          continue;
        }
        const auto x_um = static_cast<float>((static_cast<double>(left + x) + 0.5) * options.mpp);
        const auto y_um = static_cast<float>((static_cast<double>(top + y) + 0.5) * options.mpp);
        // Ink dries thicker along its border, and in clouds.
        const float rim = detail::smooth_step(0.3F * shape.half_width, 0, value);
        const float cloud =
            noise.round(x_um / 140 + 3, y_um / 140) + 0.5F * noise.round(x_um / 34, y_um / 34);
        value = detail::smooth_step(-2, 5, value) * (0.85F + 0.16F * cloud + 0.22F * rim);
      }
    }
    return amount;
  }

  /// One block of the fixed grid of blocks, cropped to the slide by the caller.
  [[nodiscard]] Image8 render_block(std::int64_t column, std::int64_t row) const {
    const std::int64_t left = column * kBlockWidth;
    const std::int64_t top = row * kBlockHeight;
    const SizeI size{kBlockWidth, kBlockHeight};
    const auto blurred = shapes_in(PhantomArtefact::blur, left, top, size);
    const std::int64_t pad =
        blurred.empty() ? kBlurPx
                        : kBlurPx + static_cast<std::int64_t>(std::ceil(3 * kDefocusUm / options.mpp));
    const SizeI padded{kBlockWidth + 2 * pad, kBlockHeight + 2 * pad};
    auto stains = detail::paint_tissue(layout, options.mpp, left - pad, top - pad, padded);
    fold(stains, left - pad, top - pad, padded);
    std::vector<std::vector<float>> blurred_depths;
    for (const Shape* shape : blurred) {
      blurred_depths.push_back(depth_map(artefacts, *shape, options.mpp, left - pad, top - pad, padded));
    }
    const auto strokes = shapes_in(PhantomArtefact::pen, left, top, size);
    std::vector<std::vector<float>> inks;
    for (const Shape* shape : strokes) inks.push_back(ink_amount(*shape, left, top, size));
    Image8 block(kBlockWidth, kBlockHeight, 3);
    const bool is_clear = stains.is_glass && strokes.empty() && options.vignetting <= 0;
    std::vector<float> plane(static_cast<std::size_t>(is_clear ? 0 : padded.width * padded.height), 1.0F);
    std::vector<float> scratch(plane.size());
    std::array<float, kBlockWidth> levels{};
    for (std::size_t c = 0; c < 3; ++c) {
      if (!stains.is_glass) {
        const float kh = haematoxylin[c];
        const float ke = eosin[c];
        const float* h = stains.haematoxylin.data();
        const float* e = stains.eosin.data();
        for (std::size_t i = 0; i < plane.size(); ++i) plane[i] = transmittance(h[i] * kh + e[i] * ke);
        blur(plane, scratch, padded.width, padded.height, taps);
        defocus(plane, blurred_depths, padded);
      } else {
        std::fill(plane.begin(), plane.end(), 1.0F);
      }
      const auto light_at = [&](std::int64_t y) { return plane.data() + (y + pad) * padded.width + pad; };
      for (std::size_t s = 0; s < strokes.size(); ++s) {
        const float density = strokes[s]->ink[c];
        const float* amount = inks[s].data();
        for (std::int64_t y = 0; y < kBlockHeight; ++y) {
          float* light = light_at(y);
          for (std::int64_t x = 0; x < kBlockWidth; ++x) light[x] *= transmittance(density * *amount++);
        }
      }
      const auto most = static_cast<float>(tone[c].size() - 1);
      levels.fill(tone[c].back());
      for (std::int64_t y = 0; y < kBlockHeight; ++y) {
        if (!is_clear) {
          float* light = light_at(y);
          if (options.vignetting > 0) vignette(light, left, top + y);
          for (std::size_t x = 0; x < levels.size(); ++x) {
            levels[x] = tone[c][static_cast<std::size_t>(std::min(light[x], 1.0F) * most + 0.5F)];
          }
        }
        add_noise(levels, left, top + y, c, block.row(y) + c);
      }
    }
    return block;
  }

  /// Every third byte from `to` on: the grey levels of one row with the scanner's noise.
  void add_noise(const std::array<float, kBlockWidth>& levels, std::int64_t left, std::int64_t y,
                 std::size_t channel, std::uint8_t* to) const {
    const auto noise =
        static_cast<float>(domain.noise * 2.449 / 1023.0);  // triangular: deviation is width / sqrt(6)
    const auto seed =
        static_cast<std::uint32_t>(options.seed) * 747796405U + static_cast<std::uint32_t>(channel) * 97U;
    std::array<int, kBlockWidth> bytes;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled below
    for (std::size_t x = 0; x < levels.size(); ++x) {
      const std::uint32_t hash = pixel_hash(static_cast<std::uint32_t>(left) + static_cast<std::uint32_t>(x),
                                            static_cast<std::uint32_t>(y), seed);
      const auto spread =
          static_cast<float>(static_cast<int>(hash & 1023U) - static_cast<int>((hash >> 12) & 1023U));
      bytes[x] = static_cast<int>(std::min(std::max(levels[x] + noise * spread + 0.5F, 0.0F), 255.0F));
    }
    for (std::size_t x = 0; x < levels.size(); ++x) to[x * 3] = static_cast<std::uint8_t>(bytes[x]);
  }

  /// Darkens a row of a block towards the corners of the scan fields, which tile the slide.
  void vignette(float* light, std::int64_t left, std::int64_t y) const {
    const auto from_centre = [&](std::int64_t pixel, double field_um) {
      const double place = (static_cast<double>(pixel) + 0.5) * options.mpp / field_um;
      return 2 * (place - std::floor(place)) - 1;
    };
    const double v = from_centre(y, kScanFieldYUm);
    for (std::int64_t x = 0; x < kBlockWidth; ++x) {
      const double u = from_centre(left + x, kScanFieldXUm);
      light[x] *= static_cast<float>(1 - options.vignetting * 0.5 * (u * u + v * v));
    }
  }

  /// Fills `image`, whose first pixel is (left, top) of the slide, from the blocks that touch it.
  void render_into(Image8& image, std::int64_t left, std::int64_t top, int threads) const {
    const auto floor_div = [](std::int64_t a, std::int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); };
    const std::int64_t first_column = floor_div(left, kBlockWidth);
    const std::int64_t first_row = floor_div(top, kBlockHeight);
    const std::int64_t columns = floor_div(left + image.width() - 1, kBlockWidth) - first_column + 1;
    const std::int64_t rows = floor_div(top + image.height() - 1, kBlockHeight) - first_row + 1;
    std::atomic<std::int64_t> next{0};
    std::mutex mutex;
    std::exception_ptr failure;
    const auto work = [&] {
      try {
        for (std::int64_t i = next++; i < columns * rows; i = next++) {
          const std::int64_t column = first_column + i % columns;
          const std::int64_t row = first_row + i / columns;
          const Image8 block = render_block(column, row);
          const std::int64_t x0 = std::max(left, column * kBlockWidth);
          const std::int64_t x1 = std::min(left + image.width(), (column + 1) * kBlockWidth);
          const std::int64_t y0 = std::max(top, row * kBlockHeight);
          const std::int64_t y1 = std::min(top + image.height(), (row + 1) * kBlockHeight);
          for (std::int64_t y = y0; y < y1; ++y) {
            const std::uint8_t* from = block.pixel(x0 - column * kBlockWidth, y - row * kBlockHeight);
            std::copy(from, from + (x1 - x0) * 3, image.pixel(x0 - left, y - top));
          }
        }
      } catch (...) {
        const std::lock_guard lock(mutex);
        failure = std::current_exception();
      }
    };
    {
      std::vector<std::jthread> helpers;
      for (int i = 1; i < threads; ++i) helpers.emplace_back(work);
      work();
    }
    if (failure) std::rethrow_exception(failure);
  }

  SlidePhantomOptions options;
  const StainDomain& domain;
  detail::TissueLayout layout;
  detail::ArtefactLayout artefacts;
  std::array<float, kBlurPx + 1> taps;
  std::array<float, 3> haematoxylin{};
  std::array<float, 3> eosin{};
  std::array<std::array<float, 4096>, 3> tone{};
};

SlidePhantom::SlidePhantom(const SlidePhantomOptions& options) : impl_(std::make_unique<Impl>(options)) {}
SlidePhantom::~SlidePhantom() = default;
SlidePhantom::SlidePhantom(SlidePhantom&&) noexcept = default;
SlidePhantom& SlidePhantom::operator=(SlidePhantom&&) noexcept = default;

const SlidePhantomOptions& SlidePhantom::options() const {
  return impl_->options;
}

TissueClass SlidePhantom::class_at(double x_um, double y_um) const {
  return impl_->layout.class_at(static_cast<float>(x_um), static_cast<float>(y_um));
}

bool SlidePhantom::has_artefact(PhantomArtefact artefact, double x_um, double y_um) const {
  const auto& layout = impl_->artefacts;
  return std::any_of(layout.shapes().begin(), layout.shapes().end(), [&](const auto& shape) {
    return shape.artefact == artefact &&
           layout.depth(shape, static_cast<float>(x_um), static_cast<float>(y_um)) > 0;
  });
}

double SlidePhantom::tumour_fraction() const {
  return impl_->layout.tumour_fraction();
}

Image8 SlidePhantom::render(std::int64_t x_l0, std::int64_t y_l0, SizeI size) const {
  if (size.width < 1 || size.height < 1) {
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("A phantom region of {} x {} pixels cannot be rendered.", size.width, size.height));
  }
  Image8 image(size.width, size.height, 3);
  impl_->render_into(image, x_l0, y_l0, 1);
  return image;
}

std::vector<PhantomRegion> SlidePhantom::regions() const {
  const double longer = std::max(impl_->layout.width_um(), impl_->layout.height_um());
  const double step = std::max(kOutlineStepUm, longer / kMostOutlineNodes);
  std::vector<PhantomRegion> regions;
  for (const TissueClass tissue : {TissueClass::stroma, TissueClass::tumour, TissueClass::gland,
                                   TissueClass::fat, TissueClass::lymphocytes}) {
    if (tissue == TissueClass::tumour && impl_->options.tumour_fraction <= 0) continue;
    for (auto& rings : impl_->layout.outlines(tissue, step)) {
      scale_to_pixels(rings, impl_->options.mpp);
      regions.push_back({tissue, std::move(rings)});
    }
  }
  return regions;
}

std::vector<ArtefactRegion> SlidePhantom::artefacts() const {
  std::vector<ArtefactRegion> regions;
  for (const auto& shape : impl_->artefacts.shapes()) {
    for (auto& rings : impl_->artefacts.outlines(shape)) {
      scale_to_pixels(rings, impl_->options.mpp);
      regions.push_back({shape.artefact, std::move(rings)});
    }
  }
  return regions;
}

void write_slide_phantom(const std::filesystem::path& path, const SlidePhantomOptions& options,
                         const JobContext& job, int threads) {
  const std::string extension = path.extension().string();
  if (extension != ".tif" && extension != ".tiff") {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: a phantom slide is written as .tif or .tiff.", path.string()));
  }
  const SlidePhantom phantom(options);
  const auto& domain = find_stain_domain(options.domain);
  const std::string_view label = options.tumour_fraction > 0 ? "tumour" : "normal";
  const int workers =
      threads > 0 ? threads : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  PyramidTiffWriter writer(
      path, {.size = {options.width, options.height},
             .mpp_x = options.mpp,
             .mpp_y = options.mpp,
             .jpeg_quality = domain.jpeg_quality,
             .downsamples = {},
             .description = fmt::format(
                 "SYNTHETIC H&E phantom by Tessera, painted by a program. Not a specimen, not for diagnosis. "
                 "seed={} domain={} label={} mpp={}",
                 options.seed, options.domain, label, options.mpp)});
  for (std::int64_t y = 0; y < options.height; y += kBlockHeight) {
    job.checkpoint("phantom slide", y, options.height);
    Image8 band(options.width, std::min(kBlockHeight, options.height - y), 3);
    phantom.impl_->render_into(band, 0, y, workers);
    writer.append_rows(band);
  }
  job.checkpoint("phantom slide", options.height, options.height);
  const nlohmann::ordered_json truth{{"schema", "tessera.phantom/1"},
                                     {"synthetic", true},
                                     {"label", label},
                                     {"seed", options.seed},
                                     {"domain", options.domain},
                                     {"tumour_fraction", std::round(phantom.tumour_fraction() * 1e4) / 1e4},
                                     {"mpp", options.mpp},
                                     {"options", options_to_json(options)}};
  const auto outlines = beside(path, ".geojson");
  const auto description = beside(path, ".json");
  try {
    write_file(outlines, truth_to_geojson(phantom).dump() + "\n");
    write_file(description, truth.dump(2) + "\n");
    writer.finish();
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(outlines, ignored);
    std::filesystem::remove(description, ignored);
    throw;
  }
}

}  // namespace imaging
