#include "tests/bench/retina_bench.h"

#include <cstdio>
// libjpeg needs stdio first.
#include <jpeglib.h>
#include <torch/torch.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

#include "app/workflows/threads.h"
#include "imaging/fundus/field_of_view.h"
#include "imaging/fundus/fundus_reader.h"
#include "imaging/slide/reader_table.h"
#include "models/retina/fundus_augment.h"
#include "models/retina/fundus_transform.h"
#include "models/retina/grader_network_module.h"
#include "models/retina/grader_package.h"
#include "models/retina/retina_grader.h"
#include "models/runtime/nesterov_sgd.h"

namespace bench {
namespace {

/// Photographs of one repetition, as the peer takes them: 8 small ones or 2 large ones.
std::int64_t photographs_of(std::int64_t side) {
  return side > 300 ? 2 : 8;
}

models::GraderPackage resnet50_package(std::int64_t side) {
  models::GraderPackage package;
  package.name = "bench";
  package.facts["licence"] = "none; a measurement";
  package.arguments = models::grader_arguments_from_json("resnet50", {});
  package.weights =
      std::make_shared<const models::TensorMap>(models::initial_grader_weights(package.arguments, 1));
  package.transform = models::fundus_transform_steps(side, side);
  package.card = "# bench\n";
  return package;
}

}  // namespace

void retina_infer(const Arguments& arguments) {
  const auto side = std::stoll(arguments.at(0));
  const auto folder = std::filesystem::temp_directory_path() / ("retina-bench-" + std::to_string(::getpid()));
  models::write_grader_package(folder, resnet50_package(side));
  const auto grader = models::open_retina_grader(models::ModelPackage::open(folder), "cpu");
  std::filesystem::remove_all(folder);
  std::vector<models::FieldPicture> pictures;
  for (std::int64_t i = 0; i < photographs_of(side); ++i) {
    models::FieldPicture picture{imaging::Image8(side, side, 3, 90), imaging::Image8(side, side, 1, 255)};
    for (std::size_t k = 0; k < picture.image.values().size(); ++k)
      picture.image.values()[k] = static_cast<std::uint8_t>((k * 7 + static_cast<std::size_t>(i) * 13) % 251);
    pictures.push_back(std::move(picture));
  }
  repeat([&] {
    const auto grades = grader->grade(pictures);
    return std::to_string(grades.size()) + " photographs of " + std::to_string(side) + " px";
  });
}

void retina_train(const Arguments& arguments) {
  const auto side = std::stoll(arguments.at(0));
  const auto count = photographs_of(side);
  torch::manual_seed(1);
  models::GraderNetwork network(models::grader_arguments_from_json("resnet50", {}));
  network->train();
  const auto parameters = network->parameters();
  models::NesterovSgd optimizer(parameters, std::vector<double>(parameters.size(), 1e-3), 0.9, 5e-4);
  const auto x = torch::randn({count, 3, side, side});
  const auto labels = torch::arange(count) % 5;
  repeat(
      [&] {
        optimizer.zero_grad();
        const auto logits = network->heads(network->pool(network->late(network->early(x)))).grades;
        torch::cross_entropy_loss(logits, labels).backward();
        optimizer.step();
        return "a step of " + std::to_string(count) + " photographs of " + std::to_string(side) + " px";
      },
      1, 3);
}

void retina_pictures(const Arguments& arguments) {
  workflows::apply_threads(1);
  imaging::Random random(1);
  repeat([&] {
    const auto photograph = imaging::read_fundus(*imaging::open_slide(arguments.at(0)));
    auto crop =
        imaging::crop_to_field(photograph.pixels, imaging::find_field_of_view(photograph.pixels), 512);
    (void)models::augment_fundus({std::move(crop.image), std::move(crop.mask)}, 224,
                                 models::FundusAugmentation::baseline, false, random);
    return std::string("one photograph");
  });
}

void jpeg_decode(const Arguments& arguments) {
  std::ifstream file(arguments.at(0), std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  repeat([&] {
    jpeg_error_mgr errors{};
    jpeg_decompress_struct decoder{};
    decoder.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&decoder);
    jpeg_mem_src(&decoder, data, bytes.size());
    jpeg_read_header(&decoder, TRUE);
    decoder.out_color_space = JCS_RGB;
    jpeg_start_decompress(&decoder);
    std::vector<unsigned char> pixels(std::size_t{decoder.output_width} * decoder.output_height * 3);
    while (decoder.output_scanline < decoder.output_height) {
      auto* row = pixels.data() + std::size_t{decoder.output_scanline} * decoder.output_width * 3;
      jpeg_read_scanlines(&decoder, &row, 1);
    }
    jpeg_finish_decompress(&decoder);
    jpeg_destroy_decompress(&decoder);
    return std::string("one photograph");
  });
}

}  // namespace bench
