#include <QAbstractButton>
#include <QAbstractItemView>
#include <QAbstractSpinBox>
#include <QAction>
#include <QApplication>
#include <QComboBox>
#include <QDialog>
#include <QDockWidget>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QMenuBar>
#include <QPlainTextEdit>
#include <QScrollBar>
#include <QSlider>
#include <QTabBar>
#include <QTabWidget>
#include <QTest>
#include <QToolBar>
#include <QToolButton>
#include <QTranslator>
#include <QTreeWidget>
#include <set>

#include "app/gui/actions.h"
#include "app/gui/language.h"
#include "imaging/raster/png.h"
#include "tests/gui/painted_case.h"
#include "tests/gui/reference_picture.h"
#include "tests/gui/window_fixture.h"

namespace gui {
namespace {

namespace fs = std::filesystem;

void add_actions(const QMenu& menu, std::vector<QAction*>& found) {
  for (auto* action : menu.actions()) {
    if (action->menu() != nullptr) {
      add_actions(*action->menu(), found);
    } else if (!action->isSeparator()) {
      found.push_back(action);
    }
  }
}

/// A window with everything in it: a slide with its analysis, masks and annotations, a photograph of the
/// retina, a project, and every dock shown.
class WalkTest : public WindowFixture {
 protected:
  WalkTest() {
    for (const auto* name : {"a.png", "b.png"}) imaging::write_png(images_ / name, painted_image());
    const auto out = viewmodels::output_folder(images_ / "a.png", std::nullopt);
    write_case(out, "a", images_ / "a.png");
    write_mask_case(out / "masks", "a", images_ / "a.png");
  }
  ~WalkTest() override {
    close();
    for (auto* words : words_) QApplication::removeTranslator(words);
  }
  /// From the next window on.
  void speak_german() {
    install_language(*qApp, "en");  // loads the words
    for (const auto* name : {":/translations/tessera_de.qm"}) {
      auto* words = new QTranslator(qApp);
      ASSERT_TRUE(words->load(name));
      QApplication::installTranslator(words);
      words_.push_back(words);
    }
  }
  void make_full_window() {
    make_window(
        {.list_models =
             [] {
               return std::vector<viewmodels::ModelChoice>{{"painted model", "for tests", "painted"}};
             },
         .analyze =
             [](const workflows::AnalyzeRequest& request,
                const std::function<void(const workflows::RunRow&)>& on_case, const imaging::JobContext&) {
               workflows::RunSummary summary{request.out, {}};
               for (const auto& input : request.inputs.inputs) {
                 const fs::path file = input;
                 workflows::RunRow row{
                     .file = file.filename().string(), .case_name = file.stem().string(), .status = "done"};
                 write_case(request.out, row.case_name, file, row.case_name == "a" ? 0.9 : 0.2);
                 imaging::write_png(workflows::CaseFolder{request.out / "cases" / row.case_name}.thumbnail(),
                                    painted_image());
                 row.result = workflows::CaseFolder{request.out / "cases" / row.case_name}.read_result();
                 summary.rows.push_back(row);
                 on_case(row);
               }
               return summary;
             }});
    open_project();
    auto* worklist = workbench_->worklist();
    worklist->add_paths({QString::fromStdString(images_.string())});
    ASSERT_TRUE(wait_for([&] { return worklist->rowCount() == 2 && !worklist->is_looking(); })) << message();
    worklist->set_field({1, 2}, viewmodels::Worklist::Field::mpp, "0.5");
    worklist->set_field({1}, viewmodels::Worklist::Field::label, "tumour");
    worklist->set_field({2}, viewmodels::Worklist::Field::label, "normal");
    worklist->set_field({1, 2}, viewmodels::Worklist::Field::patient, "P-1");
    worklist->set_field({2}, viewmodels::Worklist::Field::status, "flagged");
    worklist->set_field({2}, viewmodels::Worklist::Field::tags, "second look");
    ASSERT_TRUE(wait_for([&] { return !workbench_->models()->is_busy(); }));
    workflows::ModelCard card;
    card.name = "painted model";
    card.task = "slide-classification";
    card.path = "painted";
    card.spacing_um_px = 0.5;
    card.mpp_tolerance = 0.1;
    workbench_->start(workbench_->plan({}, card));
    ASSERT_TRUE(wait_for([&] { return !workbench_->jobs()->is_busy(); }));
    open(images_ / "a.png");
    ASSERT_TRUE(wait_for([&] {
      return studio_->result() && studio_->mask_result() && view()->is_complete() &&
             !workbench_->cohort()->is_reading();
    })) << message();
    studio_->editor()->set_tool(viewmodels::Tool::rectangle);
    drag({600, 300}, {1000, 700});
    for (const auto* dock : {"worklist_dock", "jobs_dock", "cohort_dock"}) find<QDockWidget>(dock)->show();
    find<QTableViewBase>("worklist_table")->setCurrentIndex({});
    QTest::qWait(60);
  }
  using QTableViewBase = QAbstractItemView;

  /// All entries of menus and tool bars.
  std::vector<QAction*> actions() {
    std::vector<QAction*> found;
    for (auto* action : window_->menuBar()->actions()) {
      if (action->menu() != nullptr) add_actions(*action->menu(), found);
    }
    add_actions(*find<QMenu>("annotation_menu"), found);
    for (auto* bar : window_->findChildren<QToolBar*>()) {
      for (auto* action : bar->actions()) {
        if (!action->isSeparator() && std::ranges::find(found, action) == found.end())
          found.push_back(action);
      }
    }
    return found;
  }
  /// Opens every dialog of the menus that needs nothing more.
  QList<QDialog*> open_dialogs() {
    for (const auto* action :
         {"action_keys", "action_models", "action_preferences", "action_report", "action_analyse_project"})
      trigger(action);
    EXPECT_TRUE(wait_for([&] { return !workbench_->reports()->is_working(); }));
    QTest::qWait(150);
    return window_->findChildren<QDialog*>(Qt::FindDirectChildrenOnly);
  }

 private:
  std::vector<QTranslator*> words_;
};

TEST_F(WalkTest, EveryActionHasANameATextATipAndKeysOfItsOwn) {
  make_full_window();
  const auto all = actions();
  EXPECT_GT(all.size(), 55U);
  std::set<QString> names;
  for (const auto* action : all) {
    EXPECT_FALSE(action->objectName().isEmpty()) << action->text().toStdString();
    EXPECT_TRUE(action->objectName() == "action_recent_project" || names.insert(action->objectName()).second)
        << "twice: " << action->objectName().toStdString();
    EXPECT_FALSE(action->text().isEmpty()) << action->objectName().toStdString();
    EXPECT_FALSE(action->toolTip().isEmpty()) << action->objectName().toStdString();
    for (const auto& key : action->shortcuts().mid(0, 1)) {
      const auto words = key.toString(QKeySequence::NativeText);
      if (action->objectName().startsWith("action_project_")) continue;  // Qt's own undo
      EXPECT_TRUE(action->toolTip().contains(words))
          << action->objectName().toStdString() << " does not tell its key " << words.toStdString();
    }
  }
  // Two actions may share a key only where the focus tells them apart.
  const auto places_of = [](const QAction* action) {
    std::vector<QWidget*> places;
    for (auto* object : action->associatedObjects()) {
      auto* widget = qobject_cast<QWidget*>(object);
      if (widget && !qobject_cast<QMenu*>(widget) && !qobject_cast<QToolBar*>(widget) &&
          !qobject_cast<QToolButton*>(widget))
        places.push_back(widget);
    }
    return places;
  };
  const auto meet = [&](const QAction* a, const QAction* b) {
    if (a->shortcutContext() != Qt::WidgetWithChildrenShortcut ||
        b->shortcutContext() != Qt::WidgetWithChildrenShortcut)
      return true;
    for (auto* x : places_of(a)) {
      for (auto* y : places_of(b)) {
        if (x == y || x->isAncestorOf(y) || y->isAncestorOf(x)) return true;
      }
    }
    return false;
  };
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = i + 1; j < all.size(); ++j) {
      for (const auto& key : all[i]->shortcuts()) {
        EXPECT_FALSE(all[j]->shortcuts().contains(key) && meet(all[i], all[j]))
            << key.toString().toStdString() << ": " << all[i]->objectName().toStdString() << " and "
            << all[j]->objectName().toStdString();
      }
    }
  }
}

TEST_F(WalkTest, TheKeyMapListsWhatTheActionsSayAndNothingElse) {
  make_full_window();
  trigger("action_keys");
  auto* list = find<QTreeWidget>("keys_list");
  ASSERT_NE(list, nullptr);
  std::map<QString, QString> listed;
  for (int i = 0; i < list->topLevelItemCount(); ++i) {
    const auto* group = list->topLevelItem(i);
    for (int j = 0; j < group->childCount(); ++j)
      listed[group->child(j)->data(0, Qt::UserRole).toString()] = group->child(j)->text(1);
  }
  std::size_t with_keys = 0;
  for (const auto* action : actions()) {
    if (action->shortcuts().isEmpty()) continue;
    ++with_keys;
    ASSERT_TRUE(listed.contains(action->objectName())) << action->objectName().toStdString();
    EXPECT_TRUE(listed[action->objectName()].contains(action->shortcut().toString(QKeySequence::NativeText)));
  }
  EXPECT_EQ(listed.size(), with_keys);
  QTest::keyClicks(find<QLineEdit>("keys_search"), "crosshair");
  int shown = 0;
  for (int i = 0; i < list->topLevelItemCount(); ++i) {
    for (int j = 0; j < list->topLevelItem(i)->childCount(); ++j)
      shown += list->topLevelItem(i)->child(j)->isHidden() ? 0 : 1;
  }
  EXPECT_EQ(shown, 1);
}

TEST_F(WalkTest, LettersSteerTheViewAndStayLettersInFields) {
  make_full_window();
  window_->activateWindow();
  view()->setFocus();
  QTest::keyClick(view(), Qt::Key_C);
  EXPECT_TRUE(view()->has_crosshair());
  QTest::keyClick(view(), Qt::Key_E);
  EXPECT_EQ(studio_->editor()->tool(), viewmodels::Tool::ellipse);
  auto* search = find<QLineEdit>("worklist_search");
  search->setFocus();
  QTest::keyClicks(search, "c");
  EXPECT_EQ(search->text(), "c");
  EXPECT_TRUE(view()->has_crosshair());
}

bool is_control(const QWidget* widget) {
  return qobject_cast<const QAbstractButton*>(widget) || qobject_cast<const QComboBox*>(widget) ||
         qobject_cast<const QAbstractSlider*>(widget) || qobject_cast<const QAbstractSpinBox*>(widget) ||
         qobject_cast<const QLineEdit*>(widget) || qobject_cast<const QPlainTextEdit*>(widget) ||
         qobject_cast<const QAbstractItemView*>(widget) || qobject_cast<const QTabBar*>(widget);
}

/// Parts of Qt's own controls.
bool is_part(const QWidget* widget) {
  const auto* parent = widget->parentWidget();
  if (qobject_cast<const QScrollBar*>(widget) || qobject_cast<const QHeaderView*>(widget)) return true;
  return parent && (is_control(parent) || parent->inherits("QComboBoxPrivateContainer") ||
                    qobject_cast<const QTabWidget*>(parent) || qobject_cast<const QDockWidget*>(parent) ||
                    qobject_cast<const QToolBar*>(parent) || qobject_cast<const QMenuBar*>(parent) ||
                    widget->objectName().startsWith("qt_"));
}

TEST_F(WalkTest, EveryControlOfWindowAndDialogsHasNameTipAndAPlaceInTheTabOrder) {
  make_full_window();
  const auto dialogs = open_dialogs();
  EXPECT_GE(dialogs.size(), 5U);
  std::size_t controls = 0;
  for (auto* widget : window_->findChildren<QWidget*>()) {
    if (!is_control(widget) || is_part(widget)) continue;
    if (qobject_cast<QTabBar*>(widget) && widget->objectName().isEmpty()) {  // of the docks
      continue;
    }
    ++controls;
    const auto* button = qobject_cast<QAbstractButton*>(widget);
    const auto who = widget->objectName().toStdString() + " (" + widget->metaObject()->className() + ") in " +
                     widget->parentWidget()->objectName().toStdString();
    EXPECT_FALSE(widget->objectName().isEmpty()) << who;
    EXPECT_FALSE(widget->accessibleName().isEmpty() && (!button || button->text().isEmpty())) << who;
    EXPECT_FALSE(widget->toolTip().isEmpty()) << who;
    EXPECT_NE(widget->focusPolicy() & Qt::TabFocus, 0) << who << " cannot be reached by Tab";
  }
  EXPECT_GT(controls, 90U);

  // Tab goes down each panel: nothing that stands lower comes before what stands above it.
  const auto check_order = [](QWidget* panel) {
    std::vector<QWidget*> order;
    for (auto* widget = panel->nextInFocusChain(); widget != panel; widget = widget->nextInFocusChain()) {
      if (panel->isAncestorOf(widget) && widget->isVisibleTo(panel) && is_control(widget) && !is_part(widget))
        order.push_back(widget);
    }
    for (std::size_t i = 1; i < order.size(); ++i) {
      const auto before = order[i - 1]->mapTo(panel, QPoint(0, order[i - 1]->height()));
      const auto after = order[i]->mapTo(panel, QPoint(0, order[i]->height()));
      const auto top = order[i - 1]->mapTo(panel, QPoint(0, 0));
      EXPECT_TRUE(after.y() > top.y())
          << panel->objectName().toStdString() << ": " << order[i - 1]->objectName().toStdString() << " at "
          << before.y() << " goes before " << order[i]->objectName().toStdString() << " at " << after.y();
    }
  };
  for (const auto* panel : {"analysis_panel", "tissue_panel", "mask_panel", "heatmap_panel",
                            "annotation_panel", "display_panel", "worklist_panel", "adapt_panel"})
    check_order(find(panel));
}

/// Words that a widget has no room for.
std::vector<std::string> clipped_words(QWidget* root) {
  std::vector<std::string> found;
  const auto tell = [&](const QWidget* widget, const QString& text) {
    found.push_back(widget->objectName().toStdString() + " in " +
                    (widget->parentWidget() ? widget->parentWidget()->objectName().toStdString() : "") +
                    ": " + text.toStdString());
  };
  const auto is_behind = [](const QWidget* widget) {  // of another tab
    for (; widget != nullptr; widget = widget->parentWidget()) {
      if (qobject_cast<const QDockWidget*>(widget)) return widget->visibleRegion().isEmpty();
    }
    return false;
  };
  for (auto* label : root->findChildren<QLabel*>()) {
    if (!label->isVisible() || is_behind(label) || label->text().isEmpty() ||
        label->sizePolicy().horizontalPolicy() == QSizePolicy::Ignored)
      continue;
    const bool fits = label->wordWrap() ? label->heightForWidth(label->width()) <= label->height() + 2
                                        : label->sizeHint().width() <= label->width() + 2;
    if (!fits) tell(label, label->text());
  }
  for (auto* button : root->findChildren<QAbstractButton*>()) {
    if (!button->isVisible() || button->text().isEmpty() || is_part(button)) continue;
    if (button->sizeHint().width() > button->width() + 2) tell(button, button->text());
  }
  for (auto* bar : root->findChildren<QTabBar*>()) {
    for (int i = 0; i < bar->count(); ++i) {
      constexpr int kPadding = 12;
      if (bar->isVisible() &&
          bar->fontMetrics().horizontalAdvance(bar->tabText(i)) + kPadding > bar->tabRect(i).width())
        tell(bar, bar->tabText(i));
    }
  }
  return found;
}

TEST_F(WalkTest, NoWordIsCutOffInEitherLanguage) {
  for (const bool is_german : {false, true}) {
    if (is_german) speak_german();
    make_full_window();
    EXPECT_EQ(find<QAbstractButton>("analyse")->text(), QString(is_german ? "Auswerten" : "Analyse"));
    window_->resize(1600, 1000);
    for (const auto* action :
         {"action_analysis_tab", "action_annotations", "action_display", "action_adapt"}) {
      trigger(action);
      QTest::qWait(60);
      for (const auto& words : clipped_words(window_.get()))
        ADD_FAILURE() << (is_german ? "German: " : "") << words;
    }
    for (auto* dialog : open_dialogs()) {
      for (const auto& words : clipped_words(dialog)) ADD_FAILURE() << (is_german ? "German: " : "") << words;
    }
    if (const auto* target = std::getenv("TESSERA_PICTURES"); target != nullptr && is_german) {
      for (auto* dialog : open_dialogs())
        dialog->grab().save(QString("%1/de-%2.png").arg(target, dialog->objectName()));
      for (const auto* action :
           {"action_analysis_tab", "action_annotations", "action_display", "action_adapt"}) {
        trigger(action);
        QTest::qWait(60);
        window_->grab().save(QString("%1/de-%2.png").arg(target, action));
      }
    }
  }
}

TEST_F(WalkTest, TheWorkingHalfLooksAsItDidWhenAPersonLookedAtIt) {
  make_full_window();
  const auto picture = [&](const char* widget, const char* name, QSize size) {
    auto* shown = find(widget);
    shown->setParent(nullptr, Qt::Window);
    shown->resize(size);
    shown->show();
    QTest::qWait(80);
    expect_as_before(shown->grab().toImage(), name);
    shown->hide();
    shown->setParent(window_.get(), Qt::Widget);
  };
  picture("cohort_panel", "cohort", {1100, 260});
  // The real log holds times and the test's own folder.
  find<QPlainTextEdit>("jobs_log")
      ->setPlainText("12:00:00 started: tessera analyze a.png b.png\n12:00:01 done");
  picture("jobs_panel", "jobs", {900, 220});
  find<QAbstractItemView>("worklist_table")
      ->setCurrentIndex(find<QAbstractItemView>("worklist_table")->model()->index(1, 0));
  picture("worklist_panel", "worklist", {520, 640});
  picture("mask_panel", "masks", {330, 140});
  trigger("action_keys");
  auto* keys = find<QDialog>("keys_dialog");
  QTest::qWait(50);
  expect_as_before(keys->grab().toImage(), "keys");
}

}  // namespace
}  // namespace gui
