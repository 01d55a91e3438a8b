#include "app/report/report_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "app/report/fundus_words.h"
#include "app/report/segment_words.h"
#include "app/workflows/evidence_view.h"
#include "app/workflows/review.h"
#include "app/workflows/stain.h"
#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/base/version.h"
#include "imaging/raster/png.h"
#include "imaging/slide/area_resample.h"

namespace report {
namespace fs = std::filesystem;
namespace {

using imaging::Error;
using imaging::ErrorCode;

constexpr std::size_t kMostTiles = 12;        // more do not fit beside the provenance on the second page
constexpr std::int64_t kOverviewSide = 1000;  // pixels; 300 dpi on paper
constexpr std::int64_t kTileSide = 320;

/// 1 234 567 with narrow no-break spaces; four digits stay together.
std::string grouped(std::int64_t number) {
  std::string digits = fmt::format("{}", number);
  if (digits.size() <= 4) return digits;
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), "\u202f");
  }
  return digits;
}

std::string score_text(double score) {
  const double size = std::abs(score);
  if (size == 0) return "0";
  if (size < 1e-4 || size >= 1e5) return fmt::format("{:.2e}", score);
  const int decimals = std::clamp(2 - static_cast<int>(std::floor(std::log10(size))), 0, 6);
  return fmt::format("{:.{}f}", score, decimals);
}

std::string file_size(std::uint64_t bytes) {
  const auto number = static_cast<double>(bytes);
  if (number < 1e3) return fmt::format("{} bytes", bytes);
  if (number < 1e6) return fmt::format("{:.1f} kB", number / 1e3);
  if (number < 1e9) return fmt::format("{:.1f} MB", number / 1e6);
  return fmt::format("{:.2f} GB", number / 1e9);
}

std::string scale_source(const std::string& source) {
  if (source == "openslide.mpp") return "stated in the slide file";
  if (source == "tiff.resolution") return "from the TIFF resolution tags";
  if (source == "override") return "given by the user";
  if (source == "table") return "given in the table";
  return source;
}

bool is_physical(const workflows::CaseResult& result) {
  return result.scale && result.scale->source != "pixels";
}

/// Without a limit the score decides nothing.
std::string ood_text(const workflows::CaseResult& result) {
  const auto& rule = result.decision;
  const bool has_limit = rule.is_object() && rule.contains("max_ood") && rule["max_ood"].is_number();
  return fmt::format("score {:.3g}", *result.ood) +
         (has_limit ? fmt::format(" (limit {:.3g})", rule["max_ood"].get<double>()) : std::string());
}

std::string scale_text(const workflows::CaseResult& result) {
  if (!result.scale) return "unknown";
  if (!is_physical(result)) return "unknown; worked in level-0 pixels";
  const auto& scale = *result.scale;
  const auto number = scale.mpp_x == scale.mpp_y ? fmt::format("{:.4g}", scale.mpp_x)
                                                 : fmt::format("{:.4g} × {:.4g}", scale.mpp_x, scale.mpp_y);
  return fmt::format("{} µm per pixel, {}", number, scale_source(scale.source));
}

std::string size_text(const workflows::CaseResult& result) {
  const auto [width, height] = result.size_l0;
  auto text = fmt::format("{} × {} px", grouped(width), grouped(height));
  if (is_physical(result)) {
    text += fmt::format(" ({:.3g} × {:.3g} mm)", static_cast<double>(width) * result.scale->mpp_x / 1000,
                        static_cast<double>(height) * result.scale->mpp_y / 1000);
  }
  return text;
}

/// The longest of 1, 2, 5, 10, ... that takes at most a quarter of the picture's width.
std::optional<ScaleBar> make_scale_bar(const workflows::CaseResult& result) {
  if (!result.scale || result.size_l0.width <= 0) return std::nullopt;
  const bool physical = is_physical(result);
  const double width = static_cast<double>(result.size_l0.width) * (physical ? result.scale->mpp_x : 1);
  const double decade = std::pow(10, std::floor(std::log10(width / 4)));
  double length = decade;
  for (const double step : {2.0, 5.0}) {
    if (step * decade <= width / 4) length = step * decade;
  }
  if (!physical) return ScaleBar{length / width, fmt::format("{:g} px", length)};
  if (length >= 1000) return ScaleBar{length / width, fmt::format("{:g} mm", length / 1000)};
  return ScaleBar{length / width, fmt::format("{:g} µm", length)};
}

std::string cure(const std::string& reason_code) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kCures{{
      {"missing_scale",
       "Give the scale with --mpp or in a table's column mpp; the scanner's protocol states it."},
      {"scale_mismatch",
       "Check the slide's scale. If it is right, use a model made for this scale, or allow the mismatch on "
       "purpose."},
      {"not_brightfield", "Use a brightfield slide with the stain that the model was made for."},
      {"no_tissue",
       "Look at the slide. If it does hold tissue, lower the least share of tissue in a tile or the tissue "
       "threshold."},
      {"corrupt_data",
       "Export or copy the file again from the scanner or the archive, then analyse it again."},
      {"unsupported_format",
       "Export the slide in a format that Tessera reads; tessera doctor lists the readers."},
      {"not_found", "Check that the file is still where it was, then analyse it again."},
      {"hash_mismatch", "Get the model package again from its source: its files are not the ones it states."},
      {"incompatible", "Use a model and an encoder that belong together; tessera model show names both."},
      {"insufficient_data", "The slide holds too little to judge; use another section of the same case."},
      {"io_error", "Check permissions and free space, then analyse the slide again."},
      {"resource_exhausted", "Run on a machine with more memory, or use larger tiles."},
      {"invalid_argument", "Correct the option that the reason names, then analyse the slide again."},
      {"internal", "This is a fault of Tessera; please report it with the reason above."},
  }};
  for (const auto& [code, text] : kCures) {
    if (code == reason_code) return std::string(text);
  }
  return "Analyse the slide again once the reason is cleared.";
}

struct ScoreWords {
  std::string title;
  std::string sentence;
  bool is_share = false;  ///< sums to 1 over the slide
};

/// @param verdict  the class whose scores are shown, where there is one score per class
ScoreWords score_words(const std::string& kind, const std::string& verdict) {
  if (kind == "attention") {
    return {"Attention",
            "Attention: what share of the decision each tile carries; sums to 1 over the slide; it is not a "
            "probability of tumour.",
            true};
  }
  if (kind == "attention_per_class") {
    return {fmt::format("Attention for {}", verdict),
            fmt::format(
                "Attention: what share of the decision for “{}” each tile carries; sums to 1 over the slide; "
                "it is not a probability of tumour.",
                verdict),
            true};
  }
  if (kind == "class_token_attention") {
    return {"Class-token attention",
            "Class-token attention: how much the decision looked at each tile, averaged over heads; may be "
            "negative; "
            "it is not a probability of tumour."};
  }
  if (kind == "class_activation") {
    return {fmt::format("Evidence for {}", workflows::grade_words(verdict).brief),
            fmt::format("Evidence: where the network's features speak for “{}” (gradient-based class "
                        "activation). It shows where the model looked, not where lesions are.",
                        workflows::grade_words(verdict).brief)};
  }
  if (kind == "occlusion") {
    return {fmt::format("Evidence for {}", workflows::grade_words(verdict).brief),
            fmt::format("Evidence: by how much the probability of “{}” falls where the place is covered "
                        "(occlusion).",
                        workflows::grade_words(verdict).brief)};
  }
  if (kind == "instance_probability") {
    return {
        fmt::format("Tile probability of {}", verdict),
        fmt::format("Tile probability: the probability of “{}” that the model gives each tile on its own.",
                    verdict)};
  }
  return {kind.empty() ? std::string("Tile score") : kind,
          "Tile score: the model's raw value for each tile."};
}

/// The channel of the verdict's class where there is one per class, else the only one.
std::size_t shown_channel(const workflows::CaseResult& result) {
  for (std::size_t at = 0; at < std::min(result.probabilities.size(), result.score_names.size()); ++at) {
    if (result.probabilities[at].first == result.shown_class()) return at;
  }
  return 0;
}

imaging::Image8 read_picture(const fs::path& path, std::int64_t most_px) {
  if (!fs::exists(path)) {
    throw Error(ErrorCode::not_found,
                fmt::format("The report needs {}, which is missing; analyse the case again.", path.string()));
  }
  const auto picture = imaging::decode_image(imaging::read_file(path));
  return imaging::resize(picture, imaging::size_within({picture.width(), picture.height()}, most_px));
}

/// The option `name`, wherever in the nested option groups it is.
const nlohmann::ordered_json* find_option(const nlohmann::ordered_json& options, std::string_view name) {
  for (const auto& [key, value] : options.items()) {
    if (key == name) return &value;
    if (!value.is_object()) continue;
    if (const auto* found = find_option(value, name)) return found;
  }
  return nullptr;
}

/// What is painted over the photograph or slide, and how its scores are read.
void add_heatmap(const workflows::CaseFolder& folder, const workflows::CaseResult& result,
                 Overview& overview) {
  const auto channel = static_cast<int>(shown_channel(result));
  auto raster = folder.read_scores(result);
  if (channel >= raster.values.channels()) {
    throw Error(
        ErrorCode::corrupt_data,
        fmt::format("{} holds {} channels, but result.json names {} scores; analyse the case again.",
                    folder.attention().string(), raster.values.channels(), result.score_names.size()));
  }
  const auto values = raster.values.values();
  const auto stride = static_cast<std::size_t>(raster.values.channels());
  bool has_score = false;
  for (auto at = static_cast<std::size_t>(channel); at < values.size() && !has_score; at += stride)
    has_score = std::isfinite(values[at]);
  if (!has_score) {
    throw Error(ErrorCode::corrupt_data, fmt::format("{} holds no finite score; analyse the case again.",
                                                     folder.attention().string()));
  }
  const auto* colormap = find_option(result.options, "colormap");
  overview.colours = colormap != nullptr && colormap->is_string()
                         ? &imaging::find_colormap(colormap->get<std::string>())
                         : &imaging::colormaps().front();
  const auto* stated = find_option(result.options, "opacity");
  const auto opacity =
      stated != nullptr && stated->is_number() ? stated->get<double>() : imaging::HeatmapStyle{}.opacity;
  const auto range = imaging::painted_range(raster, channel);
  imaging::HeatmapStyle style{.low = range.low, .high = range.high, .opacity = opacity};
  if (result.fundus) {
    style = workflows::evidence_style(range, opacity);
    raster = workflows::evidence_view(raster, result.fundus->field);
  }
  overview.heatmap =
      imaging::blend_heatmap(overview.plain, result.size_l0, raster, channel, *overview.colours, style);
  const auto low = static_cast<double>(range.low);
  const auto high = static_cast<double>(range.high);
  overview.low = score_text(low);
  overview.middle = score_text((low + high) / 2);
  overview.high = (range.is_clipped ? "≥ " : "") + score_text(high);
  auto words = score_words(result.score_kind, result.shown_class());
  overview.score_title = std::move(words.title);
  overview.score_sentence = std::move(words.sentence);
}

Overview make_overview(const workflows::CaseFolder& folder, const workflows::CaseResult& result) {
  Overview overview;
  overview.plain = read_picture(folder.thumbnail(), kOverviewSide);
  overview.scale_bar = make_scale_bar(result);
  if (result.fundus) {
    overview.plain_title = "Photograph";
    overview.plain_alternative = "The photograph of the retina.";
    if (!is_physical(result)) overview.scale_bar.reset();
  }
  if (result.segmentation) {
    overview.plain_title = "Picture";
    overview.plain_alternative = "The picture that was segmented.";
    overview.heatmap = read_picture(folder.overlay(), kOverviewSide);
    overview.legend = segment_legend(*result.segmentation);
    overview.score_title = "Classes";
    overview.score_sentence =
        "Colours: the class that the model gives each pixel, with its outline. The masks are not checked by "
        "a person.";
    if (!is_physical(result) || result.segmentation->slices > 1) overview.scale_bar.reset();
    return overview;
  }
  if (result.verdict != workflows::kUngradable) add_heatmap(folder, result, overview);
  return overview;
}

std::vector<TileCard> make_tiles(const workflows::CaseFolder& folder, const workflows::CaseResult& result) {
  const auto channel = shown_channel(result);
  const bool is_share = score_words(result.score_kind, "").is_share && result.tiles > 0;
  std::vector<TileCard> cards;
  for (std::size_t at = 0; at < std::min(kMostTiles, result.top_tiles.size()); ++at) {
    const auto& tile = result.top_tiles[at];
    if (channel >= tile.scores.size()) {
      throw Error(ErrorCode::corrupt_data,
                  fmt::format("Top tile {} of {} has {} scores, not {}; analyse the case again.", at + 1,
                              folder.result().string(), tile.scores.size(), result.score_names.size()));
    }
    const auto score = static_cast<double>(tile.scores[channel]);
    TileCard card;
    card.rank = static_cast<std::int64_t>(at) + 1;
    card.image = read_picture(folder.path / tile.image, kTileSide);
    card.score = score_text(score);
    if (is_share) card.relative = fmt::format("{:.1f} × average", score * static_cast<double>(result.tiles));
    card.position = fmt::format("x {}, y {}", grouped(std::llround(tile.rect_l0.x)),
                                grouped(std::llround(tile.rect_l0.y)));
    cards.push_back(std::move(card));
  }
  return cards;
}

std::vector<Fact> make_identity(const workflows::CaseResult& result) {
  std::vector<Fact> facts;
  const auto add = [&](const char* name, const std::optional<std::string>& value) {
    if (value && !value->empty()) facts.push_back({name, *value});
  };
  add("Patient", result.patient);
  if (!result.fundus) add("Laterality", result.laterality);
  add("Label", result.label);
  add("Site", result.site);
  return facts;
}

std::vector<Fact> make_input(const workflows::CaseResult& result) {
  std::vector<Fact> facts;
  facts.push_back({"File", fs::path(result.file).filename().string()});
  if (result.size_bytes > 0) facts.back().value += fmt::format(" ({})", file_size(result.size_bytes));
  if (result.size_l0.width > 0) facts.push_back({"Size", size_text(result)});
  if (!result.vendor.empty()) facts.push_back({"Vendor", result.vendor});
  if (result.fundus) {
    for (auto& fact : fundus_input(result)) facts.push_back(std::move(fact));
    if (is_physical(result)) facts.push_back({"Scale", scale_text(result)});
  } else if (result.size_l0.width > 0 || result.scale) {
    facts.push_back({"Scale", scale_text(result)});
  }
  if (result.tiles > 0 && !result.fundus) {
    facts.push_back(
        {"Tiles", fmt::format("{} of {} px at {:.4g} {}", grouped(result.tiles), result.tile_px,
                              result.tile_mpp, is_physical(result) ? "µm/px" : "level-0 px per px")});
    facts.push_back({"Tissue", fmt::format("{} of the slide", percent_text(result.tissue_fraction))});
  }
  if (auto words = workflows::stain_words(result.stain); !words.empty())
    facts.push_back({"Stain", std::move(words)});
  if (result.ood) facts.push_back({"Out of distribution", ood_text(result)});
  if (!result.corrupt_tiles.empty()) {
    facts.push_back(
        {"Unreadable",
         fmt::format("{} tissue {}", grouped(static_cast<std::int64_t>(result.corrupt_tiles.size())),
                     result.corrupt_tiles.size() == 1 ? "tile" : "tiles")});
  }
  return facts;
}

void flatten_options(const nlohmann::ordered_json& options, std::vector<std::string>& parts) {
  for (const auto& [key, value] : options.items()) {
    if (value.is_object()) {
      flatten_options(value, parts);
    } else if (!value.is_null()) {
      parts.push_back(fmt::format("{} {}", key, value.is_string() ? value.get<std::string>() : value.dump()));
    }
  }
}

std::vector<Fact> make_provenance(const workflows::CaseResult& result) {
  std::vector<Fact> facts;
  const auto add_hashed = [&](const char* name, const std::string& value, const std::string& sha256) {
    if (value.empty() && sha256.empty()) return;
    facts.push_back({name, value, sha256.empty() ? "" : "sha256 " + sha256});
  };
  const auto model = result.model_architecture.empty()
                         ? result.model_name
                         : fmt::format("{} ({})", result.model_name, result.model_architecture);
  add_hashed("Model", model, result.model_sha256);
  if (!result.model_intended_use.empty()) facts.push_back({"Intended use", result.model_intended_use});
  if (!result.model_limitations.empty()) facts.push_back({"Limitations", result.model_limitations});
  if (!result.model_training_data.empty()) facts.push_back({"Trained on", result.model_training_data});
  add_hashed("Encoder", result.encoder_name, result.encoder_sha256);
  add_hashed("Input", fs::path(result.file).filename().string(), result.sha256);
  std::vector<std::string> options;
  flatten_options(result.options, options);
  if (!options.empty()) facts.push_back({"Options", fmt::format("{}", fmt::join(options, " · "))});
  std::vector<std::string> versions;
  for (const auto& [library, version] : result.versions)
    versions.push_back(fmt::format("{} {}", library, version));
  facts.push_back({"Versions", fmt::format("{}", fmt::join(versions, " · "))});
  return facts;
}

/// Why the headline says what it says.
std::string explain_verdict(const workflows::CaseResult& result, const std::string& name,
                            double probability) {
  if (!result.abstention.empty()) {
    return fmt::format("{} Its probability for “{}” would be {}.", result.abstention, name,
                       percent_text(probability));
  }
  const auto& rule = result.decision;
  if (rule.is_object() && rule.contains("threshold") && rule["threshold"].is_number()) {
    return fmt::format("The model gives this slide {} for “{}”; it calls “{}” from {} on.",
                       percent_text(probability), name, result.probabilities.back().first,
                       percent_text(rule["threshold"].get<double>()));
  }
  return fmt::format("The model finds “{}” the most probable of {} classes for this slide, with {}.", name,
                     result.probabilities.size(), percent_text(probability));
}

}  // namespace

std::string percent_text(double probability) {
  if (probability > 0 && probability < 0.0005) return "< 0.1 %";
  if (probability < 1 && probability >= 0.9995) return "> 99.9 %";
  return fmt::format("{:.1f} %", 100 * probability);
}

ReportModel read_report_model(const workflows::CaseFolder& folder, const std::string& printed_date) {
  const auto result = folder.read_result();
  ReportModel model;
  model.case_name = result.case_name;
  model.printed_date = printed_date;
  model.status = result.status;
  model.status_word = result.status == "done" ? "Done" : result.status == "degraded" ? "Degraded" : "Failed";
  model.status_reason = result.reason;
  model.identity = make_identity(result);
  model.input = make_input(result);
  model.warnings = result.warnings;
  model.provenance = make_provenance(result);
  if (const auto review = workflows::read_review(folder)) {
    model.review_title = fmt::format("Signed off by {}, {}", review->reviewer, review->date);
    model.review_note = review->note;
  }
  if (result.status == "failed") {
    model.headline = "No result";
    model.explanation = cure(result.reason_code);
    return model;
  }
  if (result.segmentation) {
    model.headline = segment_headline(*result.segmentation);
    model.explanation = segment_explanation(*result.segmentation);
    model.findings = segment_findings(*result.segmentation);
    model.overview = make_overview(folder, result);
    return model;
  }
  if (!result.verdict) {
    throw Error(ErrorCode::corrupt_data,
                fmt::format("{} has status {} but no verdict; analyse the case again.",
                            folder.result().string(), result.status));
  }
  model.headline = result.abstention.empty() ? *result.verdict : "No verdict: the model abstains";
  for (const auto& [name, probability] : result.probabilities) {
    const bool is_shown = name == result.shown_class();
    const auto shown_name = result.fundus ? workflows::grade_words(name).brief : name;
    model.classes.push_back({shown_name, probability, percent_text(probability), is_shown});
    if (is_shown) model.explanation = explain_verdict(result, name, probability);
  }
  if (result.fundus) {
    model.headline = fundus_headline(result);
    model.explanation = fundus_explanation(result);
    model.findings = fundus_findings(result);
  }
  model.overview = make_overview(folder, result);
  model.tiles = make_tiles(folder, result);
  if (!model.tiles.empty()) {
    model.tiles_title = fmt::format("Top {} of {} tiles", model.tiles.size(), grouped(result.tiles));
  }
  return model;
}

}  // namespace report
