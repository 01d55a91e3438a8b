// The reading process of the tests: the shipped one's loop with a reader that misbehaves as a file beside the
// slide says. `faulty-read-worker drive WORKER SLIDE` is a program that reads through WORKER and is killed.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "imaging/base/files.h"
#include "imaging/slide/isolated_reader.h"
#include "imaging/slide/read_worker.h"
#include "imaging/slide/reader_table.h"
#include "tests/imaging/read_faults.h"

namespace {

namespace fs = std::filesystem;

void misbehave(const fs::path& slide, const support::ReadFault& fault) {
  if (fault.is_once) fs::remove(support::faults_of(slide));
  if (fault.kind == "hang") {
    imaging::write_file(support::pid_file_of(slide), std::to_string(getpid()));
    while (true) pause();
  }
  if (fault.kind == "exit") _exit(7);
  if (fault.kind == "grow") {
    std::ofstream(slide, std::ios::app | std::ios::binary) << "more";
    return;
  }
  if (fault.kind == "hoard") {
    std::vector<std::unique_ptr<char[]>> hoard;
    while (true) hoard.emplace_back(new char[std::size_t{1} << 30]);
  }
  if (fault.kind == "babble") {
    const std::string words = "nobody asked for this";
    (void)!write(3, words.data(), words.size());
    while (true) pause();
  }
  const int number = std::stoi(fault.kind);  // a signal's
  signal(number, SIG_DFL);
  raise(number);
}

class FaultyReader final : public imaging::SlideReader {
 public:
  explicit FaultyReader(const fs::path& path) : path_(path) {
    if (const auto fault = support::read_fault(path_); fault && fault->is_at_open) misbehave(path_, *fault);
    reader_ = imaging::open_slide(path);
    info_ = reader_->info();
    for (const auto& entry : fs::directory_iterator("/proc/self/fd"))
      info_.properties["descriptors"] += entry.path().filename().string() + " ";
  }
  const imaging::SlideInfo& info() const override { return info_; }
  imaging::Image8 read_region(std::int64_t x, std::int64_t y, int level, imaging::SizeI size) const override {
    const auto fault = support::read_fault(path_);
    const bool is_at_fault = fault && level == 0 && x >= fault->first_x && x < fault->end_x;
    if (is_at_fault && fault->kind == "narrow")
      return reader_->read_region(x, y, level, {size.width / 2, size.height});
    if (is_at_fault) misbehave(path_, *fault);
    return reader_->read_region(x, y, level, size);
  }
  imaging::Image8 read_associated(const std::string& name) const override {
    return reader_->read_associated(name);
  }

 private:
  fs::path path_;
  std::unique_ptr<imaging::SlideReader> reader_;
  imaging::SlideInfo info_;
};

void drive(const fs::path& worker, const fs::path& slide) {
  const auto reader = imaging::open_isolated(slide, {.worker = worker, .timeout_s = 600});
  std::jthread reading([&] { (void)reader->read_region(0, 0, 0, {8, 8}); });
  while (!fs::exists(support::pid_file_of(slide))) std::this_thread::yield();
  raise(SIGKILL);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4 && std::string(argv[1]) == "drive") drive(argv[2], argv[3]);
  return imaging::serve_reads([](const fs::path& path) { return std::make_unique<FaultyReader>(path); });
}
