#include "app/gui/key_map_dialog.h"

#include <QAction>
#include <QDialogButtonBox>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QMainWindow>
#include <QMenu>
#include <QMenuBar>
#include <QPushButton>
#include <QTreeWidget>
#include <QVBoxLayout>

#include "app/gui/actions.h"
#include "app/gui/theme.h"

namespace gui {
namespace {

/// Adds the keys of a menu's entries, and those of its submenus under their own names.
void add_menu(QTreeWidget* tree, const QMenu& menu, const QString& path) {
  auto* group = new QTreeWidgetItem({path});
  for (const auto* action : menu.actions()) {
    if (action->menu() != nullptr || action->shortcuts().isEmpty()) continue;
    QStringList keys;
    for (const auto& key : action->shortcuts()) keys << key.toString(QKeySequence::NativeText);
    auto* row = new QTreeWidgetItem(group, {plain_text(action->text()), keys.join(QStringLiteral(", "))});
    row->setToolTip(0, action->toolTip());
    row->setData(0, Qt::UserRole, action->objectName());
  }
  if (group->childCount() > 0) {
    tree->addTopLevelItem(group);
  } else {
    delete group;
  }
  for (const auto* action : menu.actions()) {
    if (action->menu() != nullptr)
      add_menu(tree, *action->menu(), path + QStringLiteral(" › ") + plain_text(action->text()));
  }
}

}  // namespace

KeyMapDialog::KeyMapDialog(QMainWindow* window)
    : QDialog(window), search_(new QLineEdit(this)), keys_(new QTreeWidget(this)) {
  setObjectName("keys_dialog");
  setWindowTitle(tr("Keys"));
  setAttribute(Qt::WA_DeleteOnClose);
  resize(560, 640);
  search_->setObjectName("keys_search");
  search_->setAccessibleName(tr("Search the keys"));
  search_->setToolTip(tr("Show only what holds this text, as action or as key"));
  search_->setPlaceholderText(tr("Search"));
  search_->setClearButtonEnabled(true);
  keys_->setObjectName("keys_list");
  keys_->setAccessibleName(tr("Actions and their keys"));
  keys_->setToolTip(tr("Single letters and digits steer the view while it has the focus"));
  keys_->setHeaderLabels({tr("Action"), tr("Key")});
  keys_->setRootIsDecorated(false);
  keys_->setIndentation(12);
  keys_->header()->setSectionResizeMode(0, QHeaderView::Stretch);
  keys_->header()->setStretchLastSection(false);
  keys_->header()->setSectionResizeMode(1, QHeaderView::ResizeToContents);
  auto* mouse =
      new QLabel(tr("Single keys steer the view while it has the focus: click on it. Mouse: the wheel "
                    "zooms about the cursor, a drag moves, a double click zooms in and with Shift out."),
                 this);
  mouse->setWordWrap(true);
  make_quiet(mouse);
  auto* buttons = new QDialogButtonBox(this);
  auto* close = buttons->addButton(tr("Close"), QDialogButtonBox::RejectRole);
  close->setObjectName("keys_close");
  close->setToolTip(tr("Close this window (Esc)"));
  connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
  auto* column = new QVBoxLayout(this);
  column->addWidget(search_);
  column->addWidget(keys_, 1);
  column->addWidget(mouse);
  column->addWidget(buttons);
  connect(search_, &QLineEdit::textChanged, this, &KeyMapDialog::filter);
  fill(*window);
}

void KeyMapDialog::fill(const QMainWindow& window) {
  for (const auto* action : window.menuBar()->actions()) {
    if (action->menu() != nullptr) add_menu(keys_, *action->menu(), plain_text(action->text()));
  }
  for (int i = 0; i < keys_->topLevelItemCount(); ++i) {
    auto* group = keys_->topLevelItem(i);
    auto font = group->font(0);
    font.setBold(true);
    group->setFont(0, font);
    group->setFirstColumnSpanned(true);
  }
  keys_->expandAll();
}

void KeyMapDialog::filter(const QString& text) {
  for (int i = 0; i < keys_->topLevelItemCount(); ++i) {
    auto* group = keys_->topLevelItem(i);
    int shown = 0;
    for (int j = 0; j < group->childCount(); ++j) {
      auto* row = group->child(j);
      const bool is_wanted = row->text(0).contains(text, Qt::CaseInsensitive) ||
                             row->text(1).contains(text, Qt::CaseInsensitive);
      row->setHidden(!is_wanted);
      shown += is_wanted ? 1 : 0;
    }
    group->setHidden(shown == 0);
  }
}

}  // namespace gui
