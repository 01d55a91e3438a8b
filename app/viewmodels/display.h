#pragma once

#include <QImage>
#include <QObject>
#include <QStringList>
#include <array>
#include <vector>

namespace viewmodels {

/// How the pixels of a slide are shown. Display only: nothing of it reaches an analysis.
class Display : public QObject {
  Q_OBJECT
 public:
  enum class Channel { colour, haematoxylin, eosin, residual, red_free };

  explicit Display(QObject* parent = nullptr);

  [[nodiscard]] double brightness() const { return brightness_; }  ///< -1 to 1, added to levels of 0 to 1
  [[nodiscard]] double contrast() const { return contrast_; }      ///< 0.1 to 4, about the middle grey
  [[nodiscard]] double gamma() const { return gamma_; }            ///< 0.2 to 4; above 1 brightens the middle
  [[nodiscard]] Channel channel() const { return channel_; }
  void set_brightness(double brightness);
  void set_contrast(double contrast);
  void set_gamma(double gamma);
  void set_channel(Channel channel);
  void reset();

  /// True where pixels are shown as they are.
  [[nodiscard]] bool is_plain() const;
  [[nodiscard]] static QStringList channel_names();  ///< in the order of Channel

  /// @param image  Format_RGB32, changed in place. Stain views are looked up with 6 bits a colour.
  /// @par Cost     about 2 ns a pixel
  void apply(QImage& image) const;

 Q_SIGNALS:
  void changed();

 private:
  void rebuild();

  double brightness_ = 0;
  double contrast_ = 1;
  double gamma_ = 1;
  Channel channel_ = Channel::colour;
  std::array<unsigned char, 256> levels_{};  // brightness, contrast and gamma
  std::vector<QRgb> cube_;                   // of the stain views, 64^3 colours
};

}  // namespace viewmodels
