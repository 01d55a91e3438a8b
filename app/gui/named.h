#pragma once

#include <QPushButton>
#include <QString>

namespace gui {

/// Gives a control the name that tests find, the one that is read aloud, and its tip. @return  the control
template <typename Control>
Control* named(Control* control, const char* object_name, const QString& name, const QString& tip) {
  control->setObjectName(object_name);
  control->setAccessibleName(name);
  control->setToolTip(tip);
  return control;
}

/// A button that Enter does not press for another control.
inline QPushButton* make_button(const char* object_name, const QString& text, const QString& tip,
                                QWidget* parent) {
  auto* button = named(new QPushButton(text, parent), object_name, text, tip);
  button->setAutoDefault(false);
  return button;
}

}  // namespace gui
