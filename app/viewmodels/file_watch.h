#pragma once

#include <QElapsedTimer>
#include <QObject>
#include <QTimer>
#include <filesystem>
#include <map>
#include <optional>

#include "app/viewmodels/background.h"
#include "imaging/slide/file_identity.h"

namespace viewmodels {

/// Looks every few seconds whether the open files are still what they were when they were opened. The look
/// itself happens elsewhere: a folder that does not answer holds nobody up.
class FileWatch : public QObject {
  Q_OBJECT
 public:
  explicit FileWatch(QObject* parent = nullptr);

  void add(const std::filesystem::path& file, const std::optional<imaging::FileIdentity>& identity);
  void remove(const std::filesystem::path& file);
  void set_interval(int ms) { timer_.setInterval(ms); }

 Q_SIGNALS:
  // Each once, until the file's state is another.
  void vanished(const std::filesystem::path& file);
  void changed(const std::filesystem::path& file);
  void returned(const std::filesystem::path& file);  ///< it is there again, as it was
  void silent();                                     ///< the look takes long: some folder does not answer

 private:
  enum class State { same, changed, gone };
  struct Watched {
    std::optional<imaging::FileIdentity> identity;
    State state = State::same;
  };
  void look();
  void take(const std::map<std::filesystem::path, std::optional<imaging::FileIdentity>>& found);

  std::map<std::filesystem::path, Watched> files_;
  bool is_looking_ = false;
  bool is_silence_told_ = false;
  QElapsedTimer since_;
  QTimer timer_;
  Background background_{this};
};

}  // namespace viewmodels
