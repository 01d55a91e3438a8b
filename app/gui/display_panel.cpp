#include "app/gui/display_panel.h"

#include <QCheckBox>
#include <QComboBox>
#include <QGridLayout>
#include <QLabel>
#include <QPushButton>
#include <QSignalBlocker>
#include <QSlider>
#include <cmath>

#include "app/gui/theme.h"

namespace gui {
namespace {
constexpr double kSteps = 100;  // slider steps for brightness 1, or a factor of e
}  // namespace

DisplayPanel::DisplayPanel(viewmodels::Studio* studio, QWidget* parent) : QWidget(parent), studio_(studio) {
  setObjectName("display_panel");
  auto* grid = new QGridLayout(this);
  grid->setColumnStretch(1, 1);
  int row = 0;
  grid->addWidget(make_heading(tr("Display"), this), row++, 0, 1, 3);
  auto* note = new QLabel(tr("Changes the view only, never an analysis."), this);
  note->setWordWrap(true);
  make_quiet(note);
  grid->addWidget(note, row++, 0, 1, 3);
  channel_ = new QComboBox(this);
  channel_->setObjectName("display_channel");
  channel_->setAccessibleName(tr("Channel"));
  channel_->setToolTip(tr("Colour, one stain of H&E, or the green channel of a fundus photograph"));
  channel_->addItems(viewmodels::Display::channel_names());
  grid->addWidget(new QLabel(tr("Channel"), this), row, 0);
  grid->addWidget(channel_, row++, 1, 1, 2);
  const auto add = [&](QSlider*& slider, QLabel*& value, const char* name, const QString& label, int reach) {
    slider = new QSlider(Qt::Horizontal, this);
    slider->setObjectName(name);
    slider->setAccessibleName(label);
    slider->setToolTip(label);
    slider->setRange(-reach, reach);
    value = new QLabel(this);
    value->setMinimumWidth(48);
    value->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
    grid->addWidget(new QLabel(label, this), row, 0);
    grid->addWidget(slider, row, 1);
    grid->addWidget(value, row++, 2);
  };
  add(brightness_, brightness_value_, "display_brightness", tr("Brightness"), 60);
  add(contrast_, contrast_value_, "display_contrast", tr("Contrast"), 130);
  add(gamma_, gamma_value_, "display_gamma", tr("Gamma"), 130);
  field_ = new QCheckBox(tr("Dim outside the fundus field"), this);
  field_->setObjectName("display_field");
  field_->setToolTip(tr("Find the camera's round field in a fundus photograph and dim all outside it"));
  grid->addWidget(field_, row++, 0, 1, 3);
  auto* reset = new QPushButton(tr("Reset"), this);
  reset->setObjectName("display_reset");
  reset->setToolTip(tr("Show the pixels as they are"));
  grid->addWidget(reset, row++, 0, 1, 3, Qt::AlignLeft);
  grid->setRowStretch(row, 1);

  auto* display = studio_->display();
  using viewmodels::Display;
  connect(channel_, &QComboBox::activated, display,
          [display](int index) { display->set_channel(static_cast<Display::Channel>(index)); });
  connect(brightness_, &QSlider::valueChanged, display,
          [display](int value) { display->set_brightness(value / kSteps); });
  connect(contrast_, &QSlider::valueChanged, display,
          [display](int value) { display->set_contrast(std::exp(value / kSteps)); });
  connect(gamma_, &QSlider::valueChanged, display,
          [display](int value) { display->set_gamma(std::exp(value / kSteps)); });
  connect(field_, &QCheckBox::toggled, studio_->field(), &viewmodels::FieldOverlay::set_shown);
  connect(reset, &QPushButton::clicked, display, &Display::reset);
  connect(display, &Display::changed, this, &DisplayPanel::refresh);
  refresh();
}

void DisplayPanel::refresh() {
  const auto* display = studio_->display();
  const QSignalBlocker brightness_blocker(brightness_);
  const QSignalBlocker contrast_blocker(contrast_);
  const QSignalBlocker gamma_blocker(gamma_);
  channel_->setCurrentIndex(static_cast<int>(display->channel()));
  brightness_->setValue(static_cast<int>(std::lround(display->brightness() * kSteps)));
  contrast_->setValue(static_cast<int>(std::lround(std::log(display->contrast()) * kSteps)));
  gamma_->setValue(static_cast<int>(std::lround(std::log(display->gamma()) * kSteps)));
  brightness_value_->setText(QString::number(display->brightness(), 'f', 2));
  contrast_value_->setText(QString::number(display->contrast(), 'f', 2));
  gamma_value_->setText(QString::number(display->gamma(), 'f', 2));
}

}  // namespace gui
