#include "app/workflows/segment_finding.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "imaging/base/csv.h"
#include "imaging/base/json_text.h"

namespace workflows {
namespace {

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// Number of the class of this name, without regard to case; 0 where there is none.
std::size_t find_class(const std::vector<std::string>& names, const std::string& wanted) {
  for (std::size_t k = 1; k < names.size(); ++k) {
    if (lower(names[k]) == wanted) return k;
  }
  return 0;
}

struct DiscAndCup {
  std::size_t disc = 0, cup = 0;
  explicit DiscAndCup(const std::vector<std::string>& names)
      : disc(find_class(names, "disc")), cup(find_class(names, "cup")) {
    if (disc == 0) disc = find_class(names, "optic_disc");
    if (cup == 0) cup = find_class(names, "optic_cup");
  }
  [[nodiscard]] bool are_there() const { return disc > 0 && cup > 0; }
};

std::optional<double> ratio(double part, double whole) {
  return whole > 0 ? std::optional(part / whole) : std::nullopt;
}

}  // namespace

nlohmann::ordered_json to_json(const SegmentFinding& finding) {
  nlohmann::ordered_json json{{"class_names", finding.class_names},
                              {"mask", finding.mask},
                              {"mask_width", finding.mask_size.width},
                              {"mask_height", finding.mask_size.height},
                              {"slices", finding.slices},
                              {"origin_l0", {finding.origin_l0.x, finding.origin_l0.y}},
                              {"pixel_l0", {finding.pixel_l0.x, finding.pixel_l0.y}},
                              {"regions", finding.regions},
                              {"regions_step", finding.regions_step},
                              {"share_of", finding.share_of},
                              {"measurements", nlohmann::ordered_json::array()}};
  for (const auto& one : finding.measurements) {
    nlohmann::ordered_json entry{
        {"name", one.name}, {"class", one.subject}, {"value", nullptr}, {"unit", one.unit}};
    if (one.value) entry["value"] = *one.value;
    json["measurements"].push_back(std::move(entry));
  }
  return json;
}

SegmentFinding segment_finding_from_json(const nlohmann::json& json) {
  const auto point = [&](const char* key) {
    return imaging::PointD{json.at(key).at(0).get<double>(), json.at(key).at(1).get<double>()};
  };
  SegmentFinding finding;
  json.at("class_names").get_to(finding.class_names);
  json.at("mask").get_to(finding.mask);
  finding.mask_size = {imaging::value_from_json<std::int64_t>(json.at("mask_width")),
                       imaging::value_from_json<std::int64_t>(json.at("mask_height"))};
  finding.slices = imaging::value_from_json<std::int64_t>(json.at("slices"));
  finding.origin_l0 = point("origin_l0");
  finding.pixel_l0 = point("pixel_l0");
  json.at("regions").get_to(finding.regions);
  json.at("regions_step").get_to(finding.regions_step);
  json.at("share_of").get_to(finding.share_of);
  for (const auto& entry : json.at("measurements")) {
    SegmentMeasurement one{.name = entry.at("name").get<std::string>(),
                           .subject = entry.at("class").get<std::string>(),
                           .value = std::nullopt,
                           .unit = entry.at("unit").get<std::string>()};
    if (!entry.at("value").is_null()) one.value = entry.at("value").get<double>();
    finding.measurements.push_back(std::move(one));
  }
  return finding;
}

std::string measurements_csv(const std::vector<SegmentMeasurement>& measurements) {
  auto text = imaging::csv_line({"measurement", "class", "value", "unit"});
  for (const auto& one : measurements) {
    text += imaging::csv_line(
        {one.name, one.subject, one.value ? fmt::format("{:.8g}", *one.value) : "not available", one.unit});
  }
  return text;
}

std::vector<std::vector<std::uint8_t>> counted_regions(const std::vector<std::string>& class_names) {
  std::vector<std::vector<std::uint8_t>> regions;
  for (std::size_t k = 1; k < class_names.size(); ++k) regions.push_back({static_cast<std::uint8_t>(k)});
  if (const DiscAndCup eye(class_names); eye.are_there())
    regions.push_back({static_cast<std::uint8_t>(eye.disc), static_cast<std::uint8_t>(eye.cup)});
  return regions;
}

std::vector<SegmentMeasurement> measure_labels(const std::vector<std::string>& class_names,
                                               const std::vector<imaging::RegionCount>& counts,
                                               std::int64_t whole, bool has_field,
                                               const std::optional<imaging::PointD>& pixel_mm) {
  std::vector<SegmentMeasurement> all;
  const auto add_area = [&](const std::string& subject, const imaging::RegionCount& count) {
    const auto pixels = static_cast<double>(count.pixels);
    all.push_back({"area", subject, pixels, "px"});
    if (pixel_mm) all.push_back({"area", subject, pixels * pixel_mm->x * pixel_mm->y, "mm2"});
    all.push_back({"share", subject, ratio(pixels, static_cast<double>(whole)), "share"});
  };
  for (std::size_t k = 1; k < class_names.size(); ++k) {
    const auto& count = counts[k - 1];
    add_area(class_names[k], count);
    all.push_back({"objects", class_names[k], static_cast<double>(count.objects), "count"});
    if (has_field && lower(class_names[k]).starts_with("vessel")) {
      all.push_back({"vessel density", class_names[k],
                     ratio(static_cast<double>(count.pixels), static_cast<double>(whole)),
                     "share of the field of view"});
    }
  }
  const DiscAndCup eye(class_names);
  if (!eye.are_there()) return all;
  const auto& both = counts.back();
  const auto& cup = counts[eye.cup - 1];
  const auto whole_disc = class_names[eye.disc] + " with " + class_names[eye.cup];
  add_area(whole_disc, both);
  const auto height = [](const imaging::RegionCount& count) {
    return static_cast<double>(count.largest.bottom - count.largest.top);
  };
  const auto add_diameter = [&](const std::string& subject, const imaging::RegionCount& count) {
    const bool is_there = count.largest.pixels > 0;
    all.push_back(
        {"vertical diameter", subject, is_there ? std::optional(height(count)) : std::nullopt, "px"});
    if (pixel_mm && is_there)
      all.push_back({"vertical diameter", subject, height(count) * pixel_mm->y, "mm"});
  };
  add_diameter(whole_disc, both);
  add_diameter(class_names[eye.cup], cup);
  const auto pair = class_names[eye.cup] + " / " + class_names[eye.disc];
  all.push_back({"vertical ratio", pair, ratio(height(cup), height(both)), "ratio"});
  all.push_back({"area ratio", pair, ratio(static_cast<double>(cup.pixels), static_cast<double>(both.pixels)),
                 "ratio"});
  return all;
}

std::vector<SegmentMeasurement> measure_volume(const std::vector<std::string>& class_names,
                                               const std::vector<std::uint8_t>& labels,
                                               const imaging::VolumeGeometry& geometry) {
  std::vector<std::int64_t> counts(256);
  for (const auto label : labels) ++counts[label];
  const auto& side = geometry.spacing_mm;
  std::vector<SegmentMeasurement> all;
  for (std::size_t k = 1; k < class_names.size(); ++k) {
    const auto voxels = static_cast<double>(counts[k]);
    all.push_back({"volume", class_names[k], voxels, "voxels"});
    if (geometry.has_spacing)
      all.push_back({"volume", class_names[k], voxels * side[0] * side[1] * side[2], "mm3"});
    all.push_back({"share", class_names[k], ratio(voxels, static_cast<double>(geometry.voxels())), "share"});
  }
  return all;
}

}  // namespace workflows
