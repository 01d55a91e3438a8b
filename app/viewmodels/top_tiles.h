#pragma once

#include <QAbstractListModel>
#include <QIcon>
#include <QImage>
#include <vector>

#include "imaging/base/geometry.h"

namespace viewmodels {

/// The tiles with the highest scores, best first.
class TopTiles : public QAbstractListModel {
  Q_OBJECT
 public:
  struct Item {
    QImage image;
    float score = 0;
    imaging::RectD rect_l0;
    QIcon icon;  ///< made by set_items, on the GUI thread
  };
  using QAbstractListModel::QAbstractListModel;

  [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
  void set_items(std::vector<Item> items);
  [[nodiscard]] const std::vector<Item>& items() const { return items_; }

 private:
  std::vector<Item> items_;
};

}  // namespace viewmodels
