#include "app/viewmodels/project_keeper.h"

#include <QMetaObject>
#include <chrono>

#include "imaging/base/job.h"

namespace viewmodels {
namespace {
using namespace std::chrono_literals;
constexpr auto kRetryInterval = 1s;
}  // namespace

ProjectKeeper::ProjectKeeper(QObject* parent)
    : QObject(parent), thread_([this](const std::stop_token& stop) { work(stop); }) {}

ProjectKeeper::~ProjectKeeper() {
  thread_.request_stop();
  thread_.join();
}

void ProjectKeeper::open(const std::filesystem::path& folder, store::Access wanted) {
  push({.folder = folder, .wanted = wanted, .write = {}});
}

void ProjectKeeper::close() {
  push({.folder = {}, .write = {}, .is_close = true});
}

void ProjectKeeper::post(Write write) {
  push({.folder = {}, .write = std::move(write)});
}

std::size_t ProjectKeeper::waiting() const {
  const std::lock_guard lock(mutex_);
  return commands_.size();
}

void ProjectKeeper::push(Command command) {
  {
    const std::lock_guard lock(mutex_);
    commands_.push_back(std::move(command));
  }
  wake_.notify_one();
}

template <typename Function>
void ProjectKeeper::tell(Function function) {
  QMetaObject::invokeMethod(this, std::move(function), Qt::QueuedConnection);
}

void ProjectKeeper::work(const std::stop_token& stop) {
  while (true) {
    Command command;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, stop, [this] { return !commands_.empty(); });
      if (commands_.empty()) break;  // asked to stop, and nothing waits
      command = commands_.front();
    }
    bool is_settled = true;
    if (command.is_close) {
      project_.reset();
    } else if (command.folder) {
      open_now(command);
    } else {
      is_settled = write_now(command, stop.stop_requested());
    }
    std::unique_lock lock(mutex_);
    if (is_settled) {
      commands_.pop_front();
    } else {
      wake_.wait_for(lock, stop, kRetryInterval, [] { return false; });
    }
  }
  project_.reset();  // on the thread that opened it
}

void ProjectKeeper::open_now(const Command& command) {
  project_.reset();
  is_troubled_ = false;
  ProjectContent content;
  const auto outcome = imaging::run_job(
      [&](const imaging::JobContext&) {
        project_ = store::Project::open(*command.folder, command.wanted);
        content = {project_->folder(),
                   project_->access() == store::Access::writable,
                   QString::fromStdString(project_->read_only_reason()),
                   project_->items(),
                   project_->results(),
                   project_->documents("notes_draft"),
                   project_->state("session")};
      },
      {});
  if (outcome.status == imaging::JobStatus::done) {
    tell([this, content = std::move(content)] { Q_EMIT opened(content); });
  } else {
    project_.reset();
    tell([this, reason = QString::fromStdString(outcome.message)] { Q_EMIT open_failed(reason); });
  }
}

bool ProjectKeeper::write_now(const Command& command, bool is_last_try) {
  if (!project_) return true;
  const auto outcome = imaging::run_job([&](const imaging::JobContext&) { command.write(*project_); }, {});
  const bool is_kept = outcome.status == imaging::JobStatus::done;
  // What can never be written must not block the rest; a disk that is full or away gets time.
  const bool may_wait = outcome.code == imaging::ErrorCode::io_error && !is_last_try;
  if (is_kept && is_troubled_) {
    is_troubled_ = false;
    tell([this] { Q_EMIT settled(); });
  } else if (!is_kept && !is_troubled_) {
    is_troubled_ = may_wait;
    tell([this, reason = QString::fromStdString(outcome.message)] { Q_EMIT trouble(reason); });
  }
  return is_kept || !may_wait;
}

}  // namespace viewmodels
