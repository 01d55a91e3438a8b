#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "imaging/base/error.h"

namespace imaging {

/// What the world may know of one option. Declared once, in the `visit_fields` beside its struct:
///
///     struct TileGridOptions { std::int64_t tile_px = 256; };
///     template <typename Visitor, typename Options>
///       requires std::same_as<std::remove_const_t<Options>, TileGridOptions>
///     void visit_fields(Visitor&& field, Options& options) {
///       field("tile_px", options.tile_px, FieldInfo{.unit = "px", .help = "Side of a tile", .min = 16, .max
///       = 4096});
///     }
///
/// The name is snake_case; the command line shows it as --tile-px, JSON as "tile_px".
/// Member types: bool, std::int64_t, double, std::string, std::vector<std::string>, and
/// std::optional of int64, double or string.
struct FieldInfo {
  std::string_view unit = "";
  std::string_view help = "";
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  std::vector<std::string_view> choices = {};  ///< for strings: the allowed values, empty for any
};

namespace detail {

template <typename T>
struct IsOptional : std::false_type {};
template <typename T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <typename T>
void check_field(std::string_view name, const T& value, const FieldInfo& info) {
  if constexpr (IsOptional<T>::value) {
    if (value) check_field(name, *value, info);
  } else if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
    const auto number = static_cast<double>(value);
    if (!(number >= info.min && number <= info.max)) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("Option {} is {}{}{}, outside {} to {}.", name, value,
                              info.unit.empty() ? "" : " ", info.unit, info.min, info.max));
    }
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (info.choices.empty()) return;
    for (const auto choice : info.choices) {
      if (value == choice) return;
    }
    throw Error(ErrorCode::invalid_argument, fmt::format("Option {} is '{}', not one of: {}.", name, value,
                                                         fmt::join(info.choices, ", ")));
  }
}

}  // namespace detail

/// Refuses the first value that is outside its declared range or choices.
/// @throws Error `invalid_argument` naming the option, its value and the range.
template <typename Options>
void check_options(const Options& options) {
  visit_fields([](std::string_view name, const auto& value,
                  const FieldInfo& info) { detail::check_field(name, value, info); },
               options);
}

}  // namespace imaging
