#include <QAbstractButton>
#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QDialog>
#include <QElapsedTimer>
#include <QLabel>
#include <QListView>
#include <QMessageBox>
#include <QSlider>
#include <QSpinBox>
#include <QTableView>
#include <QTest>
#include <QTextBrowser>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "app/gui/studio_services.h"
#include "app/workflows/segment_finding.h"
#include "imaging/annotation/annotation_files.h"
#include "imaging/base/files.h"
#include "imaging/base/json_text.h"
#include "imaging/base/random.h"
#include "imaging/raster/png.h"
#include "models/segmentation/segmenter.h"
#include "tests/gui/painted_case.h"
#include "tests/gui/reference_picture.h"
#include "tests/gui/window_fixture.h"
#include "tests/integration/command_fixture.h"

namespace gui {
namespace {

namespace fs = std::filesystem;
using OnCase = std::function<void(const workflows::RunRow&)>;
using viewmodels::MaskOverlay;

const QColor kWhite(255, 255, 255), kMagenta(200, 40, 160);
const QColor kDisc(86, 180, 233), kCup(240, 228, 66);  // imaging::class_colour

/// Masks over a picture: painted cases of painted models.
class MaskTest : public WindowFixture {
 protected:
  MaskTest() : picture_(images_ / "painted.png") { imaging::write_png(picture_, painted_image()); }

  /// A window whose segmenter writes painted masks and keeps what it was asked for.
  void make_painting_window(viewmodels::AdaptJob adapt = {}) {
    make_window(
        {[] {
           return std::vector<viewmodels::ModelChoice>{
               {"painted model", "for tests", "painted"},
               {"painted segmenter", "for tests", "segmenter", false, true}};
         },
         [this](const workflows::AnalyzeRequest& request, const OnCase& on_case, const imaging::JobContext&) {
           asked_.push_back(request);
           const fs::path file = request.inputs.inputs.front();
           workflows::RunRow row{
               .file = file.filename().string(), .case_name = file.stem().string(), .status = "done"};
           if (request.model == "painted") {
             write_case(request.out, row.case_name, file);
           } else {
             write_mask_case(request.out, row.case_name, file);
           }
           row.result = workflows::CaseFolder{request.out / "cases" / row.case_name}.read_result();
           on_case(row);
           return workflows::RunSummary{request.out, {row}};
         },
         std::move(adapt)});
  }
  void open_with_masks() {
    write_mask_case(viewmodels::output_folder(picture_, std::nullopt) / "masks", "painted", picture_);
    make_painting_window();
    open(picture_);
    ASSERT_TRUE(wait_for([&] { return studio_->masks()->is_available() && view()->is_complete(); }))
        << message();
  }
  MaskOverlay* masks() { return studio_->masks(); }

  fs::path picture_;
  std::vector<workflows::AnalyzeRequest> asked_;
};

TEST_F(MaskTest, PaintsClassesAsFillsAndOutlinesWhereTheyLie) {
  open_with_masks();
  EXPECT_TRUE(find("mask_panel")->isVisible());
  find<QSlider>("mask_opacity")->setValue(100);
  choose("mask_style_1", 2);
  choose("mask_style_2", 2);
  EXPECT_EQ(colour_at_l0({450, 250}), kDisc);
  EXPECT_EQ(colour_at_l0({600, 400}), kCup);
  EXPECT_EQ(colour_at_l0({300, 250}), kWhite);

  click("mask_class_2");
  EXPECT_EQ(colour_at_l0({625, 420}), kMagenta) << "hidden";
  EXPECT_EQ(colour_at_l0({450, 250}), kDisc);
  click("mask_class_2");
  masks()->set_class_colour(1, QColor(10, 20, 30));
  EXPECT_EQ(colour_at_l0({600, 400}), QColor(10, 20, 30));

  choose("mask_style_1", 1);
  EXPECT_EQ(colour_at_l0({450, 250}), kWhite) << "an outline leaves the inside free";
  EXPECT_EQ(colour_at_l0({401, 400}), kDisc);
  // Close by, edges are lines along the pixels of the mask.
  view()->look_at({400, 400}, 4);
  ASSERT_TRUE(wait_for([&] { return view()->is_complete(); }));
  EXPECT_EQ(colour_at_l0({400, 400}), kDisc);
  EXPECT_EQ(colour_at_l0({401, 400}), kWhite);
  view()->set_turn(90, true);
  ASSERT_TRUE(wait_for([&] { return view()->is_complete(); }));
  EXPECT_EQ(colour_at_l0({400, 420}), kDisc) << "turned and mirrored with the slide";
  EXPECT_EQ(colour_at_l0({403, 420}), kWhite);
  view()->set_turn(0, false);

  QTest::keyClick(view(), Qt::Key_K);
  EXPECT_EQ(colour_at_l0({400, 400}), kWhite);
  EXPECT_FALSE(find<QAction>("action_masks")->isChecked());
  QTest::keyClick(view(), Qt::Key_K);
  EXPECT_EQ(masks()->class_at({600, 400}), "cup");
  EXPECT_EQ(masks()->class_at({410, 210}), "disc");
  EXPECT_EQ(masks()->class_at({100, 100}), "");
  EXPECT_EQ(masks()->class_at({-5, 100}), "");

  QStringList facts;
  for (const auto* label : find("result_panel")->findChildren<QLabel*>()) facts << label->text();
  EXPECT_TRUE(facts.contains("9600 px")) << facts.join('|').toStdString();
  EXPECT_TRUE(facts.contains("0.20"));
}

TEST_F(MaskTest, RemembersHowAClassLooksAndFollowsThePicture) {
  open_with_masks();
  masks()->set_class_shown(0, false);
  masks()->set_class_style(1, MaskOverlay::Style::outline);
  const auto other = images_ / "other.png";
  imaging::write_png(other, painted_image());
  open(other);
  EXPECT_FALSE(masks()->is_available()) << "no masks of another picture";
  EXPECT_FALSE(find("mask_panel")->isVisible());
  write_mask_case(folder_ / "out", "other", other);
  studio_->show_case_of(other, folder_ / "out/cases/other");
  ASSERT_TRUE(wait_for([&] { return masks()->is_available(); }));
  EXPECT_FALSE(masks()->classes()[0].is_shown);
  EXPECT_EQ(masks()->classes()[1].style, MaskOverlay::Style::outline);
}

TEST_F(MaskTest, AMaskTooLargeForMemoryIsPaintedFromItsOutlines) {
  make_painting_window();
  const auto folder = folder_ / "large";
  fs::create_directories(folder);
  imaging::write_file(
      folder / "regions.geojson",
      R"({"features":[{"geometry":{"type":"Polygon","coordinates":[[[10000,20000],[50000,20000],
                      [50000,40000],[10000,40000],[10000,20000]]]},
                      "properties":{"classification":{"name":"tumour"}}}]})");
  MaskOverlay overlay;
  workflows::SegmentFinding finding;
  finding.class_names = {"background", "tumour"};
  finding.mask = "mask.png";  // not even there
  finding.regions = "regions.geojson";
  finding.mask_size = {60000, 60000};
  finding.pixel_l0 = {1, 1};
  overlay.set_case(folder, finding, picture_);
  ASSERT_TRUE(wait_for([&] { return !overlay.is_working(); }));
  EXPECT_EQ(overlay.class_at({30000, 30000}), "tumour");
  EXPECT_EQ(overlay.class_at({10100, 20100}), "tumour");
  EXPECT_EQ(overlay.class_at({9900, 30000}), "");
}

TEST_F(MaskTest, ADamagedMaskIsSaidAndNothingIsPainted) {
  const auto out = viewmodels::output_folder(picture_, std::nullopt) / "masks";
  imaging::write_file(write_mask_case(out, "painted", picture_) / "mask.png", "no picture");
  make_painting_window();
  open(picture_);
  ASSERT_TRUE(wait_for([&] { return message().find("mask.png") != std::string::npos; })) << message();
  EXPECT_FALSE(masks()->is_available());
}

TEST_F(MaskTest, TheCohortShowsWhatASegmenterMeasured) {
  make_painting_window();
  open_project();
  auto* worklist = workbench_->worklist();
  worklist->add_paths({QString::fromStdString(picture_.string())});
  ASSERT_TRUE(wait_for([&] { return worklist->rowCount() == 1 && !worklist->is_looking(); })) << message();
  workflows::ModelCard card;
  card.name = "painted segmenter";
  card.task = "segmentation";
  card.path = "segmenter";
  const auto plan = workbench_->plan({}, card);
  ASSERT_EQ(plan.ids.size(), 1U) << plan.refused.front().reason.toStdString();
  workbench_->start(plan);
  auto* cohort = workbench_->cohort();
  ASSERT_TRUE(wait_for(
      [&] { return !workbench_->jobs()->is_busy() && cohort->rowCount() == 1 && !cohort->is_reading(); }));
  ASSERT_EQ(cohort->columnCount(), 7);
  EXPECT_EQ(cohort->headerData(5, Qt::Horizontal, Qt::DisplayRole).toString(), "disc, area [px]");
  EXPECT_EQ(cohort->index(0, 5).data().toString(), "9600");
  EXPECT_EQ(cohort->index(0, 6).data().toString(), "0.2");
  cohort->export_csv(folder_ / "cohort.csv", {0});
  ASSERT_TRUE(wait_for([&] { return fs::exists(folder_ / "cohort.csv"); }));
  EXPECT_THAT(imaging::read_file(folder_ / "cohort.csv"),
              testing::HasSubstr("vertical ratio cup / disc [ratio]"));
}

TEST_F(MaskTest, RunsASegmenterOnTheOpenPictureBesideItsOtherAnalysis) {
  make_painting_window();
  open(picture_);
  ASSERT_TRUE(wait_for([&] { return studio_->has_listed_models(); }));
  EXPECT_EQ(find<QComboBox>("model_chooser")->currentText(), "painted model");
  click("analyse");
  ASSERT_TRUE(wait_for([&] { return studio_->result() && !studio_->analysis()->is_running(); }));
  choose("model_chooser", 1);
  click("analyse");
  ASSERT_TRUE(wait_for([&] { return masks()->is_available(); })) << message();
  EXPECT_EQ(studio_->result()->verdict, "tumour") << "the masks lie beside it, not over it";
  EXPECT_EQ(find<QLabel>("verdict")->text(), "tumour");
  EXPECT_EQ(asked_.back().out.filename(), "masks");
  EXPECT_TRUE(studio_->analyse_command().contains("--model segmenter")) << "copied as a command";

  studio_->editor()->set_tool(viewmodels::Tool::rectangle);
  drag({600, 300}, {1000, 700});
  find<QAbstractButton>("analyse_inside")->click();
  click("analyse");
  ASSERT_TRUE(wait_for([&] { return asked_.size() == 3 && !studio_->analysis()->is_running(); }));
  ASSERT_TRUE(asked_.back().segment.region);
  const auto region = QString::fromStdString(*asked_.back().segment.region).split(',');
  ASSERT_EQ(region.size(), 4);
  EXPECT_NEAR(region[0].toDouble(), 600, 3);
  EXPECT_NEAR(region[2].toDouble(), 400, 5);
  EXPECT_TRUE(studio_->analyse_command().contains("--region ")) << studio_->analyse_command().toStdString();

  // Both are found again.
  make_painting_window();
  open(picture_);
  EXPECT_TRUE(wait_for([&] { return studio_->result() && masks()->is_available(); }));
}

/// Real segmenters with random weights and a folder of pictures.
class AdaptTest : public MaskTest {
 protected:
  AdaptTest() {
    models::SegmenterFacts facts;
    facts.class_names = {"background", "disc"};
    models::write_untrained_segmenter(folder_ / "models/little-segmenter", facts, {.widths = {4, 8}}, 3);
    fs::create_directories(folder_ / "clinic");
    for (int i = 0; i < 4; ++i) {
      imaging::Random random(static_cast<std::uint64_t>(i) + 1);
      imaging::Image8 picture(64, 48, 3);
      for (std::int64_t y = 0; y < 48; ++y) {
        for (std::int64_t x = 0; x < 64; ++x) {
          for (int c = 0; c < 3; ++c)
            picture.pixel(x, y)[c] =
                static_cast<std::uint8_t>((x / 9 + y / 7 + c) % 2 * 160 + random.index(60));
        }
      }
      imaging::write_png(folder_ / fmt::format("clinic/p{}.png", i), picture);
    }
  }
  viewmodels::Adaptation* adaptation() { return workbench_->adaptation(); }
  /// A record as adapt_segmentation gives it.
  static nlohmann::ordered_json record(const std::string& site, bool is_rolled_back) {
    return {{"site", site},
            {"strategy", "bn"},
            {"parent", {{"name", "little-segmenter"}, {"sha256", std::string(64, 'b')}}},
            {"target", {{"sha256", std::string(64, 'c')}, {"pictures", 4}}},
            {"steps", 0},
            {"source",
             {{"entropy", 0.31},
              {"class_shares", {{"background", 0.9}, {"disc", 0.1}}},
              {"mirror_consistency", 0.97}}},
            {"adapted",
             {{"entropy", 0.55},
              {"class_shares", {{"background", 0.6}, {"disc", 0.4}}},
              {"mirror_consistency", 0.93}}},
            {"agreement", 0.42},
            {"is_source_doubtful", false},
            {"tripped", is_rolled_back ? nlohmann::ordered_json{"the share of disc grew fourfold"}
                                       : nlohmann::ordered_json::array()},
            {"is_rolled_back", is_rolled_back},
            {"left_out", {"broken.png: is no picture"}}};
  }
};

TEST_F(AdaptTest, AdaptsThroughTheQueueComparesUsesAndReturns) {
  make_window(make_studio_services(std::nullopt));
  open(folder_ / "clinic/p0.png", "pixels");
  trigger("action_adapt");
  EXPECT_TRUE(find("adapt_panel")->isVisible());
  auto* models = find<QComboBox>("adapt_model");
  ASSERT_TRUE(wait_for([&] { return models->findText("little-segmenter") >= 0; }));
  choose("adapt_model", models->findText("little-segmenter"));
  EXPECT_EQ(find<QLabel>("adapt_folder")->text(), "clinic") << "the open folder";
  choose("adapt_method", find<QComboBox>("adapt_method")->findData("bn"));
  EXPECT_FALSE(find<QSpinBox>("adapt_steps")->isVisible()) << "bn takes none";
  choose("adapt_guard", 1);
  click("adapt_copy");
  const auto command = QApplication::clipboard()->text();
  click("adapt_start");
  EXPECT_EQ(workbench_->jobs()->rowCount(), 1);
  EXPECT_EQ(workbench_->jobs()->command_line(0), command);
  ASSERT_TRUE(wait_for([&] { return adaptation()->record() != nullptr; }, 120000))
      << workbench_->jobs()->at(0)->log.join('\n').toStdString();
  ASSERT_TRUE(wait_for([&] { return !workbench_->jobs()->is_busy(); }));
  EXPECT_EQ(workbench_->jobs()->at(0)->state, viewmodels::JobState::done);
  const auto record = *adaptation()->record();
  EXPECT_EQ(record.pictures, 4);
  EXPECT_FALSE(record.is_rolled_back);
  EXPECT_TRUE(fs::exists(record.package() / "manifest.json"));
  auto* figures = find<QTableView>("adapt_figures");
  EXPECT_EQ(figures->model()->rowCount(), 5);
  EXPECT_EQ(figures->model()->index(2, 1).data().toString(), "–") << "the source agrees with itself";
  EXPECT_TRUE(figures->model()->index(3, 2).data().toString().endsWith("%"));

  // The same words at the shell, but for the folder of the run, make the same package.
  auto again = command;
  const auto place = "'" + QString::fromStdString(record.run_folder.string()) + "'";
  ASSERT_TRUE(again.contains(place)) << again.toStdString();
  again.replace(place, "'" + QString::fromStdString((folder_ / "by command").string()) + "'");
  again.replace(0, 7, QString::fromStdString("'" + (support::bin_folder() / "tessera").string() + "'"));
  const auto output = support::run_command(again.toStdString());
  ASSERT_EQ(output.exit_code, 0) << again.toStdString() << output.err;
  const auto facts = [](const fs::path& file) {
    auto json = imaging::parse_json<nlohmann::ordered_json>(imaging::read_file(file), file.string());
    for (const auto* key : {"runtime", "finished"}) json.erase(key);
    return json;
  };
  EXPECT_EQ(facts(folder_ / "by command/adaptation.json"), facts(record.run_folder / "adaptation.json"));

  // Before and after, side by side.
  click("adapt_compare");
  ASSERT_TRUE(wait_for([&] { return window_->view_grid()->views().size() == 2; }, 60000)) << message();
  EXPECT_TRUE(window_->view_grid()->is_linked());
  EXPECT_TRUE(wait_for([&] {
    return adaptation()->source_masks()->is_available() && adaptation()->adapted_masks()->is_available();
  }));
  const auto compare = record.run_folder / "compare";
  EXPECT_TRUE(fs::exists(compare / "source/cases/p0/mask.png"));
  EXPECT_TRUE(fs::exists(compare / "adapted/cases/p0/mask.png"));
  trigger("action_views_1");

  click("adapt_use");
  auto* chooser = find<QComboBox>("model_chooser");
  EXPECT_TRUE(chooser->currentText().contains("adapted to clinic")) << chooser->currentText().toStdString();
  EXPECT_TRUE(adaptation()->is_in_use());
  EXPECT_FALSE(find<QAbstractButton>("adapt_use")->isEnabled());
  click("adapt_back");
  EXPECT_EQ(chooser->currentText(), "little-segmenter");
  EXPECT_FALSE(adaptation()->is_in_use());
  click("adapt_use");

  // It is offered in the next session too.
  make_window(make_studio_services(std::nullopt));
  chooser = find<QComboBox>("model_chooser");
  EXPECT_TRUE(
      wait_for([&] { return chooser->findData(QString::fromStdString(record.package().string())) >= 0; }));
}

TEST_F(AdaptTest, SaysARollbackPlainlyAndShowsEachSite) {
  make_painting_window([](const workflows::SegmentAdaptRequest& request, const imaging::JobContext&) {
    auto records = nlohmann::ordered_json::array({record("north", false), record("south", true)});
    for (const auto* site : {"north", "south"}) {
      fs::create_directories(request.out / site / "model");
      imaging::write_file(request.out / site / "config.json", R"({"schema": "tessera.adaptation-run/1"})");
      imaging::write_file(request.out / site / "model/manifest.json", "{}");
      imaging::write_file(request.out / site / "mine.txt", "not of the run");
    }
    return records;
  });
  open(picture_);
  trigger("action_adapt");
  ASSERT_TRUE(wait_for([&] { return find<QComboBox>("adapt_model")->count() > 0; }));
  adaptation()->set_model((folder_ / "models/little-segmenter").string());
  imaging::write_file(folder_ / "sites.csv", "file,site\n");
  adaptation()->set_per_site(true, folder_ / "sites.csv");
  EXPECT_TRUE(adaptation()->command_line().contains("--per-site"));
  EXPECT_TRUE(adaptation()->command_line().contains("--table"));
  adaptation()->start();
  ASSERT_TRUE(wait_for([&] { return adaptation()->records().size() == 2 && !workbench_->jobs()->is_busy(); }))
      << message();
  EXPECT_THAT(message(), testing::HasSubstr("1 of 2 sites were rolled back"));
  EXPECT_THAT(find<QLabel>("adapt_verdict")->text().toStdString(), testing::HasSubstr("No monitor tripped"));
  EXPECT_TRUE(find("adapt_site")->isVisible());
  choose("adapt_site", 1);
  EXPECT_FALSE(find("adapt_verdict")->isVisible());
  const auto words = find<QLabel>("adapt_warning")->text().toStdString();
  EXPECT_THAT(words, testing::HasSubstr("Rolled back to the source: the share of disc grew fourfold"));
  EXPECT_THAT(words, testing::HasSubstr("broken.png"));
  EXPECT_FALSE(find<QAbstractButton>("adapt_use")->isEnabled()) << "it is the source";
  window_->resize(1400, 1000);
  find("adapt_scroll")->setFixedSize(360, 640);
  adaptation()->show_record(1);
  QTest::qWait(50);
  expect_as_before(find("adapt_panel")->grab().toImage(), "adapt");

  trigger("action_models");
  auto* models = find<QDialog>("models_dialog");
  auto* list = models->findChild<QListView*>("models_list");
  for (int row = 0; row < list->model()->rowCount(); ++row) {
    if (list->model()->index(row, 0).data().toString().startsWith("little-segmenter"))
      list->setCurrentIndex(list->model()->index(row, 0));
  }
  models->findChild<QAction*>("models_copy_verify")->trigger();
  EXPECT_EQ(QApplication::clipboard()->text().toStdString(),
            "tessera model verify " + (folder_ / "models/little-segmenter").string());
  auto* card = models->findChild<QTextBrowser*>("models_card");
  EXPECT_THAT(card->toPlainText().toStdString(), testing::HasSubstr("An untrained U-Net. Research software"));
  card->setFixedSize(420, 420);
  QTest::qWait(50);
  // Above its text of fixed pitch, whose font is not the same on every machine.
  expect_as_before(card->grab({0, 0, 420, 270}).toImage(), "models");
  models->reject();

  // Asked first, then this site alone begins again.
  const auto south = adaptation()->record()->run_folder;
  click("adapt_reset");
  window_->findChild<QMessageBox*>("adapt_reset_box")->findChild<QAbstractButton*>("adapt_reset_no")->click();
  EXPECT_TRUE(fs::exists(south / "model"));
  click("adapt_reset");
  window_->findChildren<QMessageBox*>("adapt_reset_box")
      .back()
      ->findChild<QAbstractButton*>("adapt_reset_yes")
      ->click();
  ASSERT_TRUE(wait_for([&] { return adaptation()->records().size() == 1; })) << message();
  EXPECT_FALSE(fs::exists(south / "model"));
  EXPECT_FALSE(fs::exists(south / "config.json"));
  EXPECT_TRUE(fs::exists(south / "mine.txt")) << "what is not the run's stays";
  EXPECT_TRUE(fs::exists(south.parent_path() / "north/model"));
}

TEST_F(AdaptTest, TheCopiedCommandOfASegmentationMakesTheSameMasks) {
  make_window(make_studio_services(std::nullopt));
  const auto picture = folder_ / "clinic/p1.png";
  open(picture, nullptr);
  auto* chooser = find<QComboBox>("model_chooser");
  ASSERT_TRUE(wait_for([&] { return chooser->findText("little-segmenter") >= 0; }));
  choose("model_chooser", chooser->findText("little-segmenter"));
  click("analyse");
  ASSERT_TRUE(wait_for([&] { return studio_->mask_result().has_value(); }, 60000)) << message();
  const auto out = viewmodels::output_folder(picture, std::nullopt) / "masks";
  auto command = studio_->analyse_command();
  const auto place = "'" + QString::fromStdString(out.string()) + "'";
  ASSERT_TRUE(command.contains(place)) << command.toStdString();
  command.replace(place, "'" + QString::fromStdString((folder_ / "by command").string()) + "'");
  command.replace(0, 7, QString::fromStdString("'" + (support::bin_folder() / "tessera").string() + "'"));
  const auto output = support::run_command(command.toStdString());
  ASSERT_EQ(output.exit_code, 0) << command.toStdString() << output.err;
  for (const auto* file : {"result.json", "mask.png", "regions.geojson", "measurements.csv", "overlay.png"}) {
    EXPECT_EQ(imaging::read_file(folder_ / "by command/cases/p1" / file),
              imaging::read_file(out / "cases/p1" / file))
        << file;
  }
}

/// Not a check: paints pictures of the user guide into $TESSERA_PICTURES, from IDRiD, the bundled grader and
/// the vessel segmenter of the test data.
TEST_F(AdaptTest, PaintsThePicturesOfTheGuide) {
  const auto* target = std::getenv("TESSERA_PICTURES");
  if (target == nullptr) GTEST_SKIP() << "makes pictures where TESSERA_PICTURES names a folder";
  TESSERA_NEED_DATA(weights, "weights/lwnet_wnet_drive.ts.pt");
  TESSERA_NEED_DATA(photographs, "fundus_dr/idrid_fullres");
  const auto save = [&](const char* name) {
    QTest::qWait(400);
    EXPECT_TRUE(window_->grab().save(QString("%1/%2.png").arg(target, name)));
  };
  fs::remove_all(folder_ / "models/little-segmenter");
  const auto packed =
      support::run_tessera(fmt::format("model pack '{}' --name wnet-vessels --task segmentation "
                                       "--class-names background --class-names vessel --crop-to-field "
                                       "--working-size 512 --out '{}'",
                                       weights.string(), (folder_ / "models/wnet-vessels").string()));
  ASSERT_EQ(packed.exit_code, 0) << packed.err;
  const auto camera = folder_ / "new camera";
  fs::create_directories(camera);
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(photographs)) {
    if (entry.path().extension() == ".jpg") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  files.resize(std::min<std::size_t>(files.size(), 4));
  for (const auto& file : files) fs::copy_file(file, camera / file.filename());
  qunsetenv("TESSERA_MODELS");
  qputenv("TESSERA_MODELS", (folder_ / "models").c_str());
  make_window(make_studio_services(std::nullopt));
  window_->resize(1440, 900);
  const auto shown = camera / files[1].filename();
  studio_->open_files({QString::fromStdString(shown.string())});
  ASSERT_TRUE(wait_for(
      [&] { return studio_->current() && view()->is_complete() && studio_->has_listed_models(); }, 60000));
  auto* chooser = find<QComboBox>("model_chooser");
  click("analyse");
  ASSERT_TRUE(wait_for([&] { return studio_->result() && !studio_->analysis()->is_running(); }, 240000))
      << message();
  ASSERT_GE(chooser->findText("wnet-vessels"), 0);
  choose("model_chooser", chooser->findText("wnet-vessels"));
  click("analyse");
  ASSERT_TRUE(wait_for([&] { return masks()->is_available() && view()->is_complete(); }, 240000))
      << message();
  studio_->heatmap()->set_shown(false);
  view()->set_map_shown(false);
  save("studio-masks");
  QElapsedTimer clock;
  clock.start();
  for (int i = 0; i < 20; ++i) (void)view()->picture();
  const auto with = clock.restart();
  masks()->set_shown(false);
  for (int i = 0; i < 20; ++i) (void)view()->picture();
  std::printf("a frame with masks %.1f ms, without %.1f ms\n", static_cast<double>(with) / 20,
              static_cast<double>(clock.elapsed()) / 20);
  masks()->set_shown(true);
  view()->set_scale(1);
  ASSERT_TRUE(wait_for([&] { return view()->is_complete(); }));
  clock.start();
  for (int i = 0; i < 20; ++i) (void)view()->picture();
  std::printf("at 1:1 with masks %.1f ms\n", static_cast<double>(clock.elapsed()) / 20);
  view()->fit();

  trigger("action_adapt");
  choose("adapt_model", find<QComboBox>("adapt_model")->findText("wnet-vessels"));
  choose("adapt_method", find<QComboBox>("adapt_method")->findData("bn"));
  adaptation()->set_folder(camera);
  click("adapt_start");
  ASSERT_TRUE(
      wait_for([&] { return adaptation()->record() != nullptr && !workbench_->jobs()->is_busy(); }, 300000))
      << message();
  click("adapt_compare");
  ASSERT_TRUE(wait_for(
      [&] { return window_->view_grid()->views().size() == 2 && !workbench_->jobs()->is_busy(); }, 300000))
      << message();
  find("jobs_dock")->hide();
  QTest::qWait(100);
  view()->fit();
  view()->zoom(2.2);
  ASSERT_TRUE(
      wait_for([&] { return std::ranges::all_of(window_->view_grid()->views(), &SlideView::is_complete); }));
  save("studio-adapt");
  std::printf("%s\n", adaptation()->verdict().toUtf8().constData());
}

/// Photographs of the retina with painted gradings.
class RetinaPanelTest : public MaskTest {
 protected:
  void make_grading_window() {
    make_window(
        {[] {
           return std::vector<viewmodels::ModelChoice>{{"painted grader", "for tests", "grader", true}};
         },
         [this](const workflows::AnalyzeRequest& request, const OnCase& on_case, const imaging::JobContext&) {
           asked_.push_back(request);
           const fs::path file = request.inputs.inputs.front();
           const bool warns = request.fundus.quality_gate == "warn";
           workflows::RunRow row{
               .file = file.filename().string(), .case_name = file.stem().string(), .status = "done"};
           write_fundus_case(request.out, row.case_name, file, "ungradable", warns);
           on_case(row);
           return workflows::RunSummary{request.out, {row}};
         }});
  }
  fs::path paint_eye(const std::string& name, std::uint8_t red) {
    imaging::Image8 image(400, 300, 3, 0);
    for (std::int64_t y = 0; y < 300; ++y) {
      for (std::int64_t x = 0; x < 400; ++x) {
        if ((x - 200) * (x - 200) + (y - 150) * (y - 150) < 130 * 130) {
          image.pixel(x, y)[0] = red;
          image.pixel(x, y)[1] = 70;
          image.pixel(x, y)[2] = 20;
        }
      }
    }
    const auto path = images_ / name;
    imaging::write_png(path, image);
    return path;
  }
};

TEST_F(RetinaPanelTest, ShowsTheGradingAndGradesTheUngradableOnlyWhenAskedTwice) {
  const auto eye = paint_eye("7_right.png", 180);
  make_grading_window();
  open(eye, nullptr);
  ASSERT_TRUE(studio_->current()->is_fundus);
  ASSERT_TRUE(find("retina_panel")->isVisible());
  EXPECT_FALSE(find("retina_grading")->isVisible()) << "not graded yet";
  ASSERT_TRUE(wait_for([&] { return find<QAbstractButton>("analyse")->isEnabled(); }));
  click("analyse");
  ASSERT_TRUE(wait_for([&] { return studio_->result().has_value() && !studio_->analysis()->is_running(); }));
  EXPECT_EQ(asked_.back().fundus.quality_gate, "refuse");
  EXPECT_EQ(find<QLabel>("retina_quality")->text(), "Quality: ungradable");
  EXPECT_EQ(find<QLabel>("retina_reasons")->text(), "the light is uneven");
  EXPECT_FALSE(find("retina_referable")->isVisible());
  EXPECT_TRUE(find("retina_override")->isVisible());

  click("retina_override");
  window_->findChild<QMessageBox*>("override_box")->findChild<QAbstractButton*>("override_no")->click();
  EXPECT_EQ(asked_.size(), 1U);
  click("retina_override");
  window_->findChildren<QMessageBox*>("override_box")
      .back()
      ->findChild<QAbstractButton*>("override_yes")
      ->click();
  ASSERT_TRUE(wait_for([&] { return studio_->result() && studio_->result()->fundus->is_overridden; }));
  EXPECT_EQ(asked_.back().fundus.quality_gate, "warn");
  EXPECT_EQ(studio_->fundus_options().quality_gate, "refuse") << "for that one photograph alone";
  EXPECT_THAT(find<QLabel>("retina_reasons")->text().toStdString(), testing::HasSubstr("as asked for"));
  EXPECT_EQ(find<QLabel>("retina_referable")->text(), "Referable: yes");
  EXPECT_EQ(find<QLabel>("retina_oedema")->text(), "Macular oedema: high risk");
  EXPECT_THAT(find("retina_referable_bar")->accessibleDescription().toStdString(),
              testing::AllOf(testing::HasSubstr("80.0 %"), testing::HasSubstr("from 50 %")));
  EXPECT_THAT(find("retina_oedema_bars")->accessibleDescription().toStdString(),
              testing::HasSubstr("70.0 %"));
  find("side_panel")->setFixedWidth(360);
  QTest::qWait(50);
  expect_as_before(find("retina_panel")->grab().toImage(), "retina");
}

TEST_F(RetinaPanelTest, ThresholdEvidenceAndGateGoIntoTheNextGradingAndItsCommand) {
  const auto eye = paint_eye("7_right.png", 180);
  make_grading_window();
  open(eye, nullptr);
  ASSERT_TRUE(wait_for([&] { return find<QAbstractButton>("analyse")->isEnabled(); }));
  find<QDoubleSpinBox>("retina_threshold")->setValue(0.35);
  choose("retina_evidence", 1);
  click("retina_ungradable");
  click("analyse");
  ASSERT_TRUE(wait_for([&] { return studio_->result().has_value(); }));
  EXPECT_EQ(asked_.back().fundus.referable_threshold, 0.35);
  EXPECT_EQ(asked_.back().fundus.evidence, "occlusion");
  EXPECT_EQ(asked_.back().fundus.quality_gate, "warn");
  const auto command = studio_->analyse_command().toStdString();
  EXPECT_THAT(command, testing::AllOf(testing::HasSubstr("--quality-gate warn"),
                                      testing::HasSubstr("--referable-threshold 0.35"),
                                      testing::HasSubstr("--evidence occlusion")));
}

TEST_F(RetinaPanelTest, ShowsBothEyesByNameAndByTheWorklist) {
  const auto right = paint_eye("7_right.png", 180), left = paint_eye("7_left.png", 150);
  paint_eye("8_left.png", 120);
  const auto other = paint_eye("second visit.png", 100);
  make_grading_window();
  open(left, nullptr);
  auto* both = find<QAbstractButton>("retina_both");
  ASSERT_TRUE(wait_for([&] { return both->isEnabled(); }));
  both->click();
  auto* grid = window_->view_grid();
  ASSERT_TRUE(wait_for([&] { return grid->views().size() == 2; })) << message();
  EXPECT_EQ(grid->views()[0]->slide()->path(), right) << "as they stand in front of one";
  EXPECT_EQ(grid->views()[1]->slide()->path(), left);
  EXPECT_TRUE(grid->is_linked());

  // The worklist's word goes first.
  open_project();
  auto* worklist = workbench_->worklist();
  worklist->add_paths({QString::fromStdString(images_.string())});
  ASSERT_TRUE(wait_for([&] { return worklist->rowCount() == 5 && !worklist->is_looking(); })) << message();
  const auto id_of = [&](const fs::path& file) { return worklist->find_file(file)->id; };
  worklist->set_field({id_of(right), id_of(other)}, viewmodels::Worklist::Field::patient, "P-1");
  worklist->set_field({id_of(right)}, viewmodels::Worklist::Field::laterality, "R");
  worklist->set_field({id_of(other)}, viewmodels::Worklist::Field::laterality, "L");
  studio_->set_current(studio_->slides()->find(left));
  studio_->set_current(studio_->slides()->find(right));
  ASSERT_TRUE(window_->retina()->partner());
  EXPECT_EQ(*window_->retina()->partner(), other);
}

}  // namespace
}  // namespace gui
