#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "imaging/base/geometry.h"
#include "imaging/base/image.h"
#include "imaging/base/options.h"
#include "imaging/slide/volume.h"

namespace workflows {

/// Where a data set keeps images and masks, and what the masks mean.
struct SegmentDataOptions {
  std::vector<std::string> classes = {};
  std::string images = {};
  std::string masks = "masks";
  std::string mask_values = "labels";
  std::string incomplete = "refuse";
  std::string group = {};
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, SegmentDataOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field(
      "classes", options.classes,
      FieldInfo{.help = "A class of the masks; repeat it for each, without the background. NAME or "
                        "NAME:VALUE: its number in label masks (1, 2, ... where none is given). NAME=FOLDER: "
                        "masks of this class alone lie in that folder; where classes overlap, the later "
                        "one counts (disc, then cup)"});
  field("images", options.images,
        FieldInfo{.help = "Folder of the images in the data set; default images/, else the data set itself"});
  field("masks", options.masks, FieldInfo{.help = "Folder of the masks in the data set"});
  field("mask_values", options.mask_values,
        FieldInfo{.help = "What numbers in --masks are: labels are classes; objects are single nuclei or "
                          "the like, all of the one class",
                  .choices = {"labels", "objects"}});
  field("incomplete", options.incomplete,
        FieldInfo{.help = "An image with masks of some classes alone: refuse the data set, take the others "
                          "as empty, or leave the image out",
                  .choices = {"refuse", "empty", "leave-out"}});
  field("group", options.group,
        FieldInfo{.help = "Regular expression on an image's name whose first parentheses give the patient, "
                          "as 'Image_([0-9]+)'; default: every image its own"});
}

/// One image and where its truth is.
struct SegmentCase {
  std::string name = {};  ///< unique in the data set; the image's stem
  std::filesystem::path image = {};
  std::vector<std::filesystem::path> masks = {};  ///< one label mask, or one per class, empty where it has
                                                  ///< none; no entry: the image has no truth
  std::string group = {};                         ///< patient; images of a group stay in one part of a split
  std::string site = {};
  std::optional<imaging::PointD> spacing_mm = {};  ///< size of a pixel, where a table says so
};

/// A data set whose files were found and paired, but not read.
struct SegmentData {
  std::vector<std::string> class_names;  ///< background first
  std::vector<std::uint16_t> values;     ///< number in label masks, by class; 0 first
  bool has_mask_per_class = false;
  bool has_objects = false;        ///< masks number objects of class 1
  std::vector<SegmentCase> cases;  ///< sorted by name
  std::vector<std::string> notes;  ///< what people should know: images left out or without truth
};

/// Pairs the images of a data set with their masks.
///
/// A folder: images lie in `images/` or in the folder itself. A mask belongs to the image of the same stem;
/// where no mask of a folder has an image's stem, to the image whose stem begins its own and is followed by
/// neither letter nor digit (`Image_01L`, `Image_01L_1stHO`); where none does, to the one that has the same
/// text before its last underscore (`21_training`, `21_manual1`).
///
/// A CSV: a column `image` or `file`, and any of `mask` (label mask), `mask:NAME` (mask of a class), `group`
/// or `patient`, `site`, `spacing` (mm per pixel, one number or "x y"). Paths are relative to the CSV.
///
/// @param data    folder or CSV
/// @throws Error  `not_found` where there is no image or a named file is missing; `invalid_argument` on
///                options that do not fit the data set, on two masks for an image and on incomplete
///                truth; as read_csv_with_header.
[[nodiscard]] SegmentData read_segment_data(const std::filesystem::path& data,
                                            const SegmentDataOptions& options);

/// An image with its truth, in memory.
struct SegmentSample {
  imaging::Image8 image;                      ///< H x W x 3, RGB
  std::optional<imaging::Image8> labels;      ///< H x W x 1, class numbers 0 to K-1; absent: no truth
  std::optional<imaging::PointD> spacing_mm;  ///< the table's, else what the image file says
  std::vector<std::string> warnings;          ///< of the image's reader
};

/// Reads one case.
///
/// A mask of a class holds it where its value is above half of the largest value in the file (0/1, 0/255, and
/// the noise of a JPEG).
/// @throws Error  as open_slide and read_label_image; `incompatible` where a mask has not the image's
///                size or where a value is none of the classes (at which pixel, and the cure);
///                `resource_exhausted` above kMaxFundusPixels.
/// @par Threads   Reentrant.
[[nodiscard]] SegmentSample read_segment_case(const SegmentData& data, const SegmentCase& one);

/// The truth alone, for an image of `size` that is read elsewhere. @throws Error  as read_segment_case.
/// @pre  `one.masks` is not empty
[[nodiscard]] imaging::Image8 read_segment_labels(const SegmentData& data, const SegmentCase& one,
                                                  imaging::SizeI size);

/// The same for a volume. @throws Error  as read_volume and read_segment_case.
[[nodiscard]] std::vector<std::uint8_t> read_segment_volume_labels(const SegmentData& data,
                                                                   const SegmentCase& one,
                                                                   const imaging::VolumeGeometry& geometry);

}  // namespace workflows
