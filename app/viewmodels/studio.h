#pragma once

#include <QObject>
#include <QStringList>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "app/viewmodels/analysis.h"
#include "app/viewmodels/background.h"
#include "app/viewmodels/heatmap.h"
#include "app/viewmodels/open_slides.h"
#include "app/viewmodels/preferences.h"
#include "app/viewmodels/tissue_preview.h"
#include "app/viewmodels/top_tiles.h"
#include "app/workflows/case_folder.h"
#include "imaging/tiling/tile_cache.h"

namespace viewmodels {

/// A model a slide can be analysed with.
struct ModelChoice {
  QString name;
  QString tip;                 ///< what it is for, one line
  std::string reference;       ///< as `--model` takes it
  bool is_for_fundus = false;  ///< for photographs of the retina, not for slides
};

/// What the studio asks of the layers below; injected, so that tests can stand in for slow parts.
struct StudioServices {
  std::function<std::vector<ModelChoice>()> list_models;  ///< called off the GUI thread
  AnalyzeJob analyze;
};

/// All of the studio but its widgets: the open slides, the one looked at, its analysis.
///
/// @par Threads  One, the GUI's; everything slow happens elsewhere and comes back as a signal.
class Studio : public QObject {
  Q_OBJECT
 public:
  enum class Tone { info, problem };

  explicit Studio(StudioServices services, QObject* parent = nullptr);
  ~Studio() override;

  [[nodiscard]] OpenSlides* slides() { return &slides_; }
  [[nodiscard]] Heatmap* heatmap() { return &heatmap_; }
  /// What counts as tissue; `analyse` takes its options.
  [[nodiscard]] TissuePreview* tissue() { return &tissue_; }
  [[nodiscard]] TopTiles* top_tiles() { return &top_tiles_; }
  [[nodiscard]] Analysis* analysis() { return &analysis_; }
  [[nodiscard]] imaging::TileCache& cache() { return cache_; }
  [[nodiscard]] Preferences& preferences() { return preferences_; }

  /// Opens files one after another; the first becomes the current one. A file that is open already is shown
  /// again.
  void open_files(const QStringList& paths);
  void close_slide(int row);
  void set_current(int row);
  [[nodiscard]] int current_row() const { return current_row_; }
  [[nodiscard]] std::shared_ptr<OpenSlide> current() const { return slides_.at(current_row_); }
  [[nodiscard]] bool is_opening() const { return opening_ > 0; }

  /// The user's word on the current slide's scale: µm/px as a number, or "pixels". Remembered for the file.
  void set_scale(const std::string& mpp);

  [[nodiscard]] const std::vector<ModelChoice>& models() const { return models_; }
  [[nodiscard]] bool has_listed_models() const { return has_listed_models_; }

  /// Analyses the current slide. @param out  default: the slide's output folder (see output_folder)
  void analyse(const std::string& model, std::optional<std::filesystem::path> out = std::nullopt);
  /// Why `analyse` cannot start now; empty where it can.
  [[nodiscard]] QString analyse_hindrance() const;

  /// Result of the current slide; absent where there is none.
  [[nodiscard]] const std::optional<workflows::CaseResult>& result() const { return result_; }
  [[nodiscard]] bool is_loading_case() const { return loading_case_; }
  /// Copies the current case's report to `target` (.pdf or .html), whole or not at all.
  void export_report(const std::filesystem::path& target);

 Q_SIGNALS:
  void current_changed();   ///< another slide, or none
  void overview_changed();  ///< the current slide's overview arrived
  void scale_changed();     ///< of the current slide
  void scale_needed();      ///< the current slide has no scale and the user was not asked yet
  void case_changed();      ///< result, heatmap and top tiles of the current slide
  void models_changed();
  void notice(const QString& sentence, viewmodels::Studio::Tone tone);

 private:
  struct LoadedCase {
    workflows::CaseResult result;
    std::shared_ptr<const imaging::ScoreRaster> raster;
    std::vector<TopTiles::Item> top_tiles;
  };
  static LoadedCase load_case(const std::filesystem::path& folder);

  void open_file(const QString& path, bool becomes_current);
  void take_opened(std::shared_ptr<OpenSlide> slide, bool becomes_current);
  void read_overview(const std::shared_ptr<OpenSlide>& slide);
  void find_earlier_case(const std::shared_ptr<OpenSlide>& slide);
  void show_case();
  void ask_scale_once();
  void take_finished(const workflows::RunRow& row, const std::filesystem::path& out);

  Preferences preferences_;
  imaging::TileCache cache_;
  OpenSlides slides_;
  Heatmap heatmap_;
  TopTiles top_tiles_;
  TissuePreview tissue_;
  Analysis analysis_;
  std::weak_ptr<OpenSlide> analysed_;
  int current_row_ = -1;
  int opening_ = 0;
  std::vector<ModelChoice> models_;
  bool has_listed_models_ = false;
  std::optional<workflows::CaseResult> result_;
  bool loading_case_ = false;
  quint64 case_turn_ = 0;
  Background case_reading_{this};
  Background opening_work_{this};
};

/// Name patterns of the files that may be slides, for a file dialog: "*.svs *.tif ...".
[[nodiscard]] QString slide_name_patterns();

}  // namespace viewmodels
