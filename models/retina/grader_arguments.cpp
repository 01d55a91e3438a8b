#include "models/retina/grader_arguments.h"

#include <fmt/format.h>

#include "imaging/base/error.h"

namespace models {
namespace {

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

GraderArguments grader_arguments_from_json(const std::string& architecture, const ordered_json& arguments) {
  GraderArguments found;
  found.architecture = architecture;
  auto rest = arguments.is_object() ? arguments : ordered_json::object();
  found.grade_count = take_count(rest, "grades", 5, 2);
  found.oedema_count = take_count(rest, "oedema", 0, 0);
  if (rest.contains("pool")) {
    if (rest["pool"] != "mean" && rest["pool"] != "mean_max") {
      throw Error(ErrorCode::incompatible,
                  fmt::format("The architecture argument 'pool' is {}, not \"mean\" or \"mean_max\".",
                              rest["pool"].dump()));
    }
    found.pooling = rest["pool"] == "mean" ? FundusPooling::mean : FundusPooling::mean_max;
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
  json["pool"] = arguments.pooling == FundusPooling::mean ? "mean" : "mean_max";
  json["grades"] = arguments.grade_count;
  json["oedema"] = arguments.oedema_count;
  return json;
}

}  // namespace models
