#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QDialog>
#include <QDir>
#include <QDockWidget>
#include <QDropEvent>
#include <QElapsedTimer>
#include <QFileDialog>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QMenu>
#include <QMimeData>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QSettings>
#include <QSpinBox>
#include <QTabWidget>
#include <QTableView>
#include <QTest>
#include <QTextBrowser>
#include <QUrl>
#include <algorithm>
#include <atomic>
#include <fstream>
#include <thread>

#include "app/gui/main_window.h"
#include "app/gui/studio_services.h"
#include "app/gui/theme.h"
#include "app/gui/work_area.h"
#include "app/viewmodels/command_line.h"
#include "imaging/base/csv.h"
#include "imaging/base/files.h"
#include "imaging/phantom/fundus_phantom.h"
#include "imaging/raster/png.h"
#include "tests/gui/painted_case.h"
#include "tests/integration/command_fixture.h"
#include "tests/support/test_support.h"

namespace gui {
namespace {

namespace fs = std::filesystem;
using OnCase = std::function<void(const workflows::RunRow&)>;
using viewmodels::JobState;
using viewmodels::Worklist;

constexpr int kPatience = 30000;  // ms until a test gives up; passing tests wait for none of it

/// Writes painted cases; `tumour` says the probability by the file's stem.
viewmodels::AnalyzeJob painted_analysis(std::function<double(const std::string&)> tumour) {
  return [tumour](const workflows::AnalyzeRequest& request, const OnCase& on_case,
                  const imaging::JobContext& job) {
    workflows::RunSummary summary;
    summary.out = request.out;
    const auto total = static_cast<std::int64_t>(request.inputs.inputs.size());
    for (const auto& input : request.inputs.inputs) {
      const fs::path slide = input;
      const auto name = slide.stem().string();
      job.checkpoint("slides", std::ssize(summary.rows), total);
      for (int i = 0; i <= 4; ++i) job.checkpoint("tiles", i, 4);
      workflows::RunRow row{.file = slide.filename().string(), .case_name = name, .status = "done"};
      if (name.starts_with("bad")) {
        row.status = "failed";
        row.reason_code = "not_brightfield";
        row.reason = "The image is not brightfield.";
      } else {
        write_case(request.out, name, slide, tumour(name));
        row.result = workflows::CaseFolder{request.out / "cases" / name}.read_result();
      }
      summary.rows.push_back(row);
      on_case(row);
    }
    return summary;
  };
}

class WorkTest : public testing::Test {
 protected:
  WorkTest() {
    ensure_application();
    QSettings::setPath(QSettings::IniFormat, QSettings::UserScope,
                       QString::fromStdString((folder_ / "config").string()));
    fs::create_directories(folder_ / "models");
    qputenv("TESSERA_MODELS", (folder_ / "models").c_str());
    fs::create_directories(images_);
  }
  ~WorkTest() override { close(); }

  void close() {
    window_.reset();
    workbench_.reset();
    studio_.reset();
  }

  void make_window(viewmodels::AnalyzeJob analyze = {}) {
    close();
    if (!analyze) analyze = painted_analysis([](const std::string&) { return 0.875; });
    studio_ = std::make_unique<viewmodels::Studio>(
        viewmodels::StudioServices{[] { return std::vector<viewmodels::ModelChoice>{}; }, analyze});
    workbench_ = std::make_unique<viewmodels::Workbench>(studio_.get());
    window_ = std::make_unique<MainWindow>(studio_.get());
    area_ = new WorkArea(workbench_.get(), window_.get());
    window_->resize(1500, 900);
    window_->set_asks_for_scale(false);
    window_->show();
    ASSERT_TRUE(QTest::qWaitForWindowExposed(window_.get()));
  }

  void open_project() {
    workbench_->open_project(QString::fromStdString(project_.string()));
    ASSERT_TRUE(wait_for([&] { return workbench_->has_project(); }));
  }

  fs::path paint(const std::string& name) {
    const auto path = images_ / name;
    imaging::write_png(path, painted_image());
    return path;
  }

  /// Paints `names`, adds them and gives them a scale.
  void open_project_with(const std::vector<std::string>& names) {
    for (const auto& name : names) paint(name);
    make_window_if_none();
    open_project();
    worklist()->add_paths({QString::fromStdString(images_.string())});
    ASSERT_TRUE(wait_for([&] {
      return worklist()->rowCount() == static_cast<int>(names.size()) && !worklist()->is_looking();
    }));
    worklist()->set_field(all_ids(), Worklist::Field::mpp, "0.5");
  }
  void make_window_if_none() {
    if (!window_) make_window();
  }

  std::vector<std::int64_t> all_ids() {
    std::vector<std::int64_t> ids;
    for (const auto& item : worklist()->items()) ids.push_back(item.id);
    return ids;
  }
  const store::Item& item(const std::string& name) {
    static const store::Item none;
    for (const auto& one : worklist()->items()) {
      if (fs::path(one.file).filename() == name) return one;
    }
    ADD_FAILURE() << "no item " << name;
    return none;
  }

  /// Runs the painted model's analysis of all files through the queue.
  void analyse_all() {
    auto plan = workbench_->plan({}, painted_card());
    ASSERT_TRUE(plan.refused.empty()) << plan.refused.front().reason.toStdString();
    workbench_->start(plan);
    ASSERT_TRUE(wait_for([&] { return !workbench_->jobs()->is_busy(); }));
  }
  /// Of a package that cannot be guessed from its task alone.
  static workflows::ModelCard disc_card() {
    return workflows::describe_model(
        (support::source_root() / "resources/models/fundus-optic-disc").string());
  }
  static workflows::ModelCard painted_card() {
    workflows::ModelCard card;
    card.name = "painted model";
    card.task = "slide-classification";
    card.takes = "slide";
    card.path = "painted";
    card.spacing_um_px = 0.5;
    card.mpp_tolerance = 0.1;
    return card;
  }

  template <typename Widget = QWidget>
  Widget* find(const char* name) {
    auto* widget = window_->findChild<Widget*>(name);
    EXPECT_NE(widget, nullptr) << name;
    return widget;
  }
  Worklist* worklist() { return workbench_->worklist(); }
  bool wait_for(const std::function<bool()>& condition) { return QTest::qWaitFor(condition, kPatience); }
  void select(const std::string& name) {
    auto* table = find<QTableView>("worklist_table");
    for (int row = 0; row < table->model()->rowCount(); ++row) {
      if (table->model()->index(row, 0).data().toString().toStdString() == name) return table->selectRow(row);
    }
    FAIL() << "no row " << name;
  }
  std::string message() { return window_->message_bar()->text().toStdString(); }

  support::TemporaryFolder folder_;
  fs::path images_ = folder_ / "images";
  fs::path project_ = folder_ / "study";
  std::unique_ptr<viewmodels::Studio> studio_;
  std::unique_ptr<viewmodels::Workbench> workbench_;
  std::unique_ptr<MainWindow> window_;
  WorkArea* area_ = nullptr;
};

TEST_F(WorkTest, AddsADroppedFolderAndLooksAtItsFiles) {
  paint("a.png");
  fs::create_directories(images_ / "deep");
  fs::rename(paint("b.png"), images_ / "deep/b.png");
  imaging::write_png(images_ / "eye.png", imaging::make_fundus_phantom({.seed = 3}).photograph);
  imaging::write_file(images_ / "broken.svs", "this is no slide");
  imaging::write_file(images_ / "notes.txt", "no image");
  make_window();
  open_project();
  QMimeData mime;
  mime.setUrls({QUrl::fromLocalFile(QString::fromStdString(images_.string()))});
  QDragEnterEvent enter({50, 50}, Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
  QApplication::sendEvent(find("worklist_panel"), &enter);
  EXPECT_TRUE(enter.isAccepted());
  QDropEvent drop({50, 50}, Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
  QApplication::sendEvent(find("worklist_panel"), &drop);
  ASSERT_TRUE(wait_for([&] { return worklist()->rowCount() == 4 && !worklist()->is_looking(); }));

  EXPECT_EQ(item("a.png").kind, "slide");
  EXPECT_EQ(item("eye.png").kind, "fundus");
  EXPECT_EQ(item("b.png").file, "../images/deep/b.png");
  EXPECT_FALSE(worklist()->glimpse_of(item("a.png").id).thumbnail.isNull());
  EXPECT_TRUE(worklist()->glimpse_of(item("broken.svs").id).problem.contains("broken.svs"));
  EXPECT_TRUE(fs::exists(project_ / "thumbnails" / (item("a.png").quick_hash + ".png")));
  EXPECT_EQ(find<QLabel>("worklist_count")->text(), "4 files");
  EXPECT_TRUE(find("worklist_dock")->isVisible());

  worklist()->undo_stack()->undo();
  EXPECT_EQ(worklist()->rowCount(), 0);
  worklist()->undo_stack()->redo();
  EXPECT_EQ(worklist()->rowCount(), 4);
  worklist()->add_paths({QString::fromStdString(images_.string())});
  ASSERT_TRUE(wait_for([&] { return message().find("4 were listed already") != std::string::npos; }));
}

TEST_F(WorkTest, EditsUndoAndFindAgainAfterReopening) {
  open_project_with({"a.png", "b.png", "c.png"});
  select("b.png");
  auto* patient = find<QLineEdit>("item_patient");
  patient->setFocus();
  QTest::keyClicks(patient, "P-1");
  QTest::keyClick(patient, Qt::Key_Return);
  auto* status = find<QComboBox>("item_status");
  status->setCurrentIndex(status->findData("flagged"));
  Q_EMIT status->activated(status->currentIndex());
  auto* tags = find<QLineEdit>("item_tags");
  QTest::keyClicks(tags, "margin, second look,margin");
  QTest::keyClick(tags, Qt::Key_Return);
  EXPECT_EQ(item("b.png").patient, "P-1");
  EXPECT_EQ(item("b.png").status, "flagged");
  EXPECT_EQ(item("b.png").tags, (std::vector<std::string>{"margin", "second look"}));
  worklist()->undo_stack()->undo();
  worklist()->undo_stack()->undo();
  EXPECT_EQ(item("b.png").status, "new");
  EXPECT_TRUE(item("b.png").tags.empty());
  worklist()->undo_stack()->redo();

  select("c.png");
  worklist()->remove({item("c.png").id});
  EXPECT_EQ(worklist()->rowCount(), 2);
  worklist()->undo_stack()->undo();
  EXPECT_EQ(worklist()->rowCount(), 3);

  make_window();
  open_project();
  EXPECT_EQ(worklist()->rowCount(), 3);
  EXPECT_EQ(item("b.png").patient, "P-1");
  EXPECT_EQ(item("b.png").status, "flagged");
  EXPECT_EQ(item("b.png").mpp, "0.5");
  EXPECT_EQ(find<QMenu>("recent_menu")->actions().size(), 1);
}

TEST_F(WorkTest, SortsFiltersAndGroupsByPatient) {
  open_project_with({"a.png", "b.png", "c.png"});
  worklist()->set_field({item("a.png").id, item("c.png").id}, Worklist::Field::patient, "P-2");
  worklist()->set_field({item("b.png").id}, Worklist::Field::status, "done");
  auto* table = find<QTableView>("worklist_table");
  table->sortByColumn(Worklist::kName, Qt::DescendingOrder);
  EXPECT_EQ(table->model()->index(0, 0).data().toString(), "c.png");
  QTest::keyClicks(find<QLineEdit>("worklist_search"), "p-2");
  EXPECT_EQ(table->model()->rowCount(), 2);
  EXPECT_EQ(find<QLabel>("worklist_count")->text(), "2 of 3 files");
  find<QLineEdit>("worklist_search")->clear();
  auto* filter = find<QComboBox>("worklist_status_filter");
  filter->setCurrentIndex(filter->findData("done"));
  Q_EMIT filter->activated(filter->currentIndex());
  EXPECT_EQ(table->model()->rowCount(), 1);

  auto* patients = workbench_->patients();
  ASSERT_TRUE(wait_for([&] { return patients->rowCount() == 2; }));
  EXPECT_EQ(patients->index(0, 0).data().toString(), "P-2");
  EXPECT_EQ(patients->ids_at(patients->index(0, viewmodels::PatientList::kSlides)).size(), 2U);
  EXPECT_EQ(patients->index(1, 0).data().toString(), "(no patient)") << "those without a patient come last";
}

TEST_F(WorkTest, TakesFactsFromATable) {
  open_project_with({"a.png", "b.png"});
  imaging::write_file(folder_ / "facts.csv",
                      "file,patient,label,mpp\na.png,P-9,tumour,0.25\nother.png,P-1,x,1\n");
  worklist()->import_table(QString::fromStdString((folder_ / "facts.csv").string()));
  ASSERT_TRUE(wait_for([&] { return item("a.png").patient == "P-9"; }));
  EXPECT_EQ(item("a.png").label, "tumour");
  EXPECT_EQ(item("a.png").mpp, "0.25");
  EXPECT_EQ(item("b.png").patient, "");
  worklist()->undo_stack()->undo();
  EXPECT_EQ(item("a.png").patient, "");
}

TEST_F(WorkTest, AnalysesTheProjectAndResultsAppearAsTheyLand) {
  std::atomic<int> allowed{0};
  make_window(
      [&](const workflows::AnalyzeRequest& request, const OnCase& on_case, const imaging::JobContext& job) {
        int seen = 0;
        const auto wait = [&](const workflows::RunRow& row) {
          on_case(row);
          for (++seen; allowed < seen;) {
            job.checkpoint("waiting", 0, 0);
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
          }
        };
        return painted_analysis([](const std::string&) { return 0.75; })(request, wait, job);
      });
  open_project_with({"a.png", "bad.png", "c.png"});
  worklist()->set_field({item("a.png").id}, Worklist::Field::patient, "P-1");
  workbench_->start(workbench_->plan({}, painted_card()));
  EXPECT_TRUE(find("jobs_dock")->isVisible());
  ASSERT_TRUE(wait_for([&] { return worklist()->results().size() == 1; }));
  EXPECT_TRUE(workbench_->jobs()->is_busy()) << "the first result is there while the job runs";
  ASSERT_TRUE(
      wait_for([&] { return workbench_->cohort()->rowCount() == 1 && !workbench_->cohort()->is_reading(); }));
  allowed = 9;
  ASSERT_TRUE(wait_for([&] { return !workbench_->jobs()->is_busy(); }));

  const auto* job = workbench_->jobs()->at(0);
  EXPECT_EQ(job->state, JobState::partly_failed);
  EXPECT_EQ(job->done, 2);
  EXPECT_EQ(job->failed, 1);
  EXPECT_TRUE(find<QPlainTextEdit>("jobs_log")->toPlainText().contains("not brightfield"));
  EXPECT_TRUE(find<QPushButton>("jobs_retry")->isEnabled());
  const auto table =
      imaging::read_csv_with_header(*std::get<workflows::AnalyzeRequest>(job->request).inputs.table);
  EXPECT_EQ(table.rows.size(), 3U);
  EXPECT_EQ(table.rows.front()[1], "P-1");

  QTest::mouseClick(find<QPushButton>("jobs_retry"), Qt::LeftButton);
  ASSERT_TRUE(wait_for([&] { return !workbench_->jobs()->is_busy(); }));
  EXPECT_EQ(workbench_->jobs()->rowCount(), 1);

  workbench_->open_items({item("c.png").id});
  ASSERT_TRUE(wait_for([&] { return studio_->result().has_value(); }));
  EXPECT_EQ(studio_->result()->case_name, "c");

  make_window();
  open_project();
  EXPECT_EQ(worklist()->results().size(), 3U);
  ASSERT_TRUE(wait_for([&] { return studio_->current() != nullptr; })) << "what was open is open again";
  ASSERT_TRUE(wait_for([&] { return studio_->result().has_value(); }));
}

TEST_F(WorkTest, CancelsWithinATenthOfASecondAndRunsWhatWaits) {
  std::atomic<int> started{0};
  make_window([&](const workflows::AnalyzeRequest&, const OnCase&,
                  const imaging::JobContext& job) -> workflows::RunSummary {
    ++started;
    for (int i = 0;; ++i) {
      job.checkpoint("tiles", i % 1000, 1000);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  open_project_with({"a.png", "b.png"});
  auto* jobs = workbench_->jobs();
  workbench_->start(workbench_->plan({item("a.png").id}, painted_card()));
  workbench_->start(workbench_->plan({item("b.png").id}, painted_card()));
  ASSERT_TRUE(wait_for([&] { return jobs->index(0, 2).data().toString().contains("of 1000"); }));
  EXPECT_EQ(jobs->at(1)->state, JobState::waiting);

  EXPECT_LT(slowest_answer(window_.get()), 100);

  find<QTableView>("jobs_table")->selectRow(0);
  QElapsedTimer clock;
  clock.start();
  QTest::mouseClick(find<QPushButton>("jobs_cancel"), Qt::LeftButton);
  EXPECT_LT(clock.elapsed(), 100);
  ASSERT_TRUE(wait_for([&] { return jobs->at(0)->state == JobState::cancelled && started == 2; }));
  jobs->cancel_all();
  ASSERT_TRUE(wait_for([&] { return !jobs->is_busy(); }));
  EXPECT_EQ(jobs->at(1)->state, JobState::cancelled);
  jobs->clear_ended();
  EXPECT_EQ(jobs->rowCount(), 0);
}

TEST_F(WorkTest, RefusesFilesThatTheModelDoesNotTakeWithTheReason) {
  open_project_with({"fine.png", "coarse.png", "unknown.png"});
  imaging::write_png(images_ / "eye.png", imaging::make_fundus_phantom({.seed = 3}).photograph);
  worklist()->add_paths({QString::fromStdString((images_ / "eye.png").string())});
  ASSERT_TRUE(wait_for([&] { return worklist()->rowCount() == 4 && !worklist()->is_looking(); }));
  worklist()->set_field({item("coarse.png").id}, Worklist::Field::mpp, "2");
  worklist()->set_field({item("unknown.png").id}, Worklist::Field::mpp, "");
  const auto plan = workbench_->plan({}, painted_card());
  EXPECT_EQ(plan.ids, std::vector<std::int64_t>{item("fine.png").id});
  ASSERT_EQ(plan.refused.size(), 3U);
  const auto reason_of = [&](const std::string& name) {
    for (const auto& refusal : plan.refused) {
      if (refusal.id == item(name).id) return refusal.reason.toStdString();
    }
    return std::string{};
  };
  EXPECT_THAT(reason_of("coarse.png"), testing::HasSubstr("2 um/px, coarser than the model's 0.5"));
  EXPECT_THAT(reason_of("unknown.png"), testing::HasSubstr("not known"));
  EXPECT_THAT(reason_of("eye.png"), testing::HasSubstr("fundus"));
}

TEST_F(WorkTest, ShowsTheCohortWithFiguresWhereLabelsAreKnown) {
  const std::map<std::string, double> tumour{{"a", 0.95}, {"b", 0.65}, {"c", 0.4}, {"d", 0.1}, {"e", 0.7}};
  make_window(painted_analysis([&](const std::string& name) { return tumour.at(name); }));
  open_project_with({"a.png", "b.png", "c.png", "d.png", "e.png"});
  analyse_all();
  auto* cohort = workbench_->cohort();
  ASSERT_TRUE(wait_for([&] { return !cohort->is_reading() && cohort->rowCount() == 5; }));
  EXPECT_EQ(cohort->figures().labelled, 0);
  EXPECT_FALSE(cohort->figures().auc);

  for (const auto* name : {"a.png", "c.png"})
    worklist()->set_field({item(name).id}, Worklist::Field::label, "tumour");
  for (const auto* name : {"b.png", "d.png"})
    worklist()->set_field({item(name).id}, Worklist::Field::label, "normal");
  EXPECT_EQ(cohort->figures().labelled, 4);
  EXPECT_DOUBLE_EQ(*cohort->figures().auc, 0.75);  // three of the four pairs are in order
  EXPECT_DOUBLE_EQ(*cohort->figures().accuracy, 0.5);
  EXPECT_EQ(cohort->figures().confusion, (std::vector<std::int64_t>{1, 1, 1, 1}));
  const auto& roc = cohort->figures().roc;
  ASSERT_EQ(roc.size(), 5U);
  EXPECT_EQ(roc[1].true_positive_rate, 0.5);
  EXPECT_EQ(roc[1].false_positive_rate, 0.0);
  const auto histogram = cohort->histogram();
  EXPECT_EQ(histogram[0][7], 1) << "e has no label";
  EXPECT_EQ(histogram[2][9], 1) << "a is a tumour";
  EXPECT_EQ(histogram[1][1], 1) << "d is normal";

  auto* table = find<QTableView>("cohort_table");
  table->sortByColumn(6, Qt::DescendingOrder);
  EXPECT_EQ(table->model()->index(0, 0).data().toString(), "a.png");
  EXPECT_EQ(table->model()->index(4, 0).data().toString(), "d.png");
  QTest::mouseClick(find<QPushButton>("cohort_export"), Qt::LeftButton);
  auto* dialog = find<QFileDialog>("cohort_export_dialog");
  ASSERT_NE(dialog, nullptr);
  const auto target = folder_ / "cohort.csv";
  Q_EMIT dialog->fileSelected(QString::fromStdString(target.string()));
  dialog->reject();
  ASSERT_TRUE(wait_for([&] { return fs::exists(target); }));
  const auto written = imaging::read_csv_with_header(target);
  ASSERT_EQ(written.rows.size(), 5U);
  EXPECT_EQ(written.rows.front()[0], "../images/a.png");
  EXPECT_EQ(written.rows.front()[*written.find_column("probability_tumour")], "0.95");
}

TEST_F(WorkTest, InstallsVerifiesAndRemovesAModel) {
  make_window();
  auto* shelf = workbench_->models();
  const auto& models = support::tiny_models();
  ASSERT_TRUE(wait_for([&] { return !shelf->is_busy(); }));
  for (const auto& package : {models.encoder, models.classifier})
    shelf->install(QString::fromStdString(package.string()));
  ASSERT_TRUE(wait_for([&] { return !shelf->is_busy(); }));
  const auto name = QString::fromStdString(workflows::describe_model(models.classifier.string()).name);
  ASSERT_NE(shelf->find(name), nullptr) << message();
  EXPECT_TRUE(shelf->find(name)->is_removable);
  EXPECT_TRUE(shelf->find(name)->problem.empty()) << shelf->find(name)->problem;
  EXPECT_DOUBLE_EQ(shelf->find(name)->spacing_um_px, 1.0);

  find<QAction>("action_models")->trigger();
  auto* dialog = find<QDialog>("models_dialog");
  auto* list = dialog->findChild<QListView*>("models_list");
  int row = 0;
  while (shelf->at(row) != shelf->find(name)) ++row;
  list->setCurrentIndex(shelf->index(row));
  EXPECT_TRUE(dialog->findChild<QTextBrowser*>("models_card")->toPlainText().contains(name));
  dialog->findChild<QPushButton*>("models_verify")->click();
  ASSERT_TRUE(wait_for([&] { return !shelf->is_busy() && message().find("sha256") != std::string::npos; }));
  const auto copied = [&](const char* entry) {
    dialog->findChild<QAction*>(entry)->trigger();
    return QApplication::clipboard()->text().toStdString();
  };
  EXPECT_EQ(copied("models_copy_install"), "tessera model install " + models.classifier.string());
  const auto place = shelf->find(name)->path;
  EXPECT_EQ(copied("models_copy_verify"), "tessera model verify " + place.string());
  EXPECT_EQ(copied("models_copy_remove"), "tessera model remove " + place.filename().string());

  // A file that was changed behind its back.
  const auto card = shelf->find(name)->path / "README.md";
  const auto text = imaging::read_file(card);
  imaging::write_file(card, text + "x");
  shelf->verify(row);
  ASSERT_TRUE(
      wait_for([&] { return !shelf->is_busy() && message().find("README.md") != std::string::npos; }));
  imaging::write_file(card, text);

  list->setCurrentIndex(shelf->index(row));
  dialog->findChild<QPushButton*>("models_remove")->click();
  window_->findChild<QPushButton*>("models_confirm_no")->click();
  EXPECT_NE(shelf->find(name), nullptr) << "asked, and kept";
  dialog->findChild<QPushButton*>("models_remove")->click();
  const auto yes = window_->findChildren<QPushButton*>("models_confirm_yes");
  yes.back()->click();
  ASSERT_TRUE(wait_for([&] { return !shelf->is_busy() && shelf->find(name) == nullptr; }));
  EXPECT_FALSE(fs::exists(card.parent_path()));
  dialog->reject();
}

TEST_F(WorkTest, OffersTheModelThatTakesTheFilesAndLeavesOutWhatAModelIsNotFor) {
  for (const auto* name : {"slide.png", "another.png"}) imaging::write_png(images_ / name, painted_image());
  imaging::write_png(images_ / "eye.png", imaging::make_fundus_phantom({.seed = 3}).photograph);
  make_window();
  open_project();
  worklist()->add_paths({QString::fromStdString(images_.string())});
  ASSERT_TRUE(wait_for([&] { return worklist()->rowCount() == 3 && !worklist()->is_looking(); }));
  const auto plan = workbench_->plan({}, disc_card());
  EXPECT_EQ(plan.ids, std::vector{item("eye.png").id});
  ASSERT_EQ(plan.refused.size(), 2U);
  EXPECT_TRUE(plan.refused.front().reason.contains("for fundus photographs"));

  ASSERT_TRUE(wait_for([&] { return !workbench_->models()->is_busy(); }));
  for (const auto* name : {"slide.png", "another.png"})
    worklist()->set_field({item(name).id}, Worklist::Field::mpp, "0.5");
  find<QAction>("action_analyse_project")->trigger();
  auto* dialog = find<QDialog>("analyse_dialog");
  EXPECT_EQ(dialog->findChild<QComboBox*>("analyse_model")->currentText(), "phantom-tumour-abmil");
  dialog->reject();
}

TEST_F(WorkTest, PreviewsTheReportAndRecordsASignOff) {
  open_project_with({"a.png"});
  analyse_all();
  workbench_->open_items({item("a.png").id});
  ASSERT_TRUE(wait_for([&] { return studio_->result().has_value(); }));
  // The painted case lacks the pictures of a report.
  const workflows::CaseFolder folder{*studio_->current()->case_folder};
  imaging::write_png(folder.thumbnail(), painted_image());
  ASSERT_TRUE(find<QAction>("action_report")->isEnabled());
  find<QAction>("action_report")->trigger();
  auto* dialog = find<QDialog>("report_dialog");
  ASSERT_TRUE(wait_for([&] { return dialog->findChild<QLabel*>("report_page_1") != nullptr; })) << message();
  EXPECT_FALSE(dialog->findChild<QPushButton*>("report_sign")->isEnabled()) << "no name and no note yet";
  QTest::keyClicks(dialog->findChild<QLineEdit*>("report_reviewer"), "Dr. A. Painter");
  QTest::keyClicks(dialog->findChild<QPlainTextEdit*>("report_note"), "Agreed <on> the margin.");
  dialog->findChild<QPushButton*>("report_copy")->click();
  EXPECT_TRUE(QApplication::clipboard()->text().contains(
      "--reviewer 'Dr. A. Painter' --note 'Agreed <on> the margin.'"));
  const auto result = imaging::read_file(folder.result());
  dialog->findChild<QPushButton*>("report_sign")->click();
  ASSERT_TRUE(wait_for([&] {
    return dialog->findChild<QLabel*>("report_state")->text().contains("Signed off by Dr. A. Painter");
  })) << message();
  EXPECT_THAT(imaging::read_file(folder.report_html()), testing::HasSubstr("Agreed &lt;on&gt; the margin."));
  EXPECT_EQ(imaging::read_file(folder.result()), result) << "the result is not touched";
  const auto target = folder_ / "saved.pdf";
  workbench_->reports()->export_to(target);
  ASSERT_TRUE(wait_for([&] { return fs::exists(target); }));
  EXPECT_TRUE(imaging::read_file(target).starts_with("%PDF"));
  dialog->reject();
}

TEST_F(WorkTest, KeepsPreferencesAndRefusesAnUnknownDevice) {
  make_window();
  find<QAction>("action_preferences")->trigger();
  auto* dialog = find<QDialog>("preferences_dialog");
  auto* device = dialog->findChild<QComboBox*>("preferences_device");
  device->setCurrentText("tpu");
  dialog->findChild<QPushButton*>("preferences_save")->click();
  EXPECT_TRUE(dialog->isVisible());
  EXPECT_FALSE(dialog->findChild<QLabel*>("preferences_problem")->text().isEmpty());
  device->setCurrentText("cpu");
  dialog->findChild<QSpinBox*>("preferences_threads")->setValue(2);
  auto* theme = dialog->findChild<QComboBox*>("preferences_theme");
  theme->setCurrentIndex(theme->findData("dark"));
  dialog->findChild<QPushButton*>("preferences_save")->click();
  EXPECT_EQ(studio_->preferences().runtime().device, "cpu");
  EXPECT_EQ(studio_->preferences().runtime().threads, 2);
  EXPECT_LT(QApplication::palette().color(QPalette::Window).lightness(), 80);
  apply_theme(*qApp);
}

TEST_F(WorkTest, ASecondStudioOpensTheProjectToRead) {
  open_project_with({"a.png"});
  viewmodels::Studio other_studio({[] { return std::vector<viewmodels::ModelChoice>{}; },
                                   painted_analysis([](const std::string&) { return 0.5; })});
  viewmodels::Workbench other(&other_studio);
  QString said;
  QObject::connect(&other, &viewmodels::Workbench::notice, &other,
                   [&](const QString& sentence) { said = sentence; });
  other.open_project(QString::fromStdString(project_.string()));
  ASSERT_TRUE(wait_for([&] { return other.has_project(); }));
  EXPECT_TRUE(said.contains("open in another studio")) << said.toStdString();
  EXPECT_EQ(other.worklist()->rowCount(), 1);
  EXPECT_FALSE(other.worklist()->is_writable());
  other.worklist()->set_field({other.worklist()->items().front().id}, Worklist::Field::patient, "X");
  EXPECT_TRUE(other.worklist()->items().front().patient.empty());
  EXPECT_TRUE(other.analyse_hindrance().contains("read only"));
}

TEST_F(WorkTest, AFileThatVanishesIsSaidAndTheRestGoesOn) {
  open_project_with({"a.png", "b.png"});
  fs::remove(images_ / "a.png");
  make_window();
  open_project();
  ASSERT_TRUE(wait_for([&] { return !worklist()->is_looking(); }));
  EXPECT_TRUE(worklist()->glimpse_of(item("a.png").id).problem.contains("not there"));
  const auto plan = workbench_->plan({}, painted_card());
  ASSERT_EQ(plan.refused.size(), 1U);
  EXPECT_TRUE(plan.refused.front().reason.contains("not there"));
  workbench_->open_items({item("a.png").id});
  ASSERT_TRUE(wait_for([&] { return message().find("a.png") != std::string::npos; }));
}

TEST_F(WorkTest, EveryControlHasANameForTestsAndForReaders) {
  open_project_with({"a.png"});
  for (const auto* action : {"action_models", "action_preferences"}) find<QAction>(action)->trigger();
  for (auto* widget : window_->findChildren<QWidget*>()) {
    const bool is_control = qobject_cast<QAbstractButton*>(widget) || qobject_cast<QComboBox*>(widget) ||
                            qobject_cast<QLineEdit*>(widget) || qobject_cast<QPlainTextEdit*>(widget) ||
                            qobject_cast<QAbstractItemView*>(widget) || qobject_cast<QSpinBox*>(widget);
    if (!is_control || widget->objectName().startsWith("qt_")) continue;
    const auto* parent = widget->parentWidget();
    const bool is_part =
        parent &&
        (qobject_cast<const QSpinBox*>(parent) || qobject_cast<const QComboBox*>(parent) ||
         qobject_cast<const QAbstractItemView*>(parent) || parent->inherits("QComboBoxPrivateContainer") ||
         qobject_cast<const QLineEdit*>(parent) || qobject_cast<const QDockWidget*>(parent) ||
         parent->inherits("QTabBar") || parent->objectName() == "tool_bar");
    if (is_part) continue;
    EXPECT_FALSE(widget->objectName().isEmpty())
        << widget->metaObject()->className() << " in " << parent->objectName().toStdString();
    const auto* button = qobject_cast<QAbstractButton*>(widget);
    EXPECT_FALSE(widget->accessibleName().isEmpty() && (!button || button->text().isEmpty()))
        << widget->objectName().toStdString();
    EXPECT_FALSE(widget->toolTip().isEmpty()) << widget->objectName().toStdString();
  }
}

TEST_F(WorkTest, AKillLosesNothingThatWasOnTheScreenForTwoSeconds) {
  paint("a.png");
  paint("b.png");
  // The studio to be killed is this program again, at the test below.
  const auto program = fs::read_symlink("/proc/self/exe").string();
  const auto child = fork();
  if (child == 0) {
    setenv("TESSERA_KILL_TEST", folder_.path().c_str(), 1);
    execl(program.c_str(), program.c_str(), "--gtest_also_run_disabled_tests",
          "--gtest_filter=WorkTest.DISABLED_StudioToBeKilled", nullptr);
    _exit(127);
  }
  ASSERT_TRUE(wait_for([&] { return fs::exists(folder_ / "typed"); }));
  QTest::qWait(2000);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);

  make_window();
  open_project();
  EXPECT_EQ(item("a.png").patient, "P-kill");
  EXPECT_EQ(item("a.png").status, "in_review");
  EXPECT_EQ(worklist()->draft_of(item("a.png").id), "half a senten");
  EXPECT_THAT(message(), testing::HasSubstr("offered again"));
  select("a.png");
  EXPECT_EQ(find<QPlainTextEdit>("item_notes")->toPlainText(), "half a senten");
  ASSERT_TRUE(wait_for([&] { return studio_->slides()->rowCount() == 1 && studio_->current(); }));
  EXPECT_EQ(studio_->current()->path(), images_ / "a.png");
  ASSERT_TRUE(wait_for([&] { return !window_->slide_view()->view().is_fitted(); }));
  EXPECT_NEAR(window_->slide_view()->view().centre_l0().x, 1200, 1e-6);
  EXPECT_NEAR(window_->slide_view()->view().scale(), 2, 1e-9);
}

TEST_F(WorkTest, DISABLED_StudioToBeKilled) {
  const auto* place = std::getenv("TESSERA_KILL_TEST");
  if (place == nullptr) GTEST_SKIP() << "run by AKillLosesNothingThatWasOnTheScreenForTwoSeconds";
  images_ = fs::path(place) / "images";
  project_ = fs::path(place) / "study";
  make_window();
  open_project();
  worklist()->add_paths({QString::fromStdString(images_.string())});
  ASSERT_TRUE(wait_for([&] { return worklist()->rowCount() == 2 && !worklist()->is_looking(); }));
  const auto id = item("a.png").id;
  worklist()->set_field({id}, Worklist::Field::patient, "P-kill");
  worklist()->set_field({id}, Worklist::Field::status, "in_review");
  workbench_->open_items({id});
  ASSERT_TRUE(wait_for([&] { return studio_->current() != nullptr; }));
  window_->slide_view()->look_at({1200, 900}, 2);
  select("a.png");
  auto* notes = find<QPlainTextEdit>("item_notes");
  notes->setFocus();
  QTest::keyClicks(notes, "half a senten");
  std::ofstream(fs::path(place) / "typed") << "yes";
  QTest::qWait(60000);
}

TEST_F(WorkTest, TheCopiedCommandLineMakesTheSameArtefacts) {
  const auto& models = support::tiny_models();
  fs::create_directories(images_ / "deep folder");
  support::paint_tissue_png(images_ / "one.png", {400, 300}, {100, 60, 200, 160}, 1);
  support::paint_tissue_png(images_ / "deep folder/two.png", {360, 300}, {60, 60, 220, 180}, 2);
  auto services = make_studio_services(std::nullopt);
  make_window(services.analyze);
  open_project();
  auto* shelf = workbench_->models();
  for (const auto& package : {models.encoder, models.classifier})
    shelf->install(QString::fromStdString(package.string()));
  ASSERT_TRUE(wait_for([&] { return !shelf->is_busy(); }));
  worklist()->add_paths({QString::fromStdString(images_.string())});
  ASSERT_TRUE(wait_for([&] { return worklist()->rowCount() == 2 && !worklist()->is_looking(); }));
  worklist()->set_field(all_ids(), Worklist::Field::mpp, "1");
  worklist()->set_field({item("two.png").id}, Worklist::Field::mpp, "0.9");
  worklist()->set_field({item("one.png").id}, Worklist::Field::patient, "P 1");
  worklist()->set_field({item("one.png").id}, Worklist::Field::label, "b");
  const auto name = QString::fromStdString(workflows::describe_model(models.classifier.string()).name);
  auto plan = workbench_->plan({}, *shelf->find(name));
  ASSERT_EQ(plan.ids.size(), 2U) << (plan.refused.empty() ? "" : plan.refused.front().reason.toStdString());
  plan.request.tissue.a_t = 0;  // the pictures are small
  plan.request.options.min_tissue = 0.5;
  plan.request.options.batch = 16;
  workbench_->start(plan);
  ASSERT_TRUE(wait_for([&] { return !workbench_->jobs()->is_busy(); }));
  ASSERT_EQ(workbench_->jobs()->at(0)->state, JobState::done)
      << workbench_->jobs()->at(0)->log.join('\n').toStdString();

  // The same words at the shell, but for the folder of the results.
  auto command = workbench_->jobs()->command_line(0);
  const auto out = folder_ / "by command";
  const auto before = QString::fromStdString(plan.request.out.string());
  command.replace("--out " + before, "--out '" + QString::fromStdString(out.string()) + "'");
  command.replace(0, 7, QString::fromStdString("'" + (support::bin_folder() / "tessera").string() + "'"));
  const auto output = support::run_command(command.toStdString());
  ASSERT_EQ(output.exit_code, 0) << command.toStdString() << output.err;
  EXPECT_EQ(imaging::read_file(out / "cohort.csv"), imaging::read_file(plan.request.out / "cohort.csv"));
  for (const auto* one : {"one", "two"}) {
    for (const auto* file :
         {"result.json", "tiles.geojson", "overlay.png", "thumbnail.png", "tissue.geojson"}) {
      EXPECT_EQ(imaging::read_file(out / "cases" / one / file),
                imaging::read_file(plan.request.out / "cases" / one / file))
          << one << "/" << file;
    }
  }
  EXPECT_THAT(imaging::read_file(out / "cases/one/result.json"), testing::HasSubstr("P 1"));

  // A sign-off by the window and by the command.
  const workflows::CaseFolder by_window{plan.request.out / "cases/one"}, by_command{out / "cases/one"};
  workbench_->reports()->show(by_command.path);
  command = workbench_->reports()->sign_off_command("Dr. B", "it's \"fine\"");
  command.replace(0, 7, QString::fromStdString("'" + (support::bin_folder() / "tessera").string() + "'"));
  ASSERT_EQ(support::run_command(command.toStdString()).exit_code, 0);
  workbench_->reports()->show(by_window.path);
  workbench_->reports()->sign_off("Dr. B", "it's \"fine\"");
  ASSERT_TRUE(wait_for([&] { return !workbench_->reports()->is_working(); }));
  auto first = workflows::read_review(by_window), second = workflows::read_review(by_command);
  ASSERT_TRUE(first && second);
  first->date = second->date = "";
  EXPECT_EQ(*first, *second);
}

/// Not a check: paints the pictures of the user guide into $TESSERA_PICTURES, from phantoms and the bundled
/// model.
TEST_F(WorkTest, PaintsThePicturesOfTheGuide) {
  const auto* target = std::getenv("TESSERA_PICTURES");
  if (target == nullptr) GTEST_SKIP() << "makes pictures where TESSERA_PICTURES names a folder";
  const auto save = [&](QWidget* widget, const char* name) {
    QTest::qWait(300);
    EXPECT_TRUE(widget->grab().save(QString("%1/%2.png").arg(target, name)));
  };
  std::string table = "file,patient,laterality,label\n";
  for (int number = 1; number <= 6; ++number) {
    const bool is_tumour = number % 2 == 0;
    const auto name = fmt::format("S{}.tiff", number);
    const auto made = support::run_tessera(fmt::format(
        "phantom slide --width 3072 --height 2304 --seed {} --domain hospital-{} {} --out '{}'", number + 30,
        "abc"[number % 3], is_tumour ? "--tumour-fraction 0.25" : "", (images_ / name).string()));
    ASSERT_EQ(made.exit_code, 0) << made.err;
    table += fmt::format("{},P-{},,{}\n", name, (number + 1) / 2, is_tumour ? "tumour" : "normal");
  }
  for (int number = 1; number <= 4; ++number) {
    const bool is_right = number % 2 == 1;
    imaging::write_png(images_ / fmt::format("E{}.png", number),
                       imaging::make_fundus_phantom(
                           {.seed = number, .grade = number - 1, .laterality = is_right ? "R" : "L"})
                           .photograph);
    table += fmt::format("E{}.png,P-{},{},\n", number, (number + 1) / 2, is_right ? "R" : "L");
  }
  imaging::write_file(folder_ / "facts.csv", table);
  make_window(make_studio_services(std::nullopt).analyze);
  open_project();
  worklist()->add_paths({QString::fromStdString(images_.string())});
  ASSERT_TRUE(wait_for([&] { return worklist()->rowCount() == 10 && !worklist()->is_looking(); }));
  worklist()->import_table(QString::fromStdString((folder_ / "facts.csv").string()));
  ASSERT_TRUE(wait_for([&] { return item("S2.tiff").label == "tumour"; }));
  ASSERT_TRUE(wait_for([&] { return !workbench_->models()->is_busy(); }));
  find<QAction>("action_analyse_project")->trigger();
  save(find<QDialog>("analyse_dialog"), "studio-analyse");
  find<QDialog>("analyse_dialog")->findChild<QPushButton*>("analyse_start")->click();
  ASSERT_TRUE(QTest::qWaitFor([&] { return !workbench_->jobs()->is_busy(); }, 300000));
  worklist()->set_field({item("S2.tiff").id}, Worklist::Field::status, "done");
  worklist()->set_field({item("S4.tiff").id}, Worklist::Field::status, "flagged");
  worklist()->set_field({item("S4.tiff").id}, Worklist::Field::tags, "second look");
  workbench_->open_items({item("S4.tiff").id});
  ASSERT_TRUE(wait_for([&] { return studio_->result() && window_->slide_view()->is_complete(); }));
  select("S4.tiff");
  save(window_.get(), "studio-jobs");
  find<QDockWidget>("cohort_dock")->show();
  find<QDockWidget>("cohort_dock")->raise();
  save(window_.get(), "studio-cohort");
  find<QTabWidget>("worklist_tabs")->setCurrentIndex(1);
  find<QDockWidget>("worklist_dock")->setMinimumWidth(520);
  save(find("worklist_panel"), "studio-patients");
  find<QAction>("action_models")->trigger();
  save(find<QDialog>("models_dialog"), "studio-models");
  find<QDialog>("models_dialog")->reject();
  find<QAction>("action_report")->trigger();
  auto* report = find<QDialog>("report_dialog");
  ASSERT_TRUE(wait_for([&] { return report->findChild<QLabel*>("report_page_1") != nullptr; }));
  workbench_->reports()->sign_off("A. Painter",
                                  "Agreed; the region at the upper left is the one that matters.");
  ASSERT_TRUE(
      wait_for([&] { return workbench_->reports()->review() && !workbench_->reports()->is_working(); }));
  save(report, "studio-report");
  report->reject();
  apply_theme(*qApp, "dark");
  find<QDockWidget>("worklist_dock")->setMinimumWidth(0);
  save(window_.get(), "studio-dark");
  find<QAction>("action_preferences")->trigger();
  save(find<QDialog>("preferences_dialog"), "studio-preferences");
  apply_theme(*qApp);
}

TEST(CommandLineTest, SaysWhatDiffersFromTheDefaultsAndQuotes) {
  workflows::AnalyzeRequest request;
  request.inputs.inputs = {"/slides/it's here.svs", "b.svs"};
  request.inputs.mpp = "0.25";
  request.inputs.exclude = {"masks/*", "x"};
  request.model = "m";
  request.out = "/out";
  request.options.top_tiles = 3;
  request.options.allow_scale_mismatch = true;
  request.options.abstention.min_confidence = 0.7;
  request.tissue.reject_pen = false;
  request.runtime.device = "cpu";
  EXPECT_EQ(viewmodels::command_line_of(request).text(),
            "tessera analyze '/slides/it'\\''s here.svs' b.svs --model m --out /out --exclude 'masks/*' "
            "--exclude x --mpp "
            "0.25 --top-tiles 3 --allow-scale-mismatch --min-confidence 0.7 --no-reject-pen --device cpu");
}

}  // namespace
}  // namespace gui
