#include "imaging/raster/label_counter.h"

#include <algorithm>
#include <utility>

namespace imaging {

/// The pieces of one region, joined as runs of neighbouring rows touch.
class LabelCounter::Pieces {
 public:
  explicit Pieces(const std::vector<std::uint8_t>& labels) {
    for (const auto label : labels) is_in_[label] = true;
  }

  void add_row(const std::uint8_t* row, std::int64_t width, std::int64_t y) {
    std::vector<Run> runs;
    std::size_t above = 0;
    for (std::int64_t x = 0; x < width;) {
      if (!is_in_[row[x]]) {
        ++x;
        continue;
      }
      Run run{.begin = x, .end = x, .piece = pieces_.size()};
      while (run.end < width && is_in_[row[run.end]]) ++run.end;
      x = run.end;
      while (above < last_.size() && last_[above].end < run.begin) ++above;  // touching corners count
      LabelPiece piece{
          .pixels = run.end - run.begin, .left = run.begin, .top = y, .right = run.end, .bottom = y + 1};
      bool is_joined = false;
      for (auto at = above; at < last_.size() && last_[at].begin <= run.end; ++at) {
        const auto root = root_of(last_[at].piece);
        if (!is_joined) {
          run.piece = root;
          is_joined = true;
        } else if (root != run.piece) {
          join(run.piece, root);
        }
      }
      if (is_joined) {
        merge(pieces_[run.piece], piece);
      } else {
        pieces_.push_back(piece);
        parent_.push_back(run.piece);
      }
      runs.push_back(run);
    }
    last_ = std::move(runs);
  }

  [[nodiscard]] RegionCount count(std::int64_t min_object_pixels) const {
    RegionCount total;
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      if (parent_[i] != i) continue;
      total.pixels += pieces_[i].pixels;
      total.objects += pieces_[i].pixels >= min_object_pixels ? 1 : 0;
      if (pieces_[i].pixels > total.largest.pixels) total.largest = pieces_[i];
    }
    return total;
  }

 private:
  struct Run {
    std::int64_t begin = 0;
    std::int64_t end = 0;  ///< one past the last pixel
    std::size_t piece = 0;
  };

  std::size_t root_of(std::size_t piece) {
    while (parent_[piece] != piece) {
      parent_[piece] = parent_[parent_[piece]];
      piece = parent_[piece];
    }
    return piece;
  }
  /// The older piece stays, so that the first of equally large ones does not depend on joins.
  void join(std::size_t& kept, std::size_t other) {
    const auto [older, younger] = std::minmax(kept, other);
    const auto from = pieces_[younger];
    parent_[younger] = older;
    merge(pieces_[older], from);
    kept = older;
  }
  static void merge(LabelPiece& into, const LabelPiece& other) {
    into.pixels += other.pixels;
    into.left = std::min(into.left, other.left);
    into.top = std::min(into.top, other.top);
    into.right = std::max(into.right, other.right);
    into.bottom = std::max(into.bottom, other.bottom);
  }

  std::array<bool, 256> is_in_{};
  std::vector<LabelPiece> pieces_;
  std::vector<std::size_t> parent_;
  std::vector<Run> last_;  // of the row above
};

LabelCounter::LabelCounter(std::int64_t width, std::vector<std::vector<std::uint8_t>> regions,
                           std::int64_t min_object_pixels)
    : width_(width), min_object_pixels_(min_object_pixels) {
  for (const auto& labels : regions) regions_.emplace_back(labels);
}

LabelCounter::~LabelCounter() = default;

void LabelCounter::add_rows(const Image8& rows) {
  for (std::int64_t y = 0; y < rows.height(); ++y, ++y_) {
    for (auto& region : regions_) region.add_row(rows.row(y), width_, y_);
  }
}

std::vector<RegionCount> LabelCounter::counts() const {
  std::vector<RegionCount> all;
  for (const auto& region : regions_) all.push_back(region.count(min_object_pixels_));
  return all;
}

}  // namespace imaging
