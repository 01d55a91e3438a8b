#include "app/workflows/mil_train.h"

#include <fmt/format.h>

#include "app/workflows/mil_run.h"
#include "app/workflows/run_environment.h"
#include "imaging/base/log.h"
#include "mil/training/process_group.h"

namespace workflows {

nlohmann::ordered_json train_mil(const MilTrainRequest& request, const imaging::JobContext& job) {
  mil::visit_option_sets(request.plan, [](const auto& options) { imaging::check_options(options); });
  imaging::check_options(request.split_options);
  const auto environment = prepare_environment(request.runtime);
  const auto cohort = read_cohort(request.data);
  for (const auto& note : cohort.notes) imaging::log(imaging::LogLevel::warning, note + ".");
  const auto seed = static_cast<std::uint64_t>(request.runtime.seed);
  const auto& shares = request.split_options;
  MilRun run{
      .out = request.out,
      .split = request.split
                   ? fit_split(mil::read_split(*request.split), cohort, request.split->string())
                   : mil::make_split(cohort.labels, {shares.validation_share, shares.test_share}, seed),
      .plan = request.plan,
      .seed = seed,
      .texts = package_texts(request.card, request.out)};
  const auto processes = mil::join_process_group(environment.device);
  return run_training(run, cohort, environment, *processes, job, [](const mil::EpochRecord& epoch) {
    auto line = fmt::format("epoch {}: loss {:.4f}", epoch.epoch, epoch.train_loss);
    if (epoch.validation_loss) line += fmt::format(", validation {:.4f}", *epoch.validation_loss);
    if (epoch.validation_auc) line += fmt::format(", AUC {:.3f}", *epoch.validation_auc);
    imaging::log(imaging::LogLevel::info, line);
  });
}

}  // namespace workflows
