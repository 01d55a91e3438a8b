#pragma once

#include <QObject>
#include <QString>
#include <QStringList>
#include <QTimer>
#include <filesystem>
#include <optional>
#include <string>

#include "app/gui/main_window.h"

namespace gui {

struct ScriptOptions {
  QStringList files;
  std::optional<std::filesystem::path> screenshot;
  std::optional<std::string> model;
  std::optional<std::filesystem::path> out;
  std::optional<std::string> mpp;
  bool analyze = false;
  std::optional<std::filesystem::path> annotations;  ///< added to the first file
  std::optional<imaging::RectD> look_at;             ///< level-0 pixels
  std::optional<int> views;
  std::string panel = "analysis";  ///< analysis | annotations | display
  std::optional<int> channel;      ///< of viewmodels::Display
};

/// Drives the window from the command line: opens, analyses, waits until all that is visible has arrived,
/// saves a picture of the window and ends the program. Without a screenshot the window stays.
class ScriptedRun : public QObject {
  Q_OBJECT
 public:
  ScriptedRun(ScriptOptions options, viewmodels::Studio* studio, MainWindow* window);
  void start();

 private:
  enum class Step { open, list_models, analyse, arrange, settle };

  void advance();
  void arrange();
  [[nodiscard]] bool is_quiet() const;
  void finish();
  void fail(const QString& reason);

  ScriptOptions options_;
  viewmodels::Studio* studio_;
  MainWindow* window_;
  QTimer timer_;
  Step step_ = Step::open;
  int quiet_turns_ = 0;
  QString problem_;
};

}  // namespace gui
