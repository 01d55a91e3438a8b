#include "mil/losses/supervised_contrastive.h"

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <fmt/format.h>
#include <torch/nn/functional.h>
#include <torch/types.h>

#include <array>
#include <barrier>
#include <cmath>
#include <set>
#include <thread>

#include "imaging/base/random.h"
#include "mil/aggregators/aggregator_table.h"
#include "mil/aggregators/module_weights.h"
#include "mil/bags/bag_store.h"
#include "mil/losses/logit_losses.h"
#include "mil/training/adam.h"
#include "mil/training/bag_batches.h"
#include "mil/training/bag_cache.h"
#include "mil/training/ins_learner_module.h"
#include "mil/training/ins_method.h"
#include "mil/training/process_group.h"
#include "mil/training/projection_module.h"
#include "mil/training/scmil_method.h"
#include "mil/training/training_plan.h"
#include "models/runtime/metrics.h"
#include "tests/support/test_support.h"

namespace mil {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using support::HasCode;
using testing::Throws;

// ------------------------------------------------------------------------------------------- losses

SupervisedContrastOptions at_temperature(double temperature) {
  SupervisedContrastOptions options;
  options.temperature = temperature;
  return options;
}

at::Tensor unit_rows(std::int64_t rows, std::int64_t width, std::uint64_t seed) {
  at::manual_seed(seed);
  const auto values = at::randn({rows, width}, at::kDouble);
  return values / values.norm(2, 1, /*keepdim=*/true);
}

/// Largest difference of the gradient from central differences.
double gradient_error(const at::Tensor& start, const std::function<at::Tensor(const at::Tensor&)>& loss) {
  constexpr double kStep = 1e-6;
  const auto values = start.clone().requires_grad_();
  loss(values).backward();
  double worst = 0;
  for (std::int64_t i = 0; i < start.numel(); ++i) {
    const auto at_offset = [&](double offset) {
      const auto moved = start.clone();
      moved.view(-1)[i] += offset;
      return loss(moved).item<double>();
    };
    const double slope = (at_offset(kStep) - at_offset(-kStep)) / (2 * kStep);
    worst = std::max(worst, std::abs(slope - values.grad().view(-1)[i].item<double>()));
  }
  return worst;
}

TEST(SupervisedContrastTest, MatchesTheFormulaByHand) {
  const auto z = unit_rows(4, 3, 1);
  const std::array<std::int64_t, 4> labels{0, 0, 1, 0};
  constexpr double kTemperature = 0.5;
  double sum = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    double others = 0, positives = 0, logs = 0;
    const auto dot = [&](std::size_t k) {
      return (z[static_cast<std::int64_t>(i)] * z[static_cast<std::int64_t>(k)]).sum().item<double>() /
             kTemperature;
    };
    for (std::size_t k = 0; k < 4; ++k) others += k == i ? 0 : std::exp(dot(k));
    for (std::size_t j = 0; j < 4; ++j) {
      if (j == i || labels[j] != labels[i]) continue;
      ++positives;
      logs += dot(j) - std::log(others);
    }
    if (positives > 0) sum -= logs / positives;
  }
  const auto label_tensor = at::tensor(at::ArrayRef<std::int64_t>(labels), at::kLong);
  auto options = at_temperature(kTemperature);
  EXPECT_NEAR(supervised_contrast(z, label_tensor, options).item<double>(), sum / 3, 1e-12);
  options.lone_anchors = LoneAnchors::count_as_zero;
  EXPECT_NEAR(supervised_contrast(z, label_tensor, options).item<double>(), sum / 4, 1e-12);
  options.base_temperature = 0.25;
  EXPECT_NEAR(supervised_contrast(z, label_tensor, options).item<double>(), sum / 2, 1e-12);
}

TEST(SupervisedContrastTest, ViewsAreRowsOfTheirBag) {
  const auto z = unit_rows(6, 5, 2);
  const auto labels = at::tensor({0, 1, 1}, at::kLong);
  const auto by_view = supervised_contrast(z.view({2, 3, 5}).transpose(0, 1), labels, at_temperature(0.1));
  const auto by_row = supervised_contrast(z, labels.repeat({2}), at_temperature(0.1));
  EXPECT_DOUBLE_EQ(by_view.item<double>(), by_row.item<double>());
}

TEST(SupervisedContrastTest, GradientsMatchDifferences) {
  const auto labels = at::tensor({0, 1, 0, 2, 1, 0, 1}, at::kLong);
  EXPECT_LT(gradient_error(
                unit_rows(7, 4, 3),
                [&](const at::Tensor& z) { return supervised_contrast(z, labels, at_temperature(0.3)); }),
            1e-7);
  EXPECT_LT(gradient_error(unit_rows(7, 4, 4),
                           [&](const at::Tensor& z) {
                             return queue_contrast(z.narrow(0, 0, 2), z.narrow(0, 2, 2), z.narrow(0, 4, 3),
                                                   0.07);
                           }),
            1e-6);
  EXPECT_LT(gradient_error(unit_rows(7, 4, 5),
                           [&](const at::Tensor& z) { return pseudo_label_contrast(z, labels, 3, 0.07); }),
            1e-6);
}

TEST(SupervisedContrastTest, IsZeroWithoutPositivesAndRefusesNonsense) {
  const auto z = unit_rows(3, 4, 6).requires_grad_();
  const auto loss = supervised_contrast(z, at::tensor({0, 1, 2}, at::kLong), {});
  EXPECT_EQ(loss.item<double>(), 0);
  loss.backward();
  EXPECT_EQ(z.grad().abs().max().item<double>(), 0);
  EXPECT_EQ(supervised_contrast(z.narrow(0, 0, 1), at::tensor({0}, at::kLong), {}).item<double>(), 0);
  EXPECT_EQ(queue_contrast(z, z, at::empty({0, 4}, at::kDouble), 0.1).item<double>(), 0);
  EXPECT_THAT(
      [&] {
        (void)supervised_contrast(z, at::tensor({0, 1}, at::kLong), {});
      },
      Throws<Error>(HasCode(ErrorCode::invalid_argument)));
  EXPECT_THAT([&] { (void)queue_contrast(z, z, z, 0); }, Throws<Error>(HasCode(ErrorCode::invalid_argument)));
}

// ------------------------------------------------------------------------------------------- methods

constexpr std::int64_t kDim = 6;

/// Bags of noise on disk; of those with label 1 every fifth tile is shifted along the first axis, and every
/// bag has noise of its own on the second.
class PaintedBags {
 public:
  /// @param level  mean of every feature
  PaintedBags(int bags, std::int64_t tiles, std::int64_t classes = 2, double level = 0) {
    for (int i = 0; i < bags; ++i) {
      const auto id = fmt::format("bag{}", i);
      imaging::Random random(imaging::hash_text(id));
      Bag bag;
      bag.id = id;
      bag.count = tiles + i % 3;
      bag.dim = kDim;
      const auto label = i % classes;
      for (std::int64_t tile = 0; tile < bag.count; ++tile) {
        for (std::int64_t axis = 0; axis < kDim; ++axis) {
          const double shift = axis == 0 && is_positive(tile) ? 4.0 * static_cast<double>(label) : 0;
          bag.features.push_back(static_cast<float>(random.normal(level + shift, 1)));
        }
        bag.coords.insert(bag.coords.end(), {256 * tile, 0});
      }
      write_bag(folder_ / (id + ".h5"), bag, {});
      examples.push_back({id, label});
    }
    for (const auto& [id, path] : find_bags(folder_.path())) files_[id] = {path};
  }

  static bool is_positive(std::int64_t tile) { return tile % 5 == 0; }

  [[nodiscard]] std::unique_ptr<BagCache> open() const {
    return std::make_unique<BagCache>(files_, std::int64_t{64} << 20);
  }

  std::vector<Example> examples;

 private:
  support::TemporaryFolder folder_;
  BagFiles files_;
};

TrainingPlan plan_of(const std::string& method, const std::string& base) {
  TrainingPlan plan;
  plan.training.method = method;
  plan.training.base = base;
  plan.training.learning_rate = 2e-3;
  plan.training.weight_decay = 0;
  plan.base.embed_dim = 16;
  plan.base.attention_dim = 8;
  plan.base.clam_instances = 2;
  plan.scmil.scmil_batch = 8;
  plan.scmil.scmil_temperature = 0.2;
  plan.scmil.scmil_projection_dim = 5;
  plan.ins.ins_projection_dim = 8;
  plan.ins.ins_batch = 32;
  return plan;
}

MethodContext context_of(const TrainingPlan& plan, BagCache& cache, ProcessGroup& processes,
                         const std::vector<Example>& examples, std::int64_t epochs,
                         std::int64_t classes = 2) {
  const auto architecture = architecture_of(plan);
  return {.bags = cache,
          .processes = processes,
          .examples = examples,
          .class_count = classes,
          .input_dim = kDim,
          .epochs = epochs,
          .seed = 11,
          .device = torch::Device(torch::kCPU),
          .logit_loss = make_logit_loss(std::vector<double>(static_cast<std::size_t>(classes), 1), 0),
          .architecture = architecture,
          .architecture_arguments = aggregator_arguments(architecture, plan.base, kDim, classes),
          .initial_weights = {}};
}

void expect_same(const models::TensorMap& got, const models::TensorMap& want, double tolerance) {
  ASSERT_EQ(got.size(), want.size());
  for (const auto& [name, tensor] : want) {
    ASSERT_TRUE(got.contains(name)) << name;
    const auto difference =
        tensor.numel() == 0
            ? 0
            : (got.at(name).to(at::kDouble) - tensor.to(at::kDouble)).abs().max().item<double>();
    EXPECT_LE(difference, tolerance) << name;
  }
}

models::TensorMap gradients_of(const torch::nn::Module& module) {
  models::TensorMap gradients;
  for (const auto& item : module.named_parameters()) gradients[item.key()] = item.value().grad().clone();
  return gradients;
}

TEST(ScmilTest, SchedulesStartAndEndWhereTheyShould) {
  ScmilOptions options;
  const auto values = [&](const char* schedule) {
    options.scmil_schedule = schedule;
    return std::array{contrast_weight(options, 0, 10), contrast_weight(options, 5, 10),
                      contrast_weight(options, 9, 10)};
  };
  EXPECT_THAT(values("parabolic"), testing::Pointwise(testing::DoubleNear(1e-12), {1.0, 0.75, 0.19}));
  EXPECT_THAT(values("linear"), testing::Pointwise(testing::DoubleNear(1e-12), {1.0, 0.5, 0.1}));
  EXPECT_THAT(values("cosine"),
              testing::Pointwise(testing::DoubleNear(1e-12), {1.0, 0.5, 0.5 * (1 + std::cos(0.9 * M_PI))}));
  EXPECT_THAT(values("step"), testing::ElementsAre(1, 0, 0));
  EXPECT_THAT(values("const"), testing::ElementsAre(0.5, 0.5, 0.5));
}

TEST(ScmilTest, BalancedBatchesHoldTwoBagsOfEveryClassAndNaturalOnesEveryBagOnce) {
  const std::vector<std::int64_t> labels{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2};
  imaging::Random random(3);
  const auto balanced = draw_bag_batches(labels, 7, true, random);
  EXPECT_EQ(balanced.size(), 3U);
  for (const auto& batch : balanced) {
    EXPECT_EQ(batch.size(), 7U);
    for (std::int64_t label = 0; label < 3; ++label) {
      EXPECT_GE(std::count_if(batch.begin(), batch.end(), [&](std::size_t i) { return labels[i] == label; }),
                2);
    }
  }
  std::multiset<std::size_t> seen;
  for (const auto& batch : draw_bag_batches(labels, 4, false, random))
    seen.insert(batch.begin(), batch.end());
  EXPECT_EQ(seen.size(), labels.size());
  EXPECT_EQ(std::set<std::size_t>(seen.begin(), seen.end()).size(), labels.size());
  EXPECT_THAT([&] { (void)draw_bag_batches(labels, 5, true, random); },
              Throws<Error>(HasCode(ErrorCode::invalid_argument)));
}

/// Bag by bag, with dropout and drawn tiles, against one graph over the whole batch.
TEST(ScmilTest, GradientIsThatOfTheJointGraphForEveryBase) {
  constexpr std::int64_t kEpoch = 5, kEpochs = 10;
  const PaintedBags bags(8, 20);
  const auto process = make_single_process();
  for (const auto& base : {"abmil", "mean", "max", "transmil", "dsmil", "clam_sb", "clam_mb"}) {
    SCOPED_TRACE(base);
    auto plan = plan_of("scmil", base);
    plan.scmil.scmil_sampler = "natural";
    plan.scmil.scmil_instances = 15;
    const auto cache = bags.open();
    const auto context = context_of(plan, *cache, *process, bags.examples, kEpochs);
    at::manual_seed(5);
    const auto method = make_scmil_method(plan, context);
    const auto start = method->state();

    const auto loss = method->run_epoch(kEpoch, [](std::int64_t) {});

    const auto network = make_network(context);
    load_weights(*network, tensors_under(start, "network."));
    ProjectionModule projection(network->embedding_size(), plan.scmil.scmil_projection_dim);
    load_weights(projection, tensors_under(start, "projection."));
    network->train();
    std::vector<std::int64_t> labels;
    for (const auto& example : bags.examples) labels.push_back(example.label);
    imaging::Random random(context.seed, kEpoch);
    const auto batch = draw_bag_batches(labels, plan.scmil.scmil_batch, false, random).at(0);
    std::vector<at::Tensor> embeddings;
    std::vector<std::int64_t> batch_labels;
    auto base_loss = at::zeros({});
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const auto& example = bags.examples[batch[i]];
      seed_step(context.seed, kEpoch, static_cast<std::int64_t>(i));
      const auto output = network->forward(load_features(context, example.id, plan.scmil.scmil_instances));
      embeddings.push_back(output.embedding.reshape({1, -1}));
      batch_labels.push_back(example.label);
      base_loss = base_loss + network->loss(output, example.label, context.logit_loss) / 8;
    }
    const auto beta = contrast_weight(plan.scmil, kEpoch - 1, kEpochs);
    const auto joint = beta * supervised_contrast(projection.forward(at::cat(embeddings)),
                                                  at::tensor(batch_labels, at::kLong),
                                                  at_temperature(plan.scmil.scmil_temperature)) +
                       (1 - beta) * base_loss;
    joint.backward();

    EXPECT_NEAR(loss, joint.item<double>(), 1e-5);
    const auto got = gradients_of(method->network());
    double largest = 0;
    for (const auto& item : network->named_parameters()) {
      const auto& grad = item.value().grad();
      const auto want = grad.defined() ? grad : at::zeros_like(item.value());
      largest = std::max(largest, want.abs().max().item<double>());
      EXPECT_LE((got.at(item.key()) - want).abs().max().item<double>(), 2e-6) << item.key();
    }
    EXPECT_GT(largest, 1e-3);
  }
}

/// Bytes of tensors that this thread holds at most.
class MemoryMeter : public c10::MemoryReportingInfoBase {
 public:
  // LibTorch 1.13 declares the totals signed, 2.x unsigned; one of the two overrides.
  void reportMemoryUsage(void*, int64_t size, int64_t, int64_t, c10::Device) { add(size); }
  void reportMemoryUsage(void*, int64_t size, size_t, size_t, c10::Device) { add(size); }
  bool memoryProfilingEnabled() const { return true; }
  [[nodiscard]] std::int64_t peak() const { return peak_; }

 private:
  void add(std::int64_t size) {
    held_ += size;
    peak_ = std::max(peak_, held_);
  }
  std::int64_t held_ = 0, peak_ = 0;
};

TEST(ScmilTest, PeakMemoryDoesNotGrowWithTheBatch) {
  const PaintedBags bags(16, 2000);
  const auto process = make_single_process();
  const auto peak_of = [&](std::int64_t batch) {
    auto plan = plan_of("scmil", "abmil");
    plan.base.embed_dim = 64;
    plan.scmil.scmil_batch = batch;
    const auto cache = bags.open();
    const auto method = make_scmil_method(plan, context_of(plan, *cache, *process, bags.examples, 10));
    const auto meter = std::make_shared<MemoryMeter>();
    const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, meter);
    (void)method->run_epoch(5, [](std::int64_t) {});
    return meter->peak();
  };
  const auto few = peak_of(4), many = peak_of(16);
  EXPECT_GT(few, 2000 * 64 * 4);
  EXPECT_LT(many, few + few / 20);
}

/// Epochs 1 to 4 at once against 1 to 2, stored, and 3 to 4 by another object.
void expect_exact_resume(const TrainingPlan& plan) {
  const PaintedBags bags(12, 15);
  const auto process = make_single_process();
  const auto cache = bags.open();
  const auto make = [&](std::uint64_t seed) {
    at::manual_seed(seed);
    return make_training_method(plan, context_of(plan, *cache, *process, bags.examples, 4));
  };
  const auto run = [](TrainingMethod& method, std::int64_t first, std::int64_t last) {
    for (auto epoch = first; epoch <= last; ++epoch) (void)method.run_epoch(epoch, [](std::int64_t) {});
  };
  const auto whole = make(1), half = make(1), rest = make(2);
  run(*whole, 1, 4);
  run(*half, 1, 2);
  rest->load_state(half->state());
  run(*rest, 3, 4);
  expect_same(rest->state(), whole->state(), 0);
  EXPECT_THAT([&] { rest->load_state({}); }, Throws<Error>(HasCode(ErrorCode::incompatible)));
}

TEST(ScmilTest, ResumesExactly) {
  expect_exact_resume(plan_of("scmil", "abmil"));
}

TEST(InsTest, ResumesExactly) {
  auto plan = plan_of("ins", "abmil");
  plan.ins.ins_queue = 100;
  expect_exact_resume(plan);
}

/// Processes that are threads.
class ThreadGroup {
 public:
  explicit ThreadGroup(std::int64_t size)
      : size_(size), barrier_(size), rows_(static_cast<std::size_t>(size)) {}

  class Member : public ProcessGroup {
   public:
    Member(ThreadGroup& group, std::int64_t rank) : group_(group), rank_(rank) {}
    [[nodiscard]] std::int64_t rank() const override { return rank_; }
    [[nodiscard]] std::int64_t size() const override { return group_.size_; }
    void sum(const std::vector<at::Tensor>& tensors) override {
      for (const auto& tensor : tensors) {
        const auto all = gather(tensor.detach().clone().unsqueeze(0));
        const at::NoGradGuard no_gradients;
        tensor.copy_(all.sum(0));
      }
    }
    [[nodiscard]] at::Tensor gather(const at::Tensor& rows) override {
      group_.rows_[static_cast<std::size_t>(rank_)] = rows.detach();
      group_.barrier_.arrive_and_wait();
      const auto all = at::cat(group_.rows_);
      group_.barrier_.arrive_and_wait();
      return all;
    }

   private:
    ThreadGroup& group_;
    std::int64_t rank_;
  };

 private:
  std::int64_t size_;
  std::barrier<> barrier_;
  std::vector<at::Tensor> rows_;
};

/// One epoch by one process and by two: without dropout and draws, since threads share torch's generator.
void expect_two_processes_equal_one(TrainingPlan plan) {
  plan.base.dropout = 0;
  const PaintedBags bags(10, 15);
  const auto run = [&](std::int64_t size) {
    ThreadGroup group(size);
    std::vector<std::unique_ptr<ThreadGroup::Member>> members;
    std::vector<std::unique_ptr<BagCache>> caches;
    std::vector<std::unique_ptr<TrainingMethod>> methods;
    for (std::int64_t rank = 0; rank < size; ++rank) {
      members.push_back(std::make_unique<ThreadGroup::Member>(group, rank));
      caches.push_back(bags.open());
      at::manual_seed(4);
      methods.push_back(
          make_training_method(plan, context_of(plan, *caches.back(), *members.back(), bags.examples, 3)));
    }
    std::vector<double> losses(static_cast<std::size_t>(size));
    std::vector<std::thread> threads;
    for (std::size_t rank = 0; rank < methods.size(); ++rank) {
      threads.emplace_back([&, rank] { losses[rank] = methods[rank]->run_epoch(2, [](std::int64_t) {}); });
    }
    for (auto& thread : threads) thread.join();
    for (std::size_t rank = 1; rank < methods.size(); ++rank) {
      EXPECT_EQ(losses[rank], losses[0]);
      expect_same(methods[rank]->state(), methods[0]->state(), 0);
    }
    return std::pair(losses[0], methods[0]->state());
  };
  const auto [one_loss, one] = run(1);
  const auto [two_loss, two] = run(2);
  EXPECT_NEAR(two_loss, one_loss, 1e-5);
  expect_same(two, one, 1e-5);
}

TEST(ScmilTest, TwoProcessesLearnWhatOneDoes) {
  auto plan = plan_of("scmil", "abmil");
  plan.scmil.scmil_batch = 10;
  plan.training.learning_rate = 1e-4;
  expect_two_processes_equal_one(plan);
}

TEST(InsTest, TwoProcessesLearnWhatOneDoes) {
  expect_two_processes_equal_one(plan_of("ins", "abmil"));
}

TEST(InsTest, SaysThatItsStepIsTooLargeForTheFeatures) {
  const PaintedBags bags(10, 15, 2, /*level=*/300);
  const auto plan = plan_of("ins", "abmil");
  const auto process = make_single_process();
  const auto cache = bags.open();
  at::manual_seed(1);
  const auto method = make_training_method(plan, context_of(plan, *cache, *process, bags.examples, 3));
  EXPECT_THAT([&] { (void)method->run_epoch(1, [](std::int64_t) {}); },
              testing::ThrowsMessage<imaging::Error>(testing::HasSubstr("lower --ins-learning-rate")));
}

TEST(InsTest, FindsPositiveTilesFromBagLabelsAlone) {
  constexpr std::int64_t kEpochs = 20;
  const PaintedBags bags(30, 40);
  const auto plan = plan_of("ins", "abmil");
  const auto process = make_single_process();
  const auto cache = bags.open();
  const auto context = context_of(plan, *cache, *process, bags.examples, kEpochs);
  at::manual_seed(1);
  const auto method = make_training_method(plan, context);

  for (std::int64_t epoch = 1; epoch <= kEpochs; ++epoch) {
    EXPECT_TRUE(std::isfinite(method->run_epoch(epoch, [](std::int64_t) {})));
  }

  method->network().eval();
  std::vector<double> scores;
  std::vector<std::int64_t> truth;
  std::int64_t right = 0;
  for (const auto& example : bags.examples) {
    const auto features = load_features(context, example.id, 0);
    const auto output = method->network().infer(features);
    const auto with_graph = method->network().forward(features);
    EXPECT_TRUE(at::allclose(output.logits, with_graph.logits, 1e-4, 1e-4));
    EXPECT_TRUE(at::allclose(output.scores, with_graph.scores, 1e-4, 1e-5));
    EXPECT_TRUE(at::allclose(output.embedding, with_graph.embedding, 1e-4, 1e-5));
    right += output.logits.argmax().item<std::int64_t>() == example.label ? 1 : 0;
    for (std::int64_t tile = 0; tile < output.scores.size(0); ++tile) {
      scores.push_back(output.scores[tile][1].item<double>());
      truth.push_back(example.label == 1 && PaintedBags::is_positive(tile) ? 1 : 0);
    }
  }
  EXPECT_GT(models::roc_auc(scores, truth).value(), 0.9);
  EXPECT_GE(right, 28);
}

TEST(InsTest, RefusesMoreThanTwoClasses) {
  const auto plan = plan_of("ins", "abmil");
  EXPECT_THAT([&] { (void)make_aggregator("ins", aggregator_arguments("ins", plan.base, kDim, 3)); },
              Throws<Error>(HasCode(ErrorCode::invalid_argument)));
}

TEST(InsTest, ConfidenceMomentumFollowsTheOfficialSchedule) {
  EXPECT_DOUBLE_EQ(confidence_momentum(0, 40), 0.8);
  EXPECT_DOUBLE_EQ(confidence_momentum(1, 40), 0.95);
  EXPECT_DOUBLE_EQ(confidence_momentum(11, 40), 0.9125);
}

TEST(InsTest, BagLineFindsThePaintedLineAndAlwaysRises) {
  imaging::Random random(9);
  std::vector<double> log_odds;
  std::vector<std::int64_t> labels;
  for (int i = 0; i < 20000; ++i) {
    const double x = random.normal(-4, 2);
    log_odds.push_back(x);
    labels.push_back(random.chance(1 / (1 + std::exp(-(1.5 * x + 6)))) ? 1 : 0);
  }
  const auto [slope, offset] = fit_bag_line(log_odds, labels);
  EXPECT_NEAR(slope, 1.5, 0.1);
  EXPECT_NEAR(offset, 6, 0.4);
  for (auto& label : labels) label = 1 - label;
  EXPECT_DOUBLE_EQ(fit_bag_line(log_odds, labels).first, 1e-3);
  EXPECT_TRUE(std::isfinite(fit_bag_line({1, 1, 1}, {0, 1, 1}).second));
  EXPECT_LT(std::abs(fit_bag_line({-5, -5, 5, 5}, {0, 0, 1, 1}).first), 10);
}

}  // namespace
}  // namespace mil
