#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <QAbstractButton>
#include <QAction>
#include <QApplication>
#include <QElapsedTimer>
#include <QFileDialog>
#include <QGuiApplication>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QScreen>
#include <QTableView>
#include <QTest>
#include <atomic>
#include <condition_variable>
#include <fstream>
#include <mutex>

#include "imaging/annotation/annotation_files.h"
#include "imaging/base/files.h"
#include "imaging/raster/png.h"
#include "imaging/slide/reader_table.h"
#include "tests/gui/painted_case.h"
#include "tests/gui/window_fixture.h"

namespace gui {
namespace {

namespace fs = std::filesystem;
using viewmodels::AnnotationDocument;
using viewmodels::Tool;
using viewmodels::Worklist;

/// A device that stops to answer: who reads waits until it answers again.
class Device {
 public:
  void stall() { is_stalled_ = true; }
  void answer() {
    const std::lock_guard lock(mutex_);
    is_stalled_ = false;
    answers_.notify_all();
  }
  void wait(const std::stop_token& stop = {}) {
    std::unique_lock lock(mutex_);
    answers_.wait(lock, stop, [this] { return !is_stalled_; });
    if (stop.stop_requested()) throw imaging::Cancelled{};
  }

 private:
  std::atomic<bool> is_stalled_ = false;
  std::mutex mutex_;
  std::condition_variable_any answers_;
};

/// A slide on such a device.
class SlideOnDevice : public imaging::SlideReader {
 public:
  SlideOnDevice(std::unique_ptr<imaging::SlideReader> reader, Device& device)
      : reader_(std::move(reader)), device_(device) {}
  const imaging::SlideInfo& info() const override { return reader_->info(); }
  imaging::Image8 read_region(std::int64_t x, std::int64_t y, int level, imaging::SizeI size) const override {
    device_.wait();
    return reader_->read_region(x, y, level, size);
  }
  imaging::Image8 read_associated(const std::string& name) const override {
    return reader_->read_associated(name);
  }

 private:
  std::unique_ptr<imaging::SlideReader> reader_;
  Device& device_;
};

class ResilienceTest : public WindowFixture {
 protected:
  ~ResilienceTest() override {
    device_.answer();
    close();
  }
  /// Files whose names begin with "far" lie on the device.
  void make_plain_window() {
    make_window({.list_models = {},
                 .analyze = {},
                 .open = [this](const fs::path& file,
                                std::stop_token stop) -> std::shared_ptr<const imaging::SlideReader> {
                   if (!file.filename().string().starts_with("far")) return imaging::open_slide(file);
                   device_.wait(stop);
                   return std::make_shared<SlideOnDevice>(imaging::open_slide(file), device_);
                 }});
  }
  fs::path paint(const std::string& name) {
    const auto path = images_ / name;
    imaging::write_png(path, painted_image());
    return path;
  }
  void draw() {
    studio_->editor()->set_tool(Tool::rectangle);
    drag({600, 300}, {1000, 700});
  }
  AnnotationDocument* document() { return studio_->annotations(); }
  Worklist* worklist() { return workbench_->worklist(); }
  /// A project with painted files of these names.
  void open_project_with(const std::vector<std::string>& names) {
    for (const auto& name : names) paint(name);
    make_plain_window();
    open_project();
    worklist()->add_paths({QString::fromStdString(images_.string())});
    ASSERT_TRUE(wait_for([&] {
      return worklist()->rowCount() == static_cast<int>(names.size()) && !worklist()->is_looking();
    })) << message();
  }
  const store::Item& item(const std::string& name) {
    static const store::Item none;
    for (const auto& one : worklist()->items()) {
      if (fs::path(one.file).filename() == name) return one;
    }
    ADD_FAILURE() << "no item " << name;
    return none;
  }

  Device device_;
};

TEST_F(ResilienceTest, AFolderThatStallsWhileAFileIsOpenedHoldsNobodyUp) {
  const auto far = paint("far.png"), near = paint("near.png");
  device_.stall();
  make_plain_window();
  studio_->open_files({QString::fromStdString(far.string())});
  EXPECT_LT(slowest_answer(window_.get()), 100);
  open(near);
  EXPECT_EQ(colour_at_l0({800, 500}), QColor(200, 40, 160)) << "another file opens and is drawn meanwhile";
  ASSERT_TRUE(wait_for([&] { return message().find("far.png does not answer") != std::string::npos; }));
  EXPECT_EQ(studio_->slides()->rowCount(), 1);
  device_.answer();
  EXPECT_TRUE(wait_for([&] { return studio_->slides()->rowCount() == 2; })) << "it comes when it answers";
}

TEST_F(ResilienceTest, TheWindowClosesWhileAFileIsStillBeingOpened) {
  const auto far = paint("far.png");
  const auto closing_ms = [&](bool is_stalled) {
    make_plain_window();
    if (is_stalled) device_.stall();
    studio_->open_files({QString::fromStdString(far.string())});
    QTest::qWait(50);
    QElapsedTimer clock;
    clock.start();
    close();
    return clock.elapsed();
  };
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  const auto most = closing_ms(false) + 1000;  // a sanitizer takes longer to close any window
#else
  const qint64 most = 1000;
#endif
  EXPECT_LT(closing_ms(true), most);
}

TEST_F(ResilienceTest, AFolderThatStallsWhileOneLooksLeavesTheScreenAndTheWindowAlive) {
  // Larger than its overview, so that its pixels are asked for.
  const auto far = images_ / "far.png", near = paint("near.png");
  imaging::write_png(far, imaging::resize(painted_image(), {4800, 3600}));
  make_plain_window();
  open(far);
  device_.stall();
  QTest::keyClick(view(), Qt::Key_1);  // asks for tiles that are not there
  QTest::keyClick(view(), Qt::Key_Plus);
  EXPECT_LT(slowest_answer(window_.get()), 100);
  EXPECT_EQ(colour_at_l0({2400, 1800}), QColor(200, 40, 160)) << "coarser pixels stand in";
  ASSERT_TRUE(wait_for([&] { return message().find("does not answer") != std::string::npos; })) << message();
  open(near);
  EXPECT_EQ(colour_at_l0({800, 500}), QColor(200, 40, 160)) << "another slide is not held up";
  draw();
  EXPECT_TRUE(wait_for([&] { return document()->is_settled(); }));
  studio_->set_current(0);
  device_.answer();
  EXPECT_TRUE(wait_for([&] { return view()->is_complete(); }));
}

TEST_F(ResilienceTest, AnnotationsOfAFolderThatStallsAreKeptInTheUsersOwnFolder) {
  const auto slide = paint("near.png");
  const auto reader = imaging::open_slide(slide);
  const auto file = folder_ / "results/annotations.geojson";
  imaging::Annotation item;
  item.geometry = imaging::rectangle_geometry({600, 300, 400, 400});
  QString said;
  {
    AnnotationDocument document(reader->info(), file,
                                [&](const fs::path& target, const imaging::AnnotationSet& set) {
                                  if (target.parent_path() == file.parent_path()) device_.wait();
                                  imaging::write_annotations(target, set);
                                });
    QObject::connect(&document, &AnnotationDocument::problem, &document,
                     [&](const QString& sentence) { said = sentence; });
    ASSERT_TRUE(wait_for([&] { return document.is_loaded(); }));
    device_.stall();
    document.add(item);
    ASSERT_TRUE(wait_for([&] { return document.is_settled() && !said.isEmpty(); }));
    EXPECT_TRUE(said.contains("near.png does not answer")) << said.toStdString();
    EXPECT_EQ(imaging::read_annotations(document.file()).items.size(), 1U);
    EXPECT_EQ(document.file().parent_path().filename(), "annotations");
  }
  device_.answer();
  AnnotationDocument again(reader->info(), file);
  ASSERT_TRUE(wait_for([&] { return again.is_loaded(); }));
  EXPECT_EQ(again.rowCount(), 1) << "found again in the next session";
}

TEST_F(ResilienceTest, SaysThatAFileVanishedChangedOrCameBackAndReadsItAnew) {
  const auto slide = paint("near.png");
  make_plain_window();
  studio_->file_watch()->set_interval(30);
  open(slide);
  fs::rename(slide, images_ / "away");
  ASSERT_TRUE(wait_for([&] { return message().find("near.png is no longer") != std::string::npos; }));
  draw();
  QTest::keyClick(view(), Qt::Key_1);
  EXPECT_LT(slowest_answer(window_.get()), 100);
  fs::rename(images_ / "away", slide);
  ASSERT_TRUE(wait_for([&] { return message() == "near.png is back."; })) << message();

  imaging::write_png(slide, imaging::Image8(1600, 1200, 3, 90));
  ASSERT_TRUE(wait_for([&] { return message().find("near.png was changed") != std::string::npos; }));
  trigger("action_reopen");
  ASSERT_TRUE(
      wait_for([&] { return studio_->current() && view()->is_complete() && document()->is_loaded(); }));
  EXPECT_EQ(colour_at_l0({100, 100}), QColor(90, 90, 90));
  EXPECT_EQ(document()->rowCount(), 1) << "what was drawn is there still";
}

TEST_F(ResilienceTest, RefusesPipesAndDevicesWithoutWaitingForThem) {
  const auto pipe = images_ / "pipe.svs";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  make_plain_window();
  studio_->open_files({QString::fromStdString(pipe.string()), "/dev/zero"});
  ASSERT_TRUE(wait_for([&] { return !studio_->is_opening(); }, 5000));
  EXPECT_THAT(message(), testing::HasSubstr("not a regular file"));
  EXPECT_EQ(studio_->slides()->rowCount(), 0);
}

TEST_F(ResilienceTest, FindsMovedFilesAgainOneByOneAndByTheFolder) {
  open_project_with({"a.png", "b.png", "c.png"});
  worklist()->set_field({item("a.png").id}, Worklist::Field::patient, "P-1");
  const auto other = folder_ / "other place/images";
  fs::create_directories(other);
  auto image = painted_image();
  *image.pixel(3, 3) = 7;  // each file is another
  imaging::write_png(images_ / "b.png", image);
  make_plain_window();
  open_project();
  ASSERT_TRUE(wait_for([&] { return !worklist()->is_looking(); }));
  for (const auto* name : {"a.png", "b.png", "c.png"}) fs::rename(images_ / name, other / name);
  make_plain_window();
  open_project();
  ASSERT_TRUE(wait_for([&] { return worklist()->missing() == 3; }));
  EXPECT_TRUE(find("worklist_missing")->isVisible());
  EXPECT_TRUE(find<QAbstractButton>("worklist_missing")->text().contains("3"));

  worklist()->relocate(item("a.png").id, QString::fromStdString((other / "b.png").string()));
  ASSERT_TRUE(wait_for([&] { return message().find("is another one than was listed") != std::string::npos; }))
      << message();
  EXPECT_EQ(worklist()->missing(), 3);
  worklist()->relocate(item("a.png").id, QString::fromStdString((other / "a.png").string()));
  ASSERT_TRUE(wait_for([&] { return worklist()->missing() == 2 && !worklist()->is_looking(); })) << message();
  EXPECT_EQ(item("a.png").file, "../other place/images/a.png");
  EXPECT_EQ(item("a.png").patient, "P-1") << "what was said of it stays";

  click("worklist_missing");
  auto* dialog = find<QFileDialog>("missing_dialog");
  ASSERT_NE(dialog, nullptr);
  Q_EMIT dialog->fileSelected(QString::fromStdString((folder_ / "other place").string()));
  dialog->reject();
  ASSERT_TRUE(wait_for([&] { return worklist()->missing() == 0 && !worklist()->is_looking(); })) << message();
  EXPECT_EQ(item("c.png").file, "../other place/images/c.png");
  worklist()->undo_stack()->undo();
  EXPECT_EQ(item("c.png").file, "../images/c.png");
  worklist()->undo_stack()->redo();
  make_plain_window();
  open_project();
  ASSERT_TRUE(wait_for([&] { return !worklist()->is_looking(); }));
  EXPECT_EQ(worklist()->missing(), 0) << "kept in the project";
}

TEST_F(ResilienceTest, AWindowThatLayOnAScreenThatIsGoneComesBackOnOneThatIsThere) {
  make_plain_window();
  window_->restore_place();
  window_->resize(window_->minimumSizeHint() + QSize(20, 30));
  const auto size = window_->size();
  window_->move(20, 30);
  window_->close();
  make_plain_window();
  window_->restore_place();
  EXPECT_EQ(window_->size(), size) << "found again as it was";

  window_->move(20000, 15000);
  window_->resize(7000, 5000);
  window_->close();
  make_plain_window();
  window_->restore_place();
  QTest::qWait(20);
  const auto room = QGuiApplication::primaryScreen()->availableGeometry();
  EXPECT_TRUE(room.intersects(window_->geometry()));
  EXPECT_LE(window_->width(), room.width());
  EXPECT_LE(window_->height(), room.height());
  EXPECT_TRUE(room.contains(window_->geometry().center()));
}

TEST_F(ResilienceTest, AKillTakesNoAnnotationThatWasDrawnTwoSecondsAgo) {
  paint("near.png");
  const auto program = fs::read_symlink("/proc/self/exe").string();
  const auto child = fork();
  if (child == 0) {
    setenv("TESSERA_APART", folder_.path().c_str(), 1);
    execl(program.c_str(), program.c_str(), "--gtest_also_run_disabled_tests",
          "--gtest_filter=ResilienceTest.DISABLED_DrawsAndIsKilled", nullptr);
    _exit(127);
  }
  ASSERT_TRUE(wait_for([&] { return fs::exists(folder_ / "drawn"); }));
  QTest::qWait(2000);
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));

  make_plain_window();
  open(images_ / "near.png");
  ASSERT_EQ(document()->rowCount(), 2);
  const auto& named = *document()->items()[1];
  EXPECT_EQ(named.name, "half a na") << "typed, and not ended with Return";
  EXPECT_EQ(named.notes, "half a sen");
  EXPECT_NEAR(imaging::bounds_of(document()->items()[0]->geometry).x, 600, 3);
}

TEST_F(ResilienceTest, DISABLED_DrawsAndIsKilled) {
  if (!apart()) GTEST_SKIP() << "run by AKillTakesNoAnnotationThatWasDrawnTwoSecondsAgo";
  make_plain_window();
  open(images_ / "near.png");
  draw();
  drag({100, 100}, {300, 300});
  trigger("action_annotations");
  auto* notes = find<QPlainTextEdit>("annotation_notes");
  notes->setFocus();
  QTest::keyClicks(notes, "half a sen");
  auto* name = find<QLineEdit>("annotation_name");
  name->setFocus();
  QTest::keyClicks(name, "half a na");
  std::ofstream(*apart() / "drawn") << "yes";
  QTest::qWait(60000);
}

TEST_F(ResilienceTest, AFullDiskIsSaidAndAllIsSavedWhenThereIsRoom) {
  paint("near.png");
  fs::create_directories(project_);
  const auto output = run_apart("ResilienceTest.DISABLED_OnASmallDisk", "unshare --mount");
  if (output.err.find("unshare") != std::string::npos) GTEST_SKIP() << "needs the right to mount";
  EXPECT_EQ(output.exit_code, 0) << output.out << output.err;
}

TEST_F(ResilienceTest, DISABLED_OnASmallDisk) {
  if (!apart()) GTEST_SKIP() << "run by AFullDiskIsSaidAndAllIsSavedWhenThereIsRoom";
  const auto slides = *apart() / "small";
  fs::create_directories(slides);
  ASSERT_EQ(mount("tmpfs", project_.c_str(), "tmpfs", 0, "size=4m"), 0);
  ASSERT_EQ(mount("tmpfs", slides.c_str(), "tmpfs", 0, "size=256k"), 0);
  fs::copy_file(images_ / "near.png", slides / "near.png");
  make_plain_window();
  open_project();
  worklist()->add_paths({QString::fromStdString(slides.string())});
  ASSERT_TRUE(wait_for([&] { return worklist()->rowCount() == 1 && !worklist()->is_looking(); }))
      << message();
  open(slides / "near.png");
  draw();
  ASSERT_TRUE(wait_for([&] { return document()->is_settled() && workbench_->keeper()->waiting() == 0; }));
  for (const auto& place : {project_, slides}) {
    std::ofstream filler(place / "filler");
    const std::string block(1024, 'x');
    while (filler.write(block.data(), 1024).flush()) {
    }
  }
  QStringList said;
  QObject::connect(workbench_.get(), &viewmodels::Workbench::notice, window_.get(),
                   [&](const QString& sentence) { said << sentence; });
  QObject::connect(studio_.get(), &viewmodels::Studio::notice, window_.get(),
                   [&](const QString& sentence) { said << sentence; });
  const auto has_said = [&](const char* words) {
    return wait_for([&] { return !said.filter(words).isEmpty(); });
  };
  worklist()->set_field({item("near.png").id}, Worklist::Field::notes, QString(300000, 'n'));
  EXPECT_TRUE(has_said("saved as soon as it works again")) << said.join('\n').toStdString();
  for (int i = 0; i < 40; ++i) {
    imaging::Annotation one;
    one.geometry = imaging::rectangle_geometry({10.0 * i, 10, 5, 5});
    one.notes = std::string(1000, 'a');
    document()->add(one);
  }
  EXPECT_TRUE(has_said("not saved yet, and are kept in the window")) << said.join('\n').toStdString();
  EXPECT_LT(slowest_answer(window_.get()), 100);
  EXPECT_EQ(document()->rowCount(), 41);

  for (const auto& place : {project_, slides}) fs::remove(place / "filler");
  worklist()->set_field({item("near.png").id}, Worklist::Field::notes, "short");
  EXPECT_TRUE(has_said("All changes of the project are saved after all")) << said.join('\n').toStdString();
  EXPECT_TRUE(has_said("All annotations are saved after all")) << said.join('\n').toStdString();
  ASSERT_TRUE(wait_for([&] { return document()->is_settled() && workbench_->keeper()->waiting() == 0; }));
  EXPECT_EQ(imaging::read_annotations(document()->file()).items.size(), 41U);
  make_plain_window();
  open_project();
  EXPECT_EQ(item("near.png").notes, "short");
}

TEST_F(ResilienceTest, AProjectOnAReadOnlyMediumIsShownAndSaysSo) {
  open_project_with({"near.png"});
  worklist()->set_field({item("near.png").id}, Worklist::Field::patient, "P-7");
  close();
  const auto output = run_apart("ResilienceTest.DISABLED_OnAReadOnlyMedium", "unshare --mount");
  if (output.err.find("unshare") != std::string::npos) GTEST_SKIP() << "needs the right to mount";
  EXPECT_EQ(output.exit_code, 0) << output.out << output.err;
}

TEST_F(ResilienceTest, DISABLED_OnAReadOnlyMedium) {
  if (!apart()) GTEST_SKIP() << "run by AProjectOnAReadOnlyMediumIsShownAndSaysSo";
  for (const auto& place : {project_, images_}) {
    ASSERT_EQ(mount(place.c_str(), place.c_str(), nullptr, MS_BIND, nullptr), 0);
    ASSERT_EQ(mount(nullptr, place.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr), 0);
  }
  make_plain_window();
  open_project();
  EXPECT_THAT(message(), testing::HasSubstr("cannot be written to"));
  ASSERT_TRUE(wait_for([&] { return !worklist()->is_looking(); }));
  EXPECT_EQ(item("near.png").patient, "P-7");
  EXPECT_FALSE(find<QAction>("action_add_files")->isEnabled());
  find<QTableView>("worklist_table")->selectRow(0);
  EXPECT_FALSE(find("item_patient")->isEnabled());
  open(images_ / "near.png");
  draw();  // the slide's folder cannot be written to: the user's own takes it
  ASSERT_TRUE(wait_for([&] { return document()->is_settled(); }));
  EXPECT_THAT(message(), testing::HasSubstr("annotations are kept in"));
  EXPECT_EQ(imaging::read_annotations(document()->file()).items.size(), 1U);
}

}  // namespace
}  // namespace gui
