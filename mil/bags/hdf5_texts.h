#pragma once

#include <hdf5.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace mil {

/// Texts of any length in an HDF5 file, without the library's own reading of them: it follows a damaged
/// reference or heap out of its memory, or never comes back. Of an attribute the library gives the bare
/// references; the global heaps that they name, where the texts lie, are walked here.
class Hdf5Texts {
 public:
  explicit Hdf5Texts(std::filesystem::path path) : path_(std::move(path)) {}

  /// @param attribute  of a text of variable length
  /// @return  `count` texts, each up to its first zero; none where the library refuses
  /// @throws imaging::Error  `corrupt_data` where a reference leads to no text, or a heap's objects do not
  /// fill it.
  /// @par Threads  As all of HDF5: one at a time.
  /// @par Cost     Each heap is read once.
  [[nodiscard]] std::vector<std::string> read(hid_t attribute, std::size_t count);

 private:
  using Heap = std::map<std::uint32_t, std::string>;  ///< texts by their number

  [[nodiscard]] const Heap& heap_at(std::uint64_t address);
  [[noreturn]] void fail(std::uint64_t address) const;

  std::filesystem::path path_;
  std::map<std::uint64_t, Heap> heaps_;  ///< by address
  std::uint64_t read_bytes_ = 0;
};

}  // namespace mil
