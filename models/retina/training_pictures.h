#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "models/retina/fundus_augment.h"
#include "models/retina/fundus_transform.h"
#include "models/retina/grader_trainer.h"
#include "models/runtime/ordered_ahead.h"
#include "models/runtime/tensor_bridge.h"

namespace models {

/// What the network of a plan is shown of a photograph, as the package's manifest states it.
[[nodiscard]] nlohmann::ordered_json training_transform(const RetinaTrainingPlan& plan);

/// The photographs of a training as the network sees them, decoded and augmented ahead on the plan's workers.
///
/// @par Threads  Reentrant.
class TrainingPictures {
 public:
  /// Keeps references to `set` and `plan`.
  TrainingPictures(const RetinaTrainingSet& set, const RetinaTrainingPlan& plan,
                   const nlohmann::ordered_json& transform, std::uint64_t seed, torch::Device device);

  /// The views of an epoch. @param order  numbers in the training part
  [[nodiscard]] std::unique_ptr<OrderedAhead<AugmentedViews>> draw_ahead(
      const std::vector<std::size_t>& order, std::int64_t epoch) const;
  /// A view that belongs to the photograph, whatever the seed and the set. @param view  from 1
  [[nodiscard]] AugmentedViews draw_fixed_view(const RetinaExample& example, std::int64_t view) const;
  [[nodiscard]] std::unique_ptr<OrderedAhead<FieldPicture>> read_ahead(
      std::span<const RetinaExample> examples) const;

  /// The picture as a grader of the package would see it. @return  [1, 3, h, w] on the device
  [[nodiscard]] torch::Tensor plain_input(FieldPicture picture) const;
  /// The next pictures likewise. @return  [count, 3, h, w]
  [[nodiscard]] torch::Tensor plain_input(OrderedAhead<FieldPicture>& ahead, std::int64_t count) const;
  /// Lesions and field of what that input shows, at the crop's resolution. @return  [kinds, s, s], [1, s, s],
  /// 0 to 1
  [[nodiscard]] std::pair<torch::Tensor, torch::Tensor> plain_lesions(const FieldPicture& picture) const;
  /// Augmented ones. @return  [B, 3, h, w] on the device
  [[nodiscard]] torch::Tensor input_of(std::span<const NetworkPicture> pictures) const;

 private:
  [[nodiscard]] AugmentedViews augment(const RetinaExample& example, imaging::Random& random) const;

  const RetinaTrainingSet& set_;
  const RetinaTrainingPlan& plan_;
  std::uint64_t seed_;
  torch::Device device_;
  FundusTransform transform_;
};

}  // namespace models
