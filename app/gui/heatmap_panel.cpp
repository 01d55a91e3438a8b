#include "app/gui/heatmap_panel.h"

#include <QCheckBox>
#include <QComboBox>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QPainter>
#include <QSignalBlocker>
#include <QSlider>
#include <cmath>

#include "app/gui/named.h"
#include "app/gui/theme.h"
#include "app/viewmodels/wording.h"

namespace gui {
namespace {

constexpr int kSliderSteps = 1000;

QString score(float value) {
  return viewmodels::score_words(static_cast<double>(value));
}

}  // namespace

ColourBar::ColourBar(viewmodels::Heatmap* heatmap, QWidget* parent) : QWidget(parent), heatmap_(heatmap) {
  setObjectName("colour_bar");
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  connect(heatmap_, &viewmodels::Heatmap::changed, this, [this] {
    setAccessibleName(tr("Colours from %1 to %2").arg(score(heatmap_->low()), score(heatmap_->high())));
    update();
  });
}

void ColourBar::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.setRenderHint(QPainter::SmoothPixmapTransform);
  const QRect bar(0, 3, width(), 11);
  painter.drawImage(bar, heatmap_->colour_strip());
  const auto cut = static_cast<int>(heatmap_->threshold_share() * bar.width());
  painter.fillRect(QRect(bar.left(), bar.top(), cut, bar.height()), palette().color(QPalette::Window));
  painter.setPen(palette().color(QPalette::Mid));
  painter.drawRect(bar.adjusted(0, 0, -1, -1));
  if (cut > 0) painter.fillRect(QRect(cut - 1, 0, 2, 17), palette().color(QPalette::WindowText));
  painter.setPen(palette().color(QPalette::WindowText));
  const QRect labels(0, 17, width(), height() - 17);
  painter.drawText(labels, Qt::AlignLeft | Qt::AlignTop, score(heatmap_->low()));
  painter.drawText(labels, Qt::AlignHCenter | Qt::AlignTop, score((heatmap_->low() + heatmap_->high()) / 2));
  painter.drawText(labels, Qt::AlignRight | Qt::AlignTop,
                   (heatmap_->is_clipped() ? QStringLiteral("≥ ") : QString()) + score(heatmap_->high()));
}

HeatmapPanel::HeatmapPanel(viewmodels::Heatmap* heatmap, QWidget* parent)
    : QWidget(parent), heatmap_(heatmap) {
  setObjectName("heatmap_panel");
  show_ = named(new QCheckBox(tr("Show"), this), "heatmap_show", tr("Show the heatmap"),
                tr("Show the heatmap (H)"));
  channel_ = named(new QComboBox(this), "heatmap_channel", tr("Score"), tr("Which score is painted"));
  channel_label_ = new QLabel(tr("Score"), this);
  values_ = named(new QComboBox(this), "heatmap_values", tr("Values"),
                  tr("Raw scores as the model gave them, or their ranks (display only)"));
  values_->addItems({tr("Raw"), tr("Rank")});
  colormap_ = named(new QComboBox(this), "heatmap_colormap", tr("Colours"), tr("Colours of the heatmap"));
  colormap_->addItems(viewmodels::Heatmap::colormap_names());
  opacity_ = named(new QSlider(Qt::Horizontal, this), "heatmap_opacity", tr("Opacity"),
                   tr("How much the heatmap covers"));
  opacity_->setRange(0, 100);
  opacity_value_ = new QLabel(this);
  threshold_ = named(new QSlider(Qt::Horizontal, this), "heatmap_threshold", tr("Threshold"),
                     tr("Tiles with a lower score are not painted"));
  threshold_->setRange(0, kSliderSteps);
  threshold_value_ = new QLabel(this);
  opacity_value_->setMinimumWidth(56);
  threshold_value_->setMinimumWidth(56);
  for (auto* label : {opacity_value_, threshold_value_})
    label->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
  opacity_value_->setObjectName("heatmap_opacity_value");
  threshold_value_->setObjectName("heatmap_threshold_value");

  grid_lines_ = named(new QCheckBox(tr("Tile outlines"), this), "heatmap_grid", tr("Tile outlines"),
                      tr("Outline the tiles that were scored (G)"));
  inside_ = named(new QCheckBox(tr("Only on tissue"), this), "heatmap_inside", tr("Only on tissue"),
                  tr("Cut the heatmap along the tissue instead of painting whole tiles"));
  auto* grid = new QGridLayout(this);
  grid->setContentsMargins(0, 0, 0, 0);
  grid->setColumnStretch(1, 1);
  grid->setVerticalSpacing(6);
  grid->addWidget(make_heading(tr("Heatmap"), this), 0, 0, 1, 2);
  grid->addWidget(show_, 0, 2, Qt::AlignRight);
  grid->addWidget(new ColourBar(heatmap, this), 1, 0, 1, 3);
  grid->addWidget(channel_label_, 2, 0);
  grid->addWidget(channel_, 2, 1, 1, 2);
  grid->addWidget(new QLabel(tr("Values"), this), 3, 0);
  grid->addWidget(values_, 3, 1, 1, 2);
  grid->addWidget(new QLabel(tr("Colours"), this), 4, 0);
  grid->addWidget(colormap_, 4, 1, 1, 2);
  grid->addWidget(new QLabel(tr("Opacity"), this), 5, 0);
  grid->addWidget(opacity_, 5, 1);
  grid->addWidget(opacity_value_, 5, 2);
  grid->addWidget(new QLabel(tr("Threshold"), this), 6, 0);
  grid->addWidget(threshold_, 6, 1);
  grid->addWidget(threshold_value_, 6, 2);
  auto* choices = new QHBoxLayout;
  choices->addWidget(grid_lines_);
  choices->addWidget(inside_);
  choices->addStretch(1);
  grid->addLayout(choices, 7, 0, 1, 3);

  using viewmodels::Heatmap;
  connect(show_, &QCheckBox::toggled, heatmap_, &Heatmap::set_shown);
  connect(channel_, &QComboBox::activated, heatmap_, &Heatmap::set_channel);
  connect(values_, &QComboBox::activated, heatmap_,
          [this](int index) { heatmap_->set_rank_view(index == 1); });
  connect(colormap_, &QComboBox::activated, heatmap_, &Heatmap::set_colormap);
  connect(opacity_, &QSlider::valueChanged, heatmap_,
          [this](int value) { heatmap_->set_opacity(value / 100.0); });
  connect(threshold_, &QSlider::valueChanged, heatmap_,
          [this](int value) { heatmap_->set_threshold_share(static_cast<double>(value) / kSliderSteps); });
  connect(grid_lines_, &QCheckBox::clicked, heatmap_, &Heatmap::set_grid_shown);
  connect(inside_, &QCheckBox::clicked, heatmap_, &Heatmap::set_hides_outside);
  connect(heatmap_, &Heatmap::changed, this, &HeatmapPanel::refresh);
  refresh();
}

void HeatmapPanel::refresh() {
  setVisible(heatmap_->is_available());
  const QSignalBlocker show_blocker(show_);
  const QSignalBlocker opacity_blocker(opacity_);
  const QSignalBlocker threshold_blocker(threshold_);
  show_->setChecked(heatmap_->is_shown());
  grid_lines_->setChecked(heatmap_->is_grid_shown());
  inside_->setChecked(heatmap_->hides_outside());
  inside_->setEnabled(heatmap_->knows_tissue());
  const auto names = heatmap_->channel_names();
  if (channel_->count() != names.size() || (!names.isEmpty() && channel_->itemText(0) != names.front())) {
    channel_->clear();
    channel_->addItems(names);
  }
  channel_->setCurrentIndex(heatmap_->channel());
  channel_->setVisible(names.size() > 1);
  channel_label_->setVisible(names.size() > 1);
  values_->setCurrentIndex(heatmap_->is_rank_view() ? 1 : 0);
  colormap_->setCurrentIndex(heatmap_->colormap());
  opacity_->setValue(static_cast<int>(std::lround(heatmap_->opacity() * 100)));
  opacity_value_->setText(tr("%1 %").arg(opacity_->value()));
  threshold_->setValue(static_cast<int>(std::lround(heatmap_->threshold_share() * kSliderSteps)));
  threshold_value_->setText(heatmap_->threshold_share() > 0 ? score(heatmap_->threshold()) : tr("off"));
}

}  // namespace gui
