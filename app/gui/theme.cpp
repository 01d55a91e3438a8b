#include "app/gui/theme.h"

#include <QApplication>
#include <QBuffer>
#include <QFile>
#include <QIconEngine>
#include <QImageReader>
#include <QLabel>
#include <QPainter>
#include <QPalette>
#include <QPixmap>
#include <QStyleFactory>
#include <algorithm>

// The resources of a static library must be asked for, and not from inside a namespace.
static void load_icons() {
  Q_INIT_RESOURCE(icons);
}

namespace gui {
namespace {

QPixmap draw_icon(const QByteArray& drawing, const QColor& colour, int side) {
  auto bytes = drawing;
  bytes.replace("currentColor", colour.name().toUtf8());
  QBuffer buffer(&bytes);
  buffer.open(QIODevice::ReadOnly);
  QImageReader reader(&buffer, "svg");
  reader.setScaledSize({side, side});
  return QPixmap::fromImage(reader.read());
}

/// All colours of a window from its ground, the ground of its fields, and its ink.
QPalette plain_palette(const QColor& ground, const QColor& field, const QColor& ink) {
  QPalette palette(ground);  // midlight, mid and dark follow the ground
  const auto blend = [&](double share) {
    const auto mix = [share](int a, int b) { return static_cast<int>(a + share * (b - a)); };
    return QColor(mix(ground.red(), ink.red()), mix(ground.green(), ink.green()),
                  mix(ground.blue(), ink.blue()));
  };
  palette.setColor(QPalette::Window, ground);
  palette.setColor(QPalette::Button, ground);
  palette.setColor(QPalette::Base, field);
  palette.setColor(QPalette::AlternateBase, blend(0.05));
  palette.setColor(QPalette::Midlight, blend(0.12));
  palette.setColor(QPalette::Mid, blend(0.28));
  palette.setColor(QPalette::Dark, blend(0.45));
  palette.setColor(QPalette::ToolTipBase, field);
  for (const auto role :
       {QPalette::WindowText, QPalette::Text, QPalette::ButtonText, QPalette::ToolTipText}) {
    palette.setColor(role, ink);
    palette.setColor(QPalette::Disabled, role, blend(0.5));
  }
  palette.setColor(QPalette::Link, QColor("#3aa0b3"));
  return palette;
}

/// Draws a drawing of the resources in the colour of the palette at the time.
class ThemedIcon : public QIconEngine {
 public:
  explicit ThemedIcon(QByteArray drawing) : drawing_(std::move(drawing)) {}
  void paint(QPainter* painter, const QRect& place, QIcon::Mode mode, QIcon::State state) override {
    painter->drawPixmap(place, pixmap(place.size() * painter->device()->devicePixelRatioF(), mode, state));
  }
  QPixmap pixmap(const QSize& size, QIcon::Mode mode, QIcon::State) override {
    const auto group = mode == QIcon::Disabled ? QPalette::Disabled : QPalette::Active;
    return draw_icon(drawing_, QApplication::palette().color(group, QPalette::WindowText),
                     std::min(size.width(), size.height()));
  }
  [[nodiscard]] QIconEngine* clone() const override { return new ThemedIcon(drawing_); }

 private:
  QByteArray drawing_;
};

}  // namespace

void apply_theme(QApplication& application, const QString& theme) {
  load_icons();
  QApplication::setStyle(QStyleFactory::create("Fusion"));
  static const auto desktop = application.palette();
  auto palette = theme == "dark"    ? plain_palette(QColor("#23272b"), QColor("#1a1d20"), QColor("#e6e8ea"))
                 : theme == "light" ? plain_palette(QColor("#f0f1f2"), QColor("#ffffff"), QColor("#1c2126"))
                                    : desktop;
  auto quiet = palette.color(QPalette::WindowText);
  quiet.setAlphaF(0.65F);
  palette.setColor(QPalette::PlaceholderText, quiet);
  palette.setColor(QPalette::Highlight, kAccent);
  palette.setColor(QPalette::HighlightedText, Qt::white);
  QApplication::setPalette(palette);
  application.setStyleSheet(R"(
    QToolBar { border: none; border-bottom: 1px solid palette(mid); padding: 3px 6px; spacing: 2px; }
    QToolBar QToolButton { padding: 4px 7px; border: 1px solid transparent; border-radius: 4px; }
    QToolBar QToolButton:hover { background: palette(midlight); }
    QToolBar QToolButton:checked { background: palette(midlight); border-color: palette(mid); }
    QMainWindow > QTabBar::tab { padding: 5px 9px; border: none; border-bottom: 2px solid transparent; }
    QMainWindow > QTabBar::tab:hover { background: palette(midlight); }
    QMainWindow > QTabBar::tab:selected { border-bottom-color: #1f7a8c; }
    QStatusBar { border-top: 1px solid palette(mid); }
    QStatusBar::item { border: none; }
    QLabel#heading { font-weight: 600; }
    QLabel#verdict { font-size: 19px; font-weight: 600; }
    QFrame#rule { color: palette(midlight); }
    QPushButton#analyse { padding: 6px 14px; font-weight: 600; color: white; background: #1f7a8c; border: none;
                          border-radius: 4px; }
    QPushButton#analyse:hover { background: #23899d; }
    QPushButton#analyse:disabled { background: palette(midlight); color: palette(dark); }
    QProgressBar { border: none; border-radius: 3px; background: palette(mid); max-height: 6px; min-height: 6px; }
    QProgressBar::chunk { border-radius: 3px; background: #1f7a8c; }
    QLabel#research_notice { color: #b3541e; font-weight: 600; padding-right: 6px; }
    QFrame#message_bar[tone="problem"] { background: #fbe9e4; border-bottom: 1px solid #d9866c; }
    QFrame#message_bar[tone="info"] { background: #e3f1f4; border-bottom: 1px solid #7fb6c2; }
    QFrame#message_bar QLabel { color: #22262a; }
    QLabel[warning="true"] { background: #fdf3dc; color: #4a3a10; border-left: 3px solid #d99a1c; padding: 4px 6px; }
  )");
}

QIcon themed_icon(const QString& name) {
  QFile file(":/icons/" + name + ".svg");
  if (!file.open(QIODevice::ReadOnly)) return {};
  return QIcon(new ThemedIcon(file.readAll()));
}

void make_quiet(QLabel* label) {
  label->setForegroundRole(QPalette::PlaceholderText);  // follows the theme
}

QLabel* make_heading(const QString& text, QWidget* parent) {
  auto* heading = new QLabel(text, parent);
  heading->setObjectName("heading");
  return heading;
}

}  // namespace gui
