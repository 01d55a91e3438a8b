#pragma once

#include <cstddef>
#include <new>
#include <utility>
#include <vector>

namespace mil {

/// Memory for the features of a bag, aligned to 64 bytes; large blocks ask for huge pages, which are filled
/// several times faster. The C library's own aligned blocks are not found again after they are freed, so the
/// kernel would clear every page of the next bag anew.
/// @throws std::bad_alloc
[[nodiscard]] void* allocate_features(std::size_t bytes);
void free_features(void* memory) noexcept;

/// Leaves numbers without a value unset, since whoever makes a bag fills it once.
template <typename T>
struct FeatureAllocator {
  using value_type = T;
  FeatureAllocator() = default;
  template <typename U>
  FeatureAllocator(const FeatureAllocator<U>&) noexcept {}

  [[nodiscard]] T* allocate(std::size_t count) {
    return static_cast<T*>(allocate_features(count * sizeof(T)));
  }
  void deallocate(T* values, std::size_t) noexcept { free_features(values); }

  template <typename U>
  void construct(U* at) noexcept {
    ::new (static_cast<void*>(at)) U;
  }
  template <typename U, typename... Arguments>
  void construct(U* at, Arguments&&... arguments) {
    ::new (static_cast<void*>(at)) U(std::forward<Arguments>(arguments)...);
  }

  friend bool operator==(const FeatureAllocator&, const FeatureAllocator&) = default;
};

/// `resize` leaves new numbers unset.
using FeatureVector = std::vector<float, FeatureAllocator<float>>;

}  // namespace mil
