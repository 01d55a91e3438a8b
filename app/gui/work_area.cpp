#include "app/gui/work_area.h"

#include <QAction>
#include <QClipboard>
#include <QDialog>
#include <QDialogButtonBox>
#include <QDockWidget>
#include <QDropEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QGuiApplication>
#include <QLabel>
#include <QMenu>
#include <QMenuBar>
#include <QMimeData>
#include <QScrollArea>
#include <QVBoxLayout>
#include <algorithm>

#include "app/gui/actions.h"
#include "app/gui/adapt_panel.h"
#include "app/gui/associated_dialog.h"
#include "app/gui/cohort_panel.h"
#include "app/gui/jobs_panel.h"
#include "app/gui/work_dialogs.h"
#include "app/viewmodels/command_line.h"

namespace gui {

using viewmodels::Studio;
using viewmodels::Workbench;

WorkArea::WorkArea(Workbench* workbench, MainWindow* window)
    : QObject(window),
      workbench_(workbench),
      window_(window),
      worklist_(new WorklistPanel(workbench, window)) {
  setObjectName("work_area");
  worklist_dock_ = add_dock("worklist_dock", tr("Worklist"), worklist_, Qt::LeftDockWidgetArea);
  jobs_dock_ = add_dock("jobs_dock", tr("Jobs"), new JobsPanel(workbench, window), Qt::BottomDockWidgetArea);
  cohort_dock_ =
      add_dock("cohort_dock", tr("Cohort"), new CohortPanel(workbench, window), Qt::BottomDockWidgetArea);
  window_->tabifyDockWidget(jobs_dock_, cohort_dock_);
  auto* adapt_scroll = new QScrollArea(window_);
  adapt_scroll->setObjectName("adapt_scroll");
  adapt_scroll->setWidgetResizable(true);
  adapt_scroll->setFrameShape(QFrame::NoFrame);
  adapt_scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  adapt_scroll->setWidget(new AdaptPanel(workbench, window_));
  adapt_dock_ = add_dock("adapt_dock", tr("Adapt"), adapt_scroll, Qt::RightDockWidgetArea);
  adapt_dock_->setFeatures(QDockWidget::NoDockWidgetFeatures);
  adapt_dock_->setTitleBarWidget(new QWidget(adapt_dock_));
  window_->tabifyDockWidget(window_->findChild<QDockWidget*>("display_dock"), adapt_dock_);
  window_->side_dock()->raise();
  window_->setCorner(Qt::BottomLeftCorner, Qt::LeftDockWidgetArea);
  window_->setCorner(Qt::BottomRightCorner, Qt::RightDockWidgetArea);
  window_->setDockOptions(window_->dockOptions() & ~QMainWindow::AnimatedDocks);
  worklist_dock_->setVisible(false);
  jobs_dock_->setVisible(false);
  cohort_dock_->setVisible(false);
  window_->resizeDocks({worklist_dock_}, {390}, Qt::Horizontal);
  make_menus();
  connect(worklist_, &WorklistPanel::analyse_wanted, this, &WorkArea::show_analyse);
  connect(worklist_, &WorklistPanel::add_wanted, this, [this] { choose_files(false); });
  connect(worklist_, &WorklistPanel::project_wanted, this, &WorkArea::choose_project);
  connect(workbench_, &Workbench::project_changed, this, [this] {
    worklist_dock_->show();
    refresh();
  });
  connect(workbench_->worklist(), &viewmodels::Worklist::items_changed, this, &WorkArea::refresh);
  connect(workbench_->models(), &viewmodels::ModelShelf::changed, this, &WorkArea::refresh);
  connect(workbench_->studio(), &Studio::current_changed, this, &WorkArea::refresh);
  connect(workbench_->studio(), &Studio::case_changed, this, &WorkArea::refresh);
  connect(workbench_->jobs(), &QAbstractItemModel::rowsInserted, this, [this] {
    jobs_dock_->show();
    jobs_dock_->raise();
  });
  connect(workbench_, &Workbench::notice, window_->message_bar(), &MessageBar::show_message);
  auto* view = window_->slide_view();
  connect(view, &SlideView::view_changed, this, [this, view] {
    const auto centre = view->view().centre_l0();
    workbench_->keep_place(view->view().is_fitted() ? std::nullopt
                                                    : std::optional<viewmodels::ViewPlace>{
                                                          {centre.x, centre.y, view->view().scale()}});
  });
  connect(workbench_, &Workbench::place_wanted, view, [view](const viewmodels::ViewPlace& place) {
    view->look_at({place.x_l0, place.y_l0}, place.scale);
  });
  window_->retina()->set_find_partner(
      [this](const std::filesystem::path& file) { return workbench_->other_eye(file); });
  connect(workbench_->adaptation(), &viewmodels::Adaptation::comparison_ready, this,
          &WorkArea::show_comparison);
  window_->installEventFilter(this);
  refresh();
}

bool WorkArea::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() == QEvent::Close) workbench_->jobs()->cancel_all();
  if (event->type() == QEvent::Drop) {
    QStringList paths;
    for (const auto& url : static_cast<QDropEvent*>(event)->mimeData()->urls()) {
      if (url.isLocalFile()) paths << url.toLocalFile();
    }
    if (take_dropped(paths)) return true;
  }
  return QObject::eventFilter(watched, event);
}

QDockWidget* WorkArea::add_dock(const char* object_name, const QString& title, QWidget* content,
                                Qt::DockWidgetArea area) {
  auto* dock = new QDockWidget(title, window_);
  dock->setObjectName(object_name);
  dock->setWidget(content);
  dock->setFeatures(QDockWidget::DockWidgetClosable | QDockWidget::DockWidgetMovable);
  window_->addDockWidget(area, dock);
  return dock;
}

void WorkArea::make_menus() {
  const auto add = [this](const char* name, const QString& text, const QString& tip,
                          const QList<QKeySequence>& keys = {}) {
    return make_action(window_, name, text, tip, keys);
  };
  auto* open = add("action_open_project", tr("&Open project…"),
                   tr("Open a project's folder, or begin a project in a folder"), {tr("Ctrl+Shift+O")});
  add_files_ = add("action_add_files", tr("Add &files…"), tr("Add slides and images to the project"),
                   {tr("Ctrl+Shift+A")});
  add_folder_ = add("action_add_folder", tr("Add fol&der…"),
                    tr("Add all slides and images of a folder to the project"));
  find_missing_ = add("action_find_missing", tr("Find &missing files…"),
                      tr("Look in a folder for the files that are no longer at their places"));
  table_ = add("action_import_table", tr("Facts from a &table…"),
               tr("Patient, eye, scale, label and site of the files from a CSV table"));
  analyse_all_ = add("action_analyse_project", tr("&Analyse project…"),
                     tr("Analyse all files of the project"), {tr("Ctrl+Shift+Return")});
  report_ = add("action_report", tr("&Report and sign-off…"), tr("Look at the report, sign it off, save it"),
                {tr("Ctrl+P")});
  mask_report_ = add("action_mask_report", tr("Report of the &segmentation…"),
                     tr("Look at the report of the masks, sign it off, save it"), {tr("Ctrl+Shift+P")});
  auto* adapt = add("action_adapt", tr("A&dapt a segmenter…"),
                    tr("Fit a segmenter to the pictures of another camera, without labels"), {tr("Ctrl+4")});
  auto* models = add("action_models", tr("M&odels…"), tr("Installed models: cards, install, verify, remove"),
                     {tr("Ctrl+M")});
  auto* preferences = add("action_preferences", tr("&Preferences…"),
                          tr("Theme, language, memory, threads, device"), {tr("Ctrl+,")});
  associated_ = add("action_associated", tr("&Label and macro images…"),
                    tr("Shows what is hidden because it may name the patient"));
  copy_command_ =
      add("action_copy_command", tr("&Copy as command line"),
          tr("Copy the tessera command that analyses the open slide as the window does"), {tr("Ctrl+Alt+C")});
  auto* undo = workbench_->worklist()->undo_stack()->createUndoAction(window_, tr("&Undo"));
  undo->setObjectName("action_project_undo");
  undo->setToolTip(tr("Take the last change of the worklist back"));
  undo->setShortcut(tr("Ctrl+Z"));
  auto* redo = workbench_->worklist()->undo_stack()->createRedoAction(window_, tr("&Redo"));
  redo->setObjectName("action_project_redo");
  redo->setToolTip(tr("Make the last change of the worklist again"));
  redo->setShortcuts({QKeySequence(tr("Ctrl+Shift+Z")), QKeySequence(tr("Ctrl+Y"))});
  for (auto* action : {undo, redo}) keep_keys_to(action, {worklist_});

  auto* menu = make_menu(window_, "project_menu", tr("&Project"));
  const auto menus = window_->menuBar()->actions();
  window_->menuBar()->insertMenu(menus.size() > 1 ? menus[1] : nullptr, menu);
  menu->addAction(open);
  recent_ = make_menu(window_, "recent_menu", tr("Recent pro&jects"));
  menu->addMenu(recent_);
  menu->addSeparator();
  menu->addActions({add_files_, add_folder_, find_missing_, table_});
  menu->addSeparator();
  menu->addActions({undo, redo});
  menu->addSeparator();
  menu->addActions({analyse_all_, copy_command_, report_, mask_report_, associated_});
  menu->addSeparator();
  for (auto* dock : {worklist_dock_, jobs_dock_, cohort_dock_}) {
    auto* toggle = dock->toggleViewAction();
    toggle->setObjectName(dock->objectName() + "_toggle");
    toggle->setToolTip(tr("Show or hide this part of the window"));
    menu->addAction(toggle);
  }
  menu->addSeparator();
  menu->addActions({models, preferences});
  auto* analyse_menu = window_->findChild<QMenu*>("analyse_menu");
  analyse_menu->addSeparator();
  analyse_menu->addAction(adapt);
  connect(adapt, &QAction::triggered, this, [this] {
    adapt_dock_->show();
    adapt_dock_->raise();
  });
  connect(recent_, &QMenu::aboutToShow, this, &WorkArea::fill_recent);
  connect(open, &QAction::triggered, this, &WorkArea::choose_project);
  connect(add_files_, &QAction::triggered, this, [this] { choose_files(false); });
  connect(add_folder_, &QAction::triggered, this, [this] { choose_files(true); });
  connect(table_, &QAction::triggered, this, &WorkArea::choose_table);
  connect(analyse_all_, &QAction::triggered, this, [this] { show_analyse({}); });
  connect(find_missing_, &QAction::triggered, worklist_, &WorklistPanel::find_missing);
  connect(report_, &QAction::triggered, this, [this] {
    if (const auto slide = workbench_->studio()->current()) show_report(slide->case_folder);
  });
  connect(mask_report_, &QAction::triggered, this, [this] {
    if (const auto slide = workbench_->studio()->current()) show_report(slide->mask_folder);
  });
  connect(associated_, &QAction::triggered, this, &WorkArea::show_associated);
  connect(models, &QAction::triggered, this,
          [this] { (new ModelsDialog(workbench_->models(), window_))->open(); });
  connect(preferences, &QAction::triggered, this,
          [this] { (new PreferencesDialog(workbench_, window_))->open(); });
  connect(copy_command_, &QAction::triggered, this, [this] {
    const auto command = workbench_->studio()->analyse_command();
    if (command.isEmpty()) return;
    QGuiApplication::clipboard()->setText(command);
    Q_EMIT workbench_->notice(tr("The command is in the clipboard: %1").arg(command), Studio::Tone::info);
  });
  fill_recent();
}

void WorkArea::fill_recent() {
  recent_->clear();
  for (const auto& folder : workbench_->studio()->preferences().recent_projects()) {
    auto* action = make_action(recent_, "action_recent_project", QFileInfo(folder).fileName(), folder);
    connect(action, &QAction::triggered, workbench_, [this, folder] { workbench_->open_project(folder); });
    recent_->addAction(action);
  }
  recent_->setEnabled(!recent_->isEmpty());
}

void WorkArea::refresh() {
  const bool is_writable = workbench_->has_project() && workbench_->worklist()->is_writable();
  for (auto* action : {add_files_, add_folder_}) action->setEnabled(is_writable);
  table_->setEnabled(is_writable && workbench_->worklist()->rowCount() > 0);
  analyse_all_->setEnabled(workbench_->analyse_hindrance().isEmpty());
  const auto slide = workbench_->studio()->current();
  report_->setEnabled(slide && slide->case_folder);
  mask_report_->setEnabled(slide && slide->mask_folder);
  find_missing_->setEnabled(is_writable && workbench_->worklist()->missing() > 0);
  associated_->setEnabled(slide && !slide->reader->info().associated_images.empty());
  copy_command_->setEnabled(workbench_->studio()->has_analyse_command());
}

void WorkArea::choose_project() {
  auto* dialog = new QFileDialog(window_, tr("Folder of the project (an empty one begins a project)"));
  dialog->setObjectName("project_dialog");
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setFileMode(QFileDialog::Directory);
  dialog->setOption(QFileDialog::ShowDirsOnly);
  connect(dialog, &QFileDialog::fileSelected, workbench_, &Workbench::open_project);
  dialog->open();
}

void WorkArea::choose_files(bool is_folder) {
  auto* dialog = new QFileDialog(window_, is_folder ? tr("Add a folder") : tr("Add slides and images"),
                                 workbench_->studio()->preferences().open_folder());
  dialog->setObjectName("add_dialog");
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  if (is_folder) {
    dialog->setFileMode(QFileDialog::Directory);
    dialog->setOption(QFileDialog::ShowDirsOnly);
  } else {
    dialog->setFileMode(QFileDialog::ExistingFiles);
    dialog->setNameFilters(
        {tr("Slides and images (%1)").arg(viewmodels::slide_name_patterns()), tr("All files (*)")});
  }
  connect(dialog, &QFileDialog::filesSelected, this, [this](const QStringList& files) {
    workbench_->studio()->preferences().set_open_folder(QFileInfo(files.front()).absolutePath());
    workbench_->worklist()->add_paths(files);
  });
  dialog->open();
}

void WorkArea::choose_table() {
  auto* dialog = new QFileDialog(window_, tr("Table with a column “file”"));
  dialog->setObjectName("table_dialog");
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setFileMode(QFileDialog::ExistingFile);
  dialog->setNameFilters({tr("CSV (*.csv)"), tr("All files (*)")});
  connect(dialog, &QFileDialog::fileSelected, workbench_->worklist(), &viewmodels::Worklist::import_table);
  dialog->open();
}

void WorkArea::show_analyse(const std::vector<std::int64_t>& ids) {
  if (const auto hindrance = workbench_->analyse_hindrance(); !hindrance.isEmpty()) {
    Q_EMIT workbench_->notice(hindrance, Studio::Tone::problem);
    return;
  }
  (new AnalyseDialog(workbench_, ids, window_))->open();
}

void WorkArea::show_report(const std::optional<std::filesystem::path>& case_folder) {
  if (!case_folder) return;
  workbench_->reports()->show(*case_folder);
  (new ReportDialog(workbench_, window_))->open();
}

void WorkArea::show_comparison() {
  auto* adaptation = workbench_->adaptation();
  const auto* record = adaptation->record();
  if (record == nullptr) return;
  window_->view_grid()->compare_masks(adaptation->source_masks(), tr("source"), adaptation->adapted_masks(),
                                      record->is_rolled_back ? tr("rolled back") : tr("adapted"));
}

void WorkArea::show_associated() {
  const auto slide = workbench_->studio()->current();
  if (slide) (new AssociatedDialog(slide->reader, window_))->open();
}

bool WorkArea::take_dropped(const QStringList& paths) {
  const bool has_folder =
      std::ranges::any_of(paths, [](const auto& path) { return QFileInfo(path).isDir(); });
  if (!has_folder) return false;
  if (workbench_->has_project()) {
    workbench_->worklist()->add_paths(paths);
  } else {
    Q_EMIT workbench_->notice(tr("Folders go into a project: open one first (Ctrl+Shift+O)."),
                              Studio::Tone::info);
  }
  return true;
}

}  // namespace gui
