#pragma once

#include <QFrame>
#include <QStringList>

#include "app/viewmodels/studio.h"

class QLabel;

namespace gui {

/// What the program has to say, above the canvas and in nobody's way. The newest sentence is on top; the
/// older ones come back as it is closed.
class MessageBar : public QFrame {
  Q_OBJECT
 public:
  explicit MessageBar(QWidget* parent);
  void show_message(const QString& sentence, viewmodels::Studio::Tone tone);
  void close_message();
  [[nodiscard]] QString text() const;  ///< of the message shown; empty while hidden

 private:
  struct Message {
    QString sentence;
    viewmodels::Studio::Tone tone;
  };
  void show_newest();

  std::vector<Message> messages_;  // newest last
  QLabel* label_;
  QLabel* more_;
};

}  // namespace gui
