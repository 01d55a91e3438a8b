#pragma once

#include <hdf5.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mil {

/// Texts of any length in an HDF5 file, without the library's own reading of them: it follows a damaged
/// reference or heap out of its memory, or never comes back. So the global heaps, where the texts lie, are
/// walked here, and of an attribute the library gives the bare references.
class Hdf5Texts {
 public:
  /// Reads the file once as a whole, so make it only where there are texts to read.
  /// @throws imaging::Error  `corrupt_data` where a heap's objects do not fill it.
  explicit Hdf5Texts(const std::filesystem::path& path);

  /// @param attribute  of a text of variable length
  /// @return  `count` texts, each up to its first zero; none where the library refuses
  /// @throws imaging::Error  `corrupt_data` where a reference leads to no text.
  /// @par Threads  As all of HDF5: one at a time.
  [[nodiscard]] std::vector<std::string> read(hid_t attribute, std::size_t count) const;

 private:
  /// @return  whether its objects fill it
  bool add_heap(std::uint64_t address, std::string_view heap);
  [[noreturn]] void fail(std::uint64_t address) const;

  std::filesystem::path path_;
  std::map<std::pair<std::uint64_t, std::uint32_t>, std::string> texts_;  ///< by heap and number within
};

}  // namespace mil
