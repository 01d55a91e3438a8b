#include "tests/gui/window_fixture.h"

#include <fmt/format.h>

#include <QAbstractButton>
#include <QAction>
#include <QComboBox>
#include <QSettings>
#include <QTest>
#include <cmath>
#include <cstdlib>

#include "imaging/raster/png.h"
#include "tests/gui/painted_case.h"

namespace gui {
namespace fs = std::filesystem;

WindowFixture::WindowFixture() {
  ensure_application();
  const auto home = apart().value_or(folder_.path());
  images_ = home / "images";
  project_ = home / "study";
  QSettings::setPath(QSettings::IniFormat, QSettings::UserScope,
                     QString::fromStdString((home / "config").string()));
  qputenv("XDG_DATA_HOME", (home / "data").c_str());
  qputenv("TESSERA_MODELS", (home / "models").c_str());
  for (const auto& folder : {images_, home / "models", home / "data"}) fs::create_directories(folder);
}

WindowFixture::~WindowFixture() {
  close();
}

void WindowFixture::close() {
  window_.reset();  // a window must not outlive its studio
  workbench_.reset();
  studio_.reset();
}

void WindowFixture::make_window(viewmodels::StudioServices services) {
  close();
  if (!services.list_models) services.list_models = [] { return std::vector<viewmodels::ModelChoice>{}; };
  studio_ = std::make_unique<viewmodels::Studio>(std::move(services));
  workbench_ = std::make_unique<viewmodels::Workbench>(studio_.get());
  window_ = std::make_unique<MainWindow>(studio_.get());
  new WorkArea(workbench_.get(), window_.get());
  window_->resize(1400, 900);
  window_->set_asks_for_scale(false);
  window_->show();
  ASSERT_TRUE(QTest::qWaitForWindowExposed(window_.get()));
}

void WindowFixture::open(const fs::path& file, const char* mpp) {
  studio_->open_files({QString::fromStdString(file.string())});
  ASSERT_TRUE(wait_for([&] {
    return studio_->current() && studio_->current()->path() == file && view()->is_complete() &&
           studio_->annotations()->is_loaded();
  })) << message();
  if (mpp != nullptr) studio_->set_scale(mpp);
}

void WindowFixture::open_project() {
  workbench_->open_project(QString::fromStdString(project_.string()));
  ASSERT_TRUE(wait_for([&] { return workbench_->has_project(); })) << message();
}

void WindowFixture::trigger(const char* action) {
  if (auto* found = find<QAction>(action)) found->trigger();
}

void WindowFixture::click(const char* button) {
  if (auto* found = find<QAbstractButton>(button)) found->click();
}

void WindowFixture::choose(const char* box, int index) {
  auto* found = find<QComboBox>(box);
  if (found == nullptr) return;
  found->setCurrentIndex(index);
  Q_EMIT found->activated(index);
}

bool WindowFixture::wait_for(const std::function<bool()>& condition, int ms) {
  return QTest::qWaitFor(condition, ms);
}

QPoint WindowFixture::place_of(imaging::PointD l0) {
  const auto place = view()->view().to_view(l0);
  return {static_cast<int>(std::lround(place.x)), static_cast<int>(std::lround(place.y))};
}

QColor WindowFixture::colour_in(SlideView* view, imaging::PointD l0) {
  const auto place = view->view().to_view(l0);
  return view->grab().toImage().pixelColor(static_cast<int>(place.x), static_cast<int>(place.y));
}

void WindowFixture::drag(imaging::PointD from, imaging::PointD to) {
  QTest::mousePress(view(), Qt::LeftButton, {}, place_of(from));
  QTest::mouseMove(view(), place_of({(from.x + to.x) / 2, (from.y + to.y) / 2}));
  QTest::mouseMove(view(), place_of(to));
  QTest::mouseRelease(view(), Qt::LeftButton, {}, place_of(to));
}

support::CommandOutput WindowFixture::run_apart(const std::string& test, const std::string& shell) const {
  return support::run_command(
      fmt::format("TESSERA_APART='{}' {} '{}' --gtest_also_run_disabled_tests --gtest_filter={}",
                  folder_.path().string(), shell, fs::read_symlink("/proc/self/exe").string(), test));
}

std::optional<fs::path> WindowFixture::apart() {
  const auto* place = std::getenv("TESSERA_APART");
  return place == nullptr ? std::nullopt : std::optional<fs::path>(place);
}

}  // namespace gui
