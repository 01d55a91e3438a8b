#include "app/workflows/grade_fundus.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "app/workflows/batch.h"
#include "app/workflows/case_run.h"
#include "app/workflows/evidence_view.h"
#include "app/workflows/eye.h"
#include "app/workflows/fundus_finding.h"
#include "app/workflows/input_kind.h"
#include "app/workflows/model_registry.h"
#include "app/workflows/tile_pictures.h"
#include "imaging/base/options_json.h"
#include "imaging/fundus/fundus_reader.h"
#include "imaging/raster/colormap.h"
#include "imaging/raster/ome_tiff.h"
#include "imaging/raster/png.h"
#include "imaging/slide/area_resample.h"
#include "imaging/slide/reader_table.h"
#include "models/retina/grader_package.h"
#include "models/retina/retina_grader.h"

namespace workflows {
namespace fs = std::filesystem;
namespace {

using imaging::Error;
using imaging::ErrorCode;
using Json = nlohmann::ordered_json;

constexpr std::int64_t kThumbnailSide = 1600;
constexpr std::int64_t kGrades = 5;

/// What all photographs of a run share.
struct Run {
  const GradeFundusRequest& request;
  RunEnvironment environment;
  models::ModelPackage model;
  std::unique_ptr<models::RetinaGrader> grader;
  DecisionRule rule;
  RetinopathyScores threshold;  ///< referable_threshold and threshold_from
  const imaging::Colormap& colours;
  SlideSource source;
};

/// All that decides a case's result besides its pixels and the package.
Json options_of(const GradeFundusRequest& request, const InputFile& file) {
  const auto or_null = [](const std::optional<std::string>& value) { return value ? Json(*value) : Json(); };
  auto options = imaging::options_to_json(request.options);
  options["quality"] = imaging::options_to_json(request.quality);
  options["mpp"] = or_null(request.inputs.mpp);
  options["table_mpp"] = or_null(file.table_mpp);
  options["stated_patient"] = or_null(file.patient);
  options["stated_laterality"] = or_null(file.laterality);
  options["seed"] = request.runtime.seed;
  return options;
}

/// A label that is a whole number is a grade.
void check_label(const InputFile& file) {
  if (!file.label || file.label->empty()) return;
  const bool is_number =
      std::ranges::all_of(*file.label, [](char c) { return (c >= '0' && c <= '9') || c == '-'; });
  const bool is_grade =
      file.label->size() == 1 && file.label->front() >= '0' && file.label->front() < '0' + kGrades;
  if (!is_number || is_grade) return;
  throw Error(ErrorCode::invalid_argument, fmt::format("{}: the label '{}' is no grade of 0 to {}.",
                                                       file.path.string(), *file.label, kGrades - 1));
}

bool is_grey(const imaging::Image8& picture) {
  for (std::int64_t y = 0; y < picture.height(); ++y) {
    const auto* pixel = picture.row(y);
    for (std::int64_t x = 0; x < picture.width(); ++x, pixel += 3) {
      if (pixel[0] != pixel[1] || pixel[1] != pixel[2]) return false;
    }
  }
  return true;
}

/// Where crop_to_field put a place of the photograph: origin and side of one pixel of the crop.
struct CropFrame {
  imaging::PointD origin_l0;
  double step_l0 = 1;
};

CropFrame frame_of(const imaging::FieldOfView& field, std::int64_t crop_px) {
  const double side = std::max(field.box.width, field.box.height);
  return {{field.box.x - std::floor((side - field.box.width) / 2),
           field.box.y - std::floor((side - field.box.height) / 2)},
          side / static_cast<double>(crop_px)};
}

/// Leads from the photograph to the grade, filling `result` as far as it gets.
class FundusGrading {
 public:
  FundusGrading(Run& run, const InputFile& file, CaseFolder folder, CaseResult& result)
      : run_(run), file_(file), folder_(std::move(folder)), result_(result) {}

  void execute(const imaging::JobContext& job) {
    check_label(file_);
    const auto image = read(job);
    const auto prepared =
        imaging::prepare_fundus(image.pixels, run_.grader->crop_size(), run_.request.quality);
    auto& finding = result_.fundus.emplace();
    name_eye(image, finding);
    finding.field = prepared.field;
    finding.quality = prepared.quality;
    result_.warnings.insert(result_.warnings.end(), prepared.field.warnings.begin(),
                            prepared.field.warnings.end());
    const auto thumbnail = imaging::resize(
        image.pixels, imaging::size_within({image.pixels.width(), image.pixels.height()}, kThumbnailSide));
    imaging::write_png(folder_.thumbnail(), thumbnail);
    if (!passes_gate(finding)) return;
    if (is_grey(image.pixels))
      result_.warnings.emplace_back("The photograph is grey; the model learned from colour photographs.");

    job.checkpoint("grading", 0, 0);
    const models::FieldPicture picture{prepared.crop.image, prepared.crop.mask};
    const auto grade = run_.grader->grade({&picture, 1}).front();
    take_grade(grade, finding);
    job.checkpoint("evidence", 0, 0);
    const auto map = run_.request.options.fundus.evidence == "occlusion"
                         ? run_.grader->occlusion(picture, {}, job, grade.grade)
                         : run_.grader->evidence(picture, grade.grade);
    paint(map, picture.mask, thumbnail, finding);
  }

 private:
  imaging::FundusImage read(const imaging::JobContext& job) {
    job.checkpoint("reading", 0, 0);
    const auto reader = run_.source.open(file_.path, job);
    const auto& info = reader->info();
    result_.reader = info.reader;
    result_.reader_version = info.reader_version;
    result_.vendor = info.vendor;
    result_.size_l0 = info.size_l0();
    result_.versions.emplace_back(info.reader, info.reader_version);
    refuse_slide(info, run_.model.name());
    const auto& stated = run_.request.inputs.mpp;
    const bool is_known = info.scale || stated || file_.table_mpp;
    result_.scale = imaging::resolve_scale(info, is_known ? stated : "pixels", file_.table_mpp);
    auto image = imaging::read_fundus(*reader);
    for (const auto& warning : image.warnings) result_.warnings.push_back(hide_place(warning, file_));
    return image;
  }

  void name_eye(const imaging::FundusImage& image, FundusFinding& finding) {
    const auto eye = eye_of(file_, image, result_.warnings);
    finding.eye_source = eye.source;
    result_.laterality = eye.side.empty() ? std::nullopt : std::optional(eye.side);
    if (file_.patient) {
      finding.patient_source = "table";
    } else if (const auto named = find_eye_in_name(file_.path.stem().string());
               named && !named->patient.empty()) {
      finding.patient_source = "file name";
      result_.patient = named->patient;
    }
  }

  /// @return whether it is to be graded
  bool passes_gate(FundusFinding& finding) {
    const auto& quality = finding.quality;
    const auto reasons = fmt::format("{}", fmt::join(quality.reasons, "; "));
    if (quality.verdict == "poor") result_.warnings.push_back(fmt::format("A poor photograph: {}.", reasons));
    if (quality.verdict != "ungradable") return true;
    if (run_.request.options.fundus.quality_gate == "warn") {
      finding.is_overridden = true;
      result_.warnings.push_back(fmt::format(
          "An ungradable photograph: {}. It was graded all the same, as asked for (quality_gate warn).",
          reasons));
      return true;
    }
    result_.verdict = kUngradable;
    result_.likeliest = kUngradable;
    result_.status = "degraded";
    result_.reason = fmt::format("The photograph is ungradable: {}.", reasons);
    return false;
  }

  void take_grade(const models::RetinaGrade& grade, FundusFinding& finding) {
    const auto& names = run_.grader->class_names();
    for (std::size_t k = 0; k < names.size(); ++k) {
      result_.probabilities.emplace_back(names[k], grade.probabilities[k]);
      result_.logits.emplace_back(names[k], grade.logits[k]);
    }
    auto rule = run_.rule;
    if (const auto& ood = grade.out_of_distribution) {
      result_.ood = ood->score;
      if (!rule.max_ood) rule.max_ood = ood->threshold;
    }
    const auto decision = decide(rule, grade.probabilities, result_.ood);
    result_.verdict = decision.verdict(names);
    result_.likeliest = names[decision.class_index];
    result_.abstention = decision.abstention;
    result_.decision = rule.to_json();

    auto scores = run_.threshold;
    scores.confidence = grade.confidence;
    scores.referable_score = grade.referable_score;
    if (decision.abstention.empty())
      scores.is_referable = grade.referable_score >= scores.referable_threshold;
    for (std::size_t k = 3; k < grade.probabilities.size(); ++k)
      scores.vision_threatening += grade.probabilities[k];
    scores.expected_grade = grade.expected_grade;
    finding.scores = std::move(scores);
    if (grade.oedema_probabilities.empty()) return;
    OedemaRisk oedema;
    for (std::size_t k = 0; k < grade.oedema_probabilities.size(); ++k)
      oedema.probabilities.emplace_back(models::oedema_names().at(k), grade.oedema_probabilities[k]);
    oedema.risk =
        std::ranges::max_element(oedema.probabilities, {}, &std::pair<std::string, double>::second)->first;
    finding.oedema = std::move(oedema);
  }

  void paint(const models::EvidenceMap& map, const imaging::Image8& mask, const imaging::Image8& thumbnail,
             FundusFinding& finding) {
    const auto frame = frame_of(finding.field, run_.grader->crop_size());
    const imaging::PointD cell_px{map.box.width / static_cast<double>(map.values.width()),
                                  map.box.height / static_cast<double>(map.values.height())};
    imaging::ScoreRaster raster;
    raster.values = map.values;
    raster.channel_names = {"evidence"};
    raster.origin_l0 = {frame.origin_l0.x + map.box.x * frame.step_l0,
                        frame.origin_l0.y + map.box.y * frame.step_l0};
    raster.pixel_l0 = {cell_px.x * frame.step_l0, cell_px.y * frame.step_l0};
    raster.pixel_um = {raster.pixel_l0.x * result_.scale->mpp_x, raster.pixel_l0.y * result_.scale->mpp_y};
    std::vector<imaging::RectD> rects;
    std::vector<float> values;
    for (std::int64_t row = 0; row < map.values.height(); ++row) {
      for (std::int64_t column = 0; column < map.values.width(); ++column) {
        auto* value = raster.values.pixel(column, row);
        const auto x = static_cast<std::int64_t>(map.box.x + (static_cast<double>(column) + 0.5) * cell_px.x);
        const auto y = static_cast<std::int64_t>(map.box.y + (static_cast<double>(row) + 0.5) * cell_px.y);
        if (*mask.pixel(x, y) <= 127) {
          *value = std::numeric_limits<float>::quiet_NaN();
          continue;
        }
        rects.push_back({raster.origin_l0.x + static_cast<double>(column) * raster.pixel_l0.x,
                         raster.origin_l0.y + static_cast<double>(row) * raster.pixel_l0.y, raster.pixel_l0.x,
                         raster.pixel_l0.y});
        values.push_back(*value);
      }
    }
    if (values.empty()) {
      throw Error(
          ErrorCode::insufficient_data,
          fmt::format("{}: no cell of the evidence map lies in the field of view.", file_.path.string()));
    }
    finding.evidence_origin_l0 = raster.origin_l0;
    result_.tile_stride_l0 = raster.pixel_l0;
    result_.tile_side_l0 = raster.pixel_l0;
    result_.grid_columns = map.values.width();
    result_.grid_rows = map.values.height();
    result_.tiles = static_cast<std::int64_t>(values.size());
    result_.score_kind =
        run_.request.options.fundus.evidence == "occlusion" ? "occlusion" : "class_activation";
    result_.score_names = raster.channel_names;
    const auto [low, high] = std::ranges::minmax(values);
    result_.score_ranges.emplace_back(low, high);
    imaging::write_ome_tiff(folder_.attention(), raster);
    write_tiles_geojson(folder_.tiles_geojson(), rects, raster.channel_names, values);
    const auto style = evidence_style(imaging::painted_range(raster, 0), run_.request.options.opacity);
    imaging::write_png(folder_.overlay(),
                       imaging::blend_heatmap(thumbnail, result_.size_l0,
                                              evidence_view(raster, finding.field), 0, run_.colours, style));
  }

  Run& run_;
  const InputFile& file_;
  CaseFolder folder_;
  CaseResult& result_;
};

class FundusKind : public CaseKind {
 public:
  explicit FundusKind(Run& run) : run_(run) {}

  [[nodiscard]] std::string stage() const override { return "photographs"; }

  [[nodiscard]] CaseResult start(const InputFile& file) const override {
    auto result = start_case(file, run_.model);
    result.kind = "fundus";
    if (run_.model.manifest().value("trained_on_synthetic_data_only", false)) {
      result.warnings.emplace_back(
          "The model was trained on synthetic photographs only; on real ones its verdict has no meaning.");
    }
    result.options = options_of(run_.request, file);
    return result;
  }

  void execute(const InputFile& file, const CaseFolder& folder, CaseResult& result,
               const imaging::JobContext& job) override {
    FundusGrading(run_, file, folder, result).execute(job);
  }

  [[nodiscard]] std::vector<fs::path> artefacts(const CaseFolder& folder,
                                                const CaseResult& result) const override {
    std::vector<fs::path> paths{folder.thumbnail()};
    if (result.verdict != kUngradable)
      paths.insert(paths.end(), {folder.attention(), folder.overlay(), folder.tiles_geojson()});
    return paths;
  }

  [[nodiscard]] std::vector<std::string> class_names() const override { return run_.grader->class_names(); }

  [[nodiscard]] std::vector<std::string> columns() const override {
    std::vector<std::string> names{"laterality_source",  "patient_source",  "confidence",
                                   "referable",          "referable_score", "referable_threshold",
                                   "vision_threatening", "expected_grade",  "oedema_risk"};
    if (run_.grader->has_oedema()) {
      for (const auto& name : models::oedema_names()) names.push_back("probability_oedema_" + name);
    }
    names.insert(names.end(), {"out_of_distribution", "quality", "quality_score", "illumination", "sharpness",
                               "coverage", "quality_overridden", "mpp_x", "mpp_y", "mpp_source"});
    return names;
  }

  [[nodiscard]] std::vector<std::string> cells(const CaseResult& result) const override {
    const auto finding = result.fundus.value_or(FundusFinding{});
    const auto number = [](bool is_known, double value) {
      return cohort_cell(is_known ? std::optional(value) : std::nullopt);
    };
    const bool is_graded = finding.scores.has_value();
    const auto scores = finding.scores.value_or(RetinopathyScores{});
    std::vector<std::string> cells{finding.eye_source,
                                   finding.patient_source,
                                   number(is_graded, scores.confidence),
                                   scores.is_referable ? (*scores.is_referable ? "true" : "false") : "",
                                   number(is_graded, scores.referable_score),
                                   number(is_graded, scores.referable_threshold),
                                   number(is_graded, scores.vision_threatening),
                                   number(is_graded, scores.expected_grade),
                                   finding.oedema ? finding.oedema->risk : ""};
    if (run_.grader->has_oedema()) {
      for (std::size_t risk = 0; risk < models::oedema_names().size(); ++risk) {
        const bool is_known = finding.oedema && risk < finding.oedema->probabilities.size();
        cells.push_back(is_known ? cohort_cell(finding.oedema->probabilities[risk].second) : "");
      }
    }
    const bool is_judged = result.fundus.has_value();
    const auto& quality = finding.quality;
    const auto& scale = result.scale;
    cells.insert(cells.end(), {cohort_cell(result.ood), quality.verdict, number(is_judged, quality.score),
                               number(is_judged, quality.illumination), number(is_judged, quality.sharpness),
                               number(is_judged, quality.coverage),
                               is_judged ? (finding.is_overridden ? "true" : "false") : "",
                               scale ? cohort_cell(scale->mpp_x) : "", scale ? cohort_cell(scale->mpp_y) : "",
                               scale ? scale->source : ""});
    return cells;
  }

 private:
  Run& run_;
};

Run open_run(const GradeFundusRequest& request) {
  imaging::check_options(request.options);
  imaging::check_options(request.quality);
  const auto& colours = imaging::find_colormap(request.options.colormap);
  auto model = find_package(request.model);
  if (model.task() != "fundus-grading") {
    throw Error(ErrorCode::incompatible,
                fmt::format("Model '{}' is for {}, not for fundus-grading.", model.name(), model.task()));
  }
  auto environment = prepare_environment(request.runtime);
  auto grader = models::open_retina_grader(model, environment.device);
  auto rule = decision_rule_of(model, request.options.abstention);
  RetinopathyScores threshold;
  threshold.referable_threshold = grader->referable_threshold();
  threshold.threshold_from = model.manifest().contains("referable_threshold") ? "the package" : "default";
  if (const auto& asked = request.options.fundus.referable_threshold) {
    threshold.referable_threshold = *asked;
    threshold.threshold_from = "--referable-threshold";
  }
  return {request,          std::move(environment),
          std::move(model), std::move(grader),
          std::move(rule),  std::move(threshold),
          colours,          SlideSource(request.reading, request.inputs.inputs)};
}

}  // namespace

RunSummary grade_fundus(const GradeFundusRequest& request, const ReportWriter& reports,
                        const std::function<void(const RunRow&)>& on_case, const imaging::JobContext& job) {
  auto run = open_run(request);
  FundusKind kind(run);
  const Json work{{"model", {{"name", run.model.name()}, {"sha256", run.model.sha256()}}},
                  {"options", imaging::options_to_json(request.options)},
                  {"quality", imaging::options_to_json(request.quality)}};
  return run_cases(kind,
                   {.out = request.out,
                    .inputs = request.inputs,
                    .source = run.source,
                    .environment = run.environment,
                    .work = work,
                    .has_reports = !request.options.no_report},
                   reports, on_case, job);
}

}  // namespace workflows
