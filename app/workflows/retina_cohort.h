#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "app/workflows/reading.h"
#include "imaging/base/job.h"
#include "imaging/base/options.h"
#include "models/retina/field_picture.h"
#include "models/retina/grader_trainer.h"

namespace workflows {

/// Which labelled photographs.
struct RetinaDataOptions {
  std::vector<std::string> data;  ///< folders; not visited as a field
  std::vector<std::string> domains;
  double crossval_share = 0.2;
  std::int64_t memory_mb = 3000;
  std::string feature_cache;
  std::string lesions;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, RetinaDataOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("domains", options.domains,
        FieldInfo{.help = "Take these domains alone, in this order; default: all"});
  field("crossval_share", options.crossval_share,
        FieldInfo{.help = "Share of each domain's patients for validation, where no split is given",
                  .min = 0,
                  .max = 0.9});
  field("memory_mb", options.memory_mb,
        FieldInfo{.unit = "MB",
                  .help = "Cropped photographs kept in memory; the rest is decoded each time",
                  .min = 0,
                  .max = 1e7});
  field("feature_cache", options.feature_cache,
        FieldInfo{.help = "File in which features of a wholly frozen backbone are kept between runs"});
  field(
      "lesions", options.lesions,
      FieldInfo{.help = "Folder of lesion masks (<kind>/<photograph>.png): what --pool lesions learns from; "
                        "with --model, what evidence maps are scored against"});
}

/// One photograph of a cohort.
struct RetinaPhotograph {
  std::string id;  ///< domain and path relative to the data folder: "clinic-a/images/fundus_0001.jpg"
  std::filesystem::path path = {};
  std::filesystem::path mask = {};  ///< where it is already cut to its field (`retina prepare`); else empty
  std::string domain = {};
  std::string part = {};     ///< "train" or "crossval"
  std::string patient = {};  ///< the id where nothing is known
  std::int64_t label = 0;
  std::optional<std::int64_t> oedema = {};
  std::string lesion_name = {};  ///< of its lesion masks
  bool has_lesions = false;      ///< a mask of some kind is there
};

struct RetinaCohort {
  std::vector<RetinaPhotograph> photographs;
  std::vector<std::string> domains;
  std::vector<std::pair<std::string, std::string>> skipped;  ///< what was left out, and why

  [[nodiscard]] std::vector<RetinaPhotograph> of(const std::string& domain,
                                                 const std::string& part = "") const;
  /// Patients of photographs with lesion masks: they teach, and are never tested on where folds are dealt.
  [[nodiscard]] std::set<std::string> taught_patients() const;
};

/// Reads data folders: GDRBench's lists FOLDER/splits/<domain>_train.txt and <domain>_crossval.txt (a line is
/// `path grade`; paths relative to FOLDER or FOLDER/images), joined with what FOLDER/labels.csv knows; else
/// FOLDER/labels.csv alone, with the columns file and label (or dr_grade, grade, diagnosis), and any of site
/// (or domain; default the folder's name), patient (or group, patient_id), split, dme_risk, lesion_mask (or
/// segmentation_image; default the photograph's stem). Without a split, patients of each grade are dealt by
/// `seed`; photographs with lesion masks then always fall to the training part.
///
/// A photograph that is listed but not there, or whose grade is not 0 to 4, is left out by name.
/// @throws Error  `not_found` on a folder without lists and table, `invalid_argument` on a domain that is not
/// there, `insufficient_data` on a domain without a photograph, `corrupt_data` as read_csv.
[[nodiscard]] RetinaCohort read_retina_cohort(const RetinaDataOptions& options, std::uint64_t seed);

/// Photographs cut to their field, kept in memory as far as it goes.
///
/// @par Threads  `read` may be called from several at once.
class RetinaPictures {
 public:
  /// @param size  side of the crops
  RetinaPictures(const RetinaDataOptions& data, const ReadingOptions& reading, std::int64_t size);

  /// Reads every photograph once; moves those that cannot be read, or show no fundus, to `skipped`.
  /// Stage reported to `job`: "reading photographs".
  /// @throws Cancelled
  void check(RetinaCohort& cohort, std::size_t workers, const imaging::JobContext& job);

  /// @throws Error as read_fundus and find_field_of_view.
  [[nodiscard]] models::FieldPicture read(const RetinaPhotograph& photograph);

  /// The photograph as it was taken. @throws Error as read_fundus.
  [[nodiscard]] imaging::Image8 photograph(const RetinaPhotograph& photograph) const;

  [[nodiscard]] const std::shared_ptr<models::FeatureStore>& features() const { return features_; }

 private:
  [[nodiscard]] models::FieldPicture decode(const RetinaPhotograph& photograph) const;

  SlideSource source_;
  std::filesystem::path lesions_;
  std::int64_t size_;
  std::size_t free_bytes_;
  std::shared_ptr<models::FeatureStore> features_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const models::FieldPicture>> kept_;
};

/// What a trainer takes. @param domains  the sources, in the order of their numbers
[[nodiscard]] models::RetinaTrainingSet make_training_set(const std::vector<RetinaPhotograph>& photographs,
                                                          const std::vector<std::string>& domains,
                                                          RetinaPictures& pictures);

}  // namespace workflows
