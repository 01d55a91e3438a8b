#pragma once

#include "imaging/base/image.h"

namespace models {

/// A photograph cut to its field of view, as imaging::crop_to_field gives it.
struct FieldPicture {
  imaging::Image8 image;  ///< S x S x 3 RGB, 0 outside the field
  imaging::Image8 mask;   ///< S x S x 1; above 127 inside the field
  /// S x S x kLesionKinds, above 127 on a lesion of that kind (lesion_kind_names); empty where nobody marked
  /// any
  imaging::Image8 lesions = {};
};

}  // namespace models
