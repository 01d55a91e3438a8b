#pragma once

#include <QDialog>

class QLineEdit;
class QMainWindow;
class QTreeWidget;

namespace gui {

/// All keys of the window by menu, read off its actions, to be searched.
class KeyMapDialog : public QDialog {
  Q_OBJECT
 public:
  explicit KeyMapDialog(QMainWindow* window);

 private:
  void fill(const QMainWindow& window);
  void filter(const QString& text);

  QLineEdit* search_;
  QTreeWidget* keys_;
};

}  // namespace gui
