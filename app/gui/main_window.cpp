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
#include <QScrollArea>
#include <QStatusBar>
#include <QToolBar>
#include <QToolButton>
#include <QVBoxLayout>

#include "app/gui/heatmap_panel.h"
#include "app/gui/look_area.h"
#include "app/gui/result_panel.h"
#include "app/gui/scale_dialog.h"
#include "app/gui/theme.h"
#include "app/gui/tissue_panel.h"
#include "app/viewmodels/wording.h"

namespace gui {
namespace {

constexpr int kPanelWidth = 330;
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

MainWindow::MainWindow(viewmodels::Studio* studio) : studio_(studio) {
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

QAction* MainWindow::add_action(const char* object_name, const QString& text, const QString& icon,
                                const QKeySequence& key) {
  auto* action = new QAction(icon.isEmpty() ? QIcon{} : themed_icon(icon), text, this);
  action->setObjectName(object_name);
  action->setShortcut(key);
  auto tip = text;
  tip.remove("…").remove('&');
  action->setToolTip(key.isEmpty() ? tip : tr("%1 (%2)").arg(tip, key.toString(QKeySequence::NativeText)));
  return action;
}

void MainWindow::make_actions() {
  auto* open = add_action("action_open", tr("&Open…"), "open", QKeySequence::Open);
  close_ = add_action("action_close", tr("&Close slide"), {}, QKeySequence::Close);
  export_ = add_action("action_export", tr("&Export report…"), "report", tr("Ctrl+E"));
  auto* folder = add_action("action_results_folder", tr("&Results folder…"), {}, {});
  auto* quit = add_action("action_quit", tr("&Quit"), {}, QKeySequence::Quit);
  auto* fit = add_action("action_fit", tr("&Whole slide"), "fit", {});
  auto* full = add_action("action_one_to_one", tr("&Full resolution"), "one_to_one", {});
  auto* in = add_action("action_zoom_in", tr("Zoom &in"), "zoom_in", {});
  auto* out = add_action("action_zoom_out", tr("Zoom &out"), "zoom_out", {});
  heatmap_ = add_action("action_heatmap", tr("&Heatmap"), "heatmap", {});
  outlines_ = add_action("action_outlines", tr("&Top tiles"), "outlines", {});
  map_ = add_action("action_map", tr("Overview &map"), "map", {});
  auto* screen = add_action("action_full_screen", tr("Full &screen"), {}, QKeySequence::FullScreen);
  auto* analyse = add_action("action_analyse", tr("&Analyse slide"), "analyse", tr("Ctrl+Return"));
  auto* cancel = add_action("action_cancel", tr("&Cancel"), "cancel", tr("Ctrl+."));
  auto* keys = add_action("action_keys", tr("&Keys"), {}, QKeySequence::HelpContents);
  // Single keys belong to the canvas, which handles them itself; the tips only name them.
  fit->setToolTip(tr("Show the whole slide (0)"));
  full->setToolTip(tr("One slide pixel on one screen pixel (1)"));
  in->setToolTip(tr("Zoom in (+)"));
  out->setToolTip(tr("Zoom out (-)"));
  heatmap_->setToolTip(tr("Show the heatmap (H)"));
  outlines_->setToolTip(tr("Outline the top tiles on the slide (T)"));
  map_->setToolTip(tr("Show the overview map (O)"));
  for (auto* action : {heatmap_, outlines_, map_, screen}) action->setCheckable(true);
  map_->setChecked(true);

  auto* file = menuBar()->addMenu(tr("&File"));
  file->addActions({open, close_});
  file->addSeparator();
  file->addActions({export_, folder});
  file->addSeparator();
  file->addAction(quit);
  auto* view = menuBar()->addMenu(tr("&View"));
  view->setObjectName("view_menu");
  view->addActions({fit, full, in, out});
  view->addSeparator();
  view->addActions({heatmap_, outlines_, map_});
  view->addSeparator();
  view->addAction(screen);
  menuBar()->addMenu(tr("&Analyse"))->addActions({analyse, cancel});
  menuBar()->addMenu(tr("&Help"))->addAction(keys);

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
  connect(export_, &QAction::triggered, this, &MainWindow::choose_export);
  connect(folder, &QAction::triggered, this, &MainWindow::choose_results_folder);
  connect(quit, &QAction::triggered, this, &QWidget::close);
  connect(fit, &QAction::triggered, this, [this] { slide_view()->fit(); });
  connect(full, &QAction::triggered, this, [this] { slide_view()->set_scale(1 / devicePixelRatioF()); });
  connect(in, &QAction::triggered, this, [this] { slide_view()->zoom(1.5); });
  connect(out, &QAction::triggered, this, [this] { slide_view()->zoom(1 / 1.5); });
  connect(heatmap_, &QAction::triggered, studio_->heatmap(), &viewmodels::Heatmap::set_shown);
  connect(outlines_, &QAction::triggered, this, [this](bool on) { slide_view()->set_outlines(on); });
  connect(map_, &QAction::triggered, this, [this](bool on) { slide_view()->set_map_shown(on); });
  connect(screen, &QAction::triggered, this, [this](bool on) { on ? showFullScreen() : showNormal(); });
  connect(analyse, &QAction::triggered, this, [this] { analysis_->analyse(); });
  connect(cancel, &QAction::triggered, studio_->analysis(), &viewmodels::Analysis::cancel);
  connect(keys, &QAction::triggered, this, &MainWindow::show_keys);
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
  column->addWidget(analysis_);
  column->addWidget(make_rule(content));
  column->addWidget(new TissuePanel(studio_->tissue(), content));
  column->addWidget(make_rule(content));
  column->addWidget(result);
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
  if (!slide || !studio_->result()) return;
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

void MainWindow::show_keys() {
  auto* box = new QMessageBox(this);
  box->setObjectName("keys_box");
  box->setAttribute(Qt::WA_DeleteOnClose);
  box->setWindowTitle(tr("Keys"));
  box->setText(
      tr("<table cellspacing='6'>"
         "<tr><td><b>Wheel</b>, <b>+</b> <b>-</b></td><td>zoom</td></tr>"
         "<tr><td><b>Drag</b>, arrows</td><td>move</td></tr>"
         "<tr><td><b>Double click</b></td><td>zoom in twofold, with Shift out</td></tr>"
         "<tr><td><b>0</b></td><td>whole slide</td></tr>"
         "<tr><td><b>1</b></td><td>full resolution</td></tr>"
         "<tr><td><b>2</b> … <b>7</b></td><td>1×, 2×, 5×, 10×, 20×, 40×</td></tr>"
         "<tr><td><b>[</b> <b>]</b>, <b>F</b></td><td>turn by a quarter, mirror</td></tr>"
         "<tr><td><b>C</b></td><td>crosshair with coordinates</td></tr>"
         "<tr><td><b>G</b></td><td>outlines of the tiles</td></tr>"
         "<tr><td><b>M S R E P D . L</b></td><td>move, select, rectangle, ellipse, polygon, freehand, point, "
         "ruler</td></tr>"
         "<tr><td><b>Return</b>, <b>Esc</b>, <b>Del</b></td><td>end a polygon, drop it, delete</td></tr>"
         "<tr><td><b>Ctrl+Z</b>, <b>Ctrl+Shift+Z</b></td><td>undo, redo</td></tr>"
         "<tr><td><b>Ctrl+Shift+C</b></td><td>copy the view as a picture</td></tr>"
         "<tr><td><b>H</b></td><td>heatmap</td></tr>"
         "<tr><td><b>T</b></td><td>outline the top tiles</td></tr>"
         "<tr><td><b>O</b></td><td>overview map</td></tr>"
         "<tr><td><b>Ctrl+Return</b></td><td>analyse</td></tr>"
         "<tr><td><b>Ctrl+.</b></td><td>cancel the analysis</td></tr></table>"));
  box->open();
}

void MainWindow::refresh() {
  const auto slide = studio_->current();
  setWindowTitle(slide ? tr("%1 – Tessera Studio").arg(slide->name()) : tr("Tessera Studio"));
  close_->setEnabled(slide != nullptr);
  export_->setEnabled(slide && studio_->result().has_value());
  heatmap_->setEnabled(studio_->heatmap()->is_available());
  heatmap_->setChecked(studio_->heatmap()->is_shown() && studio_->heatmap()->is_available());
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
  studio_->analysis()->cancel();
  QMainWindow::closeEvent(event);
}

}  // namespace gui
