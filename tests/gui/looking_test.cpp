#include <QAbstractButton>
#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QDockWidget>
#include <QElapsedTimer>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QMessageBox>
#include <QNativeGestureEvent>
#include <QPlainTextEdit>
#include <QPointingDevice>
#include <QSettings>
#include <QSlider>
#include <QTest>

#include "app/gui/look_area.h"
#include "app/gui/main_window.h"
#include "imaging/annotation/annotation_files.h"
#include "imaging/base/csv.h"
#include "imaging/base/files.h"
#include "imaging/phantom/slide_phantom.h"
#include "imaging/raster/png.h"
#include "imaging/slide/reader_table.h"
#include "tests/gui/painted_case.h"
#include "tests/gui/reference_picture.h"
#include "tests/support/test_support.h"

namespace gui {
namespace {

namespace fs = std::filesystem;
using viewmodels::Tool;

constexpr int kPatience = 20000;  // ms until a test gives up; passing tests wait for none of it

class LookingTest : public testing::Test {
 protected:
  LookingTest() {
    ensure_application();
    QSettings::setPath(QSettings::IniFormat, QSettings::UserScope,
                       QString::fromStdString((folder_ / "config").string()));
    slide_path_ = folder_ / "painted.png";
    imaging::write_png(slide_path_, painted_image());
  }

  void make_window(viewmodels::AnalyzeJob analyze = {}) {
    window_.reset();  // a window must not outlive its studio
    studio_ = std::make_unique<viewmodels::Studio>(viewmodels::StudioServices{
        [] {
          return std::vector<viewmodels::ModelChoice>{{"painted model", "for tests", "painted"}};
        },
        std::move(analyze)});
    window_ = std::make_unique<MainWindow>(studio_.get());
    window_->resize(1200, 800);
    window_->set_asks_for_scale(false);
    window_->show();
    ASSERT_TRUE(QTest::qWaitForWindowExposed(window_.get()));
  }
  void open(const fs::path& path, const char* mpp = "0.5") {
    studio_->open_files({QString::fromStdString(path.string())});
    ASSERT_TRUE(wait_for([&] {
      return studio_->current() && studio_->current()->path() == path && view()->is_complete() &&
             studio_->annotations()->is_loaded();
    }));
    if (mpp != nullptr) studio_->set_scale(mpp);
  }

  template <typename Widget = QWidget>
  Widget* find(const char* name) {
    auto* widget = window_->findChild<Widget*>(name);
    EXPECT_NE(widget, nullptr) << name;
    return widget;
  }
  void trigger(const char* name) { find<QAction>(name)->trigger(); }
  void click(const char* name) { find<QAbstractButton>(name)->click(); }
  SlideView* view() { return window_->slide_view(); }
  viewmodels::AnnotationDocument* document() { return studio_->annotations(); }
  bool wait_for(const std::function<bool()>& condition) { return QTest::qWaitFor(condition, kPatience); }
  QPoint place_of(imaging::PointD l0) {
    const auto place = view()->view().to_view(l0);
    return {static_cast<int>(std::lround(place.x)), static_cast<int>(std::lround(place.y))};
  }
  void drag(imaging::PointD from, imaging::PointD to) {
    QTest::mousePress(view(), Qt::LeftButton, {}, place_of(from));
    QTest::mouseMove(view(), place_of({(from.x + to.x) / 2, (from.y + to.y) / 2}));
    QTest::mouseMove(view(), place_of(to));
    QTest::mouseRelease(view(), Qt::LeftButton, {}, place_of(to));
  }
  QColor colour_at_l0(imaging::PointD l0) { return view()->grab().toImage().pixelColor(place_of(l0)); }
  const imaging::Annotation& item(int row) { return *document()->items()[static_cast<std::size_t>(row)]; }

  support::TemporaryFolder folder_;
  fs::path slide_path_;
  std::unique_ptr<viewmodels::Studio> studio_;
  std::unique_ptr<MainWindow> window_;
};

TEST_F(LookingTest, DrawsEveryKindOfAnnotationWhereItIsDrawn) {
  make_window();
  open(slide_path_);
  trigger("action_annotations");
  find<QComboBox>("annotation_class")->setCurrentText("Tumour");
  find<QComboBox>("annotation_class")->setFocus();
  QTest::keyClick(find<QComboBox>("annotation_class")->lineEdit(), Qt::Key_Return);

  click("tool_rectangle");
  drag({200, 200}, {400, 300});
  QTest::keyClick(view(), Qt::Key_E);
  drag({500, 800}, {700, 1000});
  QTest::keyClick(view(), Qt::Key_P);
  for (const auto corner : {imaging::PointD{900, 800}, {1100, 800}, {1000, 1000}})
    QTest::mouseClick(view(), Qt::LeftButton, {}, place_of(corner));
  QTest::keyClick(view(), Qt::Key_Return);
  QTest::keyClick(view(), Qt::Key_D);
  drag({1200, 200}, {1400, 500});
  QTest::keyClick(view(), Qt::Key_Period);
  QTest::mouseClick(view(), Qt::LeftButton, {}, place_of({100, 1000}));
  QTest::keyClick(view(), Qt::Key_L);
  drag({100, 100}, {400, 100});

  ASSERT_EQ(document()->rowCount(), 6);
  const auto pixel = 1 / view()->view().scale();
  EXPECT_TRUE(imaging::is_rectangle(item(0).geometry));
  const auto box = imaging::bounds_of(item(0).geometry);
  EXPECT_NEAR(box.x, 200, pixel);
  EXPECT_NEAR(box.bottom(), 300, pixel);
  EXPECT_EQ(item(0).class_name, "Tumour");
  EXPECT_TRUE(item(1).geometry.is_ellipse);
  EXPECT_EQ(item(2).geometry.parts[0][0].size(), 3U);
  EXPECT_GE(item(3).geometry.parts[0][0].size(), 3U);
  EXPECT_EQ(item(4).geometry.kind, imaging::GeometryKind::points);
  EXPECT_EQ(item(5).geometry.kind, imaging::GeometryKind::lines);
  EXPECT_NEAR(imaging::length_of(item(5).geometry, {0.5, 0.5}), 150, pixel) << "µm";
  EXPECT_TRUE(find<QLabel>("annotation_measure")->text().contains("µm"));
  EXPECT_EQ(find<QListView>("annotation_list")->model()->rowCount(), 6);
  EXPECT_NE(colour_at_l0({300, 250}), QColor(255, 255, 255)) << "filled";
  click("annotations_fill");
  EXPECT_EQ(colour_at_l0({300, 250}), QColor(255, 255, 255));
}

TEST_F(LookingTest, UndoesRedoesAndKeepsAllOnTheDiskWithinTwoSeconds) {
  make_window();
  open(slide_path_);
  studio_->editor()->set_tool(Tool::rectangle);
  drag({200, 200}, {400, 300});
  QElapsedTimer clock;
  clock.start();
  ASSERT_TRUE(wait_for([&] { return document()->is_settled(); }));
  EXPECT_LT(clock.elapsed(), 2000);
  const auto file = document()->file();
  EXPECT_EQ(imaging::read_annotations(file).items.size(), 1U) << "as a kill would leave it";

  trigger("action_undo");
  EXPECT_EQ(document()->rowCount(), 0);
  EXPECT_FALSE(find<QAction>("action_undo")->isEnabled());
  trigger("action_redo");
  ASSERT_EQ(document()->rowCount(), 1);
  document()->select(0);
  find<QLineEdit>("annotation_name")->setFocus();
  find<QLineEdit>("annotation_name")->setText("first");
  QTest::keyClick(find<QLineEdit>("annotation_name"), Qt::Key_Return);
  EXPECT_EQ(item(0).name, "first");
  trigger("action_undo");
  EXPECT_EQ(item(0).name, "");
  trigger("action_redo");
  const auto before = item(0);

  make_window();  // what was not written yet is written at the end
  open(slide_path_);
  ASSERT_EQ(document()->rowCount(), 1);
  EXPECT_EQ(item(0), before);
}

TEST_F(LookingTest, MovesReshapesLocksAndDeletes) {
  make_window();
  open(slide_path_);
  studio_->editor()->set_tool(Tool::rectangle);
  drag({200, 200}, {400, 300});
  QTest::keyClick(view(), Qt::Key_S);
  drag({300, 250}, {400, 350});
  auto box = imaging::bounds_of(item(0).geometry);
  const auto pixel = 2 / view()->view().scale();
  EXPECT_NEAR(box.x, 300, pixel);
  EXPECT_NEAR(box.y, 300, pixel);
  drag({box.right(), box.bottom()}, {box.right() + 100, box.bottom() + 50});
  EXPECT_NEAR(imaging::bounds_of(item(0).geometry).width, box.width + 100, pixel);
  EXPECT_TRUE(imaging::is_rectangle(item(0).geometry));

  find<QAbstractButton>("annotation_locked")->click();
  QTest::keyClick(view(), Qt::Key_Delete);
  ASSERT_EQ(document()->rowCount(), 1) << "locked";
  find<QAbstractButton>("annotation_locked")->click();
  QTest::keyClick(view(), Qt::Key_Delete);
  EXPECT_EQ(document()->rowCount(), 0);
  trigger("action_undo");
  EXPECT_EQ(document()->rowCount(), 1);
  QTest::keyClick(view(), Qt::Key_Escape);
  EXPECT_EQ(studio_->editor()->tool(), Tool::pan);
}

TEST_F(LookingTest, AsksBeforeItTakesAnnotationsOfAnotherSlide) {
  make_window();
  open(slide_path_);
  imaging::write_file(folder_ / "far.geojson", R"([{"geometry":{"type":"Point","coordinates":[90000,5]}}])");
  imaging::write_file(folder_ / "here.geojson", R"([{"geometry":{"type":"Point","coordinates":[90,5]}}])");
  imaging::write_file(folder_ / "bad.geojson", "{");
  document()->import_file(folder_ / "far.geojson");
  ASSERT_TRUE(wait_for([&] { return window_->findChild<QMessageBox*>("foreign_box") != nullptr; }));
  EXPECT_EQ(document()->rowCount(), 0);
  window_->findChild<QMessageBox*>("foreign_box")->findChild<QAbstractButton*>("foreign_take")->click();
  EXPECT_EQ(document()->rowCount(), 1);
  document()->import_file(folder_ / "here.geojson");
  ASSERT_TRUE(wait_for([&] { return document()->rowCount() == 2; }));
  document()->import_file(folder_ / "bad.geojson");
  EXPECT_TRUE(wait_for([&] { return window_->message_bar()->text().contains("bad.geojson"); }));
  trigger("action_undo");
  EXPECT_EQ(document()->rowCount(), 1);
}

TEST_F(LookingTest, NeverOverwritesWhatAnotherProgramWroteNorAnotherSlidesFile) {
  make_window();
  open(slide_path_);
  studio_->editor()->set_tool(Tool::rectangle);
  drag({200, 200}, {400, 300});
  ASSERT_TRUE(wait_for([&] { return document()->is_settled(); }));
  const auto file = document()->file();
  imaging::write_file(file, R"({"features":[]} )");
  drag({600, 200}, {800, 300});
  ASSERT_TRUE(wait_for([&] { return document()->is_settled() && document()->file() != file; }));
  EXPECT_EQ(imaging::read_file(file), R"({"features":[]} )");
  EXPECT_EQ(imaging::read_annotations(document()->file()).items.size(), 2U);
  EXPECT_TRUE(window_->message_bar()->text().contains("Another program"));

  window_.reset();
  studio_.reset();
  const auto foreign = R"({"tessera":{"width":7,"height":9},"features":[]})";
  imaging::write_file(file, foreign);
  make_window();
  open(slide_path_);
  EXPECT_TRUE(window_->message_bar()->text().contains("another slide"));
  studio_->editor()->set_tool(Tool::rectangle);
  drag({200, 200}, {400, 300});
  ASSERT_TRUE(wait_for([&] { return document()->is_settled(); }));
  EXPECT_EQ(imaging::read_file(file), foreign);
}

TEST_F(LookingTest, ExportsAnnotationsMasksLabelsAndARegionThatKeepsItsScale) {
  make_window();
  open(slide_path_);
  studio_->editor()->set_class("Tumour", std::nullopt);
  studio_->editor()->set_tool(Tool::rectangle);
  drag({600, 300}, {1000, 700});  // the magenta square
  const auto box = imaging::bounds_of(item(0).geometry);

  document()->export_file(folder_ / "out.xml");
  ASSERT_TRUE(wait_for([&] { return fs::exists(folder_ / "out.xml"); }));
  EXPECT_EQ(imaging::read_annotations(folder_ / "out.xml").items.at(0).class_name, "Tumour");

  studio_->export_labels(folder_ / "labels",
                         {.mask_mpp = 2, .tile_mpp = 0.5, .tile_px = 100, .min_share = 0.9});
  ASSERT_TRUE(wait_for([&] { return fs::exists(folder_ / "labels/painted_tiles.csv"); }));
  const auto mask = imaging::open_slide(folder_ / "labels/painted_mask.png");
  EXPECT_EQ(mask->info().size_l0(), (imaging::SizeI{400, 300})) << "1600 x 1200 at 0.5, written at 2 µm/px";
  EXPECT_EQ(*mask->read_region(200, 125, 0, {1, 1}).pixel(0, 0), 1);
  EXPECT_EQ(*mask->read_region(20, 25, 0, {1, 1}).pixel(0, 0), 0);
  const auto tiles = imaging::read_file(folder_ / "labels/painted_tiles.csv");
  EXPECT_GE(std::count(tiles.begin(), tiles.end(), '\n'), 1 + 9);

  studio_->export_region(folder_ / "region.tif", 0);
  ASSERT_TRUE(wait_for([&] { return fs::exists(folder_ / "region.tif"); }));
  const auto region = imaging::open_slide(folder_ / "region.tif");
  EXPECT_NEAR(static_cast<double>(region->info().size_l0().width), box.width, 1);
  ASSERT_TRUE(region->info().scale);
  EXPECT_NEAR(region->info().scale->mpp_x, 0.5, 1e-3);
  EXPECT_EQ(*region->read_region(50, 50, 0, {1, 1}).pixel(0, 0), 200) << "magenta, unharmed";

  trigger("action_copy_annotation_command");
  EXPECT_TRUE(QApplication::clipboard()->text().startsWith("tessera annotations export "));
}

TEST_F(LookingTest, CopiesCommandsThatReadAndWriteAnnotationsAsTheWindowDoes) {
  make_window();
  open(slide_path_);
  studio_->editor()->set_class("Tumour", std::nullopt);
  studio_->editor()->set_tool(Tool::rectangle);
  drag({600, 300}, {1000, 700});
  document()->select(-1);
  QApplication::clipboard()->clear();
  trigger("action_copy_import_command");
  trigger("action_copy_region_command");
  EXPECT_TRUE(QApplication::clipboard()->text().isEmpty()) << "nothing was imported, no area is chosen";
  const auto run_copied = [this](const char* entry) {
    trigger(entry);
    auto command = QApplication::clipboard()->text();
    command.replace(0, 7, QString::fromStdString("'" + (support::bin_folder() / "tessera").string() + "'"));
    const auto done =
        support::run_command("cd '" + folder_.path().string() + "' && " + command.toStdString());
    EXPECT_EQ(done.exit_code, 0) << command.toStdString() << '\n' << done.err;
  };
  const auto kinds = [](const imaging::AnnotationSet& set) {
    std::vector<std::pair<std::string, imaging::RectD>> all;
    for (const auto& item : set.items) all.emplace_back(item.class_name, imaging::bounds_of(item.geometry));
    return all;
  };

  document()->select(0);
  run_copied("action_copy_region_command");
  studio_->export_region(folder_ / "region.tif", 0);
  ASSERT_TRUE(wait_for([&] { return fs::exists(folder_ / "region.tif"); }));
  EXPECT_EQ(imaging::read_file(folder_ / "painted-region.tif"), imaging::read_file(folder_ / "region.tif"));

  run_copied("action_copy_annotation_command");
  studio_->export_labels(folder_ / "by window", {});
  ASSERT_TRUE(wait_for([&] { return fs::exists(folder_ / "by window/painted_tiles.csv"); }));
  for (const auto* file : {"painted_mask.png", "painted_classes.csv", "painted_tiles.csv"})
    EXPECT_EQ(imaging::read_file(folder_ / "labels" / file), imaging::read_file(folder_ / "by window" / file))
        << file;

  run_copied("action_copy_export_command");
  EXPECT_EQ(kinds(imaging::read_annotations(folder_ / "painted.xml")), kinds(document()->to_set()));

  // A mask, which only the size of the slide puts into its place; the command does not lose what is there.
  imaging::Image8 mask(160, 120, 1);
  for (int y = 10; y < 40; ++y)
    for (int x = 20; x < 70; ++x) *mask.pixel(x, y) = 2;
  imaging::write_png(folder_ / "mask.png", mask);
  const auto before = imaging::read_file(document()->file());
  document()->import_file(folder_ / "mask.png");
  ASSERT_TRUE(wait_for([&] { return document()->rowCount() == 2 && document()->is_settled(); }));
  const auto by_window = kinds(imaging::read_annotations(document()->file()));
  EXPECT_DOUBLE_EQ(by_window.at(1).second.x, 200);
  imaging::write_file(document()->file(), before);
  run_copied("action_copy_import_command");
  EXPECT_EQ(kinds(imaging::read_annotations(document()->file())), by_window);
}

TEST_F(LookingTest, AnalysesOnlyInsideTheAnnotationsWhenAsked) {
  workflows::InsideOptions seen;
  make_window([&seen](const workflows::AnalyzeRequest& request, const auto&, const imaging::JobContext&) {
    seen = request.inside;
    workflows::RunSummary summary;
    summary.out = request.out;
    return summary;
  });
  open(slide_path_);
  ASSERT_TRUE(wait_for([&] { return studio_->has_listed_models(); }));
  find<QAbstractButton>("analyse_inside")->click();
  EXPECT_TRUE(studio_->analyse_hindrance().contains("area"));
  studio_->editor()->set_tool(Tool::rectangle);
  drag({600, 300}, {1000, 700});
  EXPECT_TRUE(studio_->analyse_hindrance().isEmpty());
  studio_->set_chosen_model("painted", std::nullopt);
  EXPECT_TRUE(studio_->analyse_command().contains("--inside ")) << studio_->analyse_command().toStdString();
  studio_->analyse("painted");
  ASSERT_TRUE(wait_for([&] { return !studio_->analysis()->is_running(); }));
  ASSERT_TRUE(seen.inside);
  EXPECT_EQ(imaging::read_annotations(*seen.inside).items.size(), 1U);
  find<QAbstractButton>("analyse_inside")->click();
  studio_->analyse("painted");
  ASSERT_TRUE(wait_for([&] { return !studio_->analysis()->is_running(); }));
  EXPECT_FALSE(seen.inside);
}

TEST_F(LookingTest, TurnsMirrorsAndMagnifies) {
  make_window();
  open(slide_path_);
  QTest::keyClick(view(), Qt::Key_BracketRight);
  ASSERT_TRUE(wait_for([&] { return view()->is_complete(); }));
  EXPECT_EQ(colour_at_l0({800, 500}), QColor(200, 40, 160));
  EXPECT_EQ(colour_at_l0({300, 500}), QColor(255, 255, 255));
  EXPECT_GT(place_of({800, 0}).x(), place_of({800, 1200}).x()) << "the top is on the right";
  QTest::keyClick(view(), Qt::Key_F);
  EXPECT_EQ(colour_at_l0({800, 500}), QColor(200, 40, 160));
  EXPECT_EQ(colour_at_l0({1540, 1150}), QColor(30, 60, 200));
  studio_->display()->set_brightness(0.1);  // by way of the buffer
  EXPECT_NEAR(colour_at_l0({1540, 1150}).red(), 55.5, 1);
  EXPECT_NEAR(colour_at_l0({1540, 1150}).blue(), 225.5, 1);
  EXPECT_EQ(colour_at_l0({300, 500}), QColor(255, 255, 255));
  studio_->display()->reset();
  trigger("action_upright");
  EXPECT_FALSE(view()->view().is_turned());

  QTest::keyClick(view(), Qt::Key_5);  // 10x: 1 µm a screen pixel; the slide has 0.5
  EXPECT_DOUBLE_EQ(view()->view().scale() * view()->devicePixelRatioF(), 0.5);
  trigger("action_magnification_40");
  EXPECT_DOUBLE_EQ(view()->view().scale() * view()->devicePixelRatioF(), 2);
  studio_->set_scale("pixels");
  QTest::keyClick(view(), Qt::Key_5);
  EXPECT_DOUBLE_EQ(view()->view().scale() * view()->devicePixelRatioF(), 2);
  EXPECT_TRUE(window_->message_bar()->text().contains("scale"));
}

TEST_F(LookingTest, GlidesAfterAThrowAndZoomsByPinch) {
  make_window();
  open(slide_path_);
  QTest::keyClick(view(), Qt::Key_1);
  QTest::mousePress(view(), Qt::LeftButton, {}, {600, 400});
  for (int i = 1; i <= 6; ++i) {
    QTest::qWait(8);
    QTest::mouseMove(view(), {600 - 10 * i, 400});
  }
  QTest::mouseRelease(view(), Qt::LeftButton, {}, {540, 400});
  const auto released = view()->view().centre_l0().x;
  ASSERT_TRUE(wait_for([&] { return view()->is_complete(); }));
  EXPECT_GT(view()->view().centre_l0().x, released + 20);

  const auto before = view()->view();
  const auto l0 = before.to_l0({300, 200});
  QNativeGestureEvent pinch(Qt::ZoomNativeGesture, QPointingDevice::primaryPointingDevice(), 2, {300, 200},
                            {300, 200}, view()->mapToGlobal(QPointF(300, 200)), 0.25, {});
  QApplication::sendEvent(view(), &pinch);
  EXPECT_DOUBLE_EQ(view()->view().scale(), before.scale() * 1.25);
  EXPECT_NEAR(view()->view().to_l0({300, 200}).x, l0.x, 1e-6);
}

TEST_F(LookingTest, ShowsTheCrosshairAndCopiesThePicture) {
  make_window();
  open(slide_path_);
  const auto plain = view()->grab().toImage();
  QTest::keyClick(view(), Qt::Key_C);
  EXPECT_TRUE(find<QAction>("action_crosshair")->isChecked());
  QTest::mouseMove(view(), {200, 300});
  EXPECT_NE(view()->grab().toImage().pixelColor(500, 300), plain.pixelColor(500, 300));
  QTest::keyClick(view(), Qt::Key_C);

  const auto size = view()->size() * view()->devicePixelRatioF();
  const auto place = place_of({800, 500});
  trigger("action_copy_view");
  const auto copied = QApplication::clipboard()->image();
  EXPECT_EQ(copied.size(), size);
  EXPECT_EQ(copied.pixelColor(place), QColor(200, 40, 160));
}

TEST_F(LookingTest, ShowsStainsAndRedFreeAsDisplayOnly) {
  make_window();
  open(slide_path_);
  trigger("action_display");
  auto* channel = find<QComboBox>("display_channel");
  channel->setCurrentIndex(4);
  Q_EMIT channel->activated(4);
  EXPECT_EQ(colour_at_l0({800, 500}), QColor(40, 40, 40)) << "green as grey";
  channel->setCurrentIndex(2);
  Q_EMIT channel->activated(2);
  const auto eosin = colour_at_l0({800, 500});
  EXPECT_GT(eosin.red(), eosin.green()) << "pink";
  EXPECT_EQ(colour_at_l0({300, 500}), QColor(255, 255, 255)) << "glass stays white";
  find<QSlider>("display_contrast")->setValue(50);
  EXPECT_GT(studio_->display()->contrast(), 1.5);
  click("display_reset");
  EXPECT_TRUE(studio_->display()->is_plain());
  EXPECT_EQ(colour_at_l0({800, 500}), QColor(200, 40, 160));
}

TEST_F(LookingTest, LinkedViewsMoveTogetherAndEachKeepsItsSlide) {
  make_window();
  open(slide_path_);
  const auto other = folder_ / "other.png";
  auto image = painted_image();
  std::fill(image.values().begin(), image.values().end(), 90);
  imaging::write_png(other, image);
  studio_->open_files({QString::fromStdString(other.string())});
  ASSERT_TRUE(wait_for([&] { return studio_->current() && studio_->current()->path() == other; }));
  studio_->set_scale("0.25");
  auto* grid = window_->view_grid();
  trigger("action_views_2");
  ASSERT_EQ(grid->views().size(), 2U);
  auto* left = grid->views()[0];
  auto* right = grid->views()[1];
  EXPECT_EQ(left->slide()->path(), other);
  EXPECT_EQ(right->slide()->path(), slide_path_);
  ASSERT_TRUE(wait_for([&] { return right->width() > 200 && right->width() == left->width(); }));

  const auto right_before = right->view();
  const auto left_before = left->view();
  left->set_scale(left_before.scale() * 3);
  EXPECT_NEAR(right->view().scale() / right_before.scale(), 3, 1e-9);
  const auto from = right->view().centre_l0();
  QTest::mousePress(left, Qt::LeftButton, {}, {100, 100});
  QTest::mouseMove(left, {160, 100});
  QTest::mouseRelease(left, Qt::LeftButton, {}, {160, 100});
  const auto moved_um = 60 / left->view().scale() * 0.25;
  EXPECT_NEAR((from.x - right->view().centre_l0().x) * 0.5, moved_um, 1e-6) << "the same µm on both";

  trigger("action_link");
  const auto kept = right->view().scale();
  left->set_scale(1);
  EXPECT_EQ(right->view().scale(), kept);

  QTest::mousePress(right, Qt::LeftButton, {}, {100, 100});
  QTest::mouseRelease(right, Qt::LeftButton, {}, {100, 100});
  EXPECT_EQ(grid->active(), right);
  EXPECT_EQ(studio_->current()->path(), slide_path_);
  studio_->close_slide(studio_->current_row());
  EXPECT_EQ(right->slide()->path(), other) << "a closed slide is shown nowhere";
  trigger("action_views_4");
  EXPECT_EQ(grid->views().size(), 4U);
  trigger("action_views_1");
  EXPECT_EQ(grid->views().size(), 1U);
}

TEST_F(LookingTest, HeatmapTellsTilesOutlinesThemAndListsTheLowest) {
  write_case(viewmodels::output_folder(slide_path_, std::nullopt), "painted", slide_path_);
  make_window();
  open(slide_path_);
  ASSERT_TRUE(wait_for([&] { return studio_->result() && view()->is_complete(); }));
  auto* heatmap = studio_->heatmap();
  EXPECT_EQ(heatmap->tile_at({450, 450}), (imaging::RectD{400, 400, 400, 400}));
  EXPECT_FALSE(heatmap->tile_at({5000, 450}));
  EXPECT_EQ(heatmap->tiles_in({0, 0, 500, 100}).size(), 2U);

  heatmap->set_opacity(0);
  const auto plain = view()->grab().toImage();
  QTest::keyClick(view(), Qt::Key_G);
  EXPECT_NE(view()->grab().toImage(), plain) << "outlines of tiles";

  auto* order = find<QComboBox>("gallery_order");
  order->setCurrentIndex(1);
  Q_EMIT order->activated(1);
  ASSERT_TRUE(wait_for([&] { return studio_->top_tiles()->items().size() == 12U; }));
  EXPECT_FLOAT_EQ(studio_->top_tiles()->items()[0].score, 0.1F);
  EXPECT_EQ(studio_->top_tiles()->items()[0].rect_l0, (imaging::RectD{0, 0, 400, 400}));
  order->setCurrentIndex(0);
  Q_EMIT order->activated(0);
  EXPECT_FLOAT_EQ(studio_->top_tiles()->items()[0].score, 0.9F);
}

TEST_F(LookingTest, LooksAsItDidWhenAPersonLookedAtIt) {
  const auto phantom = folder_ / "phantom.tiff";
  imaging::write_slide_phantom(
      phantom,
      {.width = 1600, .height = 1200, .mpp = 2, .seed = 7, .domain = "hospital-b", .tumour_fraction = 0.2},
      {}, 2);
  write_case(viewmodels::output_folder(phantom, std::nullopt), "phantom", phantom);
  make_window();
  open(phantom, nullptr);
  ASSERT_TRUE(wait_for([&] { return studio_->result() && view()->is_complete(); }));
  view()->set_map_shown(false);
  const auto settle = [this] {
    ASSERT_TRUE(wait_for(
        [&] { return std::ranges::all_of(window_->view_grid()->views(), &SlideView::is_complete); }));
  };
  document()->import_file(folder_ / "phantom.geojson");
  ASSERT_TRUE(wait_for([&] { return document()->rowCount() > 2; }));
  document()->select(1);
  studio_->editor()->set_tool(Tool::select);
  studio_->heatmap()->set_opacity(0.3);
  settle();
  expect_as_before(view()->picture(), "annotations");

  studio_->heatmap()->set_shown(false);
  document()->select(-1);
  studio_->set_annotations_filled(false);
  view()->set_turn(30, true);
  studio_->display()->set_channel(viewmodels::Display::Channel::haematoxylin);
  settle();
  expect_as_before(view()->picture(), "turned_haematoxylin");

  studio_->display()->reset();
  studio_->set_annotations_shown(false);
  view()->set_turn(0, false);
  view()->fit();
  window_->view_grid()->set_count(4);
  QTest::qWait(50);
  view()->set_magnification(2);
  settle();
  expect_as_before(window_->view_grid()->grab().toImage(), "four_linked");
}

TEST_F(LookingTest, IsRightOnAScreenOfTwicePixels) {
  const auto output =
      support::run_command("QT_SCALE_FACTOR=2 '" + fs::read_symlink("/proc/self/exe").string() +
                           "' --gtest_also_run_disabled_tests "
                           "--gtest_filter=LookingTest.DISABLED_OnAScreenOfTwicePixels");
  EXPECT_EQ(output.exit_code, 0) << output.out;
}

TEST_F(LookingTest, DISABLED_OnAScreenOfTwicePixels) {
  write_case(viewmodels::output_folder(slide_path_, std::nullopt), "painted", slide_path_);
  make_window();
  open(slide_path_);
  ASSERT_EQ(view()->devicePixelRatioF(), 2);
  ASSERT_TRUE(wait_for([&] { return studio_->result() && view()->is_complete(); }));
  studio_->heatmap()->set_shown(false);
  const auto shown = view()->grab().toImage();
  EXPECT_EQ(shown.size(), view()->size() * 2);
  const auto colour = [&](imaging::PointD l0) {
    const auto place = view()->view().to_view(l0);
    return view()->grab().toImage().pixelColor(static_cast<int>(2 * place.x), static_cast<int>(2 * place.y));
  };
  EXPECT_EQ(colour({800, 500}), QColor(200, 40, 160));
  QTest::keyClick(view(), Qt::Key_1);
  ASSERT_TRUE(wait_for([&] { return view()->is_complete(); }));
  EXPECT_DOUBLE_EQ(view()->view().scale(), 0.5) << "one slide pixel on one pixel of the screen";
  view()->look_at({600, 300}, 0.5);
  ASSERT_TRUE(wait_for([&] { return view()->is_complete(); }));
  EXPECT_EQ(colour({601, 301}), QColor(200, 40, 160)) << "sharp to the pixel";
  EXPECT_EQ(colour({598, 301}), QColor(255, 255, 255));
  studio_->heatmap()->set_shown(true);
  studio_->heatmap()->set_opacity(1);
  ASSERT_TRUE(wait_for([&] { return view()->is_complete(); }));
  EXPECT_EQ(colour({405, 405}), colour({795, 795})) << "the tile's colour reaches to its edges";
  EXPECT_NE(colour({395, 405}), colour({405, 405}));
  EXPECT_EQ(view()->picture().size(), view()->size() * 2);
}

TEST_F(LookingTest, LivesOnWhenTheFileVanishes) {
  make_window();
  open(slide_path_);
  fs::remove(slide_path_);
  studio_->editor()->set_tool(Tool::rectangle);
  drag({600, 300}, {1000, 700});
  ASSERT_TRUE(wait_for([&] { return document()->is_settled(); }));
  QTest::keyClick(view(), Qt::Key_1);
  QTest::qWait(50);
  EXPECT_EQ(document()->rowCount(), 1);
}

}  // namespace
}  // namespace gui
