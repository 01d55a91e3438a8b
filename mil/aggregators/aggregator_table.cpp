#include "mil/aggregators/aggregator_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "imaging/base/error.h"
#include "imaging/base/options_json.h"
#include "mil/aggregators/abmil_module.h"

namespace mil {
namespace {

using Make = std::shared_ptr<AggregatorModule> (*)(const nlohmann::json&);

std::shared_ptr<AggregatorModule> make_abmil(const nlohmann::json& arguments) {
  AbmilOptions options;
  imaging::options_from_json(options, arguments);
  return std::make_shared<AbmilModule>(options);
}

struct Entry {
  const char* name;
  Make make;
};

constexpr std::array kAggregators{
    Entry{"abmil", &make_abmil},
};

}  // namespace

std::vector<std::string> aggregator_names() {
  std::vector<std::string> names;
  for (const auto& entry : kAggregators) names.emplace_back(entry.name);
  return names;
}

std::shared_ptr<AggregatorModule> make_aggregator(const std::string& name, const nlohmann::json& arguments) {
  for (const auto& entry : kAggregators) {
    if (name == entry.name) return entry.make(arguments);
  }
  throw imaging::Error(
      imaging::ErrorCode::incompatible,
      fmt::format("Aggregator '{}' is not one of: {}.", name, fmt::join(aggregator_names(), ", ")));
}

}  // namespace mil
