#include "mil/training/bag_cache.h"

#include <fmt/format.h>

#include "imaging/base/error.h"
#include "mil/bags/bag_store.h"

namespace mil {

std::shared_ptr<const Bag> BagCache::get(const std::string& id) {
  if (const auto kept = kept_.find(id); kept != kept_.end()) return kept->second;
  const auto file = files_.find(id);
  if (file == files_.end()) {
    throw imaging::Error(imaging::ErrorCode::not_found,
                         fmt::format("There is no bag for {}; encode it, or take it out of the split.", id));
  }
  const auto bag = std::make_shared<const Bag>(read_bag(file->second));
  const auto size = static_cast<std::int64_t>(bag->features.size() * sizeof(float));
  if (bytes_ + size <= max_bytes_) {
    bytes_ += size;
    kept_.emplace(id, bag);
  }
  return bag;
}

}  // namespace mil
