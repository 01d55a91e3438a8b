#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "mil/bags/bag.h"
#include "mil/bags/bag_store.h"

namespace mil {

/// Reads bags ahead of their use, and keeps the first ones between uses, up to a number of bytes of features,
/// so that memory is bounded whatever the cohort's size. Bags stored as float16 are kept as such, at half the
/// memory, and widened for each use, exactly.
///
/// Kept bags, bags read ahead and bags in use count together; only the bag that is asked for is read even
/// where it exceeds the budget. Room for two bags, one in use and one read ahead, is left free of kept ones.
///
/// @par Threads  One caller at a time; a thread of its own reads ahead. Destroying the cache waits for the
/// bag that is being read. Bags in use outlive it.
class BagCache {
 public:
  BagCache(BagFiles files, std::int64_t max_bytes);
  ~BagCache();
  BagCache(const BagCache&) = delete;
  BagCache& operator=(const BagCache&) = delete;

  /// Announces which bags will be asked for, in this order, and replaces what was announced before. What is
  /// asked for in another order is had all the same, only later.
  void expect(std::span<const std::string> ids);

  /// @throws imaging::Error  `not_found` where there is no such bag; as read_bag, also where a bag read ahead
  /// failed.
  [[nodiscard]] std::shared_ptr<const Bag> get(const std::string& id);

  /// Bytes of features held now: kept, read ahead and in use.
  [[nodiscard]] std::int64_t held_bytes() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mil
