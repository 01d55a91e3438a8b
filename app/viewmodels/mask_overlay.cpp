#include "app/viewmodels/mask_overlay.h"

#include <QPainter>
#include <algorithm>
#include <array>
#include <cmath>

#include "imaging/annotation/annotation_files.h"
#include "imaging/annotation/annotation_mask.h"
#include "imaging/raster/label_image.h"
#include "imaging/raster/label_png.h"

namespace viewmodels {
namespace {

constexpr std::int64_t kMostPixels = std::int64_t{1} << 25;  // of level 0
constexpr int kSmallestLevel = 256;                          // px, longer side
constexpr double kLinesFrom = 2;  // screen pixels per label from which edges are drawn as lines

QImage blank(std::int64_t width, std::int64_t height) {
  QImage image(static_cast<int>(width), static_cast<int>(height), QImage::Format_Indexed8);
  image.setColorTable(QList<QRgb>(256, 0));
  image.fill(0);
  return image;
}

/// Every square of `step` labels becomes one; the largest number stays, so that thin vessels do not vanish.
template <typename RowOf>
QImage reduced(std::int64_t width, std::int64_t height, std::int64_t step, const RowOf& row_of) {
  auto image = blank((width + step - 1) / step, (height + step - 1) / step);
  for (std::int64_t y = 0; y < height; ++y) {
    auto* to = image.scanLine(static_cast<int>(y / step));
    const auto* from = row_of(y);
    for (std::int64_t x = 0; x < width; ++x) {
      auto& pixel = to[x / step];
      pixel = std::max(pixel, static_cast<uchar>(from[x]));
    }
  }
  return image;
}

/// Labels at the edge of their class keep their number; the rest is 0.
QImage edges_of(const QImage& fill) {
  auto edges = blank(fill.width(), fill.height());
  for (int y = 0; y < fill.height(); ++y) {
    const auto* row = fill.constScanLine(y);
    const auto* above = fill.constScanLine(std::max(0, y - 1));
    const auto* below = fill.constScanLine(std::min(fill.height() - 1, y + 1));
    auto* to = edges.scanLine(y);
    for (int x = 0; x < fill.width(); ++x) {
      const auto label = row[x];
      const bool is_edge = label != 0 && (row[std::max(0, x - 1)] != label ||
                                          row[std::min(fill.width() - 1, x + 1)] != label ||
                                          above[x] != label || below[x] != label);
      if (is_edge) to[x] = label;
    }
  }
  return edges;
}

/// A mask too large for memory, painted from its outlines.
imaging::Image8 from_outlines(const std::filesystem::path& file, const workflows::SegmentFinding& finding,
                              std::int64_t step) {
  const auto side = [&](std::int64_t length) {
    return std::max<std::int64_t>(1, (length + step - 1) / step);
  };
  imaging::Image8 labels(side(finding.mask_size.width), side(finding.mask_size.height), 1);
  // The mask's frame stands for the slide, in units of mask pixels.
  for (auto item : imaging::read_annotations(file).items) {
    const auto found = std::ranges::find(finding.class_names, item.class_name);
    if (found == finding.class_names.end()) continue;
    for (auto& part : item.geometry.parts) {
      for (auto& ring : part) {
        for (auto& point : ring) {
          point = {(point.x - finding.origin_l0.x) / finding.pixel_l0.x,
                   (point.y - finding.origin_l0.y) / finding.pixel_l0.y};
        }
      }
    }
    imaging::paint_annotation(labels, finding.mask_size, item.geometry,
                              static_cast<std::uint8_t>(found - finding.class_names.begin()));
  }
  return labels;
}

}  // namespace

QColor MaskOverlay::usual_colour(int number) {
  const auto rgb = imaging::class_colour(number);
  return {rgb[0], rgb[1], rgb[2]};
}

std::shared_ptr<MaskOverlay::Labels> MaskOverlay::read(const std::filesystem::path& case_folder,
                                                       const workflows::SegmentFinding& finding) {
  const auto width = finding.mask_size.width, height = finding.mask_size.height;
  std::int64_t step = 1;
  while ((width / step) * (height / step) > kMostPixels) ++step;
  auto made = std::make_shared<Labels>();
  QImage level;
  if (step == 1) {
    const auto mask = imaging::read_label_image(case_folder / finding.mask);
    level = reduced(mask.width(), mask.height(), 1, [&](std::int64_t y) { return mask.row(y); });
  } else {
    const auto mask = from_outlines(case_folder / finding.regions, finding, step);
    level = reduced(mask.width(), mask.height(), 1, [&](std::int64_t y) { return mask.row(y); });
  }
  made->pixel_l0 = {finding.pixel_l0.x * static_cast<double>(step),
                    finding.pixel_l0.y * static_cast<double>(step)};
  made->rect_l0 = {finding.origin_l0.x, finding.origin_l0.y, level.width() * made->pixel_l0.x,
                   level.height() * made->pixel_l0.y};
  while (true) {
    made->edges.push_back(edges_of(level));
    made->fills.push_back(level);
    if (std::max(level.width(), level.height()) <= kSmallestLevel) break;
    const auto finer = level;
    level = reduced(finer.width(), finer.height(), 2,
                    [&](std::int64_t y) { return finer.constScanLine(static_cast<int>(y)); });
  }
  return made;
}

void MaskOverlay::set_case(const std::filesystem::path& case_folder, const workflows::SegmentFinding& finding,
                           std::filesystem::path slide) {
  if (finding.slices > 1 || finding.mask.empty()) return clear();  // a volume lies over no picture
  if (slide != slide_) clear();  // another slide's labels are not shown meanwhile
  const auto turn = ++wanted_;
  slide_ = std::move(slide);
  class_names_ = finding.class_names;
  background_.run([case_folder, finding] { return read(case_folder, finding); },
                  [this, turn](std::shared_ptr<Labels> labels) {
                    if (turn != wanted_) return;
                    made_ = turn;
                    take(std::move(labels));
                  },
                  [this, turn](const imaging::JobOutcome& outcome) {
                    if (turn != wanted_) return;
                    made_ = turn;
                    take(nullptr);
                    Q_EMIT problem(QString::fromStdString(outcome.message));
                  });
}

void MaskOverlay::clear() {
  made_ = ++wanted_;
  slide_.clear();
  class_names_.clear();
  take(nullptr);
}

void MaskOverlay::take(std::shared_ptr<Labels> labels) {
  labels_ = std::move(labels);
  classes_.clear();
  if (labels_) {
    for (std::size_t number = 1; number < class_names_.size(); ++number) {
      classes_.push_back({.name = QString::fromStdString(class_names_[number]),
                          .colour = usual_colour(static_cast<int>(number))});
    }
    take_looks();
  }
  colour();
}

void MaskOverlay::take_looks() {
  for (auto& one : classes_) {
    const auto known = looks_.find(one.name);
    if (known == looks_.end()) continue;
    one.colour = known->second.colour;
    one.is_shown = known->second.is_shown;
    one.style = known->second.style;
  }
}

void MaskOverlay::keep_look(int index) {
  const auto& one = classes_[static_cast<std::size_t>(index)];
  looks_[one.name] = {one.colour, one.is_shown, one.style};
  colour();
}

void MaskOverlay::set_shown(bool shown) {
  if (shown == shown_) return;
  shown_ = shown;
  Q_EMIT changed();
  Q_EMIT picture_changed();
}

void MaskOverlay::set_opacity(double opacity) {
  opacity_ = std::clamp(opacity, 0.0, 1.0);
  colour();
}

void MaskOverlay::set_class_shown(int index, bool shown) {
  classes_.at(static_cast<std::size_t>(index)).is_shown = shown;
  keep_look(index);
}

void MaskOverlay::set_class_style(int index, Style style) {
  classes_.at(static_cast<std::size_t>(index)).style = style;
  keep_look(index);
}

void MaskOverlay::set_class_colour(int index, const QColor& colour) {
  classes_.at(static_cast<std::size_t>(index)).colour = colour;
  keep_look(index);
}

void MaskOverlay::copy_look(const MaskOverlay& other) {
  looks_ = other.looks_;
  shown_ = other.shown_;
  opacity_ = other.opacity_;
  take_looks();
  colour();
}

void MaskOverlay::colour() {
  if (labels_) {
    QList<QRgb> fill(256, 0), edge(256, 0);
    for (std::size_t i = 0; i < classes_.size() && i < 255; ++i) {
      const auto& one = classes_[i];
      if (!one.is_shown) continue;
      auto colour = one.colour;
      if (one.style != Style::fill) edge[static_cast<qsizetype>(i) + 1] = colour.rgba();
      colour.setAlphaF(static_cast<float>(opacity_));
      if (one.style != Style::outline) fill[static_cast<qsizetype>(i) + 1] = colour.rgba();
    }
    for (auto& level : labels_->fills) level.setColorTable(fill);
    for (auto& level : labels_->edges) level.setColorTable(edge);
  }
  Q_EMIT changed();
  Q_EMIT picture_changed();
}

QString MaskOverlay::class_at(imaging::PointD l0) const {
  if (!labels_ || !shown_) return {};
  const auto x = static_cast<int>(std::floor((l0.x - labels_->rect_l0.x) / labels_->pixel_l0.x));
  const auto y = static_cast<int>(std::floor((l0.y - labels_->rect_l0.y) / labels_->pixel_l0.y));
  if (!labels_->fills.front().valid(x, y)) return {};
  const auto number = labels_->fills.front().constScanLine(y)[x];
  if (number == 0 || number > classes_.size() || !classes_[number - 1U].is_shown) return {};
  return classes_[number - 1U].name;
}

void MaskOverlay::paint(QPainter& painter, const ViewTransform& view, double device_ratio) const {
  if (!labels_ || !shown_) return;
  const auto& whole = labels_->rect_l0;
  const auto visible = view.visible_l0();
  const imaging::RectD part{std::max(whole.x, visible.x), std::max(whole.y, visible.y),
                            std::min(whole.right(), visible.right()) - std::max(whole.x, visible.x),
                            std::min(whole.bottom(), visible.bottom()) - std::max(whole.y, visible.y)};
  if (part.width <= 0 || part.height <= 0) return;
  const auto screen_px = labels_->pixel_l0.x * view.scale() * device_ratio;  // of one label
  const auto wanted = screen_px >= 1 ? 0 : static_cast<int>(std::floor(-std::log2(screen_px)));
  const auto level =
      static_cast<std::size_t>(std::clamp(wanted, 0, static_cast<int>(labels_->fills.size()) - 1));
  const auto draw = [&](const QImage& image) {
    const auto step = std::ldexp(1.0, static_cast<int>(level));
    const auto from = view.rect_to_upright(part);
    const QRectF source(
        (part.x - whole.x) / (labels_->pixel_l0.x * step), (part.y - whole.y) / (labels_->pixel_l0.y * step),
        part.width / (labels_->pixel_l0.x * step), part.height / (labels_->pixel_l0.y * step));
    painter.drawImage(QRectF(from.x, from.y, from.width, from.height), image, source);
  };
  painter.save();
  painter.setRenderHint(QPainter::SmoothPixmapTransform, screen_px < 1);
  draw(labels_->fills[level]);
  if (screen_px < kLinesFrom) {
    draw(labels_->edges[level]);
  } else {
    paint_lines(painter, view, part);
  }
  painter.restore();
}

void MaskOverlay::paint_lines(QPainter& painter, const ViewTransform& view, imaging::RectD part) const {
  const auto& fill = labels_->fills.front();
  const auto& whole = labels_->rect_l0;
  const auto& pixel = labels_->pixel_l0;
  const auto column = [&](double x) {
    return std::clamp(static_cast<int>(std::floor((x - whole.x) / pixel.x)), 0, fill.width() - 1);
  };
  const auto line_of = [&](double y) {
    return std::clamp(static_cast<int>(std::floor((y - whole.y) / pixel.y)), 0, fill.height() - 1);
  };
  const int left = column(part.x), right = column(part.right());
  const int top = line_of(part.y), bottom = line_of(part.bottom());
  std::array<QList<QLineF>, 256> lines;
  const auto add = [&](int label, int x0, int y0, int x1, int y1) {
    const auto from = view.rect_to_upright(
        {whole.x + x0 * pixel.x, whole.y + y0 * pixel.y, (x1 - x0) * pixel.x, (y1 - y0) * pixel.y});
    lines[static_cast<std::size_t>(label)]
        << QLineF(from.x, from.y, from.x + from.width, from.y + from.height);
  };
  // An edge belongs to the class; between two classes to the one with the larger number.
  for (int y = top; y <= bottom; ++y) {
    const auto* row = fill.constScanLine(y);
    const auto* below = fill.constScanLine(std::min(y + 1, fill.height() - 1));
    int run_from = left;
    for (int x = left; x <= right; ++x) {
      if (x < right && row[x] != row[x + 1]) add(std::max(row[x], row[x + 1]), x + 1, y, x + 1, y + 1);
      const bool is_edge = row[x] != below[x];
      const bool goes_on = x < right && is_edge && row[x + 1] == row[x] && below[x + 1] == below[x];
      if (!is_edge) {
        run_from = x + 1;
      } else if (!goes_on) {
        add(std::max(row[x], below[x]), run_from, y + 1, x + 1, y + 1);
        run_from = x + 1;
      }
    }
  }
  for (std::size_t i = 0; i < classes_.size() && i < 255; ++i) {
    const auto& one = classes_[i];
    if (!one.is_shown || one.style == Style::fill || lines[i + 1].isEmpty()) continue;
    painter.setPen(QPen(one.colour, 2, Qt::SolidLine, Qt::SquareCap));
    painter.drawLines(lines[i + 1]);
  }
}

}  // namespace viewmodels
