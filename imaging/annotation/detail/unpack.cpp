#include "imaging/annotation/detail/unpack.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>

#include "imaging/base/error.h"

namespace imaging::detail {
namespace {

constexpr int kGzipWindow = 15 + 16;
constexpr int kRawWindow = -15;
constexpr std::uint64_t kEndRecord = 22;  // bytes of a zip's last record

std::string inflate_all(std::string_view packed, int window, std::string_view source,
                        std::uint64_t max_bytes) {
  z_stream stream{};
  if (inflateInit2(&stream, window) != Z_OK)
    throw Error(ErrorCode::resource_exhausted, "No memory to unpack.");
  struct AtEnd {
    z_stream& stream;
    ~AtEnd() { inflateEnd(&stream); }
  } at_end{stream};
  std::string text;
  std::array<char, 1 << 16> block;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));  // zlib's API knows no const
  stream.avail_in = static_cast<uInt>(packed.size());
  int state = Z_OK;
  while (state != Z_STREAM_END) {
    stream.next_out = reinterpret_cast<Bytef*>(block.data());
    stream.avail_out = static_cast<uInt>(block.size());
    state = inflate(&stream, Z_NO_FLUSH);
    const auto made = block.size() - stream.avail_out;
    if ((state != Z_OK && state != Z_STREAM_END) || (made == 0 && state != Z_STREAM_END))
      throw Error(ErrorCode::corrupt_data, fmt::format("{}: the compressed data is damaged.", source));
    if (text.size() + made > max_bytes) {
      throw Error(ErrorCode::resource_exhausted,
                  fmt::format("{}: unpacks to more than {} bytes.", source, max_bytes));
    }
    text.append(block.data(), made);
  }
  return text;
}

class Zip {
 public:
  Zip(std::string_view bytes, std::string_view source) : bytes_(bytes), source_(source) {}

  /// The first annotation file of the central directory.
  std::string read(std::uint64_t max_bytes) const {
    const auto end = bytes_.rfind("PK\x05\x06");
    if (end == std::string_view::npos) refuse("has no directory");
    (void)part(end, kEndRecord);
    const auto count = number(end + 10, 2);
    auto entry = number(end + 16, 4);
    for (std::uint64_t i = 0; i < count; ++i) {
      if (bytes_.substr(std::min<std::uint64_t>(entry, bytes_.size()), 4) != "PK\x01\x02")
        refuse("has a damaged directory");
      const auto method = number(entry + 10, 2);
      const auto packed_size = number(entry + 20, 4);
      const auto name_size = number(entry + 28, 2);
      const auto local = number(entry + 42, 4);
      const auto name = part(entry + 46, name_size);
      if (name.ends_with(".geojson") || name.ends_with(".json")) {
        const auto start = local + 30 + number(local + 26, 2) + number(local + 28, 2);
        const auto packed = part(start, packed_size);
        if (method == 8) return inflate_all(packed, kRawWindow, source_, max_bytes);
        if (method == 0 && packed.size() <= max_bytes) return std::string(packed);
        refuse("holds the annotations in a way that is not known");
      }
      entry += 46 + name_size + number(entry + 30, 2) + number(entry + 32, 2);
    }
    throw Error(ErrorCode::not_found, fmt::format("{}: holds no .geojson file.", source_));
  }

 private:
  [[noreturn]] void refuse(std::string_view what) const {
    throw Error(ErrorCode::corrupt_data, fmt::format("{}: the zip archive {}.", source_, what));
  }
  [[nodiscard]] std::string_view part(std::uint64_t at, std::uint64_t size) const {
    if (at > bytes_.size() || size > bytes_.size() - at) refuse("is cut off");
    return bytes_.substr(at, size);
  }
  [[nodiscard]] std::uint64_t number(std::uint64_t at, std::uint64_t size) const {
    std::uint64_t value = 0;
    for (std::uint64_t i = size; i > 0; --i)
      value = value << 8 | static_cast<unsigned char>(part(at, size)[i - 1]);
    return value;
  }

  std::string_view bytes_;
  std::string_view source_;
};

}  // namespace

std::string unpack_text(std::string bytes, std::string_view source_name, std::uint64_t max_bytes) {
  if (bytes.starts_with("\x1F\x8B")) return inflate_all(bytes, kGzipWindow, source_name, max_bytes);
  if (bytes.starts_with("PK\x03\x04")) return Zip(bytes, source_name).read(max_bytes);
  return bytes;
}

std::string pack_gzip(std::string_view text) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw Error(ErrorCode::resource_exhausted, "No memory to compress.");
  std::string packed(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));  // zlib's API knows no const
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  (void)deflate(&stream, Z_FINISH);  // deflateBound leaves room for all
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

}  // namespace imaging::detail
