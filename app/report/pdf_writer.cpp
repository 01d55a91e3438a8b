#include "app/report/pdf_writer.h"

#include <QBuffer>
#include <QFontDatabase>
#include <QGuiApplication>
#include <QImage>
#include <QLoggingCategory>
#include <QPainter>
#include <QPdfWriter>
#include <QTextLayout>
#include <algorithm>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "imaging/base/error.h"
#include "imaging/base/version.h"

namespace report {
namespace {

using imaging::Error;
using imaging::ErrorCode;

// All lengths are device units: 1440 to the inch, 20 to the point.
constexpr int kUnitsPerInch = 1440;
constexpr double kPoint = kUnitsPerInch / 72.0;
constexpr double kMm = kUnitsPerInch / 25.4;

constexpr double kLeft = 16 * kMm;
constexpr double kWidth = 178 * kMm;
constexpr double kRunningHeader = 9 * kMm;
constexpr double kTop = 16 * kMm;
constexpr double kBottom = 277 * kMm;
constexpr double kFooter = 283 * kMm;
constexpr double kSectionGap = 6.5 * kMm;

// The colours of report.css in print.
const QColor kInk("#1b2430");
const QColor kSoft("#4c5763");
const QColor kLine("#c9d0d8");
const QColor kPanel("#f0f2f4");
const QColor kAccent("#1f5f99");
const QColor kMutedBar("#aab4bf");
const QColor kDone("#23704a");
const QColor kDegraded("#8a5a00");
const QColor kFailed("#a52a2a");

QString to_qt(const std::string& text) {
  return QString::fromStdString(text);
}

QFont make_font(double points, bool bold = false, bool fixed = false) {
  QFont font;
  font.setFamilies(fixed ? QStringList{"DejaVu Sans Mono", "Liberation Mono"}
                         : QStringList{"DejaVu Sans", "Liberation Sans", "Noto Sans"});
  font.setPixelSize(static_cast<int>(points * kPoint));
  font.setBold(bold);
  font.setHintingPreference(QFont::PreferNoHinting);
  return font;
}

QImage to_qt(const imaging::Image8& image) {
  return QImage(image.data(), static_cast<int>(image.width()), static_cast<int>(image.height()),
                static_cast<qsizetype>(image.width() * 3), QImage::Format_RGB888)
      .convertToFormat(QImage::Format_RGB32);
}

/// A text laid out in lines of at most `width`; a word that is longer is broken.
class Text {
 public:
  Text(const QString& text, const QFont& font, double width, Qt::Alignment alignment = Qt::AlignLeft)
      : layout_(std::make_shared<QTextLayout>(text, font)) {
    QTextOption option(alignment);
    option.setWrapMode(QTextOption::WrapAtWordBoundaryOrAnywhere);
    layout_->setTextOption(option);
    layout_->beginLayout();
    for (auto line = layout_->createLine(); line.isValid(); line = layout_->createLine()) {
      line.setLineWidth(width);
      line.setPosition({0, height_});
      height_ += line.height() * 1.06;
      natural_width_ = std::max(natural_width_, line.naturalTextWidth());
    }
    layout_->endLayout();
  }

  [[nodiscard]] double height() const { return height_; }
  [[nodiscard]] int lines() const { return layout_->lineCount(); }
  [[nodiscard]] double natural_width() const { return natural_width_; }
  void paint(QPainter& painter, double x, double y, const QColor& colour) const {
    painter.setPen(colour);
    layout_->draw(&painter, {x, y});
  }

 private:
  std::shared_ptr<QTextLayout> layout_;
  double height_ = 0;
  double natural_width_ = 0;
};

using Mark = std::function<void(QPainter&)>;

/// Pages of marks: pages are collected first, because each one states how many there are.
class Sheets {
 public:
  /// Goes to the next page unless `height` fits on this one.
  void keep_together(double height) {
    if (y + height > kBottom && y > kTop) next_page();
  }
  void next_page() {
    pages_.emplace_back();
    y = kTop;
  }
  void mark(Mark what) { pages_.back().push_back(std::move(what)); }
  void text(const Text& what, double x, double at_y, const QColor& colour = kInk) {
    mark([=](QPainter& painter) { what.paint(painter, x, at_y, colour); });
  }
  void rectangle(double x, double at_y, double width, double height, const QColor& colour) {
    mark([=](QPainter& painter) { painter.fillRect(QRectF(x, at_y, width, height), colour); });
  }
  void frame(double x, double at_y, double width, double height) {
    mark([=](QPainter& painter) {
      painter.setPen(QPen(kLine, 0.5 * kPoint));
      painter.setBrush(Qt::NoBrush);
      painter.drawRect(QRectF(x, at_y, width, height));
    });
  }
  void picture(QImage image, double x, double at_y, double width, double height) {
    mark([=, image = std::move(image)](QPainter& painter) {
      painter.drawImage(QRectF(x, at_y, width, height), image);
    });
    frame(x, at_y, width, height);
  }
  void heading(const std::string& words) {
    const Text line(to_qt(words), make_font(8, true), kWidth);
    text(line, kLeft, y, kSoft);
    y += line.height() + 1.5 * kMm;
  }
  [[nodiscard]] const std::vector<std::vector<Mark>>& pages() const { return pages_; }

  double y = kTop;  ///< where the next block starts

 private:
  std::vector<std::vector<Mark>> pages_{1};
};

QColor status_colour(const std::string& status) {
  if (status == "done") return kDone;
  return status == "degraded" ? kDegraded : kFailed;
}

void add_header(Sheets& sheets, const ReportModel& model) {
  constexpr double kStatusWidth = 44 * kMm;
  const Text title(to_qt(std::string(kTitle)), make_font(9, true), kWidth - kStatusWidth);
  Text name(to_qt(model.case_name), make_font(17, true), kWidth - kStatusWidth);
  if (name.lines() > 2) name = Text(to_qt(model.case_name), make_font(11, true), kWidth - kStatusWidth);
  sheets.text(title, kLeft, sheets.y, kSoft);

  const auto colour = status_colour(model.status);
  const Text badge(to_qt(model.status_word), make_font(9, true), kStatusWidth);
  const double badge_width = badge.natural_width() + 7 * kMm;
  const double badge_height = badge.height() + 1.6 * kMm;
  const double right = kLeft + kWidth;
  sheets.mark([=, y = sheets.y](QPainter& painter) {
    painter.setPen(QPen(colour, 1.2 * kPoint));
    painter.setBrush(Qt::NoBrush);
    painter.drawRoundedRect(QRectF(right - badge_width, y, badge_width, badge_height), badge_height / 2,
                            badge_height / 2);
  });
  sheets.text(badge, right - badge_width + 3.5 * kMm, sheets.y + 0.8 * kMm, colour);
  const Text printed(to_qt("Printed " + model.printed_date), make_font(7.5), kStatusWidth, Qt::AlignRight);
  sheets.text(printed, right - kStatusWidth, sheets.y + badge_height + 1.2 * kMm, kSoft);

  double y = sheets.y + title.height() + 0.6 * kMm;
  sheets.text(name, kLeft, y);
  y = std::max(y + name.height(), sheets.y + badge_height + 1.2 * kMm + printed.height());
  if (!model.identity.empty()) {
    QStringList parts;
    for (const auto& fact : model.identity) parts << to_qt(fact.name + " " + fact.value);
    const Text identity(parts.join("    "), make_font(9), kWidth);
    y += 1 * kMm;
    sheets.text(identity, kLeft, y);
    y += identity.height();
  }
  y += 2.5 * kMm;
  sheets.rectangle(kLeft, y, kWidth, 1 * kPoint, kInk);
  sheets.y = y + 5 * kMm;
}

/// Name and value in two columns from (x, y). @return the y below
double add_facts(Sheets& sheets, const std::vector<Fact>& facts, double x, double y, double width,
                 double name_width, double points) {
  for (const auto& fact : facts) {
    const Text name(to_qt(fact.name), make_font(points), name_width - 2 * kMm);
    const Text value(to_qt(fact.value), make_font(points), width - name_width);
    sheets.text(name, x, y, kSoft);
    sheets.text(value, x + name_width, y);
    y += std::max(name.height(), value.height());
    if (!fact.code.empty()) {
      const Text code(to_qt(fact.code), make_font(points - 0.5, false, true), width - name_width);
      sheets.text(code, x + name_width, y, kSoft);
      y += code.height();
    }
    y += 0.8 * kMm;
  }
  return y;
}

double add_bars(Sheets& sheets, const std::vector<ClassBar>& classes, double x, double y, double width) {
  constexpr double kNumberWidth = 17 * kMm;
  double name_width = 0;
  for (const auto& bar : classes) {
    name_width = std::max(name_width, Text(to_qt(bar.name), make_font(8.5, true), 46 * kMm).natural_width());
  }
  const double bar_x = x + name_width + 4 * kMm;
  const double bar_width = width - name_width - 4 * kMm - kNumberWidth;
  for (const auto& bar : classes) {
    const auto font = make_font(8.5, bar.is_verdict);
    const Text name(to_qt(bar.name), font, name_width + 1 * kMm);
    const Text number(to_qt(bar.percent), font, kNumberWidth, Qt::AlignRight);
    constexpr double kBarHeight = 2.6 * kMm;
    const double bar_y = y + (number.height() - kBarHeight) / 2;
    sheets.text(name, x, y);
    sheets.rectangle(bar_x, bar_y, bar_width, kBarHeight, kPanel);
    sheets.rectangle(bar_x, bar_y, bar_width * bar.probability, kBarHeight,
                     bar.is_verdict ? kAccent : kMutedBar);
    sheets.text(number, bar_x + bar_width, y);
    y += name.height() + 1.1 * kMm;
  }
  return y;
}

void add_result(Sheets& sheets, const ReportModel& model) {
  constexpr double kResultWidth = 98 * kMm;
  constexpr double kInputX = kLeft + kResultWidth + 8 * kMm;
  constexpr double kInputWidth = kLeft + kWidth - kInputX;
  const double top = sheets.y;
  const Text input_heading("Input", make_font(8, true), kInputWidth);
  if (!model.input.empty()) sheets.text(input_heading, kInputX, top, kSoft);
  sheets.heading("Result");

  double y = sheets.y;
  const Text headline(to_qt(model.headline), make_font(15, true), kResultWidth);
  sheets.text(headline, kLeft, y);
  y += headline.height() + 0.8 * kMm;
  const auto& sentence = model.status == "failed" ? model.status_reason : model.explanation;
  const Text words(to_qt(sentence), make_font(8.5), kResultWidth);
  sheets.text(words, kLeft, y);
  y += words.height() + 3 * kMm;
  y = add_bars(sheets, model.classes, kLeft, y, kResultWidth);
  if (!model.findings.empty())
    y = add_facts(sheets, model.findings, kLeft, y + 2 * kMm, kResultWidth, 27 * kMm, 8);
  const double input_bottom = add_facts(sheets, model.input, kInputX, sheets.y, kInputWidth, 19 * kMm, 8);
  sheets.y = std::max(y, input_bottom) + 4 * kMm;
}

void add_note(Sheets& sheets, const std::string& heading, const std::vector<std::string>& lines,
              const QColor& colour) {
  const double x = kLeft + 5 * kMm;
  const double width = kWidth - 8 * kMm;
  const Text title(to_qt(heading), make_font(8.5, true), width);
  std::vector<Text> texts;
  double height = title.height() + 4.5 * kMm;
  for (const auto& line : lines) {
    texts.emplace_back(to_qt(line), make_font(8.5), width);
    height += texts.back().height() + 0.8 * kMm;
  }
  sheets.keep_together(height);
  sheets.rectangle(kLeft, sheets.y, kWidth, height, kPanel);
  sheets.rectangle(kLeft, sheets.y, 1.2 * kMm, height, colour);
  double y = sheets.y + 2 * kMm;
  sheets.text(title, x, y, colour);
  y += title.height() + 0.6 * kMm;
  for (const auto& text : texts) {
    sheets.text(text, x, y);
    y += text.height() + 0.8 * kMm;
  }
  sheets.y += height + 4 * kMm;
}

void add_notes(Sheets& sheets, const ReportModel& model) {
  if (model.status == "failed") add_note(sheets, "What to do", {model.explanation}, kFailed);
  if (model.status == "degraded" && !model.status_reason.empty()) {
    add_note(sheets, "Degraded", {model.status_reason}, kDegraded);
  }
  if (!model.warnings.empty()) {
    add_note(sheets, model.warnings.size() == 1 ? "Warning" : "Warnings", model.warnings, kDegraded);
  }
}

void add_scale_bar(Sheets& sheets, const ScaleBar& bar, double x, double bottom, double picture_width) {
  const double inset = 2 * kMm;
  const double length = bar.share * picture_width;
  const Text label(to_qt(bar.label), make_font(7), picture_width);
  const double box_width = std::max(length, label.natural_width()) + 2 * kMm;
  const double box_height = label.height() + 2.2 * kMm;
  const double box_y = bottom - inset - box_height;
  sheets.rectangle(x + inset, box_y, box_width, box_height, QColor(255, 255, 255, 215));
  sheets.text(label, x + inset + 1 * kMm, box_y + 0.3 * kMm, Qt::black);
  sheets.rectangle(x + inset + 1 * kMm, box_y + box_height - 1.5 * kMm, length, 0.8 * kMm, Qt::black);
}

void add_colour_bar(Sheets& sheets, const Overview& overview, double x, double y, double height) {
  constexpr double kBarWidth = 3.5 * kMm;
  sheets.mark([=, colours = overview.colours](QPainter& painter) {
    QImage strip(1, 256, QImage::Format_RGB32);
    for (int row = 0; row < 256; ++row) {
      const auto& colour = colours->rgb[static_cast<std::size_t>(255 - row)];
      strip.setPixel(0, row, qRgb(colour[0], colour[1], colour[2]));
    }
    painter.drawImage(QRectF(x, y, kBarWidth, height), strip);
  });
  sheets.frame(x, y, kBarWidth, height);
  const std::array<std::pair<double, const std::string*>, 3> labels{
      {{0.0, &overview.high}, {0.5, &overview.middle}, {1.0, &overview.low}}};
  for (const auto& [share, label] : labels) {
    const Text text(to_qt(*label), make_font(7), 16 * kMm);
    sheets.rectangle(x + kBarWidth, y + share * (height - 0.5 * kPoint), 0.8 * kMm, 0.5 * kPoint, kInk);
    sheets.text(text, x + kBarWidth + 1.4 * kMm, y + share * (height - text.height()));
  }
}

void add_legend(Sheets& sheets, const std::vector<LegendEntry>& legend, double x, double y) {
  constexpr double kSide = 3.5 * kMm;
  for (const auto& [colour, name] : legend) {
    const Text text(to_qt(name), make_font(7), 13 * kMm);
    sheets.rectangle(x, y, kSide, kSide, QColor(colour[0], colour[1], colour[2]));
    sheets.frame(x, y, kSide, kSide);
    sheets.text(text, x + kSide + 1.4 * kMm, y);
    y += std::max(kSide, text.height()) + 1.5 * kMm;
  }
}

void add_overview(Sheets& sheets, const Overview& overview) {
  constexpr double kGap = 4 * kMm;
  constexpr double kColourWidth = 18 * kMm;
  constexpr double kMostHeight = 110 * kMm;
  constexpr double kLeastHeight = 60 * kMm;
  constexpr double kLeastCaption = 40 * kMm;
  const Text meaning(to_qt(overview.score_sentence), make_font(8.5), kWidth);
  const auto title = overview.heatmap.empty()  ? overview.plain_title
                     : overview.legend.empty() ? "Where the model looked"
                                               : "What the model found";
  const Text heading(to_qt(title), make_font(8, true), kWidth);
  const double words = heading.height() + 1.5 * kMm + 6 * kMm + meaning.height() + 1.5 * kMm;

  const double aspect =
      static_cast<double>(overview.plain.height()) / static_cast<double>(overview.plain.width());
  const double column = (kWidth - kColourWidth - 2 * kGap) / 2;
  const double wanted = std::min(column * aspect, kMostHeight);
  sheets.keep_together(std::min(wanted, kLeastHeight) + words);
  const double height = std::min(wanted, kBottom - sheets.y - words);
  const double width = height / aspect;

  sheets.heading(title);
  const double second = kLeft + std::max(width, kLeastCaption) + kGap;
  for (const auto& [x, image, caption] : {std::tuple{kLeft, &overview.plain, overview.plain_title},
                                          std::tuple{second, &overview.heatmap, overview.score_title}}) {
    if (image->empty()) continue;
    sheets.picture(to_qt(*image), x, sheets.y, width, height);
    if (overview.scale_bar) add_scale_bar(sheets, *overview.scale_bar, x, sheets.y + height, width);
    sheets.text(Text(to_qt(caption), make_font(7.5), column), x, sheets.y + height + 1 * kMm, kSoft);
  }
  if (overview.heatmap.empty()) {
    sheets.y += height + 6 * kMm + kSectionGap;
    return;
  }
  if (!overview.legend.empty()) {
    add_legend(sheets, overview.legend, second + width + kGap, sheets.y);
  } else {
    add_colour_bar(sheets, overview, second + width + kGap, sheets.y, std::min(height, 60 * kMm));
  }
  sheets.y += height + 6 * kMm;
  sheets.text(meaning, kLeft, sheets.y);
  sheets.y += meaning.height() + kSectionGap;
}

/// One eye from (x, y) on. @return the y below
double add_eye(Sheets& sheets, const std::string& title, const std::optional<EyeColumn>& eye, double x,
               double y, double width) {
  constexpr double kGap = 3 * kMm;
  const auto put = [&](const std::string& words, double points, bool bold, const QColor& colour, double gap) {
    const Text text(to_qt(words), make_font(points, bold), width);
    sheets.text(text, x, y, colour);
    y += text.height() + gap;
  };
  put(title, 8, true, kSoft, 1.5 * kMm);
  if (!eye) {
    put("No photograph.", 8.5, false, kInk, 0);
    return y;
  }
  put(eye->headline, 11, true, kInk, 0.8 * kMm);
  put(eye->explanation, 8, false, kInk, 3 * kMm);
  if (eye->overview) {
    const auto& overview = *eye->overview;
    const double picture_width = (width - kGap) / 2;
    const double height = picture_width * static_cast<double>(overview.plain.height()) /
                          static_cast<double>(overview.plain.width());
    sheets.picture(to_qt(overview.plain), x, y, picture_width, height);
    if (!overview.heatmap.empty())
      sheets.picture(to_qt(overview.heatmap), x + picture_width + kGap, y, picture_width, height);
    const Text plain(to_qt(overview.plain_title), make_font(7.5), picture_width);
    const Text painted(to_qt(overview.score_title), make_font(7.5), picture_width);
    sheets.text(plain, x, y + height + 1 * kMm, kSoft);
    sheets.text(painted, x + picture_width + kGap, y + height + 1 * kMm, kSoft);
    y += height + 1 * kMm + std::max(plain.height(), painted.height()) + 3 * kMm;
  }
  y = add_bars(sheets, eye->classes, x, y, width) + 2 * kMm;
  y = add_facts(sheets, eye->findings, x, y, width, 25 * kMm, 7.5) + 1 * kMm;
  for (const auto& warning : eye->warnings) put(warning, 7.5, false, kDegraded, 0.8 * kMm);
  return y;
}

void add_eyes(Sheets& sheets, const std::vector<EyeRow>& rows) {
  constexpr double kGap = 8 * kMm;
  constexpr double kColumn = (kWidth - kGap) / 2;
  for (const auto& row : rows) {
    const auto put = [&](Sheets& target, double y) {
      return std::max(add_eye(target, "Right eye (OD)", row.right, kLeft, y, kColumn),
                      add_eye(target, "Left eye (OS)", row.left, kLeft + kColumn + kGap, y, kColumn));
    };
    Sheets trial;
    sheets.keep_together(put(trial, 0));
    sheets.y = put(sheets, sheets.y) + kSectionGap;
  }
}

void add_tiles(Sheets& sheets, const ReportModel& model) {
  constexpr int kColumns = 4;
  constexpr double kGap = 4 * kMm;
  constexpr double kSide = (kWidth - (kColumns - 1) * kGap) / kColumns;
  const Text line("0", make_font(7.5), kSide);
  const double row_height = kSide + 3 * line.height() + 3 * kMm;
  sheets.keep_together(row_height + 6 * kMm);
  sheets.heading(model.tiles_title);
  for (std::size_t at = 0; at < model.tiles.size(); ++at) {
    const auto& tile = model.tiles[at];
    const auto column = static_cast<double>(at % kColumns);
    if (column == 0 && at > 0) sheets.keep_together(row_height);
    const double x = kLeft + column * (kSide + kGap);
    const auto longest = static_cast<double>(std::max(tile.image.width(), tile.image.height()));
    sheets.picture(to_qt(tile.image), x, sheets.y, kSide * static_cast<double>(tile.image.width()) / longest,
                   kSide * static_cast<double>(tile.image.height()) / longest);
    const double y = sheets.y + kSide + 1 * kMm;
    const auto put = [&](const std::string& words, double at_y, Qt::Alignment alignment, bool bold) {
      sheets.text(Text(to_qt(words), make_font(7.5, bold), kSide, alignment), x, at_y, bold ? kInk : kSoft);
    };
    put(std::to_string(tile.rank), y, Qt::AlignLeft, true);
    put(tile.score, y, Qt::AlignRight, true);
    put(tile.position, y + line.height(), Qt::AlignLeft, false);
    put(tile.relative, y + 2 * line.height(), Qt::AlignLeft, false);
    if (column == kColumns - 1 || at + 1 == model.tiles.size()) sheets.y += row_height;
  }
  sheets.y += kSectionGap - 4 * kMm;
}

void add_provenance(Sheets& sheets, const ReportModel& model) {
  Sheets trial;
  const double height = add_facts(trial, model.provenance, kLeft, 0, kWidth, 22 * kMm, 7.5) + 6 * kMm;
  sheets.keep_together(height);
  sheets.heading("Provenance");
  sheets.y = add_facts(sheets, model.provenance, kLeft, sheets.y, kWidth, 22 * kMm, 7.5);
}

/// Notice and page number; from the second page on also the case, so that a lost sheet finds its way back.
void paint_margins(QPainter& painter, const ReportModel& model, std::size_t page, std::size_t pages) {
  painter.fillRect(QRectF(kLeft, kFooter - 1.5 * kMm, kWidth, 0.5 * kPoint), kLine);
  const auto font = make_font(7.5);
  Text(to_qt(std::string(imaging::kResearchUse)), make_font(7.5, true), kWidth - 20 * kMm)
      .paint(painter, kLeft, kFooter, kSoft);
  Text(QString("%1 / %2").arg(page).arg(pages), font, kWidth, Qt::AlignRight)
      .paint(painter, kLeft, kFooter, kSoft);
  if (page == 1) return;
  const auto name = QFontMetricsF(font).elidedText(to_qt(model.case_name), Qt::ElideMiddle, 120 * kMm);
  Text(name, font, kWidth).paint(painter, kLeft, kRunningHeader, kSoft);
  Text(to_qt(std::string(kTitle)), font, kWidth, Qt::AlignRight).paint(painter, kLeft, kRunningHeader, kSoft);
}

/// Qt states the time of writing in the document's information; a report holds no date but the printed one.
/// Blanked in place, so that the offsets of the cross-reference table stay true.
void blank_creation_date(std::string& pdf) {
  const auto start = pdf.find("/CreationDate (");
  const auto end = pdf.find(')', start);
  if (start == std::string::npos || end == std::string::npos) return;
  std::fill(pdf.begin() + static_cast<std::ptrdiff_t>(start),
            pdf.begin() + static_cast<std::ptrdiff_t>(end) + 1, ' ');
}

}  // namespace

struct GuiApplication::Impl {
  std::string name = "tessera";
  std::string option = "-platform";
  std::string platform = "offscreen";
  int argc = 3;
  std::array<char*, 4> argv{name.data(), option.data(), platform.data(), nullptr};
  QGuiApplication application{argc, argv.data()};
};

GuiApplication::GuiApplication() {
  if (QCoreApplication::instance() == nullptr) {
    // The offscreen platform warns of what only a desktop has; a command's stderr is for its user.
    QLoggingCategory::setFilterRules("default.warning=false");
    impl_ = std::make_unique<Impl>();
  } else if (qobject_cast<QGuiApplication*>(QCoreApplication::instance()) == nullptr) {
    throw Error(ErrorCode::internal,
                "Reports need a QGuiApplication, but the process has a QCoreApplication.");
  }
}

GuiApplication::~GuiApplication() = default;

std::string to_pdf(const ReportModel& model) {
  if (QFontDatabase::families().isEmpty()) {
    throw Error(ErrorCode::not_found,
                "No font is installed, so no PDF can be set; install fonts-dejavu-core.");
  }
  Sheets sheets;
  add_header(sheets, model);
  add_result(sheets, model);
  add_notes(sheets, model);
  if (model.overview) add_overview(sheets, *model.overview);
  add_eyes(sheets, model.eyes);
  if (!model.tiles.empty()) add_tiles(sheets, model);
  add_provenance(sheets, model);

  QByteArray bytes;
  QBuffer buffer(&bytes);
  buffer.open(QIODevice::WriteOnly);
  {
    QPdfWriter writer(&buffer);
    writer.setResolution(kUnitsPerInch);
    writer.setPageLayout({QPageSize(QPageSize::A4), QPageLayout::Portrait, QMarginsF()});
    writer.setTitle(to_qt(std::string(kTitle) + ": " + model.case_name));
    writer.setCreator("Tessera");
    QPainter painter(&writer);
    const auto& pages = sheets.pages();
    for (std::size_t page = 0; page < pages.size(); ++page) {
      if (page > 0) writer.newPage();
      for (const auto& mark : pages[page]) mark(painter);
      paint_margins(painter, model, page + 1, pages.size());
    }
  }
  auto pdf = bytes.toStdString();
  blank_creation_date(pdf);
  return pdf;
}

}  // namespace report
