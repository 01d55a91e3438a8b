#include "app/viewmodels/view_transform.h"

#include <algorithm>
#include <cmath>

namespace viewmodels {

using imaging::PointD;
using imaging::RectD;

void ViewTransform::set_slide(imaging::SizeI slide_size_l0) {
  slide_ = slide_size_l0;
  fit();
}

void ViewTransform::resize_view(double width, double height) {
  view_width_ = std::max(1.0, width);
  view_height_ = std::max(1.0, height);
  if (fitted_) {
    fit();
  } else {
    limit();
  }
}

PointD ViewTransform::to_l0(PointD view) const {
  return {centre_l0_.x + (view.x - view_width_ / 2) / scale_,
          centre_l0_.y + (view.y - view_height_ / 2) / scale_};
}

PointD ViewTransform::to_view(PointD l0) const {
  return {(l0.x - centre_l0_.x) * scale_ + view_width_ / 2,
          (l0.y - centre_l0_.y) * scale_ + view_height_ / 2};
}

RectD ViewTransform::rect_to_view(RectD l0) const {
  const auto corner = to_view({l0.x, l0.y});
  return {corner.x, corner.y, l0.width * scale_, l0.height * scale_};
}

RectD ViewTransform::visible_l0() const {
  const auto corner = to_l0({0, 0});
  return {corner.x, corner.y, view_width_ / scale_, view_height_ / scale_};
}

double ViewTransform::fit_scale() const {
  const auto scale = std::min(view_width_ / static_cast<double>(slide_.width),
                              view_height_ / static_cast<double>(slide_.height));
  return std::min(scale, kMaxScale);
}

double ViewTransform::min_scale() const {
  return fit_scale() / 2;
}

void ViewTransform::fit() {
  centre_l0_ = {static_cast<double>(slide_.width) / 2, static_cast<double>(slide_.height) / 2};
  scale_ = fit_scale();
  fitted_ = true;
}

void ViewTransform::zoom_about(PointD view, double factor) {
  const auto anchor = to_l0(view);
  scale_ = std::clamp(scale_ * factor, min_scale(), kMaxScale);
  centre_l0_ = {anchor.x - (view.x - view_width_ / 2) / scale_,
                anchor.y - (view.y - view_height_ / 2) / scale_};
  fitted_ = false;
  limit();
}

void ViewTransform::set_scale(double scale) {
  zoom_about({view_width_ / 2, view_height_ / 2}, scale / scale_);
}

void ViewTransform::pan_by(double dx, double dy) {
  centre_on({centre_l0_.x - dx / scale_, centre_l0_.y - dy / scale_});
}

void ViewTransform::centre_on(PointD l0) {
  centre_l0_ = l0;
  fitted_ = false;
  limit();
}

void ViewTransform::show_rect(RectD l0, double fill) {
  scale_ =
      std::clamp(fill * std::min(view_width_ / l0.width, view_height_ / l0.height), min_scale(), kMaxScale);
  centre_on({l0.x + l0.width / 2, l0.y + l0.height / 2});
}

void ViewTransform::limit() {
  scale_ = std::clamp(scale_, min_scale(), kMaxScale);
  const auto keep = [this](double centre, std::int64_t size, double view) {
    const auto length = static_cast<double>(size);
    const auto kept = std::min({kKeepVisible / scale_, length, view / 2 / scale_});
    const auto reach = view / 2 / scale_ - kept;  // how far the centre may leave the slide
    return std::clamp(centre, -reach, length + reach);
  };
  centre_l0_ = {keep(centre_l0_.x, slide_.width, view_width_),
                keep(centre_l0_.y, slide_.height, view_height_)};
}

ScaleBar choose_scale_bar(double units_per_view, double max_view) {
  const auto longest = units_per_view * max_view;
  const auto power = std::pow(10.0, std::floor(std::log10(longest)));
  double value = power;
  for (const auto step : {2.0, 5.0}) {
    if (step * power <= longest) value = step * power;
  }
  return {value / units_per_view, value};
}

}  // namespace viewmodels
