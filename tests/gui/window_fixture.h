#pragma once

#include <gtest/gtest.h>

#include <QWidget>
#include <functional>
#include <memory>

#include "app/gui/main_window.h"
#include "app/gui/work_area.h"
#include "app/viewmodels/workbench.h"
#include "tests/support/test_support.h"

namespace gui {

/// The whole window over injected services, in a folder of its own: images lie in images(), the project in
/// project(), the user's settings and models beside them.
class WindowFixture : public testing::Test {
 protected:
  WindowFixture();
  ~WindowFixture() override;

  /// Makes the window anew; what is left out does nothing.
  void make_window(viewmodels::StudioServices services);
  void close();
  /// Opens a file and waits until all that is visible is there. @param mpp  null: none is said
  void open(const std::filesystem::path& file, const char* mpp = "0.5");
  void open_project();

  template <typename Widget = QWidget>
  Widget* find(const char* name) {
    auto* widget = window_->findChild<Widget*>(name);
    EXPECT_NE(widget, nullptr) << name;
    return widget;
  }
  void trigger(const char* action);
  void click(const char* button);
  /// As a person chooses an entry of a box.
  void choose(const char* box, int index);
  [[nodiscard]] bool wait_for(const std::function<bool()>& condition, int ms = 30000);
  [[nodiscard]] std::string message() const { return window_->message_bar()->text().toStdString(); }
  SlideView* view() { return window_->slide_view(); }
  [[nodiscard]] QPoint place_of(imaging::PointD l0);
  [[nodiscard]] QColor colour_at_l0(imaging::PointD l0) { return colour_in(view(), l0); }
  [[nodiscard]] static QColor colour_in(SlideView* view, imaging::PointD l0);
  void drag(imaging::PointD from_l0, imaging::PointD to_l0);

  /// Runs a disabled test of this program in a process of its own, with its folder in TESSERA_APART.
  /// @param shell  words in front of the program, such as "unshare -m"
  [[nodiscard]] support::CommandOutput run_apart(const std::string& test,
                                                 const std::string& shell = "") const;
  /// The folder that run_apart gave; absent in the process that runs the suite.
  [[nodiscard]] static std::optional<std::filesystem::path> apart();

  support::TemporaryFolder folder_;
  std::filesystem::path images_ = folder_ / "images";
  std::filesystem::path project_ = folder_ / "study";
  std::unique_ptr<viewmodels::Studio> studio_;
  std::unique_ptr<viewmodels::Workbench> workbench_;
  std::unique_ptr<MainWindow> window_;
};

}  // namespace gui
