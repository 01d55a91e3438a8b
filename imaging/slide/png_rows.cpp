#include <fmt/format.h>
#include <png.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <stdexcept>
#include <vector>

#include "imaging/base/error.h"
#include "imaging/slide/row_decoder.h"

namespace imaging {
namespace fs = std::filesystem;
namespace {

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

class PngRows final : public RowDecoder {
 public:
  PngRows(const fs::path& path, std::int64_t pixels_in_memory, bool as_numbers)
      : path_(path), as_numbers_(as_numbers), file_(std::fopen(path.c_str(), "rb"), &std::fclose) {
    if (!file_) refuse_damaged(path, "it cannot be opened");
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, &PngRows::fail, &PngRows::warn);
    header_ = png_ == nullptr ? nullptr : png_create_info_struct(png_);
    if (header_ == nullptr) {
      png_destroy_read_struct(&png_, &header_, nullptr);
      throw std::bad_alloc();
    }
    try {
      guarded([this] { read_header(); });
      check_picture_size(path_, format_.size, stored_bits_, pixels_in_memory);
      if (is_interlaced_) {
        if (format_.size.width * format_.size.height > pixels_in_memory) {
          throw Error(
              ErrorCode::resource_exhausted,
              fmt::format("{}: an interlaced PNG of {} x {} pixels cannot be read row by row; save it "
                          "without interlacing.",
                          path.string(), format_.size.width, format_.size.height));
        }
        whole_.resize(row_bytes_ * static_cast<std::size_t>(format_.size.height));
        for (std::int64_t y = 0; y < format_.size.height; ++y)
          rows_.push_back(whole_.data() + row_bytes_ * static_cast<std::size_t>(y));
        guarded([this] { png_read_image(png_, rows_.data()); });
      }
    } catch (...) {
      png_destroy_read_struct(&png_, &header_, nullptr);
      throw;
    }
  }
  ~PngRows() override { png_destroy_read_struct(&png_, &header_, nullptr); }
  PngRows(const PngRows&) = delete;
  PngRows& operator=(const PngRows&) = delete;

  void read_row(std::uint8_t* samples) override {
    if (is_interlaced_) {
      std::copy_n(rows_[next_++], row_bytes_, samples);
    } else {
      guarded([&] { png_read_row(png_, samples, nullptr); });
    }
  }
  void finish() override {
    guarded([this] { png_read_end(png_, nullptr); });
  }

 private:
  /// libpng leaves by longjmp: `call` must own nothing.
  template <typename Call>
  void guarded(const Call& call) {
    if (setjmp(png_jmpbuf(png_)) == 0) {
      call();
    } else {
      refuse_damaged(path_, message_);
    }
  }

  static void fail(png_structp png, png_const_charp why) {
    static_cast<PngRows*>(png_get_error_ptr(png))->message_ = why;
    png_longjmp(png, 1);
  }
  static void warn(png_structp, png_const_charp) {}

  void read_header() {
    png_init_io(png_, file_.get());
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // check_picture_size judges
    png_read_info(png_, header_);
    stored_bits_ = png_get_channels(png_, header_) * png_get_bit_depth(png_, header_);
    if (as_numbers_) {
      png_set_packing(png_);
    } else {
      png_set_expand(png_);  // palette to RGB, grey below 8 bits to 8, transparent colours to alpha
    }
    if (std::endian::native == std::endian::little) png_set_swap(png_);
    is_interlaced_ = png_set_interlace_handling(png_) > 1;
    png_read_update_info(png_, header_);
    format_.size = {png_get_image_width(png_, header_), png_get_image_height(png_, header_)};
    format_.channels = png_get_channels(png_, header_);
    format_.bits = png_get_bit_depth(png_, header_);
    row_bytes_ = png_get_rowbytes(png_, header_);
  }

  fs::path path_;
  bool as_numbers_;
  File file_;
  png_structp png_ = nullptr;
  png_infop header_ = nullptr;
  std::string message_;
  int stored_bits_ = 0;
  std::size_t row_bytes_ = 0;
  bool is_interlaced_ = false;
  std::vector<std::uint8_t> whole_;  // of an interlaced picture
  std::vector<std::uint8_t*> rows_;
  std::size_t next_ = 0;
};

}  // namespace

std::unique_ptr<RowDecoder> open_png_rows(const fs::path& path, std::int64_t pixels_in_memory) {
  return std::make_unique<PngRows>(path, pixels_in_memory, false);
}

std::unique_ptr<RowDecoder> open_png_numbers(const fs::path& path, std::int64_t pixels_in_memory) {
  return std::make_unique<PngRows>(path, pixels_in_memory, true);
}

}  // namespace imaging
