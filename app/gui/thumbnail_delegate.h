#pragma once

#include <QStyledItemDelegate>

namespace gui {

/// Draws an item's picture within the view's icon size.
class ThumbnailDelegate : public QStyledItemDelegate {
 public:
  ThumbnailDelegate(QSize size, QObject* parent) : QStyledItemDelegate(parent), size_(size) {}

 protected:
  void initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const override {
    QStyledItemDelegate::initStyleOption(option, index);
    option->decorationSize = size_;
  }

 private:
  QSize size_;
};

}  // namespace gui
