#pragma once

#include <QColor>
#include <QIcon>
#include <QString>

class QApplication;
class QLabel;
class QWidget;

namespace gui {

/// Behind every slide, whatever the theme: neutral, so that stains look the same by day and by night.
inline constexpr QColor kCanvas{0x26, 0x28, 0x2b};
inline constexpr QColor kAccent{0x1f, 0x7a, 0x8c};

/// Sets style, accent and the sheet of the few rules beyond it. The rest follows the system's palette.
/// @param theme  "system", "light" or "dark"
void apply_theme(QApplication& application, const QString& theme = QStringLiteral("system"));

/// One of resources/icons in the palette's text colour.
[[nodiscard]] QIcon themed_icon(const QString& name);

/// Sets a label's text back: something to look up, not to read first.
void make_quiet(QLabel* label);

/// Heading of a part of the side panel.
[[nodiscard]] QLabel* make_heading(const QString& text, QWidget* parent);

}  // namespace gui
