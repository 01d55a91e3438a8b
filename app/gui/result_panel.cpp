#include "app/gui/result_panel.h"

#include <QGridLayout>
#include <QLabel>
#include <QPainter>
#include <QVBoxLayout>
#include <algorithm>

#include "app/gui/theme.h"
#include "app/report/fundus_words.h"
#include "app/report/segment_words.h"
#include "app/viewmodels/wording.h"
#include "app/workflows/stain.h"

namespace gui {
namespace {

constexpr int kBarRow = 24;
constexpr int kBarHeight = 5;

void clear(QLayout* layout) {
  while (auto* item = layout->takeAt(0)) {
    delete item->widget();
    delete item;
  }
}

/// Grades of retinopathy in words; other classes as they are.
std::vector<std::pair<std::string, double>> named(std::vector<std::pair<std::string, double>> probabilities) {
  for (auto& [name, value] : probabilities) name = workflows::grade_words(name).brief;
  return probabilities;
}

}  // namespace

ProbabilityBars::ProbabilityBars(QWidget* parent) : QWidget(parent) {
  setObjectName("probability_bars");
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
}

void ProbabilityBars::set_probabilities(std::vector<std::pair<std::string, double>> probabilities) {
  probabilities_ = std::move(probabilities);
  QStringList words;
  for (const auto& [name, value] : probabilities_) {
    words << tr("%1: %2 %").arg(QString::fromStdString(name)).arg(value * 100, 0, 'f', 1);
  }
  setAccessibleName(tr("Class probabilities"));
  setAccessibleDescription(words.join(", "));
  updateGeometry();
  update();
}

QSize ProbabilityBars::sizeHint() const {
  return {200, static_cast<int>(probabilities_.size()) * (kBarRow + 6)};
}

void ProbabilityBars::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  const auto best = std::ranges::max_element(probabilities_, {}, &std::pair<std::string, double>::second);
  int y = 0;
  for (auto it = probabilities_.begin(); it != probabilities_.end(); ++it) {
    auto font = this->font();
    font.setBold(it == best);
    painter.setFont(font);
    painter.setPen(palette().color(QPalette::WindowText));
    const QRect line(0, y, width(), kBarRow - kBarHeight - 2);
    painter.drawText(line, Qt::AlignLeft | Qt::AlignVCenter, QString::fromStdString(it->first));
    painter.drawText(line, Qt::AlignRight | Qt::AlignVCenter, tr("%1 %").arg(it->second * 100, 0, 'f', 1));
    painter.setPen(Qt::NoPen);
    painter.setBrush(palette().color(QPalette::Mid));
    const QRectF track(0, y + kBarRow - kBarHeight, width(), kBarHeight);
    painter.drawRoundedRect(track, 2.5, 2.5);
    painter.setBrush(it == best ? kAccent : palette().color(QPalette::Dark));
    painter.drawRoundedRect(QRectF(track.topLeft(), QSizeF(track.width() * it->second, kBarHeight)), 2.5,
                            2.5);
    y += kBarRow + 6;
  }
}

ResultPanel::ResultPanel(viewmodels::Studio* studio, QWidget* parent)
    : QWidget(parent),
      studio_(studio),
      verdict_(new QLabel(this)),
      status_(new QLabel(this)),
      bars_(new ProbabilityBars(this)),
      warnings_(new QVBoxLayout),
      facts_(new QGridLayout) {
  setObjectName("result_panel");
  verdict_->setObjectName("verdict");
  verdict_->setAccessibleName(tr("Verdict of the model"));
  verdict_->setToolTip(tr("The most probable class"));
  verdict_->setWordWrap(true);
  status_->setObjectName("result_status");
  status_->setWordWrap(true);
  make_quiet(status_);
  facts_->setColumnStretch(1, 1);
  facts_->setHorizontalSpacing(12);
  facts_->setVerticalSpacing(3);
  warnings_->setSpacing(4);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->addWidget(make_heading(tr("Result"), this));
  column->addWidget(verdict_);
  column->addWidget(status_);
  column->addWidget(bars_);
  column->addLayout(warnings_);
  column->addLayout(facts_);
  connect(studio_, &viewmodels::Studio::case_changed, this, &ResultPanel::refresh);
  refresh();
}

void ResultPanel::add_fact(const QString& name, const QString& value) {
  const auto row = facts_->rowCount();
  auto* name_label = new QLabel(name, this);
  make_quiet(name_label);
  auto* value_label = new QLabel(value, this);
  value_label->setWordWrap(true);
  value_label->setTextInteractionFlags(Qt::TextSelectableByMouse);
  value_label->setAccessibleName(name);
  facts_->addWidget(name_label, row, 0, Qt::AlignTop);
  facts_->addWidget(value_label, row, 1);
}

void ResultPanel::add_fundus_facts(const workflows::CaseResult& result) {
  if (!result.fundus) return;  // failed before it was looked at
  for (const auto& fact : report::fundus_input(result))
    add_fact(QString::fromStdString(fact.name), QString::fromStdString(fact.value));
  if (result.ood) add_fact(tr("Out of distribution"), QString::number(*result.ood, 'g', 3));
}

void ResultPanel::refresh() {
  clear(warnings_);
  clear(facts_);
  const auto& result = studio_->result();
  const auto& masks = studio_->mask_result();
  setVisible(result || masks);
  for (QWidget* widget : std::initializer_list<QWidget*>{verdict_, status_, bars_})
    widget->setVisible(result.has_value());
  bars_->set_probabilities({});
  if (result) add_result(*result);
  if (masks) add_masks(*masks);
}

void ResultPanel::add_warnings(const workflows::CaseResult& result) {
  for (const auto& warning : result.warnings) {
    auto* label = new QLabel(QString::fromStdString(warning), this);
    label->setWordWrap(true);
    label->setProperty("warning", true);
    label->setObjectName("result_warning");
    label->setAccessibleName(tr("Warning"));
    warnings_->addWidget(label);
  }
}

void ResultPanel::add_masks(const workflows::CaseResult& masks) {
  auto* heading = make_heading(QString::fromStdString(report::segment_headline(*masks.segmentation)), this);
  heading->setWordWrap(true);
  facts_->addWidget(heading, facts_->rowCount(), 0, 1, 2);
  add_fact(tr("Model"), QString::fromStdString(masks.model_name));
  for (const auto& fact : report::segment_findings(*masks.segmentation))
    add_fact(QString::fromStdString(fact.name), QString::fromStdString(fact.value));
  add_warnings(masks);
}

void ResultPanel::add_result(const workflows::CaseResult& result) {
  const bool is_abstained = !result.abstention.empty();
  verdict_->setText(result.fundus    ? QString::fromStdString(report::fundus_headline(result))
                    : is_abstained   ? tr("No verdict: the model abstains")
                    : result.verdict ? QString::fromStdString(*result.verdict)
                                     : tr("No verdict"));
  const auto& reason = is_abstained ? result.abstention : result.reason;
  status_->setText(reason.empty() ? tr("Analysis %1").arg(QString::fromStdString(result.status))
                                  : QString::fromStdString(reason));
  bars_->set_probabilities(named(result.probabilities));
  add_warnings(result);
  add_fact(tr("Scale"), viewmodels::scale_words(result.scale));
  add_fact(tr("Model"), QString::fromStdString(result.model_name));
  if (result.kind == "fundus") {
    add_fundus_facts(result);
    return;
  }
  add_fact(tr("Encoder"), QString::fromStdString(result.encoder_name));
  add_fact(tr("Tiles"),
           tr("%1 of %2 px at %3 µm/px").arg(result.tiles).arg(result.tile_px).arg(result.tile_mpp));
  add_fact(tr("Tissue"), tr("%1 % of the slide").arg(result.tissue_fraction * 100, 0, 'f', 1));
  if (const auto words = workflows::stain_words(result.stain); !words.empty())
    add_fact(tr("Stain"), QString::fromStdString(words));
  if (result.ood) add_fact(tr("Out of distribution"), QString::number(*result.ood, 'g', 3));
  add_fact(tr("Tile score"), viewmodels::score_kind_words(result.score_kind));
}

}  // namespace gui
