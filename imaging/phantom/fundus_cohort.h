#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <string>
#include <type_traits>
#include <vector>

#include "imaging/base/job.h"
#include "imaging/base/options.h"
#include "imaging/phantom/fundus_phantom.h"

namespace imaging {

/// A folder of synthetic fundus photographs with grades. A patient belongs to one clinic and has one grade;
/// in every clinic the grades have the same shares, so that a camera never tells the grade (from five
/// patients a clinic on; below, the grades go round the clinics and a warning says so).
struct FundusCohortOptions {
  std::int64_t images = 80;
  std::int64_t patients = 40;
  std::vector<std::string> domains = {"clinic-a", "clinic-b", "clinic-c", "clinic-d"};
  double imbalance = 0;
  double poor_share = 0;
  double crossval_share = 0.2;
  std::int64_t seed = 1;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, FundusCohortOptions>
void visit_fields(Visitor&& field, Options& options) {
  field("images", options.images, FieldInfo{.help = "Number of photographs", .min = 1, .max = 1000000});
  field("patients", options.patients,
        FieldInfo{.help = "Number of patients; right eyes first, then left ones", .min = 1, .max = 1000000});
  field("domains", options.domains,
        FieldInfo{.help = "Clinics and cameras", .choices = fundus_domain_names()});
  field("imbalance", options.imbalance,
        FieldInfo{.help = "0: grades equally frequent; 1: as in a screening programme (EyePACS)",
                  .min = 0,
                  .max = 1});
  field(
      "poor_share", options.poor_share,
      FieldInfo{
          .help = "Share of photographs that are blurred, dark, hazy or partly hidden", .min = 0, .max = 1});
  field("crossval_share", options.crossval_share,
        FieldInfo{.help = "Share of each clinic's patients for validation", .min = 0, .max = 0.9});
  field("seed", options.seed, FieldInfo{.help = "Another seed, another cohort"});
}

/// One row of a cohort, and of its labels.csv.
struct FundusCohortImage {
  std::string name;     ///< "fundus_0001", the file's stem
  std::string patient;  ///< "patient_0001"
  std::string split;    ///< "train" or "crossval"
  std::string fault;    ///< "blur", "darkness", "haze", "partial" or empty
  FundusPhantomOptions phantom;
};

/// What a cohort will hold, without painting it. Pure.
/// @throws Error `invalid_argument` on an option out of range, an unknown domain or more patients
///               than images.
[[nodiscard]] std::vector<FundusCohortImage> plan_fundus_cohort(const FundusCohortOptions& options);

/// Writes
///
///     FOLDER/images/<name>.jpg
///     FOLDER/masks/<mask>/<name>.png    vessels, optic_disc, ..., and each kind of lesion there is
///     FOLDER/labels.csv                 file, case, label (grade 0 to 4), patient, laterality, site,
///                                       quality (good | poor), fault, split, seed
///     FOLDER/splits/<site>_train.txt    GDRBench's lists: images/<name>.jpg and grade; beside them
///                                       <site>_crossval.txt; no patient is in both
///
/// The tables come last; a stop leaves whole photographs only.
/// @throws Error   as plan_fundus_cohort; `io_error`; Cancelled on a stop request.
void write_fundus_cohort(const std::filesystem::path& folder, const FundusCohortOptions& options,
                         const JobContext& job);

}  // namespace imaging
