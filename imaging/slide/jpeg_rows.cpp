#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdio>
#include <string_view>
#include <vector>
// After <cstdio>, which jpeglib.h needs.
#include <jerror.h>
#include <jpeglib.h>

#include "imaging/base/error.h"
#include "imaging/slide/detail/jpeg_tile.h"
#include "imaging/slide/row_decoder.h"

namespace imaging {
namespace fs = std::filesystem;
namespace {

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

/// The orientation in an APP1 segment "Exif\0\0" + TIFF header; 1 where it holds none.
int exif_orientation(std::string_view segment) {
  using namespace std::string_view_literals;
  if (!segment.starts_with("Exif\0\0"sv)) return 1;
  const auto tiff = segment.substr(6);
  const bool is_big_endian = tiff.starts_with("MM");
  const auto number = [&](std::size_t at, std::size_t count) -> std::size_t {
    if (at > tiff.size() || count > tiff.size() - at) return 0;
    std::size_t value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto from = is_big_endian ? at + i : at + count - 1 - i;
      value = value << 8 | static_cast<unsigned char>(tiff[from]);
    }
    return value;
  };
  const auto directory = number(4, 4);
  for (std::size_t i = 0; i < number(directory, 2); ++i) {
    const auto entry = directory + 2 + 12 * i;
    if (number(entry, 2) == 0x0112) {
      const auto value = number(entry + 8, 2);
      return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
    }
  }
  return 1;
}

class JpegRows final : public RowDecoder {
 public:
  JpegRows(const fs::path& path, std::int64_t pixels_in_memory)
      : path_(path), file_(std::fopen(path.c_str(), "rb"), &std::fclose) {
    if (!file_) refuse_damaged(path, "it cannot be opened");
    jpeg_.err = jpeg_std_error(&errors_);
    jpeg_.client_data = this;
    errors_.error_exit = [](j_common_ptr jpeg) {
      auto* self = static_cast<JpegRows*>(jpeg->client_data);
      self->message_ = self->text_of_message();
      std::longjmp(self->back_, 1);
    };
    errors_.emit_message = [](j_common_ptr jpeg, int level) {
      if (level < 0) static_cast<JpegRows*>(jpeg->client_data)->note_warning();
    };
    errors_.output_message = [](j_common_ptr) {};
    try {
      guarded([this] { read_header(); });
      for (auto* marker = jpeg_.marker_list; marker != nullptr; marker = marker->next) {
        const auto turn =
            exif_orientation({reinterpret_cast<const char*>(marker->data), marker->data_length});
        if (turn != 1) format_.orientation = turn;
      }
      check_picture_size(path_, format_.size, 8 * jpeg_.num_components, pixels_in_memory);
      if (format_.size.width * format_.size.height > pixels_in_memory &&
          jpeg_has_multiple_scans(&jpeg_) != 0) {
        throw Error(ErrorCode::resource_exhausted,
                    fmt::format("{}: a progressive JPEG of {} x {} pixels cannot be read row by row; save it "
                                "as a baseline JPEG, for example with jpegtran.",
                                path.string(), format_.size.width, format_.size.height));
      }
      detail::limit_scans(jpeg_, progress_);
      guarded([this] { jpeg_start_decompress(&jpeg_); });
    } catch (...) {
      jpeg_destroy_decompress(&jpeg_);
      throw;
    }
    if (is_cmyk_) cmyk_.resize(static_cast<std::size_t>(4 * format_.size.width));
  }
  ~JpegRows() override { jpeg_destroy_decompress(&jpeg_); }
  JpegRows(const JpegRows&) = delete;
  JpegRows& operator=(const JpegRows&) = delete;

  void read_row(std::uint8_t* samples) override {
    JSAMPROW row = is_cmyk_ ? cmyk_.data() : samples;
    guarded([&] { jpeg_read_scanlines(&jpeg_, &row, 1); });
    refuse_if_ended();
    if (is_cmyk_) to_rgb(samples);
  }
  void finish() override {
    guarded([this] { jpeg_finish_decompress(&jpeg_); });
    refuse_if_ended();
  }

 private:
  /// libjpeg leaves by longjmp: `call` must own nothing.
  template <typename Call>
  void guarded(const Call& call) {
    if (setjmp(back_) == 0) {
      call();
    } else {
      refuse_damaged(path_, message_);
    }
  }

  std::string text_of_message() {
    std::array<char, JMSG_LENGTH_MAX> text{};
    errors_.format_message(reinterpret_cast<j_common_ptr>(&jpeg_), text.data());
    return text.data();
  }
  void note_warning() {
    // The decoder would fill what is missing with grey.
    has_ended_early_ |= errors_.msg_code == JWRN_JPEG_EOF;
    if (complaint_.empty()) complaint_ = text_of_message();
  }
  void refuse_if_ended() const {
    if (has_ended_early_) refuse_damaged(path_, "the JPEG ends early");
  }

  void read_header() {
    jpeg_create_decompress(&jpeg_);
    jpeg_stdio_src(&jpeg_, file_.get());
    jpeg_save_markers(&jpeg_, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(&jpeg_, TRUE);
    is_cmyk_ = jpeg_.num_components == 4;
    const bool is_grey = jpeg_.num_components == 1;
    jpeg_.out_color_space = is_cmyk_ ? JCS_CMYK : is_grey ? JCS_GRAYSCALE : JCS_RGB;
    format_.size = {jpeg_.image_width, jpeg_.image_height};
    format_.channels = is_grey ? 1 : 3;
  }

  /// Adobe stores CMYK inverted, so that 255 is no ink.
  void to_rgb(std::uint8_t* rgb) const {
    const int flip = jpeg_.saw_Adobe_marker != 0 ? 0 : 255;
    for (std::size_t x = 0; x < static_cast<std::size_t>(format_.size.width); ++x) {
      const int paper = cmyk_[4 * x + 3] ^ flip;
      for (std::size_t c = 0; c < 3; ++c)
        rgb[3 * x + c] = static_cast<std::uint8_t>(((cmyk_[4 * x + c] ^ flip) * paper + 127) / 255);
    }
  }

  fs::path path_;
  File file_;
  jpeg_decompress_struct jpeg_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  std::jmp_buf back_{};
  std::string message_;
  bool has_ended_early_ = false;
  bool is_cmyk_ = false;
  std::vector<std::uint8_t> cmyk_;
};

}  // namespace

std::unique_ptr<RowDecoder> open_jpeg_rows(const fs::path& path, std::int64_t pixels_in_memory) {
  return std::make_unique<JpegRows>(path, pixels_in_memory);
}

}  // namespace imaging
