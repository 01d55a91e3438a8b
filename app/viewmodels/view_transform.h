#pragma once

#include "imaging/base/geometry.h"

namespace viewmodels {

/// Which part of a slide a viewer shows, and how large. Pure arithmetic, no widgets.
///
/// View coordinates are device-independent pixels, x right, y down, origin at the viewer's top left corner.
/// `scale` is view pixels per level-0 pixel. The slide always stays at least partly inside the view.
///
/// The slide may be turned about the middle of the view and mirrored. The `upright` frame is that of a view
/// that is not: same size, same middle. Painters draw in it under `turn`.
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
  /// In the upright frame.
  [[nodiscard]] imaging::RectD rect_to_upright(imaging::RectD l0) const;
  /// The smallest part of level 0, with sides along its axes, that the view covers; may reach beyond the
  /// slide.
  [[nodiscard]] imaging::RectD visible_l0() const;

  [[nodiscard]] double scale() const { return scale_; }
  [[nodiscard]] imaging::PointD centre_l0() const { return centre_l0_; }
  [[nodiscard]] imaging::SizeI slide_size_l0() const { return slide_; }
  [[nodiscard]] double view_width() const { return view_width_; }
  [[nodiscard]] double view_height() const { return view_height_; }
  [[nodiscard]] double fit_scale() const;
  [[nodiscard]] double min_scale() const;  ///< half the fitted one
  [[nodiscard]] bool is_fitted() const { return fitted_; }

  /// What turns offsets from the middle of the upright frame into offsets from the middle of the view:
  /// x' = xx x + xy y, y' = yx x + yy y. Mirrored first, then turned clockwise.
  struct Turn {
    double xx = 1, xy = 0, yx = 0, yy = 1;
  };
  [[nodiscard]] const Turn& turn() const { return turn_; }
  [[nodiscard]] double angle_deg() const { return angle_deg_; }  ///< 0 to 360, clockwise
  [[nodiscard]] bool is_mirrored() const { return mirrored_; }   ///< left and right of the slide exchanged
  [[nodiscard]] bool is_turned() const { return angle_deg_ != 0 || mirrored_; }

  /// Keeps the middle of the view where it is; a fitted view stays fitted.
  void set_turn(double angle_deg, bool mirrored);
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
  [[nodiscard]] imaging::PointD unturned(imaging::PointD offset) const;
  /// Half the sides of visible_l0, level-0 pixels.
  [[nodiscard]] imaging::PointD half_visible_l0() const;

  imaging::SizeI slide_{1, 1};
  double view_width_ = 1;
  double view_height_ = 1;
  imaging::PointD centre_l0_{0.5, 0.5};
  double scale_ = 1;
  bool fitted_ = true;
  double angle_deg_ = 0;
  bool mirrored_ = false;
  Turn turn_;
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
