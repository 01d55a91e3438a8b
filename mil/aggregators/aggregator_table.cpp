#include "mil/aggregators/aggregator_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "imaging/base/error.h"
#include "imaging/base/options_json.h"
#include "mil/aggregators/abmil_module.h"
#include "mil/aggregators/base_options.h"

namespace mil {
namespace {

using Arguments = nlohmann::ordered_json (*)(const BaseOptions&, std::int64_t, std::int64_t);
using Make = std::shared_ptr<AggregatorModule> (*)(const nlohmann::json&);

std::shared_ptr<AggregatorModule> make_abmil(const nlohmann::json& arguments) {
  AbmilOptions options;
  imaging::options_from_json(options, arguments);
  return std::make_shared<AbmilModule>(options);
}

nlohmann::ordered_json abmil_arguments(const BaseOptions& options, std::int64_t input_dim,
                                       std::int64_t class_count) {
  AbmilOptions shape;
  shape.input_dim = input_dim;
  shape.class_count = class_count;
  shape.embed_dim = options.embed_dim;
  shape.attention_dim = options.attention_dim;
  shape.gated = options.gated;
  shape.attention_bias = options.attention_bias;
  shape.attention_activation = options.attention_activation;
  shape.dropout = options.dropout;
  imaging::check_options(shape);
  return imaging::options_to_json(shape);
}

struct Entry {
  const char* name;
  Make make;
  Arguments arguments;
};

constexpr std::array kAggregators{
    Entry{"abmil", &make_abmil, &abmil_arguments},
};

const Entry& entry_of(const std::string& name) {
  for (const auto& entry : kAggregators) {
    if (name == entry.name) return entry;
  }
  throw imaging::Error(
      imaging::ErrorCode::incompatible,
      fmt::format("Aggregator '{}' is not one of: {}.", name, fmt::join(aggregator_names(), ", ")));
}

}  // namespace

std::vector<std::string> aggregator_names() {
  std::vector<std::string> names;
  for (const auto& entry : kAggregators) names.emplace_back(entry.name);
  return names;
}

std::shared_ptr<AggregatorModule> make_aggregator(const std::string& name, const nlohmann::json& arguments) {
  return entry_of(name).make(arguments);
}

nlohmann::ordered_json aggregator_arguments(const std::string& base, const BaseOptions& options,
                                            std::int64_t input_dim, std::int64_t class_count) {
  return entry_of(base).arguments(options, input_dim, class_count);
}

}  // namespace mil
