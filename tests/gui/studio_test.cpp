#include <QAbstractButton>
#include <QAbstractSlider>
#include <QApplication>
#include <QComboBox>
#include <QDialog>
#include <QDir>
#include <QDoubleSpinBox>
#include <QDropEvent>
#include <QElapsedTimer>
#include <QLabel>
#include <QListView>
#include <QMimeData>
#include <QPushButton>
#include <QScrollBar>
#include <QSettings>
#include <QSignalSpy>
#include <QSlider>
#include <QSpinBox>
#include <QTest>
#include <QUrl>
#include <QWheelEvent>
#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <thread>

#include "app/gui/main_window.h"
#include "app/gui/theme.h"
#include "imaging/base/files.h"
#include "imaging/base/options_json.h"
#include "imaging/raster/png.h"
#include "tests/gui/painted_case.h"
#include "tests/support/test_support.h"

namespace gui {
namespace {

using OnCase = std::function<void(const workflows::RunRow&)>;

constexpr int kPatience = 20000;  // ms until a test gives up; passing tests wait for none of it

class StudioTest : public testing::Test {
 protected:
  StudioTest() {
    ensure_application();
    QSettings::setPath(QSettings::IniFormat, QSettings::UserScope,
                       QString::fromStdString((folder_ / "config").string()));
    slide_path_ = folder_ / "painted.png";
    imaging::write_png(slide_path_, painted_image());
  }

  /// Makes the window; `analyze` stands in for the slow job.
  void make_window(viewmodels::AnalyzeJob analyze = {}) {
    if (!analyze) {
      analyze = [](const workflows::AnalyzeRequest& request, const OnCase& on_case,
                   const imaging::JobContext& job) {
        const std::filesystem::path slide = request.inputs.inputs.front();
        const auto name = slide.stem().string();
        for (int i = 0; i <= 12; ++i) job.checkpoint("tiles", i, 12);
        write_case(request.out, name, slide);
        workflows::RunSummary summary;
        summary.out = request.out;
        summary.rows.emplace_back();
        summary.rows.back().case_name = name;
        summary.rows.back().status = "done";
        on_case(summary.rows.back());
        return summary;
      };
    }
    window_.reset();  // a window must not outlive its studio
    studio_ = std::make_unique<viewmodels::Studio>(viewmodels::StudioServices{
        [] {
          return std::vector<viewmodels::ModelChoice>{{"painted model", "for tests", "painted"}};
        },
        analyze});
    window_ = std::make_unique<MainWindow>(studio_.get());
    window_->resize(1200, 800);
    window_->set_asks_for_scale(false);
    window_->show();
    ASSERT_TRUE(QTest::qWaitForWindowExposed(window_.get()));
  }

  void open(const std::filesystem::path& path) {
    studio_->open_files({QString::fromStdString(path.string())});
    ASSERT_TRUE(QTest::qWaitFor(
        [&] { return studio_->current() && studio_->current()->path() == path && view()->is_complete(); },
        kPatience));
  }

  template <typename Widget = QWidget>
  Widget* find(const char* name) {
    auto* widget = window_->findChild<Widget*>(name);
    EXPECT_NE(widget, nullptr) << name;
    return widget;
  }
  SlideView* view() { return window_->slide_view(); }
  bool wait_for(const std::function<bool()>& condition) { return QTest::qWaitFor(condition, kPatience); }

  QColor colour_at_l0(imaging::PointD l0) {
    const auto place = view()->view().to_view(l0);
    return view()->grab().toImage().pixelColor(QPoint(static_cast<int>(place.x), static_cast<int>(place.y)));
  }
  void wheel(QPointF place, int notches) {
    QWheelEvent event(place, view()->mapToGlobal(place), {}, {0, 120 * notches}, Qt::NoButton, Qt::NoModifier,
                      Qt::NoScrollPhase, false);
    QApplication::sendEvent(view(), &event);
  }

  support::TemporaryFolder folder_;
  std::filesystem::path slide_path_;
  std::unique_ptr<viewmodels::Studio> studio_;
  std::unique_ptr<MainWindow> window_;
};

TEST_F(StudioTest, ShowsThePixelsOfAnImageWhereTheyBelong) {
  make_window();
  open(slide_path_);

  EXPECT_EQ(colour_at_l0({800, 500}), QColor(200, 40, 160));
  EXPECT_EQ(colour_at_l0({300, 500}), QColor(255, 255, 255));
  EXPECT_EQ(window_->windowTitle(), "painted.png – Tessera Studio");
  EXPECT_TRUE(find("research_notice")->isVisible());
}

TEST_F(StudioTest, ZoomsAboutTheCursorByWheelAndStaysSharp) {
  make_window();
  open(slide_path_);
  const auto corner = view()->view().to_view({600, 300});
  const auto before = view()->view().scale();
  wheel({corner.x, corner.y}, 8);
  ASSERT_TRUE(wait_for([&] { return view()->view().scale() > before * 5.9 && view()->is_complete(); }));

  const auto after = view()->view().to_view({600, 300});
  EXPECT_NEAR(after.x, corner.x, 1e-6);
  EXPECT_NEAR(after.y, corner.y, 1e-6);
  EXPECT_EQ(colour_at_l0({603, 303}), QColor(200, 40, 160));
  EXPECT_EQ(colour_at_l0({597, 303}), QColor(255, 255, 255));
}

TEST_F(StudioTest, PansByDraggingAndByArrows) {
  make_window();
  open(slide_path_);
  QTest::keyClick(view(), Qt::Key_1);
  const auto before = view()->view().to_view({800, 600});
  QTest::mousePress(view(), Qt::LeftButton, {}, {400, 400});
  QTest::mouseMove(view(), {430, 380});
  QTest::mouseRelease(view(), Qt::LeftButton, {}, {430, 380});
  const auto dragged = view()->view().to_view({800, 600});
  EXPECT_NEAR(dragged.x - before.x, 30, 1e-6);
  EXPECT_NEAR(dragged.y - before.y, -20, 1e-6);

  QTest::keyClick(view(), Qt::Key_Right);
  EXPECT_LT(view()->view().to_view({800, 600}).x, dragged.x);
}

TEST_F(StudioTest, ObeysTheZoomKeys) {
  make_window();
  open(slide_path_);
  const auto fitted = view()->view().scale();
  QTest::keyClick(view(), Qt::Key_1);
  EXPECT_DOUBLE_EQ(view()->view().scale() * view()->devicePixelRatioF(), 1);
  QTest::keyClick(view(), Qt::Key_Plus);
  EXPECT_TRUE(
      wait_for([&] { return std::abs(view()->view().scale() * view()->devicePixelRatioF() - 1.5) < 1e-6; }));
  QTest::keyClick(view(), Qt::Key_0);
  EXPECT_DOUBLE_EQ(view()->view().scale(), fitted);
  QTest::mouseDClick(view(), Qt::LeftButton, {}, {300, 300});
  EXPECT_TRUE(wait_for([&] { return std::abs(view()->view().scale() / fitted - 2) < 1e-6; }));
}

TEST_F(StudioTest, OverviewMapMovesTheView) {
  make_window();
  open(slide_path_);
  QTest::keyClick(view(), Qt::Key_1);
  auto* map = find("overview_map");
  ASSERT_TRUE(map->isVisible());
  QTest::mouseClick(map, Qt::LeftButton, {}, {map->width() / 4, map->height() / 2});
  EXPECT_NEAR(view()->view().centre_l0().x, 400, 20);
  QTest::keyClick(view(), Qt::Key_O);
  EXPECT_FALSE(map->isVisible());
}

TEST_F(StudioTest, SaysWhyAFileDoesNotOpenAndLivesOn) {
  make_window();
  const auto bad = folder_ / "broken.svs";
  imaging::write_file(bad, "this is no slide");
  studio_->open_files({QString::fromStdString(bad.string())});
  ASSERT_TRUE(wait_for([&] { return !window_->message_bar()->text().isEmpty(); }));

  EXPECT_TRUE(window_->message_bar()->isVisible());
  EXPECT_TRUE(window_->message_bar()->text().contains("broken.svs"))
      << window_->message_bar()->text().toStdString();
  open(slide_path_);
  EXPECT_EQ(studio_->slides()->rowCount(), 1);
  QTest::mouseClick(find("message_close"), Qt::LeftButton);
  EXPECT_FALSE(window_->message_bar()->isVisible());
}

TEST_F(StudioTest, OpensWhatIsDroppedOnIt) {
  make_window();
  QMimeData mime;
  mime.setUrls({QUrl::fromLocalFile(QString::fromStdString(slide_path_.string()))});
  QDragEnterEvent enter({50, 50}, Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
  QApplication::sendEvent(window_.get(), &enter);
  EXPECT_TRUE(enter.isAccepted());
  QDropEvent drop({50, 50}, Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
  QApplication::sendEvent(window_.get(), &drop);
  EXPECT_TRUE(wait_for([&] { return studio_->current() != nullptr; }));
}

TEST_F(StudioTest, AsksOnceForTheScaleAndRemembersIt) {
  make_window();
  window_->set_asks_for_scale(true);
  open(slide_path_);
  auto* dialog = find<QDialog>("scale_dialog");
  ASSERT_NE(dialog, nullptr);
  EXPECT_FALSE(find<QPushButton>("analyse")->isEnabled());
  QTest::mouseClick(dialog->findChild<QPushButton*>("scale_use"), Qt::LeftButton);
  ASSERT_TRUE(studio_->current()->scale);
  EXPECT_DOUBLE_EQ(studio_->current()->scale->mpp_x, 0.5);
  EXPECT_EQ(studio_->current()->scale->source, "override");
  EXPECT_TRUE(find<QLabel>("zoom")->text().contains("µm"));

  make_window();
  window_->set_asks_for_scale(true);
  open(slide_path_);
  EXPECT_EQ(window_->findChild<QDialog*>("scale_dialog"), nullptr);
  EXPECT_EQ(studio_->current()->mpp, "0.5");
}

TEST_F(StudioTest, AnalysesAndShowsResultHeatmapAndTopTiles) {
  make_window();
  open(slide_path_);
  studio_->set_scale("0.5");
  ASSERT_TRUE(wait_for([&] { return find<QPushButton>("analyse")->isEnabled(); }));
  QTest::mouseClick(find<QPushButton>("analyse"), Qt::LeftButton);
  ASSERT_TRUE(wait_for([&] { return studio_->result() && view()->is_complete(); }));

  EXPECT_EQ(find<QLabel>("verdict")->text(), "tumour");
  EXPECT_EQ(find<QLabel>("result_warning")->text(), "A painted warning.");
  EXPECT_TRUE(std::filesystem::exists(folder_ / "Tessera results/painted.png/cases/painted/result.json"));

  // The highest tile lies over [400, 800) x [400, 800) to the pixel.
  studio_->heatmap()->set_opacity(1);
  const auto high = colour_at_l0({405, 795});
  EXPECT_EQ(colour_at_l0({795, 405}), high);
  EXPECT_NE(colour_at_l0({395, 600}), high);
  EXPECT_NE(colour_at_l0({805, 600}), high);
  QTest::keyClick(view(), Qt::Key_H);
  EXPECT_EQ(colour_at_l0({300, 600}), QColor(255, 255, 255));
  QTest::keyClick(view(), Qt::Key_H);

  find<QSlider>("heatmap_threshold")->setValue(500);
  ASSERT_TRUE(wait_for([&] { return view()->is_complete(); }));
  EXPECT_EQ(colour_at_l0({300, 600}), QColor(255, 255, 255));
  EXPECT_EQ(colour_at_l0({450, 450}), high);

  auto* gallery = find<QListView>("top_tiles");
  QTest::mouseClick(gallery->viewport(), Qt::LeftButton, {},
                    gallery->visualRect(gallery->model()->index(0, 0)).center());
  EXPECT_NEAR(view()->view().centre_l0().x, 600, 1e-6);
  EXPECT_NEAR(view()->view().centre_l0().y, 600, 1e-6);
}

TEST_F(StudioTest, OutlinesTheTissueAsItsOptionsChangeAndAnalysesWithThem) {
  imaging::TissueOptions analysed_with;
  make_window(
      [&](const workflows::AnalyzeRequest& request, const OnCase& on_case, const imaging::JobContext&) {
        analysed_with = request.tissue;
        const std::filesystem::path slide = request.inputs.inputs.front();
        write_case(request.out, slide.stem().string(), slide);
        workflows::RunSummary summary;
        summary.out = request.out;
        summary.rows.emplace_back();
        summary.rows.back().case_name = slide.stem().string();
        summary.rows.back().status = "done";
        on_case(summary.rows.back());
        return summary;
      });
  open(slide_path_);
  studio_->set_scale("2");
  auto* tissue = studio_->tissue();
  EXPECT_TRUE(tissue->outlines().empty()) << "nothing is read before it is asked for";

  window_->findChild<QAbstractButton*>("tissue_show")->click();
  ASSERT_TRUE(QTest::qWaitFor([&] { return !tissue->is_working(); }, kPatience));
  ASSERT_EQ(tissue->outlines().size(), 1U) << "the magenta square; the blue one is ink";
  EXPECT_NEAR(tissue->outlines()[0].bounds_l0.left(), 600, 20);
  EXPECT_NEAR(tissue->outlines()[0].bounds_l0.bottom(), 700, 20);
  EXPECT_TRUE(tissue->words().contains("pen"));

  window_->findChild<QAbstractButton*>("tissue_reject_pen")->click();
  ASSERT_TRUE(QTest::qWaitFor([&] { return !tissue->is_working(); }, kPatience));
  EXPECT_EQ(tissue->outlines().size(), 2U);

  auto* least = window_->findChild<QDoubleSpinBox*>("tissue_a_t");
  least->setValue(0.05);
  least->setValue(1);  // mm²; the newest wish wins
  ASSERT_TRUE(QTest::qWaitFor([&] { return !tissue->is_working(); }, kPatience));
  EXPECT_TRUE(tissue->outlines().empty());

  auto* median = window_->findChild<QSpinBox*>("tissue_mthresh");
  median->setValue(4);
  EXPECT_EQ(tissue->options().mthresh, 7) << "even: refused";
  EXPECT_EQ(median->value(), 7);
  median->stepUp();
  EXPECT_EQ(tissue->options().mthresh, 9);

  window_->findChild<QAbstractButton*>("analyse")->click();
  ASSERT_TRUE(QTest::qWaitFor([&] { return studio_->result().has_value(); }, kPatience));
  EXPECT_EQ(analysed_with.a_t, 1);
  EXPECT_FALSE(analysed_with.reject_pen);

  window_->findChild<QAbstractButton*>("tissue_reset")->click();
  ASSERT_TRUE(QTest::qWaitFor([&] { return !tissue->is_working(); }, kPatience));
  EXPECT_TRUE(tissue->options().reject_pen);
  EXPECT_EQ(tissue->outlines().size(), 1U);
}

TEST_F(StudioTest, ShowsAnEarlierAnalysisWhenItsSlideIsOpenedAgain) {
  write_case(viewmodels::output_folder(slide_path_, std::nullopt), "painted", slide_path_);
  make_window();
  open(slide_path_);
  EXPECT_TRUE(wait_for([&] { return studio_->result().has_value(); }));
}

TEST_F(StudioTest, AnswersWithinATenthOfASecondWhileAJobRunsAndIsCancelled) {
  std::atomic<bool> ended = false;
  make_window([&ended](const workflows::AnalyzeRequest&, const OnCase&,
                       const imaging::JobContext& job) -> workflows::RunSummary {
    struct AtEnd {
      std::atomic<bool>& flag;
      ~AtEnd() { flag = true; }
    } at_end{ended};
    for (int i = 0;; ++i) {
      job.checkpoint("tiles", i % 1000, 1000);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  open(slide_path_);
  studio_->set_scale("0.5");
  ASSERT_TRUE(wait_for([&] { return find<QPushButton>("analyse")->isEnabled(); }));
  QTest::mouseClick(find<QPushButton>("analyse"), Qt::LeftButton);
  auto* words = find<QLabel>("progress_words");
  ASSERT_TRUE(wait_for([&] { return words->text().contains("of 1000"); }));

  EXPECT_LT(slowest_answer(window_.get()), 100);

  QElapsedTimer clock;
  clock.start();
  QTest::mouseClick(find<QPushButton>("cancel"), Qt::LeftButton);
  EXPECT_LT(clock.elapsed(), 100);
  EXPECT_EQ(words->text(), "Cancelling…");
  ASSERT_TRUE(wait_for([&] { return !studio_->analysis()->is_running(); }));
  EXPECT_TRUE(ended);
  EXPECT_TRUE(window_->message_bar()->text().contains("cancelled"));
  EXPECT_TRUE(find<QPushButton>("analyse")->isEnabled());
}

TEST_F(StudioTest, SaysWhyAnAnalysisFailed) {
  make_window([](const workflows::AnalyzeRequest&, const OnCase&,
                 const imaging::JobContext&) -> workflows::RunSummary {
    throw imaging::Error(imaging::ErrorCode::not_brightfield, "Painted refusal of painted.png.");
  });
  open(slide_path_);
  studio_->set_scale("pixels");
  ASSERT_TRUE(wait_for([&] { return find<QPushButton>("analyse")->isEnabled(); }));
  QTest::mouseClick(find<QPushButton>("analyse"), Qt::LeftButton);
  EXPECT_TRUE(wait_for([&] { return window_->message_bar()->text() == "Painted refusal of painted.png."; }));
}

TEST_F(StudioTest, EveryControlHasANameForTestsAndForReaders) {
  make_window();
  open(slide_path_);
  for (auto* widget : window_->findChildren<QWidget*>()) {
    const bool is_control = qobject_cast<QAbstractButton*>(widget) || qobject_cast<QComboBox*>(widget) ||
                            qobject_cast<QAbstractSlider*>(widget);
    if (!is_control || widget->objectName().startsWith("qt_")) continue;
    if (qobject_cast<QScrollBar*>(widget) || widget->parentWidget()->objectName() == "tool_bar") continue;
    EXPECT_FALSE(widget->objectName().isEmpty()) << widget->metaObject()->className();
    const auto* button = qobject_cast<QAbstractButton*>(widget);
    EXPECT_FALSE(widget->accessibleName().isEmpty() && (!button || button->text().isEmpty()))
        << widget->objectName().toStdString();
    EXPECT_FALSE(widget->toolTip().isEmpty()) << widget->objectName().toStdString();
  }
}

TEST(AnalyzeRequestTest, SetsNothingButWhatTheCommandLineSets) {
  const auto request = viewmodels::make_request("/slides/a.svs", "model", "/out", "0.5");
  const workflows::AnalyzeRequest defaults;

  EXPECT_EQ(request.inputs.inputs, std::vector<std::string>{"/slides/a.svs"});
  EXPECT_EQ(request.inputs.mpp, "0.5");
  const auto expect_same = [](const auto& made, const auto& plain) {
    EXPECT_EQ(imaging::options_to_json(made), imaging::options_to_json(plain));
  };
  expect_same(request.options, defaults.options);
  expect_same(request.tissue, defaults.tissue);
  expect_same(request.runtime, defaults.runtime);
}

TEST_F(StudioTest, OpensARealSlide) {
  TESSERA_NEED_DATA(slide, "wsi/CMU-1-Small-Region.svs");
  make_window();
  open(slide);
  EXPECT_TRUE(find<QLabel>("slide_facts")->text().contains("0.499"));
  QTest::keyClick(view(), Qt::Key_1);
  EXPECT_TRUE(wait_for([&] { return view()->is_complete(); }));
}

TEST_F(StudioTest, OpensTheDamagedMiraxSlideAndDrawsItsBadLevelsFromTheGoodOnes) {
  TESSERA_NEED_DATA(slide, "wsi/Mirax2-Fluorescence-2.mrxs");
  make_window();
  open(slide);
  const auto overview = studio_->current()->overview;
  ASSERT_FALSE(overview.isNull());
  // Somewhere that is scanned: the brightest place of the overview that is not the white outside.
  QPoint brightest;
  int best = -1;
  for (int y = 0; y < overview.height(); ++y) {
    for (int x = 0; x < overview.width(); ++x) {
      const auto value = qGray(overview.pixel(x, y));
      if (value > best && value < 250) {
        best = value;
        brightest = {x, y};
      }
    }
  }
  const auto step = static_cast<double>(studio_->current()->size_l0().width) / overview.width();
  view()->go_to({brightest.x() * step - 200, brightest.y() * step - 200, 400, 400});
  ASSERT_TRUE(wait_for([&] { return view()->is_complete(); }));
  EXPECT_GT(studio_->cache().counters().damaged, 0);
  EXPECT_NE(colour_at_l0({brightest.x() * step, brightest.y() * step}), kCanvas);
}

}  // namespace
}  // namespace gui
