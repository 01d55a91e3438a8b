// Our side of tests/bench/compare: runs one piece several times with two threads and prints the seconds as a
// JSON list.
#include <torch/torch.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
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

void repeat(const std::function<void()>& run, int warm_up = 2, int count = 7) {
  for (int i = 0; i < warm_up; ++i) run();
  nlohmann::json taken = nlohmann::json::array();
  for (int i = 0; i < count; ++i) {
    const auto started = std::chrono::steady_clock::now();
    run();
    taken.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count());
  }
  std::cout << taken.dump() << '\n';
}

void abmil_infer(const Arguments&) {
  torch::manual_seed(1);
  const auto x = torch::randn({20000, 1024});
  mil::AbmilOptions options;
  options.input_dim = 1024;
  mil::AbmilModule module(options);
  module.eval();
  const c10::InferenceMode guard;
  repeat([&] { (void)torch::softmax(module.infer(x).logits, -1); });
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
  std::cout << "[0]\n";
}

void bag_read(const Arguments& arguments) {
  repeat([&] { (void)mil::read_bag(arguments.at(0)); });
}

void file_read(const Arguments& arguments) {
  repeat([&] {
    std::FILE* file = std::fopen(arguments.at(0).c_str(), "rb");
    std::fseek(file, 0, SEEK_END);
    std::vector<char> bytes(static_cast<std::size_t>(std::ftell(file)));
    std::rewind(file);
    if (std::fread(bytes.data(), 1, bytes.size(), file) != bytes.size()) std::abort();
    std::fclose(file);
  });
}

imaging::TileGrid grid_of(const imaging::SlideReader& reader, std::int64_t tile_px) {
  imaging::TileGridOptions options;
  options.tile_px = tile_px;
  options.tile_mpp = 1;  // with the scale "pixels" of 1 µm per pixel: level-0 pixels, as the peer reads
  return {reader.info().size_l0(), {1, 1, "pixels"}, options, nullptr};
}

void drain(const imaging::SlideReader& reader, const imaging::TileGrid& grid, int workers,
           const std::function<void(std::vector<imaging::Image8>)>& on_batch) {
  imaging::TileStreamOptions options;
  options.workers = workers;
  imaging::TileStream stream(reader, grid, options, {});
  std::vector<imaging::Image8> batch;
  while (auto tile = stream.next()) {
    batch.push_back(std::move(tile->pixels));
    if (batch.size() == 32) on_batch(std::exchange(batch, {}));
  }
  if (!batch.empty()) on_batch(std::move(batch));
}

void tiles(const Arguments& arguments) {
  const int workers = std::stoi(arguments.at(1));
  repeat([&] {
    const auto reader = imaging::open_slide(arguments.at(0));
    drain(*reader, grid_of(*reader, 256), workers, [](const auto&) {});
  });
}

void encode(const Arguments& arguments) {
  const auto encoder = models::open_encoder(models::ModelPackage::open(arguments.at(1)), "cpu");
  repeat(
      [&] {
        const auto reader = imaging::open_slide(arguments.at(0));
        drain(*reader, grid_of(*reader, 224), 1, [&](const auto& batch) { (void)encoder->encode(batch); });
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
