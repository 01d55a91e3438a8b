#include "mil/bags/hdf5_texts.h"

#include <fmt/format.h>

#include <cstring>
#include <fstream>

#include "imaging/base/error.h"

namespace mil {
namespace {

template <typename Number>
Number number_at(std::string_view bytes, std::size_t at) {
  Number number = 0;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

/// As the file holds it: length (4 bytes), address of the heap (8), number of the object (4).
constexpr std::size_t kReferenceBytes = 16;

/// "Converts" references on disk to as many bytes, by leaving them as they are.
herr_t keep_references(hid_t from, hid_t, H5T_cdata_t* data, std::size_t, std::size_t, std::size_t, void*,
                       void*, hid_t) {
  if (data->command != H5T_CONV_INIT) return 0;
  data->need_bkg = H5T_BKG_NO;
  return H5Tget_size(from) == kReferenceBytes ? 0 : -1;
}

hid_t reference_type() {
  static const hid_t type = [] {
    const auto bytes = H5Tcreate(H5T_OPAQUE, kReferenceBytes), text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, H5T_VARIABLE);
    H5Tregister(H5T_PERS_SOFT, "tessera references", text, bytes, &keep_references);
    H5Tclose(text);
    return bytes;
  }();
  return type;
}

std::uint64_t user_block(hid_t attribute) {
  const auto file = H5Iget_file_id(attribute), creation = H5Fget_create_plist(file);
  hsize_t size = 0;
  H5Pget_userblock(creation, &size);
  H5Pclose(creation);
  H5Fclose(file);
  return size;
}

}  // namespace

Hdf5Texts::Hdf5Texts(const std::filesystem::path& path) : path_(path) {
  static constexpr std::string_view kSignature("GCOL\1\0\0\0", 8);
  constexpr std::size_t kBlock = 4U << 20;
  std::ifstream file(path, std::ios::binary);
  std::string block(kBlock + kSignature.size(), '\0');
  for (std::uint64_t start = 0; file; start += kBlock) {
    file.seekg(static_cast<std::streamoff>(start));
    file.read(block.data(), static_cast<std::streamsize>(block.size()));
    const std::string_view read(block.data(), static_cast<std::size_t>(file.gcount()));
    for (auto at = read.find(kSignature); at < kBlock; at = read.find(kSignature, at + 1)) {
      std::ifstream heap_file(path, std::ios::binary);
      std::uint64_t size = 0;
      heap_file.seekg(static_cast<std::streamoff>(start + at + 8));
      heap_file.read(reinterpret_cast<char*>(&size), sizeof size);
      std::string heap(heap_file && size <= std::filesystem::file_size(path) ? size : 0, '\0');
      heap_file.seekg(static_cast<std::streamoff>(start + at));
      heap_file.read(heap.data(), static_cast<std::streamsize>(heap.size()));
      if (!heap_file || !add_heap(start + at, heap)) fail(start + at);
    }
  }
}

bool Hdf5Texts::add_heap(std::uint64_t address, std::string_view heap) {
  constexpr std::size_t kHeader = 16;  // of the heap and of each object, where lengths have 8 bytes
  if (heap.size() < kHeader || number_at<std::uint64_t>(heap, 8) != heap.size()) return false;
  for (std::size_t at = kHeader; at + kHeader <= heap.size();) {
    const auto number = number_at<std::uint16_t>(heap, at);
    const auto length = number_at<std::uint64_t>(heap, at + 8);
    if (length > heap.size()) return false;
    const auto step = number == 0 ? length : kHeader + (length + 7) / 8 * 8;  // number 0 is the free space
    if (step < kHeader || step > heap.size() - at) return false;
    if (number != 0) texts_.emplace(std::pair(address, number), heap.substr(at + kHeader, length));
    at += step;
  }
  return true;
}

std::vector<std::string> Hdf5Texts::read(hid_t attribute, std::size_t count) const {
  std::string references(count * kReferenceBytes, '\0');
  if (H5Aread(attribute, reference_type(), references.data()) < 0) return {};
  const auto base = user_block(attribute);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count; ++i) {
    const auto at = i * kReferenceBytes;
    const auto length = number_at<std::uint32_t>(references, at);
    if (length == 0) {
      texts.emplace_back();
      continue;
    }
    const auto address = number_at<std::uint64_t>(references, at + 4) + base;
    const auto found = texts_.find({address, number_at<std::uint32_t>(references, at + 12)});
    if (found == texts_.end() || length > found->second.size()) fail(address);
    const auto text = std::string_view(found->second).substr(0, length);
    texts.emplace_back(text.substr(0, text.find('\0')));
  }
  return texts;
}

void Hdf5Texts::fail(std::uint64_t address) const {
  throw imaging::Error(
      imaging::ErrorCode::corrupt_data,
      fmt::format("{}: its texts at byte {} are damaged; encode the slide again.", path_.string(), address));
}

}  // namespace mil
