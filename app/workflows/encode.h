#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "app/workflows/analyze.h"
#include "app/workflows/batch.h"
#include "app/workflows/corrupt_tiles.h"
#include "app/workflows/reading.h"
#include "imaging/base/job.h"

namespace workflows {

struct EncodeOptions {
  std::int64_t overlap_px = 0;
  double min_tissue = 0.25;
  std::int64_t batch = 32;
  CorruptTileOptions corrupt;
  bool allow_scale_mismatch = false;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, EncodeOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("overlap_px", options.overlap_px,
        FieldInfo{.unit = "px", .help = "Overlap of neighbouring tiles", .min = 0, .max = 4096});
  field("min_tissue", options.min_tissue,
        FieldInfo{.help = "Least share of tissue in a tile", .min = 0, .max = 1});
  field("batch", options.batch,
        FieldInfo{.unit = "tiles", .help = "Tiles per network call", .min = 1, .max = 4096});
  visit_fields(field, options.corrupt);
  field("allow_scale_mismatch", options.allow_scale_mismatch,
        FieldInfo{.help = "Run although the slide is coarser than the encoder was made for"});
}

struct EncodeRequest {
  InputOptions inputs;
  std::string encoder;  ///< package folder, .tsr, or the name of an installed package
  std::filesystem::path out;
  EncodeOptions options;
  imaging::TissueOptions tissue;
  ReadingOptions reading;
  RuntimeOptions runtime;
};

/// Writes OUT/h5_files/<case>.h5 (CLAM layout; CLAM's and TRIDENT's attributes) for every input, and
/// OUT/encode.json. Slides that are done and whose input, options and encoder have not changed are skipped.
/// @return         one row per input, failures included
/// @throws Error   only for what concerns the whole run; Cancelled.
std::vector<BatchRow> encode_slides(const EncodeRequest& request,
                                    const std::function<void(const BatchRow&)>& on_row,
                                    const imaging::JobContext& job);

}  // namespace workflows
