#pragma once

#include <QString>

class QApplication;

namespace gui {

/// Loads the window's words. Call it before the first widget is made.
/// @param language  "system", "en" or "de"; what has no translation stays English
void install_language(QApplication& application, const QString& language);

}  // namespace gui
