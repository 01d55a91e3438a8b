#pragma once

#include <nlohmann/json.hpp>
#include <set>

#include "imaging/base/json_text.h"
#include "imaging/base/options.h"

namespace imaging {

/// Every field of an option struct, in declaration order; an unset optional is null.
template <typename Options>
[[nodiscard]] nlohmann::ordered_json options_to_json(const Options& options) {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  visit_fields(
      [&](std::string_view name, const auto& value, const FieldInfo&) {
        using T = std::remove_cvref_t<decltype(value)>;
        if constexpr (detail::IsOptional<T>::value) {
          if (value) {
            object[std::string(name)] = *value;
          } else {
            object[std::string(name)] = nullptr;
          }
        } else {
          object[std::string(name)] = value;
        }
      },
      options);
  return object;
}

/// Overwrites the fields that `object` names; others keep their values. Then checks the ranges.
/// @throws Error `invalid_argument` on an unknown name, a wrong type or a value out of range.
template <typename Options>
void options_from_json(Options& options, const nlohmann::json& object) {
  if (!object.is_object()) throw Error(ErrorCode::invalid_argument, "Options must be a JSON object.");
  std::set<std::string> known;
  visit_fields(
      [&](std::string_view name, auto& value, const FieldInfo&) {
        using T = std::remove_cvref_t<decltype(value)>;
        const std::string key(name);
        known.insert(key);
        const auto found = object.find(key);
        if (found == object.end()) return;
        try {
          if constexpr (detail::IsOptional<T>::value) {
            value = found->is_null() ? T{} : T{value_from_json<typename T::value_type>(*found)};
          } else {
            value = value_from_json<T>(*found);
          }
        } catch (const nlohmann::json::exception&) {
          throw Error(ErrorCode::invalid_argument,
                      fmt::format("Option {} has a value of the wrong type: {}.", name, found->dump()));
        }
      },
      options);
  for (const auto& [key, value] : object.items()) {
    if (!known.contains(key)) {
      throw Error(ErrorCode::invalid_argument, fmt::format("Unknown option '{}'.", key));
    }
  }
  check_options(options);
}

}  // namespace imaging
