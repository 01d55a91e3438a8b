#include "models/segmentation/segmenter.h"

#include <fmt/format.h>
#include <torch/nn/functional/padding.h>
#include <torch/types.h>

#include <algorithm>
#include <future>
#include <utility>

#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "models/adaptation/adapter.h"
#include "models/encoders/torchscript_network.h"
#include "models/runtime/package_folder.h"
#include "models/runtime/safetensors.h"
#include "models/runtime/torch_errors.h"
#include "models/segmentation/network_input.h"
#include "models/segmentation/segmentation_network.h"
#include "models/segmentation/unet_module.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using imaging::ImageF;
using imaging::SizeI;
namespace fs = std::filesystem;

/// Tiles along one side: number i counts from i * stride, where its predecessor's `overlap` last pixels lie.
class TileAxis {
 public:
  /// @param tile  a multiple of what the network takes
  TileAxis(std::int64_t length, std::int64_t tile, std::int64_t overlap, std::int64_t multiple)
      : length_(length),
        tile_(std::min(tile, rounded_up(length, multiple))),
        overlap_(overlap),
        stride_(tile_ - overlap),
        count_(length <= tile_ ? 1 : (length - overlap + stride_ - 1) / stride_) {}

  [[nodiscard]] std::int64_t count() const { return count_; }
  [[nodiscard]] std::int64_t tile() const { return tile_; }
  /// First pixel that is read: the last tile is moved back to end with the picture, for its context.
  [[nodiscard]] std::int64_t start(std::int64_t i) const {
    return std::min(from(i), std::max<std::int64_t>(0, length_ - tile_));
  }
  /// Pixels that are read; fewer than the tile only where the whole picture is smaller.
  [[nodiscard]] std::int64_t read() const { return std::min(tile_, length_); }
  /// First pixel that the tile has a say in.
  [[nodiscard]] std::int64_t from(std::int64_t i) const { return i * stride_; }
  /// Past the last pixel that is final once the tile is done.
  [[nodiscard]] std::int64_t final_end(std::int64_t i) const {
    return i + 1 < count_ ? from(i + 1) : length_;
  }
  /// Past the last pixel that the tile has a say in.
  [[nodiscard]] std::int64_t end(std::int64_t i) const { return std::min(from(i) + tile_, length_); }

  /// Weights of the pixels from(i) .. end(i): those of neighbours sum to 1.
  [[nodiscard]] torch::Tensor weights(std::int64_t i) const {
    auto weights = torch::ones({end(i) - from(i)});
    if (overlap_ == 0) return weights;
    const auto ramp = (torch::arange(overlap_, torch::kFloat32) + 0.5) / overlap_;
    if (i > 0) weights.narrow(0, 0, overlap_).copy_(ramp);
    if (i + 1 < count_) weights.narrow(0, final_end(i) - from(i), overlap_).copy_(1 - ramp);
    return weights;
  }

 private:
  std::int64_t length_, tile_, overlap_, stride_, count_;
};

/// [K, rows, columns] of float32 as an image with interleaved channels.
ImageF image_of(const torch::Tensor& maps) {
  ImageF image(maps.size(2), maps.size(1), static_cast<int>(maps.size(0)));
  torch::from_blob(image.data(), {maps.size(1), maps.size(2), maps.size(0)}, torch::kFloat32)
      .copy_(maps.permute({1, 2, 0}));
  return image;
}

imaging::Image8 labels_of(const torch::Tensor& probabilities) {
  imaging::Image8 labels(probabilities.size(2), probabilities.size(1), 1);
  torch::from_blob(labels.data(), {probabilities.size(1), probabilities.size(2)}, torch::kUInt8)
      .copy_(probabilities.argmax(0));
  return labels;
}

}  // namespace

struct Segmenter::Impl {
  Impl(const ModelPackage& package, const std::string& device_name)
      : name(package.name()), facts(segmenter_facts_of(package.manifest())), device(device_name) {
    const auto side = facts.size_multiple * 8;
    const auto probe = torch::rand({1, facts.channels, side, side}, device);
    if (const auto components = package.file(kAdaptedComponents); fs::exists(components)) {
      network = with_frozen_components(
          [adapted = std::shared_ptr<SegmentationNetwork>(open_segmentation_network(package, device_name))](
              const torch::Tensor& x) { return adapted->forward(x); },
          read_safetensors(components));
    } else if (package.architecture() == "unet") {
      UNet unet(unet_arguments_from_json(package.manifest().at("architecture_arguments")), facts.channels,
                facts.output == SegmenterOutput::sigmoid ? 1 : class_count());
      load_network_state(*unet, read_safetensors(package.file("model.safetensors")));
      unet->to(device);
      unet->prepare_for_inference();
      network = [this, unet](const torch::Tensor& x) mutable {
        const torch::NoGradGuard no_grad;
        return class_logits(unet->forward(x), facts, name, x.size(2), x.size(3));
      };
    } else if (package.architecture() == "torchscript") {
      network = [this, script = load_torchscript(package.file("model.pt"), device_name, probe)](
                    const torch::Tensor& x) {
        return class_logits(script(x), facts, name, x.size(2), x.size(3));
      };
    } else {
      throw Error(ErrorCode::incompatible,
                  fmt::format("Segmenter {}: the architecture '{}' is not built in; known are unet and "
                              "torchscript.",
                              name, package.architecture()));
    }
    (void)probabilities_of(probe);
  }

  [[nodiscard]] std::int64_t class_count() const {
    return static_cast<std::int64_t>(facts.class_names.size());
  }

  /// @param x  [1, C, H, W], prepared, on the device
  /// @return   [K, H, W] float32 on the CPU, over the classes
  torch::Tensor probabilities_of(const torch::Tensor& x) {
    const auto logits = with_torch_errors(ErrorCode::incompatible, fmt::format("Segmenter {} fails", name),
                                          [&] { return network(x).softmax(1).to(torch::kCPU); });
    if (!logits.isfinite().all().item<bool>())
      throw Error(ErrorCode::incompatible, fmt::format("Segmenter {} gives NaN or infinite values.", name));
    return logits[0];
  }

  void check(const ImageF& pixels, std::int64_t width, std::int64_t height) const {
    if (pixels.width() != width || pixels.height() != height || pixels.channels() != facts.channels) {
      throw Error(ErrorCode::incompatible, fmt::format("Segmenter {} takes {} channels; the picture has {}.",
                                                       name, facts.channels, pixels.channels()));
    }
  }

  std::string name;
  SegmenterFacts facts;
  torch::Device device;
  Network network;
};

Segmenter::Segmenter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Segmenter::~Segmenter() = default;
Segmenter::Segmenter(Segmenter&&) noexcept = default;
Segmenter& Segmenter::operator=(Segmenter&&) noexcept = default;

const SegmenterFacts& Segmenter::facts() const {
  return impl_->facts;
}

Segmenter Segmenter::open(const ModelPackage& package, const std::string& device) {
  if (package.task() != "segmentation") {
    throw Error(ErrorCode::incompatible, fmt::format("Package {} is for the task '{}', not a segmentation.",
                                                     package.path().string(), package.task()));
  }
  return Segmenter(std::make_unique<Impl>(package, device));
}

SegmentedImage Segmenter::segment(const ImageF& picture, bool want_probabilities,
                                  const SegmentTilingOptions& options, const imaging::JobContext& job) {
  if (picture.empty()) throw Error(ErrorCode::invalid_argument, "The picture to segment is empty.");
  impl_->check(picture, picture.width(), picture.height());
  const SizeI size{picture.width(), picture.height()};
  const auto& working_size = impl_->facts.working_size;
  const bool is_resized = working_size && *working_size != std::max(size.width, size.height);
  const auto seen = is_resized ? resized_to_side(picture, *working_size) : ImageF();
  const auto& pixels = is_resized ? seen : picture;
  const PixelSource source{
      .size = {pixels.width(), pixels.height()},
      .read = [&](std::int64_t x, std::int64_t y, std::int64_t width, std::int64_t height) {
        ImageF part(width, height, pixels.channels());
        for (std::int64_t row = 0; row < height; ++row) {
          std::copy_n(pixels.pixel(x, y + row), width * pixels.channels(), part.row(row));
        }
        return part;
      }};
  SegmentedImage result{.labels = imaging::Image8(pixels.width(), pixels.height(), 1), .probabilities = {}};
  const bool keep = want_probabilities || is_resized;
  if (keep)
    result.probabilities = ImageF(pixels.width(), pixels.height(), static_cast<int>(impl_->class_count()));
  segment(
      source,
      [&](const SegmentedBand& band) {
        std::copy(band.labels.values().begin(), band.labels.values().end(), result.labels.row(band.y));
        if (keep)
          std::copy(band.probabilities.values().begin(), band.probabilities.values().end(),
                    result.probabilities.row(band.y));
      },
      keep, options, job);
  if (is_resized) {
    const auto maps = torch::upsample_bilinear2d(
        torch::from_blob(result.probabilities.data(),
                         {1, pixels.height(), pixels.width(), impl_->class_count()}, torch::kFloat32)
            .permute({0, 3, 1, 2})
            .contiguous(),
        {size.height, size.width}, /*align_corners=*/false)[0];
    result.labels = labels_of(maps);
    result.probabilities = want_probabilities ? image_of(maps) : ImageF();
  }
  return result;
}

void Segmenter::segment(const PixelSource& source, const SegmentedBandSink& sink, bool want_probabilities,
                        const SegmentTilingOptions& options, const imaging::JobContext& job) {
  imaging::check_options(options);
  const auto [width, height] = source.size;
  if (width < 1 || height < 1) throw Error(ErrorCode::invalid_argument, "The picture to segment is empty.");
  const auto multiple = impl_->facts.size_multiple;
  const auto tile = rounded_up(options.tile, multiple);
  if (2 * options.overlap > tile) {
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("The overlap is {} px, more than half of a tile of {} px.", options.overlap, tile));
  }
  const TileAxis columns(width, tile, options.overlap, multiple);
  const TileAxis rows(height, tile, options.overlap, multiple);
  const auto classes = impl_->class_count();
  const auto total = columns.count() * rows.count();
  const auto read = [&](std::int64_t number) {
    return source.read(columns.start(number % columns.count()), rows.start(number / columns.count()),
                       columns.read(), rows.read());
  };
  // What lives from tile to tile is made once, before the first: among the network's own blocks, that come
  // and go, it would break the heap up, and the peak would grow with the picture.
  const auto made = [&](std::int64_t high, std::int64_t wide) { return torch::empty({classes, high, wide}); };
  const auto tile_maps = made(rows.tile(), columns.tile());
  // What a tile says of the next one's first columns, the row of tiles above of this one's first rows, and
  // this one of the next one's.
  const auto rightmost = made(rows.tile(), options.overlap);
  torch::Tensor above = made(options.overlap, width), below = made(options.overlap, width);
  SegmentedBand band;
  const auto set_height = [&](std::int64_t height_of_band) {
    if (band.labels.height() == height_of_band) return;
    band.labels = imaging::Image8(width, height_of_band, 1);
    if (want_probabilities) band.probabilities = ImageF(width, height_of_band, static_cast<int>(classes));
  };
  set_height(rows.final_end(0) - rows.from(0));
  // The next tile is read while the network is at this one.
  std::future<ImageF> next = std::async(std::launch::async, read, 0);
  for (std::int64_t j = 0; j < rows.count(); ++j) {
    const auto first = rows.from(j);
    const auto final_rows = rows.final_end(j) - first;
    const auto seen_rows = rows.end(j) - first;
    std::swap(above, below);
    band.y = first;
    set_height(final_rows);
    const auto labels =
        torch::from_blob(band.labels.data(), {final_rows, width}, torch::TensorOptions(torch::kUInt8));
    torch::Tensor kept;
    if (want_probabilities)
      kept = torch::from_blob(band.probabilities.data(), {final_rows, width, classes}, torch::kFloat32);
    const auto row_weights = rows.weights(j).view({1, -1, 1});
    const auto right = rightmost.narrow(1, 0, seen_rows);
    for (std::int64_t i = 0; i < columns.count(); ++i) {
      const auto number = j * columns.count() + i;
      job.checkpoint("segmenting", number, total);
      const auto pixels = next.get();
      if (number + 1 < total) next = std::async(std::launch::async, read, number + 1);
      impl_->check(pixels, columns.read(), rows.read());
      tile_maps.copy_(impl_->probabilities_of(
          prepared_input(pixels, impl_->facts, columns.tile(), rows.tile()).to(impl_->device)));
      const auto from = columns.from(i);
      const auto seen_columns = columns.end(i) - from;
      const auto final_columns = columns.final_end(i) - from;
      const auto seen = tile_maps.narrow(1, first - rows.start(j), seen_rows)
                            .narrow(2, from - columns.start(i), seen_columns);
      seen.mul_(row_weights).mul_(columns.weights(i));
      if (i > 0) seen.narrow(2, 0, options.overlap) += right;
      if (i + 1 < columns.count()) right.copy_(seen.narrow(2, final_columns, options.overlap));
      const auto maps = seen.narrow(2, 0, final_columns);
      if (j > 0) maps.narrow(1, 0, options.overlap) += above.narrow(2, from, final_columns);
      if (j + 1 < rows.count())
        below.narrow(2, from, final_columns).copy_(maps.narrow(1, final_rows, options.overlap));
      const auto done = maps.narrow(1, 0, final_rows);
      labels.narrow(1, from, final_columns).copy_(done.argmax(0));
      if (want_probabilities) kept.narrow(1, from, final_columns).copy_(done.permute({1, 2, 0}));
    }
    sink(band);
  }
  job.checkpoint("segmenting", total, total);
}

void write_untrained_segmenter(const fs::path& folder, SegmenterFacts facts, const UNetArguments& arguments,
                               std::uint64_t seed) {
  facts.size_multiple = arguments.size_multiple();
  torch::manual_seed(seed);
  const UNet unet(
      arguments, facts.channels,
      facts.output == SegmenterOutput::sigmoid ? 1 : static_cast<std::int64_t>(facts.class_names.size()));
  nlohmann::ordered_json manifest{
      {"schema", "tessera.model/1"},
      {"name", (folder.has_filename() ? folder : folder.parent_path()).filename().string()},
      {"task", "segmentation"},
      {"architecture", "unet"},
      {"architecture_arguments", unet_arguments_to_json(arguments)}};
  put_segmenter_facts(manifest, facts);
  manifest["training_data"] = "none: random weights";
  manifest["intended_use"] = "tests; not for diagnosis";
  manifest["limitations"] = "untrained";
  manifest["licence"] = "not stated";
  PackageFolder making(folder);
  write_safetensors(making.path() / "model.safetensors", network_state(*unet));
  imaging::write_file(making.path() / "README.md",
                      fmt::format("# {}\n\nAn untrained U-Net. Research software, not for diagnosis.\n",
                                  manifest["name"].get<std::string>()));
  seal_package(making.path(), manifest);
  making.publish();
}

}  // namespace models
