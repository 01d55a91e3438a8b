#include "models/segmentation/segmenter.h"

#include <torch/script.h>
#include <torch/torch.h>

#include <cmath>

#include "imaging/base/files.h"
#include "models/runtime/safetensors.h"
#include "models/segmentation/unet_module.h"
#include "tests/support/test_support.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using imaging::Image8;
using imaging::ImageF;
using testing::HasSubstr;

SegmenterFacts two_classes(std::int64_t channels = 3) {
  SegmenterFacts facts;
  facts.class_names = {"background", "vessel"};
  facts.channels = channels;
  return facts;
}

const UNetArguments kTiny{.widths = {4, 8, 8}};

ImageF painted(std::int64_t width, std::int64_t height, int channels = 3) {
  ImageF image(width, height, channels);
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) {
        image.pixel(x, y)[c] = static_cast<float>(127 + 100 * std::sin(0.11 * static_cast<double>(x) + c) *
                                                            std::cos(0.07 * static_cast<double>(y)));
      }
    }
  }
  return image;
}

/// A TorchScript segmenter whose answer for a pixel depends on that pixel alone: a dark one is class 1.
void write_pixelwise(const std::filesystem::path& folder, const std::string& code, SegmenterFacts facts) {
  torch::jit::Module module("pixelwise");
  module.define(code);
  std::filesystem::create_directories(folder);
  module.save((folder / "model.pt").string());
  nlohmann::ordered_json manifest{{"schema", "tessera.model/1"},
                                  {"name", "pixelwise"},
                                  {"task", "segmentation"},
                                  {"architecture", "torchscript"},
                                  {"licence", "none"}};
  put_segmenter_facts(manifest, facts);
  imaging::write_file(folder / "README.md", "# test\n");
  seal_package(folder, manifest);
}

constexpr const char* kDarkIsOne = "def forward(self, x):\n  z = 20 * (0.5 - x[:, 0:1])\n  return z\n";

TEST(SegmenterTest, OpensItsOwnPackagesAndGivesProbabilities) {
  const support::TemporaryFolder folder;
  for (const bool has_instance_norm : {false, true}) {
    const auto path = folder / (has_instance_norm ? "ibn" : "plain");
    write_untrained_segmenter(path, two_classes(),
                              {.widths = {4, 8, 8}, .has_instance_norm = has_instance_norm}, 3);
    auto segmenter = Segmenter::open(ModelPackage::open(path), "cpu");
    EXPECT_EQ(segmenter.size_multiple(), 4);
    const auto result = segmenter.segment(painted(61, 47), true);
    ASSERT_EQ(result.labels.width(), 61);
    ASSERT_EQ(result.labels.height(), 47);
    ASSERT_EQ(result.probabilities.channels(), 2);
    for (std::int64_t i = 0; i < 61 * 47; ++i) {
      const auto* p = result.probabilities.data() + 2 * i;
      ASSERT_NEAR(p[0] + p[1], 1, 1e-5);
      ASSERT_EQ(result.labels.data()[i], p[1] > p[0] ? 1 : 0);
    }
    EXPECT_EQ(segmenter.segment(painted(61, 47), true).probabilities, result.probabilities);
  }
}

TEST(SegmenterTest, FoldedUNetEqualsTheTrainedOne) {
  torch::manual_seed(5);
  for (const bool has_instance_norm : {false, true}) {
    UNet unet(UNetArguments{.widths = {6, 8, 12}, .has_instance_norm = has_instance_norm}, 3, 2);
    const torch::NoGradGuard no_grad;
    for (auto& item : unet->named_buffers()) {
      if (item.key().ends_with("running_mean")) item.value().normal_(0, 0.3);
      if (item.key().ends_with("running_var")) item.value().uniform_(0.5, 2);
    }
    unet->eval();
    const auto x = torch::rand({2, 3, 24, 36});
    const auto expected = unet->forward(x);
    unet->prepare_for_inference();
    EXPECT_LT((unet->forward(x) - expected).abs().max().item<double>(), 1e-5);
  }
}

TEST(SegmenterTest, TilesOfAPixelwiseNetworkLeaveNoSeam) {
  const support::TemporaryFolder folder;
  auto facts = two_classes(1);
  facts.output = SegmenterOutput::sigmoid;
  facts.size_multiple = 8;
  write_pixelwise(folder / "p", kDarkIsOne, facts);
  auto segmenter = Segmenter::open(ModelPackage::open(folder / "p"), "cpu");
  for (const auto& [width, height] : {std::pair{203, 150}, {64, 64}, {65, 200}, {7, 300}, {129, 65}}) {
    const auto picture = painted(width, height, 1);
    const auto result = segmenter.segment(picture, true, {.tile = 64, .overlap = 16});
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(width) * height; ++i) {
      const double z = 20 * (0.5 - static_cast<double>(picture.data()[i]) / 255);
      ASSERT_NEAR(result.probabilities.data()[2 * i + 1], 1 / (1 + std::exp(-z)), 1e-5) << width << " " << i;
    }
  }
}

TEST(SegmenterTest, BandsComeFromTopToBottomWithoutGaps) {
  const support::TemporaryFolder folder;
  write_untrained_segmenter(folder / "u", two_classes(), kTiny, 1);
  auto segmenter = Segmenter::open(ModelPackage::open(folder / "u"), "cpu");
  const auto picture = painted(150, 200);
  std::int64_t next = 0;
  const PixelSource source{
      .size = {150, 200},
      .read = [&](std::int64_t x, std::int64_t y, std::int64_t width, std::int64_t height) {
        EXPECT_GE(x, 0);
        EXPECT_LE(x + width, 150);
        EXPECT_LE(y + height, 200);
        ImageF part(width, height, 3);
        for (std::int64_t row = 0; row < height; ++row)
          std::copy_n(picture.pixel(x, y + row), width * 3, part.row(row));
        return part;
      }};
  const auto whole = segmenter.segment(picture, false, {.tile = 64, .overlap = 16});
  segmenter.segment(source,
                    [&](const SegmentedBand& band) {
                      EXPECT_EQ(band.y, next);
                      EXPECT_TRUE(band.probabilities.empty());
                      EXPECT_TRUE(std::equal(band.labels.values().begin(), band.labels.values().end(),
                                             whole.labels.row(band.y)));
                      next += band.labels.height();
                    },
                    false, {.tile = 64, .overlap = 16});
  EXPECT_EQ(next, 200);
}

TEST(SegmenterTest, ResizesToTheWorkingSizeAndBack) {
  const support::TemporaryFolder folder;
  auto facts = two_classes(1);
  facts.output = SegmenterOutput::sigmoid;
  facts.working_size = 48;
  write_pixelwise(folder / "p", kDarkIsOne, facts);
  auto segmenter = Segmenter::open(ModelPackage::open(folder / "p"), "cpu");
  ImageF picture(192, 96, 1, 200);
  for (std::int64_t y = 30; y < 60; ++y) {
    for (std::int64_t x = 40; x < 120; ++x) *picture.pixel(x, y) = 20;
  }
  const auto result = segmenter.segment(picture);
  std::int64_t wrong = 0;
  for (std::int64_t y = 0; y < 96; ++y) {
    for (std::int64_t x = 0; x < 192; ++x) {
      const bool is_dark = *picture.pixel(x, y) < 100;
      if (is_dark != (*result.labels.pixel(x, y) == 1)) ++wrong;
    }
  }
  EXPECT_LT(wrong, 192 * 96 / 50);
  EXPECT_TRUE(result.probabilities.empty());
}

TEST(SegmenterTest, RefusesWhatDoesNotFit) {
  const support::TemporaryFolder folder;
  write_untrained_segmenter(folder / "u", two_classes(), kTiny, 1);
  const auto package = ModelPackage::open(folder / "u");
  auto segmenter = Segmenter::open(package, "cpu");
  const auto has_code = [](ErrorCode code) { return testing::Throws<Error>(support::HasCode(code)); };
  EXPECT_THAT([&] { (void)segmenter.segment(painted(40, 40, 4)); },
              testing::ThrowsMessage<Error>(HasSubstr("takes 3 channels; the picture has 4")));
  EXPECT_THAT([&] { (void)segmenter.segment(ImageF()); }, has_code(ErrorCode::invalid_argument));
  EXPECT_THAT([&] { (void)segmenter.segment(painted(40, 40), false, {.tile = 32, .overlap = 20}); },
              has_code(ErrorCode::invalid_argument));
  EXPECT_THAT([&] { write_untrained_segmenter(folder / "u", two_classes(), kTiny, 1); },
              has_code(ErrorCode::invalid_argument));

  auto facts = two_classes(1);
  facts.class_names = {"background", "disc", "cup"};
  write_pixelwise(folder / "p", kDarkIsOne, facts);
  EXPECT_THAT([&] { (void)Segmenter::open(ModelPackage::open(folder / "p"), "cpu"); },
              testing::ThrowsMessage<Error>(HasSubstr("must be [B, 3, H, W]")));
  auto manifest = package.manifest();
  manifest["class_names"] = {"background"};
  EXPECT_THAT([&] { (void)segmenter_facts_of(manifest); }, has_code(ErrorCode::corrupt_data));
}

}  // namespace
}  // namespace models
