#include <QAbstractButton>
#include <QAction>
#include <QComboBox>
#include <QDialog>
#include <QDialogButtonBox>
#include <QFileDialog>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QTest>
#include <cstdlib>

#include "app/gui/studio_services.h"
#include "imaging/base/files.h"
#include "imaging/phantom/fundus_phantom.h"
#include "imaging/phantom/slide_phantom.h"
#include "imaging/raster/png.h"
#include "tests/gui/window_fixture.h"

namespace gui {
namespace {

namespace fs = std::filesystem;

/// What somebody does who has never seen the window, with the bundled models and nothing but what is on the
/// screen: each step is found by the words that stand there. TESSERA_PICTURES names a folder for a picture of
/// each step.
class NewUserTest : public WindowFixture {
 protected:
  NewUserTest() { qunsetenv("TESSERA_MODELS"); }

  void see(const char* step, QWidget* widget = nullptr) {
    const auto* target = std::getenv("TESSERA_PICTURES");
    if (target == nullptr) return;
    QTest::qWait(250);
    (widget != nullptr ? widget : window_.get())
        ->grab()
        .save(QString("%1/user-%2-%3.png").arg(target).arg(++step_, 2, 10, QChar('0')).arg(step));
  }
  /// A button by the word on it, where it is visible and can be pressed.
  QAbstractButton* button(const QString& word, QWidget* in = nullptr) {
    for (auto* one : (in != nullptr ? in : window_.get())->findChildren<QAbstractButton*>()) {
      auto text = one->text();
      if (text.remove('&') == word && one->isVisible()) return one;
    }
    ADD_FAILURE() << "no button says " << word.toStdString();
    return nullptr;
  }
  void press(const QString& word, QWidget* in = nullptr) {
    auto* found = button(word, in);
    ASSERT_NE(found, nullptr);
    ASSERT_TRUE(found->isEnabled()) << word.toStdString() << ": " << found->toolTip().toStdString();
    QTest::mouseClick(found, Qt::LeftButton);
  }
  template <typename Dialog>
  Dialog* dialog(const char* name) {
    Dialog* found = nullptr;
    EXPECT_TRUE(wait_for([&] {
      found = window_->findChild<Dialog*>(name);
      return found != nullptr && found->isVisible();
    })) << name;
    return found;
  }
  void choose_in_dialog(const char* name, const fs::path& file) {
    auto* found = dialog<QFileDialog>(name);
    ASSERT_NE(found, nullptr);
    found->setDirectory(QString::fromStdString(file.parent_path().string()));
    auto* line = found->findChild<QLineEdit*>("fileNameEdit");
    ASSERT_NE(line, nullptr);
    line->setText(QString::fromStdString(file.string()));
    see(name, found);
    accept(found);
  }
  /// Presses Open or Save as soon as the dialog knows the file.
  void accept(QFileDialog* in) {
    auto* box = in->findChild<QDialogButtonBox*>("buttonBox");
    ASSERT_NE(box, nullptr);
    auto* yes = box->button(in->acceptMode() == QFileDialog::AcceptSave ? QDialogButtonBox::Save
                                                                        : QDialogButtonBox::Open);
    ASSERT_TRUE(wait_for([&] { return yes->isEnabled(); }));
    QTest::mouseClick(yes, Qt::LeftButton);
  }
  void sign_off_and_save(const fs::path& target) {
    trigger("action_report");
    auto* report = dialog<QDialog>("report_dialog");
    ASSERT_NE(report, nullptr);
    ASSERT_TRUE(wait_for([&] { return report->findChild<QLabel*>("report_page_1") != nullptr; }))
        << message();
    auto* reviewer = report->findChild<QLineEdit*>("report_reviewer");
    if (reviewer->text().isEmpty()) QTest::keyClicks(reviewer, "A. Newcomer");  // it is remembered
    EXPECT_EQ(reviewer->text(), "A. Newcomer");
    QTest::keyClicks(report->findChild<QPlainTextEdit*>("report_note"), "Seen.");
    see("report", report);
    press("Sign off", report);
    ASSERT_TRUE(wait_for([&] {
      return report->findChild<QLabel*>("report_state")->text().contains("Signed off by A. Newcomer");
    })) << message();
    see("signed", report);
    press("Save PDF…", report);
    auto* save = report->findChild<QFileDialog*>("report_export_dialog");
    ASSERT_NE(save, nullptr);
    save->findChild<QLineEdit*>("fileNameEdit")->setText(QString::fromStdString(target.string()));
    accept(save);
    ASSERT_TRUE(wait_for([&] { return fs::exists(target); })) << message();
    EXPECT_TRUE(imaging::read_file(target).starts_with("%PDF"));
    report->reject();
  }

  int step_ = 0;
};

TEST_F(NewUserTest, ComesFromTheFirstStartToTheReportsOfASlideAndOfAFundusPhotograph) {
  const auto slide = images_ / "biopsy.tiff";
  imaging::write_slide_phantom(
      slide,
      {.width = 2048, .height = 1536, .mpp = 0.5, .seed = 7, .domain = "hospital-b", .tumour_fraction = 0.3},
      {}, 2);
  for (const auto* side : {"R", "L"}) {
    imaging::write_png(images_ / (std::string(side) == "R" ? "P1_right.png" : "P1_left.png"),
                       imaging::make_fundus_phantom({.seed = 5, .grade = 3, .laterality = side}).photograph);
  }
  make_window(make_studio_services(std::nullopt));
  see("start");

  press("Open…");
  choose_in_dialog("open_dialog", slide);
  ASSERT_TRUE(wait_for([&] { return studio_->current() && view()->is_complete(); })) << message();
  see("slide");
  ASSERT_TRUE(wait_for([&] { return studio_->has_listed_models(); }));
  press("Analyse");
  see("running");
  ASSERT_TRUE(wait_for([&] { return studio_->result() && !studio_->analysis()->is_running(); }, 240000))
      << message();
  ASSERT_TRUE(wait_for([&] { return view()->is_complete(); }));
  see("result");
  auto* tiles = find<QListView>("top_tiles");
  QTest::mouseClick(tiles->viewport(), Qt::LeftButton, {},
                    tiles->visualRect(tiles->model()->index(0, 0)).center());
  ASSERT_TRUE(wait_for([&] { return view()->is_complete(); }));
  see("top-tile");
  sign_off_and_save(folder_ / "slide.pdf");

  press("Open…");
  choose_in_dialog("open_dialog", images_ / "P1_right.png");
  ASSERT_TRUE(wait_for([&] { return studio_->current()->is_fundus && view()->is_complete(); })) << message();
  see("eye");
  EXPECT_TRUE(find<QComboBox>("model_chooser")->currentText().contains("retina"))
      << "the model that fits is chosen: " << find<QComboBox>("model_chooser")->currentText().toStdString();
  press("Analyse");
  ASSERT_TRUE(wait_for(
      [&] { return studio_->result() && studio_->result()->fundus && !studio_->analysis()->is_running(); },
      240000))
      << message();
  ASSERT_TRUE(wait_for([&] { return view()->is_complete(); }));
  see("graded");
  press("Both eyes");
  ASSERT_TRUE(wait_for([&] { return window_->view_grid()->views().size() == 2; }));
  ASSERT_TRUE(
      wait_for([&] { return std::ranges::all_of(window_->view_grid()->views(), &SlideView::is_complete); }));
  see("both-eyes");
  EXPECT_EQ(studio_->current()->path().filename(), "P1_right.png");
  sign_off_and_save(folder_ / "eye.pdf");
  EXPECT_EQ(message().find("cannot"), std::string::npos) << message();
}

}  // namespace
}  // namespace gui
