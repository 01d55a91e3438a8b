#include "imaging/tissue/tissue_outlines.h"

#include <array>
#include <map>
#include <opencv2/core.hpp>

#include "imaging/tissue/detail/regions.h"

namespace imaging {
namespace {

/// Directions along pixel edges, tissue on the right-hand side: right, down, left, up.
constexpr std::array<std::array<int, 2>, 4> kSteps{{{1, 0}, {0, 1}, {-1, 0}, {0, -1}}};

class OutlineTracer {
 public:
  OutlineTracer(const Image8& image, const cv::Mat& mask, PointD pixel_l0)
      : mask_(mask), regions_(image, detail::Neighbours::four), pixel_l0_(pixel_l0) {
    is_traced_ = cv::Mat::zeros(mask.rows + 1, mask.cols + 1, CV_8U);
  }

  std::vector<TissuePiece> trace() {
    std::map<int, TissuePiece> pieces;  // labels count from the top left in row order
    for (int y = 0; y < mask_.rows; ++y) {
      for (int x = 0; x < mask_.cols; ++x) {
        // Every ring has a top edge (tissue below it) or, for a hole, a bottom edge (tissue above glass: runs
        // left).
        if (is_tissue(x, y) && !is_tissue(x, y - 1) && !has_passed(x, y, 0))
          add(pieces, x, y, 0, regions_.at(x, y));
        if (is_tissue(x, y) && !is_tissue(x, y + 1) && !has_passed(x + 1, y + 1, 2)) {
          add(pieces, x + 1, y + 1, 2, regions_.at(x, y));
        }
      }
    }
    std::vector<TissuePiece> result;
    for (auto& [label, piece] : pieces) result.push_back(std::move(piece));
    return result;
  }

 private:
  bool is_tissue(int x, int y) const {
    return x >= 0 && y >= 0 && x < mask_.cols && y < mask_.rows && mask_.at<std::uint8_t>(y, x) != 0;
  }
  bool has_passed(int x, int y, int direction) const {
    return (is_traced_.at<std::uint8_t>(y, x) >> direction & 1) != 0;
  }

  /// Tissue to the right and none to the left of the edge that leaves (x, y).
  bool is_edge(int x, int y, int direction) const {
    static constexpr std::array<std::array<int, 2>, 4> kRight{{{0, 0}, {-1, 0}, {-1, -1}, {0, -1}}};
    static constexpr std::array<std::array<int, 2>, 4> kLeft{{{0, -1}, {0, 0}, {-1, 0}, {-1, -1}}};
    const auto d = static_cast<std::size_t>(direction);
    return is_tissue(x + kRight[d][0], y + kRight[d][1]) && !is_tissue(x + kLeft[d][0], y + kLeft[d][1]);
  }

  void add(std::map<int, TissuePiece>& pieces, int x, int y, int direction, int label) {
    std::vector<PointD> ring;
    double area = 0;
    const int first_direction = direction;
    int last_direction = -1;
    while (!has_passed(x, y, direction)) {
      is_traced_.at<std::uint8_t>(y, x) |= static_cast<std::uint8_t>(1 << direction);
      if (direction != last_direction) ring.push_back({x * pixel_l0_.x, y * pixel_l0_.y});
      last_direction = direction;
      const auto& step = kSteps[static_cast<std::size_t>(direction)];
      area += static_cast<double>(x) * step[1] - static_cast<double>(y) * step[0];
      x += step[0];
      y += step[1];
      for (const int turn : {1, 0, 3}) {  // right first: diagonal neighbours are two pieces
        if (is_edge(x, y, (direction + turn) % 4)) {
          direction = (direction + turn) % 4;
          break;
        }
      }
    }
    if (last_direction == first_direction)
      ring.erase(ring.begin());  // began in the middle of a straight edge
    if (area > 0) {
      pieces[label].outer_l0 = std::move(ring);
    } else {
      pieces[label].holes_l0.push_back(std::move(ring));
    }
  }

  cv::Mat mask_;
  detail::Regions regions_;
  cv::Mat is_traced_;  // bit d: the edge leaving this corner in direction d
  PointD pixel_l0_;
};

}  // namespace

std::vector<TissuePiece> trace_outlines(const Image8& mask, PointD pixel_l0) {
  const cv::Mat view(static_cast<int>(mask.height()), static_cast<int>(mask.width()), CV_8UC1,
                     const_cast<std::uint8_t*>(mask.data()));  // cv::Mat knows no const; only read here
  return OutlineTracer(mask, view, pixel_l0).trace();
}

}  // namespace imaging
