#pragma once

#include <QImage>

#include "imaging/base/image.h"

namespace viewmodels {

/// A copy as Qt holds it. @param rgb  H x W x 3
[[nodiscard]] QImage to_qimage(const imaging::Image8& rgb);
/// The other way; alpha is dropped.
[[nodiscard]] imaging::Image8 from_qimage(const QImage& picture);

}  // namespace viewmodels
