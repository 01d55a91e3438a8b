#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <type_traits>

#include "imaging/base/geometry.h"
#include "imaging/base/image.h"
#include "imaging/base/options.h"
#include "imaging/phantom/fundus_domains.h"

namespace imaging {

/// A synthetic fundus photograph. The eye comes from the seed, the camera from the domain, the lesions from
/// the grade: outside its lesions an eye looks the same whatever its grade.
///
/// Grades after the ICDR scale: 0 no lesion; 1 microaneurysms only (3 to 9); 2 more of them, 3 to 15
/// haemorrhages, often hard exudates, at times cotton wool spots; 3 at least one sign of the 4-2-1 rule (more
/// than 20 haemorrhages in each quadrant, beaded veins, IRMA); 4 new vessels at the disc or elsewhere, at
/// times a preretinal haemorrhage, on top of much of grade 3.
/// @par Reference  [wilkinson2003]
struct FundusPhantomOptions {
  std::int64_t seed = 1;
  std::int64_t grade = 0;
  std::string laterality = "R";
  std::string domain = "clinic-a";
  double blur = 0;  ///< faults, 0 (none) to 1
  double darkness = 0;
  double haze = 0;
  double partial = 0;  ///< share of the disc's breadth that is hidden
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, FundusPhantomOptions>
void visit_fields(Visitor&& field, Options& options) {
  field("seed", options.seed, FieldInfo{.help = "Another seed, another eye"});
  field("grade", options.grade,
        FieldInfo{.help = "Diabetic retinopathy: 0 none, 1 mild, 2 moderate, 3 severe, 4 proliferative",
                  .min = 0,
                  .max = 4});
  field("laterality", options.laterality, FieldInfo{.help = "Right or left eye", .choices = {"R", "L"}});
  field("domain", options.domain, FieldInfo{.help = "Clinic and camera", .choices = fundus_domain_names()});
  field("blur", options.blur, FieldInfo{.help = "Out of focus, 0 to 1", .min = 0, .max = 1});
  field("darkness", options.darkness, FieldInfo{.help = "Under-exposed, 0 to 1", .min = 0, .max = 1});
  field("haze", options.haze, FieldInfo{.help = "Cloudy media, 0 to 1", .min = 0, .max = 1});
  field("partial", options.partial,
        FieldInfo{.help = "Share of the disc that is hidden", .min = 0, .max = 1});
}

/// A photograph and all that is true of it.
struct FundusPhantom {
  Image8 photograph;                    ///< H x W x 3, decoded from `jpeg`
  std::string jpeg;                     ///< the file as the camera saves it
  std::map<std::string, Image8> masks;  ///< H x W x 1, 0 or 255: vessels, optic_disc, optic_cup,
                                        ///< field_of_view, and those of the lesions that are there:
                                        ///< microaneurysms, haemorrhages, hard_exudates, soft_exudates, irma,
                                        ///< neovascularisation, preretinal_haemorrhages
  PointD centre;                        ///< of the field, pixels
  double radius = 0;                    ///< of the field, pixels
  PointD fovea;                         ///< pixels
  PointD disc;                          ///< middle of the optic disc, pixels
  std::map<std::string, std::int64_t> lesions;  ///< how many there are of each kind, in the view
};

/// Paints it. The same options give the same bytes.
/// @throws Error  `invalid_argument` on an option out of range.
/// @par Threads   Reentrant.
[[nodiscard]] FundusPhantom make_fundus_phantom(const FundusPhantomOptions& options);

/// Writes the photograph and, beside it, its truth: `<stem>.json` (grade, eye, camera, circle, places,
/// counts) and `<stem>-truth/<mask>.png`. The photograph comes last, so one that exists is whole.
/// @param path    ends in .png, .jpg or .jpeg
/// @throws Error  `invalid_argument`, `io_error`.
void write_fundus_phantom(const std::filesystem::path& path, const FundusPhantomOptions& options);

}  // namespace imaging
