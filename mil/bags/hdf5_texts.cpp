#include "mil/bags/hdf5_texts.h"

#include <fmt/format.h>

#include <cstring>
#include <fstream>
#include <string_view>
#include <utility>

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

const Hdf5Texts::Heap& Hdf5Texts::heap_at(std::uint64_t address) {
  static constexpr std::string_view kSignature("GCOL\1\0\0\0", 8);
  constexpr std::size_t kHeader = 16;  // of the heap and of each object, where lengths have 8 bytes
  if (const auto known = heaps_.find(address); known != heaps_.end()) return known->second;
  const auto file_bytes = std::filesystem::file_size(path_);
  std::ifstream file(path_, std::ios::binary);
  std::string bytes(kHeader, '\0');
  const auto fill = [&](std::size_t from) {
    file.read(bytes.data() + from, static_cast<std::streamsize>(bytes.size() - from));
    return static_cast<bool>(file);
  };
  if (address > file_bytes || !file.seekg(static_cast<std::streamoff>(address)) || !fill(0) ||
      !bytes.starts_with(kSignature))
    fail(address);
  const auto size = number_at<std::uint64_t>(bytes, 8);
  // Sound heaps do not overlap, so that all of them fit in the file.
  if (size < kHeader || size > file_bytes || read_bytes_ + size > file_bytes) fail(address);
  read_bytes_ += size;
  bytes.resize(size);
  if (!fill(kHeader)) fail(address);
  Heap heap;
  for (std::size_t at = kHeader; at + kHeader <= bytes.size();) {
    const auto number = number_at<std::uint16_t>(bytes, at);
    const auto length = number_at<std::uint64_t>(bytes, at + 8);
    if (length > bytes.size()) fail(address);
    const auto step = number == 0 ? length : kHeader + (length + 7) / 8 * 8;  // number 0 is the free space
    if (step < kHeader || step > bytes.size() - at) fail(address);
    if (number != 0) heap.emplace(number, bytes.substr(at + kHeader, length));
    at += step;
  }
  return heaps_.emplace(address, std::move(heap)).first->second;
}

std::vector<std::string> Hdf5Texts::read(hid_t attribute, std::size_t count) {
  if (H5Aget_storage_size(attribute) / kReferenceBytes != count) return {};  // a number that does not fit
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
    const auto& heap = heap_at(address);
    const auto found = heap.find(number_at<std::uint32_t>(references, at + 12));
    if (found == heap.end() || length > found->second.size()) fail(address);
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
