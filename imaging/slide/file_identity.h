#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace imaging {

/// By what a file is known again without reading it. Not the inode: network file systems number theirs anew.
struct FileIdentity {
  std::uint64_t size_bytes = 0;
  std::int64_t mtime_ns = 0;  ///< time of the last change
  bool operator==(const FileIdentity&) const = default;
};

/// Absent where there is no such file.
[[nodiscard]] std::optional<FileIdentity> identify_file(const std::filesystem::path& path);

/// SHA-256 of the file's first, middle and last 64 KiB; empty where it cannot be read. Tells files apart that
/// were exchanged without a trace in size and time.
[[nodiscard]] std::string quick_hash(const std::filesystem::path& path);

/// Runs `work`, which reads `path`, and does not take its outcome where the file was changed, replaced or
/// removed meanwhile. Of a slide that consists of several files, the one named is watched.
///
/// @throws Error  `io_error` naming the file and what changed, whether or not `work` failed too; else what
/// `work` throws. Cancelled goes first.
void while_unchanged(const std::filesystem::path& path, const std::function<void()>& work);

}  // namespace imaging
