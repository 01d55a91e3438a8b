#include "imaging/slide/detail/tiff_directories.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <limits>
#include <set>
#include <string>

#include "imaging/base/error.h"

namespace imaging::detail {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kMostEntries = 1 << 20;  // of all directories; what follows is not looked at
/// Bytes of a value by its type's number; 0: not known.
constexpr std::array<std::uint64_t, 19> kTypeBytes{0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8};

/// A file's bytes and the whole numbers in them, in the file's byte order.
class Numbers {
 public:
  explicit Numbers(const fs::path& path) : file_(path, std::ios::binary) {}

  void set_big_endian() { is_big_endian_ = true; }
  /// @return  whether the file has as many bytes there, which `number` then reads
  bool load(std::uint64_t place, std::uint64_t bytes) {
    if (place > static_cast<std::uint64_t>(std::numeric_limits<std::streamoff>::max())) return false;
    bytes_.resize(bytes);
    file_.seekg(static_cast<std::streamoff>(place));
    file_.read(bytes_.data(), static_cast<std::streamsize>(bytes));
    return static_cast<bool>(file_);
  }
  [[nodiscard]] std::uint64_t number(std::size_t at, std::size_t bytes) const {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < bytes; ++i)
      number =
          number << 8U | static_cast<unsigned char>(bytes_.at(at + (is_big_endian_ ? i : bytes - 1 - i)));
    return number;
  }

 private:
  std::ifstream file_;
  std::string bytes_;
  bool is_big_endian_ = false;
};

}  // namespace

std::optional<ImpossibleTag> find_impossible_tag(const fs::path& path) {
  std::error_code failed;
  if (!fs::is_regular_file(path, failed)) return std::nullopt;
  const auto file_bytes = fs::file_size(path, failed);
  Numbers numbers(path);
  if (failed || !numbers.load(0, 8)) return std::nullopt;
  const auto order = numbers.number(0, 2);
  if (order == 0x4d4d) numbers.set_big_endian();
  if (order != 0x4d4d && order != 0x4949) return std::nullopt;
  const auto version = numbers.number(2, 2);
  const bool is_big = version == 43;
  // A classic TIFF of 4 GiB is Hamamatsu's, whose places have more bits than the format's.
  if (!is_big && (version != 42 || file_bytes >> 32U != 0)) return std::nullopt;

  const std::size_t count_bytes = is_big ? 8 : 2, number_bytes = is_big ? 8 : 4,
                    entry_bytes = is_big ? 20 : 12;
  if (!numbers.load(is_big ? 8 : 4, number_bytes)) return std::nullopt;
  auto directory = numbers.number(0, number_bytes);
  std::set<std::uint64_t> seen;
  std::uint64_t total = 0;
  while (directory != 0 && seen.insert(directory).second && numbers.load(directory, count_bytes)) {
    const auto entries = numbers.number(0, count_bytes);
    total += std::min(entries, kMostEntries) + 1;
    if (total > kMostEntries || !numbers.load(directory + count_bytes, entries * entry_bytes + number_bytes))
      break;
    for (std::size_t at = 0; at < entries * entry_bytes; at += entry_bytes) {
      const auto type = numbers.number(at + 2, 2);
      const auto count = numbers.number(at + 4, number_bytes);
      const auto each = type < kTypeBytes.size() ? kTypeBytes.at(type) : 0;
      if (each == 0 || count <= file_bytes / each) continue;
      const bool fits = count <= std::numeric_limits<std::uint64_t>::max() / each;
      return ImpossibleTag{static_cast<int>(numbers.number(at, 2)),
                           fits ? count * each : std::numeric_limits<std::uint64_t>::max(), file_bytes};
    }
    directory = numbers.number(entries * entry_bytes, number_bytes);
  }
  return std::nullopt;
}

void refuse_impossible_tag(const fs::path& path) {
  const auto found = find_impossible_tag(path);
  if (!found) return;
  throw Error(ErrorCode::corrupt_data,
              fmt::format("{}: its tag {} states {} bytes, more than the whole file's {}; copy it again from "
                          "its source.",
                          path.string(), found->tag, found->stated_bytes, found->file_bytes));
}

}  // namespace imaging::detail
