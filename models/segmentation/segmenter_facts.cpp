#include "models/segmentation/segmenter_facts.h"

#include <fmt/format.h>

#include <set>

#include "imaging/base/error.h"

namespace models {
namespace {

using nlohmann::ordered_json;

[[noreturn]] void refuse(const char* key, const ordered_json& found, const char* expected) {
  throw imaging::Error(
      imaging::ErrorCode::corrupt_data,
      fmt::format("In the segmenter's manifest, '{}' is {}, not {}.", key, found.dump(), expected));
}

const ordered_json& member(const ordered_json& from, const char* key) {
  static const ordered_json nothing;
  const auto found = from.is_object() ? from.find(key) : from.end();
  return from.is_object() && found != from.end() ? *found : nothing;
}

std::int64_t whole_number(const ordered_json& from, const char* key, std::int64_t largest) {
  const auto& value = member(from, key);
  if (!value.is_number_integer() || value < 1 || value > largest)
    refuse(key, value, fmt::format("a whole number from 1 to {}", largest).c_str());
  return value;
}

bool is_choice(const ordered_json& from, const char* key, const char* first, const char* second) {
  const auto& value = member(from, key);
  if (value != first && value != second)
    refuse(key, value, fmt::format("'{}' or '{}'", first, second).c_str());
  return value == second;
}

std::vector<double> channel_values(const ordered_json& from, const char* key, std::int64_t channels) {
  const auto& value = member(from, key);
  if (value.is_null()) return {};
  std::vector<double> values;
  if (value.is_array()) {
    for (const auto& entry : value) {
      if (entry.is_number()) values.push_back(entry);
    }
  }
  if (static_cast<std::int64_t>(values.size()) != channels)
    refuse(key, value, "a list of one number per channel");
  return values;
}

}  // namespace

void put_segmenter_facts(ordered_json& manifest, const SegmenterFacts& facts) {
  manifest["class_names"] = facts.class_names;
  ordered_json input{{"channels", facts.channels}, {"size_multiple", facts.size_multiple}};
  if (facts.working_size) input["working_size"] = *facts.working_size;
  input["crop"] = facts.crop_to_field ? "field-of-view" : "none";
  input["intensity"] = facts.intensity == IntensityScale::unit ? "unit" : "zscore";
  if (!facts.mean.empty()) {
    input["mean"] = facts.mean;
    input["std"] = facts.std;
  }
  manifest["input"] = input;
  manifest["output"] = facts.output == SegmenterOutput::softmax ? "softmax" : "sigmoid";
}

SegmenterFacts segmenter_facts_of(const ordered_json& manifest) {
  SegmenterFacts facts;
  const auto& names = member(manifest, "class_names");
  std::set<std::string> distinct;
  if (names.is_array()) {
    for (const auto& name : names) {
      if (name.is_string() && distinct.insert(name).second) facts.class_names.push_back(name);
    }
  }
  if (facts.class_names.size() < 2 || facts.class_names.size() > 256 ||
      facts.class_names.size() != names.size())
    refuse("class_names", names, "a list of 2 to 256 different texts");
  const auto& input = member(manifest, "input");
  if (!input.is_object()) refuse("input", input, "an object");
  facts.channels = whole_number(input, "channels", 64);
  facts.size_multiple = whole_number(input, "size_multiple", 1024);
  if (!member(input, "working_size").is_null())
    facts.working_size = whole_number(input, "working_size", 8192);
  facts.crop_to_field = is_choice(input, "crop", "none", "field-of-view");
  facts.intensity =
      is_choice(input, "intensity", "unit", "zscore") ? IntensityScale::zscore : IntensityScale::unit;
  facts.mean = channel_values(input, "mean", facts.channels);
  facts.std = channel_values(input, "std", facts.channels);
  if (facts.mean.size() != facts.std.size()) refuse("std", member(input, "std"), "given together with mean");
  for (const double deviation : facts.std) {
    if (!(deviation > 0)) refuse("std", member(input, "std"), "above 0");
  }
  facts.output = is_choice(manifest, "output", "softmax", "sigmoid") ? SegmenterOutput::sigmoid
                                                                     : SegmenterOutput::softmax;
  if (facts.output == SegmenterOutput::sigmoid && facts.class_names.size() != 2)
    refuse("class_names", names, "two, as an output of one sigmoid map needs");
  return facts;
}

}  // namespace models
