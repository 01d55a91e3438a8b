#include "imaging/raster/label_png.h"

#include <fmt/format.h>
#include <png.h>

#include <cstdio>
#include <string>

#include "imaging/base/error.h"
#include "imaging/base/files.h"

namespace imaging {

std::array<std::uint8_t, 3> class_colour(int label) {
  // The colours of Okabe and Ito; those that stand out from retina and tissue come first.
  static constexpr std::array<std::array<std::uint8_t, 3>, 7> kColours{{{86, 180, 233},
                                                                        {240, 228, 66},
                                                                        {0, 158, 115},
                                                                        {204, 121, 167},
                                                                        {230, 159, 0},
                                                                        {0, 114, 178},
                                                                        {213, 94, 0}}};
  if (label <= 0) return {0, 0, 0};
  return kColours[static_cast<std::size_t>(label - 1) % kColours.size()];
}

struct LabelPngWriter::Impl {
  Impl(std::filesystem::path path, SizeI wanted)
      : size(wanted),
        file(path),
        name(path.string()),
        out(std::fopen(file.temporary_path().c_str(), "wb"), &std::fclose) {
    png = png_create_write_struct(PNG_LIBPNG_VER_STRING, this, &Impl::fail, &Impl::warn);
    header = png == nullptr ? nullptr : png_create_info_struct(png);
    if (!out || header == nullptr) {
      png_destroy_write_struct(&png, &header);
      throw Error(ErrorCode::io_error, fmt::format("{}: cannot be written.", name));
    }
    try {
      guarded([this] { write_header(); });
    } catch (...) {
      png_destroy_write_struct(&png, &header);
      throw;
    }
  }
  ~Impl() { png_destroy_write_struct(&png, &header); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  /// libpng leaves by longjmp: `call` must own nothing.
  template <typename Call>
  void guarded(const Call& call) {
    if (setjmp(png_jmpbuf(png)) == 0) {
      call();
    } else {
      throw Error(ErrorCode::io_error, fmt::format("{}: cannot be written ({}).", name, message));
    }
  }
  static void fail(png_structp png, png_const_charp why) {
    static_cast<Impl*>(png_get_error_ptr(png))->message = why;
    png_longjmp(png, 1);
  }
  static void warn(png_structp, png_const_charp) {}

  void write_header() {
    png_init_io(png, out.get());
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_compression_level(png, 6);
    png_set_IHDR(png, header, static_cast<png_uint_32>(size.width), static_cast<png_uint_32>(size.height), 8,
                 PNG_COLOR_TYPE_PALETTE, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_color palette[256];
    for (int label = 0; label < 256; ++label) {
      const auto [red, green, blue] = class_colour(label);
      palette[label] = {red, green, blue};
    }
    png_set_PLTE(png, header, palette, 256);
    png_write_info(png, header);
  }

  SizeI size;
  AtomicFile file;
  std::string name;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> out;
  png_structp png = nullptr;
  png_infop header = nullptr;
  std::string message;
  std::int64_t written = 0;
};

LabelPngWriter::LabelPngWriter(std::filesystem::path path, SizeI size) {
  if (size.width < 1 || size.height < 1 || size.width > PNG_UINT_31_MAX || size.height > PNG_UINT_31_MAX)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("A mask of {} x {} pixels cannot be written.", size.width, size.height));
  impl_ = std::make_unique<Impl>(std::move(path), size);
}

LabelPngWriter::~LabelPngWriter() = default;

void LabelPngWriter::append_rows(const Image8& rows) {
  if (rows.width() != impl_->size.width || rows.channels() != 1 ||
      impl_->written + rows.height() > impl_->size.height) {
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("{} rows of {} x {} values do not go into a mask of {} x {}, {} rows of which are "
                    "written.",
                    rows.height(), rows.width(), rows.channels(), impl_->size.width, impl_->size.height,
                    impl_->written));
  }
  for (std::int64_t y = 0; y < rows.height(); ++y)
    impl_->guarded([&] { png_write_row(impl_->png, rows.row(y)); });
  impl_->written += rows.height();
}

void LabelPngWriter::finish() {
  if (impl_->written != impl_->size.height)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: {} of {} rows are missing.", impl_->name,
                            impl_->size.height - impl_->written, impl_->size.height));
  impl_->guarded([this] { png_write_end(impl_->png, nullptr); });
  if (std::fclose(impl_->out.release()) != 0)
    throw Error(ErrorCode::io_error, fmt::format("{}: cannot be written to its end.", impl_->name));
  impl_->file.commit();
}

void write_label_png(const std::filesystem::path& path, const Image8& labels) {
  LabelPngWriter writer(path, {labels.width(), labels.height()});
  writer.append_rows(labels);
  writer.finish();
}

}  // namespace imaging
