#include "app/viewmodels/open_slides.h"

#include <algorithm>

#include "app/viewmodels/wording.h"

namespace viewmodels {

int OpenSlides::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(slides_.size());
}

QVariant OpenSlides::data(const QModelIndex& index, int role) const {
  const auto slide = at(index.row());
  if (!index.isValid() || !slide) return {};
  switch (role) {
    case Qt::DisplayRole:
      return slide->name();
    case Qt::ToolTipRole:
      return slide_summary(*slide);
    case Qt::DecorationRole:
      return slide->overview.isNull() ? QVariant{} : QVariant{slide->overview};
    default:
      return {};
  }
}

std::shared_ptr<OpenSlide> OpenSlides::at(int row) const {
  if (row < 0 || row >= static_cast<int>(slides_.size())) return nullptr;
  return slides_[static_cast<std::size_t>(row)];
}

int OpenSlides::find(const std::filesystem::path& path) const {
  for (std::size_t row = 0; row < slides_.size(); ++row) {
    if (slides_[row]->path() == path) return static_cast<int>(row);
  }
  return -1;
}

int OpenSlides::add(std::shared_ptr<OpenSlide> slide) {
  const auto place = std::ranges::upper_bound(slides_, slide->number, {}, &OpenSlide::number);
  const auto row = static_cast<int>(place - slides_.begin());
  beginInsertRows({}, row, row);
  slides_.insert(place, std::move(slide));
  endInsertRows();
  return row;
}

void OpenSlides::remove(int row) {
  beginRemoveRows({}, row, row);
  slides_.erase(slides_.begin() + row);
  endRemoveRows();
}

void OpenSlides::tell_changed(int row) {
  Q_EMIT dataChanged(index(row), index(row));
}

}  // namespace viewmodels
