#include "app/gui/associated_dialog.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

#include "app/viewmodels/picture.h"

namespace gui {

AssociatedDialog::AssociatedDialog(std::shared_ptr<const imaging::SlideReader> reader, QWidget* parent)
    : QDialog(parent), reader_(std::move(reader)), names_(new QComboBox(this)), image_(new QLabel(this)) {
  setObjectName("associated_dialog");
  setWindowTitle(tr("Label and macro images"));
  setAttribute(Qt::WA_DeleteOnClose);
  resize(520, 420);
  names_->setObjectName("associated_name");
  names_->setAccessibleName(tr("Image"));
  names_->setToolTip(tr("The image to show"));
  for (const auto& name : reader_->info().associated_images) names_->addItem(QString::fromStdString(name));
  image_->setObjectName("associated_image");
  image_->setAlignment(Qt::AlignCenter);
  image_->setWordWrap(true);
  image_->setText(tr("These images often show the patient's name or a barcode. They are never exported."));
  auto* show = new QPushButton(tr("Show"), this);
  show->setObjectName("associated_show");
  show->setToolTip(tr("Show the chosen image"));
  auto* row = new QHBoxLayout;
  row->addWidget(names_, 1);
  row->addWidget(show);
  auto* column = new QVBoxLayout(this);
  column->addLayout(row);
  column->addWidget(image_, 1);
  connect(show, &QPushButton::clicked, this, &AssociatedDialog::show_image);
}

void AssociatedDialog::show_image() {
  background_.run(
      [reader = reader_, name = names_->currentText().toStdString()] {
        return viewmodels::to_qimage(reader->read_associated(name));
      },
      [this](const QImage& picture) {
        image_->setPixmap(QPixmap::fromImage(
            picture.scaled(image_->size(), Qt::KeepAspectRatio, Qt::SmoothTransformation)));
      },
      [this](const imaging::JobOutcome& outcome) {
        image_->setText(QString::fromStdString(outcome.message));
      });
}

}  // namespace gui
