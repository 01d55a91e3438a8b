#include "imaging/tissue/focus.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <mutex>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "imaging/base/error.h"
#include "imaging/slide/area_resample.h"
#include "imaging/tissue/detail/growth.h"

namespace imaging {
namespace {

constexpr double kFocusMpp = 2.0;         // µm/px at which gradients are measured
constexpr double kFineUm = 2.0;           // s1
constexpr double kCoarseUm = 4.0;         // s2
constexpr double kWindowUm = 200.0;       // over which energies are summed
constexpr double kBlockUm = 2048.0;       // read at once
constexpr double kCellUm = 32.0;          // energies are kept by cells of about this side
constexpr int kPatchCells = 16;           // measured at once: small enough for the processor's cache
constexpr double kLeastMeasured = 0.25;   // share of a window
constexpr double kEdgeUm = 16.0;          // around glass, left out
constexpr double kLeastGradient = 0.001;  // of full scale per µm, root mean square: below, nothing to tell
constexpr int kGlassSaturation = 8;       // overview pixels below in saturation ...
constexpr int kGlassValue = 200;          // ... and above in value are plain glass
constexpr double kMostBlurUm = 100.0;
constexpr double kDoubtfulShare = 0.6;

/// Squared gradient magnitude of `grey` (0 to 1) after a Gaussian of `sigma` pixels, per squared pixel.
cv::Mat gradient_energy(const cv::Mat& grey, double sigma) {
  cv::Mat smooth;
  cv::GaussianBlur(grey, smooth, {}, sigma, sigma, cv::BORDER_REPLICATE);
  cv::Mat along_x;
  cv::Mat along_y;
  cv::Sobel(smooth, along_x, CV_32F, 1, 0, 1, 0.5, 0, cv::BORDER_REPLICATE);
  cv::Sobel(smooth, along_y, CV_32F, 0, 1, 1, 0.5, 0, cv::BORDER_REPLICATE);
  cv::multiply(along_x, along_x, along_x);
  cv::accumulateSquare(along_y, along_x);
  return along_x;
}

/// 255 where the overview shows plain glass.
cv::Mat find_plain_glass(const Image8& overview) {
  cv::Mat glass(static_cast<int>(overview.height()), static_cast<int>(overview.width()), CV_8UC1);
  for (int y = 0; y < glass.rows; ++y) {
    const auto* pixel = overview.row(y);
    for (int x = 0; x < glass.cols; ++x, pixel += 3) {
      const auto [low, high] = std::minmax({pixel[0], pixel[1], pixel[2]});
      const bool is_glass = high >= kGlassValue && 255 * (high - low) <= kGlassSaturation * high;
      glass.at<std::uint8_t>(y, x) = is_glass ? 255 : 0;
    }
  }
  return glass;
}

/// Measures gradient energies of a slide at about 2 µm/px, by cells.
///
/// @par Threads  `measure` may run for several blocks at once.
class EnergyMeter {
 public:
  EnergyMeter(const SlideReader& reader, const SlideScale& scale, const Image8& overview)
      : reader_(reader), size_(static_cast<int>(overview.width()), static_cast<int>(overview.height())) {
    const auto slide = reader.info().size_l0();
    pixel_l0_ = {static_cast<double>(slide.width) / size_.width,
                 static_cast<double>(slide.height) / size_.height};
    const PointD pixel_um{pixel_l0_.x * scale.mpp_x, pixel_l0_.y * scale.mpp_y};
    // Whole pixels of the focus picture per overview pixel, and of the overview per cell.
    const double finest = std::max({kFocusMpp, scale.mpp_x, scale.mpp_y});
    const auto count = [](double length, double part) {
      return std::max(1, static_cast<int>(std::lround(length / part)));
    };
    per_pixel_ = {count(pixel_um.x, finest), count(pixel_um.y, finest)};
    per_cell_ = {count(kCellUm, pixel_um.x), count(kCellUm, pixel_um.y)};
    mpp = std::sqrt(pixel_um.x / per_pixel_.width * pixel_um.y / per_pixel_.height);
    const cv::Size patch(kPatchCells * per_cell_.width, kPatchCells * per_cell_.height);
    block_ = {patch.width * count(kBlockUm, patch.width * pixel_um.x),
              patch.height * count(kBlockUm, patch.height * pixel_um.y)};
    margin_ = static_cast<int>(std::ceil(kReach * kCoarseUm / mpp)) + 1;
    glass_ = find_plain_glass(overview);
    const cv::Size edge(2 * count(kEdgeUm, pixel_um.x) + 1, 2 * count(kEdgeUm, pixel_um.y) + 1);
    cv::dilate(glass_, glass_edge_, cv::getStructuringElement(cv::MORPH_RECT, edge));
    cell_um = {pixel_um.x * per_cell_.width, pixel_um.y * per_cell_.height};
    const cv::Size cells((size_.width + per_cell_.width - 1) / per_cell_.width,
                         (size_.height + per_cell_.height - 1) / per_cell_.height);
    fine = cv::Mat::zeros(cells, CV_32F);
    coarse = cv::Mat::zeros(cells, CV_32F);
    measured = cv::Mat::zeros(cells, CV_32F);
  }

  [[nodiscard]] int columns() const { return (size_.width + block_.width - 1) / block_.width; }
  [[nodiscard]] int rows() const { return (size_.height + block_.height - 1) / block_.height; }
  [[nodiscard]] SizeI per_cell() const { return {per_cell_.width, per_cell_.height}; }

  void measure(int column, int row) {
    const auto block = cv::Rect({column * block_.width, row * block_.height}, block_) & cv::Rect({}, size_);
    const auto patches = patches_of(block);
    if (patches.empty()) return;
    auto read = patches.front();
    for (const auto& patch : patches) read |= patch;
    const auto pixels = read_area(
        reader_,
        {read.x * pixel_l0_.x, read.y * pixel_l0_.y, read.width * pixel_l0_.x, read.height * pixel_l0_.y},
        {read.width * per_pixel_.width, read.height * per_pixel_.height});
    const cv::Mat rgb(static_cast<int>(pixels.height()), static_cast<int>(pixels.width()), CV_8UC3,
                      const_cast<std::uint8_t*>(pixels.data()));  // only read
    cv::Mat grey;
    cv::cvtColor(rgb, grey, cv::COLOR_RGB2GRAY);
    for (const auto& patch : patches) measure_patch(patch, patch.tl() - read.tl(), grey);
  }

  double mpp = 0;  ///< of the focus picture
  PointD cell_um;
  cv::Mat fine;  ///< mean energies by cells
  cv::Mat coarse;
  cv::Mat measured;  ///< share of each cell, 0 to 1

 private:
  static constexpr double kReach = 4;  // of a Gaussian in floats, in its sigmas

  /// The parts of a block that are not all glass, in overview pixels.
  [[nodiscard]] std::vector<cv::Rect> patches_of(const cv::Rect& block) const {
    std::vector<cv::Rect> patches;
    const cv::Size size(kPatchCells * per_cell_.width, kPatchCells * per_cell_.height);
    for (int y = block.y; y < block.y + block.height; y += size.height) {
      for (int x = block.x; x < block.x + block.width; x += size.width) {
        const auto patch = cv::Rect({x, y}, size) & block;
        if (cv::countNonZero(glass_edge_(patch)) < patch.area()) patches.push_back(patch);
      }
    }
    return patches;
  }

  /// @param at    where the patch begins in `grey`, overview pixels
  /// @param grey  what was read; near its borders nothing is measured, so that blocks need not overlap
  void measure_patch(const cv::Rect& patch, cv::Point at, const cv::Mat& grey) {
    const cv::Rect core(at.x * per_pixel_.width, at.y * per_pixel_.height, patch.width * per_pixel_.width,
                        patch.height * per_pixel_.height);
    const cv::Rect read({}, grey.size());
    const cv::Rect valid = cv::Rect(margin_, margin_, read.width - 2 * margin_, read.height - 2 * margin_);
    const cv::Rect inner = core & valid;
    if (inner.empty()) return;
    const cv::Rect wide = cv::Rect(inner.x - margin_, inner.y - margin_, inner.width + 2 * margin_,
                                   inner.height + 2 * margin_) &
                          read;
    cv::Mat values;
    grey(wide).convertTo(values, CV_32F, 1.0 / 255);
    cv::Mat left_out;
    cv::resize(glass_edge_(patch), left_out, core.size(), 0, 0, cv::INTER_NEAREST);
    const cv::Size cells((patch.width + per_cell_.width - 1) / per_cell_.width,
                         (patch.height + per_cell_.height - 1) / per_cell_.height);
    const auto store = [&](const cv::Mat& energy, cv::Mat& energies) {
      cv::Mat whole = cv::Mat::zeros(cells.height * per_cell_.height * per_pixel_.height,
                                     cells.width * per_cell_.width * per_pixel_.width, CV_32F);
      energy(inner - wide.tl()).copyTo(whole(inner - core.tl()));
      whole({{}, core.size()}).setTo(0, left_out);
      cv::Mat means;
      cv::resize(whole, means, cells, 0, 0, cv::INTER_AREA);
      means.copyTo(energies({{patch.x / per_cell_.width, patch.y / per_cell_.height}, cells}));
    };
    // Across an edge the energy is a Gaussian of sigma / sqrt(2); both are brought to the same width, or the
    // coarse one's tail alone would reach into a window beside the edge and seem all blur.
    const double wider = std::sqrt((kCoarseUm * kCoarseUm - kFineUm * kFineUm) / 2) / mpp;
    auto sharp = gradient_energy(values, kFineUm / mpp);
    cv::GaussianBlur(sharp, sharp, {}, wider, wider, cv::BORDER_REPLICATE);
    store(sharp, fine);
    store(gradient_energy(values, kCoarseUm / mpp), coarse);
    store(cv::Mat(wide.size(), CV_32F, cv::Scalar(1)), measured);
  }

  const SlideReader& reader_;
  cv::Size size_;  // of the overview
  PointD pixel_l0_;
  cv::Size per_pixel_;
  cv::Size per_cell_;
  cv::Size block_;
  int margin_ = 0;
  cv::Mat glass_;
  cv::Mat glass_edge_;
};

}  // namespace

BlurMap estimate_blur(const SlideReader& reader, const SlideScale& scale, const Image8& overview,
                      const JobContext& job) {
  EnergyMeter meter(reader, scale, overview);
  for (int row = 0; row < meter.rows(); ++row) {
    job.checkpoint("tissue", row, meter.rows());
    std::mutex mutex;
    std::exception_ptr failure;
    cv::parallel_for_(
        {0, meter.columns()},
        [&](const cv::Range& columns) {
          for (int column = columns.start; column < columns.end; ++column) {
            if (job.stop_token().stop_requested()) return;
            try {
              meter.measure(column, row);
            } catch (const Error& error) {
              if (error.code() == ErrorCode::corrupt_data)
                continue;  // the tiles themselves are retried and ledgered when they are read
              const std::lock_guard lock(mutex);
              failure = std::current_exception();
            } catch (...) {
              const std::lock_guard lock(mutex);
              failure = std::current_exception();
            }
          }
        },
        meter.columns());
    if (failure) std::rethrow_exception(failure);
  }
  job.checkpoint("tissue", meter.rows(), meter.rows());
  const auto window_cells = [](double cell_um) {
    return 2 * static_cast<int>(std::lround((kWindowUm / cell_um - 1) / 2)) + 1;
  };
  const cv::Size window(std::max(1, window_cells(meter.cell_um.x)),
                        std::max(1, window_cells(meter.cell_um.y)));
  for (auto* plane : {&meter.fine, &meter.coarse, &meter.measured})
    cv::boxFilter(*plane, *plane, CV_32F, window, {-1, -1}, true, cv::BORDER_REFLECT);

  BlurMap blur{ImageF(meter.fine.cols, meter.fine.rows, 1), meter.cell_um, meter.per_cell()};
  const double least = std::pow(kLeastGradient * meter.mpp, 2);
  for (int y = 0; y < meter.fine.rows; ++y) {
    for (int x = 0; x < meter.fine.cols; ++x) {
      const auto energy = static_cast<double>(meter.coarse.at<float>(y, x));
      const auto share = static_cast<double>(meter.measured.at<float>(y, x));
      if (share < kLeastMeasured || energy < least * share) continue;
      const double ratio = static_cast<double>(meter.fine.at<float>(y, x)) / energy;
      const double variance = ratio <= 1 ? kMostBlurUm * kMostBlurUm
                                         : (kCoarseUm * kCoarseUm - ratio * kFineUm * kFineUm) / (ratio - 1);
      *blur.um.pixel(x, y) =
          static_cast<float>(std::sqrt(std::clamp(variance, 0.0, kMostBlurUm * kMostBlurUm)));
    }
  }
  return blur;
}

Image8 find_blurred(const ImageF& blur, PointD pixel_um, double most_um) {
  Image8 blurred(blur.width(), blur.height(), 1);
  Image8 doubtful(blur.width(), blur.height(), 1);
  for (std::size_t i = 0; i < blur.values().size(); ++i) {
    const auto value = static_cast<double>(blur.values()[i]);
    blurred.values()[i] = value > most_um ? 255 : 0;
    doubtful.values()[i] = value > kDoubtfulShare * most_um ? 255 : 0;
  }
  detail::grow(blurred, doubtful, pixel_um, kWindowUm / 2);
  return blurred;
}

}  // namespace imaging
