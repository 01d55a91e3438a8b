#include "app/gui/scale_dialog.h"

#include <QDialogButtonBox>
#include <QDoubleSpinBox>
#include <QFormLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

namespace gui {

ScaleDialog::ScaleDialog(const QString& file_name, QWidget* parent)
    : QDialog(parent), mpp_(new QDoubleSpinBox(this)) {
  setObjectName("scale_dialog");
  setWindowTitle(tr("Scale of %1").arg(file_name));
  setAttribute(Qt::WA_DeleteOnClose);
  mpp_->setObjectName("scale_mpp");
  mpp_->setAccessibleName(tr("Micrometres per pixel"));
  mpp_->setToolTip(tr("Width of one pixel of the full-size image, in micrometres"));
  mpp_->setDecimals(4);
  mpp_->setRange(0.01, 100);
  mpp_->setSingleStep(0.05);
  mpp_->setValue(0.5);
  mpp_->setSuffix(tr(" µm/px"));
  auto* explanation = new QLabel(tr("This image does not say how large its pixels are, and Tessera does not "
                                    "guess. Lengths and models need the "
                                    "scale; looking does not. It is remembered for this file."),
                                 this);
  explanation->setWordWrap(true);
  auto* buttons = new QDialogButtonBox(this);
  auto* use = buttons->addButton(tr("Use this scale"), QDialogButtonBox::AcceptRole);
  auto* pixels = buttons->addButton(tr("Work in pixels"), QDialogButtonBox::ActionRole);
  auto* later = buttons->addButton(tr("Not now"), QDialogButtonBox::RejectRole);
  use->setObjectName("scale_use");
  pixels->setObjectName("scale_pixels");
  pixels->setToolTip(tr("Tiles are cut by pixels; recorded in the result"));
  later->setObjectName("scale_later");
  auto* form = new QFormLayout;
  form->addRow(tr("Scale"), mpp_);
  auto* column = new QVBoxLayout(this);
  column->addWidget(explanation);
  column->addLayout(form);
  column->addWidget(buttons);
  connect(use, &QPushButton::clicked, this, [this] {
    Q_EMIT scale_chosen(QString::number(mpp_->value(), 'g', 7).toStdString());
    accept();
  });
  connect(pixels, &QPushButton::clicked, this, [this] {
    Q_EMIT scale_chosen("pixels");
    accept();
  });
  connect(later, &QPushButton::clicked, this, &QDialog::reject);
}

}  // namespace gui
