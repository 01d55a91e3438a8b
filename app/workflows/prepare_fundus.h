#pragma once

#include <concepts>
#include <filesystem>
#include <functional>
#include <string>
#include <type_traits>
#include <vector>

#include "app/workflows/analyze.h"
#include "app/workflows/batch.h"
#include "app/workflows/reading.h"
#include "imaging/fundus/illumination.h"
#include "imaging/fundus/quality.h"

namespace workflows {

struct PrepareFundusOptions {
  std::int64_t size = 512;
  bool correct_illumination = false;
  bool reject_ungradable = false;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, PrepareFundusOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("size", options.size,
        FieldInfo{.unit = "px", .help = "Side of the prepared picture", .min = 16, .max = 4096});
  field("correct_illumination", options.correct_illumination, FieldInfo{.help = "Even the light"});
  field("reject_ungradable", options.reject_ungradable,
        FieldInfo{.help = "An ungradable photograph fails instead of being prepared and marked"});
}

struct PrepareFundusRequest {
  InputOptions inputs;  ///< the scale is not used: the field of view is the measure
  std::filesystem::path out;
  PrepareFundusOptions options;
  imaging::FundusQualityOptions quality;
  imaging::IlluminationOptions illumination;
  ReadingOptions reading;
  RuntimeOptions runtime;
};

/// For every photograph: OUT/images/<case>.png (cut to the field, size x size) and OUT/masks/<case>.png (the
/// field); and OUT/quality.csv and OUT/run.json with one row per input, failures included. An ungradable
/// photograph is prepared and `degraded`, unless it is to be rejected. Photographs that are done and whose
/// file, facts and options have not changed are skipped; a killed run forgets only the photograph it was at.
/// The eye comes from the table, else from the file, else from a customary file name (`eye_of`), else stays
/// empty.
/// @throws Error   only for what concerns the whole run; Cancelled.
std::vector<BatchRow> prepare_fundus_images(const PrepareFundusRequest& request,
                                            const std::function<void(const BatchRow&)>& on_row,
                                            const imaging::JobContext& job);

}  // namespace workflows
