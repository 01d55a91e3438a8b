#pragma once

#include <QDialog>
#include <memory>

#include "app/viewmodels/background.h"
#include "imaging/slide/slide_reader.h"

class QComboBox;
class QLabel;

namespace gui {

/// Label, macro and thumbnail images of a slide, which may name the patient: nothing is read before it is
/// asked for.
class AssociatedDialog : public QDialog {
  Q_OBJECT
 public:
  AssociatedDialog(std::shared_ptr<const imaging::SlideReader> reader, QWidget* parent);

 private:
  void show_image();

  std::shared_ptr<const imaging::SlideReader> reader_;
  QComboBox* names_;
  QLabel* image_;
  viewmodels::Background background_{this};
};

}  // namespace gui
