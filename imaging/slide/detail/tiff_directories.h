#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace imaging::detail {

/// An entry of a TIFF directory that states more bytes than the whole file has.
struct ImpossibleTag {
  int tag = 0;
  std::uint64_t stated_bytes = 0;  ///< the largest number where it does not fit
  std::uint64_t file_bytes = 0;
};

/// The first such entry of any directory, classic or BigTIFF, in either byte order; nothing where there is
/// none or the file is no TIFF. OpenSlide asks for the memory that an entry states, and where there is none
/// the program ends. Reads the directories alone.
[[nodiscard]] std::optional<ImpossibleTag> find_impossible_tag(const std::filesystem::path& path);

/// @throws Error  `corrupt_data` naming the tag
void refuse_impossible_tag(const std::filesystem::path& path);

}  // namespace imaging::detail
