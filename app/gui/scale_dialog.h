#pragma once

#include <QDialog>
#include <string>

class QDoubleSpinBox;

namespace gui {

/// Asks for the scale of an image that does not say it: µm per pixel, or to work in pixels.
class ScaleDialog : public QDialog {
  Q_OBJECT
 public:
  ScaleDialog(const QString& file_name, QWidget* parent);

 Q_SIGNALS:
  void scale_chosen(const std::string& mpp);  ///< as `--mpp` takes it

 private:
  QDoubleSpinBox* mpp_;
};

}  // namespace gui
