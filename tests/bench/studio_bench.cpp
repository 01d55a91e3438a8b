// Our side of `tests/bench/compare pan`: opens a slide in the studio's window as a person would, then drags
// it about. Prints JSON: ms until the first pixels of the slide are on the screen, and for every frame of
// 1/60 s the time for which the window's thread was busy (mouse event, requests, arrivals, painting and the
// display's answer).
//
// usage: studio_bench SLIDE, with a display
#include <QApplication>
#include <QElapsedTimer>
#include <QEventLoop>
#include <QMouseEvent>
#include <QTimer>
#include <QWidget>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "app/gui/main_window.h"
#include "app/gui/studio_services.h"
#include "app/gui/theme.h"

namespace {

constexpr int kWidth = 1920;
constexpr int kHeight = 1080;
constexpr double kFrameMs = 1000.0 / 60;
constexpr double kPatienceMs = 20000;
constexpr QSize kProbe(96, 96);  // the place in the middle of the canvas where the slide is looked for
constexpr int kFramesPerLeg = 90;
constexpr QPoint kLegs[] = {{-24, 0}, {0, -24}, {17, 17}, {24, 0}, {-40, -20}, {0, 12}};  // view px a frame

/// An application that knows for how long its events kept the window's thread busy.
class TimedApplication : public QApplication {
 public:
  using QApplication::QApplication;

  bool notify(QObject* receiver, QEvent* event) override {
    if (depth_ > 0) return QApplication::notify(receiver, event);
    QElapsedTimer timer;
    timer.start();
    ++depth_;
    const bool taken = QApplication::notify(receiver, event);
    --depth_;
    busy_ns_ += timer.nsecsElapsed();
    return taken;
  }

  double take_busy_ms() { return static_cast<double>(std::exchange(busy_ns_, 0)) / 1e6; }

 private:
  int depth_ = 0;
  qint64 busy_ns_ = 0;
};

void wait(double ms) {
  QEventLoop loop;
  QTimer::singleShot(static_cast<int>(ms), Qt::PreciseTimer, &loop, &QEventLoop::quit);
  loop.exec();
}

/// True once the middle of the canvas, as it is painted now, holds pixels of a slide.
bool shows_slide(gui::SlideView& view, QRgb canvas) {
  const auto probe =
      view.grab(QRect(view.rect().center() - QPoint(kProbe.width() / 2, kProbe.height() / 2), kProbe))
          .toImage()
          .convertToFormat(QImage::Format_RGB32);
  const QRgb first = probe.pixel(0, 0);
  for (int y = 0; y < probe.height(); ++y) {
    for (int x = 0; x < probe.width(); ++x) {
      const auto pixel = probe.pixel(x, y);
      if (pixel != first && pixel != canvas && pixel != qRgb(255, 255, 255)) return true;
    }
  }
  return false;
}

/// @return  busy ms of each frame
std::vector<double> drag_about(TimedApplication& application, gui::SlideView& view) {
  std::vector<double> frames;
  for (const auto& step : kLegs) {
    QPointF at = view.rect().center();
    const auto send = [&](QEvent::Type type, Qt::MouseButton button, Qt::MouseButtons held) {
      QMouseEvent event(type, at, view.mapToGlobal(at), button, held, Qt::NoModifier);
      QApplication::sendEvent(&view, &event);
    };
    send(QEvent::MouseButtonPress, Qt::LeftButton, Qt::LeftButton);
    for (int frame = 0; frame < kFramesPerLeg; ++frame) {
      QElapsedTimer timer;
      timer.start();
      (void)application.take_busy_ms();
      at += step;
      send(QEvent::MouseMove, Qt::NoButton, Qt::LeftButton);
      QApplication::processEvents();
      QElapsedTimer answer;
      answer.start();
      QGuiApplication::sync();
      const auto answered = static_cast<double>(answer.nsecsElapsed()) / 1e6;
      const auto left = kFrameMs - static_cast<double>(timer.nsecsElapsed()) / 1e6;
      if (left > 0) wait(left);
      frames.push_back(application.take_busy_ms() + answered);
    }
    send(QEvent::MouseButtonRelease, Qt::LeftButton, Qt::NoButton);
  }
  return frames;
}

}  // namespace

int main(int argc, char** argv) {
  TimedApplication application(argc, argv);
  if (argc != 2) {
    std::fprintf(stderr, "usage: studio_bench SLIDE\n");
    return 2;
  }
  gui::apply_theme(application);
  viewmodels::Studio studio(gui::make_studio_services({}));
  gui::MainWindow window(&studio);
  window.resize(kWidth, kHeight);
  window.set_asks_for_scale(false);
  window.show();
  wait(1000);  // the window is up and the models are listed before anyone opens a slide
  auto& view = *window.slide_view();
  const auto canvas = view.grab(QRect(2, 2, 1, 1)).toImage().pixel(0, 0);

  QElapsedTimer opened;
  opened.start();
  studio.open_files({QString::fromLocal8Bit(argv[1])});
  double first_ms = 0;
  for (;;) {
    QApplication::processEvents();
    const auto now = static_cast<double>(opened.nsecsElapsed()) / 1e6;
    if (studio.current() && shows_slide(view, canvas)) {
      first_ms = now;
      break;
    }
    if (now > kPatienceMs) {
      std::fprintf(stderr, "studio_bench: %s: nothing was shown within %.0f s\n", argv[1],
                   kPatienceMs / 1000);
      return 1;
    }
  }
  const auto finish = [&] {
    for (int turn = 0; turn < 200 && !view.is_complete(); ++turn) wait(50);
  };
  finish();
  nlohmann::json reply{{"first_ms", first_ms}, {"width", kWidth}, {"height", kHeight}};
  for (const auto& [name, scale] : {std::pair{"1:1", 1.0}, std::pair{"1:8", 1.0 / 8}}) {
    view.set_scale(scale);
    finish();
    reply["frames_ms"][name] = drag_about(application, view);
  }
  std::cout << reply.dump() << '\n';
  return 0;
}
