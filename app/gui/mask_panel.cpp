#include "app/gui/mask_panel.h"

#include <QCheckBox>
#include <QColorDialog>
#include <QComboBox>
#include <QGridLayout>
#include <QLabel>
#include <QPixmap>
#include <QSignalBlocker>
#include <QSlider>
#include <QToolButton>
#include <QVBoxLayout>
#include <cmath>

#include "app/gui/theme.h"

namespace gui {

using viewmodels::MaskOverlay;

MaskPanel::MaskPanel(MaskOverlay* masks, QWidget* parent)
    : QWidget(parent),
      masks_(masks),
      show_(new QCheckBox(tr("Show"), this)),
      opacity_(new QSlider(Qt::Horizontal, this)),
      opacity_value_(new QLabel(this)),
      grid_(new QGridLayout) {
  setObjectName("mask_panel");
  show_->setObjectName("mask_show");
  show_->setAccessibleName(tr("Show the segmentation"));
  show_->setToolTip(tr("Show the classes that the segmenter found"));
  opacity_->setObjectName("mask_opacity");
  opacity_->setAccessibleName(tr("Opacity of fills"));
  opacity_->setToolTip(tr("How much filled classes cover"));
  opacity_->setRange(0, 100);
  opacity_value_->setObjectName("mask_opacity_value");
  opacity_value_->setMinimumWidth(56);
  opacity_value_->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
  auto* head = new QHBoxLayout;
  head->addWidget(make_heading(tr("Segmentation"), this), 1);
  head->addWidget(show_);
  auto* opacity = new QHBoxLayout;
  opacity->addWidget(new QLabel(tr("Opacity"), this));
  opacity->addWidget(opacity_, 1);
  opacity->addWidget(opacity_value_);
  grid_->setColumnStretch(0, 1);
  grid_->setVerticalSpacing(4);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->addLayout(head);
  column->addLayout(grid_);
  column->addLayout(opacity);
  connect(show_, &QCheckBox::clicked, masks_, &MaskOverlay::set_shown);
  connect(opacity_, &QSlider::valueChanged, masks_,
          [this](int value) { masks_->set_opacity(value / 100.0); });
  connect(masks_, &MaskOverlay::changed, this, &MaskPanel::refresh);
  refresh();
}

void MaskPanel::make_rows() {
  for (const auto& row : rows_) {
    for (QWidget* widget : std::initializer_list<QWidget*>{row.shown, row.colour, row.style})
      widget->deleteLater();
  }
  rows_.clear();
  QWidget* before = show_;
  for (std::size_t i = 0; i < masks_->classes().size(); ++i) {
    const auto index = static_cast<int>(i);
    const auto& name = masks_->classes()[i].name;
    const Row row{new QCheckBox(name, this), new QToolButton(this), new QComboBox(this)};
    row.shown->setObjectName(QStringLiteral("mask_class_%1").arg(index + 1));
    row.shown->setToolTip(tr("Show the class %1").arg(name));
    row.colour->setObjectName(QStringLiteral("mask_colour_%1").arg(index + 1));
    row.colour->setAccessibleName(tr("Colour of %1").arg(name));
    row.colour->setToolTip(tr("Colour of %1; display only").arg(name));
    row.style->setObjectName(QStringLiteral("mask_style_%1").arg(index + 1));
    row.style->setAccessibleName(tr("How %1 is drawn").arg(name));
    row.style->setToolTip(tr("Draw %1 as outline, as fill, or both").arg(name));
    row.style->addItems({tr("outline and fill"), tr("outline"), tr("fill")});  // in the order of Style
    grid_->addWidget(row.shown, index, 0);
    grid_->addWidget(row.colour, index, 1);
    grid_->addWidget(row.style, index, 2);
    connect(row.shown, &QCheckBox::clicked, masks_,
            [this, index](bool on) { masks_->set_class_shown(index, on); });
    connect(row.colour, &QToolButton::clicked, this, [this, index] { choose_colour(index); });
    connect(row.style, &QComboBox::activated, masks_, [this, index](int style) {
      masks_->set_class_style(index, static_cast<MaskOverlay::Style>(style));
    });
    for (QWidget* next : std::initializer_list<QWidget*>{row.shown, row.colour, row.style}) {
      setTabOrder(before, next);
      before = next;
    }
    rows_.push_back(row);
  }
  setTabOrder(before, opacity_);
}

void MaskPanel::choose_colour(int index) {
  auto* dialog = new QColorDialog(masks_->classes()[static_cast<std::size_t>(index)].colour, this);
  dialog->setObjectName("mask_colour_dialog");
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  connect(dialog, &QColorDialog::colorSelected, masks_, [this, index](const QColor& colour) {
    if (index < static_cast<int>(masks_->classes().size())) masks_->set_class_colour(index, colour);
  });
  dialog->open();
}

void MaskPanel::refresh() {
  setVisible(masks_->is_available());
  const auto& classes = masks_->classes();
  bool is_same = rows_.size() == classes.size();
  for (std::size_t i = 0; is_same && i < classes.size(); ++i)
    is_same = rows_[i].shown->text() == classes[i].name;
  if (!is_same) make_rows();
  show_->setChecked(masks_->is_shown());
  for (std::size_t i = 0; i < classes.size(); ++i) {
    rows_[i].shown->setChecked(classes[i].is_shown);
    rows_[i].style->setCurrentIndex(static_cast<int>(classes[i].style));
    QPixmap patch(14, 14);
    patch.fill(classes[i].colour);
    rows_[i].colour->setIcon(patch);
  }
  const QSignalBlocker blocker(opacity_);
  opacity_->setValue(static_cast<int>(std::lround(masks_->opacity() * 100)));
  opacity_value_->setText(tr("%1 %").arg(opacity_->value()));
}

}  // namespace gui
