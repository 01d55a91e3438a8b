#include "app/viewmodels/field_overlay.h"

#include "imaging/fundus/field_of_view.h"

namespace viewmodels {
namespace {

imaging::Image8 to_rgb(const QImage& overview) {
  const auto image = overview.convertToFormat(QImage::Format_RGB888);
  imaging::Image8 rgb(image.width(), image.height(), 3);
  for (int y = 0; y < image.height(); ++y)
    std::copy_n(image.constScanLine(y), static_cast<std::size_t>(image.width()) * 3, rgb.row(y));
  return rgb;
}

}  // namespace

void FieldOverlay::set_slide(std::shared_ptr<const OpenSlide> slide) {
  slide_ = std::move(slide);
  find();
}

void FieldOverlay::set_shown(bool shown) {
  if (shown == shown_) return;
  shown_ = shown;
  find();
}

void FieldOverlay::find() {
  const auto turn = ++turn_;
  disc_.reset();
  Q_EMIT changed();
  if (!shown_ || !slide_ || slide_->overview.isNull()) return;
  background_.run(
      [overview = slide_->overview, width = slide_->size_l0().width] {
        const auto field = imaging::find_field_of_view(to_rgb(overview));
        const auto step = static_cast<double>(width) / overview.width();
        return Disc{{field.centre.x * step, field.centre.y * step}, field.radius * step};
      },
      [this, turn](Disc disc) {
        if (turn != turn_) return;
        disc_ = disc;
        Q_EMIT changed();
      },
      [this, turn](const imaging::JobOutcome& outcome) {
        if (turn == turn_) Q_EMIT problem(QString::fromStdString(outcome.message));
      });
}

}  // namespace viewmodels
