#include "imaging/slide/detail/jpeg_tile.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdio>
// After <cstdio>, which jpeglib.h needs.
#include <jpeglib.h>

namespace imaging::detail {
namespace {

constexpr int kMaxScans = 100;
constexpr int kTooManyScans = 1000;  // a number that no message of libjpeg has
constexpr const char* kTooManyScansText = "it has more than 100 scans";

class TileDecoder {
 public:
  TileDecoder() {
    jpeg_.err = jpeg_std_error(&errors_);
    jpeg_.client_data = this;
    errors_.error_exit = [](j_common_ptr jpeg) {
      auto* self = static_cast<TileDecoder*>(jpeg->client_data);
      std::array<char, JMSG_LENGTH_MAX> text{};
      self->errors_.format_message(jpeg, text.data());
      self->fail(text.data());
    };
    errors_.emit_message = [](j_common_ptr jpeg, int level) {
      if (level < 0) jpeg->err->error_exit(jpeg);
    };
    errors_.output_message = [](j_common_ptr) {};
  }
  ~TileDecoder() { jpeg_destroy_decompress(&jpeg_); }
  TileDecoder(const TileDecoder&) = delete;
  TileDecoder& operator=(const TileDecoder&) = delete;

  std::string decode(const JpegTileForm& form, std::span<const std::uint8_t> data, std::uint8_t* rgb,
                     std::size_t row_bytes) {
    if (setjmp(back_) == 0) run(form, data, rgb, row_bytes);
    return message_;
  }

 private:
  /// libjpeg leaves by longjmp: nothing here may own anything.
  void run(const JpegTileForm& form, std::span<const std::uint8_t> data, std::uint8_t* rgb,
           std::size_t row_bytes) {
    jpeg_create_decompress(&jpeg_);
    if (!form.tables.empty()) {
      jpeg_mem_src(&jpeg_, form.tables.data(), form.tables.size());
      if (jpeg_read_header(&jpeg_, FALSE) != JPEG_HEADER_TABLES_ONLY) {
        message_ = "the tables common to all tiles hold a picture";
        return;
      }
    }
    jpeg_mem_src(&jpeg_, data.data(), data.size());
    jpeg_read_header(&jpeg_, TRUE);
    if (jpeg_.image_width != form.size.width || jpeg_.image_height != form.size.height) {
      message_ = fmt::format("its JPEG is {} x {} pixels, the TIFF says {} x {}", jpeg_.image_width,
                             jpeg_.image_height, form.size.width, form.size.height);
      return;
    }
    jpeg_.jpeg_color_space = form.is_ycbcr ? JCS_YCbCr : JCS_RGB;
    jpeg_.out_color_space = JCS_RGB;
    limit_scans(jpeg_, progress_);
    jpeg_start_decompress(&jpeg_);
    std::array<JSAMPROW, 2 * MAX_SAMP_FACTOR> rows;
    while (jpeg_.output_scanline < jpeg_.output_height) {
      const auto count = std::min<JDIMENSION>(static_cast<JDIMENSION>(rows.size()),
                                              jpeg_.output_height - jpeg_.output_scanline);
      for (JDIMENSION i = 0; i < count; ++i) rows[i] = rgb + (jpeg_.output_scanline + i) * row_bytes;
      jpeg_read_scanlines(&jpeg_, rows.data(), count);
    }
  }

  [[noreturn]] void fail(std::string why) {
    message_ = std::move(why);
    std::longjmp(back_, 1);
  }

  jpeg_decompress_struct jpeg_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  std::jmp_buf back_{};
  std::string message_;
};

}  // namespace

void limit_scans(jpeg_decompress_struct& jpeg, jpeg_progress_mgr& progress) {
  if (jpeg_has_multiple_scans(&jpeg) == 0) return;
  jpeg.err->addon_message_table = &kTooManyScansText;
  jpeg.err->first_addon_message = kTooManyScans;
  jpeg.err->last_addon_message = kTooManyScans;
  progress.progress_monitor = [](j_common_ptr common) {
    if (reinterpret_cast<j_decompress_ptr>(common)->input_scan_number <= kMaxScans) return;
    common->err->msg_code = kTooManyScans;
    common->err->error_exit(common);
  };
  jpeg.progress = &progress;
}

std::string libjpeg_turbo_version() {
  return fmt::format("{}.{}.{}", LIBJPEG_TURBO_VERSION_NUMBER / 1000000,
                     LIBJPEG_TURBO_VERSION_NUMBER / 1000 % 1000, LIBJPEG_TURBO_VERSION_NUMBER % 1000);
}

std::string decode_jpeg_tile(const JpegTileForm& form, std::span<const std::uint8_t> data, std::uint8_t* rgb,
                             std::size_t row_bytes) {
  TileDecoder decoder;
  return decoder.decode(form, data, rgb, row_bytes);
}

}  // namespace imaging::detail
