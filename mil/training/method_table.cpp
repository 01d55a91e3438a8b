#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <vector>

#include "imaging/base/error.h"
#include "mil/aggregators/aggregator_table.h"
#include "mil/training/ce_method.h"
#include "mil/training/ins_method.h"
#include "mil/training/mhim_method.h"
#include "mil/training/scmil_method.h"
#include "mil/training/training_method.h"
#include "mil/training/training_plan.h"

namespace mil {
namespace {

using Make = std::unique_ptr<TrainingMethod> (*)(const TrainingPlan&, MethodContext);

struct Entry {
  const char* name;
  Make make;
  const char* architecture;                  ///< the method's own; null where it trains the plan's base
  std::vector<std::string_view> bases = {};  ///< those it can train; empty for all
};

const std::array kMethods{
    Entry{"ce", &make_ce_method, nullptr},
    Entry{"ins", &make_ins_method, "ins"},
    Entry{"mhim", &make_mhim_method, nullptr, {"abmil", "transmil", "dsmil"}},
    Entry{"scmil", &make_scmil_method, nullptr},
};

const Entry& entry_of(const TrainingPlan& plan) {
  const auto& name = plan.training.method;
  const auto* const found =
      std::find_if(kMethods.begin(), kMethods.end(), [&](const Entry& entry) { return name == entry.name; });
  if (found == kMethods.end()) {
    throw imaging::Error(imaging::ErrorCode::invalid_argument, fmt::format("Method '{}' is unknown.", name));
  }
  const auto& base = plan.training.base;
  if (!found->bases.empty() &&
      std::find(found->bases.begin(), found->bases.end(), base) == found->bases.end()) {
    throw imaging::Error(imaging::ErrorCode::invalid_argument,
                         fmt::format("Method {} does not train the base {}, only {}.", name, base,
                                     fmt::join(found->bases, ", ")));
  }
  return *found;
}

}  // namespace

std::shared_ptr<AggregatorModule> make_network(const MethodContext& context) {
  auto network = make_aggregator(context.architecture, context.architecture_arguments);
  network->to(context.device);
  return network;
}

std::string architecture_of(const TrainingPlan& plan) {
  const auto& entry = entry_of(plan);
  return entry.architecture == nullptr ? plan.training.base : entry.architecture;
}

std::unique_ptr<TrainingMethod> make_training_method(const TrainingPlan& plan, MethodContext context) {
  return entry_of(plan).make(plan, std::move(context));
}

}  // namespace mil
