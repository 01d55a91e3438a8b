#pragma once

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "imaging/base/error.h"

namespace imaging {

/// Parses JSON that came from outside. Stricter than the standard, since what readers disagree on, or what
/// recursion over the value could not survive, is no honest file: refuses a key that an object has twice,
/// nesting beyond 64 levels and objects of more than 10,000 keys. NaN and inf are no JSON.
///
/// @tparam Json         nlohmann::json or ordered_json
/// @param  source_name  what the message calls the text, a path as a rule
/// @throws Error `corrupt_data`, saying where.
template <typename Json>
[[nodiscard]] Json parse_json(std::string_view text, std::string_view source_name) {
  constexpr int kMaxDepth = 64;
  constexpr std::size_t kMaxKeys = 10'000;
  const auto refuse = [&](std::string_view what) {
    throw Error(ErrorCode::corrupt_data, fmt::format("{}: not valid JSON, {}.", source_name, what));
  };
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  const auto check = [&](int depth, typename Json::parse_event_t event, Json& parsed) {
    using Event = typename Json::parse_event_t;
    if (depth > kMaxDepth) refuse(fmt::format("it is nested deeper than {} levels", kMaxDepth));
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key) {
      const auto& key = parsed.template get_ref<const std::string&>();
      if (!keys.back().insert(key).second) refuse(fmt::format("an object has the key '{}' twice", key));
      if (keys.back().size() > kMaxKeys) refuse(fmt::format("an object has more than {} keys", kMaxKeys));
    }
    return true;
  };
  try {
    return Json::parse(text, check);
  } catch (const nlohmann::json::exception& error) {
    std::string_view cause = error.what();  // "[json.exception.parse_error.101] parse error at line 1, ..."
    if (const auto end = cause.find("] "); end != std::string_view::npos) cause.remove_prefix(end + 2);
    refuse(cause);
    throw;  // not reached
  }
}

/// The value as a T. A whole number must be one, and int64 must hold it: the library itself
/// converts without a check. @throws nlohmann::json::exception otherwise.
template <typename T, typename Json>
[[nodiscard]] T value_from_json(const Json& value) {
  if constexpr (std::is_same_v<T, std::int64_t>) {
    constexpr double kExact = 9007199254740992;  // 2^53
    const bool is_large = value.is_number_unsigned() && value.template get<std::uint64_t>() > INT64_MAX;
    const auto number = value.is_number() ? value.template get<double>() : 0.5;
    const bool is_whole =
        value.is_number_integer() || (std::abs(number) <= kExact && number == std::floor(number));
    if (is_large || !is_whole)
      throw Json::type_error::create(302, value.dump() + " is no whole number of 64 bits", &value);
  }
  return value.template get<T>();
}

}  // namespace imaging
