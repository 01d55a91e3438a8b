#include <fmt/format.h>
#include <itkMetaImageIO.h>
#include <itkNiftiImageIO.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <fstream>
#include <map>
#include <new>
#include <numeric>
#include <optional>
#include <string_view>

#include "imaging/base/error.h"
#include "imaging/slide/file_scale.h"
#include "imaging/slide/stored_picture.h"

namespace imaging {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMaxMetaHeader = std::size_t{1} << 16;

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  return first == std::string_view::npos ? ""
                                         : text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

/// The header of a MetaImage: its keys, and where the bytes after it begin.
struct MetaHeader {
  std::map<std::string, std::string, std::less<>> fields;
  std::uint64_t end = 0;
};

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

/// The first bytes of a NIfTI header, unpacked.
using NiftiStart = std::array<char, 352>;
std::optional<NiftiStart> read_nifti_start(const fs::path& path) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), &gzclose);
  NiftiStart start{};
  if (!file || gzread(file.get(), start.data(), start.size()) != static_cast<int>(start.size()))
    return std::nullopt;
  const bool is_first = std::string_view(start.data() + 344, 4) == std::string_view("n+1\0", 4);
  const bool is_second = std::string_view(start.data() + 4, 4) == std::string_view("n+2\0", 4);
  return is_first || is_second ? std::optional(start) : std::nullopt;
}

/// True if the file, unpacked where it is gzipped, has this many bytes.
bool holds_bytes(const fs::path& path, std::uint64_t wanted) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), &gzclose);
  std::array<char, 65536> block{};
  while (file && wanted > 0) {
    const auto part = static_cast<unsigned>(std::min<std::uint64_t>(block.size(), wanted));
    if (gzread(file.get(), block.data(), part) != static_cast<int>(part)) return false;
    wanted -= part;
  }
  return file != nullptr;
}

/// Reads the samples; the header must have been looked at. Rows, 2-D, 8 or 16 bits.
StoredPicture read_slice(const fs::path& path, itk::ImageIOBase& io, std::vector<std::string>& warnings) {
  std::int64_t slices = 1;
  std::string sides;
  for (unsigned i = 0; i < io.GetNumberOfDimensions(); ++i) {
    const auto side = static_cast<std::int64_t>(io.GetDimensions(i));
    sides += fmt::format("{}{}", i == 0 ? "" : " x ", side);
    if (i >= 2 && side != 1) slices = side;
  }
  if (io.GetNumberOfDimensions() < 2) refuse_kind(path, "its image has one dimension, and a picture has two");
  if (slices != 1) {
    refuse_kind(
        path, fmt::format("a volume of {} voxels, and volumes are not read yet; export the slice wanted as a "
                          "2-D image",
                          sides));
  }
  StoredPicture picture;
  auto& format = picture.format;
  format.size = {static_cast<std::int64_t>(io.GetDimensions(0)),
                 static_cast<std::int64_t>(io.GetDimensions(1))};
  format.channels = static_cast<int>(io.GetNumberOfComponents());
  const auto type = io.GetComponentType();
  const bool is_deep = type == itk::IOComponentEnum::USHORT || type == itk::IOComponentEnum::SHORT;
  if (!is_deep && type != itk::IOComponentEnum::UCHAR) {
    refuse_kind(
        path,
        fmt::format("its samples are of type {}, and a picture has whole numbers of 8 or 16 bits; export it "
                    "so",
                    itk::ImageIOBase::GetComponentTypeAsString(type)));
  }
  if (format.channels != 1 && format.channels != 3 && format.channels != 4)
    refuse_kind(path,
                fmt::format("its pixels have {} components, and a picture has 1, 3 or 4", format.channels));
  format.bits = is_deep ? 16 : 8;
  check_stored_size(path, format.size, format.bits * format.channels);

  itk::ImageIORegion region(io.GetNumberOfDimensions());
  for (unsigned i = 0; i < io.GetNumberOfDimensions(); ++i) region.SetSize(i, io.GetDimensions(i));
  io.SetIORegion(region);
  picture.samples.resize(static_cast<std::size_t>(io.GetImageSizeInBytes()));
  if (picture.samples.size() !=
      static_cast<std::size_t>(format.size.width * format.size.height * format.channels * format.bits / 8)) {
    refuse_damaged(path, "its size is unclear");
  }
  io.Read(picture.samples.data());
  if (type == itk::IOComponentEnum::SHORT) lift_signed(picture.samples, warnings);
  return picture;
}

/// Runs ITK with its messages off and its exceptions made ours.
template <typename Io>
StoredPicture read_with(const fs::path& path, std::vector<std::string>& warnings) {
  itk::Object::GlobalWarningDisplayOff();
  try {
    const auto io = Io::New();
    io->SetFileName(path.string());
    io->ReadImageInformation();
    return read_slice(path, *io, warnings);
  } catch (const itk::MemoryAllocationError&) {
    throw std::bad_alloc();
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const itk::ExceptionObject& error) {
    std::string why = error.GetDescription();
    std::replace(why.begin(), why.end(), '\n', ' ');
    refuse_damaged(path, trimmed(why));
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    refuse_damaged(path, error.what());
  }
}

}  // namespace

bool is_meta_image(const fs::path& path) {
  return read_meta_header(path).has_value();
}

bool is_nifti(const fs::path& path) {
  return read_nifti_start(path).has_value();
}

StoredPicture read_meta_picture(const fs::path& path, SlideInfo& info) {
  const auto header = read_meta_header(path);
  if (!header) refuse_damaged(path, "its header is incomplete");
  const auto field = [&](std::string_view key) -> std::string {
    const auto found = header->fields.find(key);
    return found == header->fields.end() ? "" : found->second;
  };
  const auto data = field("ElementDataFile");
  const bool is_local = data == "LOCAL" || data == "local" || data == "Local";
  const fs::path beside = path.parent_path() / data;
  if (data.starts_with("LIST") || data.find('%') != std::string::npos)
    refuse_kind(
        path,
        "its pixels lie in a list of files, and volumes are not read yet; export one slice as a 2-D image");
  if (!is_local && fs::path(data).filename() != data)
    refuse_kind(path, "its data file does not lie beside it; copy both into one folder and name it alone");
  std::error_code failed;
  const auto bytes = fs::file_size(is_local ? path : beside, failed);
  if (failed) refuse_damaged(path, "its data file cannot be read");

  // MetaIO would show what is missing as black.
  const auto number = [&](const std::string& text) { return parse_number(text).value_or(0); };
  double needed = 0;
  if (field("CompressedData") == "True") {
    needed = number(field("CompressedDataSize"));
    if (needed <= 0) refuse_damaged(path, "it does not say CompressedDataSize");
  } else {
    needed = number(field("ElementNumberOfChannels").empty() ? "1" : field("ElementNumberOfChannels"));
    const auto type = field("ElementType");
    needed *= type.find("SHORT") != std::string::npos ? 2 : 1;
    const auto sides = field("DimSize");
    for (std::size_t at = 0; at < sides.size();) {
      const auto end = std::min(sides.find(' ', at), sides.size());
      if (end > at) needed *= number(sides.substr(at, end - at));
      at = end + 1;
    }
  }
  const double offset =
      is_local ? static_cast<double>(header->end) : std::max(0.0, number(field("HeaderSize")));
  if (offset + needed > static_cast<double>(bytes)) {
    refuse_damaged(path, fmt::format("it ends early: {} bytes of pixels are stated, {} are there", needed,
                                     std::max(0.0, static_cast<double>(bytes) - offset)));
  }

  auto picture = read_with<itk::MetaImageIO>(path, info.warnings);
  const auto spacing = field("ElementSpacing");
  const auto gap = spacing.find(' ');
  if (gap != std::string::npos) {
    const auto second = trimmed(std::string_view(spacing).substr(gap));
    const auto x = parse_number(spacing.substr(0, gap));
    const auto y = parse_number(second.substr(0, second.find(' ')));
    if (x && y) info.scale = judge_spacing({1000 * *x, 1000 * *y, "itk.spacing"}, info.warnings);
  }
  return picture;
}

StoredPicture read_nifti_picture(const fs::path& path, SlideInfo& info) {
  const auto start = read_nifti_start(path);
  if (!start) refuse_damaged(path, "its header is incomplete");
  if (std::string_view(start->data() + 4, 3) == "n+2")
    refuse_kind(path, "NIfTI-2 is not read; save it as NIfTI-1");
  const auto name = path.filename().string();
  if (!name.ends_with(".nii") && !name.ends_with(".nii.gz"))
    refuse_kind(path, "a NIfTI file must be named .nii or .nii.gz; rename it");
  std::int32_t header_size = 0;
  std::memcpy(&header_size, start->data(), 4);
  const bool is_swapped = header_size != 348;
  const auto value_at = [&]<typename Value>(std::size_t at, Value) {
    std::array<char, sizeof(Value)> bytes{};
    std::copy_n(start->data() + at, bytes.size(), bytes.begin());
    if (is_swapped) std::reverse(bytes.begin(), bytes.end());
    return std::bit_cast<Value>(bytes);
  };
  auto picture = read_with<itk::NiftiImageIO>(path, info.warnings);
  // What is missing at the end would be shown as black.
  const auto offset = static_cast<std::uint64_t>(std::clamp(value_at(108, 0.0F), 352.0F, 1e9F));
  if (!holds_bytes(path, offset + picture.samples.size())) refuse_damaged(path, "it ends early");
  const int unit = (*start)[123] & 7;  // xyzt_units: 1 metre, 2 millimetre, 3 micrometre, else not stated
  const double um = unit == 1 ? 1e6 : unit == 2 ? 1e3 : unit == 3 ? 1 : 0;
  if (um > 0) {
    const auto x = static_cast<double>(value_at(80, 0.0F));
    const auto y = static_cast<double>(value_at(84, 0.0F));
    info.scale = judge_spacing({um * x, um * y, "itk.spacing"}, info.warnings);
  }
  return picture;
}

}  // namespace imaging
