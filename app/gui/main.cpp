#include <QApplication>
#include <QCommandLineParser>
#include <QFileInfo>
#include <QRegularExpression>
#include <algorithm>
#include <cstdio>

#include "app/gui/language.h"
#include "app/gui/main_window.h"
#include "app/gui/scripted_run.h"
#include "app/gui/studio_services.h"
#include "app/gui/theme.h"
#include "app/gui/work_area.h"
#include "app/workflows/threads.h"
#include "imaging/base/process_memory.h"
#include "imaging/base/version.h"

namespace {

constexpr int kUsage = 2;
constexpr int kBadInput = 3;

std::optional<std::string> value_of(const QCommandLineParser& parser, const QCommandLineOption& option) {
  return parser.isSet(option) ? std::optional{parser.value(option).toStdString()} : std::nullopt;
}

/// Qt ends the process with a crash where X11 or Wayland cannot be reached; this says it in a sentence.
bool has_display() {
  return qEnvironmentVariableIsSet("QT_QPA_PLATFORM") || qEnvironmentVariableIsSet("DISPLAY") ||
         qEnvironmentVariableIsSet("WAYLAND_DISPLAY");
}

}  // namespace

int main(int argc, char** argv) {
  workflows::start_with_fast_libraries(argv);
  imaging::keep_freed_memory();
  if (!has_display()) {
    std::fprintf(
        stderr,
        "tessera-studio: no display is reachable (DISPLAY and WAYLAND_DISPLAY are not set); start it from a "
        "desktop session, or use `tessera analyze` here.\n");
    return kBadInput;
  }
  QApplication application(argc, argv);
  QApplication::setApplicationName("tessera-studio");
  QApplication::setApplicationVersion(QString::fromUtf8(imaging::kVersion));

  QCommandLineParser parser;
  parser.setApplicationDescription(
      "The window of Tessera: looks at slides and analyses them. Research use only. Not for diagnosis.\n"
      "With --screenshot nobody is asked anything: it opens the files, analyses the first where --analyze is "
      "given, waits\n"
      "until all that is visible is loaded, saves a picture of the window and ends (0 done, 2 usage, 3 bad "
      "input).");
  parser.addHelpOption();
  parser.addVersionOption();
  parser.addPositionalArgument("FILES", "Slides or images; the first is shown.", "[FILES...]");
  const QCommandLineOption analyze("analyze", "Analyse the first file at once.");
  const QCommandLineOption model("model", "Model package by name or path.", "M");
  const QCommandLineOption out(
      "out", "Folder for the results instead of \"Tessera results\" beside the slide.", "DIR");
  const QCommandLineOption mpp("mpp", "Scale of the first file in um per pixel, or 'pixels'.", "M");
  const QCommandLineOption screenshot("screenshot", "Save a picture of the window and end.", "PNG");
  const QCommandLineOption project("project", "Open the project of this folder, or begin one there.", "DIR");
  const QCommandLineOption annotations("annotations", "Add the annotations of this file to the first file.",
                                       "FILE");
  const QCommandLineOption look("look", "Show this part, in pixels of the first file.", "X,Y,WIDTH,HEIGHT");
  const QCommandLineOption views("views", "Views side by side: 1, 2 or 4.", "N");
  const QCommandLineOption panel("panel", "Side panel in front: analysis, annotations or display.", "NAME",
                                 "analysis");
  const QCommandLineOption channel(
      "channel", "How pixels are shown: 0 colour, 1 haematoxylin, 2 eosin, 3 residual, 4 red-free.", "N");
  const QCommandLineOption size("size", "Size of the window.", "WxH");
  parser.addOptions(
      {analyze, model, out, mpp, screenshot, project, annotations, look, views, panel, channel, size});
  parser.process(application);

  gui::ScriptOptions options;
  options.files = parser.positionalArguments();
  options.analyze = parser.isSet(analyze);
  options.model = value_of(parser, model);
  options.mpp = value_of(parser, mpp);
  if (parser.isSet(out)) options.out = QFileInfo(parser.value(out)).absoluteFilePath().toStdString();
  if (parser.isSet(screenshot)) options.screenshot = parser.value(screenshot).toStdString();
  if (parser.isSet(annotations)) options.annotations = parser.value(annotations).toStdString();
  options.panel = parser.value(panel).toStdString();
  const auto take_number = [&](const QCommandLineOption& option, std::initializer_list<int> allowed,
                               std::optional<int>& target) {
    if (!parser.isSet(option)) return true;
    bool is_number = false;
    target = parser.value(option).toInt(&is_number);
    return is_number && std::ranges::find(allowed, *target) != allowed.end();
  };
  const auto part = QRegularExpression("^(\\d+),(\\d+),([1-9]\\d*),([1-9]\\d*)$").match(parser.value(look));
  if (part.hasMatch()) {
    options.look_at = imaging::RectD{part.captured(1).toDouble(), part.captured(2).toDouble(),
                                     part.captured(3).toDouble(), part.captured(4).toDouble()};
  }
  if (!take_number(views, {1, 2, 4}, options.views) ||
      !take_number(channel, {0, 1, 2, 3, 4}, options.channel) || (parser.isSet(look) && !part.hasMatch()) ||
      (options.panel != "analysis" && options.panel != "annotations" && options.panel != "display")) {
    std::fprintf(
        stderr,
        "tessera-studio: --views takes 1, 2 or 4, --channel 0 to 4, --look X,Y,WIDTH,HEIGHT, --panel "
        "analysis, annotations or display.\n");
    return kUsage;
  }
  const auto wanted_size = QRegularExpression("^(\\d{3,5})x(\\d{3,5})$").match(parser.value(size));
  if (parser.isSet(size) && !wanted_size.hasMatch()) {
    std::fprintf(stderr, "tessera-studio: --size is '%s', not WIDTHxHEIGHT in pixels such as 1440x900.\n",
                 parser.value(size).toUtf8().constData());
    return kUsage;
  }

  gui::install_language(application, viewmodels::Preferences{}.language());
  gui::apply_theme(application, viewmodels::Preferences{}.theme());
  viewmodels::Studio studio(gui::make_studio_services(options.model));
  viewmodels::Workbench workbench(&studio);
  gui::MainWindow window(&studio);
  new gui::WorkArea(&workbench, &window);
  if (wanted_size.hasMatch()) window.resize(wanted_size.captured(1).toInt(), wanted_size.captured(2).toInt());
  window.set_asks_for_scale(!options.screenshot && !options.mpp);
  if (!options.screenshot && !wanted_size.hasMatch()) window.restore_place();
  window.show();
  if (parser.isSet(project)) workbench.open_project(parser.value(project));
  gui::ScriptedRun script(options, &studio, &window);
  script.start();
  return QApplication::exec();
}
