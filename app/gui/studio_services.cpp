#include "app/gui/studio_services.h"

#include <memory>

#include "app/report/report_files.h"
#include "app/workflows/model_registry.h"
#include "app/workflows/segment_adapt.h"

namespace gui {
namespace {

constexpr std::string_view kSlideTask = "slide-classification";
constexpr std::string_view kFundusTask = "fundus-grading";
constexpr std::string_view kSegmentTask = "segmentation";

std::vector<viewmodels::ModelChoice> list_models(const std::optional<std::string>& extra_model) {
  std::vector<viewmodels::ModelChoice> choices;
  if (extra_model) {
    const auto package = workflows::find_package(*extra_model);
    choices.push_back({QString::fromStdString(package.name()), QString::fromStdString(*extra_model),
                       *extra_model, package.task() == kFundusTask, package.task() == kSegmentTask});
  }
  for (const auto& listing : workflows::list_models()) {
    const bool is_for_fundus = listing.task == kFundusTask, is_segmenter = listing.task == kSegmentTask;
    if ((listing.task != kSlideTask && !is_for_fundus && !is_segmenter) || !listing.problem.empty()) continue;
    const auto name = QString::fromStdString(listing.name);
    if (extra_model && choices.front().name == name) continue;
    choices.push_back({name, QString::fromStdString(listing.path.string()), listing.path.string(),
                       is_for_fundus, is_segmenter});
  }
  return choices;
}

}  // namespace

viewmodels::StudioServices make_studio_services(const std::optional<std::string>& extra_model) {
  const auto reports = std::make_shared<const report::ReportFiles>();
  return {[extra_model] { return list_models(extra_model); },
          [reports](const workflows::AnalyzeRequest& request,
                    const std::function<void(const workflows::RunRow&)>& on_case,
                    const imaging::JobContext& job) {
            return workflows::analyze(request, *reports, on_case, job);
          },
          &workflows::adapt_segmentation};
}

}  // namespace gui
