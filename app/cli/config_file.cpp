#include "app/cli/config_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/base/json_text.h"

namespace cli {
namespace {

constexpr std::string_view kFlag = "--config";

bool stands_in(const std::vector<std::string>& arguments, const std::string& flag) {
  return std::any_of(arguments.begin(), arguments.end(), [&](const std::string& argument) {
    return argument == flag || argument.starts_with(flag + "=");
  });
}

std::string value_text(const std::string& key, const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return value.dump();
  throw imaging::Error(
      imaging::ErrorCode::invalid_argument,
      fmt::format("Option '{}' in the configuration file must be a number, text, true, false or a list.",
                  key));
}

}  // namespace

std::vector<std::string> expand_config(const std::vector<std::string>& arguments) {
  std::vector<std::string> kept;
  std::string path;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == kFlag && i + 1 < arguments.size()) {
      path = arguments[++i];
    } else if (arguments[i].starts_with(std::string(kFlag) + "=")) {
      path = arguments[i].substr(kFlag.size() + 1);
    } else {
      kept.push_back(arguments[i]);
    }
  }
  if (path.empty()) return arguments;

  const auto object = imaging::parse_json<nlohmann::json>(imaging::read_file(path), path);
  if (!object.is_object()) {
    throw imaging::Error(
        imaging::ErrorCode::invalid_argument,
        fmt::format("'{}' is no JSON object of options such as {{\"tile_px\": 256}}.", path));
  }
  const auto given = kept;
  for (const auto& [key, value] : object.items()) {
    std::string flag = "--" + key;
    std::replace(flag.begin(), flag.end(), '_', '-');
    if (value.is_null() || stands_in(given, flag)) continue;
    for (const auto& item : value.is_array() ? value : nlohmann::json::array({value})) {
      kept.push_back(key == "inputs" ? value_text(key, item) : flag + "=" + value_text(key, item));
    }
  }
  return kept;
}

}  // namespace cli
