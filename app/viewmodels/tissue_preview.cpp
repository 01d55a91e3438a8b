#include "app/viewmodels/tissue_preview.h"

#include <QStringList>

#include "imaging/base/error.h"

namespace viewmodels {
namespace {

QString percent_words(double share) {
  return QString::number(100 * share, 'g', share < 0.1 ? 2 : 3) + QStringLiteral(" %");
}

QPolygonF ring_of(const std::vector<imaging::PointD>& points) {
  QPolygonF ring;
  ring.reserve(static_cast<qsizetype>(points.size()));
  for (const auto& point : points) ring << QPointF(point.x, point.y);
  return ring;
}

}  // namespace

TissuePreview::TissuePreview(QObject* parent) : QObject(parent) {}

TissuePreview::~TissuePreview() {
  reading_.request_stop();
}

void TissuePreview::set_slide(std::shared_ptr<const OpenSlide> slide) {
  reading_.request_stop();
  reading_ = {};
  slide_ = std::move(slide);
  ++slide_turn_;
  overview_ = nullptr;
  outlines_.clear();
  words_.clear();
  Q_EMIT outlines_changed();
  ask();
}

void TissuePreview::set_options(const imaging::TissueOptions& options) {
  try {
    imaging::check_options(options);
    if (options.mthresh % 2 == 0) {
      throw imaging::Error(imaging::ErrorCode::invalid_argument, "The median filter's side must be odd.");
    }
  } catch (const imaging::Error& error) {
    Q_EMIT problem(QString::fromStdString(error.what()));
    Q_EMIT changed();
    return;
  }
  options_ = options;
  ask();
}

void TissuePreview::set_shown(bool shown) {
  if (shown == shown_) return;
  shown_ = shown;
  if (!shown_) {
    outlines_.clear();
    words_.clear();
    Q_EMIT outlines_changed();
  }
  ask();
}

void TissuePreview::ask() {
  ++wanted_;
  if (!shown_ || !slide_) {
    made_ = wanted_;
  } else if (!slide_->scale) {
    made_ = wanted_;
    words_ = tr("Set the scale of this image first.");
  } else if (!working_) {
    start();
  }
  Q_EMIT changed();
}

void TissuePreview::start() {
  working_ = true;
  if (!overview_ || !overview_->serves(options_)) words_ = tr("Reading the slide…");
  background_.run([slide = *slide_, overview = overview_, options = options_,
                   stop = reading_.get_token()] { return make(slide, overview, options, stop); },
                  [this, turn = wanted_, slide_turn = slide_turn_](Made made) {
                    if (slide_turn == slide_turn_) overview_ = made.overview;
                    take(std::move(made), turn);
                  },
                  [this, turn = wanted_](const imaging::JobOutcome& outcome) {
                    working_ = false;
                    if (turn != wanted_) {
                      ask();
                      return;
                    }
                    made_ = turn;
                    words_ = QString::fromStdString(outcome.message);
                    Q_EMIT changed();
                  });
}

TissuePreview::Made TissuePreview::make(const OpenSlide& slide,
                                        std::shared_ptr<const imaging::TissueOverview> overview,
                                        const imaging::TissueOptions& options, const std::stop_token& stop) {
  if (!overview || !overview->serves(options)) {
    overview = std::make_shared<const imaging::TissueOverview>(
        imaging::read_tissue_overview(*slide.reader, *slide.scale, options, imaging::JobContext(stop)));
  }
  const auto tissue = imaging::find_tissue(*overview, options);
  Made made{overview, {}, tissue.area_fraction(), tissue.rejected()};
  for (const auto& piece : tissue.pieces()) {
    Outline outline;
    outline.rings_l0.push_back(ring_of(piece.outer_l0));
    outline.bounds_l0 = outline.rings_l0.front().boundingRect();
    for (const auto& hole : piece.holes_l0) outline.rings_l0.push_back(ring_of(hole));
    made.outlines.push_back(std::move(outline));
  }
  return made;
}

void TissuePreview::take(Made made, quint64 turn) {
  working_ = false;
  if (turn != wanted_) {
    ask();
    return;
  }
  made_ = turn;
  outlines_ = std::move(made.outlines);
  words_ = tr("%1 of the slide is tissue").arg(percent_words(made.area_fraction));
  QStringList reasons;
  if (made.rejected.pen > 0) reasons << tr("pen %1").arg(percent_words(made.rejected.pen));
  if (made.rejected.folds > 0) reasons << tr("folds %1").arg(percent_words(made.rejected.folds));
  if (made.rejected.blur > 0) reasons << tr("out of focus %1").arg(percent_words(made.rejected.blur));
  if (!reasons.isEmpty()) words_ += tr("; left out: %1").arg(reasons.join(QStringLiteral(", ")));
  Q_EMIT changed();
  Q_EMIT outlines_changed();
}

}  // namespace viewmodels
