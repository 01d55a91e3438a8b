#pragma once

#include "imaging/base/geometry.h"

namespace viewmodels {

/// Which part of a slide a viewer shows, and how large. Pure arithmetic, no widgets.
///
/// View coordinates are device-independent pixels, x right, y down, origin at the viewer's top left corner.
/// `scale` is view pixels per level-0 pixel. The slide always stays at least partly inside the view.
class ViewTransform {
 public:
  static constexpr double kMaxScale = 32;     ///< one slide pixel is never drawn larger than this
  static constexpr double kKeepVisible = 48;  ///< view pixels of the slide that stay inside the view

  /// Shows another slide, fitted. @param slide_size_l0  both sides >= 1
  void set_slide(imaging::SizeI slide_size_l0);
  /// Keeps the centre and the scale; a fitted view stays fitted.
  void resize_view(double width, double height);

  [[nodiscard]] imaging::PointD to_l0(imaging::PointD view) const;
  [[nodiscard]] imaging::PointD to_view(imaging::PointD l0) const;
  [[nodiscard]] imaging::RectD rect_to_view(imaging::RectD l0) const;
  /// The part of level 0 that the view covers; may reach beyond the slide.
  [[nodiscard]] imaging::RectD visible_l0() const;

  [[nodiscard]] double scale() const { return scale_; }
  [[nodiscard]] imaging::PointD centre_l0() const { return centre_l0_; }
  [[nodiscard]] imaging::SizeI slide_size_l0() const { return slide_; }
  [[nodiscard]] double view_width() const { return view_width_; }
  [[nodiscard]] double view_height() const { return view_height_; }
  [[nodiscard]] double fit_scale() const;
  [[nodiscard]] double min_scale() const;  ///< half the fitted one
  [[nodiscard]] bool is_fitted() const { return fitted_; }

  void fit();
  /// Multiplies the scale; the level-0 point under `view` stays under it as long as no limit is met.
  void zoom_about(imaging::PointD view, double factor);
  /// Sets the scale about the middle of the view.
  void set_scale(double scale);
  /// Moves the content by this many view pixels.
  void pan_by(double dx, double dy);
  void centre_on(imaging::PointD l0);
  /// Shows a rectangle with as much around it as `fill` leaves (1: the rectangle fills the view).
  void show_rect(imaging::RectD l0, double fill);

 private:
  void limit();

  imaging::SizeI slide_{1, 1};
  double view_width_ = 1;
  double view_height_ = 1;
  imaging::PointD centre_l0_{0.5, 0.5};
  double scale_ = 1;
  bool fitted_ = true;
};

/// A round length for a scale bar: 1, 2 or 5 times a power of ten.
struct ScaleBar {
  double length_view = 0;  ///< view pixels
  double value = 0;        ///< in the unit given
};

/// The longest round bar within `max_view` view pixels. @param units_per_view  µm (or level-0 pixels) per
/// view pixel, > 0
[[nodiscard]] ScaleBar choose_scale_bar(double units_per_view, double max_view);

}  // namespace viewmodels
