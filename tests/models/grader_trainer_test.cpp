#include "models/retina/grader_trainer.h"

#include <torch/types.h>

#include <atomic>
#include <cmath>
#include <set>

#include "imaging/base/random.h"
#include "models/retina/fundus_augment.h"
#include "models/retina/grader_package.h"
#include "models/retina/lesion_probe.h"
#include "models/retina/retina_grader.h"
#include "models/runtime/ordered_ahead.h"
#include "tests/support/test_support.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using imaging::Image8;
using imaging::Random;

constexpr std::int64_t kSide = 64;

/// A disc of a camera's colour with as many bright spots as the grade, each twice as wide.
FieldPicture paint_eye(const RetinaExample& example, std::uint64_t seed) {
  Random random(seed, imaging::hash_text(example.id));
  FieldPicture picture{Image8(kSide, kSide, 3), Image8(kSide, kSide, 1)};
  if (example.has_lesions) picture.lesions = Image8(kSide, kSide, 4);
  const int tint = static_cast<int>(example.domain) * 30;
  std::vector<std::pair<double, double>> spots;
  for (std::int64_t i = 0; i < 2 * example.label; ++i)
    spots.emplace_back(random.uniform(14, 50), random.uniform(14, 50));
  for (std::int64_t y = 0; y < kSide; ++y) {
    for (std::int64_t x = 0; x < kSide; ++x) {
      if (std::hypot(static_cast<double>(x) - 31.5, static_cast<double>(y) - 31.5) > 31) continue;
      *picture.mask.pixel(x, y) = 255;
      auto* pixel = picture.image.pixel(x, y);
      pixel[0] = static_cast<std::uint8_t>(130 + tint / 2 + random.index(9));
      pixel[1] = static_cast<std::uint8_t>(60 + tint + random.index(9));
      pixel[2] = static_cast<std::uint8_t>(30 + random.index(9));
      for (const auto& [row, column] : spots) {
        if (std::hypot(static_cast<double>(x) - column, static_cast<double>(y) - row) < 4) {
          pixel[1] = 240;
          pixel[2] = 200;
          if (example.has_lesions) picture.lesions.pixel(x, y)[2] = 255;
        }
      }
    }
  }
  return picture;
}

RetinaTrainingSet make_set(std::int64_t per_cell, std::int64_t domains) {
  RetinaTrainingSet set;
  for (std::int64_t domain = 0; domain < domains; ++domain) {
    set.domains.push_back("camera-" + std::to_string(domain));
    for (std::int64_t grade = 0; grade < 5; ++grade) {
      for (std::int64_t i = 0; i < per_cell; ++i) {
        RetinaExample example{
            .id = std::to_string(domain) + "-" + std::to_string(grade) + "-" + std::to_string(i),
            .label = grade,
            .domain = domain,
            .oedema = grade > 2 ? 2 : 0};
        (i % 3 == 2 ? set.validation : set.train).push_back(example);
      }
    }
  }
  set.read = [](const RetinaExample& example) { return paint_eye(example, 7); };
  return set;
}

RetinaTrainingPlan small_plan(const std::string& method) {
  RetinaTrainingPlan plan;
  plan.network = {.architecture = "resnet18", .width = 8, .blocks = 1, .crop = kSide, .input = kSide};
  plan.training.method = method;
  plan.training.epochs = 3;
  plan.training.batch = 8;
  plan.training.learning_rate = 0.05;
  plan.training.select_every = 1;
  plan.training.select_after = 0;
  return plan;
}

bool same_weights(const TensorMap& a, const TensorMap& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [name, tensor] : a) {
    if (!torch::equal(tensor, b.at(name))) return false;
  }
  return true;
}

ErrorCode code_of(const RetinaTrainingSet& set, const RetinaTrainingPlan& plan) {
  try {
    (void)train_grader(set, plan, 1, "cpu", {});
  } catch (const Error& error) {
    return error.code();
  }
  return ErrorCode::internal;
}

struct Setting {
  std::string method, rank;
  bool freeze = false;
  std::int64_t views = 0;
};

class GraderTrainerTest : public testing::TestWithParam<Setting> {
 protected:
  static RetinaTrainingPlan plan() {
    auto made = small_plan(GetParam().method);
    made.rank.rank_mixup = GetParam().rank;
    made.training.freeze = GetParam().freeze;
    made.training.views = GetParam().views;
    if (GetParam().method == "deco") made.deco.warm_up = 0.34;
    return made;
  }
};

TEST_P(GraderTrainerTest, GoesOnFromItsCheckpointToTheSameWeights) {
  const support::TemporaryFolder folder;
  const auto set = make_set(3, 2);
  const auto whole = train_grader(set, plan(), 3, "cpu", {});
  EXPECT_EQ(std::ssize(whole.curve), 3);
  EXPECT_TRUE(whole.weights->contains("oedema.weight"));

  // Stopped in the second epoch: the checkpoint holds the first.
  std::stop_source stop;
  EXPECT_THROW((void)train_grader(set, plan(), 3, "cpu", imaging::JobContext(stop.get_token()),
                                  folder / "training.safetensors",
                                  [&](const RetinaEpoch& epoch) {
                                    if (epoch.epoch == 1) stop.request_stop();
                                  }),
               imaging::Cancelled);
  auto workers = plan();
  workers.training.workers = 1;
  std::vector<std::int64_t> told;
  const auto resumed = train_grader(set, workers, 3, "cpu", {}, folder / "training.safetensors",
                                    [&](const RetinaEpoch& epoch) { told.push_back(epoch.epoch); });

  EXPECT_EQ(told, (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_TRUE(same_weights(*whole.weights, *resumed.weights));
  for (std::size_t i = 0; i < whole.curve.size(); ++i)
    EXPECT_EQ(whole.curve[i].train_loss, resumed.curve[i].train_loss) << i;
  EXPECT_THAT([&] { (void)train_grader(set, plan(), 4, "cpu", {}, folder / "training.safetensors"); },
              testing::Throws<Error>(support::HasCode(ErrorCode::incompatible)));
}

INSTANTIATE_TEST_SUITE_P(Methods, GraderTrainerTest,
                         testing::Values(Setting{"erm", "none"}, Setting{"erm", "mrl", true, 2},
                                         Setting{"gdrnet", "none"}, Setting{"gdrnet", "none", true, 2},
                                         Setting{"deco", "none"}, Setting{"deco", "ndcg", true, 2}),
                         [](const auto& made) {
                           return made.param.method + "_" + made.param.rank +
                                  (made.param.freeze ? "_frozen" : "");
                         });

TEST(GraderTrainerLearningTest, FindsThePaintedSpotsOnAnUnseenCamera) {
  auto plan = small_plan("erm");
  plan.training.epochs = 12;
  plan.training.turns = true;
  const auto set = make_set(9, 2);
  const auto result = train_grader(set, plan, 1, "cpu", {});
  const support::TemporaryFolder folder;
  GraderPackage package;
  package.name = "spots";
  package.arguments = result.arguments;
  package.weights = result.weights;
  package.transform = result.transform;
  package.cloud = result.cloud;
  package.facts = {{"training_data", "painted"}, {"licence", "none"}};
  package.card = "# spots\n";
  write_grader_package(folder / "pkg", package);
  const auto grader = open_retina_grader(ModelPackage::open(folder / "pkg"), "cpu");

  double error = 0;
  for (std::int64_t grade = 0; grade < 5; ++grade) {
    for (int i = 0; i < 4; ++i) {
      const auto picture =
          paint_eye({.id = "new-" + std::to_string(grade * 10 + i), .label = grade, .domain = 1}, 99);
      error +=
          std::abs(grader->grade({&picture, 1}).front().expected_grade - static_cast<double>(grade)) / 20;
    }
  }
  EXPECT_LT(error, 0.9) << "chance has 1.2 or more";

  // One spot alone: the evidence for the highest grade lies there.
  FieldPicture lone = paint_eye({.id = "lone", .label = 0, .domain = 1}, 5);
  for (std::int64_t y = 36; y < 50; ++y) {
    for (std::int64_t x = 38; x < 52; ++x) {
      lone.image.pixel(x, y)[1] = 240;
      lone.image.pixel(x, y)[2] = 200;
    }
  }
  const auto hidden = grader->occlusion(lone, {.grid = 8}, {}, 4);
  const auto values = hidden.values.values();
  const auto best = std::max_element(values.begin(), values.end()) - values.begin();
  EXPECT_NEAR(static_cast<double>(best % 8), 5, 1.5);
  EXPECT_NEAR(static_cast<double>(best / 8), 5, 1.5);
}

TEST(GraderTrainerRefusalTest, SaysWhatIsWrongWithTheSet) {
  auto set = make_set(3, 2);
  set.train[0].label = 5;
  EXPECT_EQ(code_of(set, small_plan("erm")), ErrorCode::invalid_argument);
  set = make_set(3, 2);
  set.domains.emplace_back("empty");
  EXPECT_EQ(code_of(set, small_plan("erm")), ErrorCode::insufficient_data);
  auto plan = small_plan("deco");
  plan.deco.mix_counts = "gdrbench";
  EXPECT_EQ(code_of(make_set(3, 2), plan), ErrorCode::invalid_argument);
  plan = small_plan("erm");
  plan.training.freeze = true;
  plan.training.views = 900;
  plan.training.cache_mb = 1;
  EXPECT_EQ(code_of(make_set(3, 2), plan), ErrorCode::resource_exhausted);
}

TEST(GraderTrainerLesionsTest, LearnsFromMarkedPhotographsWhatEveryPhotographIsAskedFor) {
  auto set = make_set(6, 1);
  set.features = std::make_shared<FeatureStore>();
  auto plan = small_plan("erm");
  plan.network.pool = "lesions";
  plan.training.epochs = 0;
  plan.training.freeze = true;
  plan.training.split = 4;
  plan.training.views = 1;
  plan.training.head_start = "discriminant";
  EXPECT_EQ(code_of(set, plan), ErrorCode::insufficient_data) << "nothing is marked";
  for (std::size_t i = 0; i < set.train.size(); i += 2) set.train[i].has_lesions = true;
  auto moving = plan;
  moving.training.split = 2;
  EXPECT_EQ(code_of(set, moving), ErrorCode::invalid_argument) << "a probe of a network that moves";

  const auto made = train_grader(set, plan, 3, "cpu", {});
  const support::TemporaryFolder folder;
  GraderPackage package;
  package.name = "spots";
  package.arguments = made.arguments;
  package.weights = made.weights;
  package.transform = made.transform;
  package.facts = {{"training_data", "none"}, {"licence", "none"}};
  package.card = "# spots\n";
  write_grader_package(folder / "pkg", package);
  const auto grader = open_retina_grader(ModelPackage::open(folder / "pkg"), "cpu");
  const auto exudates = [&](std::int64_t grade) {
    double sum = 0;
    for (int i = 0; i < 4; ++i) {
      const auto eye = paint_eye({.id = "new" + std::to_string(i), .label = grade}, 9);
      const auto features = grader->grade({&eye, 1}).front().features;
      EXPECT_EQ(features.size(), 64U + 12U);
      sum += static_cast<double>(features[64 + 2 * 3]);
    }
    return sum / 4;
  };
  EXPECT_GT(exudates(4), exudates(0) + 0.5) << "the logarithm of their mean share";
  EXPECT_TRUE(same_weights(*made.weights, *train_grader(set, plan, 3, "cpu", {}).weights))
      << "from the store the same";

  set.validation.clear();
  const auto alone = train_grader(set, plan, 3, "cpu", {});
  ASSERT_TRUE(alone.calibration.has_value()) << "of predictions in turn within the training part";
  EXPECT_EQ(alone.calibration->cases, std::ssize(set.train));
  EXPECT_GT(alone.calibration->nll_before, 0.01) << "of photographs that its heads had not seen";
  EXPECT_TRUE(same_weights(*made.weights, *alone.weights));
}

TEST(LesionProbeTest, TellsCellsApartByWhatOnlyMarkedOnesHave) {
  LesionProbe probe(6, 2);
  EXPECT_THAT([&] { (void)probe.fit(0.1); },
              testing::Throws<Error>(support::HasCode(ErrorCode::insufficient_data)));
  torch::manual_seed(1);
  const auto paint = [] {
    auto map = torch::randn({6, 8, 8});
    const auto marks = torch::zeros({2, 16, 16});
    for (std::int64_t i = 0; i < 8; i += 2) {
      marks[0][2 * i][2 * i + 1] = 1;  // one pixel of a cell is enough
      map[3][i][i] += 8;
    }
    return std::pair(map, marks);
  };
  auto field = torch::ones({1, 16, 16});
  field.slice(2, 8) = 0;
  for (int i = 0; i < 30; ++i) {
    auto [map, marks] = paint();
    map[3].slice(1, 4) = 100;  // outside: not learnt from
    probe.add(map, marks, field);
  }
  const auto head = probe.fit(0.05);
  EXPECT_EQ(head.weight.abs()[0].argmax().item<std::int64_t>(), 3);
  EXPECT_EQ(head.weight.abs()[1].max().item<float>(), 0) << "never seen";
  const auto [map, marks] = paint();
  const auto odds = torch::mv(map.flatten(1).t(), head.weight[0]) + head.bias[0];
  EXPECT_GT(odds[0].item<float>(), 0) << "marked";
  EXPECT_LT(odds.view({8, 8})[0][1].item<float>(), 0);
}

TEST(FundusAugmentTest, DrawsInRangeStaysInTheFieldAndRepeats) {
  const auto picture = paint_eye({.id = "a", .label = 3, .domain = 0}, 1);
  for (const auto kind :
       {FundusAugmentation::none, FundusAugmentation::baseline, FundusAugmentation::fundus}) {
    std::set<float> means;
    for (std::uint64_t stream = 0; stream < 12; ++stream) {
      Random first(4, stream), second(4, stream);
      const auto made = augment_fundus(picture, 56, kind, true, first);
      EXPECT_EQ(made.augmented.values, augment_fundus(picture, 56, kind, true, second).augmented.values);
      ASSERT_EQ(made.augmented.values.size(), 3U * 56 * 56);
      float sum = 0;
      for (std::size_t i = 0; i < made.augmented.values.size(); ++i) {
        const float value = made.augmented.values[i];
        ASSERT_TRUE(value >= 0 && value <= 1) << value;
        sum += value;
        if (kind == FundusAugmentation::fundus && made.augmented.field[i % (56 * 56)] == 0) {
          ASSERT_EQ(value, 0.0F) << "outside the field";
        }
      }
      means.insert(sum);
    }
    EXPECT_EQ(means.size(), kind == FundusAugmentation::none ? 1U : 12U);
  }
}

TEST(OrderedAheadTest, HandsOutInOrderAndCarriesWhatWasThrown) {
  OrderedAhead<int> ahead(100, 3, 5, [](std::size_t i) {
    if (i == 42) throw Error(ErrorCode::not_found, "gone");
    return static_cast<int>(i);
  });
  for (int i = 0; i < 100; ++i) {
    if (i == 42) {
      EXPECT_THROW((void)ahead.next(), Error);
    } else {
      EXPECT_EQ(ahead.next(), i);
    }
  }
  std::atomic<int> made = 0;
  {
    OrderedAhead<int> unfinished(1000000, 2, 4, [&](std::size_t i) {
      ++made;
      return static_cast<int>(i);
    });
    EXPECT_EQ(unfinished.next(), 0);
  }
  EXPECT_LE(made.load(), 8) << "bounded, and stopped with the object";
}

}  // namespace
}  // namespace models
