#include "app/gui/tissue_panel.h"

#include <QCheckBox>
#include <QDoubleSpinBox>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QSignalBlocker>
#include <QSpinBox>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>
#include <array>
#include <cmath>
#include <type_traits>

#include "app/gui/theme.h"

namespace gui {
namespace {

QString text_of(std::string_view text) {
  return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size()));
}

/// How an option looks in the form.
struct Look {
  const char* option;
  const char* label;
  int step = 1;  ///< of a whole number
};

constexpr std::array kLooks{
    Look{"seg_mpp", QT_TRANSLATE_NOOP("gui::TissuePanel", "Resolution")},
    Look{"use_otsu", QT_TRANSLATE_NOOP("gui::TissuePanel", "Find the threshold")},
    Look{"sthresh", QT_TRANSLATE_NOOP("gui::TissuePanel", "Least saturation")},
    Look{"mthresh", QT_TRANSLATE_NOOP("gui::TissuePanel", "Smoothing"), 2},  // odd
    Look{"close", QT_TRANSLATE_NOOP("gui::TissuePanel", "Close gaps")},
    Look{"a_t", QT_TRANSLATE_NOOP("gui::TissuePanel", "Smallest piece")},
    Look{"a_h", QT_TRANSLATE_NOOP("gui::TissuePanel", "Smallest hole")},
    Look{"max_n_holes", QT_TRANSLATE_NOOP("gui::TissuePanel", "Holes per piece")},
    Look{"reject_pen", QT_TRANSLATE_NOOP("gui::TissuePanel", "Leave out pen marks")},
    Look{"pen_od", QT_TRANSLATE_NOOP("gui::TissuePanel", "Least density of ink")},
    Look{"reject_folds", QT_TRANSLATE_NOOP("gui::TissuePanel", "Leave out folds")},
    Look{"fold_times", QT_TRANSLATE_NOOP("gui::TissuePanel", "Least density of a fold")},
    Look{"reject_blur", QT_TRANSLATE_NOOP("gui::TissuePanel", "Leave out blur")},
    Look{"blur_um", QT_TRANSLATE_NOOP("gui::TissuePanel", "Least blur")},
};

const Look* find_look(std::string_view option) {
  const auto* found =
      std::find_if(kLooks.begin(), kLooks.end(), [&](const Look& look) { return look.option == option; });
  return found == kLooks.end() ? nullptr : found;
}

/// Units as they are printed, from those of the command line.
QString unit_of(std::string_view unit) {
  return text_of(unit).replace("um", "µm").replace("mm2", "mm²");
}

/// A step of two significant digits of the range's lower end of use: 0.005 for areas, 0.1 for factors.
double step_of(double value) {
  return value > 0 ? std::pow(10, std::floor(std::log10(value))) / 2 : 0.1;
}

}  // namespace

TissuePanel::TissuePanel(viewmodels::TissuePreview* tissue, QWidget* parent)
    : QWidget(parent),
      tissue_(tissue),
      show_(new QCheckBox(tr("Show outlines"), this)),
      options_(new QToolButton(this)),
      reset_(new QPushButton(tr("Reset"), this)),
      words_(new QLabel(this)),
      form_(new QWidget(this)) {
  setObjectName("tissue_panel");
  show_->setObjectName("tissue_show");
  show_->setAccessibleName(tr("Show the tissue's outlines"));
  show_->setToolTip(tr("Outline what the analysis will take for tissue"));
  options_->setObjectName("tissue_options");
  options_->setText(tr("Options"));
  options_->setCheckable(true);
  options_->setAccessibleName(tr("Tissue options"));
  options_->setToolTip(tr("What counts as tissue, and what is left out of it"));
  reset_->setObjectName("tissue_reset");
  reset_->setAccessibleName(tr("Reset the tissue options"));
  reset_->setToolTip(tr("Back to the usual tissue options"));
  words_->setObjectName("tissue_words");
  words_->setWordWrap(true);
  make_quiet(words_);
  form_->setObjectName("tissue_form");
  form_->setVisible(false);
  make_form();

  auto* buttons = new QHBoxLayout;
  buttons->addWidget(show_, 1);
  buttons->addWidget(options_);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->addWidget(make_heading(tr("Tissue"), this));
  column->addLayout(buttons);
  column->addWidget(words_);
  column->addWidget(form_);
  connect(show_, &QCheckBox::toggled, tissue_, &viewmodels::TissuePreview::set_shown);
  connect(options_, &QToolButton::toggled, form_, &QWidget::setVisible);
  connect(reset_, &QPushButton::clicked, tissue_, &viewmodels::TissuePreview::reset);
  connect(tissue_, &viewmodels::TissuePreview::changed, this, &TissuePanel::refresh);
  refresh();
}

void TissuePanel::make_form() {
  auto* rows = new QFormLayout(form_);
  rows->setContentsMargins(0, 0, 0, 0);
  imaging::TissueOptions usual;
  // Fields are found again by their place in the visit, so that one generated form serves every option.
  int place = 0;
  imaging::visit_fields(
      [&](std::string_view name, auto& value, const imaging::FieldInfo& info) {
        using Value = std::remove_cvref_t<decltype(value)>;
        const auto change = [this, place](auto entered) {
          auto options = tissue_->options();
          int at = 0;
          visit_fields(
              [&](std::string_view, auto& member, const imaging::FieldInfo&) {
                using Member = std::remove_cvref_t<decltype(member)>;
                if (at++ == place) member = static_cast<Member>(entered);
              },
              options);
          tissue_->set_options(options);
        };
        const auto current = [this, place] {
          double found = 0;
          int at = 0;
          visit_fields(
              [&](std::string_view, const auto& member, const imaging::FieldInfo&) {
                if (at++ == place) found = static_cast<double>(member);
              },
              tissue_->options());
          return found;
        };
        const auto* look = find_look(name);
        const auto label = look != nullptr ? tr(look->label) : text_of(name).replace('_', ' ');
        QWidget* control = nullptr;
        if constexpr (std::is_same_v<Value, bool>) {
          auto* box = new QCheckBox(form_);
          connect(box, &QCheckBox::toggled, this, change);
          refresh_fields_.emplace_back([box, current] {
            const QSignalBlocker blocker(box);
            box->setChecked(current() != 0);
          });
          control = box;
        } else {
          using Box = std::conditional_t<std::is_same_v<Value, double>, QDoubleSpinBox, QSpinBox>;
          auto* box = new Box(form_);
          if constexpr (std::is_same_v<Value, double>) {
            box->setDecimals(3);
            box->setRange(info.min, info.max);
            box->setSingleStep(step_of(value));
          } else {
            box->setRange(static_cast<int>(info.min), static_cast<int>(info.max));
            if (look != nullptr) box->setSingleStep(look->step);
          }
          if (!info.unit.empty()) box->setSuffix(' ' + unit_of(info.unit));
          box->setKeyboardTracking(false);
          connect(box, &Box::valueChanged, this, change);
          refresh_fields_.emplace_back([box, current] {
            const QSignalBlocker blocker(box);
            box->setValue(static_cast<decltype(box->value())>(current()));
          });
          control = box;
        }
        control->setObjectName("tissue_" + text_of(name));
        control->setAccessibleName(label);
        control->setToolTip(text_of(info.help));
        rows->addRow(label, control);
        ++place;
      },
      usual);
  rows->addRow(reset_);
}

void TissuePanel::refresh() {
  const QSignalBlocker blocker(show_);
  show_->setChecked(tissue_->is_shown());
  words_->setText(tissue_->words());
  words_->setVisible(!tissue_->words().isEmpty());
  for (const auto& refresh_field : refresh_fields_) refresh_field();
}

}  // namespace gui
