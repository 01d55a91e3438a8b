#pragma once

namespace imaging {

/// Sets the size of OpenCV's pool. Results do not depend on it.
void set_image_threads(int threads);

}  // namespace imaging
