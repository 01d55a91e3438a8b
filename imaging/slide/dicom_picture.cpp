#include <fmt/format.h>
#include <gdcmImageApplyLookupTable.h>
#include <gdcmImageChangePlanarConfiguration.h>
#include <gdcmImageReader.h>
#include <gdcmSequenceOfFragments.h>
#include <gdcmTrace.h>
#include <gdcmUIDs.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <fstream>
#include <mutex>
#include <new>
#include <optional>
#include <set>
#include <string_view>

#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/slide/file_scale.h"
#include "imaging/slide/stored_picture.h"

namespace imaging {
namespace fs = std::filesystem;
namespace {

using gdcm::Tag;

const Tag kSopClass(0x0008, 0x0016);
const Tag kModality(0x0008, 0x0060);
const Tag kModel(0x0008, 0x1090);
const Tag kLaterality(0x0020, 0x0060);
const Tag kImageLaterality(0x0020, 0x0062);
const Tag kSamples(0x0028, 0x0002);
const Tag kPhotometric(0x0028, 0x0004);
const Tag kFrames(0x0028, 0x0008);
const Tag kRows(0x0028, 0x0010);
const Tag kColumns(0x0028, 0x0011);
const Tag kSpacing(0x0028, 0x0030);
const Tag kBitsAllocated(0x0028, 0x0100);
const Tag kWindowCenter(0x0028, 0x1050);
const Tag kWindowWidth(0x0028, 0x1051);
constexpr std::string_view kWholeSlide = "1.2.840.10008.5.1.4.1.1.77.1.6";
constexpr std::array<std::string_view, 4> kVolumeModalities{"CT", "MR", "PT", "NM"};

/// What is wanted of a DICOM file before its pixels.
class Header {
 public:
  explicit Header(const fs::path& path) {
    reader_.SetFileName(path.c_str());
    const std::set<Tag> wanted{kSopClass, kModality,      kModel,        kLaterality, kImageLaterality,
                               kSamples,  kPhotometric,   kFrames,       kRows,       kColumns,
                               kSpacing,  kBitsAllocated, kWindowCenter, kWindowWidth};
    if (!reader_.ReadSelectedTags(wanted)) refuse_damaged(path, "its header does not parse");
  }

  /// The printable value without padding; empty where the file lacks it.
  [[nodiscard]] std::string text(const Tag& tag) const {
    const auto& set = reader_.GetFile().GetDataSet();
    if (!set.FindDataElement(tag)) return {};
    const auto* bytes = set.GetDataElement(tag).GetByteValue();
    if (bytes == nullptr) return {};
    std::string value(bytes->GetPointer(), bytes->GetLength());
    std::erase_if(value, [](char c) { return c < 0x20 || c > 0x7e; });
    const auto first = value.find_first_not_of(' ');
    return first == std::string::npos ? "" : value.substr(first, value.find_last_not_of(' ') - first + 1);
  }
  /// Value `i` of several.
  [[nodiscard]] std::optional<double> number(const Tag& tag, int i = 0) const {
    auto rest = text(tag);
    for (; i > 0; --i) {
      const auto end = rest.find('\\');
      if (end == std::string::npos) return std::nullopt;
      rest.erase(0, end + 1);
    }
    auto value = rest.substr(0, rest.find('\\'));
    value.erase(0, value.find_first_not_of(" +"));
    value.erase(value.find_last_not_of(' ') + 1);
    return parse_number(value);
  }
  [[nodiscard]] std::int64_t whole(const Tag& tag) const {
    const auto& set = reader_.GetFile().GetDataSet();
    const auto* bytes = set.FindDataElement(tag) ? set.GetDataElement(tag).GetByteValue() : nullptr;
    if (bytes == nullptr || bytes->GetLength() < 2) return 0;
    std::array<unsigned char, 2> pair{};
    std::memcpy(pair.data(), bytes->GetPointer(), 2);
    // GDCM keeps values in native order.
    std::uint16_t value = 0;
    std::memcpy(&value, pair.data(), 2);
    return value;
  }
  [[nodiscard]] std::string sop_class() const {
    const auto stated = text(kSopClass);
    if (!stated.empty()) return stated;
    const char* media = reader_.GetFile().GetHeader().GetMediaStorage().GetString();
    return media == nullptr ? "" : media;
  }

 private:
  gdcm::Reader reader_;
};

/// Refuses what is no 2-D picture, by what the header says.
void check_kind(const fs::path& path, const Header& header) {
  const auto sop_class = header.sop_class();
  const auto modality = header.text(kModality);
  if (sop_class == kWholeSlide) {
    refuse_kind(
        path,
        "a whole-slide DICOM image, which OpenSlide reads from version 4 on; convert it to a tiled pyramidal "
        "TIFF (for example with wsidicomizer or bfconvert), or build with a newer OpenSlide");
  }
  if (std::ranges::find(kVolumeModalities, modality) != kVolumeModalities.end()) {
    refuse_kind(
        path,
        fmt::format("a slice of a radiological volume (modality {}), and volumes are not read yet; Tessera "
                    "reads photographs",
                    modality));
  }
  const auto frames = header.number(kFrames).value_or(1);
  if (frames > 1) {
    refuse_kind(
        path,
        fmt::format("a DICOM image of {} frames, and a picture has one; export the frame wanted", frames));
  }
  if (header.whole(kRows) == 0 && header.whole(kColumns) == 0) {
    gdcm::UIDs uid;
    const char* name = uid.SetFromUID(sop_class.c_str()) ? uid.GetName() : nullptr;
    refuse_kind(path, fmt::format("a DICOM file without a picture ({})", name != nullptr ? name : sop_class));
  }
}

void describe(const Header& header, SlideInfo& info) {
  const auto keep = [&](const char* name, const std::string& value) {
    if (!value.empty()) info.properties[name] = value;
  };
  keep("dicom.SOPClassUID", header.sop_class());
  keep("dicom.Modality", header.text(kModality));
  keep("dicom.ManufacturerModelName", header.text(kModel));
  keep("dicom.PhotometricInterpretation", header.text(kPhotometric));
  keep("dicom.NumberOfFrames", header.text(kFrames));
  keep("dicom.PixelSpacing", header.text(kSpacing));
  const auto of_image = header.text(kImageLaterality);
  const auto laterality = of_image.empty() ? header.text(kLaterality) : of_image;
  keep("dicom.Laterality", laterality);
  if (laterality == "L" || laterality == "R") info.laterality = laterality;
  const auto between_rows = header.number(kSpacing, 0);
  const auto between_columns = header.number(kSpacing, 1);
  if (between_rows && between_columns) {
    info.scale =
        judge_spacing({1000 * *between_columns, 1000 * *between_rows, "dicom.pixel_spacing"}, info.warnings);
  }
}

/// The stored value of sample i as a number.
int sample_at(const std::vector<std::uint8_t>& samples, int bits, bool is_signed, std::size_t i) {
  if (bits == 8) return is_signed ? static_cast<std::int8_t>(samples[i]) : samples[i];
  std::uint16_t value = 0;
  std::memcpy(&value, samples.data() + 2 * i, 2);
  return is_signed ? static_cast<std::int16_t>(value) : value;
}

/// The linear function of PS3.3 C.11.2.1.2, to 8 bits.
std::vector<std::uint8_t> through_window(const std::vector<std::uint8_t>& samples, int bits, bool is_signed,
                                         double slope, double intercept, double center, double width) {
  std::vector<std::uint8_t> shown(samples.size() * 8 / static_cast<std::size_t>(bits));
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const double value = slope * sample_at(samples, bits, is_signed, i) + intercept;
    const double share = width > 1              ? (value - (center - 0.5)) / (width - 1) + 0.5
                         : value > center - 0.5 ? 1
                                                : 0;
    shown[i] = static_cast<std::uint8_t>(std::lround(255 * std::clamp(share, 0.0, 1.0)));
  }
  return shown;
}

/// ITU-R BT.601, full range, as JPEG and YBR_FULL have it.
void ybr_to_rgb(std::vector<std::uint8_t>& pixels) {
  const auto narrow = [](double value) {
    return static_cast<std::uint8_t>(std::lround(std::clamp(value, 0.0, 255.0)));
  };
  for (std::size_t i = 0; i + 2 < pixels.size(); i += 3) {
    const double y = pixels[i];
    const double cb = pixels[i + 1] - 128.0;
    const double cr = pixels[i + 2] - 128.0;
    pixels[i] = narrow(y + 1.402 * cr);
    pixels[i + 1] = narrow(y - 0.344136 * cb - 0.714136 * cr);
    pixels[i + 2] = narrow(y + 1.772 * cb);
  }
}

/// True where the pixels are a JFIF file, which is YCbCr by definition, even if the header around it says RGB
/// (a known fault of exporters).
bool is_jfif(const gdcm::DataElement& pixels) {
  const auto* fragments = pixels.GetSequenceOfFragments();
  if (fragments == nullptr || fragments->GetNumberOfFragments() == 0) return false;
  const auto* bytes = fragments->GetFragment(0).GetByteValue();
  return bytes != nullptr && bytes->GetLength() > 10 &&
         std::string_view(bytes->GetPointer(), 3) == "\xff\xd8\xff" &&
         std::string_view(bytes->GetPointer() + 6, 4) == "JFIF";
}

/// True if the file ends before its uncompressed pixels do; GDCM would take what memory holds for them.
bool ends_early(const fs::path& path, std::uint32_t pixel_bytes, bool is_big_endian) {
  const auto file = read_file(path, std::uint64_t{1} << 32);
  std::string length(4, '\0');
  for (std::size_t i = 0; i < 4; ++i) length[i] = static_cast<char>(pixel_bytes >> (8 * i));
  if (is_big_endian) std::ranges::reverse(length);
  // Element (7fe0,0010): tag, in explicit syntaxes OB or OW and two zeros, then the length.
  using namespace std::string_literals;
  const auto tag = is_big_endian ? "\x7f\xe0\x00\x10"s : "\xe0\x7f\x10\x00"s;
  for (const auto& form : {"OW\0\0"s, "OB\0\0"s, ""s}) {
    const auto element = tag + form + length;
    const auto at = file.rfind(element);
    if (at != std::string::npos) return file.size() - at - element.size() < pixel_bytes;
  }
  return false;
}

StoredPicture decode(const fs::path& path, const Header& header, SlideInfo& info) {
  gdcm::ImageReader reader;
  reader.SetFileName(path.c_str());
  if (!reader.Read()) refuse_damaged(path, "GDCM does not read its pixels");
  const auto* raw = reader.GetImage().GetDataElement().GetByteValue();
  const bool is_big_endian =
      reader.GetFile().GetHeader().GetDataSetTransferSyntax().GetSwapCode() == gdcm::SwapCode::BigEndian;
  if (raw != nullptr && ends_early(path, raw->GetLength(), is_big_endian))
    refuse_damaged(path, "it ends early");
  // Filters count references to their input, which must not lie on the stack.
  gdcm::SmartPointer<gdcm::Image> image = new gdcm::Image(reader.GetImage());
  using Photometric = gdcm::PhotometricInterpretation;
  if (image->GetPhotometricInterpretation() == Photometric::PALETTE_COLOR) {
    gdcm::ImageApplyLookupTable filter;
    filter.SetInput(*image);
    if (!filter.Apply()) refuse_damaged(path, "its palette is damaged");
    image = new gdcm::Image(filter.GetOutput());
  }
  if (image->GetPlanarConfiguration() == 1) {
    gdcm::ImageChangePlanarConfiguration filter;
    filter.SetPlanarConfiguration(0);
    filter.SetInput(*image);
    if (!filter.Change()) refuse_damaged(path, "its colour planes are damaged");
    image = new gdcm::Image(filter.GetOutput());
  }
  const auto photometric = image->GetPhotometricInterpretation();
  const auto type = image->GetPixelFormat();
  StoredPicture picture;
  auto& format = picture.format;
  format.size = {image->GetDimension(0), image->GetDimension(1)};
  format.channels = type.GetSamplesPerPixel();
  format.bits = type.GetBitsAllocated();
  const bool is_signed = type.GetPixelRepresentation() == 1;
  if ((format.bits != 8 && format.bits != 16) || (format.channels != 1 && format.channels != 3)) {
    refuse_kind(path, fmt::format("{} samples of {} bits a pixel, and a picture has 1 or 3 of 8 or 16",
                                  format.channels, format.bits));
  }
  check_stored_size(path, format.size, format.bits * format.channels);
  const auto bytes =
      static_cast<std::size_t>(format.size.width * format.size.height * format.channels * format.bits / 8);
  if (image->GetBufferLength() != bytes) refuse_damaged(path, "its pixels do not fill its size");
  picture.samples.resize(bytes);
  if (!image->GetBuffer(reinterpret_cast<char*>(picture.samples.data())))
    refuse_damaged(path, "its pixels do not decode");

  if (format.bits == 8 && format.channels == 3 &&
      (photometric == Photometric::YBR_FULL || photometric == Photometric::YBR_FULL_422 ||
       (photometric == Photometric::RGB && is_jfif(reader.GetImage().GetDataElement())))) {
    ybr_to_rgb(picture.samples);
  }
  if (format.channels == 1) {
    format.is_white_at_zero = photometric == Photometric::MONOCHROME1;
    const auto center = header.number(kWindowCenter);
    const auto width = header.number(kWindowWidth);
    if (center && width && *width >= 1) {
      picture.samples = through_window(picture.samples, format.bits, is_signed, image->GetSlope(),
                                       image->GetIntercept(), *center, *width);
      info.warnings.push_back(
          fmt::format("Grey values: the window that the file states, center {} and width {}, is shown "
                      "as 0 to 255.",
                      *center, *width));
      format.bits = 8;
      return picture;
    }
  }
  if (is_signed) {
    if (format.bits == 8) refuse_kind(path, "signed samples of 8 bits without a window; export it unsigned");
    lift_signed(picture.samples, info.warnings);
  }
  return picture;
}

}  // namespace

bool is_dicom(const fs::path& path) {
  std::array<char, 132> start{};
  std::ifstream in(path, std::ios::binary);
  in.read(start.data(), start.size());
  return in.gcount() == static_cast<std::streamsize>(start.size()) &&
         std::string_view(start.data() + 128, 4) == "DICM";
}

StoredPicture read_dicom_picture(const fs::path& path, SlideInfo& info) {
  static std::once_flag once;  // the switches are global to the process
  std::call_once(once, [] {
    gdcm::Trace::DebugOff();
    gdcm::Trace::WarningOff();
    gdcm::Trace::ErrorOff();
  });
  try {
    const Header header(path);
    check_kind(path, header);
    const auto bits = header.whole(kBitsAllocated) * std::max<std::int64_t>(1, header.whole(kSamples));
    check_stored_size(path, {header.whole(kColumns), header.whole(kRows)}, static_cast<int>(bits));
    describe(header, info);
    return decode(path, header, info);
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    refuse_damaged(path, error.what());
  }
}

}  // namespace imaging
