#include "app/workflows/case_folder.h"

#include <fmt/format.h>

#include "app/workflows/batch.h"
#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/base/json_text.h"
#include "imaging/raster/ome_tiff.h"

namespace workflows {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::string_view kSchema = "tessera.result/1";

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

template <typename T>
std::optional<T> optional_of(const nlohmann::json& value) {
  if (value.is_null()) return std::nullopt;
  return value.get<T>();
}

template <typename Value>
Json object_of(const std::vector<std::pair<std::string, Value>>& pairs) {
  Json object = Json::object();
  for (const auto& [name, value] : pairs) object[name] = value;
  return object;
}

Json rect_json(const imaging::RectD& rect) {
  return {rect.x, rect.y, rect.width, rect.height};
}

}  // namespace

Json to_json(const CaseResult& result) {
  Json json{{"schema", kSchema},
            {"case", result.case_name},
            {"kind", result.kind},
            {"status", result.status},
            {"reason_code", result.reason_code},
            {"reason", result.reason},
            {"verdict", or_null(result.verdict)}};
  json["class_names"] = Json::array();
  for (const auto& [name, value] : result.probabilities) json["class_names"].push_back(name);
  json["probabilities"] = object_of(result.probabilities);
  json["logits"] = object_of(result.logits);
  json["decision"] = {{"class", result.shown_class()},
                      {"abstention", result.abstention},
                      {"out_of_distribution", or_null(result.ood)},
                      {"rule", result.decision}};
  json["tiles"] = result.tiles;
  json["warnings"] = result.warnings;
  json["patient"] = or_null(result.patient);
  json["laterality"] = or_null(result.laterality);
  json["label"] = or_null(result.label);
  json["site"] = or_null(result.site);
  json["input"] = {{"file", result.file},
                   {"sha256", result.sha256},
                   {"size_bytes", result.size_bytes},
                   {"reader", result.reader},
                   {"reader_version", result.reader_version},
                   {"vendor", result.vendor},
                   {"width", result.size_l0.width},
                   {"height", result.size_l0.height}};
  json["scale"] = Json();
  if (result.scale)
    json["scale"] = {
        {"mpp_x", result.scale->mpp_x}, {"mpp_y", result.scale->mpp_y}, {"source", result.scale->source}};
  json["model"] = {{"name", result.model_name},
                   {"sha256", result.model_sha256},
                   {"architecture", result.model_architecture},
                   {"intended_use", result.model_intended_use},
                   {"limitations", result.model_limitations},
                   {"training_data", result.model_training_data},
                   {"calibration", result.model_calibration}};
  json["encoder"] = {{"name", result.encoder_name}, {"sha256", result.encoder_sha256}};
  json["stain_normalisation"] = result.stain;
  json["grid"] = {{"tile_mpp", result.tile_mpp},
                  {"tile_px", result.tile_px},
                  {"overlap_px", result.overlap_px},
                  {"columns", result.grid_columns},
                  {"rows", result.grid_rows},
                  {"tile_side_l0", {result.tile_side_l0.x, result.tile_side_l0.y}},
                  {"tile_stride_l0", {result.tile_stride_l0.x, result.tile_stride_l0.y}},
                  {"tissue_fraction", result.tissue_fraction}};
  json["tissue"] = {{"fraction", result.tissue_fraction},
                    {"rejected",
                     {{"pen", result.tissue_rejected.pen},
                      {"folds", result.tissue_rejected.folds},
                      {"blur", result.tissue_rejected.blur}}}};
  json["scores"] = {{"kind", result.score_kind}, {"names", result.score_names}, {"ranges", Json::array()}};
  for (const auto& [low, high] : result.score_ranges) json["scores"]["ranges"].push_back({low, high});
  json["top_tiles"] = Json::array();
  for (const auto& tile : result.top_tiles) {
    json["top_tiles"].push_back({{"number", tile.number},
                                 {"rect_l0", rect_json(tile.rect_l0)},
                                 {"scores", tile.scores},
                                 {"image", tile.image}});
  }
  json["corrupt_tiles"] = Json::array();
  for (const auto& tile : result.corrupt_tiles) {
    json["corrupt_tiles"].push_back({{"column", tile.column}, {"row", tile.row}, {"reason", tile.reason}});
  }
  json["options"] = result.options;
  json["versions"] = object_of(result.versions);
  if (result.fundus) json["fundus"] = to_json(*result.fundus);
  if (result.segmentation) json["segmentation"] = to_json(*result.segmentation);
  return json;
}

CaseResult case_result_from_json(const nlohmann::json& json) {
  if (!json.is_object() || !json.contains("schema") || json["schema"] != kSchema) {
    throw imaging::Error(imaging::ErrorCode::corrupt_data,
                         fmt::format("This is no result of the schema {}.", kSchema));
  }
  const auto whole = [](const nlohmann::json& value) {
    return imaging::value_from_json<std::int64_t>(value);
  };
  CaseResult result;
  try {
    json.at("case").get_to(result.case_name);
    json.at("kind").get_to(result.kind);
    json.at("status").get_to(result.status);
    json.at("reason_code").get_to(result.reason_code);
    json.at("reason").get_to(result.reason);
    result.verdict = optional_of<std::string>(json.at("verdict"));
    if (json.contains("decision")) {  // results of version 0.1 have none
      const auto& decision = json["decision"];
      decision.at("class").get_to(result.likeliest);
      decision.at("abstention").get_to(result.abstention);
      result.ood = optional_of<double>(decision.at("out_of_distribution"));
      result.decision = decision.at("rule");
    }
    for (const auto& name : json.at("class_names").get<std::vector<std::string>>()) {
      result.probabilities.emplace_back(name, json.at("probabilities").at(name).get<double>());
      result.logits.emplace_back(name, json.at("logits").at(name).get<double>());
    }
    result.tiles = whole(json.at("tiles"));
    json.at("warnings").get_to(result.warnings);
    result.patient = optional_of<std::string>(json.at("patient"));
    result.laterality = optional_of<std::string>(json.at("laterality"));
    result.label = optional_of<std::string>(json.at("label"));
    result.site = optional_of<std::string>(json.at("site"));
    const auto& input = json.at("input");
    input.at("file").get_to(result.file);
    input.at("sha256").get_to(result.sha256);
    result.size_bytes = static_cast<std::uint64_t>(whole(input.at("size_bytes")));
    input.at("reader").get_to(result.reader);
    input.at("reader_version").get_to(result.reader_version);
    input.at("vendor").get_to(result.vendor);
    result.size_l0 = {whole(input.at("width")), whole(input.at("height"))};
    if (const auto& scale = json.at("scale"); !scale.is_null()) {
      result.scale = imaging::SlideScale{scale.at("mpp_x").get<double>(), scale.at("mpp_y").get<double>(),
                                         scale.at("source").get<std::string>()};
    }
    const auto& model = json.at("model");
    model.at("name").get_to(result.model_name);
    model.at("sha256").get_to(result.model_sha256);
    model.at("architecture").get_to(result.model_architecture);
    model.at("intended_use").get_to(result.model_intended_use);
    model.at("limitations").get_to(result.model_limitations);
    result.model_training_data = model.value("training_data", "");  // results before 0.3 lack these two
    result.model_calibration = model.value("calibration", nlohmann::json());
    json.at("encoder").at("name").get_to(result.encoder_name);
    json.at("encoder").at("sha256").get_to(result.encoder_sha256);
    result.stain = json.value("stain_normalisation", nlohmann::json());
    const auto& grid = json.at("grid");
    grid.at("tile_mpp").get_to(result.tile_mpp);
    result.tile_px = whole(grid.at("tile_px"));
    result.overlap_px = whole(grid.at("overlap_px"));
    result.grid_columns = whole(grid.at("columns"));
    result.grid_rows = whole(grid.at("rows"));
    result.tile_side_l0 = {grid.at("tile_side_l0").at(0).get<double>(),
                           grid.at("tile_side_l0").at(1).get<double>()};
    result.tile_stride_l0 = {grid.at("tile_stride_l0").at(0).get<double>(),
                             grid.at("tile_stride_l0").at(1).get<double>()};
    grid.at("tissue_fraction").get_to(result.tissue_fraction);
    if (const auto tissue = json.find("tissue"); tissue != json.end()) {  // results before 0.3 lack it
      const auto& rejected = tissue->at("rejected");
      rejected.at("pen").get_to(result.tissue_rejected.pen);
      rejected.at("folds").get_to(result.tissue_rejected.folds);
      rejected.at("blur").get_to(result.tissue_rejected.blur);
    }
    const auto& scores = json.at("scores");
    scores.at("kind").get_to(result.score_kind);
    scores.at("names").get_to(result.score_names);
    for (const auto& range : scores.at("ranges"))
      result.score_ranges.emplace_back(range.at(0).get<float>(), range.at(1).get<float>());
    for (const auto& tile : json.at("top_tiles")) {
      const auto& rect = tile.at("rect_l0");
      result.top_tiles.push_back({whole(tile.at("number")),
                                  {rect.at(0).get<double>(), rect.at(1).get<double>(),
                                   rect.at(2).get<double>(), rect.at(3).get<double>()},
                                  tile.at("scores").get<std::vector<float>>(),
                                  tile.at("image").get<std::string>()});
    }
    for (const auto& tile : json.at("corrupt_tiles")) {
      result.corrupt_tiles.push_back(
          {whole(tile.at("column")), whole(tile.at("row")), tile.at("reason").get<std::string>()});
    }
    result.options = Json(json.at("options"));
    for (const auto& [name, value] : json.at("versions").items())
      result.versions.emplace_back(name, value.get<std::string>());
    if (const auto fundus = json.find("fundus"); fundus != json.end())
      result.fundus = fundus_finding_from_json(*fundus);
    if (const auto found = json.find("segmentation"); found != json.end())
      result.segmentation = segment_finding_from_json(*found);
  } catch (const nlohmann::json::exception& error) {
    throw imaging::Error(imaging::ErrorCode::corrupt_data,
                         fmt::format("A result lacks a key or holds a wrong value: {}.", error.what()));
  }
  return result;
}

CaseResult CaseFolder::read_result() const {
  return case_result_from_json(
      imaging::parse_json<nlohmann::json>(imaging::read_file(result()), result().string()));
}

imaging::ScoreRaster CaseFolder::read_scores(const CaseResult& value) const {
  auto raster = imaging::read_ome_tiff(attention());
  raster.pixel_l0 = value.tile_stride_l0;
  if (value.fundus) raster.origin_l0 = value.fundus->evidence_origin_l0;
  return raster;
}

void CaseFolder::write_result(const CaseResult& value) const {
  imaging::write_file(result(), json_text(to_json(value)));
}

}  // namespace workflows
