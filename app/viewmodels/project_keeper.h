#pragma once

#include <QObject>
#include <QString>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "app/store/project.h"

namespace viewmodels {

/// All that an open project holds at its opening.
struct ProjectContent {
  std::filesystem::path folder;
  bool is_writable = true;
  QString read_only_reason;
  std::vector<store::Item> items;
  std::vector<store::Result> results;
  std::vector<store::Document> drafts;  ///< notes that were being written
  std::optional<std::string> session;   ///< what was open
};

/// The open project on a thread of its own. Writes are kept in their order until the disk has taken them:
/// where it is full or gone they wait and are tried again, and the window goes on.
class ProjectKeeper : public QObject {
  Q_OBJECT
 public:
  using Write = std::function<void(store::Project&)>;

  explicit ProjectKeeper(QObject* parent = nullptr);
  /// Writes what waits, once more, and closes the project.
  ~ProjectKeeper() override;

  /// Closes the project that is open and opens another; `opened` or `open_failed` follows.
  void open(const std::filesystem::path& folder, store::Access wanted = store::Access::writable);
  void close();
  /// Queues a change; returns at once.
  void post(Write write);
  /// Changes that the disk has not taken yet.
  [[nodiscard]] std::size_t waiting() const;

 Q_SIGNALS:
  void opened(const viewmodels::ProjectContent& content);
  void open_failed(const QString& reason);
  void trouble(const QString& reason);  ///< once, when changes begin to wait
  void settled();                       ///< they are on the disk after all

 private:
  struct Command {
    std::optional<std::filesystem::path> folder;  ///< open it; absent: a write
    store::Access wanted = store::Access::writable;
    Write write = {};
    bool is_close = false;
  };
  void push(Command command);
  void work(const std::stop_token& stop);
  void open_now(const Command& command);
  [[nodiscard]] bool write_now(const Command& command, bool is_last_try);
  template <typename Function>
  void tell(Function function);

  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<Command> commands_;
  std::optional<store::Project> project_;  // touched by the thread alone
  bool is_troubled_ = false;               // the same
  std::jthread thread_;                    // last: joined before the rest goes
};

}  // namespace viewmodels
