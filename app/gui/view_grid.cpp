#include "app/gui/view_grid.h"

#include <QGridLayout>
#include <algorithm>

namespace gui {

ViewGrid::ViewGrid(viewmodels::Studio* studio, QWidget* parent)
    : QWidget(parent), studio_(studio), grid_(new QGridLayout(this)) {
  setObjectName("view_grid");
  grid_->setContentsMargins(0, 0, 0, 0);
  grid_->setSpacing(2);
  active_ = add_view();
  connect(studio_, &viewmodels::Studio::current_changed, this, &ViewGrid::take_current);
}

SlideView* ViewGrid::add_view() {
  auto* view = new SlideView(studio_, this);
  const auto number = static_cast<int>(views_.size());
  if (number > 0) view->setObjectName(QString("slide_view_%1").arg(number + 1));
  grid_->addWidget(view, number / 2, number % 2);
  views_.push_back(view);
  places_[view] = view->view();
  const auto if_active = [this, view](auto signal) {
    return [this, view, signal](auto... values) {
      if (view == active_) Q_EMIT(this->*signal)(values...);
    };
  };
  connect(view, &SlideView::activated, this, [this, view] { activate(view); });
  connect(view, &SlideView::view_changed, this, [this, view] { spread(view); });
  connect(view, &SlideView::view_changed, this, if_active(&ViewGrid::view_changed));
  connect(view, &SlideView::cursor_moved, this, if_active(&ViewGrid::cursor_moved));
  connect(view, &SlideView::outlines_changed, this, if_active(&ViewGrid::outlines_changed));
  connect(view, &SlideView::map_shown_changed, this, if_active(&ViewGrid::map_shown_changed));
  connect(view, &SlideView::crosshair_changed, this, if_active(&ViewGrid::crosshair_changed));
  connect(view, &SlideView::hint, this, &ViewGrid::hint);
  return view;
}

void ViewGrid::activate(SlideView* view) {
  if (view == active_) return;
  active_ = view;
  mark_active();
  Q_EMIT active_changed();
  if (!view->slide() || view->slide() == studio_->current()) return;
  for (int row = 0; row < studio_->slides()->rowCount(); ++row) {
    if (studio_->slides()->at(row) == view->slide()) return studio_->set_current(row);
  }
}

void ViewGrid::take_current() {
  is_spreading_ = true;  // another slide is no movement
  active_->set_slide(studio_->current());
  for (auto* view : views_) {  // a slide that was closed is shown nowhere
    const auto& slides = *studio_->slides();
    bool is_open = false;
    for (int row = 0; row < slides.rowCount(); ++row) is_open = is_open || slides.at(row) == view->slide();
    if (!is_open) view->set_slide(studio_->current());
  }
  is_spreading_ = false;
}

void ViewGrid::set_count(int count) {
  for (auto* view : views_) view->set_masks(nullptr, {});
  while (static_cast<int>(views_.size()) > std::max(1, count)) {
    auto* last = views_.back();
    views_.pop_back();
    places_.erase(last);
    if (last == active_) activate(views_.front());
    last->hide();
    last->deleteLater();
  }
  is_spreading_ = true;  // a view that takes its place moves no other
  while (static_cast<int>(views_.size()) < count) {
    // The next open slide, or the same one again where there are no more.
    const auto rows = studio_->slides()->rowCount();
    const auto next = studio_->current_row() + static_cast<int>(views_.size());
    auto* view = add_view();
    view->set_slide(rows == 0 ? nullptr
                              : studio_->slides()->at(static_cast<int>(views_.size()) <= rows
                                                          ? next % rows
                                                          : studio_->current_row()));
    view->set_map_shown(false);
    if (linked_ || view->slide() == active_->slide()) view->copy_view(*active_);
  }
  is_spreading_ = false;
  mark_active();
  Q_EMIT count_changed(count);
}

void ViewGrid::show_pair(const std::shared_ptr<viewmodels::OpenSlide>& left,
                         const std::shared_ptr<viewmodels::OpenSlide>& right) {
  set_count(1);
  studio_->set_current(studio_->slides()->find(left->path()));
  set_count(2);
  is_spreading_ = true;
  views_[1]->set_slide(right);
  for (auto* view : views_) view->fit();
  is_spreading_ = false;
  set_linked(true);
}

void ViewGrid::compare_masks(const viewmodels::MaskOverlay* left, const QString& left_caption,
                             const viewmodels::MaskOverlay* right, const QString& right_caption) {
  const auto slide = studio_->current();
  if (!slide) return;
  show_pair(slide, slide);
  views_[0]->set_masks(left, left_caption);
  views_[1]->set_masks(right, right_caption);
}

void ViewGrid::mark_active() {
  for (auto* view : views_) view->set_one_of_many(views_.size() > 1, view == active_);
}

void ViewGrid::set_linked(bool linked) {
  linked_ = linked;
  for (const auto* view : views_) places_[view] = view->view();
  Q_EMIT linked_changed(linked);
}

void ViewGrid::spread(SlideView* view) {
  const auto before = places_[view];
  places_[view] = view->view();
  const auto& now = view->view();
  const bool is_same_view = before.view_width() == now.view_width() &&
                            before.view_height() == now.view_height() &&
                            before.slide_size_l0() == now.slide_size_l0();
  if (!linked_ || is_spreading_ || !is_same_view) return;
  is_spreading_ = true;
  for (auto* other : views_) {
    if (other == view) continue;
    other->follow(*view, before);
    places_[other] = other->view();
  }
  is_spreading_ = false;
}

}  // namespace gui
