#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace mil {

class AggregatorModule;

/// Names that `make_aggregator` knows: the `architecture` of a slide-classification package.
[[nodiscard]] std::vector<std::string> aggregator_names();

/// @param arguments  the package's `architecture_arguments`; those of "abmil" are the fields of AbmilOptions
/// @throws imaging::Error  `incompatible` on an unknown name; `invalid_argument` on an argument that is
/// unknown or out of range.
[[nodiscard]] std::shared_ptr<AggregatorModule> make_aggregator(const std::string& name,
                                                                const nlohmann::json& arguments);

}  // namespace mil
