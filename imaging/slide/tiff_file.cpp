#include "imaging/slide/tiff_file.h"

#include <tiffio.h>

#include <array>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <mutex>

namespace imaging {
namespace {

thread_local std::string t_message;

void keep_message(const char*, const char* format, va_list arguments) {
  std::array<char, 512> text{};
  std::vsnprintf(text.data(), text.size(), format, arguments);
  t_message = text.data();
}

}  // namespace

TiffFile open_tiff(const std::filesystem::path& path, const char* mode) {
  static std::once_flag once;  // the handlers are global to the process
  std::call_once(once, [] {
    TIFFSetErrorHandler(&keep_message);
    TIFFSetWarningHandler(nullptr);
  });
  t_message.clear();
  return {TIFFOpen(path.c_str(), mode), &TIFFClose};
}

std::string last_tiff_message() {
  return t_message.empty() ? "libtiff gives no reason" : t_message;
}

bool is_tiled_tiff(const std::filesystem::path& path) {
  const auto file = open_tiff(path, "rm");
  return file && TIFFIsTiled(file.get()) != 0;
}

int tiff_sample_bits(const std::filesystem::path& path) {
  const auto file = open_tiff(path, "rm");
  std::uint16_t bits = 0;
  if (file) TIFFGetFieldDefaulted(file.get(), TIFFTAG_BITSPERSAMPLE, &bits);
  return bits;
}

}  // namespace imaging
