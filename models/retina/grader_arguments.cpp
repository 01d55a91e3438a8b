#include "models/retina/grader_arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "imaging/base/error.h"

namespace models {
namespace {

constexpr std::array kPoolings{std::pair{FundusPooling::mean, "mean"},
                               std::pair{FundusPooling::mean_max, "mean_max"},
                               std::pair{FundusPooling::lesions, "lesions"}};

using imaging::Error;
using imaging::ErrorCode;
using nlohmann::ordered_json;

std::int64_t take_count(ordered_json& arguments, const char* key, std::int64_t usual, std::int64_t least) {
  if (!arguments.contains(key)) return usual;
  const auto value = arguments[key];
  if (!value.is_number_integer() || value < least || value > 100) {
    throw Error(ErrorCode::incompatible, fmt::format("The architecture argument '{}' is {}, not {} to 100.",
                                                     key, value.dump(), least));
  }
  arguments.erase(key);
  return value.get<std::int64_t>();
}

}  // namespace

const std::vector<std::string>& lesion_kind_names() {
  static const std::vector<std::string> names{"microaneurysms", "haemorrhages", "hard_exudates",
                                              "soft_exudates"};
  return names;
}

GraderArguments grader_arguments_from_json(const std::string& architecture, const ordered_json& arguments) {
  GraderArguments found;
  found.architecture = architecture;
  auto rest = arguments.is_object() ? arguments : ordered_json::object();
  found.grade_count = take_count(rest, "grades", 5, 2);
  found.oedema_count = take_count(rest, "oedema", 0, 0);
  if (rest.contains("pool")) {
    const auto known = std::find_if(kPoolings.begin(), kPoolings.end(),
                                    [&](const auto& pooling) { return rest["pool"] == pooling.second; });
    if (known == kPoolings.end()) {
      throw Error(
          ErrorCode::incompatible,
          fmt::format("The architecture argument 'pool' is {}, not \"mean\", \"mean_max\" or \"lesions\".",
                      rest["pool"].dump()));
    }
    found.pooling = known->first;
    rest.erase("pool");
  }
  const bool is_preact = architecture == "resnet50v2";
  if (is_preact && (rest.contains("ibn") || rest.contains("features"))) {
    throw Error(
        ErrorCode::incompatible,
        "The architecture resnet50v2 takes the arguments width, layers and pool, not ibn or features.");
  }
  if (is_preact && rest.contains("layers") && rest["layers"].is_array() && rest["layers"].size() == 3)
    rest["layers"].push_back(1);
  found.backbone = resnet_arguments_from_json(is_preact ? "resnet50" : architecture, rest);
  return found;
}

ordered_json grader_arguments_to_json(const GraderArguments& arguments) {
  auto json = resnet_arguments_to_json(arguments.backbone);
  if (arguments.architecture == "resnet50v2") {
    json.erase("features");
    json["layers"].erase(3);
  }
  json["pool"] = std::find_if(kPoolings.begin(), kPoolings.end(), [&](const auto& pooling) {
                   return arguments.pooling == pooling.first;
                 })->second;
  json["grades"] = arguments.grade_count;
  json["oedema"] = arguments.oedema_count;
  return json;
}

}  // namespace models
