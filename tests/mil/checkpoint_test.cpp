#include "mil/training/checkpoint.h"

#include <torch/types.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <stop_token>
#include <thread>

#include "tests/mil/child_process.h"
#include "tests/mil/painted_cohort.h"

namespace mil {
namespace {

namespace fs = std::filesystem;
using imaging::Error;
using imaging::ErrorCode;
using support::HasCode;
using support::PaintedCohort;
using support::quick_plan;
using testing::Throws;

constexpr std::uint64_t kSeed = 5;

TrainingPlan plan_of(const std::string& method) {
  auto plan = quick_plan();
  plan.training.method = method;
  plan.training.epochs = 6;
  plan.training.batch_bags = 2;
  plan.training.learning_rate_schedule = "cosine";
  return plan;
}

struct SplitCohort : PaintedCohort {
  SplitCohort() : PaintedCohort(14) { set.split = make_split(set.labels, {.validation = 0.3, .test = 0}, 2); }
};

/// Stops when the given stage comes to its `bags`-th bag.
class Stopper {
 public:
  Stopper(std::string stage, std::int64_t bags) : stage_(std::move(stage)), bags_(bags) {}
  [[nodiscard]] imaging::JobContext job() {
    return imaging::JobContext(stop_.get_token(), [this](const imaging::Progress& step) {
      if (step.stage == stage_ && step.done >= bags_) stop_.request_stop();
    });
  }

 private:
  std::string stage_;
  std::int64_t bags_;
  std::stop_source stop_;
};

TEST(CheckpointTest, ResumedRunEndsWithTheSameWeights) {
  SplitCohort cohort;
  const auto count = static_cast<std::int64_t>(cohort.set.split.train.size());
  for (const auto* method : {"ce", "mhim"}) {
    const support::TemporaryFolder folder;
    const auto path = folder / "checkpoint.safetensors";
    const auto plan = plan_of(method);
    const auto whole = train_classifier(cohort.set, plan, kSeed, "cpu", {});
    Stopper in_the_base("training the base", 2 * count + 3), in_the_method("training", 3 * count + 5);

    if (plan.training.method == "mhim") {
      EXPECT_THROW((void)train_classifier(cohort.set, plan, kSeed, "cpu", in_the_base.job(), path),
                   imaging::Cancelled);
      EXPECT_TRUE(fs::exists(folder / "checkpoint_base.safetensors"));
    }
    EXPECT_THROW((void)train_classifier(cohort.set, plan, kSeed, "cpu", in_the_method.job(), path),
                 imaging::Cancelled);
    ASSERT_TRUE(fs::exists(path));
    const auto resumed = train_classifier(cohort.set, plan, kSeed, "cpu", {}, path);
    const auto again = train_classifier(cohort.set, plan, kSeed, "cpu", {}, path);

    for (const auto* other : {&resumed, &again}) {
      support::expect_same_weights(*whole.weights, *other->weights);
      ASSERT_EQ(whole.curve.size(), other->curve.size());
      EXPECT_EQ(whole.best_epoch, other->best_epoch);
      for (std::size_t i = 0; i < whole.curve.size(); ++i) {
        EXPECT_EQ(whole.curve[i].train_loss, other->curve[i].train_loss);
        EXPECT_EQ(whole.curve[i].validation_loss, other->curve[i].validation_loss);
      }
    }
  }
}

/// Run by KilledRunResumes in a process of its own.
TEST(CheckpointTest, DISABLED_TrainsSlowly) {
  SplitCohort cohort;
  const imaging::JobContext slow({}, [](const imaging::Progress& step) {
    if (step.stage == "training") std::this_thread::sleep_for(std::chrono::milliseconds(30));
  });
  (void)train_classifier(cohort.set, plan_of("ce"), kSeed, "cpu", slow,
                         std::getenv("TESSERA_TEST_CHECKPOINT"));
}

TEST(CheckpointTest, KilledRunResumes) {
  const support::TemporaryFolder folder;
  const auto path = folder / "checkpoint.safetensors";
  SplitCohort cohort;
  const auto whole = train_classifier(cohort.set, plan_of("ce"), kSeed, "cpu", {});

  support::ChildTest child("CheckpointTest.DISABLED_TrainsSlowly",
                           {{"TESSERA_TEST_CHECKPOINT", path.string()}, {"TMPDIR", folder.path().string()}});
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  while (!fs::exists(path) && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(child.kill_now(), -1) << "it ended before it was killed";
  ASSERT_TRUE(fs::exists(path));
  std::int64_t replayed = 0;
  const auto resumed = train_classifier(cohort.set, plan_of("ce"), kSeed, "cpu", {}, path, nullptr,
                                        [&](const EpochRecord&) { ++replayed; });

  EXPECT_EQ(replayed, 6);
  support::expect_same_weights(*whole.weights, *resumed.weights);
}

TEST(CheckpointTest, RefusesAnotherRunAndDamage) {
  const support::TemporaryFolder folder;
  const auto path = folder / "checkpoint.safetensors";
  SplitCohort cohort;
  auto plan = plan_of("ce");
  plan.training.epochs = 1;
  (void)train_classifier(cohort.set, plan, kSeed, "cpu", {}, path);
  const auto refuses = [&](const TrainingSet& set, const TrainingPlan& other, std::uint64_t seed,
                           ErrorCode code) {
    EXPECT_THAT([&] { (void)train_classifier(set, other, seed, "cpu", {}, path); },
                Throws<Error>(HasCode(code)));
  };

  refuses(cohort.set, plan, kSeed + 1, ErrorCode::incompatible);
  auto wider = plan;
  wider.base.embed_dim = 17;
  refuses(cohort.set, wider, kSeed, ErrorCode::incompatible);
  auto smaller = cohort.set;
  smaller.split.train.pop_back();
  refuses(smaller, plan, kSeed, ErrorCode::incompatible);
  auto less_memory = plan;
  less_memory.training.memory_mb = 0;
  EXPECT_NO_THROW((void)train_classifier(cohort.set, less_memory, kSeed, "cpu", {}, path));

  models::write_safetensors(path, {{"a", at::zeros({2})}});
  refuses(cohort.set, plan, kSeed, ErrorCode::corrupt_data);
  std::ofstream(path) << "cut";
  refuses(cohort.set, plan, kSeed, ErrorCode::corrupt_data);
}

}  // namespace
}  // namespace mil
