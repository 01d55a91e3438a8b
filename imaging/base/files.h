#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

namespace imaging {

/// A file that appears whole or not at all: written under a temporary name in the target's folder, flushed to
/// disk, renamed by `commit`. Without a commit the temporary file is removed.
class AtomicFile {
 public:
  /// Makes the target's folder where it is missing.
  /// @throws Error `io_error` if the folder cannot be made or written to.
  explicit AtomicFile(std::filesystem::path target);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Where to write, with whatever library. Same extension as the target.
  [[nodiscard]] const std::filesystem::path& temporary_path() const { return temporary_; }
  /// @throws Error `io_error` if the file was not written, or cannot be flushed or renamed (full disk).
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path temporary_;
  bool committed_ = false;
};

/// Writes through AtomicFile. @throws Error `io_error`.
void write_file(const std::filesystem::path& path, std::string_view content);

/// @throws Error `not_found`, `io_error`, or `resource_exhausted` above `max_bytes`.
[[nodiscard]] std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes = 1ULL << 31);

/// Lower-case hexadecimal SHA-256 (FIPS 180-4).
[[nodiscard]] std::string sha256_of(std::string_view bytes);
/// Streams the file; memory is constant. For a folder-based format (MIRAX: `x.mrxs` with a folder `x`), only
/// the named file. @throws Error `not_found`, `io_error`; Cancelled on a stop request.
[[nodiscard]] std::string sha256_of_file(const std::filesystem::path& path, std::stop_token stop = {});

/// Shell-style match of a whole relative path: `*` within a folder, `**` across folders, `?` one character.
/// A pattern without `/` is matched against the file name alone.
[[nodiscard]] bool matches_glob(std::string_view relative_path, std::string_view pattern);

}  // namespace imaging
