#include "app/gui/message_bar.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QStyle>
#include <QTimer>
#include <QToolButton>
#include <algorithm>

namespace gui {
namespace {
constexpr std::size_t kMostMessages = 50;
constexpr int kInfoMs = 20000;  // what is no problem goes by itself
}  // namespace

MessageBar::MessageBar(QWidget* parent) : QFrame(parent), label_(new QLabel(this)), more_(new QLabel(this)) {
  setObjectName("message_bar");
  setAccessibleName(tr("Messages"));
  label_->setObjectName("message_text");
  label_->setWordWrap(true);
  label_->setTextFormat(Qt::PlainText);
  label_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  label_->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  auto* dismiss = new QToolButton(this);
  dismiss->setObjectName("message_close");
  dismiss->setText("✕");
  dismiss->setStyleSheet("color: #22262a");
  dismiss->setAutoRaise(true);
  dismiss->setToolTip(tr("Close this message"));
  dismiss->setAccessibleName(tr("Close this message"));
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(12, 6, 6, 6);
  row->addWidget(label_, 1);
  row->addWidget(more_);
  row->addWidget(dismiss);
  connect(dismiss, &QToolButton::clicked, this, &MessageBar::close_message);
  hide();
}

void MessageBar::show_message(const QString& sentence, viewmodels::Studio::Tone tone) {
  std::erase_if(messages_, [&](const Message& message) { return message.sentence == sentence; });
  if (messages_.size() == kMostMessages) messages_.erase(messages_.begin());
  messages_.push_back({sentence, tone});
  show_newest();
  if (tone == viewmodels::Studio::Tone::problem) return;
  QTimer::singleShot(kInfoMs, this, [this, sentence] {
    std::erase_if(messages_, [&](const Message& message) {
      return message.sentence == sentence && message.tone == viewmodels::Studio::Tone::info;
    });
    show_newest();
  });
}

void MessageBar::close_message() {
  if (!messages_.empty()) messages_.pop_back();
  show_newest();
}

QString MessageBar::text() const {
  return messages_.empty() ? QString{} : messages_.back().sentence;
}

void MessageBar::show_newest() {
  setVisible(!messages_.empty());
  if (messages_.empty()) return;
  const auto& message = messages_.back();
  label_->setText(message.sentence);
  more_->setText(messages_.size() > 1 ? tr("%n more", nullptr, static_cast<int>(messages_.size()) - 1)
                                      : QString{});
  setProperty("tone", message.tone == viewmodels::Studio::Tone::problem ? "problem" : "info");
  style()->unpolish(this);
  style()->polish(this);
}

}  // namespace gui
