#include "app/gui/actions.h"

#include <QAction>
#include <QMenu>
#include <QWidget>

#include "app/gui/theme.h"

namespace gui {

QAction* make_action(QWidget* owner, const char* object_name, const QString& text, const QString& tip,
                     const QList<QKeySequence>& keys, const QString& icon) {
  auto* action = new QAction(icon.isEmpty() ? QIcon{} : themed_icon(icon), text, owner);
  action->setObjectName(object_name);
  action->setShortcuts(keys);
  const auto key = action->shortcut();
  action->setToolTip(key.isEmpty() ? tip
                                   : QObject::tr("%1 (%2)").arg(tip, key.toString(QKeySequence::NativeText)));
  action->setStatusTip(action->toolTip());
  return action;
}

void keep_keys_to(QAction* action, const std::vector<QWidget*>& places) {
  action->setShortcutContext(Qt::WidgetWithChildrenShortcut);
  for (auto* place : places) place->addAction(action);
}

QMenu* make_menu(QWidget* owner, const char* object_name, const QString& title) {
  auto* menu = new QMenu(title, owner);
  menu->setObjectName(object_name);
  menu->setToolTipsVisible(true);
  return menu;
}

QString plain_text(QString text) {
  return text.remove(QStringLiteral("…")).remove('&');
}

}  // namespace gui
