#pragma once

#include "mil/aggregators/aggregator_shape.h"

namespace mil {

/// The shape of INS's instance classifier.
struct InsShape : AggregatorShape {
  std::string pooling = "mean";
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, InsShape>
void visit_fields(Visitor&& field, Options& options) {
  visit_shape(field, options);
  field("pooling", options.pooling,
        imaging::FieldInfo{.help = "A bag's probability of its tiles'", .choices = {"mean", "max"}});
}

}  // namespace mil
