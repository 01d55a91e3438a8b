#include "imaging/slide/file_identity.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "imaging/base/error.h"
#include "imaging/base/files.h"

namespace imaging {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;
constexpr std::uint64_t kSampleBytes = 64 * 1024;

std::string describe_change(const std::optional<FileIdentity>& before,
                            const std::optional<FileIdentity>& after) {
  if (!after) return "it is gone";
  if (!before) return "it was not there before";
  if (before->size_bytes != after->size_bytes)
    return fmt::format("from {} to {} bytes", before->size_bytes, after->size_bytes);
  return "its time of change is another";
}

void check_unchanged(const fs::path& path, const std::optional<FileIdentity>& before) {
  const auto after = identify_file(path);
  if (before == after) return;
  throw Error(ErrorCode::io_error,
              fmt::format("{}: was changed while it was read ({}); run again when nothing writes to it.",
                          path.string(), describe_change(before, after)));
}

}  // namespace

std::optional<FileIdentity> identify_file(const fs::path& path) {
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0) return std::nullopt;
  return FileIdentity{static_cast<std::uint64_t>(status.st_size),
                      static_cast<std::int64_t>(status.st_mtim.tv_sec) * kNsPerSecond +
                          static_cast<std::int64_t>(status.st_mtim.tv_nsec)};
}

std::string quick_hash(const fs::path& path) {
  std::error_code failed;
  if (!fs::is_regular_file(path, failed)) return {};
  const std::uint64_t size = fs::file_size(path, failed);
  if (failed) return {};
  const std::uint64_t last = size > kSampleBytes ? size - kSampleBytes : 0;
  std::ifstream file(path, std::ios::binary);
  std::string sample(kSampleBytes, '\0');
  std::string taken;
  for (const std::uint64_t at : std::array<std::uint64_t, 3>{0, last / 2, last}) {
    file.clear();
    file.seekg(static_cast<std::streamoff>(at));
    file.read(sample.data(), static_cast<std::streamsize>(sample.size()));
    if (file.bad() || (size > 0 && file.gcount() == 0)) return {};
    taken.append(sample, 0, static_cast<std::size_t>(file.gcount()));
  }
  return sha256_of(taken);
}

void while_unchanged(const fs::path& path, const std::function<void()>& work) {
  const auto before = identify_file(path);
  try {
    work();
  } catch (const Cancelled&) {
    throw;
  } catch (...) {
    check_unchanged(path, before);
    throw;
  }
  check_unchanged(path, before);
}

}  // namespace imaging
