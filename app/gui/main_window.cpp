#include "app/gui/main_window.h"

#include <QApplication>
#include <QCloseEvent>
#include <QComboBox>
#include <QDockWidget>
#include <QFileDialog>
#include <QFileInfo>
#include <QLabel>
#include <QListView>
#include <QMenuBar>
#include <QMessageBox>
#include <QMimeData>
#include <QPushButton>
#include <QScreen>
#include <QScrollArea>
#include <QStatusBar>
#include <QToolBar>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>

#include "app/gui/actions.h"
#include "app/gui/heatmap_panel.h"
#include "app/gui/key_map_dialog.h"
#include "app/gui/look_area.h"
#include "app/gui/mask_panel.h"
#include "app/gui/result_panel.h"
#include "app/gui/retina_panel.h"
#include "app/gui/scale_dialog.h"
#include "app/gui/theme.h"
#include "app/gui/tissue_panel.h"
#include "app/viewmodels/wording.h"

namespace gui {
namespace {

constexpr int kPanelWidth = 372;
constexpr int kThumbnail = 84;
constexpr int kScoreLine = 28;
constexpr int kGalleryColumns = 3;

QFrame* make_rule(QWidget* parent) {
  auto* rule = new QFrame(parent);
  rule->setObjectName("rule");
  rule->setFrameShape(QFrame::HLine);
  return rule;
}

}  // namespace

MainWindow::MainWindow(viewmodels::Studio* studio)
    : studio_(studio), retina_(new viewmodels::RetinaReview(studio, this)) {
  setObjectName("main_window");
  setAcceptDrops(true);
  resize(1360, 860);
  auto* centre = new QWidget(this);
  messages_ = new MessageBar(centre);
  grid_ = new ViewGrid(studio_, centre);
  auto* column = new QVBoxLayout(centre);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addWidget(messages_);
  column->addWidget(grid_, 1);
  setCentralWidget(centre);
  make_actions();
  make_side_panel();
  make_status_bar();
  connect(studio_, &viewmodels::Studio::notice, messages_, &MessageBar::show_message);
  connect(studio_, &viewmodels::Studio::scale_needed, this, [this] {
    if (asks_for_scale_) ask_scale();
  });
  connect(studio_, &viewmodels::Studio::current_changed, this, &MainWindow::refresh);
  connect(studio_, &viewmodels::Studio::scale_changed, this, &MainWindow::refresh_zoom);
  connect(studio_, &viewmodels::Studio::case_changed, this, &MainWindow::refresh);
  connect(studio_->heatmap(), &viewmodels::Heatmap::changed, this, &MainWindow::refresh);
  connect(studio_->masks(), &viewmodels::MaskOverlay::changed, this, &MainWindow::refresh);
  connect(studio_, &viewmodels::Studio::gallery_changed, this, &MainWindow::refresh);
  connect(grid_, &ViewGrid::view_changed, this, &MainWindow::refresh_zoom);
  connect(grid_, &ViewGrid::cursor_moved, this, &MainWindow::show_position);
  connect(grid_, &ViewGrid::outlines_changed, outlines_, &QAction::setChecked);
  connect(grid_, &ViewGrid::map_shown_changed, map_, &QAction::setChecked);
  connect(grid_, &ViewGrid::active_changed, this, [this] {
    outlines_->setChecked(slide_view()->shows_outlines());
    map_->setChecked(slide_view()->is_map_shown());
    refresh_zoom();
  });
  look_ = new LookArea(studio_, this);
  refresh();
  slide_view()->setFocus();
}

void MainWindow::make_actions() {
  const auto add = [this](const char* name, const QString& text, const QString& tip,
                          const QList<QKeySequence>& keys = {}, const QString& icon = {}) {
    return make_action(this, name, text, tip, keys, icon);
  };
  // Its keys work while a view has the focus.
  const auto add_for_view = [this](const char* name, const QString& text, const QString& tip,
                                   const QList<QKeySequence>& keys, const QString& icon = {}) {
    auto* action = make_action(this, name, text, tip, keys, icon);
    keep_keys_to(action, {grid_});
    return action;
  };
  auto* open =
      add("action_open", tr("&Open…"), tr("Open slides and photographs"), {QKeySequence::Open}, "open");
  close_ = add("action_close", tr("&Close slide"), tr("Close the slide that is looked at"), {tr("Ctrl+W")});
  reopen_ = add("action_reopen", tr("Open a&gain"), tr("Read the file anew, as it is now"), {Qt::Key_F5});
  export_ = add("action_export", tr("&Export report…"), tr("Save the report as PDF or HTML"), {tr("Ctrl+E")},
                "report");
  auto* folder = add("action_results_folder", tr("&Results folder…"), tr("Choose where results go"));
  auto* quit = add("action_quit", tr("&Quit"), tr("Close the studio"), {QKeySequence(tr("Ctrl+Q"))});
  auto* fit = add_for_view("action_fit", tr("&Whole slide"), tr("Show the whole slide"), {Qt::Key_0}, "fit");
  auto* full = add_for_view("action_one_to_one", tr("&Full resolution"),
                            tr("One slide pixel on one screen pixel"), {Qt::Key_1}, "one_to_one");
  auto* in =
      add_for_view("action_zoom_in", tr("Zoom &in"), tr("Zoom in"), {Qt::Key_Plus, Qt::Key_Equal}, "zoom_in");
  auto* out = add_for_view("action_zoom_out", tr("Zoom &out"), tr("Zoom out"), {Qt::Key_Minus}, "zoom_out");
  heatmap_ = add_for_view("action_heatmap", tr("&Heatmap"), tr("Show the heatmap"), {Qt::Key_H}, "heatmap");
  masks_ = add_for_view("action_masks", tr("&Segmentation"), tr("Show the classes that a segmenter found"),
                        {Qt::Key_K});
  tiles_ = add_for_view("action_tile_outlines", tr("Tile out&lines"),
                        tr("Outline the tiles that were scored"), {Qt::Key_G});
  outlines_ = add_for_view("action_outlines", tr("&Top tiles"), tr("Outline the top tiles on the slide"),
                           {Qt::Key_T}, "outlines");
  map_ = add_for_view("action_map", tr("Overview &map"), tr("Show the overview map"), {Qt::Key_O}, "map");
  auto* screen = add("action_full_screen", tr("Full &screen"), tr("The window on the whole screen"),
                     {QKeySequence(Qt::Key_F11)});
  auto* analyse = add("action_analyse", tr("&Analyse slide"), tr("Run the chosen model on this slide"),
                      {tr("Ctrl+Return")}, "analyse");
  auto* cancel =
      add("action_cancel", tr("&Cancel"), tr("Stop the running analysis"), {tr("Ctrl+.")}, "cancel");
  auto* keys = add("action_keys", tr("&Keys"), tr("All keys of this window"), {QKeySequence(Qt::Key_F1)});
  for (auto* action : {heatmap_, masks_, tiles_, outlines_, map_, screen}) action->setCheckable(true);
  map_->setChecked(true);

  auto* file = make_menu(this, "file_menu", tr("&File"));
  file->addActions({open, close_, reopen_});
  file->addSeparator();
  file->addActions({export_, folder});
  file->addSeparator();
  file->addAction(quit);
  auto* view = make_menu(this, "view_menu", tr("&View"));
  view->addActions({fit, full, in, out});
  auto* move = make_menu(this, "move_menu", tr("Mo&ve"));
  view->addMenu(move);
  struct Way {
    const char* name;
    QString text, tip;
    Qt::Key key;
    double x, y;
  };
  for (const auto& way :
       {Way{"action_move_left", tr("&Left"), tr("Look further to the left"), Qt::Key_Left, 1, 0},
        Way{"action_move_right", tr("&Right"), tr("Look further to the right"), Qt::Key_Right, -1, 0},
        Way{"action_move_up", tr("&Up"), tr("Look further up"), Qt::Key_Up, 0, 1},
        Way{"action_move_down", tr("&Down"), tr("Look further down"), Qt::Key_Down, 0, -1}}) {
    auto* action = add_for_view(way.name, way.text, way.tip, {way.key});
    move->addAction(action);
    connect(action, &QAction::triggered, this, [this, way] { slide_view()->step(way.x, way.y); });
  }
  view->addSeparator();
  view->addActions({heatmap_, masks_, tiles_, outlines_, map_});
  view->addSeparator();
  view->addAction(screen);
  auto* analysis = make_menu(this, "analyse_menu", tr("&Analyse"));
  analysis->addActions({analyse, cancel});
  auto* help = make_menu(this, "help_menu", tr("&Help"));
  help->addAction(keys);
  for (auto* menu : {file, view, analysis, help}) menuBar()->addMenu(menu);

  auto* bar = addToolBar(tr("Tools"));
  bar->setObjectName("tool_bar");
  bar->setMovable(false);
  bar->setIconSize({20, 20});
  bar->addAction(open);
  bar->addSeparator();
  bar->addActions({fit, full, in, out});
  bar->addSeparator();
  bar->addActions({heatmap_, outlines_, map_});
  bar->addSeparator();
  bar->addAction(export_);
  for (auto* action : {open, heatmap_, outlines_, export_}) {
    auto* button = bar->widgetForAction(action);
    if (auto* tool = qobject_cast<QToolButton*>(button))
      tool->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
  }

  connect(open, &QAction::triggered, this, &MainWindow::choose_files);
  connect(close_, &QAction::triggered, this, [this] { studio_->close_slide(studio_->current_row()); });
  connect(reopen_, &QAction::triggered, studio_, &viewmodels::Studio::reopen);
  connect(export_, &QAction::triggered, this, &MainWindow::choose_export);
  connect(folder, &QAction::triggered, this, &MainWindow::choose_results_folder);
  connect(quit, &QAction::triggered, this, &QWidget::close);
  connect(fit, &QAction::triggered, this, [this] { slide_view()->fit(); });
  connect(full, &QAction::triggered, this, [this] { slide_view()->set_scale(1 / devicePixelRatioF()); });
  connect(in, &QAction::triggered, this, [this] { slide_view()->zoom(1.5); });
  connect(out, &QAction::triggered, this, [this] { slide_view()->zoom(1 / 1.5); });
  connect(heatmap_, &QAction::triggered, studio_->heatmap(), &viewmodels::Heatmap::set_shown);
  connect(masks_, &QAction::triggered, studio_->masks(), &viewmodels::MaskOverlay::set_shown);
  connect(tiles_, &QAction::triggered, studio_->heatmap(), &viewmodels::Heatmap::set_grid_shown);
  connect(outlines_, &QAction::triggered, this, [this](bool on) { slide_view()->set_outlines(on); });
  connect(map_, &QAction::triggered, this, [this](bool on) { slide_view()->set_map_shown(on); });
  connect(screen, &QAction::triggered, this, [this](bool on) { on ? showFullScreen() : showNormal(); });
  connect(analyse, &QAction::triggered, this, [this] { analysis_->analyse(); });
  connect(cancel, &QAction::triggered, studio_->analysis(), &viewmodels::Analysis::cancel);
  connect(keys, &QAction::triggered, this, [this] { (new KeyMapDialog(this))->open(); });
}

void MainWindow::make_side_panel() {
  auto* content = new QWidget(this);
  analysis_ = new AnalysisPanel(studio_, content);
  auto* result = new ResultPanel(studio_, content);
  auto* heatmap = new HeatmapPanel(studio_->heatmap(), content);
  gallery_box_ = new QWidget(content);
  gallery_ = new QListView(gallery_box_);
  gallery_->setObjectName("top_tiles");
  gallery_->setAccessibleName(tr("Top tiles"));
  gallery_->setToolTip(tr("Tiles with the highest scores; click one to go there"));
  gallery_->setModel(studio_->top_tiles());
  gallery_->setViewMode(QListView::IconMode);
  gallery_->setIconSize({kThumbnail, kThumbnail});
  gallery_->setGridSize({kThumbnail + 10, kThumbnail + kScoreLine});
  gallery_->setMovement(QListView::Static);
  gallery_->setResizeMode(QListView::Adjust);
  gallery_->setUniformItemSizes(true);
  gallery_->setFrameShape(QFrame::NoFrame);
  gallery_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  gallery_->setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  gallery_->viewport()->setAutoFillBackground(false);
  auto* gallery_column = new QVBoxLayout(gallery_box_);
  gallery_column->setContentsMargins(0, 0, 0, 0);
  gallery_column->addWidget(make_rule(gallery_box_));
  auto* which = new QComboBox(gallery_box_);
  which->setObjectName("gallery_order");
  which->setAccessibleName(tr("Which tiles"));
  which->setToolTip(tr("The tiles with the highest or with the lowest scores of the score that is painted"));
  which->addItems({tr("Top tiles"), tr("Bottom tiles")});
  connect(which, &QComboBox::activated, studio_,
          [this](int index) { studio_->set_gallery_lowest(index == 1); });
  gallery_column->addWidget(which);
  gallery_column->addWidget(gallery_);
  auto* column = new QVBoxLayout(content);
  column->setContentsMargins(14, 10, 14, 12);
  column->setSpacing(10);
  tissue_box_ = new QWidget(content);
  auto* tissue_column = new QVBoxLayout(tissue_box_);
  tissue_column->setContentsMargins(0, 0, 0, 0);
  tissue_column->addWidget(make_rule(tissue_box_));
  tissue_column->addWidget(new TissuePanel(studio_->tissue(), tissue_box_));
  column->addWidget(analysis_);
  column->addWidget(tissue_box_);
  column->addWidget(make_rule(content));
  column->addWidget(result);
  auto* retina = new RetinaPanel(retina_, studio_, content);
  column->addWidget(retina);
  column->addWidget(new MaskPanel(studio_->masks(), content));
  column->addWidget(heatmap);
  column->addWidget(gallery_box_);
  column->addStretch(1);
  auto* scroll = new QScrollArea(this);
  scroll->setObjectName("side_panel");
  scroll->setWidgetResizable(true);
  scroll->setFrameShape(QFrame::NoFrame);
  scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  scroll->setWidget(content);
  auto* dock = new QDockWidget(tr("Analysis"), this);
  dock->setObjectName("side_dock");
  dock->setFeatures(QDockWidget::NoDockWidgetFeatures);
  dock->setTitleBarWidget(new QWidget(dock));
  dock->setWidget(scroll);
  dock->setMinimumWidth(kPanelWidth);
  addDockWidget(Qt::RightDockWidgetArea, dock);
  side_dock_ = dock;

  connect(gallery_, &QListView::clicked, this, [this](const QModelIndex& index) {
    slide_view()->go_to(studio_->top_tiles()->items()[static_cast<std::size_t>(index.row())].rect_l0);
    slide_view()->set_outlines(true);
  });
  connect(retina, &RetinaPanel::override_wanted, this, &MainWindow::confirm_override);
  connect(retina_, &viewmodels::RetinaReview::pair_ready, this,
          [this](const std::shared_ptr<viewmodels::OpenSlide>& right_eye,
                 const std::shared_ptr<viewmodels::OpenSlide>& left_eye) {
            grid_->show_pair(right_eye, left_eye);
          });
  connect(analysis_, &AnalysisPanel::scale_wanted, this, &MainWindow::ask_scale);
  connect(analysis_, &AnalysisPanel::results_folder_wanted, this, &MainWindow::choose_results_folder);
}

void MainWindow::make_status_bar() {
  position_ = new QLabel(this);
  position_->setObjectName("position");
  position_->setAccessibleName(tr("Place under the cursor"));
  zoom_ = new QLabel(this);
  zoom_->setObjectName("zoom");
  zoom_->setAccessibleName(tr("Magnification"));
  zoom_->setToolTip(tr("Magnification on this screen (10 µm per pixel is 1×) and µm per screen pixel"));
  auto* notice = new QLabel(tr("Research use only. Not for diagnosis."), this);
  notice->setObjectName("research_notice");
  zoom_->setMinimumWidth(160);
  zoom_->setIndent(8);
  statusBar()->setSizeGripEnabled(false);
  statusBar()->addWidget(zoom_);
  statusBar()->addWidget(position_, 1);
  statusBar()->addPermanentWidget(notice);
}

void MainWindow::choose_files() {
  auto* dialog = new QFileDialog(this, tr("Open slides"), studio_->preferences().open_folder());
  dialog->setObjectName("open_dialog");
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setFileMode(QFileDialog::ExistingFiles);
  dialog->setNameFilters(
      {tr("Slides and images (%1)").arg(viewmodels::slide_name_patterns()), tr("All files (*)")});
  connect(dialog, &QFileDialog::filesSelected, this, [this](const QStringList& files) {
    studio_->preferences().set_open_folder(QFileInfo(files.front()).absolutePath());
    studio_->open_files(files);
  });
  dialog->open();
}

void MainWindow::choose_results_folder() {
  auto* dialog =
      new QFileDialog(this, tr("Folder for results (cancel for “Tessera results” beside each slide)"));
  dialog->setObjectName("results_dialog");
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setFileMode(QFileDialog::Directory);
  dialog->setOption(QFileDialog::ShowDirsOnly);
  connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& folder) {
    studio_->preferences().set_results_folder(std::filesystem::path{folder.toStdString()});
    Q_EMIT studio_->analysis()->changed();
  });
  connect(dialog, &QFileDialog::rejected, this, [this] {
    studio_->preferences().set_results_folder(std::nullopt);
    Q_EMIT studio_->analysis()->changed();
  });
  dialog->open();
}

void MainWindow::choose_export() {
  const auto slide = studio_->current();
  if (!slide || !(studio_->result() || studio_->mask_result())) return;
  auto* dialog = new QFileDialog(this, tr("Save the report"));
  dialog->setObjectName("export_dialog");
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setAcceptMode(QFileDialog::AcceptSave);
  dialog->setNameFilters({tr("PDF (*.pdf)"), tr("HTML (*.html)")});
  dialog->selectFile(QString::fromStdString(slide->path().stem().string()) + "-report.pdf");
  connect(dialog, &QFileDialog::fileSelected, this, [this, dialog](const QString& file) {
    std::filesystem::path target = file.toStdString();
    if (target.extension() != ".pdf" && target.extension() != ".html") {
      target += dialog->selectedNameFilter().contains("html") ? ".html" : ".pdf";
    }
    studio_->export_report(target);
  });
  dialog->open();
}

void MainWindow::ask_scale() {
  const auto slide = studio_->current();
  if (!slide) return;
  auto* dialog = new ScaleDialog(slide->name(), this);
  connect(dialog, &ScaleDialog::scale_chosen, studio_, &viewmodels::Studio::set_scale);
  dialog->open();
}

void MainWindow::confirm_override() {
  auto* box = new QMessageBox(
      QMessageBox::Question, tr("Grade an ungradable photograph?"),
      tr("The quality gate finds that this photograph cannot be graded. A grade all the same may be wrong; "
         "that it was asked for stands in the result and in the report."),
      QMessageBox::NoButton, this);
  box->setObjectName("override_box");
  box->setAttribute(Qt::WA_DeleteOnClose);
  auto* yes = box->addButton(tr("Grade it"), QMessageBox::AcceptRole);
  yes->setObjectName("override_yes");
  auto* no = box->addButton(QMessageBox::Cancel);
  no->setObjectName("override_no");
  box->setDefaultButton(no);
  connect(yes, &QAbstractButton::clicked, this, [this] {
    const auto* graded = retina_->grading();
    if (graded == nullptr) return;
    analysis_->choose_model(QString::fromStdString(graded->model_name));
    const auto usual = studio_->fundus_options();
    auto once = usual;
    once.quality_gate = "warn";
    studio_->set_fundus_options(once);
    analysis_->analyse();
    studio_->set_fundus_options(usual);
  });
  box->open();
}

void MainWindow::restore_place() {
  keeps_place_ = true;
  auto& preferences = studio_->preferences();
  restoreGeometry(preferences.window_geometry());
  restoreState(preferences.window_state());
  // A screen that was there then may be gone now, or be smaller.
  const auto* place = screen();
  if (place == nullptr || isFullScreen() || isMaximized()) return;
  const auto room = place->availableGeometry();
  const auto wanted = frameGeometry();
  if (room.contains(wanted)) return;
  resize(size().boundedTo(room.size()));
  move(std::clamp(wanted.x(), room.left(), std::max(room.left(), room.right() - width())),
       std::clamp(wanted.y(), room.top(), std::max(room.top(), room.bottom() - height())));
}

void MainWindow::refresh() {
  const auto slide = studio_->current();
  setWindowTitle(slide ? tr("%1 – Tessera Studio").arg(slide->name()) : tr("Tessera Studio"));
  close_->setEnabled(slide != nullptr);
  reopen_->setEnabled(slide != nullptr);
  tissue_box_->setVisible(!slide || !slide->is_fundus);
  export_->setEnabled(slide && (studio_->result() || studio_->mask_result()));
  heatmap_->setEnabled(studio_->heatmap()->is_available());
  heatmap_->setChecked(studio_->heatmap()->is_shown() && studio_->heatmap()->is_available());
  tiles_->setEnabled(studio_->heatmap()->is_available());
  tiles_->setChecked(studio_->heatmap()->is_grid_shown());
  masks_->setEnabled(studio_->masks()->is_available());
  masks_->setChecked(studio_->masks()->is_shown() && studio_->masks()->is_available());
  const bool has_tiles = studio_->top_tiles()->rowCount() > 0;
  outlines_->setEnabled(has_tiles);
  gallery_box_->setVisible(has_tiles);
  const auto rows = (studio_->top_tiles()->rowCount() + kGalleryColumns - 1) / kGalleryColumns;
  gallery_->setFixedHeight(rows * (kThumbnail + kScoreLine) + 4);
  refresh_zoom();
}

void MainWindow::refresh_zoom() {
  const auto slide = studio_->current();
  zoom_->setText(slide ? viewmodels::zoom_words(*slide, slide_view()->view().scale() * devicePixelRatioF())
                       : QString{});
}

void MainWindow::show_position(std::optional<imaging::PointD> l0) {
  const auto slide = studio_->current();
  if (!l0 || !slide) {
    position_->clear();
    return;
  }
  auto words = viewmodels::position_words(*slide, *l0);
  if (const auto score = studio_->heatmap()->raw_score_at(*l0)) {
    words += tr("   score %1").arg(viewmodels::score_words(static_cast<double>(*score)));
  }
  if (const auto name = studio_->masks()->class_at(*l0); !name.isEmpty()) words += tr("   %1").arg(name);
  position_->setText(words);
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
  if (event->mimeData()->hasUrls()) event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event) {
  QStringList files;
  for (const auto& url : event->mimeData()->urls()) {
    if (url.isLocalFile()) files << url.toLocalFile();
  }
  if (files.isEmpty()) return;
  studio_->open_files(files);
  event->acceptProposedAction();
}

void MainWindow::closeEvent(QCloseEvent* event) {
  if (keeps_place_) studio_->preferences().set_window(saveGeometry(), saveState());
  studio_->analysis()->cancel();
  QMainWindow::closeEvent(event);
}

}  // namespace gui
