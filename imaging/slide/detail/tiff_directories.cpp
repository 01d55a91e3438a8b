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

constexpr std::size_t kMostDirectories = 1 << 16;
constexpr std::uint64_t kMostEntries = 1 << 16;
/// Bytes of a value by its type's number; 0: not known.
constexpr std::array<std::uint64_t, 19> kTypeBytes{0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8};

/// Whole numbers of a file in its byte order.
class Numbers {
 public:
  explicit Numbers(const fs::path& path) : file_(path, std::ios::binary) {}

  void set_big_endian() { is_big_endian_ = true; }
  /// @return  0 and is_good() false beyond the end
  std::uint64_t at(std::uint64_t place, std::size_t bytes) {
    std::array<unsigned char, 8> read{};
    file_.seekg(static_cast<std::streamoff>(std::min<std::uint64_t>(
        place, static_cast<std::uint64_t>(std::numeric_limits<std::streamoff>::max()))));
    file_.read(reinterpret_cast<char*>(read.data()), static_cast<std::streamsize>(bytes));
    if (!file_) return 0;
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < bytes; ++i)
      number = number << 8U | read.at(is_big_endian_ ? i : bytes - 1 - i);
    return number;
  }
  [[nodiscard]] bool is_good() const { return file_.good(); }

 private:
  std::ifstream file_;
  bool is_big_endian_ = false;
};

}  // namespace

std::optional<ImpossibleTag> find_impossible_tag(const fs::path& path) {
  std::error_code failed;
  if (!fs::is_regular_file(path, failed)) return std::nullopt;
  const auto file_bytes = fs::file_size(path, failed);
  Numbers numbers(path);
  const auto order = numbers.at(0, 2);
  if (order == 0x4d4d) numbers.set_big_endian();
  if (order != 0x4d4d && order != 0x4949) return std::nullopt;
  const auto version = numbers.at(2, 2);
  const bool is_big = version == 43;
  // A classic TIFF of 4 GiB is Hamamatsu's, whose places have more bits than the format's.
  if (failed || (!is_big && (version != 42 || file_bytes >> 32U != 0))) return std::nullopt;

  const std::size_t count_bytes = is_big ? 8 : 2, number_bytes = is_big ? 8 : 4;
  const std::uint64_t entry_bytes = is_big ? 20 : 12;
  std::set<std::uint64_t> seen;
  auto directory = numbers.at(is_big ? 8 : 4, number_bytes);
  while (directory != 0 && numbers.is_good() && seen.size() < kMostDirectories &&
         seen.insert(directory).second) {
    const auto entries = numbers.at(directory, count_bytes);
    const auto first = directory + count_bytes;
    if (entries > kMostEntries) break;
    for (std::uint64_t i = 0; i < entries && numbers.is_good(); ++i) {
      const auto entry = first + i * entry_bytes;
      const auto type = numbers.at(entry + 2, 2);
      const auto count = numbers.at(entry + 4, number_bytes);
      const auto each = type < kTypeBytes.size() ? kTypeBytes.at(type) : 0;
      if (!numbers.is_good() || each == 0 || count <= file_bytes / each) continue;
      const bool fits = count <= std::numeric_limits<std::uint64_t>::max() / each;
      return ImpossibleTag{static_cast<int>(numbers.at(entry, 2)),
                           fits ? count * each : std::numeric_limits<std::uint64_t>::max(), file_bytes};
    }
    directory = numbers.at(first + entries * entry_bytes, number_bytes);
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
