#pragma once

#include <QColor>
#include <QImage>
#include <QObject>
#include <QString>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "app/viewmodels/background.h"
#include "app/viewmodels/view_transform.h"
#include "app/workflows/segment_finding.h"
#include "imaging/base/geometry.h"

class QPainter;

namespace viewmodels {

/// The classes of one segmentation, painted over the slide as fills, as outlines, or both. Read off the GUI
/// thread; the newest wish wins. How a class looks is remembered by its name.
///
/// @par Threads  The GUI thread. @par Cost  at most 85 MB for a mask, whatever its size
class MaskOverlay : public QObject {
  Q_OBJECT
 public:
  enum class Style { both, outline, fill };
  struct Class {
    QString name;
    QColor colour;
    bool is_shown = true;
    Style style = Style::both;
  };

  explicit MaskOverlay(QObject* parent = nullptr) : QObject(parent) {}

  /// @param case_folder  holds the mask that `finding` names
  /// @param slide        the file it lies over
  void set_case(const std::filesystem::path& case_folder, const workflows::SegmentFinding& finding,
                std::filesystem::path slide);
  void clear();

  [[nodiscard]] bool is_available() const { return labels_ != nullptr; }
  [[nodiscard]] bool is_working() const { return wanted_ != made_; }
  [[nodiscard]] const std::filesystem::path& slide() const { return slide_; }
  [[nodiscard]] bool is_shown() const { return shown_; }
  [[nodiscard]] double opacity() const { return opacity_; }  ///< of fills, 0 to 1
  /// Without the background: the first is class number 1.
  [[nodiscard]] const std::vector<Class>& classes() const { return classes_; }
  [[nodiscard]] static QColor usual_colour(int number);  ///< of a class number

  void set_shown(bool shown);
  void set_opacity(double opacity);
  void set_class_shown(int index, bool shown);  ///< index into classes()
  void set_class_style(int index, Style style);
  void set_class_colour(int index, const QColor& colour);
  /// Takes over how classes of the same name look elsewhere.
  void copy_look(const MaskOverlay& other);

  /// Name of the class at a place; empty on background, outside and where it is not shown.
  [[nodiscard]] QString class_at(imaging::PointD l0) const;

  /// Paints what is visible in the upright frame; the painter holds the view's turn.
  void paint(QPainter& painter, const ViewTransform& view, double device_ratio) const;

 Q_SIGNALS:
  void changed();          ///< availability, classes or how they look
  void picture_changed();  ///< likewise: what is painted
  void problem(const QString& sentence);

 private:
  /// Labels and their edges, each level half the one before: palette indices, so that a look costs nothing.
  struct Labels {
    std::vector<QImage> fills, edges;
    imaging::RectD rect_l0;  ///< what level 0 covers
    imaging::PointD pixel_l0{1, 1};
  };
  struct Look {
    QColor colour;
    bool is_shown = true;
    Style style = Style::both;
  };
  static std::shared_ptr<Labels> read(const std::filesystem::path& case_folder,
                                      const workflows::SegmentFinding& finding);
  void take(std::shared_ptr<Labels> labels);
  void take_looks();
  void keep_look(int index);
  void colour();
  void paint_lines(QPainter& painter, const ViewTransform& view, imaging::RectD part_l0) const;

  std::filesystem::path slide_;
  std::shared_ptr<Labels> labels_;
  std::vector<Class> classes_;
  std::vector<std::string> class_names_;
  std::map<QString, Look> looks_;
  bool shown_ = true;
  double opacity_ = 0.35;
  quint64 wanted_ = 0;
  quint64 made_ = 0;
  Background background_{this};
};

}  // namespace viewmodels
