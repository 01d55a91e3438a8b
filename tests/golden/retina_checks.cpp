#include <torch/types.h>

#include <algorithm>

#include "tests/golden/golden_case.h"
#include "tests/golden/retina_loss_checks.h"
#ifdef TESSERA_HAS_IMAGING
#include "imaging/fundus/field_of_view.h"
#endif

namespace golden {
namespace {

#ifdef TESSERA_HAS_IMAGING
constexpr Tolerance kPixels{3, 0};

/// Centre (row, column) and radius of the disc, and its box cut at the frame.
void check_fundus_crop(GoldenCase& golden) {
  const auto tensor = golden.load("image").contiguous();
  imaging::Image8 image(tensor.size(1), tensor.size(0), static_cast<int>(tensor.size(2)));
  std::copy_n(tensor.data_ptr<std::uint8_t>(), image.values().size(), image.data());
  const auto field = imaging::find_field_of_view(image);
  golden.expect_close("center_rc", at::tensor({field.centre.y, field.centre.x}, at::kDouble), kPixels);
  golden.expect_close("radius", at::scalar_tensor(field.radius, at::kDouble), kPixels);
  const auto centre = golden.load("center_rc").to(at::kDouble);
  const double radius = golden.number("radius");
  const double top = std::max(0.0, centre[0].item<double>() - radius);
  const double left = std::max(0.0, centre[1].item<double>() - radius);
  const auto height = std::min(static_cast<double>(image.height()) - top, 2 * radius);
  const auto width = std::min(static_cast<double>(image.width()) - left, 2 * radius);
  golden.expect_close("box",
                      at::tensor({field.box.y, field.box.x, field.box.height, field.box.width}, at::kDouble),
                      at::tensor({top, left, height, width}, at::kDouble), {4, 0});  // two rounded ends
}
#endif

}  // namespace

const CheckTable& retina_checks() {
  static const CheckTable table = [] {
    auto all = retina_loss_checks();
#ifdef TESSERA_HAS_IMAGING
    all["fundus_crop"] = &check_fundus_crop;
#endif
    return all;
  }();
  return table;
}

}  // namespace golden
