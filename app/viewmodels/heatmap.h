#pragma once

#include <QImage>
#include <QObject>
#include <QStringList>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "app/viewmodels/background.h"
#include "imaging/raster/colormap.h"
#include "imaging/raster/score_raster.h"

namespace viewmodels {

/// The tile scores of one case as a coloured picture over the slide. Colours are made off the GUI thread; the
/// newest wish wins.
class Heatmap : public QObject {
  Q_OBJECT
 public:
  explicit Heatmap(QObject* parent = nullptr);

  /// @param raster   null for none
  /// @param tissue   mask stretched over the whole slide, not 0 inside tissue; empty where it is not known
  /// @param channel  the one shown first
  /// @param view     painted in the raster's place where raw values are shown, over the same rectangle: an
  ///                 evidence map between its cells; null: the raster itself
  /// @param threshold_share  left clear at first, see set_threshold_share
  void set_raster(std::shared_ptr<const imaging::ScoreRaster> raster, imaging::Image8 tissue = {},
                  imaging::SizeI slide_size_l0 = {}, int channel = 0,
                  std::shared_ptr<const imaging::ScoreRaster> view = nullptr, double threshold_share = 0);
  [[nodiscard]] const std::shared_ptr<const imaging::ScoreRaster>& raster() const { return raster_; }

  [[nodiscard]] bool is_available() const { return raster_ != nullptr; }
  [[nodiscard]] bool is_shown() const { return shown_; }
  [[nodiscard]] double opacity() const { return opacity_; }
  [[nodiscard]] bool is_rank_view() const { return rank_view_; }
  [[nodiscard]] int channel() const { return channel_; }
  [[nodiscard]] int colormap() const { return colormap_; }
  [[nodiscard]] double threshold_share() const { return threshold_share_; }

  [[nodiscard]] bool is_grid_shown() const { return grid_shown_; }
  [[nodiscard]] bool hides_outside() const { return hides_outside_; }
  [[nodiscard]] bool knows_tissue() const { return !tissue_->empty(); }

  void set_grid_shown(bool shown);     ///< outlines of the tiles
  void set_hides_outside(bool hides);  ///< paints only where tissue is, not whole tiles
  void set_shown(bool shown);
  void set_opacity(double opacity);  ///< 0 to 1
  void set_rank_view(bool on);       ///< ranks instead of raw scores; display only
  void set_channel(int channel);
  void set_colormap(int index);
  void set_threshold_share(double share);  ///< 0 to 1 of the way from the lowest to the highest value

  [[nodiscard]] QStringList channel_names() const;
  [[nodiscard]] static QStringList colormap_names();
  [[nodiscard]] float low() const { return low_; }    ///< value of the first colour: raw score, or rank 0
  [[nodiscard]] float high() const { return high_; }  ///< value of the last colour
  [[nodiscard]] bool is_clipped() const {
    return is_clipped_;
  }                                       ///< larger values exist and share the last colour
  [[nodiscard]] float threshold() const;  ///< the value below which nothing is painted
  /// 256 x 1, the colours from low to high.
  [[nodiscard]] QImage colour_strip() const;

  /// One pixel per tile stride (finer where it is cut along the tissue), premultiplied; null until it is
  /// made.
  [[nodiscard]] const QImage& picture() const { return picture_; }
  /// Where the picture lies; reaches over the slide's edge where the last tile does.
  [[nodiscard]] imaging::RectD rect_l0() const;
  [[nodiscard]] imaging::PointD pixel_l0() const;  ///< sides of a tile's place; zeros without a raster
  /// The place of the scored tile at a point.
  [[nodiscard]] std::optional<imaging::RectD> tile_at(imaging::PointD l0) const;
  /// The places of the scored tiles that meet a rectangle.
  [[nodiscard]] std::vector<imaging::RectD> tiles_in(imaging::RectD rect_l0) const;
  /// The raw score of the tile at a place, none where nothing was scored.
  [[nodiscard]] std::optional<float> raw_score_at(imaging::PointD l0) const;
  /// True while the picture shown is not yet that of the settings.
  [[nodiscard]] bool is_colouring() const { return wanted_ != painted_; }

 Q_SIGNALS:
  void changed();          ///< settings, range or availability
  void picture_changed();  ///< the picture, its opacity or whether it is shown

 private:
  struct Cell {
    std::int64_t x = 0, y = 0;
  };
  void recolour();
  /// Of the scored tile at a point.
  [[nodiscard]] std::optional<Cell> cell_at(imaging::PointD l0) const;
  [[nodiscard]] imaging::RectD rect_of(Cell cell) const;

  std::shared_ptr<const imaging::ScoreRaster> raster_, view_;
  std::shared_ptr<const imaging::Image8> tissue_ = std::make_shared<imaging::Image8>();
  imaging::SizeI slide_size_l0_;
  bool grid_shown_ = false;
  bool hides_outside_ = false;
  bool shown_ = true;
  double opacity_ = 0.45;
  bool rank_view_ = false;
  int channel_ = 0;
  int colormap_ = 0;
  double threshold_share_ = 0;
  float low_ = 0;
  float high_ = 1;
  bool is_clipped_ = false;
  QImage picture_;
  quint64 wanted_ = 0;
  quint64 painted_ = 0;
  Background background_{this};
};

}  // namespace viewmodels
