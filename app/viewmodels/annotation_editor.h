#pragma once

#include <QObject>
#include <memory>
#include <optional>
#include <vector>

#include "app/viewmodels/annotation_document.h"

namespace viewmodels {

/// What the pointer does on the canvas.
enum class Tool { pan, select, rectangle, ellipse, polygon, freehand, point, ruler };

/// Turns what the pointer does into annotations. Knows level-0 pixels alone, no widget.
///
/// Rectangle, ellipse, freehand and ruler are dragged; a polygon is clicked corner by corner and ended by a
/// double click, by a click on its first corner, or by Return; a point is one click. The select tool chooses
/// the topmost annotation, moves it, and moves a corner where it is taken at one. Locked ones stay.
class AnnotationEditor : public QObject {
  Q_OBJECT
 public:
  using QObject::QObject;

  void set_document(AnnotationDocument* document);  ///< null for none
  [[nodiscard]] AnnotationDocument* document() const { return document_; }
  void set_tool(Tool tool);
  [[nodiscard]] Tool tool() const { return tool_; }

  /// What the next annotations are called.
  void set_class(const QString& name, const std::optional<imaging::Rgb8>& colour);
  [[nodiscard]] const QString& class_name() const { return class_name_; }

  /// @param reach_l0  how far from a line or corner still counts as on it
  /// @return          true where the editor takes the drag that begins; false leaves it to the canvas
  bool press(imaging::PointD l0, double reach_l0);
  void move(imaging::PointD l0);  ///< with or without a button held
  void release(imaging::PointD l0);
  void double_click();
  void finish();           ///< ends a polygon
  bool cancel();           ///< drops what is being drawn, or goes back to pan; false where there was nothing
  bool remove_selected();  ///< false where nothing is selected

  /// What is being drawn or moved, as it is now.
  [[nodiscard]] const std::optional<imaging::AnnotationGeometry>& draft() const { return draft_; }
  [[nodiscard]] bool is_moving() const { return moved_row_ >= 0; }
  /// Corners of the selected annotation that can be taken; empty where there are too many to show.
  [[nodiscard]] std::vector<imaging::PointD> handles() const;
  /// Row of the topmost annotation at a place, -1 for none.
  [[nodiscard]] int row_at(imaging::PointD l0, double reach_l0) const;

 Q_SIGNALS:
  void changed();  ///< tool or draft
  void tool_changed();

 private:
  [[nodiscard]] bool is_dragged_tool() const;
  void update_draft(imaging::PointD l0);
  void add_draft();
  void reset();
  bool grab(imaging::PointD l0, double reach_l0);

  AnnotationDocument* document_ = nullptr;
  Tool tool_ = Tool::pan;
  QString class_name_;
  std::optional<imaging::Rgb8> class_colour_;
  std::optional<imaging::AnnotationGeometry> draft_;
  std::vector<imaging::PointD> corners_;  // set so far: where the drag began, or a polygon's
  double reach_l0_ = 0;
  int moved_row_ = -1;
  std::optional<std::size_t> moved_corner_;
  imaging::PointD moved_from_;
};

}  // namespace viewmodels
