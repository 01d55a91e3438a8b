#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <string>
#include <type_traits>
#include <vector>

#include "imaging/base/job.h"
#include "imaging/base/options.h"
#include "imaging/phantom/stain_domains.h"

namespace imaging {

/// A folder of phantom slides with labels and splits. All slides of a patient share label and domain; domains
/// are dealt evenly to tumour and normal patients, so that a domain never tells the label.
struct CohortOptions {
  std::int64_t slides = 24;
  std::int64_t patients = 20;
  std::vector<std::string> domains = {"hospital-a", "hospital-c", "hospital-e", "hospital-g"};
  double tumour_share = 0.5;
  double min_tumour_fraction = 0.05;
  double max_tumour_fraction = 0.6;
  std::int64_t min_side = 3072;
  std::int64_t max_side = 6144;
  double mpp = 0.5;
  double artefact_share = 0;
  std::int64_t folds = 5;
  std::int64_t seed = 1;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, CohortOptions>
void visit_fields(Visitor&& field, Options& options) {
  field("slides", options.slides, FieldInfo{.help = "Number of slides", .min = 1, .max = 100000});
  field("patients", options.patients,
        FieldInfo{.help = "Number of patients; further slides go round", .min = 1, .max = 100000});
  field("domains", options.domains,
        FieldInfo{.help = "Stain and scanner domains", .choices = stain_domain_names()});
  field("tumour_share", options.tumour_share,
        FieldInfo{.help = "Share of patients with tumour", .min = 0, .max = 1});
  field("min_tumour_fraction", options.min_tumour_fraction,
        FieldInfo{
            .help = "Least share of the tissue that is tumour, in tumour slides", .min = 0.005, .max = 0.9});
  field("max_tumour_fraction", options.max_tumour_fraction,
        FieldInfo{.help = "Largest share of the tissue that is tumour", .min = 0.005, .max = 0.9});
  field("min_side", options.min_side,
        FieldInfo{.unit = "px", .help = "Least width or height", .min = 512, .max = 200000});
  field("max_side", options.max_side,
        FieldInfo{.unit = "px", .help = "Largest width or height", .min = 512, .max = 200000});
  field("mpp", options.mpp, FieldInfo{.unit = "µm/px", .help = "Scale of level 0", .min = 0.1, .max = 4});
  field(
      "artefact_share", options.artefact_share,
      FieldInfo{
          .help = "Share of slides with pen, folds, blur, a wide margin or vignetting", .min = 0, .max = 1});
  field(
      "folds", options.folds,
      FieldInfo{.help = "Cross-validation folds; 0 writes no splits, else 3 or more", .min = 0, .max = 100});
  field("seed", options.seed, FieldInfo{.help = "Another seed, another cohort"});
}

/// One row of a cohort, and of its labels.csv.
struct CohortSlide {
  std::string slide;    ///< "phantom_0001", the file's stem
  std::string patient;  ///< "patient_001"
  std::string domain;
  bool has_tumour = false;
  double tumour_fraction = 0;  ///< asked for
  std::int64_t width = 0;      ///< level-0 pixels
  std::int64_t height = 0;     ///< level-0 pixels
  std::int64_t tumour_regions = 1;
  std::int64_t seed = 0;
  std::int64_t pen = 0;
  std::int64_t folds = 0;
  std::int64_t blur = 0;
  double margin = 0;
  double vignetting = 0;
};

/// What a cohort will hold, without painting it. Pure.
/// @throws Error `invalid_argument` on an option out of range, an unknown domain, fewer slides than patients,
/// or fewer patients
///               of a class than folds.
[[nodiscard]] std::vector<CohortSlide> plan_cohort(const CohortOptions& options);

/// Writes
///
///     FOLDER/slides/<slide>.tiff .geojson .json
///     FOLDER/labels.csv              case_id, slide_id, label (CLAM), file, patient, site, tumour_fraction,
///                                    pen, folds, blur, margin, vignetting (see SlidePhantomOptions)
///     FOLDER/splits/splits_<k>.csv   CLAM's format; no patient in two of train, val and test, classes
///     balanced
///
/// Fold k is tested in split k and validates split k - 1. The tables come last; a stop leaves whole slides
/// only.
///
/// @param threads  as write_slide_phantom
/// @throws Error   as plan_cohort; `io_error`; Cancelled on a stop request.
void write_cohort(const std::filesystem::path& folder, const CohortOptions& options, const JobContext& job,
                  int threads);

}  // namespace imaging
