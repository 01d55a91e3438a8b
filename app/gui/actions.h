#pragma once

#include <QKeySequence>
#include <QList>
#include <QString>
#include <vector>

class QAction;
class QMenu;
class QWidget;

namespace gui {

/// An action of the window. Its tip names its key, so that no list of keys is kept by hand.
/// @param keys  the first is the one that is shown
[[nodiscard]] QAction* make_action(QWidget* owner, const char* object_name, const QString& text,
                                   const QString& tip, const QList<QKeySequence>& keys = {},
                                   const QString& icon = {});

/// Its keys work while one of these widgets, or what lies in it, has the focus: a letter that steers the
/// canvas stays a letter in a field of text.
void keep_keys_to(QAction* action, const std::vector<QWidget*>& places);

/// A menu that shows the tips of its entries.
[[nodiscard]] QMenu* make_menu(QWidget* owner, const char* object_name, const QString& title);

/// A text of a menu without its mark of the access key and its dots.
[[nodiscard]] QString plain_text(QString text);

}  // namespace gui
