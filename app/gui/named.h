#pragma once

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

}  // namespace gui
