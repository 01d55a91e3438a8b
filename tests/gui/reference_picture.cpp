#include "tests/gui/reference_picture.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "tests/support/test_support.h"

namespace gui {

void expect_as_before(const QImage& shown, const QString& name) {
  const auto path = QString::fromStdString((support::source_root() / "tests/gui/references").string()) + "/" +
                    name + ".png";
  if (qEnvironmentVariableIsSet("TESSERA_WRITE_REFERENCES")) {
    ASSERT_TRUE(shown.convertToFormat(QImage::Format_RGB888).save(path));
    return;
  }
  const QImage reference = QImage(path).convertToFormat(QImage::Format_RGB32);
  ASSERT_EQ(reference.size(), shown.size()) << name.toStdString();
  const auto now = shown.convertToFormat(QImage::Format_RGB32);
  double sum = 0;
  std::int64_t far = 0;
  for (int y = 0; y < now.height(); ++y) {
    for (int x = 0; x < now.width(); ++x) {
      const auto a = now.pixel(x, y);
      const auto b = reference.pixel(x, y);
      const auto difference = std::max(
          {std::abs(qRed(a) - qRed(b)), std::abs(qGreen(a) - qGreen(b)), std::abs(qBlue(a) - qBlue(b))});
      sum += difference;
      far += difference > 32 ? 1 : 0;
    }
  }
  const auto pixels = static_cast<double>(now.width()) * now.height();
  EXPECT_LT(sum / pixels, 2.5) << name.toStdString() << ", mean difference in grey levels";
  EXPECT_LT(static_cast<double>(far) / pixels, 0.03) << name.toStdString() << ", share of pixels that differ";
}

}  // namespace gui
