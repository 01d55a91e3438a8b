#include "app/viewmodels/top_tiles.h"

#include "app/viewmodels/wording.h"

namespace viewmodels {

int TopTiles::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(items_.size());
}

QVariant TopTiles::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount()) return {};
  const auto& item = items_[static_cast<std::size_t>(index.row())];
  switch (role) {
    case Qt::DisplayRole:
      return score_words(static_cast<double>(item.score));
    case Qt::DecorationRole:
      return item.icon;
    case Qt::ToolTipRole:
    case Qt::AccessibleTextRole:
      return tr("Tile %1, score %2; click to go there")
          .arg(index.row() + 1)
          .arg(score_words(static_cast<double>(item.score)));
    default:
      return {};
  }
}

void TopTiles::set_items(std::vector<Item> items) {
  beginResetModel();
  items_ = std::move(items);
  for (auto& item : items_) item.icon = QIcon(QPixmap::fromImage(item.image));
  endResetModel();
}

}  // namespace viewmodels
