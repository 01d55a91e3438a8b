#include "imaging/tissue/detail/regions.h"

#include <algorithm>

namespace imaging::detail {
namespace {

std::int32_t root_of(std::vector<std::int32_t>& parents, std::int32_t run) {
  while (parents[static_cast<std::size_t>(run)] != run) {
    auto& parent = parents[static_cast<std::size_t>(run)];
    parent = parents[static_cast<std::size_t>(parent)];
    run = parent;
  }
  return run;
}

}  // namespace

Regions::Regions(const Image8& mask, Neighbours neighbours, bool has_non_zero) {
  const std::int32_t reach = neighbours == Neighbours::eight ? 1 : 0;
  std::vector<std::int32_t> parents;
  first_of_row_.push_back(0);
  std::size_t above = 0;  // first run of the row above
  for (std::int64_t y = 0; y < mask.height(); ++y) {
    const auto* row = mask.row(y);
    const auto here = runs_.size();
    auto candidate = above;  // of the row above, the first that may touch the next run
    for (std::int64_t x = 0; x < mask.width();) {
      if ((row[x] != 0) != has_non_zero) {
        ++x;
        continue;
      }
      const auto begin = x;
      while (x < mask.width() && (row[x] != 0) == has_non_zero) ++x;
      const auto number = static_cast<std::int32_t>(runs_.size());
      runs_.push_back(
          {static_cast<std::int32_t>(y), static_cast<std::int32_t>(begin), static_cast<std::int32_t>(x), 0});
      parents.push_back(number);
      const auto& run = runs_.back();
      while (candidate < here && runs_[candidate].end + reach <= run.begin) ++candidate;
      for (auto i = candidate; i < here && runs_[i].begin < run.end + reach; ++i) {
        const auto one = root_of(parents, static_cast<std::int32_t>(i));
        const auto other = root_of(parents, number);
        parents[static_cast<std::size_t>(std::max(one, other))] = std::min(one, other);
      }
    }
    above = here;
    first_of_row_.push_back(runs_.size());
  }
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    auto& run = runs_[i];
    const auto root = static_cast<std::size_t>(root_of(parents, static_cast<std::int32_t>(i)));
    if (root == i) {
      run.region = static_cast<std::int32_t>(regions_.size());
      regions_.push_back({0, run.begin, run.y, run.end, run.y + 1});
    } else {
      run.region = runs_[root].region;  // the root is the region's first run
    }
    auto& region = regions_[static_cast<std::size_t>(run.region)];
    region.area += run.end - run.begin;
    region.left = std::min(region.left, run.begin);
    region.right = std::max(region.right, run.end);
    region.bottom = run.y + 1;
  }
}

std::span<const Regions::Run> Regions::runs_of_rows(std::int64_t top, std::int64_t bottom) const {
  const auto first = first_of_row_[static_cast<std::size_t>(top)];
  return std::span(runs_).subspan(first, first_of_row_[static_cast<std::size_t>(bottom)] - first);
}

std::int32_t Regions::at(std::int64_t x, std::int64_t y) const {
  const auto row = runs_of_rows(y, y + 1);
  return std::prev(std::ranges::upper_bound(row, x, {}, &Run::begin))->region;
}

}  // namespace imaging::detail
