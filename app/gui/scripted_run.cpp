#include "app/gui/scripted_run.h"

#include <QApplication>
#include <QBuffer>
#include <QImage>
#include <QPixmap>
#include <algorithm>
#include <cstdio>

#include "app/gui/look_area.h"
#include "imaging/base/files.h"

namespace gui {
namespace {
constexpr int kTurnMs = 30;
constexpr int kQuietTurns = 5;  // complete for this long: nothing more is coming
constexpr int kBadInput = 3;
}  // namespace

ScriptedRun::ScriptedRun(ScriptOptions options, viewmodels::Studio* studio, MainWindow* window)
    : QObject(window), options_(std::move(options)), studio_(studio), window_(window) {
  timer_.setInterval(kTurnMs);
  connect(&timer_, &QTimer::timeout, this, &ScriptedRun::advance);
  connect(studio_, &viewmodels::Studio::notice, this,
          [this](const QString& sentence, viewmodels::Studio::Tone tone) {
            if (tone == viewmodels::Studio::Tone::problem) problem_ = sentence;
          });
}

void ScriptedRun::start() {
  if (options_.out) window_->analysis_panel()->set_output(*options_.out);
  studio_->open_files(options_.files);
  timer_.start();
}

void ScriptedRun::advance() {
  switch (step_) {
    case Step::open:
      if (studio_->is_opening()) return;
      if (!options_.files.isEmpty() && !studio_->current()) return fail(problem_);
      if (options_.mpp && studio_->current()) studio_->set_scale(*options_.mpp);
      step_ = options_.analyze ? Step::list_models : Step::arrange;
      return;
    case Step::list_models:
      if (!studio_->has_listed_models()) return;
      if (options_.model &&
          !window_->analysis_panel()->choose_model(QString::fromStdString(*options_.model))) {
        return fail(problem_.isEmpty() ? tr("No model %1.").arg(QString::fromStdString(*options_.model))
                                       : problem_);
      }
      if (const auto hindrance = studio_->analyse_hindrance(); !hindrance.isEmpty()) return fail(hindrance);
      window_->analysis_panel()->analyse();
      step_ = Step::analyse;
      return;
    case Step::analyse:
      if (studio_->analysis()->is_running() || studio_->is_loading_case()) return;
      if (!studio_->result()) return fail(problem_);
      step_ = Step::arrange;
      return;
    case Step::arrange:
      if (studio_->annotations() && !studio_->annotations()->is_loaded()) return;
      arrange();
      step_ = Step::settle;
      return;
    case Step::settle:
      quiet_turns_ = is_quiet() ? quiet_turns_ + 1 : 0;
      if (quiet_turns_ >= kQuietTurns) finish();
      return;
  }
}

bool ScriptedRun::is_quiet() const {
  const bool has_annotations = !options_.annotations || !problem_.isEmpty() ||
                               (studio_->annotations() && studio_->annotations()->rowCount() > 0);
  return has_annotations && studio_->has_listed_models() &&
         std::ranges::all_of(window_->view_grid()->views(), &SlideView::is_complete);
}

void ScriptedRun::arrange() {
  if (options_.annotations && studio_->annotations())
    studio_->annotations()->import_file(*options_.annotations);
  if (options_.channel)
    studio_->display()->set_channel(static_cast<viewmodels::Display::Channel>(*options_.channel));
  if (options_.look_at) window_->slide_view()->go_to(*options_.look_at);
  if (options_.views) window_->view_grid()->set_count(*options_.views);
  if (options_.panel == "annotations") window_->look_area()->show_annotations();
  if (options_.panel == "display") window_->look_area()->show_display();
}

void ScriptedRun::finish() {
  timer_.stop();
  if (!options_.screenshot) return;
  QByteArray bytes;
  QBuffer buffer(&bytes);
  window_->grab().toImage().save(&buffer, "PNG");
  try {
    imaging::write_file(*options_.screenshot, {bytes.constData(), static_cast<std::size_t>(bytes.size())});
  } catch (const imaging::Error& error) {
    return fail(QString::fromUtf8(error.what()));
  }
  QApplication::exit(0);
}

void ScriptedRun::fail(const QString& reason) {
  timer_.stop();
  if (!options_.screenshot) return;  // the window says it
  std::fprintf(stderr, "tessera-studio: %s\n", reason.toUtf8().constData());
  QApplication::exit(kBadInput);
}

}  // namespace gui
