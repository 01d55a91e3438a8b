#pragma once

#include <QList>
#include <QTimer>
#include <QWidget>
#include <functional>

#include "app/viewmodels/studio.h"

class QAction;
class QCheckBox;
class QComboBox;
class QLabel;
class QLineEdit;
class QListView;
class QPlainTextEdit;
class QPushButton;
class QVBoxLayout;

namespace gui {

/// Tools, the list of annotations, and what is said of the selected one.
class AnnotationPanel : public QWidget {
  Q_OBJECT
 public:
  AnnotationPanel(viewmodels::Studio* studio, QWidget* parent);

  /// One for each tool, in their order.
  [[nodiscard]] const QList<QAction*>& tool_actions() const { return tool_actions_; }

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 Q_SIGNALS:
  void go_to(imaging::RectD rect_l0);

 private:
  void make_tools(QVBoxLayout* column);
  void make_details(QVBoxLayout* column);
  void take_document();
  void refresh_list();
  void refresh_selected();
  void choose_class(const QString& name);
  void choose_colour();
  void keep_typed();
  void edit_selected(const std::function<void(imaging::Annotation&)>& change);
  void import_annotations();
  void export_annotations();
  void export_labels();
  void export_region();

  viewmodels::Studio* studio_;
  QMetaObject::Connection document_changed_, document_selected_;
  QList<QAction*> tool_actions_;
  QComboBox* class_;
  QListView* list_;
  QWidget* details_;
  QLineEdit* name_;
  QComboBox* item_class_;
  QPlainTextEdit* notes_;
  QCheckBox* locked_;
  QLabel* measure_;
  QPushButton* colour_;
  QPushButton* region_;
  QPushButton* remove_;
  QTimer typing_;
  QCheckBox* inside_;
  QLabel* summary_;
};

}  // namespace gui
