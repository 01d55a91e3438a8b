#include "imaging/raster/png.h"

#include <fmt/format.h>

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "imaging/base/error.h"
#include "imaging/base/files.h"

namespace imaging {
namespace {

/// A view, not a copy.
cv::Mat as_mat(const Image8& image) {
  return {static_cast<int>(image.height()), static_cast<int>(image.width()), CV_8UC(image.channels()),
          const_cast<std::uint8_t*>(image.data())};
}

/// OpenCV writes blue first.
cv::Mat as_bgr(const Image8& image) {
  if (image.empty()) throw Error(ErrorCode::invalid_argument, "An empty image cannot be encoded.");
  cv::Mat bgr;
  switch (image.channels()) {
    case 1:
      return as_mat(image);
    case 3:
      cv::cvtColor(as_mat(image), bgr, cv::COLOR_RGB2BGR);
      return bgr;
    case 4:
      cv::cvtColor(as_mat(image), bgr, cv::COLOR_RGBA2BGRA);
      return bgr;
    default:
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("An image of {} channels cannot be encoded; 1, 3 and 4 can.", image.channels()));
  }
}

std::string encode(const Image8& image, const char* extension, const std::vector<int>& parameters) {
  std::vector<std::uint8_t> bytes;
  try {
    if (!cv::imencode(extension, as_bgr(image), bytes, parameters)) {
      throw Error(ErrorCode::internal, fmt::format("OpenCV does not write {}.", extension));
    }
  } catch (const cv::Exception& error) {
    throw Error(ErrorCode::internal, fmt::format("An image of {} x {} pixels cannot be encoded: {}.",
                                                 image.width(), image.height(), error.err));
  }
  return {bytes.begin(), bytes.end()};
}

}  // namespace

std::string encode_png(const Image8& image) {
  return encode(image, ".png", {cv::IMWRITE_PNG_COMPRESSION, 6});
}

std::string encode_jpeg(const Image8& image, int quality) {
  if (image.channels() != 3 || quality < 1 || quality > 100) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("A JPEG needs 3 channels and a quality of 1 to 100, not {} and {}.",
                            image.channels(), quality));
  }
  return encode(image, ".jpg", {cv::IMWRITE_JPEG_QUALITY, quality});
}

void write_png(const std::filesystem::path& path, const Image8& image) {
  write_file(path, encode_png(image));
}

Image8 decode_image(const std::string& bytes) {
  cv::Mat decoded;
  if (!bytes.empty()) {
    try {
      const cv::Mat raw(1, static_cast<int>(bytes.size()), CV_8U, const_cast<char*>(bytes.data()));
      decoded = cv::imdecode(raw, cv::IMREAD_COLOR);
    } catch (const cv::Exception&) {
      decoded.release();
    }
  }
  if (decoded.empty()) {
    throw Error(ErrorCode::corrupt_data,
                fmt::format("{} bytes do not decode as a PNG or JPEG image.", bytes.size()));
  }
  Image8 image(decoded.cols, decoded.rows, 3);
  cv::cvtColor(decoded, as_mat(image), cv::COLOR_BGR2RGB);
  return image;
}

Image8 resize(const Image8& image, SizeI size) {
  if (image.empty() || size.width <= 0 || size.height <= 0) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("An image of {} x {} pixels cannot be resized to {} x {}.", image.width(),
                            image.height(), size.width, size.height));
  }
  if (size == SizeI{image.width(), image.height()}) return image;
  const bool shrinks = size.width <= image.width() && size.height <= image.height();
  Image8 result(size.width, size.height, image.channels());
  cv::Mat to = as_mat(result);
  cv::resize(as_mat(image), to, to.size(), 0, 0, shrinks ? cv::INTER_AREA : cv::INTER_LINEAR);
  return result;
}

}  // namespace imaging
