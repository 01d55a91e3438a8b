#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace imaging {

/// Owning, contiguous, row-major H x W x C raster, channels interleaved. RGB order where C = 3.
template <typename T>
class Image {
 public:
  Image() = default;
  Image(std::int64_t width, std::int64_t height, int channels, T fill = T{})
      : width_(width),
        height_(height),
        channels_(channels),
        data_(static_cast<std::size_t>(width * height) * static_cast<std::size_t>(channels), fill) {}

  [[nodiscard]] std::int64_t width() const { return width_; }
  [[nodiscard]] std::int64_t height() const { return height_; }
  [[nodiscard]] int channels() const { return channels_; }
  [[nodiscard]] bool empty() const { return data_.empty(); }
  [[nodiscard]] std::size_t bytes() const { return data_.size() * sizeof(T); }

  [[nodiscard]] std::span<T> values() { return data_; }
  [[nodiscard]] std::span<const T> values() const { return data_; }
  [[nodiscard]] T* data() { return data_.data(); }
  [[nodiscard]] const T* data() const { return data_.data(); }
  [[nodiscard]] T* row(std::int64_t y) { return data_.data() + offset(0, y); }
  [[nodiscard]] const T* row(std::int64_t y) const { return data_.data() + offset(0, y); }
  [[nodiscard]] T* pixel(std::int64_t x, std::int64_t y) { return data_.data() + offset(x, y); }
  [[nodiscard]] const T* pixel(std::int64_t x, std::int64_t y) const { return data_.data() + offset(x, y); }

  bool operator==(const Image&) const = default;

 private:
  [[nodiscard]] std::size_t offset(std::int64_t x, std::int64_t y) const {
    return static_cast<std::size_t>(y * width_ + x) * static_cast<std::size_t>(channels_);
  }

  std::int64_t width_ = 0;
  std::int64_t height_ = 0;
  int channels_ = 0;
  std::vector<T> data_;
};

using Image8 = Image<std::uint8_t>;
using ImageF = Image<float>;

}  // namespace imaging
