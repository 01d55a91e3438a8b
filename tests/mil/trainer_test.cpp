#include "mil/training/trainer.h"

#include <fmt/format.h>

#include <stop_token>

#include "imaging/base/files.h"
#include "mil/aggregators/bag_classifier.h"
#include "mil/bags/bag_store.h"
#include "tests/mil/painted_cohort.h"

namespace mil {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using support::HasCode;
using support::PaintedCohort;
using support::quick_plan;
using testing::Throws;

PackageTexts texts() {
  return {.name = "painted", .licence = "Apache-2.0"};
}

TEST(TrainerTest, OverfitsFourBags) {
  for (const bool gated : {false, true}) {
    PaintedCohort cohort(4);
    auto plan = quick_plan();
    plan.base.gated = gated;
    plan.base.dropout = 0;

    const auto result = train_classifier(cohort.set, plan, 1, "cpu", {});

    EXPECT_EQ(result.curve.size(), 40U);
    EXPECT_EQ(result.best_epoch, 40);
    EXPECT_GT(result.curve.front().train_loss, 0.2);
    EXPECT_LT(result.curve.back().train_loss, 0.02);
    EXPECT_EQ(result.class_names, (std::vector<std::string>{"normal", "tumor"}));
    EXPECT_FALSE(result.validation);
  }
}

TEST(TrainerTest, KeepsTheBestEpochAndGeneralises) {
  PaintedCohort cohort(60);
  cohort.set.split = make_split(cohort.set.labels, {.validation = 0.2, .test = 0.3}, 2);
  auto plan = quick_plan();
  plan.training.min_epochs = 0;
  plan.training.patience = 6;

  const auto result = train_classifier(cohort.set, plan, 1, "cpu", {});

  ASSERT_TRUE(result.validation);
  ASSERT_TRUE(result.test);
  EXPECT_GT(result.test->auc.value(), 0.95);
  for (const auto& record : result.curve) {
    EXPECT_GE(record.validation_loss.value(),
              result.curve[static_cast<std::size_t>(result.best_epoch - 1)].validation_loss.value());
  }
  EXPECT_LE(static_cast<std::int64_t>(result.curve.size()), result.best_epoch + 6);
}

TEST(TrainerTest, SameSeedSamePackageAndAnotherSeedAnother) {
  const support::TemporaryFolder folder;
  PaintedCohort cohort(12);
  cohort.set.split = make_split(cohort.set.labels, {.validation = 0.3, .test = 0}, 2);
  auto plan = quick_plan();
  plan.training.epochs = 5;
  const auto train = [&](std::uint64_t seed, const char* name) {
    write_classifier_package(folder / name, train_classifier(cohort.set, plan, seed, "cpu", {}), texts());
    return imaging::read_file(folder / name / "manifest.json");
  };

  const auto first = train(7, "a");

  const auto memory_field = [](std::int64_t mb) { return "\"memory_mb\": " + std::to_string(mb); };
  const auto kept = memory_field(plan.training.memory_mb);
  const auto unkept = memory_field(0);
  plan.training.memory_mb = 0;
  auto again = train(7, "b");
  again.replace(again.find(unkept), unkept.size(), kept);
  EXPECT_EQ(first, again);
  EXPECT_NE(imaging::read_file(folder / "a" / "model.safetensors"),
            (train(8, "c"), imaging::read_file(folder / "c" / "model.safetensors")));
}

TEST(TrainerTest, PackageRoundTripPredictsTheSame) {
  const support::TemporaryFolder folder;
  PaintedCohort cohort(8);
  const auto result = train_classifier(cohort.set, quick_plan(), 3, "cpu", {});

  write_classifier_package(folder / "model", result, texts());

  const auto package = models::ModelPackage::open(folder / "model");
  const auto& input = package.manifest().at("input_bag");
  EXPECT_EQ(input.at("encoder_sha256"), "ab");
  EXPECT_EQ(input.at("encoder_name"), "painter");
  EXPECT_EQ(input.at("dim"), support::kPaintedDim);
  EXPECT_EQ(input.at("tile_px"), 256);
  EXPECT_EQ(input.at("tile_um"), 128.0);
  const auto one = open_classifier(package, "cpu");
  const auto other = open_classifier(package, "cpu");
  for (const auto& [id, files] : cohort.set.bags) {
    const auto bag = read_bag(files.front());
    const auto prediction = one->predict(bag);
    EXPECT_EQ(prediction.logits, other->predict(bag).logits);
    EXPECT_EQ(prediction.tile_scores.values, other->predict(bag).tile_scores.values);
    const bool is_tumour = (id.back() - '0') % 2 == 1;
    EXPECT_GT(prediction.probabilities[is_tumour ? 1 : 0], 0.9) << id;
  }
  EXPECT_THAT([&] { write_classifier_package(folder / "model", result, texts()); },
              Throws<Error>(HasCode(ErrorCode::invalid_argument)));
}

TEST(TrainerTest, RefusesSetsThatDoNotFitTogether) {
  const auto refuses = [](PaintedCohort& cohort, ErrorCode code) {
    EXPECT_THAT([&] { (void)train_classifier(cohort.set, quick_plan(), 1, "cpu", {}); },
                Throws<Error>(HasCode(code)));
  };
  PaintedCohort other_encoder(4);
  other_encoder.add("odd", true, "cd");
  const auto folder = other_encoder.set.bags.begin()->second.front().parent_path();
  other_encoder.set.bags["odd"] = {find_bags(folder).at("odd")};
  refuses(other_encoder, ErrorCode::incompatible);

  PaintedCohort one_class(4);
  one_class.set.split.train = {"bag0", "bag2"};
  refuses(one_class, ErrorCode::insufficient_data);

  PaintedCohort missing(4);
  missing.set.bags.erase("bag2");
  refuses(missing, ErrorCode::not_found);

  PaintedCohort unlabelled(4);
  unlabelled.set.labels.rows.erase(unlabelled.set.labels.rows.begin());
  refuses(unlabelled, ErrorCode::invalid_argument);
}

TEST(TrainerTest, WeightsFocusAndSamplingTrainToo) {
  PaintedCohort cohort(10);
  cohort.set.split.train = {"bag0", "bag2", "bag4", "bag6", "bag8", "bag1"};
  for (const char* weights : {"balanced", "1,3.5"}) {
    auto plan = quick_plan();
    plan.training.class_weights = weights;
    plan.training.focal_gamma = 2;
    plan.training.balanced_sampling = true;
    plan.training.batch_bags = 4;
    plan.training.bag_instances = 30;
    plan.training.learning_rate = 3e-2;
    plan.training.learning_rate_schedule = "cosine";
    EXPECT_LT(train_classifier(cohort.set, plan, 1, "cpu", {}).curve.back().train_loss, 0.1) << weights;
  }
  auto wrong = quick_plan();
  wrong.training.class_weights = "1,2,3";
  EXPECT_THAT([&] { (void)train_classifier(cohort.set, wrong, 1, "cpu", {}); },
              Throws<Error>(HasCode(ErrorCode::invalid_argument)));
}

TEST(TrainerTest, TrainsOnTinyBagsAndSkipsEmptyOnes) {
  PaintedCohort cohort(4);
  cohort.add("one", true, "ab", support::kPaintedDim, 1);
  cohort.add("two", false, "ab", support::kPaintedDim, 2);
  cohort.add("none", true, "ab", support::kPaintedDim, 0);
  for (const char* method : {"ce", "mhim"}) {
    auto plan = quick_plan();
    plan.training.method = method;
    plan.training.epochs = 3;

    const auto result = train_classifier(cohort.set, plan, 1, "cpu", {});

    EXPECT_EQ(result.skipped, std::vector<std::string>{"none"});
    EXPECT_EQ(result.train_count, 6);
  }
}

TEST(TrainerTest, SaysWhichBagMadeTheLossInfinite) {
  PaintedCohort cohort(4);
  auto plan = quick_plan();
  plan.training.class_weights = "1e39,1e39";  // beyond float32
  EXPECT_THAT([&] { (void)train_classifier(cohort.set, plan, 1, "cpu", {}); },
              Throws<Error>(HasCode(ErrorCode::invalid_argument)));
}

TEST(TrainerTest, TiesDoNotPutOffTheStop) {
  PaintedCohort cohort(20);
  cohort.set.split = make_split(cohort.set.labels, {.validation = 0.4, .test = 0}, 2);
  auto plan = quick_plan();
  plan.training.learning_rate = 1e-8;  // float32 weights do not move, so every epoch ties
  plan.training.weight_decay = 0;
  plan.training.min_epochs = 0;
  plan.training.patience = 3;

  const auto result = train_classifier(cohort.set, plan, 1, "cpu", {});

  EXPECT_LE(static_cast<std::int64_t>(result.curve.size()), result.best_epoch + 3);
}

TEST(TrainerTest, StopsWhenAsked) {
  PaintedCohort cohort(4);
  std::stop_source stop;
  const imaging::JobContext job(stop.get_token(), [&](const imaging::Progress& step) {
    if (step.stage == "training" && step.done == 5) stop.request_stop();
  });

  EXPECT_THROW((void)train_classifier(cohort.set, quick_plan(), 1, "cpu", job), imaging::Cancelled);
}

}  // namespace
}  // namespace mil
