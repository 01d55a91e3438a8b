#pragma once

#include <QObject>
#include <QStringList>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "app/viewmodels/analysis.h"
#include "app/viewmodels/annotation_editor.h"
#include "app/viewmodels/background.h"
#include "app/viewmodels/display.h"
#include "app/viewmodels/field_overlay.h"
#include "app/viewmodels/file_watch.h"
#include "app/viewmodels/heatmap.h"
#include "app/viewmodels/mask_overlay.h"
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
  bool is_segmenter = false;   ///< for both
};

/// What the studio asks of the layers below; injected, so that tests can stand in for slow parts.
struct StudioServices {
  std::function<std::vector<ModelChoice>()> list_models;  ///< called off the GUI thread
  AnalyzeJob analyze;
  AdaptJob adapt = {};
  /// Opens a file to be looked at, off the GUI thread; empty: workflows::open_for_viewing.
  std::function<std::shared_ptr<const imaging::SlideReader>(const std::filesystem::path&, std::stop_token)>
      open = {};
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
  [[nodiscard]] Display* display() { return &display_; }
  [[nodiscard]] FieldOverlay* field() { return &field_; }
  /// The segmentation of the current slide.
  [[nodiscard]] MaskOverlay* masks() { return &masks_; }
  [[nodiscard]] AnnotationEditor* editor() { return &editor_; }
  /// Of the current slide; null without one.
  [[nodiscard]] AnnotationDocument* annotations() const;
  [[nodiscard]] Analysis* analysis() { return &analysis_; }
  [[nodiscard]] imaging::TileCache& cache() { return *cache_; }
  [[nodiscard]] FileWatch* file_watch() { return &file_watch_; }
  [[nodiscard]] Preferences& preferences() { return preferences_; }

  /// Opens files; the first becomes the current one. A file that is open already is shown again. One that
  /// does not answer holds no other up.
  void open_files(const QStringList& paths);
  void close_slide(int row);
  /// Closes the current slide and opens its file as it is now.
  void reopen();
  void set_current(int row);
  [[nodiscard]] int current_row() const { return current_row_; }
  [[nodiscard]] std::shared_ptr<OpenSlide> current() const { return slides_.at(current_row_); }
  [[nodiscard]] bool is_opening() const { return !opening_.empty(); }

  /// The user's word on the current slide's scale: µm/px as a number, or "pixels". Remembered for the file.
  void set_scale(const std::string& mpp);

  [[nodiscard]] const std::vector<ModelChoice>& models() const { return models_; }
  [[nodiscard]] bool has_listed_models() const { return has_listed_models_; }

  /// Analyses the current slide. @param out  default: the slide's output folder (see output_folder)
  void analyse(const std::string& model, std::optional<std::filesystem::path> out = std::nullopt);
  /// The `tessera` command that analyses the current slide with the model the window last chose, as `analyse`
  /// would; empty where there is no slide or no model.
  /// Saves the annotations where the analysis is kept inside them, so that the command finds them.
  [[nodiscard]] QString analyse_command() const;
  [[nodiscard]] bool has_analyse_command() const { return current() && !chosen_model_.empty(); }
  void set_chosen_model(const std::string& model, const std::optional<std::filesystem::path>& out);
  /// How photographs of the retina are graded.
  void set_fundus_options(const workflows::FundusOptions& options);
  [[nodiscard]] const workflows::FundusOptions& fundus_options() const { return fundus_options_; }
  /// Puts a package beside the installed ones, first, or takes it away again. It need not be installed.
  void add_model(const ModelChoice& model, bool is_wanted = true);
  void remove_model(const std::string& reference);
  /// Keeps analyses inside the slide's annotations (a segmentation: to the box around them). @param
  /// class_name  only those of this class; empty: all
  void set_inside(bool on, const QString& class_name);
  [[nodiscard]] bool is_inside() const { return inside_; }
  /// What `tessera analyze` takes for it. Saves the annotations first.
  [[nodiscard]] workflows::InsideOptions inside_options() const;

  [[nodiscard]] bool are_annotations_shown() const { return annotations_shown_; }
  [[nodiscard]] bool are_annotations_filled() const { return annotations_filled_; }
  void set_annotations_shown(bool shown);
  void set_annotations_filled(bool filled);
  /// Mask and tile labels of the current slide's annotations.
  void export_labels(const std::filesystem::path& folder, const workflows::AnnotationExportOptions& options);
  /// What the selected annotation's box holds, as a pyramidal TIFF that keeps the scale.
  void export_region(const std::filesystem::path& target, double mpp);

  /// Shows the lowest instead of the highest tiles of the score that is painted.
  void set_gallery_lowest(bool lowest);
  [[nodiscard]] bool is_gallery_lowest() const { return gallery_lowest_; }

  /// Why `analyse` cannot start now; empty where it can.
  [[nodiscard]] QString analyse_hindrance() const;

  /// Shows the case that a project keeps for an open slide.
  void show_case_of(const std::filesystem::path& slide, const std::filesystem::path& case_folder);

  /// Result of the current slide; absent where there is none.
  [[nodiscard]] const std::optional<workflows::CaseResult>& result() const { return result_; }
  /// What its segmentation measured; absent where there is none.
  [[nodiscard]] const std::optional<workflows::CaseResult>& mask_result() const { return mask_result_; }
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
  void model_wanted(const QString& reference);  ///< to be the chosen one
  void fundus_options_changed();
  void annotation_style_changed();
  void inside_changed();
  void gallery_changed();
  void foreign_annotations(const QString& sentence, const imaging::AnnotationSet& set);
  void notice(const QString& sentence, viewmodels::Studio::Tone tone);

 private:
  struct LoadedCase {
    workflows::CaseResult result;
    std::shared_ptr<const imaging::ScoreRaster> raster, view;  ///< see Heatmap::set_raster
    double threshold_share = 0;
    std::vector<TopTiles::Item> top_tiles;
    imaging::Image8 tissue;  ///< mask over the whole slide; empty where the case has none
    int channel = 0;         ///< of the scores that the top tiles were chosen by
  };
  /// Of both kinds; absent where there is none.
  struct LoadedCases {
    std::optional<LoadedCase> analysis;
    std::optional<workflows::CaseResult> masks;
  };
  [[nodiscard]] workflows::AnalyzeRequest request_for(const std::string& model,
                                                      const std::optional<std::filesystem::path>& out) const;
  static std::vector<TopTiles::Item> cut_tiles(const imaging::SlideReader& reader,
                                               const imaging::ScoreRaster& raster, int channel, bool lowest);
  void fill_gallery();
  [[nodiscard]] std::optional<std::string> inside_options_class() const;
  /// The box around the areas drawn, as `--region` takes it.
  [[nodiscard]] std::optional<std::string> box_of_areas() const;
  void make_document(const std::shared_ptr<OpenSlide>& slide);
  static LoadedCase load_case(const std::filesystem::path& folder);
  /// An analysis that is there already.
  struct EarlierCase {
    std::optional<std::filesystem::path> case_folder, mask_folder;
  };

  [[nodiscard]] bool is_segmenter(const std::string& model) const;
  void tell_of_file(const std::filesystem::path& file, const QString& sentence);
  void open_file(const QString& path, bool becomes_current);
  void take_opened(std::shared_ptr<OpenSlide> slide, bool becomes_current);
  void read_overview(const std::shared_ptr<OpenSlide>& slide);
  void find_earlier_case(const std::shared_ptr<OpenSlide>& slide);
  void show_case();
  void ask_scale_once();
  void take_finished(const workflows::RunRow& row, const std::filesystem::path& input,
                     const std::filesystem::path& out);

  Preferences preferences_;
  // Shared with the threads that open files: one that waits for its device may outlive the studio.
  std::shared_ptr<imaging::TileCache> cache_;
  decltype(StudioServices::open) open_;
  std::stop_source closing_;
  OpenSlides slides_;
  Heatmap heatmap_;
  TopTiles top_tiles_;
  TissuePreview tissue_;
  Display display_;
  FieldOverlay field_;
  MaskOverlay masks_;
  FileWatch file_watch_;
  AnnotationEditor editor_;
  Analysis analysis_;
  workflows::FundusOptions fundus_options_;
  std::vector<ModelChoice> own_models_;  // added to those that are installed
  bool annotations_shown_ = true;
  bool annotations_filled_ = true;
  bool inside_ = false;
  QString inside_class_;
  bool gallery_lowest_ = false;
  int gallery_channel_ = 0;                 // of the tiles shown
  int best_channel_ = 0;                    // that best_tiles_ were chosen by
  std::vector<TopTiles::Item> best_tiles_;  // as the case has them
  quint64 gallery_turn_ = 0;
  int current_row_ = -1;
  std::vector<std::filesystem::path> opening_;
  std::uint64_t last_number_ = 0;
  std::vector<ModelChoice> models_;
  bool has_listed_models_ = false;
  std::optional<workflows::CaseResult> result_, mask_result_;
  bool loading_case_ = false;
  std::string chosen_model_;
  std::optional<std::filesystem::path> chosen_out_;
  quint64 case_turn_ = 0;
  Background case_reading_{this};
  Background exporting_{this, 1, Background::kForEver};
  Background opening_work_{this, 4};
};

/// Name patterns of the files that may be slides, for a file dialog: "*.svs *.tif ...".
[[nodiscard]] QString slide_name_patterns();

}  // namespace viewmodels
