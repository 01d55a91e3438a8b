#pragma once

#include <QObject>
#include <optional>

#include "app/viewmodels/background.h"
#include "app/viewmodels/open_slides.h"
#include "imaging/base/geometry.h"

namespace viewmodels {

/// The camera's round field of a fundus photograph, to dim what lies outside. Found off the GUI thread.
class FieldOverlay : public QObject {
  Q_OBJECT
 public:
  struct Disc {
    imaging::PointD centre_l0;
    double radius_l0 = 0;
  };
  using QObject::QObject;

  void set_slide(std::shared_ptr<const OpenSlide> slide);  ///< null for none; again when its overview came
  void set_shown(bool shown);
  [[nodiscard]] bool is_shown() const { return shown_; }
  /// Absent while not shown, not known, or where there is no field.
  [[nodiscard]] const std::optional<Disc>& disc() const { return disc_; }

 Q_SIGNALS:
  void changed();
  void problem(const QString& sentence);

 private:
  void find();

  std::shared_ptr<const OpenSlide> slide_;
  bool shown_ = false;
  quint64 turn_ = 0;
  std::optional<Disc> disc_;
  Background background_{this};
};

}  // namespace viewmodels
