#include "app/viewmodels/mask_overlay.h"

#include <QPainter>
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "imaging/annotation/annotation_files.h"
#include "imaging/annotation/annotation_mask.h"
#include "imaging/raster/label_image.h"
#include "imaging/raster/label_png.h"

namespace viewmodels {
namespace {

constexpr std::int64_t kMostPixels = std::int64_t{1} << 25;  // of level 0
constexpr std::int64_t kSmallestLevel = 256;                 // px, longer side
constexpr std::uint8_t kEdge = 0x80;
constexpr int kMostClasses = 127;
constexpr double kLinesFrom = 2;  // screen pixels per label from which edges are drawn as lines

/// Every square of `step` labels becomes one; the largest number stays, so that thin vessels do not vanish.
template <typename Source>
imaging::Image8 reduced(const Source& from, std::int64_t step) {
  imaging::Image8 to((from.width() + step - 1) / step, (from.height() + step - 1) / step, 1);
  for (std::int64_t y = 0; y < from.height(); ++y) {
    auto* line = to.row(y / step);
    const auto* values = from.row(y);
    for (std::int64_t x = 0; x < from.width(); ++x) {
      auto& label = line[x / step];
      label = std::max(label, static_cast<std::uint8_t>(std::min<int>(values[x], kMostClasses)));
    }
  }
  return to;
}

/// The labels with kEdge set where a neighbour's is another.
imaging::Image8 with_edges(const imaging::Image8& labels) {
  auto marked = labels;
  const auto last_x = labels.width() - 1, last_y = labels.height() - 1;
  for (std::int64_t y = 0; y <= last_y; ++y) {
    const auto* row = labels.row(y);
    const auto* above = labels.row(std::max<std::int64_t>(0, y - 1));
    const auto* below = labels.row(std::min(last_y, y + 1));
    auto* to = marked.row(y);
    for (std::int64_t x = 0; x <= last_x; ++x) {
      const auto label = row[x];
      const bool is_edge =
          label != 0 && (row[std::max<std::int64_t>(0, x - 1)] != label ||
                         row[std::min(last_x, x + 1)] != label || above[x] != label || below[x] != label);
      if (is_edge) to[x] |= kEdge;
    }
  }
  return marked;
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
  auto level = step == 1 ? reduced(imaging::read_label_image(case_folder / finding.mask), 1)
                         : from_outlines(case_folder / finding.regions, finding, step);
  made->pixel_l0 = {finding.pixel_l0.x * static_cast<double>(step),
                    finding.pixel_l0.y * static_cast<double>(step)};
  made->rect_l0 = {finding.origin_l0.x, finding.origin_l0.y,
                   static_cast<double>(level.width()) * made->pixel_l0.x,
                   static_cast<double>(level.height()) * made->pixel_l0.y};
  while (true) {
    made->levels.push_back(with_edges(level));
    if (std::max(level.width(), level.height()) <= kSmallestLevel) break;
    level = reduced(level, 2);
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
  fill_colours_.fill(0);
  colours_.fill(0);
  for (std::size_t i = 0; i < classes_.size() && i < kMostClasses; ++i) {
    const auto& one = classes_[i];
    if (!one.is_shown) continue;
    const auto edge = qPremultiply(one.colour.rgba());
    auto inside = one.colour;
    inside.setAlphaF(static_cast<float>(opacity_));
    const auto fill = one.style == Style::outline ? 0 : qPremultiply(inside.rgba());
    const auto number = i + 1;
    fill_colours_[number] = fill_colours_[number | kEdge] = colours_[number] = fill;
    colours_[number | kEdge] = one.style == Style::fill ? fill : edge;
  }
  Q_EMIT changed();
  Q_EMIT picture_changed();
}

QString MaskOverlay::class_at(imaging::PointD l0) const {
  if (!labels_ || !shown_) return {};
  const auto& labels = labels_->levels.front();
  const auto x = static_cast<std::int64_t>(std::floor((l0.x - labels_->rect_l0.x) / labels_->pixel_l0.x));
  const auto y = static_cast<std::int64_t>(std::floor((l0.y - labels_->rect_l0.y) / labels_->pixel_l0.y));
  if (x < 0 || y < 0 || x >= labels.width() || y >= labels.height()) return {};
  const auto number = static_cast<std::size_t>(*labels.pixel(x, y) & ~kEdge);
  if (number == 0 || number > classes_.size() || !classes_[number - 1].is_shown) return {};
  return classes_[number - 1].name;
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
      static_cast<std::size_t>(std::clamp(wanted, 0, static_cast<int>(labels_->levels.size()) - 1));
  const bool has_lines = screen_px >= kLinesFrom;
  paint_pixels(painter, view, part, level, has_lines ? fill_colours_ : colours_, device_ratio);
  if (has_lines) paint_lines(painter, view, part);
}

void MaskOverlay::paint_pixels(QPainter& painter, const ViewTransform& view, imaging::RectD part,
                               std::size_t level, const std::array<QRgb, 256>& colours,
                               double device_ratio) const {
  const auto& labels = labels_->levels[level];
  const auto step = std::ldexp(1.0, static_cast<int>(level));
  // Whole device pixels of the upright frame, each looked up at its middle.
  const auto place = view.rect_to_upright(part);
  const auto left = std::floor(place.x * device_ratio), top = std::floor(place.y * device_ratio);
  const auto width = static_cast<int>(std::ceil(place.right() * device_ratio) - left);
  const auto height = static_cast<int>(std::ceil(place.bottom() * device_ratio) - top);
  if (buffer_.width() < width || buffer_.height() < height)
    buffer_ = QImage(width, height, QImage::Format_ARGB32_Premultiplied);
  const auto l0_per_px = part.width / (place.width * device_ratio);
  const auto index = [&](double first, double at, double origin, double start, double pixel,
                         std::int64_t count) {
    const auto l0 = start + (at + 0.5 + first - origin * device_ratio) * l0_per_px;
    return static_cast<std::int64_t>(std::floor(l0 / (pixel * step))) < 0
               ? std::int64_t{-1}
               : std::min<std::int64_t>(static_cast<std::int64_t>(std::floor(l0 / (pixel * step))), count);
  };
  std::vector<std::int64_t> columns(static_cast<std::size_t>(width));
  for (int x = 0; x < width; ++x) {
    columns[static_cast<std::size_t>(x)] =
        index(left, x, place.x, part.x - labels_->rect_l0.x, labels_->pixel_l0.x, labels.width());
  }
  for (int y = 0; y < height; ++y) {
    auto* to = reinterpret_cast<QRgb*>(buffer_.scanLine(y));
    const auto line =
        index(top, y, place.y, part.y - labels_->rect_l0.y, labels_->pixel_l0.y, labels.height());
    if (line < 0 || line >= labels.height()) {
      std::fill_n(to, width, QRgb{0});
      continue;
    }
    const auto* row = labels.row(line);
    for (int x = 0; x < width; ++x) {
      const auto column = columns[static_cast<std::size_t>(x)];
      to[x] = column < 0 || column >= labels.width() ? QRgb{0} : colours[row[column]];
    }
  }
  painter.drawImage(
      QRectF(left / device_ratio, top / device_ratio, width / device_ratio, height / device_ratio), buffer_,
      QRectF(0, 0, width, height));
}

void MaskOverlay::paint_lines(QPainter& painter, const ViewTransform& view, imaging::RectD part) const {
  const auto& fill = labels_->levels.front();
  const auto& whole = labels_->rect_l0;
  const auto& pixel = labels_->pixel_l0;
  const auto width = static_cast<int>(fill.width()), height = static_cast<int>(fill.height());
  const auto column = [&](double x) {
    return std::clamp(static_cast<int>(std::floor((x - whole.x) / pixel.x)), 0, width - 1);
  };
  const auto line_of = [&](double y) {
    return std::clamp(static_cast<int>(std::floor((y - whole.y) / pixel.y)), 0, height - 1);
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
  const auto label_in = [](const std::uint8_t* row, int x) { return row[x] & ~kEdge; };
  for (int y = top; y <= bottom; ++y) {
    const auto* row = fill.row(y);
    const auto* below = fill.row(std::min(y + 1, height - 1));
    int run_from = left;
    for (int x = left; x <= right; ++x) {
      const auto here = label_in(row, x), under = label_in(below, x);
      if (x < right && here != label_in(row, x + 1))
        add(std::max(here, label_in(row, x + 1)), x + 1, y, x + 1, y + 1);
      const bool is_edge = here != under;
      const bool goes_on =
          x < right && is_edge && label_in(row, x + 1) == here && label_in(below, x + 1) == under;
      if (!is_edge) {
        run_from = x + 1;
      } else if (!goes_on) {
        add(std::max(here, under), run_from, y + 1, x + 1, y + 1);
        run_from = x + 1;
      }
    }
  }
  for (std::size_t i = 0; i < classes_.size() && i < kMostClasses; ++i) {
    const auto& one = classes_[i];
    if (!one.is_shown || one.style == Style::fill || lines[i + 1].isEmpty()) continue;
    painter.setPen(QPen(one.colour, 2, Qt::SolidLine, Qt::SquareCap));
    painter.drawLines(lines[i + 1]);
  }
}

}  // namespace viewmodels
