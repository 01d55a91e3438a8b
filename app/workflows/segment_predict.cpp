#include "app/workflows/segment_predict.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/workflows/batch.h"
#include "app/workflows/case_run.h"
#include "app/workflows/model_registry.h"
#include "app/workflows/segment_finding.h"
#include "app/workflows/segment_image.h"
#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/base/options_json.h"
#include "imaging/fundus/fundus_reader.h"
#include "imaging/raster/label_counter.h"
#include "imaging/raster/label_outlines.h"
#include "imaging/raster/label_png.h"
#include "imaging/raster/png.h"
#include "imaging/slide/area_resample.h"
#include "imaging/slide/image_stack.h"
#include "imaging/slide/reader_table.h"
#include "imaging/slide/volume.h"

namespace workflows {
namespace fs = std::filesystem;
namespace {

using imaging::Error;
using imaging::ErrorCode;
using Json = nlohmann::ordered_json;

constexpr std::int64_t kThumbnailSide = 1600;
/// Outlines are traced on a label map of at most this many pixels.
constexpr std::int64_t kMostTraced = std::int64_t{1} << 26;

/// What all inputs of a run share.
struct Run {
  const SegmentPredictRequest& request;
  RunEnvironment environment;
  models::ModelPackage model;
  models::Segmenter segmenter;
  SlideSource source;
};

/// All that decides a case's result besides its pixels and the package.
Json options_of(const SegmentPredictRequest& request, const InputFile& file) {
  auto options = imaging::options_to_json(request.options);
  options["pictures"] = imaging::options_to_json(request.pictures);
  options["tiling"] = imaging::options_to_json(request.tiling);
  const auto or_null = [](const std::optional<std::string>& value) { return value ? Json(*value) : Json(); };
  options["mpp"] = or_null(request.inputs.mpp);
  options["table_mpp"] = or_null(file.table_mpp);
  options["stated_patient"] = or_null(file.patient);
  options["stated_laterality"] = or_null(file.laterality);
  options["seed"] = request.runtime.seed;
  return options;
}

/// Takes the rows of a label map of any size: writes the mask, counts, and keeps a copy that can be traced.
class LabelSink {
 public:
  LabelSink(const fs::path& mask, imaging::SizeI size, const std::vector<std::string>& class_names,
            std::int64_t min_object)
      : writer_(mask, size), counter_(size.width, counted_regions(class_names), min_object) {
    while ((size.width + step_ - 1) / step_ * ((size.height + step_ - 1) / step_) > kMostTraced) ++step_;
    traced_ = imaging::Image8((size.width + step_ - 1) / step_, (size.height + step_ - 1) / step_, 1);
    size_ = size;
  }

  void add(const imaging::Image8& rows) {
    writer_.append_rows(rows);
    counter_.add_rows(rows);
    for (std::int64_t y = 0; y < rows.height(); ++y, ++y_) {
      // Of every square of `step` pixels the one in its middle.
      const auto row = y_ / step_;
      if (y_ != std::min(row * step_ + step_ / 2, size_.height - 1)) continue;
      for (std::int64_t x = 0; x < traced_.width(); ++x)
        *traced_.pixel(x, row) = *rows.pixel(std::min(x * step_ + step_ / 2, size_.width - 1), y);
    }
  }
  void finish() { writer_.finish(); }

  [[nodiscard]] std::vector<imaging::RegionCount> counts() const { return counter_.counts(); }
  [[nodiscard]] const imaging::Image8& traced() const { return traced_; }
  [[nodiscard]] std::int64_t step() const { return step_; }

 private:
  imaging::LabelPngWriter writer_;
  imaging::LabelCounter counter_;
  imaging::Image8 traced_;
  imaging::SizeI size_;
  std::int64_t step_ = 1;
  std::int64_t y_ = 0;
};

/// Leads from one input to its masks and measurements, filling `result` as far as it gets.
class CaseSegmentation {
 public:
  CaseSegmentation(Run& run, const InputFile& file, CaseFolder folder, CaseResult& result)
      : run_(run), file_(file), folder_(std::move(folder)), result_(result) {
    finding_.class_names = run_.segmenter.class_names();
  }

  void execute(const imaging::JobContext& job) {
    if (imaging::is_volume(file_.path)) {
      segment_volume_file(job);
    } else if (const auto stack = imaging::find_image_stack(file_.path); !stack.pages.empty()) {
      segment_stack(stack, job);
    } else {
      segment_slide_file(job);
    }
    imaging::write_file(folder_.path / "measurements.csv", measurements_csv(finding_.measurements));
    result_.segmentation = std::move(finding_);
  }

 private:
  void show(const imaging::Image8& picture, const imaging::Image8& labels) const {
    imaging::write_png(folder_.thumbnail(), picture);
    imaging::write_png(
        folder_.overlay(),
        imaging::paint_labels(picture, imaging::resize_labels(labels, {picture.width(), picture.height()}),
                              {.opacity = run_.request.pictures.opacity}));
  }

  void refuse_region(const char* what) const {
    if (run_.request.options.region)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("{}: a region can be cut from a picture or a slide, and this is {}; leave out "
                              "--region.",
                              file_.path.string(), what));
  }

  void open(const imaging::JobContext& job) {
    reader_ = run_.source.open(file_.path, job);
    const auto& info = reader_->info();
    result_.reader = info.reader;
    result_.reader_version = info.reader_version;
    result_.vendor = info.vendor;
    result_.size_l0 = info.size_l0();
    if (!result_.laterality) result_.laterality = info.laterality;
    for (const auto& warning : info.warnings) result_.warnings.push_back(hide_place(warning, file_));
    result_.versions.emplace_back(info.reader, info.reader_version);
    if (info.scale || run_.request.inputs.mpp || file_.table_mpp) {
      result_.scale = imaging::resolve_scale(info, run_.request.inputs.mpp, file_.table_mpp);
      for (auto& warning : imaging::scale_warnings(info, *result_.scale))
        result_.warnings.push_back(std::move(warning));
    }
  }

  /// Size of a mask pixel, where it is a physical one.
  [[nodiscard]] std::optional<imaging::PointD> pixel_mm() const {
    if (!result_.scale || result_.scale->source == "pixels") return std::nullopt;
    return imaging::PointD{finding_.pixel_l0.x * result_.scale->mpp_x / 1000,
                           finding_.pixel_l0.y * result_.scale->mpp_y / 1000};
  }

  void segment_slide_file(const imaging::JobContext& job) {
    open(job);
    const auto& request = run_.request;
    const auto area = segment_area(reader_->info(), result_.scale, run_.model, request.options.region);
    finding_.mask = "mask.png";
    finding_.regions = "regions.geojson";
    finding_.mask_size = area.size;
    finding_.origin_l0 = area.origin_l0;
    finding_.pixel_l0 = area.pixel_l0;
    finding_.share_of = "picture";
    const imaging::RectD rect{area.origin_l0.x, area.origin_l0.y,
                              static_cast<double>(area.size.width) * area.pixel_l0.x,
                              static_cast<double>(area.size.height) * area.pixel_l0.y};
    LabelSink sink(folder_.path / finding_.mask, area.size, finding_.class_names, request.options.min_object);
    std::int64_t whole = area.size.width * area.size.height;
    bool has_field = false;
    if (needs_whole_picture(run_.segmenter.facts())) {
      if (area.size.width > imaging::kMaxFundusPixels / area.size.height)
        throw Error(
            ErrorCode::resource_exhausted,
            fmt::format("{}: the model has to see {} x {} pixels as a whole, and at most {} fit; give a part "
                        "with --region.",
                        file_.path.string(), area.size.width, area.size.height, imaging::kMaxFundusPixels));
      const bool is_all = !request.options.region && area.pixel_l0 == imaging::PointD{1, 1};
      const auto picture =
          is_all ? imaging::read_whole(*reader_, area.size) : imaging::read_area(*reader_, rect, area.size);
      const auto found = segment_picture(picture, run_.segmenter, request.tiling, job);
      if (found.field) {
        const auto mask = imaging::field_mask(*found.field, area.size);
        whole = std::ranges::count_if(mask.values(), [](std::uint8_t value) { return value != 0; });
        has_field = true;
        finding_.share_of = "field of view";
        for (const auto& warning : found.field->warnings) result_.warnings.push_back(warning);
      }
      sink.add(found.labels);
    } else {
      SlideDamage damage;
      segment_slide(
          *reader_, area, run_.segmenter, request.tiling,
          [&](const imaging::Image8& rows) { sink.add(rows); }, damage, job);
      judge(damage);
    }
    sink.finish();
    finding_.regions_step = static_cast<double>(sink.step());
    if (sink.step() > 1)
      result_.warnings.push_back(fmt::format(
          "The outlines of regions.geojson are traced on every {}th pixel of the mask; the mask and what is "
          "measured hold every pixel.",
          sink.step()));
    finding_.measurements = measure_labels(finding_.class_names, sink.counts(), whole, has_field, pixel_mm());
    const auto step = static_cast<double>(sink.step());
    imaging::write_label_geojson(
        folder_.path / finding_.regions, sink.traced(), finding_.class_names,
        {.origin_l0 = area.origin_l0, .pixel_l0 = {area.pixel_l0.x * step, area.pixel_l0.y * step}});
    const auto size = imaging::size_within(area.size, kThumbnailSide);
    show(request.options.region ? imaging::read_area(*reader_, rect, size)
                                : imaging::read_overview(*reader_, kThumbnailSide),
         sink.traced());
  }

  /// A little damage makes a degraded case, much of it none.
  void judge(const SlideDamage& damage) {
    if (damage.places.empty()) return;
    const auto& first = damage.places.front();
    const auto count = damage.places.size();
    const auto text = fmt::format(
        "{} of {} tiles do not decode and were taken as white; the first, at level-0 pixel ({:.0f}, {:.0f}): "
        "{}",
        count, damage.reads, first.rect_l0.x, first.rect_l0.y, first.reason);
    if (static_cast<double>(count) >
        run_.request.pictures.corrupt.max_corrupt * static_cast<double>(damage.reads))
      throw Error(ErrorCode::corrupt_data, text);
    result_.status = "degraded";
    result_.reason = hide_place(text, file_);
    result_.warnings.push_back(result_.reason);
  }

  void segment_stack(const imaging::ImageStack& stack, const imaging::JobContext& job) {
    refuse_region("a stack of images");
    result_.reader = "flat";
    result_.vendor = "tiff";
    result_.size_l0 = stack.size;
    finding_.mask = "mask.tif";
    finding_.mask_size = stack.size;
    finding_.slices = static_cast<std::int64_t>(stack.pages.size());
    finding_.share_of = "stack";
    imaging::LabelStackWriter writer(folder_.path / finding_.mask);
    const auto regions = counted_regions(finding_.class_names);
    std::vector<imaging::RegionCount> totals(regions.size());
    std::int64_t most = -1;
    imaging::Image8 shown, shown_labels;
    for (std::size_t i = 0; i < stack.pages.size(); ++i) {
      job.checkpoint("images of the stack", static_cast<std::int64_t>(i), finding_.slices);
      auto picture = imaging::read_stack_image(stack, i);
      auto labels =
          segment_picture(picture, run_.segmenter, run_.request.tiling, imaging::JobContext(job.stop_token()))
              .labels;
      writer.append(labels);
      imaging::LabelCounter counter(stack.size.width, regions, run_.request.options.min_object);
      counter.add_rows(labels);
      const auto counts = counter.counts();
      std::int64_t found = 0;
      for (std::size_t r = 0; r < counts.size(); ++r) {
        totals[r].pixels += counts[r].pixels;
        totals[r].objects += counts[r].objects;
        if (counts[r].largest.pixels > totals[r].largest.pixels) totals[r].largest = counts[r].largest;
        found += counts[r].pixels;
      }
      if (found <= most) continue;
      most = found;
      shown = std::move(picture);
      shown_labels = std::move(labels);
    }
    writer.finish();
    const auto whole = stack.size.width * stack.size.height * finding_.slices;
    finding_.measurements = measure_labels(finding_.class_names, totals, whole, false, std::nullopt);
    show(imaging::resize(shown, imaging::size_within(stack.size, kThumbnailSide)), shown_labels);
  }

  void segment_volume_file(const imaging::JobContext& job) {
    refuse_region("a volume");
    const auto volume = imaging::read_volume(file_.path);
    const auto& geometry = volume.geometry;
    const bool is_nifti = file_.path.filename().string().find(".nii") != std::string::npos;
    result_.reader = "itk";
    result_.vendor = is_nifti ? "nifti" : "metaimage";
    result_.size_l0 = {geometry.size[0], geometry.size[1]};
    for (const auto& warning : volume.warnings) result_.warnings.push_back(hide_place(warning, file_));
    const auto labels = segment_volume(volume, run_.segmenter, run_.request.tiling, result_.warnings, job);
    finding_.mask = is_nifti ? "mask.nii.gz" : "mask.mha";
    finding_.mask_size = result_.size_l0;
    finding_.slices = geometry.size[2];
    finding_.share_of = "volume";
    imaging::write_label_volume(folder_.path / finding_.mask, geometry, labels);
    finding_.measurements = measure_volume(finding_.class_names, labels, geometry);
    const auto plane = geometry.slice_voxels();
    std::int64_t shown = geometry.size[2] / 2, most = 0;
    for (std::int64_t z = 0; z < geometry.size[2]; ++z) {
      const auto first = labels.begin() + z * plane;
      const auto found = plane - std::count(first, first + plane, std::uint8_t{0});
      if (found > most) {
        most = found;
        shown = z;
      }
    }
    imaging::Image8 slice(geometry.size[0], geometry.size[1], 1);
    std::copy_n(labels.begin() + shown * plane, plane, slice.data());
    show(imaging::resize(show_slice(volume, shown), imaging::size_within(result_.size_l0, kThumbnailSide)),
         slice);
  }

  Run& run_;
  const InputFile& file_;
  CaseFolder folder_;
  CaseResult& result_;
  SegmentFinding finding_;
  std::unique_ptr<imaging::SlideReader> reader_;
};

class SegmentKind : public CaseKind {
 public:
  explicit SegmentKind(Run& run) : run_(run) {
    // A label map of one pixel says which measurements there are.
    const auto& names = run.segmenter.class_names();
    const imaging::RegionCount pixel{.pixels = 1, .objects = 1, .largest = {1, 0, 0, 1, 1}};
    const std::vector<imaging::RegionCount> counts(counted_regions(names).size(), pixel);
    for (const auto& one : measure_labels(names, counts, 1, true, imaging::PointD{1, 1}))
      columns_.push_back({one.name, one.subject, one.unit});
    for (std::size_t k = 1; k < names.size(); ++k) {
      columns_.push_back({"volume", names[k], "voxels"});
      columns_.push_back({"volume", names[k], "mm3"});
    }
  }

  [[nodiscard]] std::string stage() const override { return "images"; }

  [[nodiscard]] CaseResult start(const InputFile& file) const override {
    auto result = start_case(file, run_.model);
    result.kind = run_.segmenter.facts().crop_to_field ? "fundus" : "slide";
    if (run_.model.manifest().value("trained_on_synthetic_data_only", false)) {
      result.warnings.emplace_back(
          "The model was trained on synthetic images only; on real ones its masks have no meaning.");
    }
    result.options = options_of(run_.request, file);
    return result;
  }

  void execute(const InputFile& file, const CaseFolder& folder, CaseResult& result,
               const imaging::JobContext& job) override {
    CaseSegmentation(run_, file, folder, result).execute(job);
  }

  [[nodiscard]] std::vector<fs::path> artefacts(const CaseFolder& folder,
                                                const CaseResult& result) const override {
    std::vector<fs::path> paths{folder.thumbnail(), folder.overlay(), folder.path / "measurements.csv"};
    if (result.segmentation) {
      paths.push_back(folder.path / result.segmentation->mask);
      if (!result.segmentation->regions.empty()) paths.push_back(folder.path / result.segmentation->regions);
    }
    return paths;
  }

  [[nodiscard]] std::vector<std::string> class_names() const override { return {}; }

  [[nodiscard]] std::vector<std::string> columns() const override {
    std::vector<std::string> names;
    for (const auto& column : columns_)
      names.push_back(fmt::format("{} {} [{}]", column.name, column.subject, column.unit));
    names.insert(names.end(), {"mpp_x", "mpp_y", "mpp_source"});
    return names;
  }

  [[nodiscard]] std::vector<std::string> cells(const CaseResult& result) const override {
    std::vector<std::string> cells;
    const auto finding = result.segmentation.value_or(SegmentFinding{});
    for (const auto& column : columns_) {
      const auto found = std::ranges::find_if(finding.measurements, [&](const SegmentMeasurement& one) {
        return one.name == column.name && one.subject == column.subject && one.unit == column.unit;
      });
      cells.push_back(found == finding.measurements.end() ? "" : cohort_cell(found->value));
    }
    const auto& scale = result.scale;
    cells.insert(cells.end(), {scale ? cohort_cell(scale->mpp_x) : "", scale ? cohort_cell(scale->mpp_y) : "",
                               scale ? scale->source : ""});
    return cells;
  }

 private:
  struct Column {
    std::string name, subject, unit;
  };
  Run& run_;
  std::vector<Column> columns_;
};

Run open_run(const SegmentPredictRequest& request) {
  imaging::check_options(request.options);
  imaging::check_options(request.pictures);
  imaging::check_options(request.tiling);
  auto model = find_package(request.model);
  if (model.task() != "segmentation")
    throw Error(ErrorCode::incompatible,
                fmt::format("Model '{}' is for {}, not for segmentation.", model.name(), model.task()));
  auto environment = prepare_environment(request.runtime);
  auto segmenter = models::Segmenter::open(model, environment.device);
  return {request, std::move(environment), std::move(model), std::move(segmenter),
          SlideSource(request.reading, request.inputs.inputs)};
}

}  // namespace

RunSummary predict_segmentation(const SegmentPredictRequest& request, const ReportWriter& reports,
                                const std::function<void(const RunRow&)>& on_case,
                                const imaging::JobContext& job) {
  auto run = open_run(request);
  SegmentKind kind(run);
  const Json work{{"model", {{"name", run.model.name()}, {"sha256", run.model.sha256()}}},
                  {"options", imaging::options_to_json(request.options)},
                  {"pictures", imaging::options_to_json(request.pictures)},
                  {"tiling", imaging::options_to_json(request.tiling)}};
  return run_cases(kind,
                   {.out = request.out,
                    .inputs = request.inputs,
                    .source = run.source,
                    .environment = run.environment,
                    .work = work,
                    .has_reports = !request.pictures.no_report},
                   reports, on_case, job);
}

}  // namespace workflows
