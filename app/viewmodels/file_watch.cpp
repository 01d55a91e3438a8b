#include "app/viewmodels/file_watch.h"

namespace viewmodels {
namespace {
constexpr int kIntervalMs = 2000;
constexpr int kSilenceMs = 5000;
}  // namespace

FileWatch::FileWatch(QObject* parent) : QObject(parent) {
  timer_.setInterval(kIntervalMs);
  connect(&timer_, &QTimer::timeout, this, &FileWatch::look);
}

void FileWatch::add(const std::filesystem::path& file, const std::optional<imaging::FileIdentity>& identity) {
  files_[file] = {identity};
  timer_.start();
}

void FileWatch::remove(const std::filesystem::path& file) {
  files_.erase(file);
  if (files_.empty()) timer_.stop();
}

void FileWatch::look() {
  if (is_looking_) {
    if (since_.elapsed() > kSilenceMs && !is_silence_told_) {
      is_silence_told_ = true;
      Q_EMIT silent();
    }
    return;
  }
  is_looking_ = true;
  since_.start();
  std::vector<std::filesystem::path> names;
  for (const auto& [file, watched] : files_) names.push_back(file);
  background_.run(
      [names = std::move(names)] {
        std::map<std::filesystem::path, std::optional<imaging::FileIdentity>> found;
        for (const auto& file : names) found[file] = imaging::identify_file(file);
        return found;
      },
      [this](const std::map<std::filesystem::path, std::optional<imaging::FileIdentity>>& found) {
        is_looking_ = is_silence_told_ = false;
        take(found);
      },
      [this](const imaging::JobOutcome&) { is_looking_ = false; });
}

void FileWatch::take(const std::map<std::filesystem::path, std::optional<imaging::FileIdentity>>& found) {
  for (const auto& [file, identity] : found) {
    const auto watched = files_.find(file);
    if (watched == files_.end()) continue;  // closed meanwhile
    const auto now = !identity                              ? State::gone
                     : identity == watched->second.identity ? State::same
                                                            : State::changed;
    if (now == watched->second.state) continue;
    watched->second.state = now;
    if (now == State::gone) Q_EMIT vanished(file);
    if (now == State::changed) Q_EMIT changed(file);
    if (now == State::same) Q_EMIT returned(file);
  }
}

}  // namespace viewmodels
