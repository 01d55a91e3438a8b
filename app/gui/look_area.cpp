#include "app/gui/look_area.h"

#include <QAction>
#include <QActionGroup>
#include <QBuffer>
#include <QClipboard>
#include <QDockWidget>
#include <QFileDialog>
#include <QGuiApplication>
#include <QMenu>
#include <QMenuBar>
#include <QMessageBox>
#include <QPushButton>
#include <QTabBar>
#include <QTimer>
#include <QToolBar>
#include <QToolButton>

#include "app/gui/actions.h"
#include "app/gui/annotation_panel.h"
#include "app/gui/display_panel.h"
#include "app/gui/theme.h"
#include "imaging/base/files.h"

namespace gui {
namespace {

constexpr double kMagnifications[] = {1, 2, 5, 10, 20, 40};

QDockWidget* make_dock(const char* object_name, const QString& title, QWidget* content, MainWindow* window) {
  auto* dock = new QDockWidget(title, window);
  dock->setObjectName(object_name);
  dock->setFeatures(QDockWidget::NoDockWidgetFeatures);
  dock->setTitleBarWidget(new QWidget(dock));
  dock->setWidget(content);
  return dock;
}

}  // namespace

LookArea::LookArea(viewmodels::Studio* studio, MainWindow* window)
    : QObject(window), studio_(studio), window_(window) {
  make_docks();
  make_view_menu();
  make_annotation_menu();
  connect(studio_, &viewmodels::Studio::current_changed, this, &LookArea::take_document);
  connect(studio_, &viewmodels::Studio::foreign_annotations, this, &LookArea::ask_foreign);
  connect(window_->view_grid(), &ViewGrid::hint, window_->message_bar(), [this](const QString& sentence) {
    window_->message_bar()->show_message(sentence, viewmodels::Studio::Tone::info);
  });
  take_document();
}

QAction* LookArea::add(QMenu* menu, const char* object_name, const QString& text, const QString& tip,
                       const QList<QKeySequence>& keys) {
  auto* action = make_action(window_, object_name, text, tip, keys);
  menu->addAction(action);
  return action;
}

QAction* LookArea::add_for_view(QMenu* menu, const char* object_name, const QString& text, const QString& tip,
                                const QList<QKeySequence>& keys) {
  auto* action = add(menu, object_name, text, tip, keys);
  keep_keys_to(action, {window_->view_grid()});
  return action;
}

void LookArea::make_docks() {
  auto* annotations = new AnnotationPanel(studio_, window_);
  tool_actions_ = annotations->tool_actions();
  annotations_dock_ = make_dock("annotations_dock", tr("Annotations"), annotations, window_);
  display_dock_ = make_dock("display_dock", tr("Display"), new DisplayPanel(studio_, window_), window_);
  window_->setTabPosition(Qt::RightDockWidgetArea, QTabWidget::North);
  window_->tabifyDockWidget(window_->side_dock(), annotations_dock_);
  window_->tabifyDockWidget(annotations_dock_, display_dock_);
  window_->side_dock()->raise();
  QTimer::singleShot(0, window_, [window = window_] {  // the bar of tabs is made with the window's layout
    for (auto* bar : window->findChildren<QTabBar*>()) {
      bar->setAccessibleName(tr("Side panels"));
      for (auto* button : bar->findChildren<QToolButton*>()) button->setToolTip(tr("More side panels"));
    }
  });
  connect(annotations, &AnnotationPanel::go_to, this,
          [this](imaging::RectD rect) { window_->slide_view()->go_to(rect); });
}

void LookArea::show_annotations() {
  annotations_dock_->raise();
}

void LookArea::show_display() {
  display_dock_->raise();
}

void LookArea::make_view_menu() {
  auto* menu = window_->findChild<QMenu*>("view_menu");
  menu->addSeparator();
  auto* magnification = make_menu(window_, "magnification_menu", tr("&Magnification"));
  menu->addMenu(magnification);
  int key = Qt::Key_2;
  for (const auto times : kMagnifications) {
    auto* action =
        add_for_view(magnification, QString("action_magnification_%1").arg(times).toUtf8().constData(),
                     tr("%1×").arg(times), tr("%1 µm per screen pixel").arg(10 / times), {QKeySequence(key)});
    ++key;
    connect(action, &QAction::triggered, this,
            [this, times] { (void)window_->slide_view()->set_magnification(times); });
  }
  auto* turn = make_menu(window_, "turn_menu", tr("&Turn"));
  menu->addMenu(turn);
  const auto turn_by = [this](double angle, bool flips) {
    return [this, angle, flips] {
      const auto& view = window_->slide_view()->view();
      window_->slide_view()->set_turn(view.angle_deg() + angle, view.is_mirrored() != flips);
    };
  };
  connect(add_for_view(turn, "action_turn_right", tr("Quarter to the &right"), tr("Turn clockwise"),
                       {Qt::Key_BracketRight}),
          &QAction::triggered, this, turn_by(90, false));
  connect(add_for_view(turn, "action_turn_left", tr("Quarter to the &left"), tr("Turn anticlockwise"),
                       {Qt::Key_BracketLeft}),
          &QAction::triggered, this, turn_by(-90, false));
  connect(add_for_view(turn, "action_mirror", tr("&Mirror"), tr("Exchange left and right"), {Qt::Key_F}),
          &QAction::triggered, this, turn_by(0, true));
  connect(add(turn, "action_upright", tr("&Upright"), tr("As the slide was scanned")), &QAction::triggered,
          this, [this] { window_->slide_view()->set_turn(0, false); });
  crosshair_ =
      add_for_view(menu, "action_crosshair", tr("&Crosshair"), tr("Crosshair with coordinates"), {Qt::Key_C});
  crosshair_->setCheckable(true);
  connect(crosshair_, &QAction::triggered, this,
          [this](bool on) { window_->slide_view()->set_crosshair(on); });
  connect(window_->view_grid(), &ViewGrid::crosshair_changed, crosshair_, &QAction::setChecked);
  menu->addSeparator();
  auto* views = make_menu(window_, "views_menu", tr("&Views"));
  menu->addMenu(views);
  auto* group = new QActionGroup(this);
  for (const auto count : {1, 2, 4}) {
    auto* action = add(views, QString("action_views_%1").arg(count).toUtf8().constData(),
                       tr("%n view(s)", nullptr, count), tr("Slides side by side; press one to work on it"),
                       {QKeySequence(tr("Ctrl+Alt+%1").arg(count))});
    action->setCheckable(true);
    action->setChecked(count == 1);
    group->addAction(action);
    connect(action, &QAction::triggered, this, [this, count] { window_->view_grid()->set_count(count); });
    connect(window_->view_grid(), &ViewGrid::count_changed, action,
            [action, count](int now) { action->setChecked(now == count); });
  }
  views->addSeparator();
  auto* link =
      add(views, "action_link", tr("&Link them"), tr("Views move, zoom and turn together"), {tr("Ctrl+L")});
  link->setCheckable(true);
  link->setChecked(window_->view_grid()->is_linked());
  connect(link, &QAction::triggered, window_->view_grid(), &ViewGrid::set_linked);
  connect(window_->view_grid(), &ViewGrid::linked_changed, link, &QAction::setChecked);
  menu->addSeparator();
  connect(add(menu, "action_copy_view", tr("Copy view as &picture"),
              tr("The view with its overlays and scale bar, to the clipboard"), {tr("Ctrl+Shift+C")}),
          &QAction::triggered, this, &LookArea::copy_picture);
  connect(add(menu, "action_save_view", tr("&Save view as picture…"),
              tr("The view with its overlays and scale bar, as PNG"), {tr("Ctrl+Shift+S")}),
          &QAction::triggered, this, &LookArea::save_picture);
}

void LookArea::make_annotation_menu() {
  auto* menu = make_menu(window_, "annotate_menu", tr("A&nnotate"));
  window_->menuBar()->insertMenu(window_->menuBar()->actions().at(2), menu);  // before Analyse
  undo_ =
      add(menu, "action_undo", tr("&Undo"), tr("Undo the last change of the annotations"), {tr("Ctrl+Z")});
  redo_ = add(menu, "action_redo", tr("&Redo"), tr("Do it again"), {tr("Ctrl+Shift+Z"), tr("Ctrl+Y")});
  // The worklist has an undo of its own.
  for (auto* action : {undo_, redo_})
    keep_keys_to(action, {window_->view_grid(), annotations_dock_, display_dock_, window_->side_dock()});
  connect(undo_, &QAction::triggered, this, [this] { studio_->annotations()->undo_stack()->undo(); });
  connect(redo_, &QAction::triggered, this, [this] { studio_->annotations()->undo_stack()->redo(); });
  menu->addSeparator();
  auto* tools = make_menu(window_, "tools_menu", tr("&Tools"));
  menu->addMenu(tools);
  for (auto* action : tool_actions_) {
    keep_keys_to(action, {window_->view_grid()});
    tools->addAction(action);
  }
  connect(add_for_view(menu, "action_finish", tr("&End the polygon"),
                       tr("End the polygon that is being drawn"), {Qt::Key_Return, Qt::Key_Enter}),
          &QAction::triggered, studio_->editor(), &viewmodels::AnnotationEditor::finish);
  connect(add_for_view(menu, "action_drop", tr("&Drop it"),
                       tr("Drop what is being drawn, or go back to moving the slide"), {Qt::Key_Escape}),
          &QAction::triggered, studio_->editor(), &viewmodels::AnnotationEditor::cancel);
  connect(add_for_view(menu, "action_delete", tr("De&lete"), tr("Delete the chosen annotation"),
                       {Qt::Key_Delete, Qt::Key_Backspace}),
          &QAction::triggered, studio_->editor(), &viewmodels::AnnotationEditor::remove_selected);
  menu->addSeparator();
  connect(add(menu, "action_analysis_tab", tr("Anal&ysis"), tr("Model, result and heatmap"), {tr("Ctrl+1")}),
          &QAction::triggered, this, [this] { window_->side_dock()->raise(); });
  auto* annotations = add(menu, "action_annotations", tr("&Annotations"), tr("Tools and list of annotations"),
                          {tr("Ctrl+2")});
  annotations->setIcon(themed_icon("annotate"));
  connect(annotations, &QAction::triggered, this, &LookArea::show_annotations);
  auto* display =
      add(menu, "action_display", tr("D&isplay"), tr("Brightness, contrast, stains"), {tr("Ctrl+3")});
  display->setIcon(themed_icon("display"));
  connect(display, &QAction::triggered, this, &LookArea::show_display);
  auto* bar = window_->findChild<QToolBar*>("tool_bar");
  bar->addSeparator();
  bar->addActions({annotations, display});
  menu->addSeparator();
  make_copy_menu(menu);
}

void LookArea::make_copy_menu(QMenu* owner) {
  using Action = viewmodels::AnnotationAction;
  auto* menu = make_menu(window_, "annotation_copy_menu", tr("Copy as &command line"));
  owner->addMenu(menu);
  std::vector<std::pair<QAction*, Action>> entries{
      {add(menu, "action_copy_import_command", tr("&Import"),
           tr("The tessera command that adds the file that was imported last")),
       Action::import},
      {add(menu, "action_copy_export_command", tr("&Export"),
           tr("The tessera command that writes these annotations for ASAP or QuPath")),
       Action::convert},
      {add(menu, "action_copy_annotation_command", tr("&Mask and tile labels"),
           tr("The tessera command that writes the mask and the tile labels of these annotations")),
       Action::labels},
      {add(menu, "action_copy_region_command", tr("&Region as an image"),
           tr("The tessera command that saves the part of the slide around the chosen area")),
       Action::region}};
  for (const auto& [entry, action] : entries)
    connect(entry, &QAction::triggered, this, [this, action] { copy_annotation_command(action); });
  connect(menu, &QMenu::aboutToShow, this, [this, entries] {
    const auto slide = studio_->current();
    for (const auto& [entry, action] : entries)
      entry->setEnabled(slide && viewmodels::annotation_command(action, *slide));
  });
}

void LookArea::take_document() {
  disconnect(undo_changed_);
  const auto refresh = [this] {
    auto* document = studio_->annotations();
    undo_->setEnabled(document && document->undo_stack()->canUndo());
    redo_->setEnabled(document && document->undo_stack()->canRedo());
    undo_->setText(document && document->undo_stack()->canUndo()
                       ? tr("&Undo: %1").arg(document->undo_stack()->undoText())
                       : tr("&Undo"));
    redo_->setText(document && document->undo_stack()->canRedo()
                       ? tr("&Redo: %1").arg(document->undo_stack()->redoText())
                       : tr("&Redo"));
  };
  if (auto* document = studio_->annotations())
    undo_changed_ = connect(document->undo_stack(), &QUndoStack::indexChanged, this, refresh);
  refresh();
}

void LookArea::copy_picture() {
  if (!studio_->current()) return;
  QGuiApplication::clipboard()->setImage(window_->slide_view()->picture());
  window_->message_bar()->show_message(tr("The view was copied as a picture."),
                                       viewmodels::Studio::Tone::info);
}

void LookArea::save_picture() {
  const auto slide = studio_->current();
  if (!slide) return;
  auto* dialog = new QFileDialog(window_, tr("Save the view as a picture"));
  dialog->setObjectName("save_view_dialog");
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setAcceptMode(QFileDialog::AcceptSave);
  dialog->setNameFilters({tr("PNG (*.png)")});
  dialog->setDefaultSuffix("png");
  dialog->selectFile(QString::fromStdString(slide->path().stem().string()) + "-view.png");
  connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& file) {
    QByteArray bytes;
    QBuffer buffer(&bytes);
    window_->slide_view()->picture().save(&buffer, "PNG");
    try {
      imaging::write_file(file.toStdString(), {bytes.constData(), static_cast<std::size_t>(bytes.size())});
      window_->message_bar()->show_message(tr("The view was saved as %1.").arg(file),
                                           viewmodels::Studio::Tone::info);
    } catch (const imaging::Error& error) {
      window_->message_bar()->show_message(QString::fromUtf8(error.what()),
                                           viewmodels::Studio::Tone::problem);
    }
  });
  dialog->open();
}

void LookArea::copy_annotation_command(viewmodels::AnnotationAction action) {
  const auto slide = studio_->current();
  if (!slide) return;
  slide->annotations->flush();
  const auto line = viewmodels::annotation_command(action, *slide);
  if (!line) return;
  const auto command = line->text();
  QGuiApplication::clipboard()->setText(command);
  window_->message_bar()->show_message(tr("Copied: %1").arg(command), viewmodels::Studio::Tone::info);
}

void LookArea::ask_foreign(const QString& sentence, const imaging::AnnotationSet& set) {
  auto* box = new QMessageBox(QMessageBox::Question, tr("Annotations of another slide?"), sentence,
                              QMessageBox::NoButton, window_);
  box->setObjectName("foreign_box");
  box->setAttribute(Qt::WA_DeleteOnClose);
  auto* take = box->addButton(tr("Add them all the same"), QMessageBox::AcceptRole);
  take->setObjectName("foreign_take");
  box->addButton(QMessageBox::Cancel);
  connect(take, &QAbstractButton::clicked, this, [this, set] {
    if (studio_->annotations()) studio_->annotations()->add_set(set);
  });
  box->open();
}

}  // namespace gui
