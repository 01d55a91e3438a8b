#include "mil/training/trainer.h"

#include <fmt/format.h>

#include <stop_token>

#include "imaging/base/files.h"
#include "imaging/base/random.h"
#include "mil/aggregators/bag_classifier.h"
#include "mil/bags/bag_store.h"
#include "tests/support/test_support.h"

namespace mil {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using support::HasCode;
using testing::Throws;

constexpr std::int64_t kDim = 10;

/// A cohort on disk: noise, and in every tumour bag a few tiles that are shifted along the first axis.
class PaintedCohort {
 public:
  explicit PaintedCohort(int bags, const std::string& encoder = "ab") {
    for (int i = 0; i < bags; ++i) add(fmt::format("bag{}", i), i % 2 == 1, encoder);
    set.bags = find_bags(folder_.path());
  }

  void add(const std::string& id, bool is_tumour, const std::string& encoder, std::int64_t dim = kDim) {
    imaging::Random random(imaging::hash_text(id));
    Bag bag{.id = id, .count = 40, .dim = dim, .features = {}, .coords = {}};
    for (std::int64_t tile = 0; tile < bag.count; ++tile) {
      for (std::int64_t axis = 0; axis < dim; ++axis) {
        const double shift = is_tumour && tile < 8 && axis == 0 ? 4 : 0;
        bag.features.push_back(static_cast<float>(random.normal(shift, 1)));
      }
      bag.coords.insert(bag.coords.end(), {256 * tile, 0});
    }
    write_bag(folder_ / (id + ".h5"), bag,
              {.coords_attributes = {{"tile_px", std::int64_t{256}}, {"tile_mpp", 0.5}},
               .features_attributes = {{"encoder", "painter"}, {"encoder_sha256", encoder}},
               .scores = {}});
    set.labels.rows.push_back({id, id, is_tumour ? "tumor" : "normal"});
    set.split.train.push_back(id);
  }

  TrainingSet set;

 private:
  support::TemporaryFolder folder_;
};

TrainingPlan quick_plan() {
  TrainingPlan plan;
  plan.base.embed_dim = 16;
  plan.base.attention_dim = 8;
  plan.training.learning_rate = 5e-3;
  plan.training.epochs = 40;
  plan.training.min_epochs = 40;
  return plan;
}

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

  plan.training.memory_mb = 0;
  auto again = train(7, "b");
  again.replace(again.find("\"memory_mb\": 0"), 14, "\"memory_mb\": 4096");
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
  EXPECT_EQ(input.at("dim"), kDim);
  EXPECT_EQ(input.at("tile_px"), 256);
  EXPECT_EQ(input.at("tile_um"), 128.0);
  const auto one = open_classifier(package, "cpu");
  const auto other = open_classifier(package, "cpu");
  for (const auto& [id, path] : cohort.set.bags) {
    const auto bag = read_bag(path);
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
  other_encoder.set.bags = find_bags(other_encoder.set.bags.begin()->second.parent_path());
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
