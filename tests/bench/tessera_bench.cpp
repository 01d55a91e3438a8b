// Our side of tests/bench/compare: runs one piece several times with two threads and prints the seconds, and
// what one repetition did, as JSON.
#include <openslide.h>
#include <tiffio.h>
#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "app/workflows/threads.h"
#include "imaging/base/process_memory.h"
#include "imaging/phantom/slide_phantom.h"
#include "imaging/slide/pyramid_tiff_writer.h"
#include "imaging/slide/reader_table.h"
#include "imaging/tiling/tile_stream.h"
#include "mil/aggregators/abmil_module.h"
#include "mil/aggregators/aggregator_table.h"
#include "mil/aggregators/base_options.h"
#include "mil/bags/bag_store.h"
#include "mil/training/mhim_method.h"
#include "models/adaptation/adapter.h"
#include "models/adaptation/unmix_tns.h"
#include "models/encoders/encoder.h"
#include "models/runtime/device.h"
#include "models/segmentation/segmenter.h"
#include "models/segmentation/unet_module.h"
#include "tests/bench/repeat.h"
#include "tests/bench/retina_bench.h"

namespace {

using bench::Arguments;
using bench::kThreads;
using bench::repeat;

void abmil_infer(const Arguments&) {
  torch::manual_seed(1);
  const auto x = torch::randn({20000, 1024});
  mil::AbmilOptions options;
  options.input_dim = 1024;
  mil::AbmilModule module(options);
  module.eval();
  const c10::InferenceMode guard;
  repeat([&] {
    (void)torch::softmax(module.infer(x).logits, -1);
    return std::to_string(x.size(0)) + " instances";
  });
}

/// One training step of MHIM with the masking of methods/mil.md section 7, the schedules constant.
void mhim(const Arguments& arguments) {
  const auto& base = arguments.at(0);
  const auto count = std::stoll(arguments.at(1));
  torch::manual_seed(1);
  const auto x = torch::randn({count, 1024});
  const auto shape = nlohmann::json(mil::aggregator_arguments(base, {}, 1024, 2));
  const auto settings = mil::mhim_settings({}, base);
  mil::MhimPair pair(mil::make_aggregator(base, shape), mil::make_aggregator(base, shape), settings, 1e-5,
                     /*total_steps=*/1'000'000);
  pair.student().train();
  const auto logit_loss = [](const torch::Tensor& logits, std::int64_t label) {
    return torch::nn::functional::cross_entropy(logits.unsqueeze(0), torch::full({1}, label, torch::kLong));
  };
  std::int64_t step = 0;
  repeat(
      [&] {
        (void)pair.accumulate(x, 1, logit_loss, step);
        pair.update(2e-4, step++);
        return "a step of " + std::to_string(count) + " instances";
      },
      base == "abmil" ? 3 : 1, base == "abmil" ? 7 : 3);
}

void bag_read(const Arguments& arguments) {
  const auto bytes = std::filesystem::file_size(arguments.at(0));
  repeat([&] {
    (void)mil::read_bag(arguments.at(0));
    return std::to_string(bytes) + " bytes";
  });
}

void file_read(const Arguments& arguments) {
  repeat([&] {
    const auto size = std::filesystem::file_size(arguments.at(0));
    const auto bytes = std::make_unique_for_overwrite<char[]>(size);
    std::ifstream file(arguments.at(0), std::ios::binary);
    if (!file.read(bytes.get(), static_cast<std::streamsize>(size))) std::abort();
    return std::to_string(size) + " bytes";
  });
}

imaging::TileGrid grid_of(const imaging::SlideReader& reader, std::int64_t tile_px) {
  imaging::TileGridOptions options;
  options.tile_px = tile_px;
  options.tile_mpp = 1;  // with the scale "pixels" of 1 µm per pixel: level-0 pixels, as the peer reads
  return {reader.info().size_l0(), {1, 1, "pixels"}, options, nullptr};
}

std::string drain(const imaging::SlideReader& reader, const imaging::TileGrid& grid, int workers,
                  const std::function<void(std::vector<imaging::Image8>)>& on_batch) {
  imaging::TileStreamOptions options;
  options.workers = workers;
  imaging::TileStream stream(reader, grid, options, {});
  std::vector<imaging::Image8> batch;
  std::size_t count = 0;
  while (auto tile = stream.next()) {
    batch.push_back(std::move(tile->pixels));
    ++count;
    if (batch.size() == 32) on_batch(std::exchange(batch, {}));
  }
  if (!batch.empty()) on_batch(std::move(batch));
  return std::to_string(count) + " tiles";
}

/// The whole slide in decode workers' order; with two of them the main thread only takes the tiles.
void tile_stream(const Arguments& arguments) {
  const int workers = std::stoi(arguments.at(1));
  repeat(
      [&] {
        const auto reader = imaging::open_slide(arguments.at(0));
        return drain(*reader, grid_of(*reader, 256), workers, [](const auto&) {});
      },
      1, 3);
}

/// Calls `read(x, y)` for each 256 x 256 tile of a level.
template <typename Read>
std::string each_tile(std::int64_t width, std::int64_t height, const Read& read) {
  std::size_t count = 0;
  for (std::int64_t y = 0; y < height; y += 256) {
    for (std::int64_t x = 0; x < width; x += 256, ++count) read(x, y);
  }
  return std::to_string(count) + " tiles";
}

void tiles(const Arguments& arguments) {
  repeat(
      [&] {
        const auto reader = imaging::open_slide(arguments.at(0));
        const auto size = reader->info().size_l0();
        return each_tile(size.width, size.height, [&](std::int64_t x, std::int64_t y) {
          (void)reader->read_region(x, y, 0, {256, 256});
        });
      },
      1, 3);
}

void tiles_openslide(const Arguments& arguments) {
  repeat(
      [&] {
        const std::unique_ptr<openslide_t, void (*)(openslide_t*)> slide(
            openslide_open(arguments.at(0).c_str()), &openslide_close);
        std::int64_t width = 0;
        std::int64_t height = 0;
        openslide_get_level0_dimensions(slide.get(), &width, &height);
        std::vector<std::uint32_t> argb(256 * 256);
        auto work = each_tile(width, height, [&](std::int64_t x, std::int64_t y) {
          openslide_read_region(slide.get(), argb.data(), x, y, 0, 256, 256);
        });
        if (openslide_get_error(slide.get()) != nullptr) std::abort();
        return work;
      },
      1, 3);
}

void tiles_libtiff(const Arguments& arguments) {
  repeat(
      [&] {
        const std::unique_ptr<TIFF, void (*)(TIFF*)> file(TIFFOpen(arguments.at(0).c_str(), "r"), &TIFFClose);
        std::uint32_t width = 0;
        std::uint32_t height = 0;
        TIFFGetField(file.get(), TIFFTAG_IMAGEWIDTH, &width);
        TIFFGetField(file.get(), TIFFTAG_IMAGELENGTH, &height);
        TIFFSetField(file.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
        std::vector<std::uint8_t> rgb(static_cast<std::size_t>(TIFFTileSize(file.get())));
        return each_tile(width, height, [&](std::int64_t x, std::int64_t y) {
          if (TIFFReadTile(file.get(), rgb.data(), static_cast<std::uint32_t>(x),
                           static_cast<std::uint32_t>(y), 0, 0) < 0) {
            std::abort();
          }
        });
      },
      1, 3);
}

void encode(const Arguments& arguments) {
  const auto encoder = models::open_encoder(models::ModelPackage::open(arguments.at(1)), "cpu");
  repeat(
      [&] {
        const auto reader = imaging::open_slide(arguments.at(0));
        return drain(*reader, grid_of(*reader, 224), 1,
                     [&](const auto& batch) { (void)encoder->encode(batch); });
      },
      1, 1);
}

imaging::SlidePhantomOptions bench_phantom() {
  imaging::SlidePhantomOptions options;
  options.seed = 3;
  options.tumour_fraction = 0.2;
  return options;
}

std::string megapixels(const imaging::SlidePhantomOptions& options) {
  return std::to_string(options.width * options.height / 1000000) + " MPix";
}

void phantom_write(const Arguments& arguments) {
  const auto options = bench_phantom();
  repeat(
      [&] {
        imaging::write_slide_phantom(arguments.at(0), options, {}, 1);
        return megapixels(options);
      },
      1, 1);
}

/// The limit of phantom_write: the same pixels, painted beforehand.
void rows_write(const Arguments& arguments) {
  const auto options = bench_phantom();
  const imaging::SlidePhantom phantom(options);
  std::vector<imaging::Image8> bands;
  for (std::int64_t y = 0; y < options.height; y += imaging::PyramidTiffWriter::kTilePx) {
    const auto rows = std::min(imaging::PyramidTiffWriter::kTilePx, options.height - y);
    bands.push_back(phantom.render(0, y, {options.width, rows}));
  }
  repeat(
      [&] {
        imaging::PyramidTiffWriter writer(arguments.at(0), {.size = {options.width, options.height},
                                                            .jpeg_quality = 88,
                                                            .downsamples = {},
                                                            .description = ""});
        for (const auto& band : bands) writer.append_rows(band);
        writer.finish();
        return megapixels(options);
      },
      1, 1);
}

/// A step of OSUDA on a small U-Net.
void adapt_step(const Arguments&) {
  torch::manual_seed(1);
  models::UNet unet(models::UNetArguments{.widths = {16, 32, 64, 128}}, 3, 2);
  unet->eval();
  const auto x = torch::rand({8, 3, 256, 256});
  models::Adapter adapter({.forward = [&](const torch::Tensor& input) { return unet->forward(input); },
                           .state = models::network_state(*unet),
                           .parameters = unet->parameters()},
                          {}, /*seed=*/1, x);
  std::int64_t t = 0;
  repeat(
      [&] {
        (void)adapter.step(x, t++, 500, 1);
        return "a step of 8 pictures of 256 x 256";
      },
      /*warm_up=*/1, /*count=*/4);
}

/// A picture of side x side pixels, tile by tile, in memory that does not grow with it.
/// @param arguments  side, number of repetitions, widths
void segment_infer(const Arguments& arguments) {
  const auto side = std::stoll(arguments.at(0));
  models::UNetArguments shape{.widths = {}};
  for (std::size_t i = 2; i < arguments.size(); ++i) shape.widths.push_back(std::stoll(arguments[i]));
  const auto folder =
      std::filesystem::temp_directory_path() / ("tessera-bench-" + std::to_string(::getpid()));
  models::SegmenterFacts facts;
  facts.class_names = {"background", "vessel"};
  models::write_untrained_segmenter(folder, facts, shape, 1);
  auto segmenter = models::Segmenter::open(models::ModelPackage::open(folder), "cpu");
  std::filesystem::remove_all(folder);
  const models::PixelSource source{
      .size = {side, side},
      .read = [](std::int64_t x, std::int64_t y, std::int64_t width, std::int64_t height) {
        imaging::ImageF tile(width, height, 3);
        auto* value = tile.data();
        for (std::int64_t row = y; row < y + height; ++row) {
          for (std::int64_t i = 3 * x; i < 3 * (x + width); ++i)
            *value++ = static_cast<float>((i * 7 + row * 13) % 256);
        }
        return tile;
      }};
  const auto run = [&] {
    std::int64_t rows = 0;
    segmenter.segment(source, [&](const models::SegmentedBand& band) { rows += band.labels.height(); });
    return std::to_string(side) + " x " + std::to_string(rows) + " pixels";
  };
  const auto count = std::stoi(arguments.at(1));
  repeat(run, /*warm_up=*/count > 1 ? 1 : 0, count);
}

/// One normalisation layer on 8 pictures: UnMix-TNS as it adapts, or plain batch norm in evaluation.
void norm_layer(const Arguments& arguments) {
  torch::manual_seed(1);
  const torch::NoGradGuard no_grad;
  const auto x = torch::randn({8, 32, 256, 256});
  const auto zeros = torch::zeros({32}), ones = torch::ones({32});
  const models::SourceNorm source{.statistics = {zeros, ones}, .scale = ones, .shift = zeros};
  auto components = models::make_components(source.statistics, torch::randn({16, 32}));
  repeat([&] {
    if (arguments.at(0) == "unmix") {
      (void)models::unmix_normalise(x, components, source, 0.1);
    } else {
      (void)at::batch_norm(x, ones, zeros, zeros, ones, false, 0, 1e-5, false);
    }
    return "a layer of 32 channels on 8 pictures of 256 x 256";
  });
}

}  // namespace

int main(int argc, char** argv) {
  workflows::start_with_fast_libraries(argv);
  const std::map<std::string, void (*)(const Arguments&)> table = {
      {"abmil-infer", abmil_infer},
      {"mhim", mhim},
      {"retina-infer", bench::retina_infer},
      {"retina-train", bench::retina_train},
      {"retina-pictures", bench::retina_pictures},
      {"jpeg-decode", bench::jpeg_decode},
      {"bag-read", bag_read},
      {"file-read", file_read},
      {"tiles", tiles},
      {"tiles-openslide", tiles_openslide},
      {"tiles-libtiff", tiles_libtiff},
      {"tile-stream", tile_stream},
      {"encode", encode},
      {"phantom-write", phantom_write},
      {"rows-write", rows_write},
      {"adapt-step", adapt_step},
      {"segment-infer", segment_infer},
      {"norm-layer", norm_layer}};
  if (argc < 2 || !table.contains(argv[1])) {
    std::cerr << "usage: tessera_bench NAME [ARGUMENTS]; called by tests/bench/compare\n";
    return 2;
  }
  imaging::keep_freed_memory();
  models::set_compute_threads(kThreads);
  table.at(argv[1])(Arguments(argv + 2, argv + argc));
  return 0;
}
