#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "imaging/base/geometry.h"
#include "imaging/base/image.h"
#include "imaging/base/job.h"
#include "imaging/base/options.h"
#include "models/retina/field_picture.h"
#include "models/retina/grader_arguments.h"
#include "models/runtime/feature_cloud.h"
#include "models/runtime/model_package.h"

namespace models {

/// What the network says of one photograph. Whether that is to be believed (quality, confidence, distance
/// from the training photographs) is decided by who asks.
struct RetinaGrade {
  std::vector<double> logits;         ///< K, mean over the test-time views, before calibration
  std::vector<double> probabilities;  ///< K, softmax(logits / temperature), sums to 1
  std::int64_t grade = 0;             ///< most probable class, the first among equals: 0 to K - 1
  double confidence = 0;              ///< its probability
  double referable_score = 0;         ///< p2 + p3 + p4
  double expected_grade = 0;          ///< sum of k p_k
  /// Risk of macular oedema, 0 to 2; calibrated with a temperature of its own. Empty where the package has no
  /// such head.
  std::vector<double> oedema_probabilities;
  std::vector<float> features;                           ///< what the heads read, of the first view
  std::optional<OutOfDistribution> out_of_distribution;  ///< where the package knows its training photographs
};

/// A map over the crop that says how much a place speaks for a class.
struct EvidenceMap {
  imaging::ImageF values;  ///< h x w x 1, 0 where nothing speaks for the class or outside the field
  imaging::RectD box;      ///< that the map covers, in pixels of the crop (S x S)
  std::int64_t class_index = 0;
};

struct OcclusionOptions {
  std::int64_t grid = 16;
  double width = 2;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, OcclusionOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("grid", options.grid,
        FieldInfo{.help = "Places a row and column that are hidden in turn", .min = 4, .max = 64});
  field("width", options.width,
        FieldInfo{.unit = "grid steps", .help = "Diameter of what is hidden", .min = 1, .max = 8});
}

/// Grades fundus photographs. Made from a package of task `fundus-grading`; frozen and optimised once.
///
/// A batch gives the same bits as one at a time: photographs pass the network together only as far as
/// GraderNetwork::is_onednn allows, and one by one elsewhere.
/// @par Threads  One caller at a time.
class RetinaGrader {
 public:
  virtual ~RetinaGrader() = default;

  /// Side S of the FieldPicture that `grade` takes (FieldCrop of the manifest's transform).
  [[nodiscard]] virtual std::int64_t crop_size() const = 0;
  /// Of the grades: nodr, mild_npdr, moderate_npdr, severe_npdr, pdr in a package made here.
  [[nodiscard]] virtual const std::vector<std::string>& class_names() const = 0;
  [[nodiscard]] virtual bool has_oedema() const = 0;
  /// From which referable score on an eye is called referable (manifest `referable_threshold`, default 0.5).
  [[nodiscard]] virtual double referable_threshold() const = 0;
  /// Length of RetinaGrade::features.
  [[nodiscard]] virtual std::int64_t feature_dim() const = 0;

  /// @throws Error  `invalid_argument` where a picture or mask is not crop_size() square or has other
  /// channels; `incompatible` where the network gives NaN or inf.
  [[nodiscard]] virtual std::vector<RetinaGrade> grade(std::span<const FieldPicture> pictures) = 0;

  /// Class activation at the resolution of the last feature map: relu of the sum over channels of activation
  /// times the gradient of the class's logit, place by place. With mean pooling this is Grad-CAM and adds up
  /// to the logit; with maxima each stands where it was found.
  /// @param class_index  absent: the grade
  /// @throws Error  as grade; `invalid_argument` on a class outside 0 to K - 1.
  /// @par Cost      One pass through the network.
  /// @par Reference  [selvaraju2017]; place by place as [draelos2020]
  [[nodiscard]] virtual EvidenceMap evidence(const FieldPicture& picture,
                                             std::optional<std::int64_t> class_index = {}) = 0;

  /// How far the log-probability of the class falls when a place is hidden: a disc with a soft edge takes the
  /// colours of the blurred photograph. Falls below 0 count 0; the map is smoothed over neighbours. Covers
  /// the whole crop. Stages reported to `job`: "occlusion", in places.
  /// @throws Error  as evidence; Cancelled.
  /// @par Cost      grid^2 passes through the network, less the places outside the field.
  /// @par Reference  [zeiler2014]
  [[nodiscard]] virtual EvidenceMap occlusion(const FieldPicture& picture, const OcclusionOptions& options,
                                              const imaging::JobContext& job,
                                              std::optional<std::int64_t> class_index = {}) = 0;
};

/// @param device  as DeviceChoice::name
/// @throws Error  `incompatible` if the package is no fundus grader, or its architecture, classes or weights
/// do not fit; `corrupt_data` on a transform, temperature or threshold that is not usable.
[[nodiscard]] std::unique_ptr<RetinaGrader> open_retina_grader(const ModelPackage& package,
                                                               const std::string& device);

}  // namespace models
