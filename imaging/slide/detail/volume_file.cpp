#include "imaging/slide/detail/volume_file.h"

#include <fmt/format.h>
#include <zlib.h>

#include <cstring>
#include <fstream>
#include <memory>

#include "imaging/slide/file_scale.h"
#include "imaging/slide/row_decoder.h"

namespace imaging::detail {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMaxMetaHeader = std::size_t{1} << 16;

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  return first == std::string_view::npos ? ""
                                         : text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

/// Bytes of a sample of a MetaImage.
double sample_bytes(std::string_view type) {
  if (type.ends_with("CHAR")) return 1;
  if (type.ends_with("SHORT")) return 2;
  if (type.ends_with("DOUBLE") || type.ends_with("LONG_LONG")) return 8;
  return 4;
}

using GzFile = std::unique_ptr<gzFile_s, int (*)(gzFile)>;

/// True if the file, unpacked where it is gzipped, has this many bytes.
bool holds_bytes(const fs::path& path, std::uint64_t wanted) {
  const GzFile file(gzopen(path.c_str(), "rb"), &gzclose);
  std::array<char, 65536> block{};
  while (file && wanted > 0) {
    const auto part = static_cast<unsigned>(std::min<std::uint64_t>(block.size(), wanted));
    if (gzread(file.get(), block.data(), part) != static_cast<int>(part)) return false;
    wanted -= part;
  }
  return file != nullptr;
}

}  // namespace

std::string MetaHeader::field(std::string_view key) const {
  const auto found = fields.find(key);
  return found == fields.end() ? "" : found->second;
}

std::optional<MetaHeader> read_meta_header(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(kMaxMetaHeader, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  MetaHeader header;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto end = text.find('\n', at);
    const auto line = std::string_view(text).substr(at, end == std::string::npos ? end : end - at);
    const auto equals = line.find('=');
    if (equals == std::string_view::npos || equals > 80) return std::nullopt;
    const std::string key(trimmed(line.substr(0, equals)));
    header.fields[key] = trimmed(line.substr(equals + 1));
    at = end == std::string::npos ? text.size() : end + 1;
    if (key != "ElementDataFile") continue;
    header.end = at;
    if (header.fields.contains("NDims")) return header;
    return std::nullopt;
  }
  return std::nullopt;
}

std::vector<double> numbers_of(std::string_view text) {
  std::vector<double> numbers;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find(' ', at), text.size());
    if (end > at) {
      const auto number = parse_number(trimmed(text.substr(at, end - at)));
      if (!number) break;
      numbers.push_back(*number);
    }
    at = end + 1;
  }
  return numbers;
}

void check_meta_file(const fs::path& path, const MetaHeader& header) {
  const auto data = header.field("ElementDataFile");
  const bool is_local = data == "LOCAL" || data == "local" || data == "Local";
  if (data.starts_with("LIST") || data.find('%') != std::string::npos)
    refuse_kind(path, "its pixels lie in a list of files; save it as one .mha file");
  if (!is_local && fs::path(data).filename() != data)
    refuse_kind(path, "its data file does not lie beside it; copy both into one folder and name it alone");
  std::error_code failed;
  const auto bytes = fs::file_size(is_local ? path : path.parent_path() / data, failed);
  if (failed) refuse_damaged(path, "its data file cannot be read");

  const auto number = [&](std::string_view key, double otherwise) {
    const auto text = header.field(key);
    return text.empty() ? otherwise : parse_number(text).value_or(0);
  };
  double needed = 0;
  if (header.field("CompressedData") == "True") {
    needed = number("CompressedDataSize", 0);
    if (needed <= 0) refuse_damaged(path, "it does not say CompressedDataSize");
  } else {
    needed = number("ElementNumberOfChannels", 1) * sample_bytes(header.field("ElementType"));
    for (const double side : numbers_of(header.field("DimSize"))) needed *= side;
  }
  const double offset = is_local ? static_cast<double>(header.end) : std::max(0.0, number("HeaderSize", 0));
  if (offset + needed > static_cast<double>(bytes)) {
    refuse_damaged(path, fmt::format("it ends early: {} bytes of pixels are stated, {} are there", needed,
                                     std::max(0.0, static_cast<double>(bytes) - offset)));
  }
}

bool NiftiStart::is_swapped() const {
  std::int32_t header_size = 0;
  std::memcpy(&header_size, bytes.data(), 4);
  return header_size != 348;
}

double NiftiStart::unit_mm() const {
  const int unit = bytes[123] & 7;  // xyzt_units: 1 metre, 2 millimetre, 3 micrometre, else not stated
  return unit == 1 ? 1e3 : unit == 2 ? 1 : unit == 3 ? 1e-3 : 0;
}

std::optional<NiftiStart> read_nifti_start(const fs::path& path) {
  const GzFile file(gzopen(path.c_str(), "rb"), &gzclose);
  NiftiStart start;
  if (!file || gzread(file.get(), start.bytes.data(), static_cast<unsigned>(start.bytes.size())) !=
                   static_cast<int>(start.bytes.size()))
    return std::nullopt;
  const bool is_first = std::string_view(start.bytes.data() + 344, 4) == std::string_view("n+1\0", 4);
  const bool is_second = std::string_view(start.bytes.data() + 4, 4) == std::string_view("n+2\0", 4);
  return is_first || is_second ? std::optional(start) : std::nullopt;
}

void check_nifti_kind(const fs::path& path, const NiftiStart& start) {
  if (start.is_second()) refuse_kind(path, "NIfTI-2 is not read; save it as NIfTI-1");
  const auto name = path.filename().string();
  if (!name.ends_with(".nii") && !name.ends_with(".nii.gz"))
    refuse_kind(path, "a NIfTI file must be named .nii or .nii.gz; rename it");
}

void check_nifti_end(const fs::path& path, const NiftiStart& start, std::uint64_t bytes) {
  constexpr float kLeast = 352, kMost = 1e9F;
  const auto stated = start.value_at<float>(108);
  const auto offset =
      static_cast<std::uint64_t>(stated > kLeast ? std::min(stated, kMost) : kLeast);  // NaN too
  if (!holds_bytes(path, offset + bytes)) refuse_damaged(path, "it ends early");
}

}  // namespace imaging::detail
