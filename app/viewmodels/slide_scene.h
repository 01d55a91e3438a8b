#pragma once

#include <QImage>
#include <QObject>
#include <QTimer>
#include <atomic>
#include <memory>
#include <vector>

#include "app/viewmodels/open_slides.h"
#include "app/viewmodels/view_transform.h"
#include "imaging/tiling/tile_cache.h"

class QPainter;

namespace viewmodels {

/// The pixels of one slide as one viewer sees them: asks the cache for what is visible and paints the best
/// that has arrived. Where a tile is missing, coarser and finer ones stand in; below all lies the overview. A
/// damaged tile is painted from the next coarser level and hatched.
///
/// @par Threads  The GUI thread; nothing here decodes or waits. Must not outlive the cache.
class SlideScene : public QObject {
  Q_OBJECT
 public:
  explicit SlideScene(imaging::TileCache& cache, QObject* parent = nullptr);

  void set_slide(std::shared_ptr<const OpenSlide> slide);  ///< null for none
  [[nodiscard]] const std::shared_ptr<const OpenSlide>& slide() const { return slide_; }
  /// What is looked at; asks for the tiles of it. @param device_ratio  device pixels per view pixel
  void set_view(const ViewTransform& view, double device_ratio);
  /// Paints in the upright frame; the painter holds the view's turn.
  void paint(QPainter& painter) const;
  /// True when the overview has come and everything visible is painted from its own level, or is known to be
  /// damaged.
  [[nodiscard]] bool is_complete() const;

 Q_SIGNALS:
  void tiles_arrived();  ///< coalesced: once per turn of the event loop
  // Once for each slide that is set:
  void damage_found(const QString& reason);  ///< a part cannot be read
  void stalled();                            ///< for seconds nothing came of what is visible

 private:
  [[nodiscard]] bool needs_tiles(int level) const;
  void tell_of_damage();
  void watch();
  void ask();
  void paint_tile(QPainter& painter, const imaging::ViewTileKey& key) const;
  [[nodiscard]] bool draw_cached(QPainter& painter, const imaging::ViewTileKey& tile,
                                 const imaging::ViewTileKey& within) const;

  imaging::TileCache& cache_;
  std::shared_ptr<const OpenSlide> slide_;
  ViewTransform view_;
  double device_ratio_ = 1;
  int level_ = 0;
  std::vector<imaging::ViewTileKey> visible_;
  std::atomic<bool> arrival_told_ = false;
  bool damage_told_ = false;
  bool stall_told_ = false;
  QTimer stall_;
  std::unique_ptr<imaging::TileCache::Viewer> viewer_;  // last: no arrival comes after its end
};

}  // namespace viewmodels
