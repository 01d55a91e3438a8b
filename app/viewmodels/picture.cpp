#include "app/viewmodels/picture.h"

#include <algorithm>

namespace viewmodels {

QImage to_qimage(const imaging::Image8& rgb) {
  const QImage view(rgb.data(), static_cast<int>(rgb.width()), static_cast<int>(rgb.height()),
                    static_cast<qsizetype>(rgb.width() * 3), QImage::Format_RGB888);
  return view.convertToFormat(QImage::Format_RGB32);  // a copy: the view's memory goes
}

imaging::Image8 from_qimage(const QImage& picture) {
  const auto rgb = picture.convertToFormat(QImage::Format_RGB888);
  imaging::Image8 image(rgb.width(), rgb.height(), 3);
  for (int y = 0; y < rgb.height(); ++y)
    std::copy_n(rgb.constScanLine(y), rgb.width() * 3, image.pixel(0, y));
  return image;
}

}  // namespace viewmodels
