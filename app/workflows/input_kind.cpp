#include "app/workflows/input_kind.h"

#include <fmt/format.h>

#include "imaging/base/error.h"
#include "imaging/fundus/field_of_view.h"
#include "imaging/fundus/fundus_reader.h"
#include "imaging/slide/area_resample.h"

namespace workflows {
namespace {

constexpr std::int64_t kOverviewSide = 1024;

/// Pictures that no slide scanner makes are read by "flat" and "itk".
bool is_slide(const imaging::SlideInfo& info) {
  return info.objective_power || (info.reader != "flat" && info.reader != "itk");
}

}  // namespace

bool shows_fundus(const imaging::SlideReader& reader) {
  const auto& info = reader.info();
  if (info.laterality) return true;
  const auto size = info.size_l0();
  if (is_slide(info) || size.width > imaging::kMaxFundusPixels / std::max<std::int64_t>(1, size.height))
    return false;
  try {
    return imaging::find_field_of_view(imaging::read_overview(reader, kOverviewSide)).method != "full frame";
  } catch (const imaging::Error&) {
    return false;
  }
}

void refuse_fundus(const imaging::SlideReader& reader, const std::string& model) {
  if (!shows_fundus(reader)) return;
  throw imaging::Error(
      imaging::ErrorCode::incompatible,
      fmt::format("{} is a photograph of the retina, and the model '{}' is for slides; use a model for "
                  "fundus-grading.",
                  reader.info().path.string(), model));
}

void refuse_slide(const imaging::SlideInfo& info, const std::string& model) {
  if (!is_slide(info)) return;
  throw imaging::Error(
      imaging::ErrorCode::incompatible,
      fmt::format(
          "{} is a slide ({}, read by {}), and the model '{}' grades photographs of the retina; use a "
          "model for slide-classification.",
          info.path.string(), info.vendor, info.reader, model));
}

}  // namespace workflows
