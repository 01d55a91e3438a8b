// Our side of tests/bench/compare: runs one piece several times with two threads and prints the seconds, and
// what one repetition did, as JSON.
#include <torch/torch.h>

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

#include "imaging/slide/reader_table.h"
#include "imaging/tiling/tile_stream.h"
#include "mil/aggregators/abmil_module.h"
#include "mil/bags/bag_store.h"
#include "models/encoders/encoder.h"
#include "models/runtime/device.h"

namespace {

constexpr int kThreads = 2;
using Arguments = std::vector<std::string>;

/// @param run  returns what it did, as the peer states it
void repeat(const std::function<std::string()>& run, int warm_up = 2, int count = 7) {
  std::string work;
  for (int i = 0; i < warm_up; ++i) work = run();
  nlohmann::json taken = nlohmann::json::array();
  for (int i = 0; i < count; ++i) {
    const auto started = std::chrono::steady_clock::now();
    work = run();
    taken.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count());
  }
  std::cout << nlohmann::json{{"seconds", taken}, {"work", work}}.dump() << '\n';
}

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

void bag_write(const Arguments& arguments) {
  mil::Bag bag;
  bag.id = "bench";
  bag.count = 50000;
  bag.dim = 1024;
  torch::manual_seed(1);
  const auto features = torch::randn({bag.count, bag.dim});
  bag.features.assign(features.data_ptr<float>(), features.data_ptr<float>() + features.numel());
  bag.coords.assign(static_cast<std::size_t>(bag.count) * 2, 0);
  mil::write_bag(arguments.at(0), bag, {});
  std::cout << "{}\n";
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

void tiles(const Arguments& arguments) {
  const int workers = std::stoi(arguments.at(1));
  repeat([&] {
    const auto reader = imaging::open_slide(arguments.at(0));
    return drain(*reader, grid_of(*reader, 256), workers, [](const auto&) {});
  });
}

void encode(const Arguments& arguments) {
  const auto encoder = models::open_encoder(models::ModelPackage::open(arguments.at(1)), "cpu");
  repeat(
      [&] {
        const auto reader = imaging::open_slide(arguments.at(0));
        return drain(*reader, grid_of(*reader, 224), 1,
                     [&](const auto& batch) { (void)encoder->encode(batch); });
      },
      1, 3);
}

}  // namespace

int main(int argc, char** argv) {
  const std::map<std::string, void (*)(const Arguments&)> table = {
      {"abmil-infer", abmil_infer}, {"bag-write", bag_write}, {"bag-read", bag_read},
      {"file-read", file_read},     {"tiles", tiles},         {"encode", encode}};
  if (argc < 2 || !table.contains(argv[1])) {
    std::cerr << "usage: tessera_bench NAME [ARGUMENTS]; called by tests/bench/compare\n";
    return 2;
  }
  models::set_compute_threads(kThreads);
  table.at(argv[1])(Arguments(argv + 2, argv + argc));
  return 0;
}
