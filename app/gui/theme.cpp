#include "app/gui/theme.h"

#include <QApplication>
#include <QBuffer>
#include <QFile>
#include <QImageReader>
#include <QLabel>
#include <QPalette>
#include <QPixmap>
#include <QStyleFactory>

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

}  // namespace

void apply_theme(QApplication& application) {
  load_icons();
  QApplication::setStyle(QStyleFactory::create("Fusion"));
  auto palette = application.palette();
  palette.setColor(QPalette::Highlight, kAccent);
  palette.setColor(QPalette::HighlightedText, Qt::white);
  QApplication::setPalette(palette);
  application.setStyleSheet(R"(
    QToolBar { border: none; border-bottom: 1px solid palette(mid); padding: 3px 6px; spacing: 2px; }
    QToolBar QToolButton { padding: 4px 7px; border: 1px solid transparent; border-radius: 4px; }
    QToolBar QToolButton:hover { background: palette(midlight); }
    QToolBar QToolButton:checked { background: palette(midlight); border-color: palette(mid); }
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
  const auto drawing = file.readAll();
  const auto palette = QApplication::palette();
  QIcon icon;
  for (const auto side : {20, 40, 60}) {
    icon.addPixmap(draw_icon(drawing, palette.color(QPalette::Active, QPalette::WindowText), side));
    icon.addPixmap(draw_icon(drawing, palette.color(QPalette::Disabled, QPalette::WindowText), side),
                   QIcon::Disabled);
  }
  return icon;
}

void make_quiet(QLabel* label) {
  auto palette = label->palette();
  auto colour = palette.color(QPalette::WindowText);
  colour.setAlphaF(0.65F);
  palette.setColor(QPalette::WindowText, colour);
  label->setPalette(palette);
}

QLabel* make_heading(const QString& text, QWidget* parent) {
  auto* heading = new QLabel(text, parent);
  heading->setObjectName("heading");
  return heading;
}

}  // namespace gui
