#pragma once

#include <fmt/format.h>

#include "imaging/base/random.h"
#include "mil/bags/bag_store.h"
#include "mil/training/trainer.h"
#include "tests/support/test_support.h"

namespace support {

inline constexpr std::int64_t kPaintedDim = 10;

/// A cohort on disk: noise, and in every tumour bag a few tiles that are shifted along the first axis.
class PaintedCohort {
 public:
  explicit PaintedCohort(int bags, const std::string& encoder = "ab") {
    for (int i = 0; i < bags; ++i) add(fmt::format("bag{}", i), i % 2 == 1, encoder);
  }

  void add(const std::string& id, bool is_tumour, const std::string& encoder, std::int64_t dim = kPaintedDim,
           std::int64_t count = 40) {
    imaging::Random random(imaging::hash_text(id));
    mil::Bag bag{.id = id, .count = count, .dim = dim, .features = {}, .coords = {}};
    for (std::int64_t tile = 0; tile < bag.count; ++tile) {
      for (std::int64_t axis = 0; axis < dim; ++axis) {
        const double shift = is_tumour && tile < 8 && axis == 0 ? 4 : 0;
        bag.features.push_back(static_cast<float>(random.normal(shift, 1)));
      }
      bag.coords.insert(bag.coords.end(), {256 * tile, 0});
    }
    mil::write_bag(folder_ / (id + ".h5"), bag,
                   {.coords_attributes = {{"tile_px", std::int64_t{256}}, {"tile_mpp", 0.5}},
                    .features_attributes = {{"encoder", "painter"}, {"encoder_sha256", encoder}},
                    .scores = {}});
    set.labels.rows.push_back({id, id, is_tumour ? "tumor" : "normal"});
    set.split.train.push_back(id);
    set.bags[id] = {folder_ / (id + ".h5")};
  }

  mil::TrainingSet set;

 private:
  TemporaryFolder folder_;
};

inline mil::TrainingPlan quick_plan() {
  mil::TrainingPlan plan;
  plan.base.embed_dim = 16;
  plan.base.attention_dim = 8;
  plan.training.learning_rate = 5e-3;
  plan.training.epochs = 40;
  plan.training.min_epochs = 40;
  return plan;
}

/// Names and values of two sets of tensors, bit for bit.
inline void expect_same_weights(const models::TensorMap& one, const models::TensorMap& other) {
  ASSERT_EQ(one.size(), other.size());
  for (const auto& [name, tensor] : one) {
    ASSERT_TRUE(other.contains(name)) << name;
    EXPECT_TRUE(at::equal(tensor, other.at(name))) << name;
  }
}

}  // namespace support
