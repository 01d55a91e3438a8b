#pragma once

#include "mil/aggregators/aggregator_shape.h"

namespace mil {

/// The shape of a DSMIL.
struct DsmilOptions : AggregatorShape {
  std::int64_t query_dim = 128;
  std::string variant = "mhim";
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, DsmilOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  visit_shape(field, options);
  field("query_dim", options.query_dim, FieldInfo{.help = "Width of a query", .min = 1, .max = 65536});
  field("variant", options.variant,
        FieldInfo{.help = "Queries and values: mhim (both with a non-linearity), stand_alone (linear query, "
                          "the tile itself as value) or first_release (both linear)",
                  .choices = {"mhim", "stand_alone", "first_release"}});
}

}  // namespace mil
