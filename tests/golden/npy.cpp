#include "tests/golden/npy.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <charconv>
#include <cstring>
#include <string_view>

#include "imaging/base/error.h"
#include "imaging/base/files.h"

namespace golden {
namespace {

using imaging::Error;
using imaging::ErrorCode;

/// What stands after `'key':` in the header's Python dict.
std::string_view value_after(std::string_view header, std::string_view key) {
  const auto place = header.find(key);
  if (place == std::string_view::npos) return {};
  auto rest = header.substr(place + key.size());
  rest.remove_prefix(std::min(rest.find_first_not_of(" :'"), rest.size()));
  return rest;
}

std::vector<std::int64_t> parse_shape(std::string_view text) {
  text = text.substr(1, text.find(')') - 1);
  std::vector<std::int64_t> shape;
  while (!text.empty()) {
    text.remove_prefix(std::min(text.find_first_not_of(" ,"), text.size()));
    std::int64_t size = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), size);
    if (parsed.ec != std::errc{}) break;
    shape.push_back(size);
    text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
  }
  return shape;
}

}  // namespace

at::Tensor read_npy(const std::filesystem::path& path) {
  const auto bytes = imaging::read_file(path);
  constexpr std::string_view kMagic("\x93NUMPY\x01\x00", 8);
  if (!bytes.starts_with(kMagic) || bytes.size() < 10) {
    throw Error(ErrorCode::unsupported_format, fmt::format("{}: not a version 1 .npy file.", path.string()));
  }
  const auto header_size = static_cast<unsigned char>(bytes[8]) + 256U * static_cast<unsigned char>(bytes[9]);
  const auto header = std::string_view(bytes).substr(10, header_size);
  const auto type_text = value_after(header, "'descr'");
  const auto shape_text = value_after(header, "'shape'");
  if (!value_after(header, "'fortran_order'").starts_with("False") || !shape_text.starts_with('(')) {
    throw Error(ErrorCode::unsupported_format,
                fmt::format("{}: not in C order, or no shape.", path.string()));
  }
  at::ScalarType type{};
  if (type_text.starts_with("<f4")) {
    type = at::kFloat;
  } else if (type_text.starts_with("<f8")) {
    type = at::kDouble;
  } else if (type_text.starts_with("<i8")) {
    type = at::kLong;
  } else if (type_text.starts_with("|u1")) {
    type = at::kByte;
  } else {
    throw Error(ErrorCode::unsupported_format,
                fmt::format("{}: neither float32, float64, int64 nor uint8.", path.string()));
  }
  auto tensor = at::empty(parse_shape(shape_text), type);
  const auto content = std::string_view(bytes).substr(std::min<std::size_t>(10 + header_size, bytes.size()));
  if (content.size() != tensor.nbytes()) {
    throw Error(ErrorCode::corrupt_data,
                fmt::format("{}: {} bytes do not fill its shape.", path.string(), content.size()));
  }
  std::memcpy(tensor.data_ptr(), content.data(), content.size());
  return tensor;
}

}  // namespace golden
