#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace imaging::detail {

/// The header of a MetaImage: its keys, and where the bytes after it begin.
struct MetaHeader {
  std::map<std::string, std::string, std::less<>> fields;
  std::uint64_t end = 0;
  /// Empty where the header lacks it.
  [[nodiscard]] std::string field(std::string_view key) const;
};

/// Absent where the file does not start as a MetaImage. Never throws.
[[nodiscard]] std::optional<MetaHeader> read_meta_header(const std::filesystem::path& path);

/// Numbers between blanks, up to the first that is none.
[[nodiscard]] std::vector<double> numbers_of(std::string_view text);

/// Refuses a MetaImage whose pixels lie in a list of files, elsewhere than beside it, or end early: MetaIO
/// would show what is missing as black. @throws Error  `unsupported_format`, `corrupt_data`.
void check_meta_file(const std::filesystem::path& path, const MetaHeader& header);

/// The first bytes of a NIfTI header, unpacked.
struct NiftiStart {
  std::array<char, 352> bytes{};

  template <typename Value>
  [[nodiscard]] Value value_at(std::size_t at) const {
    std::array<char, sizeof(Value)> raw{};
    std::copy_n(bytes.data() + at, raw.size(), raw.begin());
    if (is_swapped()) std::reverse(raw.begin(), raw.end());
    return std::bit_cast<Value>(raw);
  }
  [[nodiscard]] bool is_swapped() const;
  [[nodiscard]] bool is_second() const { return bytes[4] == 'n' && bytes[5] == '+' && bytes[6] == '2'; }
  /// Of its spacing in mm; 0 where it is not stated.
  [[nodiscard]] double unit_mm() const;
};

/// Absent where the file, plain or gzipped, is no NIfTI in one piece. Never throws.
[[nodiscard]] std::optional<NiftiStart> read_nifti_start(const std::filesystem::path& path);
/// @throws Error  `unsupported_format` on NIfTI-2 and on names that ITK does not know.
void check_nifti_kind(const std::filesystem::path& path, const NiftiStart& start);
/// @param bytes    of its samples
/// @throws Error   `corrupt_data` where the file ends before them: they would be shown as black.
void check_nifti_end(const std::filesystem::path& path, const NiftiStart& start, std::uint64_t bytes);

}  // namespace imaging::detail
