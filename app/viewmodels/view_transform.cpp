#include "app/viewmodels/view_transform.h"

#include <algorithm>
#include <cmath>
#include <numbers>

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
  const auto offset = unturned({view.x - view_width_ / 2, view.y - view_height_ / 2});
  return {centre_l0_.x + offset.x / scale_, centre_l0_.y + offset.y / scale_};
}

PointD ViewTransform::to_view(PointD l0) const {
  const auto x = (l0.x - centre_l0_.x) * scale_;
  const auto y = (l0.y - centre_l0_.y) * scale_;
  return {turn_.xx * x + turn_.xy * y + view_width_ / 2, turn_.yx * x + turn_.yy * y + view_height_ / 2};
}

RectD ViewTransform::rect_to_upright(RectD l0) const {
  return {(l0.x - centre_l0_.x) * scale_ + view_width_ / 2, (l0.y - centre_l0_.y) * scale_ + view_height_ / 2,
          l0.width * scale_, l0.height * scale_};
}

PointD ViewTransform::unturned(
    PointD offset) const {  // a rotation or reflection: the inverse is the transpose
  return {turn_.xx * offset.x + turn_.yx * offset.y, turn_.xy * offset.x + turn_.yy * offset.y};
}

PointD ViewTransform::half_visible_l0() const {
  return {(std::abs(turn_.xx) * view_width_ + std::abs(turn_.yx) * view_height_) / 2 / scale_,
          (std::abs(turn_.xy) * view_width_ + std::abs(turn_.yy) * view_height_) / 2 / scale_};
}

RectD ViewTransform::visible_l0() const {
  const auto half = half_visible_l0();
  return {centre_l0_.x - half.x, centre_l0_.y - half.y, 2 * half.x, 2 * half.y};
}

void ViewTransform::set_turn(double angle_deg, bool mirrored) {
  angle_deg_ = std::fmod(std::fmod(angle_deg, 360) + 360, 360);
  mirrored_ = mirrored;
  auto cosine = std::cos(angle_deg_ * std::numbers::pi / 180);
  auto sine = std::sin(angle_deg_ * std::numbers::pi / 180);
  if (std::fmod(angle_deg_, 90) == 0) {  // quarter turns to the bit
    cosine = std::round(cosine);
    sine = std::round(sine);
  }
  const double flip = mirrored ? -1 : 1;
  turn_ = {flip * cosine, -sine, flip * sine, cosine};
  if (fitted_) {
    fit();
  } else {
    limit();
  }
}

double ViewTransform::fit_scale() const {
  const auto width = static_cast<double>(slide_.width);
  const auto height = static_cast<double>(slide_.height);
  const auto scale = std::min(view_width_ / (std::abs(turn_.xx) * width + std::abs(turn_.xy) * height),
                              view_height_ / (std::abs(turn_.yx) * width + std::abs(turn_.yy) * height));
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
  const auto offset = unturned({view.x - view_width_ / 2, view.y - view_height_ / 2});
  centre_l0_ = {anchor.x - offset.x / scale_, anchor.y - offset.y / scale_};
  fitted_ = false;
  limit();
}

void ViewTransform::set_scale(double scale) {
  zoom_about({view_width_ / 2, view_height_ / 2}, scale / scale_);
}

void ViewTransform::pan_by(double dx, double dy) {
  const auto moved = unturned({dx, dy});
  centre_on({centre_l0_.x - moved.x / scale_, centre_l0_.y - moved.y / scale_});
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
  const auto keep = [this](double centre, std::int64_t size, double half_view) {
    const auto length = static_cast<double>(size);
    const auto kept = std::min({kKeepVisible / scale_, length, half_view});
    const auto reach = half_view - kept;  // how far the centre may leave the slide
    return std::clamp(centre, -reach, length + reach);
  };
  const auto half = half_visible_l0();
  centre_l0_ = {keep(centre_l0_.x, slide_.width, half.x), keep(centre_l0_.y, slide_.height, half.y)};
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
