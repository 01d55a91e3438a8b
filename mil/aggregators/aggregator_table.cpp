#include "mil/aggregators/aggregator_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "imaging/base/error.h"
#include "imaging/base/options_json.h"
#include "mil/aggregators/abmil_module.h"
#include "mil/aggregators/base_options.h"
#include "mil/aggregators/clam_module.h"
#include "mil/aggregators/dsmil_module.h"
#include "mil/aggregators/ins_module.h"
#include "mil/aggregators/pooling_module.h"
#include "mil/aggregators/transmil_module.h"

namespace mil {
namespace {

using Arguments = nlohmann::ordered_json (*)(const BaseOptions&, std::int64_t, std::int64_t);
using Make = std::shared_ptr<AggregatorModule> (*)(const nlohmann::json&);

template <typename Options>
Options options_of(const nlohmann::json& arguments) {
  Options options;
  imaging::options_from_json(options, arguments);
  return options;
}

/// The fields that every base has; the rest are the base's own.
template <typename Options>
Options shape_of(const BaseOptions& base, std::int64_t input_dim, std::int64_t class_count) {
  Options options;
  options.input_dim = input_dim;
  options.class_count = class_count;
  options.embed_dim = base.embed_dim;
  options.activation = base.activation;
  options.dropout = base.dropout;
  return options;
}

template <typename Options>
nlohmann::ordered_json checked_json(const Options& options) {
  imaging::check_options(options);
  return imaging::options_to_json(options);
}

std::shared_ptr<AggregatorModule> make_abmil(const nlohmann::json& arguments) {
  return std::make_shared<AbmilModule>(options_of<AbmilOptions>(arguments));
}

nlohmann::ordered_json abmil_arguments(const BaseOptions& base, std::int64_t input_dim,
                                       std::int64_t class_count) {
  auto options = shape_of<AbmilOptions>(base, input_dim, class_count);
  options.attention_dim = base.attention_dim.value_or(options.attention_dim);
  options.gated = base.gated.value_or(options.gated);
  options.attention_bias = base.attention_bias;
  options.attention_activation = base.attention_activation;
  return checked_json(options);
}

template <PoolingModule::Kind kind>
std::shared_ptr<AggregatorModule> make_pooling(const nlohmann::json& arguments) {
  return std::make_shared<PoolingModule>(options_of<AggregatorShape>(arguments), kind);
}

nlohmann::ordered_json pooling_arguments(const BaseOptions& base, std::int64_t input_dim,
                                         std::int64_t class_count) {
  return checked_json(shape_of<AggregatorShape>(base, input_dim, class_count));
}

std::shared_ptr<AggregatorModule> make_transmil(const nlohmann::json& arguments) {
  return std::make_shared<TransmilModule>(options_of<TransmilOptions>(arguments));
}

nlohmann::ordered_json transmil_arguments(const BaseOptions& base, std::int64_t input_dim,
                                          std::int64_t class_count) {
  auto options = shape_of<TransmilOptions>(base, input_dim, class_count);
  options.padding = base.transmil_padding;
  options.heads = base.transmil_heads;
  options.landmarks = base.transmil_landmarks;
  options.mask_layer = base.transmil_mask_layer;
  return checked_json(options);
}

std::shared_ptr<AggregatorModule> make_dsmil(const nlohmann::json& arguments) {
  return std::make_shared<DsmilModule>(options_of<DsmilOptions>(arguments));
}

nlohmann::ordered_json dsmil_arguments(const BaseOptions& base, std::int64_t input_dim,
                                       std::int64_t class_count) {
  auto options = shape_of<DsmilOptions>(base, input_dim, class_count);
  options.variant = base.dsmil_variant;
  return checked_json(options);
}

template <ClamModule::Branches branches>
std::shared_ptr<AggregatorModule> make_clam(const nlohmann::json& arguments) {
  return std::make_shared<ClamModule>(options_of<ClamOptions>(arguments), branches);
}

nlohmann::ordered_json clam_arguments(const BaseOptions& base, std::int64_t input_dim,
                                      std::int64_t class_count) {
  auto options = shape_of<ClamOptions>(base, input_dim, class_count);
  options.attention_dim = base.attention_dim.value_or(options.attention_dim);
  options.gated = base.gated.value_or(options.gated);
  options.attention_dropout = base.dropout;
  options.instances = base.clam_instances;
  options.subtyping = base.clam_subtyping;
  options.instance_loss = base.clam_instance_loss;
  options.instance_weight = base.clam_instance_weight;
  return checked_json(options);
}

std::shared_ptr<AggregatorModule> make_ins(const nlohmann::json& arguments) {
  return std::make_shared<InsModule>(options_of<InsShape>(arguments));
}

nlohmann::ordered_json ins_arguments(const BaseOptions& base, std::int64_t input_dim,
                                     std::int64_t class_count) {
  auto options = shape_of<InsShape>(base, input_dim, class_count);
  options.pooling = base.ins_pooling;
  return checked_json(options);
}

struct Entry {
  const char* name;
  Make make;
  Arguments arguments;
};

constexpr std::array kAggregators{
    Entry{"abmil", &make_abmil, &abmil_arguments},
    Entry{"mean", &make_pooling<PoolingModule::Kind::mean>, &pooling_arguments},
    Entry{"max", &make_pooling<PoolingModule::Kind::max>, &pooling_arguments},
    Entry{"transmil", &make_transmil, &transmil_arguments},
    Entry{"dsmil", &make_dsmil, &dsmil_arguments},
    Entry{"clam_sb", &make_clam<ClamModule::Branches::single>, &clam_arguments},
    Entry{"clam_mb", &make_clam<ClamModule::Branches::multiple>, &clam_arguments},
    Entry{"ins", &make_ins, &ins_arguments},
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
