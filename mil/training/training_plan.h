#pragma once

#include <nlohmann/json.hpp>

#include "imaging/base/options_json.h"
#include "mil/aggregators/base_options.h"
#include "mil/training/ins_options.h"
#include "mil/training/mhim_options.h"
#include "mil/training/scmil_options.h"
#include "mil/training/train_options.h"

namespace mil {

/// Everything people choose of a training. The options of a method that is not chosen are ignored.
struct TrainingPlan {
  TrainOptions training;
  BaseOptions base;
  ScmilOptions scmil;
  InsOptions ins;
  MhimOptions mhim;
};

/// Visits every option set of a plan: for the command line, config.json and checkpoints.
template <typename Plan, typename Visitor>
void visit_option_sets(Plan& plan, Visitor&& visit) {
  visit(plan.training);
  visit(plan.base);
  visit(plan.scmil);
  visit(plan.ins);
  visit(plan.mhim);
}

/// All options in one flat object: their names are unique.
[[nodiscard]] inline nlohmann::ordered_json plan_to_json(const TrainingPlan& plan) {
  nlohmann::ordered_json all = nlohmann::ordered_json::object();
  visit_option_sets(plan, [&](const auto& options) { all.update(imaging::options_to_json(options)); });
  return all;
}

/// What of a plan tells one run from another: all but the memory it may take, so that a run that was killed
/// for it goes on with less.
[[nodiscard]] inline nlohmann::ordered_json plan_identity(const TrainingPlan& plan) {
  auto json = plan_to_json(plan);
  json.erase("memory_mb");
  return json;
}

}  // namespace mil
