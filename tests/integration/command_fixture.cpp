#include "tests/integration/command_fixture.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>

#include "imaging/base/random.h"
#include "imaging/raster/png.h"
#include "mil/bags/bag_store.h"
#include "mil/training/trainer.h"
#include "models/encoders/encoder.h"
#include "models/encoders/pack_encoder.h"
#include "models/encoders/resnet_module.h"
#include "models/retina/fundus_transform.h"
#include "models/retina/grader_package.h"
#include "models/runtime/safetensors.h"

namespace support {
namespace fs = std::filesystem;

CommandOutput run_tessera(const std::string& arguments) {
  return run_command((bin_folder() / "tessera").string() + " " + arguments);
}

void paint_tissue_png(const fs::path& path, imaging::SizeI size, imaging::RectD tissue, std::uint64_t seed) {
  imaging::Image8 image(size.width, size.height, 3, 245);
  imaging::Random random(seed);
  for (auto y = static_cast<std::int64_t>(tissue.y); y < static_cast<std::int64_t>(tissue.bottom()); ++y) {
    for (auto x = static_cast<std::int64_t>(tissue.x); x < static_cast<std::int64_t>(tissue.right()); ++x) {
      auto* pixel = image.pixel(x, y);
      pixel[0] = static_cast<std::uint8_t>(190 + random.index(30));
      pixel[1] = static_cast<std::uint8_t>(90 + random.index(60));
      pixel[2] = static_cast<std::uint8_t>(150 + random.index(30));
    }
  }
  imaging::write_png(path, image);
}

const TinyModels& tiny_models() {
  static const TemporaryFolder folder;
  static const TinyModels models = [] {
    TinyModels made{folder / "tiny-encoder", folder / "run" / "tiny-classifier"};
    torch::manual_seed(5);
    models::ResNetArguments arguments;
    arguments.layers = {1, 1, 1, 1};
    arguments.width = 4;
    models::ResNet network(arguments);
    models::TensorMap state;
    for (const auto& item : network->named_parameters()) state[item.key()] = item.value().detach();
    for (const auto& item : network->named_buffers()) state[item.key()] = item.value();
    models::write_safetensors(folder / "weights.safetensors", state);
    models::pack_encoder({.weights = folder / "weights.safetensors",
                          .name = "tiny-encoder",
                          .preset = std::nullopt,
                          .patch_size = 32,
                          .mpp = 1.0,
                          .input_size = std::nullopt,
                          .licence = "Apache-2.0",
                          .card = std::nullopt},
                         made.encoder);
    const auto encoder = models::ModelPackage::open(made.encoder);
    mil::TrainingSet set;
    imaging::Random random(3);
    for (int i = 0; i < 8; ++i) {
      mil::Bag bag{
          .id = fmt::format("bag{}", i), .count = 6, .dim = arguments.dim(), .features = {}, .coords = {}};
      for (std::int64_t k = 0; k < bag.count * bag.dim; ++k)
        bag.features.push_back(static_cast<float>(random.normal(i % 2, 1)));
      for (std::int64_t k = 0; k < bag.count; ++k) bag.coords.insert(bag.coords.end(), {k * 32, 0});
      set.bags[bag.id] = {folder / (bag.id + ".h5")};
      mil::write_bag(
          set.bags[bag.id].front(), bag,
          {.coords_attributes = {{"tile_px", std::int64_t{32}}, {"tile_mpp", 1.0}},
           .features_attributes = {{"encoder", encoder.name()}, {"encoder_sha256", encoder.sha256()}},
           .scores = std::nullopt});
      set.labels.rows.push_back({bag.id, bag.id, i % 2 == 0 ? "normal" : "tumour"});
      set.split.train.push_back(bag.id);
    }
    mil::TrainingPlan plan;
    plan.training.epochs = 2;
    plan.base.embed_dim = 8;
    plan.base.attention_dim = 4;
    const auto result = mil::train_classifier(set, plan, 1, "cpu", imaging::JobContext{});
    mil::write_classifier_package(made.classifier, result,
                                  {.name = "tiny-classifier", .licence = "Apache-2.0"});
    return made;
  }();
  return models;
}

const fs::path& tiny_grader() {
  static const TemporaryFolder folder;
  static const fs::path package = [] {
    models::GraderPackage made;
    made.name = "tiny-grader";
    made.arguments.architecture = "resnet18";
    made.arguments.backbone.layers = {1, 1, 1, 1};
    made.arguments.backbone.width = 4;
    made.arguments.oedema_count = 3;
    made.weights = std::make_shared<models::TensorMap>(models::initial_grader_weights(made.arguments, 5));
    made.transform = models::fundus_transform_steps(256, 256);
    made.calibration = {{"method", "temperature"}, {"temperature", 1.5}};
    made.facts = {{"training_data", "nothing: random weights"},
                  {"intended_use", "tests"},
                  {"limitations", "knows nothing"},
                  {"licence", "Apache-2.0"}};
    made.card = "# tiny-grader\n";
    const auto target = folder / "tiny-grader";
    models::write_grader_package(target, made);
    return target;
  }();
  return package;
}

std::string listing(const fs::path& folder) {
  std::vector<std::string> lines;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    lines.push_back(fmt::format("{} {} {}", entry.path().lexically_relative(folder).generic_string(),
                                imaging::sha256_of_file(entry.path()),
                                entry.last_write_time().time_since_epoch().count()));
  }
  std::sort(lines.begin(), lines.end());
  return fmt::format("{}", fmt::join(lines, "\n"));
}

}  // namespace support
