// Our side of `tests/bench/compare pan`: opens a slide in the studio's window as a person would, then drags
// it about, jumps to places, lays a heatmap over it and looks at it in four linked views. Prints JSON: ms
// until the first pixels of the slide are on the screen; for every frame of 1/60 s the time for which the
// window's thread was busy (mouse event, requests, arrivals, painting and the display's answer), and what
// of it was its own processor time, which other programs do not change; ms from a jump until all is sharp;
// bytes of the tile cache and of the process.
//
// usage: studio_bench SLIDE, with a display
#include <QApplication>
#include <QElapsedTimer>
#include <QEventLoop>
#include <QMouseEvent>
#include <QTimer>
#include <QWidget>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "app/gui/main_window.h"
#include "app/gui/studio_services.h"
#include "app/gui/theme.h"
#include "imaging/base/random.h"

namespace {

constexpr int kWidth = 1920;
constexpr int kHeight = 1080;
constexpr double kFrameMs = 1000.0 / 60;
constexpr double kPatienceMs = 20000;
constexpr QSize kProbe(96, 96);  // the place in the middle of the canvas where the slide is looked for
constexpr int kFramesPerLeg = 90;
constexpr int kJumps = 20;
constexpr std::int64_t kOverlayTiles = 224;  // a side: 50,176 tiles
constexpr QPoint kLegs[] = {{-24, 0}, {0, -24}, {17, 17}, {24, 0}, {-40, -20}, {0, 12}};  // view px a frame

/// Processor time of the calling thread.
qint64 thread_cpu_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

/// Of one frame.
struct Busy {
  double ms = 0;
  double cpu_ms = 0;
};

/// An application that knows for how long its events kept the window's thread busy.
class TimedApplication : public QApplication {
 public:
  using QApplication::QApplication;

  bool notify(QObject* receiver, QEvent* event) override {
    if (depth_ > 0) return QApplication::notify(receiver, event);
    QElapsedTimer timer;
    timer.start();
    const auto cpu = thread_cpu_ns();
    ++depth_;
    const bool taken = QApplication::notify(receiver, event);
    --depth_;
    busy_ns_ += timer.nsecsElapsed();
    cpu_ns_ += thread_cpu_ns() - cpu;
    return taken;
  }

  Busy take_busy() {
    return {static_cast<double>(std::exchange(busy_ns_, 0)) / 1e6,
            static_cast<double>(std::exchange(cpu_ns_, 0)) / 1e6};
  }

 private:
  int depth_ = 0;
  qint64 busy_ns_ = 0;
  qint64 cpu_ns_ = 0;
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

std::vector<Busy> drag_about(TimedApplication& application, gui::SlideView& view) {
  std::vector<Busy> frames;
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
      (void)application.take_busy();
      at += step;
      send(QEvent::MouseMove, Qt::NoButton, Qt::LeftButton);
      QApplication::processEvents();
      QElapsedTimer answer;
      answer.start();
      QGuiApplication::sync();
      const auto answered = static_cast<double>(answer.nsecsElapsed()) / 1e6;
      const auto left = kFrameMs - static_cast<double>(timer.nsecsElapsed()) / 1e6;
      if (left > 0) wait(left);
      auto busy = application.take_busy();
      busy.ms += answered;
      frames.push_back(busy);
    }
    send(QEvent::MouseButtonRelease, Qt::LeftButton, Qt::NoButton);
  }
  return frames;
}

/// Scores on a grid over the whole slide.
std::shared_ptr<const imaging::ScoreRaster> overlay_of(imaging::SizeI slide) {
  auto raster = std::make_shared<imaging::ScoreRaster>();
  raster->values = imaging::ImageF(kOverlayTiles, kOverlayTiles, 1);
  float value = 0;
  for (auto& score : raster->values.values()) score = std::fmod(value += 0.61803F, 1.0F);
  raster->channel_names = {"attention"};
  raster->pixel_l0 = {static_cast<double>(slide.width) / kOverlayTiles,
                      static_cast<double>(slide.height) / kOverlayTiles};
  raster->pixel_um = raster->pixel_l0;
  return raster;
}

/// Resident bytes of this process, now and at most.
std::pair<std::int64_t, std::int64_t> resident_bytes() {
  std::ifstream status("/proc/self/status");
  std::int64_t now = 0;
  std::int64_t peak = 0;
  for (std::string word; status >> word;) {
    if (word == "VmRSS:") status >> now;
    if (word == "VmHWM:") status >> peak;
  }
  return {now << 10, peak << 10};
}

/// ms from a jump to a place that was never looked at until all of it is sharp.
std::vector<double> jump_about(gui::SlideView& view, imaging::SizeI slide) {
  std::vector<double> times;
  imaging::Random random(7);
  for (int jump = 0; jump < kJumps; ++jump) {
    const auto x = random.uniform() * static_cast<double>(slide.width - 4000) + 2000;
    const auto y = random.uniform() * static_cast<double>(slide.height - 4000) + 2000;
    QElapsedTimer timer;
    timer.start();
    view.go_to({x - 400, y - 400, 800, 800});
    while (!view.is_complete() && timer.elapsed() < kPatienceMs)
      QApplication::processEvents(QEventLoop::WaitForMoreEvents, 5);
    QApplication::processEvents();
    times.push_back(static_cast<double>(timer.nsecsElapsed()) / 1e6);
  }
  return times;
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
  const auto put = [&reply](const std::string& way, const std::vector<Busy>& frames) {
    for (const auto& frame : frames) {
      reply["frames_ms"][way].push_back(frame.ms);
      reply["frames_cpu_ms"][way].push_back(frame.cpu_ms);
    }
  };
  for (const auto& [name, scale] : {std::pair{"1:1", 1.0}, std::pair{"1:8", 1.0 / 8}}) {
    view.set_scale(scale);
    finish();
    put(name, drag_about(application, view));
  }
  const auto slide = studio.current()->size_l0();
  reply["jumps_ms"] = jump_about(view, slide);
  // The same way over the same, now held, pixels with and without the heatmap: its cost alone.
  view.set_scale(1.0 / 8);
  finish();
  (void)drag_about(application, view);
  put("1:8 again", drag_about(application, view));
  studio.heatmap()->set_raster(overlay_of(slide));
  finish();
  put("1:8 overlay", drag_about(application, view));
  reply["overlay_tiles"] = kOverlayTiles * kOverlayTiles;
  window.view_grid()->set_count(4);
  wait(200);
  finish();
  put("four linked", drag_about(application, view));
  const auto counters = studio.cache().counters();
  reply["cache_peak_bytes"] = counters.peak_bytes;
  reply["cache_budget_bytes"] = studio.cache().max_bytes();
  const auto [now, peak] = resident_bytes();
  reply["resident_bytes"] = now;
  reply["resident_peak_bytes"] = peak;
  std::cout << reply.dump() << '\n';
  return 0;
}
