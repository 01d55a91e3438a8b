#include "mil/training/mhim_method.h"

#include <torch/optim/adam.h>
#include <torch/types.h>

#include "mil/aggregators/abmil_module.h"
#include "mil/aggregators/module_weights.h"
#include "mil/aggregators/relu_dropout.h"
#include "mil/losses/consistency_loss.h"
#include "mil/losses/logit_losses.h"
#include "mil/training/ema.h"
#include "tests/mil/painted_cohort.h"

namespace mil {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using support::HasCode;
using support::PaintedCohort;
using support::quick_plan;
using testing::ElementsAre;
using testing::Throws;

std::shared_ptr<AbmilModule> small_abmil(std::uint64_t seed, double dropout) {
  at::manual_seed(seed);
  AbmilOptions options;
  options.input_dim = 12;
  options.embed_dim = 16;
  options.attention_dim = 8;
  options.dropout = dropout;
  return std::make_shared<AbmilModule>(options);
}

LogitLoss plain_loss() {
  return make_logit_loss({1, 1}, 0);
}

TEST(MhimMethodTest, PresetDependsOnTheBaseAndGivesWayToOptions) {
  MhimOptions options;
  const auto abmil = mhim_settings(options, "abmil");
  EXPECT_EQ(abmil.ratios.random, 0.5);
  EXPECT_EQ(abmil.ratios.high, 0.01);
  EXPECT_FALSE(abmil.is_momentum_rising);
  EXPECT_EQ(mhim_settings(options, "transmil").ratios.low, 0.8);
  EXPECT_TRUE(mhim_settings(options, "transmil").is_momentum_rising);

  options.mhim_preset = "tcga";
  options.mhim_low = 0.4;
  options.mhim_momentum_schedule = "constant";
  const auto own = mhim_settings(options, "dsmil");
  EXPECT_EQ(own.ratios.random, 0.7);
  EXPECT_EQ(own.ratios.low, 0.4);
  EXPECT_EQ(own.consistency, 0.5);
  EXPECT_FALSE(own.is_momentum_rising);
}

TEST(MhimMethodTest, MaskingBeforeTheEmbeddingGivesTheGradientsOfMaskingAfter) {
  constexpr std::int64_t kSteps = 100, kStep = 40;
  const auto student = small_abmil(1, 0);
  const auto teacher = small_abmil(2, 0);
  const auto reference = small_abmil(1, 0);
  const auto bag = at::randn({50, 12});
  const MhimSettings settings{.ratios = {.random = 0, .low = 0.2, .high = 0.1, .high_pool = 1},
                              .consistency = 0.5};
  MhimPair pair(student, teacher, settings, 0, kSteps);

  const auto loss = pair.accumulate(bag, 1, plain_loss(), kStep, 0.25);

  const auto target = teacher->infer(bag);
  const auto scores = target.scores.clone();
  const auto high = 0.05 * (1 + std::cos(std::numbers::pi * kStep / kSteps));
  const auto kept = kept_instances(
      select_masked(std::span(scores.data_ptr<float>(), 50), 50, {.random = 0, .low = 0.2, .high = high},
                    [](std::int64_t) { return std::vector<std::int64_t>{}; }),
      50);
  const auto embedded =
      reference->embedding->forward(bag).relu().index_select(0, torch::tensor(kept, at::kLong));
  const auto pooled = attention_pool(embedded, reference->attention->forward(embedded));
  const auto wanted = plain_loss()(reference->classifier->forward(pooled)[0], 1) +
                      0.5 * consistency_loss(pooled, target.embedding.clone(), 1, 0.1);
  (wanted * 0.25).backward();
  EXPECT_NEAR(loss.item<double>(), wanted.item<double>(), 1e-6);
  for (const auto& item : reference->named_parameters()) {
    EXPECT_TRUE(at::allclose(student->named_parameters()[item.key()].grad(), item.value().grad(), 1e-4, 1e-7))
        << item.key();
  }
  for (const auto& parameter : teacher->parameters()) {
    EXPECT_EQ(parameter.grad().abs().max().item<float>(), 0) << "the teacher has no graph";
  }
}

TEST(MhimMethodTest, TeacherFollowsTheStudent) {
  const auto student = small_abmil(1, 0.25);
  const auto teacher = small_abmil(2, 0.25);
  const auto before = weights_of(*teacher);
  MhimSettings settings = mhim_settings({}, "abmil");
  settings.momentum = 0.9;
  MhimPair pair(student, teacher, settings, 1e-5, 10);

  (void)pair.accumulate(at::randn({30, 12}), 0, plain_loss(), 0);
  pair.update(1e-3, 0);

  const auto now = weights_of(*student);
  for (const auto& [name, tensor] : weights_of(*teacher)) {
    EXPECT_TRUE(at::allclose(tensor, 0.9 * before.at(name) + 0.1 * now.at(name), 1e-5, 1e-7)) << name;
  }
}

TEST(MhimMethodTest, KeepsOneInstanceWhateverTheMask) {
  for (const auto count : {1, 2, 3}) {
    MhimPair pair(small_abmil(1, 0.25), small_abmil(1, 0.25),
                  {.ratios = {.random = 1, .low = 0.5, .high = 0.5, .high_pool = 0.5}}, 0, 10);
    EXPECT_TRUE(std::isfinite(pair.accumulate(at::randn({count, 12}), 0, plain_loss(), 0).item<double>()));
  }
}

TEST(MhimMethodTest, LearnsFromItsOwnBaseOrFromAPackage) {
  const support::TemporaryFolder folder;
  PaintedCohort cohort(12);
  auto plan = quick_plan();
  plan.training.epochs = 25;
  const auto base = train_classifier(cohort.set, plan, 1, "cpu", {}, folder / "base.safetensors");
  write_classifier_package(folder / "base", base, {.name = "base", .licence = "Apache-2.0"});
  plan.training.method = "mhim";
  std::vector<std::string> starts{"self", "none", (folder / "base").string(),
                                  (folder / "base.safetensors").string()};
  for (const auto& start : starts) {
    plan.mhim.mhim_init = start;

    const auto result = train_classifier(cohort.set, plan, 1, "cpu", {});

    EXPECT_LT(result.curve.back().train_loss, 0.5) << start;
    EXPECT_EQ(result.plan.mhim.mhim_init.find('/'), std::string::npos) << "no path is recorded";
  }
  plan.base.embed_dim = 17;
  plan.mhim.mhim_init = starts[2];
  EXPECT_THAT([&] { (void)train_classifier(cohort.set, plan, 1, "cpu", {}); },
              Throws<Error>(HasCode(ErrorCode::incompatible)));
  plan.training.base = "mean";
  EXPECT_THAT([&] { (void)train_classifier(cohort.set, plan, 1, "cpu", {}); },
              Throws<Error>(HasCode(ErrorCode::invalid_argument)));
}

TEST(MhimMethodTest, FoldsOfOneSeedStartAlikeThoughEachTrainsABase) {
  PaintedCohort cohort(8);
  auto plan = quick_plan();
  plan.training.method = "mhim";
  plan.training.epochs = 2;
  const auto start_of = [&](std::vector<std::string> train, std::uint64_t seed) {
    cohort.set.split.train = std::move(train);
    return train_classifier(cohort.set, plan, seed, "cpu", {}).initialisation_sha256;
  };
  const auto first = start_of({"bag0", "bag1", "bag2", "bag3"}, 1);
  EXPECT_EQ(start_of({"bag4", "bag5", "bag6", "bag7"}, 1), first);
  EXPECT_NE(start_of({"bag4", "bag5", "bag6", "bag7"}, 2), first);
}

TEST(MhimMethodTest, TrainsTransmilAndDsmil) {
  PaintedCohort cohort(8);
  for (const auto* base : {"transmil", "dsmil"}) {
    auto plan = quick_plan();
    plan.training.method = "mhim";
    plan.training.base = base;
    plan.training.epochs = 3;
    plan.training.learning_rate = 1e-3;

    const auto first = train_classifier(cohort.set, plan, 1, "cpu", {});
    const auto again = train_classifier(cohort.set, plan, 1, "cpu", {});

    EXPECT_EQ(first.curve.size(), 3U);
    support::expect_same_weights(*first.weights, *again.weights);
  }
}

TEST(ReluDropoutTest, DropsItsShareAndScalesTheRest) {
  at::manual_seed(3);
  const auto input = at::randn({301, 333});
  auto leaf = input.clone().requires_grad_();

  const auto output = relu_dropout_(leaf * 1, 0.25);
  output.backward(at::full_like(input, 2));

  const auto positive = input > 0;
  const auto kept = output.detach() > 0;
  EXPECT_TRUE(at::allclose(output.detach(), at::where(kept, input / 0.75, at::zeros_like(input))));
  EXPECT_FALSE((kept & ~positive).any().item<bool>());
  const auto share = kept.sum().item<double>() / positive.sum().item<double>();
  EXPECT_NEAR(share, 0.75, 0.01);
  EXPECT_TRUE(at::allclose(leaf.grad(), kept.to(at::kFloat) * (2 / 0.75)));
  const auto rows = kept.to(at::kFloat).sum(1);
  EXPECT_LT(rows.std().item<double>(), 1.3 * std::sqrt(333 * 0.375 * 0.625)) << "rows are independent";

  at::manual_seed(3);
  (void)at::randn({301, 333});
  const auto threads = at::get_num_threads();
  at::set_num_threads(1);
  EXPECT_TRUE(at::equal(relu_dropout_(input.clone(), 0.25), output.detach())) << "whatever the threads";
  at::set_num_threads(threads);
}

TEST(ReluDropoutTest, ProcessesDropTogetherWhatOneWould) {
  const auto input = at::randn({9, 7});
  const auto dropped = [&](std::int64_t first, std::int64_t rows) {
    at::manual_seed(3);
    return relu_dropout_(input.narrow(0, first, rows).clone(), 0.25, first * 7);
  };
  const auto whole = dropped(0, 9);
  for (const std::int64_t rows : {0, 1, 2, 5}) {
    EXPECT_TRUE(at::equal(at::cat({dropped(0, rows), dropped(rows, 9 - rows)}), whole)) << rows;
  }
}

TEST(AdamTest, StepsAsTorchDoes) {
  const auto ours = small_abmil(3, 0);
  const auto theirs = small_abmil(3, 0);
  Adam adam(ours->parameters(), 1e-2);
  torch::optim::Adam reference(theirs->parameters(), torch::optim::AdamOptions(1e-2).weight_decay(1e-2));
  for (int step = 0; step < 5; ++step) {
    const auto bag = at::randn({20, 12});
    adam.zero_gradients();
    reference.zero_grad();
    plain_loss()(ours->forward(bag).logits, 1).backward();
    plain_loss()(theirs->forward(bag).logits, 1).backward();
    adam.step(1e-2);
    reference.step();
  }
  const auto wanted = weights_of(*theirs);
  for (const auto& [name, tensor] : weights_of(*ours)) {
    EXPECT_TRUE(at::allclose(tensor, wanted.at(name), 1e-5, 1e-6)) << name;
  }
}

TEST(LogitLossTest, MatchesItsFormulaAndItsNumericalGradient) {
  const std::vector<double> weights{0.5, 2, 1};
  for (const double gamma : {0.0, 0.5, 2.0}) {
    const auto loss = make_logit_loss(weights, gamma);
    for (std::int64_t label = 0; label < 3; ++label) {
      const auto logits = torch::tensor({0.3, -1.2, 0.8}, at::kDouble).requires_grad_();
      const auto value = loss(logits, label);
      value.backward();

      const auto p = logits.detach().softmax(0)[label].item<double>();
      EXPECT_NEAR(value.item<double>(),
                  -weights[static_cast<std::size_t>(label)] * std::pow(1 - p, gamma) * std::log(p), 1e-12);
      constexpr double kStep = 1e-6;
      for (std::int64_t i = 0; i < 3; ++i) {
        const auto shifted = [&](double by) {
          auto moved = logits.detach().clone();
          moved[i] += by;
          return loss(moved, label).item<double>();
        };
        EXPECT_NEAR(logits.grad()[i].item<double>(), (shifted(kStep) - shifted(-kStep)) / (2 * kStep), 1e-8);
      }
    }
  }
}

TEST(LogitLossTest, StaysFiniteWhereTheModelIsSure) {
  const auto logits = torch::tensor({200.0F, 0.0F}).requires_grad_();
  make_logit_loss({1, 1}, 0.5)(logits, 0).backward();
  EXPECT_TRUE(at::isfinite(logits.grad()).all().item<bool>());
}

TEST(LogitLossTest, BalancedWeightsAverageToOneOverTheBags) {
  EXPECT_THAT(class_weights_of("none", {3, 1}), ElementsAre(1, 1));
  EXPECT_THAT(class_weights_of("balanced", {6, 2}), ElementsAre(8.0 / 12, 2));
  EXPECT_THAT(class_weights_of("balanced", {6, 0, 2}), ElementsAre(8.0 / 12, 0, 2));
  EXPECT_THAT(class_weights_of("1,2.5", {6, 2}), ElementsAre(1, 2.5));
  for (const char* wrong : {"", "1", "1,", "1,2,3", "1,-2", "1,nan", "1;2", "equal"}) {
    EXPECT_THAT(
        [&] {
          (void)class_weights_of(wrong, {6, 2});
        },
        Throws<Error>(HasCode(ErrorCode::invalid_argument)))
        << wrong;
  }
}

}  // namespace
}  // namespace mil
