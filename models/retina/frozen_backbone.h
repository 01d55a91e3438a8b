#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "imaging/base/job.h"
#include "models/retina/grader_network_module.h"
#include "models/retina/lesion_probe.h"
#include "models/retina/training_pictures.h"

namespace models {

/// What the part of a network that stays as it is makes of photographs: computed once, kept in the set's
/// store.
///
/// @par Threads  One caller at a time.
class FrozenBackbone {
 public:
  static constexpr std::int64_t kMirrored = -1;  ///< the view that is the mirror image of the plain one

  /// Keeps references to all but the text. @param transform  of the package, as text
  FrozenBackbone(const RetinaTrainingSet& set, const RetinaTrainingPlan& plan,
                 const TrainingPictures& pictures, GraderNetwork& network, std::string transform,
                 torch::Device device, const imaging::JobContext& job)
      : set_(set),
        plan_(plan),
        pictures_(pictures),
        network_(network),
        transform_(std::move(transform)),
        device_(device),
        job_(job) {}

  /// To be called once the network has its start weights. With lesion pooling it fits the probe on the
  /// training photographs that come with lesions, and on their kept views. Stage reported: "lesions".
  void begin();

  /// Features of one view of each photograph. Stage reported: "features".
  /// @param view  0 is plain, as a grader sees it; kMirrored; from 1 on drawn ones
  /// @return      [N, feature_dim()]
  [[nodiscard]] torch::Tensor rows_of(std::span<const RetinaExample> examples, std::int64_t view);
  /// To be called when weights of the backbone are about to move.
  void forget() { frozen_ = GraderNetwork{nullptr}; }

  /// Early maps of one view as rows of `maps` from `first` on; makes `maps` of `rows` rows where it is
  /// undefined. Stage reported: "early maps". @throws imaging::Error  `resource_exhausted` beyond cache_mb
  void fill_maps(torch::Tensor& maps, std::int64_t rows, std::int64_t first,
                 std::span<const RetinaExample> examples, std::int64_t view);

 private:
  /// Of what the features of a view depend on, beside the photograph. @param learnt  what was learnt of data
  [[nodiscard]] std::string identity_with(const std::string& learnt) const;
  void learn_lesions();
  void learn_lesions(const RetinaExample& example, std::int64_t view, LesionProbe& probe);
  /// The network prepared for inference, as a grader of the package runs it.
  [[nodiscard]] GraderNetwork& frozen();
  [[nodiscard]] torch::Tensor empty_maps(const torch::Tensor& map, std::int64_t rows) const;
  /// One view of the chosen examples as the network takes them, one by one.
  [[nodiscard]] std::unique_ptr<OrderedAhead<torch::Tensor>> inputs_ahead(
      std::span<const RetinaExample> examples, const std::vector<std::size_t>& chosen,
      std::int64_t view) const;

  const RetinaTrainingSet& set_;
  const RetinaTrainingPlan& plan_;
  const TrainingPictures& pictures_;
  GraderNetwork& network_;
  std::string transform_;
  torch::Device device_;
  const imaging::JobContext& job_;
  GraderNetwork frozen_{nullptr};
  std::string identity_;
};

}  // namespace models
