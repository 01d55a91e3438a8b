#include "app/gui/retina_panel.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QPainter>
#include <QPushButton>
#include <QSignalBlocker>
#include <QVBoxLayout>
#include <algorithm>

#include "app/gui/named.h"
#include "app/gui/theme.h"

namespace gui {
namespace {

constexpr int kBarRow = 22;
constexpr int kBarHeight = 5;
constexpr double kThresholdStep = 0.05;

QString to_qt(const std::string& text) {
  return QString::fromStdString(text);
}

}  // namespace

ShareBars::ShareBars(const char* object_name, const QString& accessible_name, QWidget* parent)
    : QWidget(parent) {
  setObjectName(object_name);
  setAccessibleName(accessible_name);
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
}

QString ShareBars::value_words(const Bar& bar) {
  return bar.is_percent ? tr("%1 %").arg(bar.share * 100, 0, 'f', 1) : QString::number(bar.share, 'f', 2);
}

void ShareBars::set_bars(std::vector<Bar> bars) {
  bars_ = std::move(bars);
  QStringList words;
  for (const auto& bar : bars_) words << tr("%1: %2").arg(bar.name, value_words(bar));
  setAccessibleDescription(words.join(", "));
  updateGeometry();
  update();
}

QSize ShareBars::sizeHint() const {
  return {200, static_cast<int>(bars_.size()) * (kBarRow + 4)};
}

void ShareBars::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  int y = 0;
  for (const auto& bar : bars_) {
    auto font = this->font();
    font.setBold(bar.is_emphasised);
    painter.setFont(font);
    painter.setPen(palette().color(QPalette::WindowText));
    const QRect line(0, y, width(), kBarRow - kBarHeight - 1);
    painter.drawText(line, Qt::AlignLeft | Qt::AlignVCenter, bar.name);
    painter.drawText(line, Qt::AlignRight | Qt::AlignVCenter, value_words(bar));
    painter.setPen(Qt::NoPen);
    painter.setBrush(palette().color(QPalette::Mid));
    const QRectF track(0, y + kBarRow - kBarHeight, width(), kBarHeight);
    painter.drawRoundedRect(track, 2.5, 2.5);
    painter.setBrush(bar.is_emphasised ? kAccent : palette().color(QPalette::Dark));
    painter.drawRoundedRect(
        QRectF(track.topLeft(), QSizeF(track.width() * std::clamp(bar.share, 0.0, 1.0), kBarHeight)), 2.5,
        2.5);
    if (bar.mark) {
      painter.setBrush(palette().color(QPalette::WindowText));
      painter.drawRect(QRectF(track.width() * *bar.mark - 1, track.top() - 4, 2, kBarHeight + 8));
    }
    y += kBarRow + 4;
  }
}

RetinaPanel::RetinaPanel(viewmodels::RetinaReview* review, viewmodels::Studio* studio, QWidget* parent)
    : QWidget(parent), review_(review), studio_(studio), grading_(new QWidget(this)) {
  setObjectName("retina_panel");
  grading_->setObjectName("retina_grading");
  const auto add_label = [this](const char* name, const QString& accessible) {
    auto* label = new QLabel(grading_);
    label->setObjectName(name);
    label->setAccessibleName(accessible);
    label->setWordWrap(true);
    return label;
  };
  quality_ = add_label("retina_quality", tr("Quality of the photograph"));
  quality_bars_ = new ShareBars("retina_quality_bars", tr("Quality, each of 1"), grading_);
  quality_bars_->setToolTip(tr("Evenness of light, sharpness and how much of the field is seen, each of 1"));
  reasons_ = add_label("retina_reasons", tr("What the quality gate says"));
  reasons_->setProperty("warning", true);
  override_ =
      named(new QPushButton(tr("Grade all the same…"), grading_), "retina_override", tr("Grade all the same"),
            tr("Grade this photograph although the gate finds it ungradable; the result says so"));
  referable_ = add_label("retina_referable", tr("Referable"));
  referable_bar_ = new ShareBars("retina_referable_bar", tr("Referable score"), grading_);
  referable_bar_->setToolTip(tr("Probability of moderate retinopathy or worse; the mark is the threshold"));
  oedema_ = add_label("retina_oedema", tr("Risk of macular oedema"));
  oedema_bars_ = new ShareBars("retina_oedema_bars", tr("Risk of macular oedema"), grading_);
  oedema_bars_->setToolTip(tr("By hard exudates near the macula, on IDRiD's scale"));
  threshold_ =
      named(new QDoubleSpinBox(this), "retina_threshold", tr("Referable from"),
            tr("Score from which the next grading calls a photograph referable; 0: as the package says"));
  threshold_->setRange(0, 1);
  threshold_->setSingleStep(kThresholdStep);
  threshold_->setDecimals(2);
  threshold_->setSpecialValueText(tr("as the package says"));
  threshold_->setKeyboardTracking(false);
  evidence_ =
      named(new QComboBox(this), "retina_evidence", tr("Evidence map"),
            tr("How the next grading shows where the model looked; occlusion takes many times as long"));
  evidence_->addItem(tr("class activation"), QStringLiteral("class-activation"));
  evidence_->addItem(tr("occlusion"), QStringLiteral("occlusion"));
  ungradable_ = named(new QCheckBox(tr("Grade ungradable photographs too"), this), "retina_ungradable",
                      tr("Grade ungradable photographs too"),
                      tr("The quality gate only warns; every result that it would have refused says so"));
  both_ = named(new QPushButton(tr("Both eyes"), this), "retina_both", tr("Both eyes"), {});

  auto* inner = new QVBoxLayout(grading_);
  inner->setContentsMargins(0, 0, 0, 0);
  for (QWidget* widget : std::initializer_list<QWidget*>{referable_, referable_bar_, oedema_, oedema_bars_,
                                                         quality_, quality_bars_, reasons_, override_})
    inner->addWidget(widget);
  auto* form = new QFormLayout;
  form->setContentsMargins(0, 0, 0, 0);
  form->addRow(tr("Referable from"), threshold_);
  form->addRow(tr("Evidence"), evidence_);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  auto* head = new QHBoxLayout;
  head->addWidget(make_heading(tr("Retina"), this), 1);
  head->addWidget(both_);
  column->addLayout(head);
  column->addWidget(grading_);
  auto* next = new QLabel(tr("The next grading"), this);
  make_quiet(next);
  column->addWidget(next);
  column->addLayout(form);
  column->addWidget(ungradable_);
  setTabOrder(both_, override_);
  setTabOrder(override_, threshold_);
  setTabOrder(threshold_, evidence_);
  setTabOrder(evidence_, ungradable_);
  connect(override_, &QPushButton::clicked, this, &RetinaPanel::override_wanted);
  connect(threshold_, &QDoubleSpinBox::valueChanged, this,
          [this](double value) { review_->set_threshold(value > 0 ? std::optional(value) : std::nullopt); });
  connect(evidence_, &QComboBox::activated, this,
          [this] { review_->set_evidence(evidence_->currentData().toString().toStdString()); });
  connect(ungradable_, &QCheckBox::clicked, review_, &viewmodels::RetinaReview::set_grades_ungradable);
  connect(both_, &QPushButton::clicked, review_, &viewmodels::RetinaReview::show_both);
  connect(review_, &viewmodels::RetinaReview::changed, this, &RetinaPanel::refresh);
  refresh();
}

void RetinaPanel::refresh() {
  setVisible(review_->is_fundus());
  const auto& options = studio_->fundus_options();
  const QSignalBlocker threshold_blocker(threshold_);
  threshold_->setValue(options.referable_threshold.value_or(0));
  evidence_->setCurrentIndex(evidence_->findData(to_qt(options.evidence)));
  ungradable_->setChecked(options.quality_gate == "warn");
  both_->setEnabled(review_->partner().has_value());
  both_->setToolTip(review_->partner() ? tr("Show right and left eye side by side, linked: %1")
                                             .arg(to_qt(review_->partner()->filename().string()))
                                       : tr("No photograph of the other eye is known: give both files the "
                                            "same patient and an eye each in the "
                                            "worklist, or names such as 7_left and 7_right"));
  refresh_grading();
}

void RetinaPanel::refresh_grading() {
  const auto* result = review_->grading();
  grading_->setVisible(result != nullptr);
  if (result == nullptr) return;
  const auto& finding = *result->fundus;
  const auto& quality = finding.quality;
  quality_->setText(tr("Quality: %1").arg(to_qt(quality.verdict)));
  quality_bars_->set_bars({{tr("light"), quality.illumination, {}, false, false},
                           {tr("sharpness"), quality.sharpness, {}, false, false},
                           {tr("field"), quality.coverage, {}, false, false}});
  QStringList reasons;
  for (const auto& reason : quality.reasons) reasons << to_qt(reason);
  if (finding.is_overridden) reasons << tr("graded all the same, as asked for");
  reasons_->setText(reasons.join(QStringLiteral("; ")));
  reasons_->setVisible(!reasons.isEmpty());
  override_->setVisible(quality.verdict == "ungradable" && !finding.is_overridden);

  const bool is_graded = finding.scores.has_value();
  for (QWidget* widget : std::initializer_list<QWidget*>{referable_, referable_bar_})
    widget->setVisible(is_graded);
  if (is_graded) {
    const auto& scores = *finding.scores;
    referable_->setText(!scores.is_referable   ? tr("Referable: not decided")
                        : *scores.is_referable ? tr("Referable: yes")
                                               : tr("Referable: no"));
    referable_bar_->set_bars(
        {{tr("moderate or worse (from %1 %)").arg(scores.referable_threshold * 100, 0, 'f', 0),
          scores.referable_score, scores.referable_threshold, scores.is_referable.value_or(false)},
         {tr("severe or proliferative"), scores.vision_threatening},
         {tr("confidence in the grade"), scores.confidence}});
  }
  const bool has_oedema = finding.oedema.has_value();
  for (QWidget* widget : std::initializer_list<QWidget*>{oedema_, oedema_bars_})
    widget->setVisible(has_oedema);
  if (has_oedema) {
    const auto words = [](const std::string& name) { return to_qt(name).replace('_', ' '); };
    oedema_->setText(tr("Macular oedema: %1").arg(words(finding.oedema->risk)));
    std::vector<ShareBars::Bar> bars;
    for (const auto& [name, probability] : finding.oedema->probabilities)
      bars.push_back({words(name), probability, {}, name == finding.oedema->risk});
    oedema_bars_->set_bars(std::move(bars));
  }
}

}  // namespace gui
