#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "imaging/base/geometry.h"
#include "imaging/base/image.h"
#include "imaging/base/job.h"
#include "imaging/base/options.h"
#include "models/runtime/model_package.h"
#include "models/segmentation/segmenter_facts.h"
#include "models/segmentation/unet_arguments.h"

namespace models {

/// How a picture larger than one tile is cut. Results differ a little with it.
struct SegmentTilingOptions {
  std::int64_t tile = 1024;
  std::int64_t overlap = 64;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, SegmentTilingOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("tile", options.tile,
        FieldInfo{.unit = "px",
                  .help = "Side of the tiles that the network sees; rounded to what it takes",
                  .min = 32,
                  .max = 8192});
  field("overlap", options.overlap,
        FieldInfo{.unit = "px",
                  .help = "Seam over which neighbouring tiles are blended, at most half a tile",
                  .min = 0,
                  .max = 4096});
}

/// Pixels of any size, read a rectangle at a time.
struct PixelSource {
  imaging::SizeI size;
  /// (x, y, width, height), inside the picture -> height x width x channels, values as decoded (0 to 255 for
  /// 8-bit pictures; standardised where the facts say `zscore`). Called from one thread at a time, not always
  /// the same.
  std::function<imaging::ImageF(std::int64_t x, std::int64_t y, std::int64_t width, std::int64_t height)>
      read;
};

/// Rows of the result, over the picture's whole width.
struct SegmentedBand {
  std::int64_t y = 0;             ///< first row
  imaging::Image8 labels;         ///< width x rows x 1: index of the likeliest class
  imaging::ImageF probabilities;  ///< width x rows x classes, summing to 1; empty unless asked for
};
/// Told of bands from top to bottom without gaps.
using SegmentedBandSink = std::function<void(const SegmentedBand&)>;

struct SegmentedImage {
  imaging::Image8 labels;         ///< width x height x 1
  imaging::ImageF probabilities;  ///< width x height x classes; empty unless asked for
};

/// Gives every pixel a class. Opened from a package of the task `segmentation`: the built-in U-Net
/// (architecture "unet"), or anybody's TorchScript module ("torchscript") that takes [B, C, H, W] float32 and
/// gives logits [B, K, H, W]; adapted ones as well.
///
/// The same bits for the same picture, options and number of threads.
///
/// @par Threads  One caller at a time.
class Segmenter {
 public:
  /// @param device  as DeviceChoice::name
  /// @throws Error  `incompatible` if the package is no segmenter, or its architecture or weights do not fit;
  /// `corrupt_data` where its manifest is not complete.
  [[nodiscard]] static Segmenter open(const ModelPackage& package, const std::string& device);
  ~Segmenter();
  Segmenter(Segmenter&&) noexcept;
  Segmenter& operator=(Segmenter&&) noexcept;

  [[nodiscard]] const SegmenterFacts& facts() const;
  /// Label 0 first.
  [[nodiscard]] const std::vector<std::string>& class_names() const { return facts().class_names; }
  /// Sides of tiles are multiples of this. Callers need not care: pictures of any size are padded.
  [[nodiscard]] std::int64_t size_multiple() const { return facts().size_multiple; }

  /// Segments a picture in memory; resized to the working size, where there is one, and the probabilities
  /// back to the picture's.
  /// @param picture  height x width x channels, values as PixelSource::read gives them
  /// @throws Error   `incompatible` where the channels are not the network's, or it gives NaN;
  /// `invalid_argument` on an empty picture; Cancelled.
  [[nodiscard]] SegmentedImage segment(const imaging::ImageF& picture, bool want_probabilities = false,
                                       const SegmentTilingOptions& options = {},
                                       const imaging::JobContext& job = {});

  /// Segments a picture of any size in memory that does not grow with its height, and with its width by
  /// overlap x classes x 4 bytes and a tile's rows of labels. The working size is not used: the source is
  /// read at the scale that the network works at.
  ///
  /// Stage reported to `job`: "segmenting", in tiles.
  /// @throws Error  as above, and whatever `read` and `sink` throw.
  void segment(const PixelSource& source, const SegmentedBandSink& sink, bool want_probabilities = false,
               const SegmentTilingOptions& options = {}, const imaging::JobContext& job = {});

 private:
  struct Impl;
  explicit Segmenter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Makes `folder` a package of a U-Net with random weights, as tests and trainings start from.
/// @param facts  `size_multiple` is set from `arguments`
/// @throws Error  `invalid_argument` if the folder exists; `io_error`.
void write_untrained_segmenter(const std::filesystem::path& folder, SegmenterFacts facts,
                               const UNetArguments& arguments, std::uint64_t seed);

}  // namespace models
