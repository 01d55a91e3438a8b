#include "app/viewmodels/studio.h"

#include <QFileInfo>
#include <QThread>
#include <algorithm>

#include "app/workflows/input_kind.h"
#include "imaging/base/files.h"
#include "imaging/raster/png.h"
#include "imaging/slide/area_resample.h"
#include "imaging/slide/reader_table.h"

namespace viewmodels {
namespace {

constexpr std::int64_t kCacheBytes = 512LL << 20;
constexpr std::int64_t kOverviewSide = 2048;

QImage to_qimage(const imaging::Image8& rgb) {
  const QImage view(rgb.data(), static_cast<int>(rgb.width()), static_cast<int>(rgb.height()),
                    static_cast<qsizetype>(rgb.width() * 3), QImage::Format_RGB888);
  return view.convertToFormat(QImage::Format_RGB32);  // a copy: the view's memory goes
}

QString sentence_of(const imaging::JobOutcome& outcome) {
  return QString::fromStdString(outcome.message);
}

}  // namespace

Studio::Studio(StudioServices services, QObject* parent)
    : QObject(parent),
      cache_(kCacheBytes, std::clamp(QThread::idealThreadCount(), 2, 8)),
      analysis_(std::move(services.analyze)) {
  connect(this, &Studio::current_changed, this, [this] { tissue_.set_slide(current()); });
  connect(this, &Studio::scale_changed, this, [this] { tissue_.set_slide(current()); });
  connect(&tissue_, &TissuePreview::problem, this,
          [this](const QString& reason) { Q_EMIT notice(reason, Tone::problem); });
  connect(&analysis_, &Analysis::finished, this, &Studio::take_finished);
  connect(&analysis_, &Analysis::failed, this,
          [this](const QString& reason) { Q_EMIT notice(reason, Tone::problem); });
  connect(&analysis_, &Analysis::cancelled, this,
          [this] { Q_EMIT notice(tr("The analysis was cancelled; nothing of it was kept."), Tone::info); });
  case_reading_.run(
      std::move(services.list_models),
      [this](std::vector<ModelChoice> models) {
        models_ = std::move(models);
        has_listed_models_ = true;
        Q_EMIT models_changed();
      },
      [this](const imaging::JobOutcome& outcome) {
        has_listed_models_ = true;
        Q_EMIT models_changed();
        Q_EMIT notice(sentence_of(outcome), Tone::problem);
      });
}

Studio::~Studio() = default;

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
  ++opening_;
  opening_work_.run(
      [this, file] {
        auto slide = std::make_shared<OpenSlide>();
        slide->reader = imaging::open_slide(file);
        slide->source = cache_.add_source(slide->reader);  // reads the file's ends
        slide->is_fundus = workflows::shows_fundus(*slide->reader);
        return slide;
      },
      [this, becomes_current](std::shared_ptr<OpenSlide> slide) {
        --opening_;
        take_opened(std::move(slide), becomes_current);
      },
      [this](const imaging::JobOutcome& outcome) {
        --opening_;
        Q_EMIT notice(sentence_of(outcome), Tone::problem);
      });
}

void Studio::take_opened(std::shared_ptr<OpenSlide> slide, bool becomes_current) {
  if (const auto row = slides_.find(slide->path()); row >= 0) {  // asked for twice before it was open
    cache_.remove_source(slide->source);
    if (becomes_current) set_current(row);
    return;
  }
  slide->mpp = preferences_.scale_of(slide->path());
  slide->scale = slide->mpp ? imaging::resolve_scale(slide->reader->info(), slide->mpp, std::nullopt)
                            : slide->reader->info().scale;
  if (slide->is_fundus && !slide->scale)
    slide->scale = imaging::resolve_scale(slide->reader->info(), "pixels", std::nullopt);
  const auto row = slides_.add(slide);
  for (const auto& warning : slide->reader->info().warnings) {
    Q_EMIT notice(QString::fromStdString(warning), Tone::info);
  }
  read_overview(slide);
  find_earlier_case(slide);
  if (becomes_current || current_row_ < 0) set_current(row);
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
      [file = slide->path(),
       results = preferences_.results_folder()]() -> std::optional<std::filesystem::path> {
        const workflows::CaseFolder folder{output_folder(file, results) / "cases" / file.stem()};
        if (!std::filesystem::exists(folder.result())) return std::nullopt;
        const auto result = folder.read_result();
        const bool is_same =
            result.file == file.filename().string() && result.size_bytes == std::filesystem::file_size(file);
        return is_same ? std::optional{folder.path} : std::nullopt;
      },
      [this, slide](std::optional<std::filesystem::path> folder) {
        if (!folder || slide->case_folder) return;
        slide->case_folder = std::move(folder);
        if (slide == current()) show_case();
      },
      [this](const imaging::JobOutcome& outcome) { Q_EMIT notice(sentence_of(outcome), Tone::info); });
}

void Studio::close_slide(int row) {
  const auto slide = slides_.at(row);
  if (!slide) return;
  cache_.remove_source(slide->source);
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
  if (!slide->scale) return tr("Set the scale of this image first.");
  return {};
}

void Studio::analyse(const std::string& model, std::optional<std::filesystem::path> out) {
  const auto slide = current();
  if (!slide || analysis_.is_running()) return;
  analysed_ = slide;
  const auto folder = out ? *out : output_folder(slide->path(), preferences_.results_folder());
  auto request = make_request(slide->path(), model, folder, slide->mpp);
  request.tissue = tissue_.options();
  analysis_.start(request);
}

void Studio::take_finished(const workflows::RunRow& row, const std::filesystem::path& out) {
  if (row.status == "failed") {
    Q_EMIT notice(QString::fromStdString(row.reason), Tone::problem);
    if (!row.result) return;
  }
  const auto slide = analysed_.lock();
  if (!slide) return;  // closed meanwhile; its files are there
  slide->case_folder = out / "cases" / row.case_name;
  if (slide == current()) show_case();
}

void Studio::show_case() {
  const auto turn = ++case_turn_;
  const auto slide = current();
  loading_case_ = slide && slide->case_folder;
  if (!loading_case_) {
    result_.reset();
    heatmap_.set_raster(nullptr);
    top_tiles_.set_items({});
    Q_EMIT case_changed();
    return;
  }
  case_reading_.run([folder = *slide->case_folder] { return load_case(folder); },
                    [this, turn](LoadedCase loaded) {
                      if (turn != case_turn_) return;
                      loading_case_ = false;
                      result_ = std::move(loaded.result);
                      heatmap_.set_raster(std::move(loaded.raster));
                      top_tiles_.set_items(std::move(loaded.top_tiles));
                      Q_EMIT case_changed();
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
  LoadedCase loaded{files.read_result(), nullptr, {}};
  if (loaded.result.status == "failed") return loaded;
  if (std::filesystem::exists(files.attention()))  // an ungradable photograph has no map
    loaded.raster = std::make_shared<const imaging::ScoreRaster>(files.read_scores(loaded.result));
  for (const auto& tile : loaded.result.top_tiles) {
    loaded.top_tiles.push_back({to_qimage(imaging::decode_image(imaging::read_file(folder / tile.image))),
                                tile.scores.empty() ? 0.0F : tile.scores.front(),
                                tile.rect_l0,
                                {}});
  }
  return loaded;
}

void Studio::export_report(const std::filesystem::path& target) {
  const auto slide = current();
  if (!slide || !slide->case_folder) return;
  const workflows::CaseFolder folder{*slide->case_folder};
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
