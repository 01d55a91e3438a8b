#include "mil/bags/bag.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <new>

#include "imaging/base/error.h"

namespace mil {
namespace {

constexpr std::size_t kFeatureAlignment = 64;

/// The exponent's bits are all set exactly in NaN and inf. Integers, so that the compiler vectorises the
/// loop.
bool has_non_finite(const float* values, std::int64_t size) {
  std::uint32_t found = 0;
  for (std::int64_t i = 0; i < size; ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(values[i]);
    found |= static_cast<std::uint32_t>((bits & 0x7f800000U) == 0x7f800000U);
  }
  return found != 0;
}

}  // namespace

void* allocate_features(std::size_t bytes) {
  constexpr std::uintptr_t kHugePage = 2U << 20;
  constexpr std::size_t kLarge = 4 * kHugePage;
  if (bytes > SIZE_MAX - kFeatureAlignment) throw std::bad_alloc();
  auto* block = static_cast<std::byte*>(std::malloc(bytes + kFeatureAlignment));
  if (block == nullptr) throw std::bad_alloc();
  const auto start = std::bit_cast<std::uintptr_t>(block);
  const auto shift = kFeatureAlignment - start % kFeatureAlignment;
  block[shift - 1] = static_cast<std::byte>(shift);
  if (bytes >= kLarge) {  // a wish: without huge pages, filling is slower
    const auto first = (start + shift + kHugePage - 1) / kHugePage * kHugePage;
    const auto last = (start + shift + bytes) / kHugePage * kHugePage;
    madvise(std::bit_cast<void*>(first), last - first, MADV_HUGEPAGE);
  }
  return block + shift;
}

void free_features(void* memory) noexcept {
  auto* values = static_cast<std::byte*>(memory);
  if (values != nullptr) std::free(values - std::to_integer<std::size_t>(values[-1]));
}

std::int64_t find_non_finite_row(const float* values, std::int64_t rows, std::int64_t dim) {
  constexpr std::int64_t kBlock = 64;
  for (std::int64_t first = 0; first < rows; first += kBlock) {
    const auto last = std::min(rows, first + kBlock);
    if (!has_non_finite(values + first * dim, (last - first) * dim)) continue;
    for (auto row = first; row < last; ++row) {
      if (has_non_finite(values + row * dim, dim)) return row;
    }
  }
  return -1;
}

void check_bag(const Bag& bag) {
  const auto features = static_cast<std::int64_t>(bag.features.size());
  const auto coords = static_cast<std::int64_t>(bag.coords.size());
  if (bag.count < 0 || bag.dim < 1 || features != bag.count * bag.dim) {
    throw imaging::Error(imaging::ErrorCode::invalid_argument,
                         fmt::format("Bag {}: {} feature values do not make {} rows of {}.", bag.id, features,
                                     bag.count, bag.dim));
  }
  if (coords != 0 && coords != 2 * bag.count) {
    throw imaging::Error(
        imaging::ErrorCode::invalid_argument,
        fmt::format("Bag {}: {} coordinate values for {} tiles.", bag.id, coords, bag.count));
  }
  const auto row = find_non_finite_row(bag.features.data(), bag.count, bag.dim);
  if (row >= 0) {
    throw imaging::Error(
        imaging::ErrorCode::corrupt_data,
        fmt::format("Bag {}: row {} of the features holds NaN or inf; encode the slide again.", bag.id, row));
  }
}

}  // namespace mil
