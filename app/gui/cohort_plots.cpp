#include "app/gui/cohort_plots.h"

#include <QPainter>
#include <QPainterPath>
#include <algorithm>

#include "app/gui/theme.h"

namespace gui {
namespace {

constexpr double kTitle = 20, kFoot = 18, kSide = 34, kGap = 6;

// Okabe and Ito's colours, told apart by colour-blind eyes; the first is for files without a label.
const QColor kGroups[] = {QColor("#8a94a0"), QColor("#0072b2"), QColor("#d55e00"), QColor("#009e73"),
                          QColor("#cc79a7"), QColor("#e69f00"), QColor("#56b4e9"), QColor("#f0e442")};

QColor group_colour(std::size_t group) {
  return kGroups[group % std::size(kGroups)];
}

QString class_name(const viewmodels::Cohort& cohort, std::size_t index) {
  return index < cohort.class_names().size() ? QString::fromStdString(cohort.class_names()[index])
                                             : QString{};
}

QString shown_class(const viewmodels::Cohort& cohort) {
  return cohort.shown_class() < 0 ? QString{}
                                  : class_name(cohort, static_cast<std::size_t>(cohort.shown_class()));
}

/// Title and frame of a plot; the place of its axes.
QRectF begin_plot(QPainter& painter, const QWidget& widget, const QString& title, double foot) {
  painter.setRenderHint(QPainter::Antialiasing);
  auto font = widget.font();
  font.setBold(true);
  painter.setFont(font);
  painter.setPen(widget.palette().color(QPalette::WindowText));
  painter.drawText(QRectF(0, 0, widget.width(), kTitle), Qt::AlignLeft | Qt::AlignVCenter,
                   QFontMetricsF(font).elidedText(title, Qt::ElideRight, widget.width()));
  painter.setFont(widget.font());
  return {kSide, kTitle + kGap, widget.width() - kSide - kGap, widget.height() - kTitle - kGap - foot};
}

void write_absence(QPainter& painter, const QRectF& place, const QString& words) {
  painter.drawText(place, Qt::AlignCenter | Qt::TextWordWrap, words);
}

}  // namespace

HistogramView::HistogramView(viewmodels::Cohort* cohort, QWidget* parent) : QWidget(parent), cohort_(cohort) {
  setObjectName("cohort_histogram");
  setToolTip(tr("How many files have which probability of the chosen class"));
  const auto refresh = [this] {
    QStringList words;
    for (const auto& group : cohort_->histogram()) {
      for (const auto count : group) words << QString::number(count);
    }
    setAccessibleName(tr("Histogram of the probability of %1").arg(shown_class(*cohort_)));
    setAccessibleDescription(words.join(' '));
    update();
  };
  connect(cohort_, &viewmodels::Cohort::changed, this, refresh);
  refresh();
}

void HistogramView::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  const auto area = begin_plot(painter, *this, tr("Probability of %1").arg(shown_class(*cohort_)), 2 * kFoot);
  const auto counts = cohort_->histogram();
  if (cohort_->class_names().empty()) return write_absence(painter, area, tr("No results yet"));
  const auto bins = counts.front().size();
  int most = 1;
  for (std::size_t bin = 0; bin < bins; ++bin) {
    int sum = 0;
    for (const auto& group : counts) sum += group[bin];
    most = std::max(most, sum);
  }
  const auto ink = palette().color(QPalette::WindowText);
  const double width = area.width() / static_cast<double>(bins);
  for (std::size_t bin = 0; bin < bins; ++bin) {
    double base = area.bottom();
    for (std::size_t group = 0; group < counts.size(); ++group) {
      const double height = area.height() * counts[group][bin] / most;
      painter.fillRect(
          QRectF(area.left() + static_cast<double>(bin) * width + 1, base - height, width - 2, height),
          group_colour(group));
      base -= height;
    }
  }
  painter.setPen(ink);
  painter.drawLine(area.bottomLeft(), area.bottomRight());
  painter.drawText(QRectF(0, area.top() - 8, kSide - 4, 16), Qt::AlignRight | Qt::AlignVCenter,
                   QString::number(most));
  painter.drawText(QRectF(0, area.bottom() - 8, kSide - 4, 16), Qt::AlignRight | Qt::AlignVCenter, "0");
  for (const double tick : {0.0, 0.5, 1.0}) {
    painter.drawText(QRectF(area.left() + tick * area.width() - 20, area.bottom() + 1, 40, kFoot),
                     Qt::AlignCenter, QString::number(tick));
  }
  // Legend: the labels that occur.
  double x = area.left();
  for (std::size_t group = 0; group < counts.size(); ++group) {
    if (std::ranges::all_of(counts[group], [](int count) { return count == 0; })) continue;
    const auto words = group == 0 ? tr("no label") : class_name(*cohort_, group - 1);
    const auto length = fontMetrics().horizontalAdvance(words) + 18.0;
    if (x + length > width * static_cast<double>(bins) + area.left()) break;
    painter.fillRect(QRectF(x, area.bottom() + kFoot + 5, 9, 9), group_colour(group));
    painter.drawText(QRectF(x + 13, area.bottom() + kFoot, length, kFoot), Qt::AlignLeft | Qt::AlignVCenter,
                     words);
    x += length + 8;
  }
}

RocView::RocView(viewmodels::Cohort* cohort, QWidget* parent) : QWidget(parent), cohort_(cohort) {
  setObjectName("cohort_roc");
  setToolTip(tr("True positives against false positives as the threshold falls, for the files with a label"));
  const auto refresh = [this] {
    const auto& auc = cohort_->figures().auc;
    setAccessibleName(tr("ROC curve"));
    setAccessibleDescription(auc ? tr("Area under the curve %1").arg(*auc, 0, 'f', 3) : tr("Not known"));
    update();
  };
  connect(cohort_, &viewmodels::Cohort::changed, this, refresh);
  refresh();
}

void RocView::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  const auto& figures = cohort_->figures();
  const auto area = begin_plot(
      painter, *this, figures.auc ? tr("ROC, area %1").arg(*figures.auc, 0, 'f', 3) : tr("ROC"), kFoot);
  if (!figures.auc) {
    return write_absence(painter, area, tr("Needs files with a label, of the class and of another"));
  }
  const auto side = std::min(area.width(), area.height());
  const QRectF square(area.left(), area.top(), side, side);
  painter.setPen(palette().color(QPalette::Mid));
  painter.drawRect(square);
  painter.drawLine(square.bottomLeft(), square.topRight());
  QPainterPath curve;
  for (const auto& point : figures.roc) {
    const QPointF place(square.left() + point.false_positive_rate * side,
                        square.bottom() - point.true_positive_rate * side);
    curve.elementCount() == 0 ? curve.moveTo(place) : curve.lineTo(place);
  }
  painter.setPen(QPen(kAccent, 2));
  painter.drawPath(curve);
  painter.setPen(palette().color(QPalette::WindowText));
  painter.drawText(QRectF(square.left(), square.bottom(), side, kFoot), Qt::AlignCenter,
                   tr("false positives"));
  painter.save();
  painter.translate(kSide - 8, square.bottom());
  painter.rotate(-90);
  painter.drawText(QRectF(0, -kFoot, side, kFoot), Qt::AlignCenter, tr("true positives"));
  painter.restore();
}

ConfusionView::ConfusionView(viewmodels::Cohort* cohort, QWidget* parent) : QWidget(parent), cohort_(cohort) {
  setObjectName("cohort_confusion");
  setToolTip(tr("Files with a label: a row per true class, a column per decided class"));
  const auto refresh = [this] {
    QStringList words;
    for (const auto count : cohort_->figures().confusion) words << QString::number(count);
    setAccessibleName(tr("Confusion matrix"));
    setAccessibleDescription(words.join(' '));
    update();
  };
  connect(cohort_, &viewmodels::Cohort::changed, this, refresh);
  refresh();
}

void ConfusionView::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  const auto& figures = cohort_->figures();
  const auto title =
      figures.accuracy ? tr("%1 % of %2 right").arg(*figures.accuracy * 100, 0, 'f', 1).arg(figures.labelled)
                       : tr("Confusion");
  auto area = begin_plot(painter, *this, title, kFoot);
  if (figures.confusion.empty()) return write_absence(painter, area, tr("Needs files with a label"));
  const auto count = cohort_->class_names().size();
  const double names = std::min(80.0, area.width() / 3);
  area.setLeft(kGap + names);
  const double width = area.width() / static_cast<double>(count),
               height = area.height() / static_cast<double>(count);
  const auto most = std::max<std::int64_t>(1, *std::ranges::max_element(figures.confusion));
  const QFontMetricsF metrics(font());
  for (std::size_t truth = 0; truth < count; ++truth) {
    const double top = area.top() + static_cast<double>(truth) * height;
    painter.setPen(palette().color(QPalette::WindowText));
    painter.drawText(QRectF(kGap, top, names - 4, height), Qt::AlignRight | Qt::AlignVCenter,
                     metrics.elidedText(class_name(*cohort_, truth), Qt::ElideRight, names - 4));
    for (std::size_t decided = 0; decided < count; ++decided) {
      const QRectF cell(area.left() + static_cast<double>(decided) * width, top, width, height);
      const auto value = figures.confusion[truth * count + decided];
      auto colour = truth == decided ? kAccent : QColor("#d55e00");
      colour.setAlphaF(0.1F + 0.75F * static_cast<float>(value) / static_cast<float>(most));
      painter.fillRect(cell.adjusted(1, 1, -1, -1), colour);
      painter.setPen(palette().color(QPalette::WindowText));
      painter.drawText(cell, Qt::AlignCenter, QString::number(value));
    }
  }
  for (std::size_t decided = 0; decided < count; ++decided) {
    painter.drawText(QRectF(area.left() + static_cast<double>(decided) * width, area.bottom(), width, kFoot),
                     Qt::AlignCenter,
                     metrics.elidedText(class_name(*cohort_, decided), Qt::ElideRight, width - 2));
  }
}

}  // namespace gui
