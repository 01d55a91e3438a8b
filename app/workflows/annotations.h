#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "imaging/annotation/annotation.h"
#include "imaging/base/job.h"
#include "imaging/base/options.h"
#include "imaging/slide/slide_reader.h"
#include "imaging/tissue/tissue_mask.h"

namespace workflows {

/// What an analysis is kept within.
struct InsideOptions {
  std::optional<std::string> inside;        ///< annotation file, or a folder with one for each input
  std::optional<std::string> inside_class;  ///< only annotations of this class
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, InsideOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("inside", options.inside,
        FieldInfo{
            .help = "Analyse only the tissue inside these annotations: a file (QuPath GeoJSON or ASAP XML), "
                    "or a folder that holds <input's name without extension>.geojson or .xml for each"});
  field("inside_class", options.inside_class,
        FieldInfo{.help = "With --inside: only annotations of this class, whatever its case"});
}

/// The annotation file of one input; absent where `inside` is not set.
/// @throws Error `not_found` where the folder holds none for it.
[[nodiscard]] std::optional<std::filesystem::path> annotations_of(const InsideOptions& options,
                                                                  const std::filesystem::path& input);

/// For result.json: name and sha256 of the annotation file and the class; null where `inside` is not set, no
/// sha256 where the file cannot be read.
[[nodiscard]] nlohmann::ordered_json inside_json(const InsideOptions& options,
                                                 const std::filesystem::path& input);

/// The annotations of a class: `class_name` is an annotation's class, or its name where it has none, ignoring
/// case; all that have an area where it is not given.
[[nodiscard]] std::vector<imaging::Annotation> regions_of(const imaging::AnnotationSet& set,
                                                          const std::optional<std::string>& class_name);

/// A file of annotations, or a mask of class numbers (.png, .tif, .tiff) that covers the whole slide.
/// @param slide_size_l0  the slide that they belong to; a mask cannot be placed without it
/// @throws Error  as read_annotations and read_label_image; `invalid_argument` for a mask without a slide
[[nodiscard]] imaging::AnnotationSet read_annotations_or_mask(
    const std::filesystem::path& path, const std::optional<imaging::SizeI>& slide_size_l0);

/// What of the tissue lies inside the annotations of this input.
/// @throws Error  as read_annotations; `not_found` without an annotation with an area (of that class);
///                `incompatible` where the annotations are another slide's; `no_tissue`.
[[nodiscard]] imaging::TissueMask tissue_inside_annotations(const imaging::TissueMask& tissue,
                                                            const InsideOptions& options,
                                                            const std::filesystem::path& input,
                                                            imaging::SizeI slide_size_l0);

struct AnnotationExportOptions {
  double mask_mpp = 4;
  double tile_mpp = 0.5;
  std::int64_t tile_px = 256;
  double min_share = 0.5;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, AnnotationExportOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("mask_mpp", options.mask_mpp,
        FieldInfo{.unit = "um/px", .help = "Resolution of the mask", .min = 0.05, .max = 1000});
  field("tile_mpp", options.tile_mpp,
        FieldInfo{.unit = "um/px", .help = "Resolution of the labelled tiles", .min = 0.01, .max = 100});
  field("tile_px", options.tile_px,
        FieldInfo{.unit = "px", .help = "Side of a labelled tile", .min = 8, .max = 8192});
  field(
      "min_share", options.min_share,
      FieldInfo{
          .help = "Least share of a tile that lies inside a class to get its label", .min = 0.01, .max = 1});
}

struct AnnotationExport {
  std::vector<std::filesystem::path> files;
  std::vector<std::string> classes;  ///< classes[i] is i + 1 in the mask
  imaging::SizeI mask_size;
  std::int64_t tiles = 0;
};

/// Annotations as a mask and as labels for training:
/// OUT/<name>_mask.png (class numbers, 0 for none), OUT/<name>_classes.csv (value, class, colour, number of
/// annotations, area) and OUT/<name>_tiles.csv (level-0 corner and side of each tile, its class and the share
/// of it inside; a tile that is enough inside two classes stands twice).
///
/// @param name   begins the files' names
/// @param scale  with "pixels" as source, every µm stands for a level-0 pixel
/// @throws Error `invalid_argument`, `not_found` without an annotation that has a class and an area,
///               `io_error`; Cancelled.
AnnotationExport export_annotations(const imaging::AnnotationSet& set, const imaging::SlideInfo& info,
                                    const imaging::SlideScale& scale, const AnnotationExportOptions& options,
                                    const std::filesystem::path& out, const std::string& name,
                                    const imaging::JobContext& job);

}  // namespace workflows
