#include "app/viewmodels/wording.h"

#include <QLocale>
#include <cmath>

namespace viewmodels {
namespace {

constexpr double kMppOfUnitMagnification = 10;  // µm per screen pixel at 1×

QString grouped(double value, int decimals) {
  auto text = QLocale::c().toString(value, 'f', decimals);
  return text.replace(QLatin1Char(','), QChar(0x202F));  // a narrow space groups thousands
}

}  // namespace

QString scale_words(const std::optional<imaging::SlideScale>& scale) {
  if (!scale) return QObject::tr("scale unknown");
  if (scale->source == "pixels") return QObject::tr("worked in pixels");
  const auto number = [](double mpp) { return QString::number(mpp, 'g', 4); };
  const auto value = number(scale->mpp_x) == number(scale->mpp_y)
                         ? number(scale->mpp_x)
                         : QStringLiteral("%1 × %2").arg(number(scale->mpp_x), number(scale->mpp_y));
  return QObject::tr("%1 µm/px (%2)").arg(value, QString::fromStdString(scale->source));
}

QString slide_summary(const OpenSlide& slide) {
  const auto size = slide.size_l0();
  return QObject::tr("%1 × %2 px · %3")
      .arg(grouped(static_cast<double>(size.width), 0), grouped(static_cast<double>(size.height), 0),
           scale_words(slide.scale));
}

QString position_words(const OpenSlide& slide, imaging::PointD l0) {
  if (slide.has_physical_scale()) {
    return QObject::tr("x %1 µm   y %2 µm")
        .arg(grouped(l0.x * slide.scale->mpp_x, 1), grouped(l0.y * slide.scale->mpp_y, 1));
  }
  return QObject::tr("x %1 px   y %2 px").arg(grouped(std::floor(l0.x), 0), grouped(std::floor(l0.y), 0));
}

QString zoom_words(const OpenSlide& slide, double scale) {
  if (!slide.has_physical_scale()) return QObject::tr("%1 %").arg(scale * 100, 0, 'f', scale < 0.1 ? 1 : 0);
  const auto um_per_pixel = slide.scale->mpp_x / scale;
  const auto magnification = kMppOfUnitMagnification / um_per_pixel;
  return QObject::tr("%1×   %2 µm/px")
      .arg(QString::number(magnification, 'f', magnification < 10 ? 2 : 1),
           QString::number(um_per_pixel, 'g', 3));
}

std::optional<double> magnification_scale(const OpenSlide& slide, double magnification) {
  if (!slide.has_physical_scale()) return std::nullopt;
  return slide.scale->mpp_x * magnification / kMppOfUnitMagnification;
}

QString length_words(double value, bool is_um) {
  if (!is_um) return QObject::tr("%1 px").arg(grouped(value, value < 1 ? 2 : 0));
  if (value >= 1000) return QObject::tr("%1 mm").arg(value / 1000);
  return QObject::tr("%1 µm").arg(value);
}

QString score_words(double score) {
  return QString::number(score, 'g', 4);
}

QString duration_words(double seconds) {
  const auto whole = static_cast<qint64>(std::llround(seconds));
  if (whole < 60) return QObject::tr("%1 s").arg(whole);
  if (whole < 3600) return QObject::tr("%1 min %2 s").arg(whole / 60).arg(whole % 60);
  return QObject::tr("%1 h %2 min").arg(whole / 3600).arg(whole % 3600 / 60);
}

QString score_kind_words(const std::string& score_kind) {
  return QString::fromStdString(score_kind).replace(QLatin1Char('_'), QLatin1Char(' '));
}

}  // namespace viewmodels
