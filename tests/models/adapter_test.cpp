#include "models/adaptation/adapter.h"

#include <fmt/format.h>
#include <torch/script.h>
#include <torch/torch.h>

#include <cmath>

#include "imaging/base/files.h"
#include "models/adaptation/adapt_segmenter.h"
#include "models/adaptation/channel_statistics.h"
#include "models/adaptation/hooked_script.h"
#include "models/adaptation/mixed_norm.h"
#include "models/adaptation/monitors.h"
#include "models/segmentation/pack_segmenter.h"
#include "models/segmentation/segmenter.h"
#include "models/segmentation/unet_module.h"
#include "tests/support/test_support.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using imaging::ImageF;
using testing::HasSubstr;
using testing::ThrowsMessage;

const UNetArguments kTiny{.widths = {4, 6, 8}};

/// A network as training leaves it: running statistics of its own.
UNet settled_unet(const UNetArguments& arguments = kTiny) {
  torch::manual_seed(11);
  UNet unet(arguments, 3, 2);
  unet->train();
  const torch::NoGradGuard no_grad;
  for (int i = 0; i < 20; ++i) (void)unet->forward(torch::rand({4, 3, 32, 32}));
  unet->eval();
  return unet;
}

AdaptableNetwork network_of(UNet unet) {
  return {.forward = [unet](const torch::Tensor& x) mutable { return unet->forward(x); },
          .state = network_state(*unet),
          .parameters = unet->parameters()};
}

AdaptOptions options_of(const std::string& name) {
  AdaptOptions options;
  options.adapt = name;
  options.steps = 6;
  options.batch = 4;
  return options;
}

torch::Tensor target_batch(std::int64_t seed = 3) {
  torch::manual_seed(seed);
  return 1 - 0.6 * torch::rand({4, 3, 32, 32});
}

bool are_same(const TensorMap& a, const TensorMap& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && torch::equal(x.second, y.second);
  });
}

TensorMap copied(const TensorMap& state) {
  TensorMap copy;
  for (const auto& [name, tensor] : state) copy[name] = tensor.clone();
  return copy;
}

TEST(MixedNormTest, HasTheGradientsOfTheComposedFormula) {
  torch::manual_seed(2);
  for (const bool is_unbiased : {false, true}) {
    for (const double weight : {0.0, 0.3, 1.0}) {
      const auto make = [](const torch::Tensor& values) { return values.clone().requires_grad_(true); };
      const auto x = torch::randn({3, 5, 6, 7}, torch::kFloat64), scale = torch::rand({5}, torch::kFloat64);
      const auto shift = torch::randn({5}, torch::kFloat64),
                 upstream = torch::randn({3, 5, 6, 7}, torch::kFloat64);
      const ChannelStatistics source{torch::randn({5}, torch::kFloat64),
                                     torch::rand({5}, torch::kFloat64) + 0.5};
      const auto x1 = make(x), scale1 = make(scale), shift1 = make(shift);
      const auto expected = normalise_channels(
          x1, mixed_statistics(source, batch_statistics(x1, is_unbiased), weight), scale1, shift1, 1e-5);
      (expected * upstream).sum().backward();
      const auto x2 = make(x), scale2 = make(scale), shift2 = make(shift);
      const auto found = mixed_normalise(x2, source, scale2, shift2, 1e-5, weight, is_unbiased);
      (found.y * upstream).sum().backward();
      EXPECT_TRUE(torch::allclose(found.y, expected, 1e-9, 1e-10)) << weight;
      EXPECT_TRUE(torch::allclose(x2.grad(), x1.grad(), 1e-7, 1e-9)) << weight << is_unbiased;
      EXPECT_TRUE(torch::allclose(scale2.grad(), scale1.grad(), 1e-7, 1e-9)) << weight;
      EXPECT_TRUE(torch::allclose(shift2.grad(), shift1.grad(), 1e-7, 1e-9)) << weight;
    }
  }
}

TEST(AdapterTest, ResetRestoresTheSourceBitForBit) {
  for (const char* name : {"bn", "ubna", "alpha-bn", "core", "unmix-tns", "osuda"}) {
    auto unet = settled_unet();
    const auto source = copied(network_state(*unet));
    const auto probe = target_batch();
    const auto before = unet->forward(probe);
    auto options = options_of(name);
    options.trainable = "all";
    Adapter adapter(network_of(unet), options, 1, probe);
    EXPECT_EQ(adapter.layers(), 10U) << name;
    const auto steps = adapter.steps(2);
    for (std::int64_t t = 0; t < steps; ++t) (void)adapter.step(target_batch(t), t, steps, 2);
    if (adapter.collects()) adapter.collect(probe);
    adapter.settle();
    EXPECT_FALSE(torch::equal(adapter.predict(probe), before)) << name;
    adapter.reset();
    EXPECT_TRUE(are_same(network_state(*unet), source)) << name;
    EXPECT_TRUE(torch::equal(unet->forward(probe), before)) << name;
  }
}

TEST(AdapterTest, TestTimeBatchNormStoresTheTargetsStatistics) {
  auto unet = settled_unet();
  const auto x = target_batch();
  Adapter adapter(network_of(unet), options_of("bn"), 1, x);
  EXPECT_EQ(adapter.steps(1), 0);
  adapter.collect(x);
  adapter.settle();
  const auto settled = adapter.predict(x);
  // As a network in training mode normalises the same batch.
  auto reference = settled_unet();
  reference->train();
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(torch::allclose(settled, reference->forward(x), 1e-4, 1e-4));
}

TEST(AdapterTest, OsudaStartsAsTheSourceAndHoldsItsLog) {
  auto unet = settled_unet();
  const auto x = target_batch();
  Adapter adapter(network_of(unet), options_of("osuda"), 1, x);
  const auto first = adapter.step(x, 0, 6, 1);
  EXPECT_EQ(first.source_share, 1);
  EXPECT_EQ(first.entropy_weight, 10);
  EXPECT_EQ(first.consistency, 0);
  EXPECT_NEAR(first.mean_alpha, 1, 1e-6);
  const auto second = adapter.step(x, 1, 6, 1);
  EXPECT_NEAR(second.source_share, std::exp(-1.0), 1e-12);
  EXPECT_GT(second.consistency, 0);
  EXPECT_NEAR(second.mean_alpha, 1, 1e-5);
}

TEST(AdapterTest, AStoppedRunGoesOnWithTheSameBits) {
  for (const char* name : {"core", "unmix-tns", "osuda", "ubna"}) {
    auto whole = settled_unet();
    Adapter uninterrupted(network_of(whole), options_of(name), 4, target_batch());
    TensorMap middle;
    for (std::int64_t t = 0; t < 6; ++t) {
      (void)uninterrupted.step(target_batch(t), t, 6, 6);
      if (t == 2) middle = uninterrupted.state();
    }
    auto resumed = settled_unet();
    Adapter second(network_of(resumed), options_of(name), 4, target_batch());
    second.load_state(middle);
    for (std::int64_t t = 3; t < 6; ++t) (void)second.step(target_batch(t), t, 6, 6);
    EXPECT_TRUE(are_same(second.state(), uninterrupted.state())) << name;
  }
}

TEST(AdapterTest, LeavesInstanceNormsAlone) {
  auto unet = settled_unet({.widths = {4, 6, 8}, .has_instance_norm = true});
  const auto x = target_batch();
  Adapter adapter(network_of(unet), options_of("bn"), 1, x);
  EXPECT_EQ(adapter.layers(), 10U);  // halves of two are batch norms
}

TEST(AdapterTest, RefusesANetworkWithoutBatchNorm) {
  AdaptableNetwork network{
      .forward = [](const torch::Tensor& x) { return x; }, .state = {}, .parameters = {}};
  EXPECT_THAT([&] { Adapter(network, options_of("osuda"), 1, target_batch()); },
              ThrowsMessage<Error>(HasSubstr("no batch norm")));
}

/// conv, batch norm, ReLU, 1 x 1 convolution, as a user exports it: `training` is an attribute where
/// scripted, a constant where traced.
void save_script(const std::filesystem::path& path, bool is_traced) {
  torch::manual_seed(5);
  torch::jit::Module module("segmenter");
  module.register_attribute("training", c10::BoolType::get(), true);
  module.register_parameter("w", torch::randn({6, 3, 3, 3}) * 0.3, false);
  module.register_parameter("gamma", torch::rand({6}) + 0.5, false);
  module.register_parameter("beta", torch::randn({6}) * 0.1, false);
  module.register_parameter("head", torch::randn({2, 6, 1, 1}), false);
  module.register_buffer("mean", torch::randn({6}) * 0.1);
  module.register_buffer("var", torch::rand({6}) + 0.5);
  module.define(std::string("def forward(self, x):\n"
                            "  y = torch.conv2d(x, self.w, padding=[1, 1])\n"
                            "  y = torch.batch_norm(y, self.gamma, self.beta, self.mean, self.var, ") +
                (is_traced ? "False" : "self.training") +
                ", 0.1, 1e-5, False)\n"
                "  return torch.conv2d(torch.relu(y), self.head)\n");
  module.eval();
  module.save(path.string());
}

TEST(HookedScriptTest, TracedAndScriptedModulesAreAdaptable) {
  const support::TemporaryFolder folder;
  for (const bool is_traced : {true, false}) {
    save_script(folder / "m.pt", is_traced);
    HookedScript script(folder / "m.pt", "cpu");
    EXPECT_EQ(script.batch_norms(), 1U);
    const auto x = target_batch();
    auto original = torch::jit::load((folder / "m.pt").string());
    const auto before = original.forward({x}).toTensor().detach();
    EXPECT_TRUE(torch::equal(script.forward(x).detach(), before));
    Adapter adapter({.forward = [&](const torch::Tensor& input) { return script.forward(input); },
                     .state = script.state(),
                     .parameters = script.parameters()},
                    options_of("osuda"), 1, x);
    for (std::int64_t t = 0; t < 4; ++t) (void)adapter.step(x, t, 4, 1);
    adapter.collect(x);
    adapter.settle();
    script.save(folder / "adapted.pt");
    auto saved = torch::jit::load((folder / "adapted.pt").string());
    const auto after = saved.forward({x}).toTensor().detach();
    EXPECT_FALSE(torch::allclose(after, before));
    EXPECT_TRUE(torch::allclose(after, adapter.predict(x), 1e-5, 1e-6));
    adapter.reset();
    EXPECT_TRUE(torch::equal(script.forward(x).detach(), before));
  }
}

MonitorReading reading_of(double entropy, double share, double consistency, int label) {
  MonitorReading reading;
  reading.entropy = entropy;
  reading.shares = {1 - share, share};
  reading.consistency = consistency;
  imaging::Image8 labels(10, 10, 1);
  for (int i = 0; i < 40; ++i) labels.data()[i] = static_cast<std::uint8_t>(label);
  reading.labels = {labels};
  return reading;
}

TEST(MonitorsTest, TripOnCollapseDriftAndEntropyButNotOnAGoodAdaptation) {
  const GuardOptions options;
  const auto source = reading_of(0.10, 0.10, 0.9, 1);
  EXPECT_TRUE(
      judge_adaptation(source, reading_of(0.08, 0.12, 0.91, 1), std::nullopt, options).tripped.empty());
  EXPECT_THAT(judge_adaptation(source, reading_of(0.3, 0.1, 0.9, 1), std::nullopt, options).tripped,
              testing::ElementsAre(HasSubstr("entropy rose")));
  EXPECT_THAT(judge_adaptation(source, reading_of(0.01, 0.0, 0.9, 0), std::nullopt, options).tripped,
              testing::ElementsAre(HasSubstr("share"), HasSubstr("drifted")));
  EXPECT_THAT(judge_adaptation(source, reading_of(0.1, 0.1, 0.7, 1), std::nullopt, options).tripped,
              testing::ElementsAre(HasSubstr("mirrored")));
}

TEST(MonitorsTest, ASourceThatFailsOnTheTargetIsNoMeasure) {
  const GuardOptions options;
  const auto reference = reading_of(0.05, 0.10, 0.95, 1);
  const auto lost = reading_of(0.02, 0.0, 1, 0);  // nothing, mirrored or not
  const auto verdict = judge_adaptation(lost, reading_of(0.06, 0.09, 0.93, 1), reference, options);
  EXPECT_TRUE(verdict.is_source_doubtful);
  EXPECT_TRUE(verdict.tripped.empty());
}

/// Pictures of a bright disc; `is_inverted` as another modality.
ImageF disc_picture(std::size_t i, bool is_inverted) {
  ImageF picture(48, 48, 3, is_inverted ? 180.F : 60.F);
  const double cx = 16 + static_cast<double>(i * 7 % 16), cy = 16 + static_cast<double>(i * 5 % 16);
  for (std::int64_t y = 0; y < 48; ++y) {
    for (std::int64_t x = 0; x < 48; ++x) {
      const bool is_inside = std::hypot(static_cast<double>(x) - cx, static_cast<double>(y) - cy) < 8;
      for (int c = 0; c < 3; ++c)
        picture.pixel(x, y)[c] +=
            static_cast<float>((is_inside ? (is_inverted ? -90 : 90) : 0) + (x * 31 + y * 17 + c * 5) % 11);
    }
  }
  return picture;
}

AdaptTarget target_of(std::size_t count) {
  AdaptTarget target{
      .names = {}, .read = [](std::size_t i) { return disc_picture(i, false); }, .sha256 = "abc"};
  for (std::size_t i = 0; i < count; ++i) target.names.push_back(fmt::format("p{}", i));
  return target;
}

AdaptRun run_of(const std::string& name, const GuardOptions& guard = {}) {
  AdaptRun run;
  run.options = options_of(name);
  run.guard = guard;
  return run;
}

SegmenterFacts disc_facts() {
  SegmenterFacts facts;
  facts.class_names = {"background", "disc"};
  return facts;
}

TEST(AdaptSegmenterTest, WritesAPackageThatNamesItsParentAndOpens) {
  const support::TemporaryFolder folder;
  write_untrained_segmenter(folder / "source", disc_facts(), kTiny, 2);
  const auto source = ModelPackage::open(folder / "source");
  GuardOptions warn;
  warn.guard = "warn";
  for (const char* name : {"none", "bn", "alpha-bn", "core", "ubna", "unmix-tns", "osuda"}) {
    const auto out = folder / fmt::format("adapted-{}", name);
    const auto result = adapt_segmenter(source, target_of(6), run_of(name, warn), out, {});
    const auto adapted = ModelPackage::open(out);
    EXPECT_EQ(adapted.manifest()["adaptation"]["parent_sha256"], source.sha256());
    EXPECT_EQ(adapted.manifest()["adaptation"]["target_sha256"], "abc");
    EXPECT_EQ(adapted.manifest()["adaptation"]["strategy"], name);
    auto segmenter = Segmenter::open(adapted, "cpu");
    const auto labels = segmenter.segment(disc_picture(0, false)).labels;
    EXPECT_EQ(labels.width(), 48);
    if (std::string(name) == "none") {
      EXPECT_EQ(labels, Segmenter::open(source, "cpu").segment(disc_picture(0, false)).labels);
    }
    EXPECT_EQ(result.pictures.size(), 6U);
  }
}

TEST(AdaptSegmenterTest, RollsBackToTheSourceWhereAMonitorTrips) {
  const support::TemporaryFolder folder;
  write_untrained_segmenter(folder / "source", disc_facts(), kTiny, 2);
  const auto source = ModelPackage::open(folder / "source");
  GuardOptions strict;
  strict.min_agreement = 1;  // any change trips it
  const auto result = adapt_segmenter(source, target_of(6), run_of("bn", strict), folder / "out", {});
  EXPECT_TRUE(result.is_rolled_back);
  const auto before = read_safetensors(source.file("model.safetensors"));
  const auto after = read_safetensors(ModelPackage::open(folder / "out").file("model.safetensors"));
  EXPECT_TRUE(are_same(before, after));
}

TEST(AdaptSegmenterTest, StoppedHalfWayLeavesNothingAndGoesOnWithTheSameBits) {
  const support::TemporaryFolder folder;
  write_untrained_segmenter(folder / "source", disc_facts(), kTiny, 2);
  const auto source = ModelPackage::open(folder / "source");
  GuardOptions warn;
  warn.guard = "warn";
  auto run = run_of("osuda", warn);
  run.checkpoint = folder / "run.safetensors";
  (void)adapt_segmenter(source, target_of(6), run, folder / "whole", {});
  EXPECT_FALSE(std::filesystem::exists(run.checkpoint));

  std::stop_source stop;
  const imaging::JobContext job(stop.get_token(), [&](const imaging::Progress& step) {
    if (step.stage == "adapting" && step.done == 3) stop.request_stop();
  });
  EXPECT_THROW((void)adapt_segmenter(source, target_of(6), run, folder / "out", job), imaging::Cancelled);
  EXPECT_FALSE(std::filesystem::exists(folder / "out"));
  ASSERT_TRUE(std::filesystem::exists(run.checkpoint));
  auto other = run;
  other.options.kappa = 2;
  EXPECT_THAT([&] { (void)adapt_segmenter(source, target_of(6), other, folder / "out", {}); },
              testing::Throws<Error>(support::HasCode(ErrorCode::incompatible)));
  (void)adapt_segmenter(source, target_of(6), run, folder / "out", {});
  EXPECT_EQ(imaging::sha256_of_file(folder / "out" / "model.safetensors"),
            imaging::sha256_of_file(folder / "whole" / "model.safetensors"));
}

TEST(AdaptSegmenterTest, SaysWhatTargetsCannotBeUsed) {
  const support::TemporaryFolder folder;
  write_untrained_segmenter(folder / "source", disc_facts(), kTiny, 2);
  const auto source = ModelPackage::open(folder / "source");
  EXPECT_THAT([&] { (void)adapt_segmenter(source, target_of(1), run_of("osuda"), folder / "a", {}); },
              ThrowsMessage<Error>(HasSubstr("alpha-bn and unmix-tns take a single one")));
  auto constant = target_of(3);
  constant.read = [](std::size_t) { return ImageF(48, 48, 3, 7.F); };
  EXPECT_THAT([&] { (void)adapt_segmenter(source, constant, run_of("unmix-tns"), folder / "a", {}); },
              ThrowsMessage<Error>(HasSubstr("of one value")));
  auto grey = target_of(3);
  grey.read = [](std::size_t i) { return ImageF(48, 48, 1, static_cast<float>(i)); };
  EXPECT_THAT([&] { (void)adapt_segmenter(source, grey, run_of("unmix-tns"), folder / "a", {}); },
              ThrowsMessage<Error>(HasSubstr("1 channels, where the network takes 3")));
  EXPECT_FALSE(std::filesystem::exists(folder / "a"));
}

TEST(PackSegmenterTest, PacksWhatGivesLogitsAndFindsTheKindOfOutput) {
  const support::TemporaryFolder folder;
  save_script(folder / "m.pt", true);
  pack_segmenter(folder / "m.pt", "two", "MIT", {},
                 {.class_names = {"background", "disc"}, .size_multiple = 1}, folder / "two");
  EXPECT_EQ(segmenter_facts_of(ModelPackage::open(folder / "two").manifest()).output,
            SegmenterOutput::softmax);
  EXPECT_THAT(
      [&] {
        pack_segmenter(folder / "m.pt", "", "", {}, {.class_names = {"a", "b", "c"}}, folder / "three");
      },
      ThrowsMessage<Error>(HasSubstr("must be [B, 3, H, W]")));
  EXPECT_THAT([&] { pack_segmenter(folder / "m.pt", "", "", {}, {}, folder / "none"); },
              ThrowsMessage<Error>(HasSubstr("--class-names")));
  EXPECT_FALSE(std::filesystem::exists(folder / "three"));
}

TEST(PackSegmenterTest, AdaptsOtherPeoplesTracedNetworks) {
  TESSERA_NEED_DATA(weights, "weights/lwnet_wnet_drive.ts.pt");
  const support::TemporaryFolder folder;
  pack_segmenter(weights, "lwnet", "MIT", {}, {.class_names = {"background", "vessel"}, .size_multiple = 4},
                 folder / "lwnet");
  const auto source = ModelPackage::open(folder / "lwnet");
  EXPECT_EQ(segmenter_facts_of(source.manifest()).output, SegmenterOutput::sigmoid);
  GuardOptions warn;
  warn.guard = "warn";
  const auto result = adapt_segmenter(source, target_of(4), run_of("osuda", warn), folder / "out", {});
  EXPECT_EQ(result.log.size(), 6U);
  EXPECT_GT(result.log.back().consistency, 0);
  (void)Segmenter::open(ModelPackage::open(folder / "out"), "cpu");
}

}  // namespace
}  // namespace models
