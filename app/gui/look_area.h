#pragma once

#include <QKeySequence>
#include <QList>
#include <QObject>

#include "app/gui/main_window.h"
#include "app/viewmodels/annotation_commands.h"

class QAction;
class QActionGroup;
class QMenu;

namespace gui {

/// Adds the looking half to the studio's window: annotations and display beside the analysis, several linked
/// views, magnifications, turning, pictures of the view. Holds no state of its own beyond its widgets.
class LookArea : public QObject {
  Q_OBJECT
 public:
  LookArea(viewmodels::Studio* studio, MainWindow* window);

  void show_annotations();  ///< brings their tab to the front
  void show_display();

 private:
  QAction* add(QMenu* menu, const char* object_name, const QString& text, const QString& tip,
               const QList<QKeySequence>& keys = {});
  /// Its keys work while a view has the focus.
  QAction* add_for_view(QMenu* menu, const char* object_name, const QString& text, const QString& tip,
                        const QList<QKeySequence>& keys);
  void make_docks();
  void make_view_menu();
  void make_annotation_menu();
  void take_document();
  void copy_picture();
  void save_picture();
  void make_copy_menu(QMenu* owner);
  void copy_annotation_command(viewmodels::AnnotationAction action);
  void ask_foreign(const QString& sentence, const imaging::AnnotationSet& set);

  viewmodels::Studio* studio_;
  MainWindow* window_;
  QList<QAction*> tool_actions_;
  QDockWidget* annotations_dock_ = nullptr;
  QDockWidget* display_dock_ = nullptr;
  QAction* undo_ = nullptr;
  QAction* redo_ = nullptr;
  QAction* crosshair_ = nullptr;
  QMetaObject::Connection undo_changed_;
};

}  // namespace gui
