#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>

#include "imaging/base/options.h"

namespace cli {

/// How `bind_fields` departs from the declared names.
struct BindNames {
  std::map<std::string, std::string> rename = {};  ///< field to option names, e.g. {"mpp", "--slide-mpp"}
  std::set<std::string> skip = {};                 ///< fields that get no option
};

namespace detail {

template <typename T>
struct ValueOf {
  using type = T;
};
template <typename T>
struct ValueOf<std::optional<T>> {
  using type = T;
};

inline std::string range_text(const imaging::FieldInfo& info) {
  const bool has_min = std::isfinite(info.min);
  const bool has_max = std::isfinite(info.max);
  if (has_min && has_max) return fmt::format("{} to {}", info.min, info.max);
  if (has_min) return fmt::format("at least {}", info.min);
  if (has_max) return fmt::format("at most {}", info.max);
  return "";
}

/// Help as a person reads it: what it is, then range or choices.
inline std::string help_text(const imaging::FieldInfo& info) {
  const std::string allowed =
      info.choices.empty() ? range_text(info) : fmt::format("{}", fmt::join(info.choices, ", "));
  return allowed.empty() ? std::string(info.help) : fmt::format("{} ({})", info.help, allowed);
}

template <typename T>
std::string type_text(const imaging::FieldInfo& info) {
  if (!info.unit.empty()) return std::string(info.unit);
  return std::is_arithmetic_v<T> ? "N" : "TEXT";
}

}  // namespace detail

/// Makes one command-line option of every field: tile_px becomes --tile-px with its unit, range, default and
/// help; a bool is a flag (with --no-... beside it where it is on by default or unset); lists take one value
/// each time they are given.
///
/// @param options  must outlive the parse; keeps its values where an option is not given
template <typename Options>
void bind_fields(CLI::App& command, Options& options, const BindNames& names = {}) {
  visit_fields(
      [&](std::string_view name, auto& member, const imaging::FieldInfo& info) {
        if (names.skip.contains(std::string(name))) return;
        using Member = std::remove_cvref_t<decltype(member)>;
        using Value = typename detail::ValueOf<Member>::type;
        std::string kebab(name);
        std::replace(kebab.begin(), kebab.end(), '_', '-');
        const auto renamed = names.rename.find(std::string(name));
        const std::string flag = renamed == names.rename.end() ? "--" + kebab : renamed->second;
        if constexpr (std::is_same_v<Value, bool>) {
          bool has_opposite = true;
          if constexpr (std::is_same_v<Member, bool>) has_opposite = member;
          command.add_flag(has_opposite ? flag + ",!--no-" + kebab : flag, member, detail::help_text(info));
        } else {
          auto* option = command.add_option(flag, member, detail::help_text(info));
          option->type_name(detail::type_text<Value>(info));
          if constexpr (std::is_same_v<Value, std::vector<std::string>>) {
            option->allow_extra_args(false);
            if (!info.choices.empty())
              option->check(CLI::IsMember(std::vector<std::string>(info.choices.begin(), info.choices.end()))
                                .description(""));
          } else {
            if constexpr (std::is_same_v<Member, Value>) option->capture_default_str();
            option->check([name = std::string(name), info](const std::string& text) {
              Value value{};
              if (!CLI::detail::lexical_cast(text, value)) return fmt::format("'{}' is not a number", text);
              try {
                imaging::detail::check_field(name, value, info);
              } catch (const imaging::Error& error) {
                return std::string(error.what());
              }
              return std::string();
            });
          }
        }
      },
      options);
}

}  // namespace cli
