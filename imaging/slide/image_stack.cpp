#include "imaging/slide/image_stack.h"

#include <fmt/format.h>
#include <tiffio.h>

#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/slide/picture_pyramid.h"
#include "imaging/slide/rgb_rows.h"
#include "imaging/slide/tiff_rows.h"

namespace imaging {
namespace fs = std::filesystem;

ImageStack find_image_stack(const fs::path& path) {
  ImageStack stack{.path = path, .size = {}, .pages = {}};
  const auto file = open_tiff(path, "rm");
  if (!file) return stack;
  const auto pages = first_full_page(file.get()).count;
  std::vector<int> found;
  for (int page = 0; page < pages; ++page) {
    if (TIFFSetDirectory(file.get(), static_cast<tdir_t>(page)) == 0) return stack;
    std::uint32_t width = 0, height = 0, kind = 0;
    TIFFGetFieldDefaulted(file.get(), TIFFTAG_IMAGEWIDTH, &width);
    TIFFGetFieldDefaulted(file.get(), TIFFTAG_IMAGELENGTH, &height);
    TIFFGetFieldDefaulted(file.get(), TIFFTAG_SUBFILETYPE, &kind);
    const SizeI size{width, height};
    if (page == 0) stack.size = size;
    if ((kind & (FILETYPE_REDUCEDIMAGE | FILETYPE_MASK)) != 0 || size != stack.size) return stack;
    found.push_back(page);
  }
  if (found.size() > 1) stack.pages = std::move(found);
  return stack;
}

Image8 read_stack_image(const ImageStack& stack, std::size_t number) {
  const auto open = [&] { return open_tiff_page(stack.path, stack.pages.at(number), kPixelsInMemory); };
  auto rows = open();
  const auto& format = rows->format();
  if (format.size.width > kPixelsInMemory / std::max<std::int64_t>(1, format.size.height) ||
      format.orientation != 1) {
    throw Error(
        format.orientation != 1 ? ErrorCode::unsupported_format : ErrorCode::resource_exhausted,
        fmt::format("{}: image {} of {} x {} pixels, orientation {}: images of a stack are upright and have "
                    "at most {} pixels; save them one by one.",
                    stack.path.string(), number + 1, format.size.width, format.size.height,
                    format.orientation, kPixelsInMemory));
  }
  int white = 255;
  if (format.bits == 16) {
    white = measure_white(*rows);
    rows = open();
  }
  RgbRows rgb(*rows, white);
  Image8 image(rows->format().size.width, rows->format().size.height, 3);
  rgb.read(image);
  rows->finish();
  return image;
}

struct LabelStackWriter::Impl {
  explicit Impl(const fs::path& path)
      : file(path), name(path.string()), tiff(open_tiff(file.temporary_path(), "w")) {
    if (!tiff) fail();
  }
  [[noreturn]] void fail() const {
    throw Error(ErrorCode::io_error, fmt::format("{}: cannot be written ({}).", name, last_tiff_message()));
  }
  AtomicFile file;
  std::string name;
  TiffFile tiff;
};

LabelStackWriter::LabelStackWriter(fs::path path) : impl_(std::make_unique<Impl>(path)) {}
LabelStackWriter::~LabelStackWriter() = default;

void LabelStackWriter::append(const Image8& labels) {
  auto* tiff = impl_->tiff.get();
  TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, static_cast<std::uint32_t>(labels.width()));
  TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, static_cast<std::uint32_t>(labels.height()));
  TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, 8);
  TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, 1);
  TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
  TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
  TIFFSetField(tiff, TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE);
  TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, TIFFDefaultStripSize(tiff, 0));
  for (std::int64_t y = 0; y < labels.height(); ++y) {
    if (TIFFWriteScanline(tiff, const_cast<std::uint8_t*>(labels.row(y)), static_cast<std::uint32_t>(y), 0) !=
        1)
      impl_->fail();
  }
  if (TIFFWriteDirectory(tiff) != 1) impl_->fail();
}

void LabelStackWriter::finish() {
  impl_->tiff.reset();
  impl_->file.commit();
}

}  // namespace imaging
