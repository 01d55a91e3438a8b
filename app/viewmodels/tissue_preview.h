#pragma once

#include <QObject>
#include <QPolygonF>
#include <QString>
#include <memory>
#include <stop_token>
#include <vector>

#include "app/viewmodels/background.h"
#include "app/viewmodels/open_slides.h"
#include "imaging/tissue/tissue_mask.h"

namespace viewmodels {

/// The tissue of the current slide under options that can be tried out; the next analysis takes them.
///
/// The slide is read once, when the outlines are first shown; a change of options then makes a new mask from
/// what was read, off the GUI thread. The newest wish wins.
class TissuePreview : public QObject {
  Q_OBJECT
 public:
  /// One connected piece of tissue in level-0 pixels; the first ring is the outer one.
  struct Outline {
    QRectF bounds_l0;
    std::vector<QPolygonF> rings_l0;
  };

  explicit TissuePreview(QObject* parent = nullptr);
  ~TissuePreview() override;

  /// @param slide  null for none. Call again when its scale changed.
  void set_slide(std::shared_ptr<const OpenSlide> slide);

  [[nodiscard]] const imaging::TissueOptions& options() const { return options_; }
  /// Options that are out of range are refused: `problem` says why and the old ones stay.
  void set_options(const imaging::TissueOptions& options);
  void reset() { set_options({}); }

  [[nodiscard]] bool is_shown() const { return shown_; }
  void set_shown(bool shown);

  /// Empty while not shown, or not known yet.
  [[nodiscard]] const std::vector<Outline>& outlines() const { return outlines_; }
  /// "32 % of the slide is tissue; left out: pen 4 %", or what hinders; empty while not shown.
  [[nodiscard]] const QString& words() const { return words_; }
  /// True while the outlines are not yet those of the options.
  [[nodiscard]] bool is_working() const { return working_ || wanted_ != made_; }

 Q_SIGNALS:
  void changed();           ///< options, words or whether it is shown
  void outlines_changed();  ///< the outlines
  void problem(const QString& sentence);

 private:
  struct Made {
    std::shared_ptr<const imaging::TissueOverview> overview;
    std::vector<Outline> outlines;
    double area_fraction = 0;
    imaging::TissueRejections rejected;
  };
  static Made make(const OpenSlide& slide, std::shared_ptr<const imaging::TissueOverview> overview,
                   const imaging::TissueOptions& options, const std::stop_token& stop);

  void ask();
  void start();
  void take(Made made, quint64 turn);

  std::shared_ptr<const OpenSlide> slide_;
  std::shared_ptr<const imaging::TissueOverview> overview_;
  imaging::TissueOptions options_;
  bool shown_ = false;
  std::vector<Outline> outlines_;
  QString words_;
  bool working_ = false;
  quint64 slide_turn_ = 0;  ///< of set_slide: an overview of another slide or scale is never kept
  quint64 wanted_ = 0;
  quint64 made_ = 0;
  std::stop_source reading_;
  Background background_{this};
};

}  // namespace viewmodels
