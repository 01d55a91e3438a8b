#include "app/viewmodels/studio.h"

#include <QFileInfo>
#include <QThread>
#include <QTimer>
#include <algorithm>
#include <cmath>

#include "app/viewmodels/command_line.h"
#include "app/viewmodels/picture.h"
#include "app/workflows/evidence_view.h"
#include "app/workflows/export_region.h"
#include "app/workflows/input_kind.h"
#include "app/workflows/viewing.h"
#include "imaging/annotation/annotation_files.h"
#include "imaging/annotation/annotation_mask.h"
#include "imaging/base/files.h"
#include "imaging/raster/png.h"
#include "imaging/slide/area_resample.h"
#include "imaging/slide/reader_table.h"

namespace viewmodels {
namespace {

constexpr std::int64_t kOverviewSide = 2048;
constexpr std::int64_t kTissueMaskSide = 2048;
constexpr std::size_t kGalleryTiles = 12;
constexpr std::int64_t kGalleryPx = 168;
constexpr int kSlowOpeningMs = 3000;
constexpr const char* kMasks = "masks";  // segmentations lie beside the other analysis of a file, not over it

QString sentence_of(const imaging::JobOutcome& outcome) {
  return QString::fromStdString(outcome.message);
}

}  // namespace

Studio::Studio(StudioServices services, QObject* parent)
    : QObject(parent),
      cache_(std::make_shared<imaging::TileCache>(std::int64_t{preferences_.cache_mib()} << 20,
                                                  std::clamp(QThread::idealThreadCount(), 2, 8))),
      open_(services.open ? std::move(services.open) : &workflows::open_for_viewing),
      analysis_(std::move(services.analyze), std::move(services.adapt)) {
  connect(this, &Studio::current_changed, this, [this] { tissue_.set_slide(current()); });
  connect(this, &Studio::scale_changed, this, [this] { tissue_.set_slide(current()); });
  connect(this, &Studio::current_changed, this, [this] {
    editor_.set_document(annotations());
    field_.set_slide(current());
  });
  connect(this, &Studio::overview_changed, this, [this] { field_.set_slide(current()); });
  connect(&field_, &FieldOverlay::problem, this,
          [this](const QString& reason) { Q_EMIT notice(reason, Tone::info); });
  connect(&masks_, &MaskOverlay::problem, this,
          [this](const QString& reason) { Q_EMIT notice(reason, Tone::problem); });
  connect(&file_watch_, &FileWatch::vanished, this, [this](const std::filesystem::path& file) {
    tell_of_file(file,
                 tr("%1 is no longer at its place. What is on the screen stays, and annotations are kept; "
                    "the rest is read when the file is back."));
  });
  connect(&file_watch_, &FileWatch::changed, this, [this](const std::filesystem::path& file) {
    tell_of_file(file,
                 tr("%1 was changed by another program since it was opened. Open it again (F5) to see it "
                    "as it is now."));
  });
  connect(&file_watch_, &FileWatch::returned, this, [this](const std::filesystem::path& file) {
    Q_EMIT notice(tr("%1 is back.").arg(QString::fromStdString(file.filename().string())), Tone::info);
  });
  connect(&file_watch_, &FileWatch::silent, this, [this] {
    Q_EMIT notice(
        tr("A folder that an open file lies in does not answer. The window goes on, and what is on the "
           "screen stays."),
        Tone::problem);
  });
  connect(&heatmap_, &Heatmap::changed, this, [this] {
    if (heatmap_.channel() != gallery_channel_ && heatmap_.is_available()) fill_gallery();
  });
  connect(&tissue_, &TissuePreview::problem, this,
          [this](const QString& reason) { Q_EMIT notice(reason, Tone::problem); });
  connect(&analysis_, &Analysis::finished, this, &Studio::take_finished);
  connect(&analysis_, &Analysis::failed, this,
          [this](const QString& reason) { Q_EMIT notice(reason, Tone::problem); });
  connect(&analysis_, &Analysis::cancelled, this, [this] {
    Q_EMIT notice(tr("The analysis was cancelled; what was unfinished was not kept."), Tone::info);
  });
  case_reading_.run(
      std::move(services.list_models),
      [this](std::vector<ModelChoice> models) {
        models_ = own_models_;
        models_.insert(models_.end(), models.begin(), models.end());
        has_listed_models_ = true;
        Q_EMIT models_changed();
      },
      [this](const imaging::JobOutcome& outcome) {
        has_listed_models_ = true;
        Q_EMIT models_changed();
        Q_EMIT notice(sentence_of(outcome), Tone::problem);
      });
}

Studio::~Studio() {
  closing_.request_stop();  // ends reads that wait for their device
  for (int row = 0; row < slides_.rowCount(); ++row) slides_.at(row)->annotations->flush();
}

AnnotationDocument* Studio::annotations() const {
  const auto slide = current();
  return slide ? slide->annotations.get() : nullptr;
}

void Studio::make_document(const std::shared_ptr<OpenSlide>& slide) {
  slide->annotations = std::make_shared<AnnotationDocument>(
      slide->reader->info(), annotation_file(slide->path(), preferences_.results_folder()));
  auto* document = slide->annotations.get();
  connect(document, &AnnotationDocument::problem, this,
          [this](const QString& sentence) { Q_EMIT notice(sentence, Tone::problem); });
  connect(document, &AnnotationDocument::notice, this,
          [this](const QString& sentence) { Q_EMIT notice(sentence, Tone::info); });
  connect(document, &AnnotationDocument::foreign, this, &Studio::foreign_annotations);
  connect(document, &AnnotationDocument::changed, this, [this] {
    if (inside_) Q_EMIT inside_changed();
  });
}

void Studio::open_files(const QStringList& paths) {
  bool first = true;
  for (const auto& path : paths) {
    open_file(path, first);
    first = false;
  }
}

void Studio::open_file(const QString& path, bool becomes_current) {
  const std::filesystem::path file = QFileInfo(path).absoluteFilePath().toStdString();
  if (const auto row = slides_.find(file); row >= 0) {
    if (becomes_current) set_current(row);
    return;
  }
  opening_.push_back(file);
  const auto is_over = [this, file] {
    if (const auto place = std::ranges::find(opening_, file); place != opening_.end()) opening_.erase(place);
  };
  QTimer::singleShot(kSlowOpeningMs, this, [this, file] {
    if (std::ranges::find(opening_, file) == opening_.end()) return;
    Q_EMIT notice(tr("%1 does not answer yet. The window goes on; the file is shown when it does.")
                      .arg(QString::fromStdString(file.filename().string())),
                  Tone::info);
  });
  opening_work_.run(
      [file, open = open_, cache = cache_, stop = closing_.get_token(), number = ++last_number_] {
        auto slide = std::make_shared<OpenSlide>();
        slide->number = number;
        slide->identity = imaging::identify_file(file);
        slide->reader = open(file, stop);
        slide->source = cache->add_source(slide->reader);  // reads the file's ends
        slide->is_fundus = workflows::shows_fundus(*slide->reader);
        return slide;
      },
      [this, becomes_current, is_over](std::shared_ptr<OpenSlide> slide) {
        is_over();
        take_opened(std::move(slide), becomes_current);
      },
      [this, is_over](const imaging::JobOutcome& outcome) {
        is_over();
        Q_EMIT notice(sentence_of(outcome), Tone::problem);
      });
}

void Studio::take_opened(std::shared_ptr<OpenSlide> slide, bool becomes_current) {
  if (const auto row = slides_.find(slide->path()); row >= 0) {  // asked for twice before it was open
    cache_->remove_source(slide->source);
    if (becomes_current) set_current(row);
    return;
  }
  slide->mpp = preferences_.scale_of(slide->path());
  slide->scale = slide->mpp ? imaging::resolve_scale(slide->reader->info(), slide->mpp, std::nullopt)
                            : slide->reader->info().scale;
  if (slide->is_fundus && !slide->scale)
    slide->scale = imaging::resolve_scale(slide->reader->info(), "pixels", std::nullopt);
  make_document(slide);
  const auto row = slides_.add(slide);
  if (row <= current_row_) ++current_row_;
  file_watch_.add(slide->path(), slide->identity);
  for (const auto& warning : slide->reader->info().warnings) {
    Q_EMIT notice(QString::fromStdString(warning), Tone::info);
  }
  read_overview(slide);
  find_earlier_case(slide);
  if (becomes_current || current_row_ < 0) set_current(row);
}

void Studio::reopen() {
  const auto slide = current();
  if (!slide) return;
  const auto path = QString::fromStdString(slide->path().string());
  close_slide(current_row_);
  open_file(path, true);
}

void Studio::tell_of_file(const std::filesystem::path& file, const QString& sentence) {
  Q_EMIT notice(sentence.arg(QString::fromStdString(file.filename().string())), Tone::problem);
}

void Studio::read_overview(const std::shared_ptr<OpenSlide>& slide) {
  opening_work_.run(
      [reader = slide->reader] { return to_qimage(imaging::read_overview(*reader, kOverviewSide)); },
      [this, slide](QImage overview) {
        slide->overview = std::move(overview);
        slide->overview_settled = true;
        const auto row = slides_.find(slide->path());
        if (row < 0) return;  // closed meanwhile
        slides_.tell_changed(row);
        if (row == current_row_) Q_EMIT overview_changed();
      },
      [this, slide](const imaging::JobOutcome& outcome) {
        slide->overview_settled = true;
        Q_EMIT notice(sentence_of(outcome), Tone::problem);
      });
}

void Studio::find_earlier_case(const std::shared_ptr<OpenSlide>& slide) {
  case_reading_.run(
      [file = slide->path(), results = preferences_.results_folder()] {
        const auto find = [&](const std::filesystem::path& out) -> std::optional<std::filesystem::path> {
          const workflows::CaseFolder folder{out / "cases" / file.stem()};
          if (!std::filesystem::exists(folder.result())) return std::nullopt;
          const auto result = folder.read_result();
          const bool is_same = result.file == file.filename().string() &&
                               result.size_bytes == std::filesystem::file_size(file);
          return is_same ? std::optional{folder.path} : std::nullopt;
        };
        const auto out = output_folder(file, results);
        return EarlierCase{find(out), find(out / kMasks)};
      },
      [this, slide](const EarlierCase& found) {
        if (!slide->case_folder) slide->case_folder = found.case_folder;
        if (!slide->mask_folder) slide->mask_folder = found.mask_folder;
        if (slide == current() && (slide->case_folder || slide->mask_folder)) show_case();
      },
      [this](const imaging::JobOutcome& outcome) { Q_EMIT notice(sentence_of(outcome), Tone::info); });
}

void Studio::close_slide(int row) {
  const auto slide = slides_.at(row);
  if (!slide) return;
  if (row == current_row_) editor_.set_document(nullptr);
  slide->annotations->flush();
  cache_->remove_source(slide->source);
  file_watch_.remove(slide->path());
  slides_.remove(row);
  const auto last = slides_.rowCount() - 1;
  if (row < current_row_) {
    --current_row_;
  } else if (row == current_row_) {
    current_row_ = -1;
    set_current(std::min(row, last));
  }
}

void Studio::set_current(int row) {
  current_row_ = slides_.at(row) ? row : -1;
  Q_EMIT current_changed();
  show_case();
  ask_scale_once();
}

void Studio::ask_scale_once() {
  const auto slide = current();
  if (!slide || slide->scale || slide->scale_asked) return;
  slide->scale_asked = true;
  Q_EMIT scale_needed();
}

void Studio::set_scale(const std::string& mpp) {
  const auto slide = current();
  if (!slide) return;
  try {
    slide->scale = imaging::resolve_scale(slide->reader->info(), mpp, std::nullopt);
  } catch (const imaging::Error& error) {
    Q_EMIT notice(QString::fromStdString(error.what()), Tone::problem);
    return;
  }
  slide->mpp = mpp;
  preferences_.set_scale_of(slide->path(), mpp);
  slides_.tell_changed(current_row_);
  Q_EMIT scale_changed();
}

QString Studio::analyse_hindrance() const {
  const auto slide = current();
  if (!slide) return tr("Open a slide first.");
  if (analysis_.is_running()) return tr("An analysis is running.");
  if (models_.empty())
    return has_listed_models_ ? tr("No model for slides is installed.") : tr("Looking for models…");
  if (!slide->scale && !is_segmenter(chosen_model_)) return tr("Set the scale of this image first.");
  if (inside_ && workflows::regions_of(slide->annotations->to_set(), inside_options_class()).empty())
    return tr("Draw an area to analyse first, or analyse the whole slide.");
  return {};
}

bool Studio::is_segmenter(const std::string& model) const {
  const auto found = std::ranges::find(models_, model, &ModelChoice::reference);
  return found != models_.end() && found->is_segmenter;
}

workflows::AnalyzeRequest Studio::request_for(const std::string& model,
                                              const std::optional<std::filesystem::path>& out) const {
  const auto slide = current();
  auto folder = out ? *out : output_folder(slide->path(), preferences_.results_folder());
  if (!out && is_segmenter(model)) folder /= kMasks;
  auto request = make_request(slide->path(), model, folder, slide->mpp);
  request.runtime = preferences_.runtime();
  if (is_segmenter(model)) {
    if (inside_) request.segment.region = box_of_areas();
    return request;
  }
  request.tissue = tissue_.options();
  request.inside = inside_options();
  if (slide->is_fundus) request.fundus = fundus_options_;
  return request;
}

std::optional<std::string> Studio::box_of_areas() const {
  const auto size = current()->size_l0();
  std::optional<imaging::RectD> box;
  for (const auto& item : workflows::regions_of(annotations()->to_set(), inside_options_class())) {
    const auto one = imaging::bounds_of(item.geometry);
    if (!box) box = one;
    const auto x = std::min(box->x, one.x), y = std::min(box->y, one.y);
    box = imaging::RectD{x, y, std::max(box->right(), one.right()) - x,
                         std::max(box->bottom(), one.bottom()) - y};
  }
  if (!box) return std::nullopt;
  const auto clipped = [](double value, std::int64_t most) {
    return std::clamp<std::int64_t>(std::llround(value), 0, most);
  };
  const auto left = clipped(box->x, size.width - 1), top = clipped(box->y, size.height - 1);
  const auto right = std::max(left + 1, clipped(box->right(), size.width));
  const auto bottom = std::max(top + 1, clipped(box->bottom(), size.height));
  return QStringLiteral("%1,%2,%3,%4").arg(left).arg(top).arg(right - left).arg(bottom - top).toStdString();
}

void Studio::set_fundus_options(const workflows::FundusOptions& options) {
  fundus_options_ = options;
  Q_EMIT fundus_options_changed();
}

void Studio::add_model(const ModelChoice& model, bool is_wanted) {
  remove_model(model.reference);
  own_models_.insert(own_models_.begin(), model);
  models_.insert(models_.begin(), model);
  Q_EMIT models_changed();
  if (is_wanted) Q_EMIT model_wanted(QString::fromStdString(model.reference));
}

void Studio::remove_model(const std::string& reference) {
  const auto count = models_.size();
  std::erase_if(own_models_, [&](const auto& model) { return model.reference == reference; });
  std::erase_if(models_, [&](const auto& model) { return model.reference == reference; });
  if (models_.size() != count) Q_EMIT models_changed();
}

void Studio::analyse(const std::string& model, std::optional<std::filesystem::path> out) {
  if (!current() || analysis_.is_running()) return;
  analysis_.start(request_for(model, out));
}

void Studio::set_chosen_model(const std::string& model, const std::optional<std::filesystem::path>& out) {
  chosen_model_ = model;
  chosen_out_ = out;
}

QString Studio::analyse_command() const {
  if (!has_analyse_command()) return {};
  return command_line_of(request_for(chosen_model_, chosen_out_)).text();
}

void Studio::take_finished(const workflows::RunRow& row, const std::filesystem::path& input,
                           const std::filesystem::path& out) {
  if (row.status == "failed") {
    Q_EMIT notice(QString::fromStdString(row.reason), Tone::problem);
    if (!row.result || is_segmenter(analysis_.request().model)) return;
  }
  show_case_of(input, out / "cases" / row.case_name);
}

void Studio::show_case_of(const std::filesystem::path& file, const std::filesystem::path& case_folder) {
  const auto slide = slides_.at(slides_.find(file));
  if (!slide) return;  // not open; its files are there
  if (slide == current()) loading_case_ = true;
  case_reading_.run(
      [case_folder] { return workflows::CaseFolder{case_folder}.read_result().segmentation.has_value(); },
      [this, slide, case_folder](bool is_segmentation) {
        (is_segmentation ? slide->mask_folder : slide->case_folder) = case_folder;
        if (slide == current()) show_case();
      },
      [this, slide](const imaging::JobOutcome& outcome) {
        Q_EMIT notice(sentence_of(outcome), Tone::problem);
        if (slide == current()) show_case();
      });
}

void Studio::show_case() {
  const auto turn = ++case_turn_;
  const auto slide = current();
  loading_case_ = slide && (slide->case_folder || slide->mask_folder);
  const auto take = [this, slide](LoadedCases loaded) {
    loading_case_ = false;
    mask_result_ = std::move(loaded.masks);
    if (mask_result_) {
      masks_.set_case(*slide->mask_folder, *mask_result_->segmentation, slide->path());
    } else {
      masks_.clear();
    }
    if (auto& analysis = loaded.analysis) {
      result_ = std::move(analysis->result);
      best_tiles_ = std::move(analysis->top_tiles);
      best_channel_ = gallery_channel_ = analysis->channel;
      heatmap_.set_raster(std::move(analysis->raster), std::move(analysis->tissue), result_->size_l0,
                          analysis->channel, std::move(analysis->view), analysis->threshold_share);
      fill_gallery();
    } else {
      result_.reset();
      best_tiles_.clear();
      heatmap_.set_raster(nullptr);
      top_tiles_.set_items({});
    }
    Q_EMIT case_changed();
  };
  if (!loading_case_) return take({});
  case_reading_.run(
      [analysis = slide->case_folder, masks = slide->mask_folder] {
        LoadedCases loaded;
        if (analysis) loaded.analysis = load_case(*analysis);
        if (masks) loaded.masks = workflows::CaseFolder{*masks}.read_result();
        if (loaded.masks && !loaded.masks->segmentation) loaded.masks.reset();
        return loaded;
      },
      [this, turn, take](LoadedCases loaded) {
        if (turn == case_turn_) take(std::move(loaded));
      },
      [this, turn](const imaging::JobOutcome& outcome) {
        if (turn != case_turn_) return;
        loading_case_ = false;
        Q_EMIT notice(sentence_of(outcome), Tone::problem);
        Q_EMIT case_changed();
      });
}

Studio::LoadedCase Studio::load_case(const std::filesystem::path& folder) {
  const workflows::CaseFolder files{folder};
  LoadedCase loaded;
  loaded.result = files.read_result();
  if (loaded.result.status == "failed") return loaded;
  if (std::filesystem::exists(files.attention()))  // an ungradable photograph has no map
    loaded.raster = std::make_shared<const imaging::ScoreRaster>(files.read_scores(loaded.result));
  if (loaded.raster && loaded.result.fundus) {  // as the report shows it
    loaded.view = std::make_shared<const imaging::ScoreRaster>(
        workflows::evidence_view(*loaded.raster, loaded.result.fundus->field));
    const auto style = workflows::evidence_style({.low = 0, .high = 1}, 1);
    loaded.threshold_share = static_cast<double>(style.threshold);
  }
  const auto& names = loaded.result.score_names;
  const auto shown = std::ranges::find(names, loaded.result.shown_class());
  if (shown != names.end()) loaded.channel = static_cast<int>(shown - names.begin());
  std::error_code ignored;
  if (std::filesystem::exists(files.tissue_geojson(), ignored)) {
    const auto size = loaded.result.size_l0;
    const auto step = std::max(
        1.0, static_cast<double>(std::max(size.width, size.height)) / static_cast<double>(kTissueMaskSide));
    const auto side = [step](std::int64_t length) {
      return std::max<std::int64_t>(1, std::llround(static_cast<double>(length) / step));
    };
    loaded.tissue = imaging::Image8(side(size.width), side(size.height), 1);
    for (const auto& item : imaging::read_annotations(files.tissue_geojson()).items)
      imaging::paint_annotation(loaded.tissue, size, item.geometry, 255);
  }
  for (const auto& tile : loaded.result.top_tiles) {
    loaded.top_tiles.push_back(
        {to_qimage(imaging::decode_image(imaging::read_file(folder / tile.image))),
         tile.scores.empty() ? 0.0F : tile.scores[static_cast<std::size_t>(loaded.channel)],
         tile.rect_l0,
         {}});
  }
  return loaded;
}

std::vector<TopTiles::Item> Studio::cut_tiles(const imaging::SlideReader& reader,
                                              const imaging::ScoreRaster& raster, int channel, bool lowest) {
  struct Place {
    float score;
    std::int64_t x, y;
  };
  std::vector<Place> places;
  for (std::int64_t y = 0; y < raster.values.height(); ++y) {
    for (std::int64_t x = 0; x < raster.values.width(); ++x) {
      const auto score = raster.values.pixel(x, y)[channel];
      if (std::isfinite(score)) places.push_back({score, x, y});
    }
  }
  const auto count = std::min(places.size(), kGalleryTiles);
  std::partial_sort(places.begin(), places.begin() + static_cast<std::ptrdiff_t>(count), places.end(),
                    [lowest](const Place& a, const Place& b) {
                      if (a.score != b.score) return (a.score < b.score) == lowest;
                      return a.y != b.y ? a.y < b.y : a.x < b.x;
                    });
  std::vector<TopTiles::Item> items;
  for (std::size_t i = 0; i < count; ++i) {
    const imaging::RectD rect{raster.origin_l0.x + static_cast<double>(places[i].x) * raster.pixel_l0.x,
                              raster.origin_l0.y + static_cast<double>(places[i].y) * raster.pixel_l0.y,
                              raster.pixel_l0.x, raster.pixel_l0.y};
    items.push_back(
        {to_qimage(imaging::read_area(reader, rect, {kGalleryPx, kGalleryPx})), places[i].score, rect, {}});
  }
  return items;
}

void Studio::fill_gallery() {
  const auto turn = ++gallery_turn_;
  const auto slide = current();
  if (!slide || !heatmap_.is_available()) return top_tiles_.set_items({});
  const auto channel = heatmap_.channel();
  gallery_channel_ = channel;
  if (!gallery_lowest_ && channel == best_channel_ && !best_tiles_.empty()) {
    top_tiles_.set_items(best_tiles_);
    Q_EMIT gallery_changed();
    return;
  }
  case_reading_.run(
      [reader = slide->reader, raster = heatmap_.raster(), channel, lowest = gallery_lowest_] {
        return cut_tiles(*reader, *raster, channel, lowest);
      },
      [this, turn](std::vector<TopTiles::Item> items) {
        if (turn != gallery_turn_) return;
        top_tiles_.set_items(std::move(items));
        Q_EMIT gallery_changed();
      },
      [this](const imaging::JobOutcome& outcome) { Q_EMIT notice(sentence_of(outcome), Tone::problem); });
}

void Studio::set_gallery_lowest(bool lowest) {
  if (lowest == gallery_lowest_) return;
  gallery_lowest_ = lowest;
  fill_gallery();
}

void Studio::set_inside(bool on, const QString& class_name) {
  inside_ = on;
  inside_class_ = class_name;
  Q_EMIT inside_changed();
}

std::optional<std::string> Studio::inside_options_class() const {
  return inside_class_.isEmpty() ? std::nullopt : std::optional{inside_class_.toStdString()};
}

workflows::InsideOptions Studio::inside_options() const {
  if (!inside_ || annotations() == nullptr) return {};
  annotations()->flush();
  return {annotations()->file().string(), inside_options_class()};
}

void Studio::set_annotations_shown(bool shown) {
  annotations_shown_ = shown;
  Q_EMIT annotation_style_changed();
}

void Studio::set_annotations_filled(bool filled) {
  annotations_filled_ = filled;
  Q_EMIT annotation_style_changed();
}

void Studio::export_labels(const std::filesystem::path& folder,
                           const workflows::AnnotationExportOptions& options) {
  const auto slide = current();
  if (!slide) return;
  if (!slide->scale) return Q_EMIT notice(tr("Set the scale of this image first."), Tone::problem);
  exporting_.run(
      [set = slide->annotations->to_set(), reader = slide->reader, scale = *slide->scale, options, folder] {
        return workflows::export_annotations(set, reader->info(), scale, options, folder,
                                             reader->info().path.stem().string(), {});
      },
      [this](const workflows::AnnotationExport& done) {
        Q_EMIT notice(tr("A mask of %1 classes and %2 labelled tiles were saved beside %3.")
                          .arg(done.classes.size())
                          .arg(done.tiles)
                          .arg(QString::fromStdString(done.files.front().string())),
                      Tone::info);
      },
      [this](const imaging::JobOutcome& outcome) { Q_EMIT notice(sentence_of(outcome), Tone::problem); });
}

void Studio::export_region(const std::filesystem::path& target, double mpp) {
  const auto slide = current();
  if (!slide || slide->annotations->selected() < 0) return;
  if (!slide->scale) return Q_EMIT notice(tr("Set the scale of this image first."), Tone::problem);
  const auto& item = *slide->annotations->items()[static_cast<std::size_t>(slide->annotations->selected())];
  exporting_.run(
      [reader = slide->reader, rect = imaging::bounds_of(item.geometry), scale = *slide->scale, mpp, target] {
        return workflows::export_region(*reader, rect, scale, mpp, target, {});
      },
      [this, target](imaging::SizeI size) {
        Q_EMIT notice(tr("The region was saved as %1, %2 × %3 pixels.")
                          .arg(QString::fromStdString(target.string()))
                          .arg(size.width)
                          .arg(size.height),
                      Tone::info);
      },
      [this](const imaging::JobOutcome& outcome) { Q_EMIT notice(sentence_of(outcome), Tone::problem); });
}

void Studio::export_report(const std::filesystem::path& target) {
  const auto slide = current();
  if (!slide || !(slide->case_folder || slide->mask_folder)) return;
  const workflows::CaseFolder folder{slide->case_folder ? *slide->case_folder : *slide->mask_folder};
  case_reading_.run(
      [source = target.extension() == ".html" ? folder.report_html() : folder.report_pdf(), target] {
        imaging::write_file(target, imaging::read_file(source));
        return true;
      },
      [this, target](bool) {
        Q_EMIT notice(tr("The report was saved as %1.").arg(QString::fromStdString(target.string())),
                      Tone::info);
      },
      [this](const imaging::JobOutcome& outcome) { Q_EMIT notice(sentence_of(outcome), Tone::problem); });
}

QString slide_name_patterns() {
  return "*.svs *.tif *.tiff *.ndpi *.mrxs *.scn *.vms *.vmu *.svslide *.bif *.png *.jpg *.jpeg";
}

}  // namespace viewmodels
