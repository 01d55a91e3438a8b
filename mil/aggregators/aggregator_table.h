#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace mil {

class AggregatorModule;
struct BaseOptions;

/// Names that `make_aggregator` knows: the `architecture` of a slide-classification package.
[[nodiscard]] std::vector<std::string> aggregator_names();

/// @param arguments  the package's `architecture_arguments`; the fields of the base's options: AbmilOptions,
/// TransmilOptions, DsmilOptions, ClamOptions, or AggregatorShape alone (mean, max)
/// @throws imaging::Error  `incompatible` on an unknown name; `invalid_argument` on an argument that is
/// unknown or out of range.
[[nodiscard]] std::shared_ptr<AggregatorModule> make_aggregator(const std::string& name,
                                                                const nlohmann::json& arguments);

/// The `architecture_arguments` of a new aggregator.
/// @param base  one of `aggregator_names()`
/// @throws imaging::Error  `incompatible` on an unknown name; `invalid_argument` on an option out of range.
[[nodiscard]] nlohmann::ordered_json aggregator_arguments(const std::string& base, const BaseOptions& options,
                                                          std::int64_t input_dim, std::int64_t class_count);

}  // namespace mil
