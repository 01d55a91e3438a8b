#include "app/viewmodels/annotation_commands.h"

#include "app/viewmodels/annotation_document.h"

namespace viewmodels {
namespace {

QString to_qt(const std::filesystem::path& path) {
  return QString::fromStdString(path.string());
}

}  // namespace

std::optional<CommandLine> annotation_command(AnnotationAction action, const OpenSlide& slide) {
  const auto& drawn = *slide.annotations;
  const auto chosen = static_cast<std::size_t>(drawn.selected());
  const auto stem = to_qt(slide.path().stem());
  CommandLine line({"annotations"});
  switch (action) {
    case AnnotationAction::import:
      if (drawn.imported().empty()) return std::nullopt;
      line.add("convert");
      line.add(to_qt(drawn.imported()));
      line.add(to_qt(drawn.file()));
      line.add("--slide", slide.path().string());
      line.add("--add");
      return line;
    case AnnotationAction::convert:
      line.add("convert");
      line.add(to_qt(drawn.file()));
      line.add(stem + ".xml");
      return line;
    case AnnotationAction::labels:
      line.add("export");
      line.add(to_qt(drawn.file()));
      line.add("--out", "labels");
      break;
    case AnnotationAction::region:
      if (drawn.selected() < 0 || drawn.items()[chosen]->geometry.kind != imaging::GeometryKind::polygons)
        return std::nullopt;
      line.add("region");
      line.add(to_qt(drawn.file()));
      line.add("--number", std::to_string(chosen + 1));
      line.add("--out", (stem + "-region.tif").toStdString());
      break;
  }
  line.add("--slide", slide.path().string());
  if (slide.mpp) line.add("--mpp", *slide.mpp);
  return line;
}

}  // namespace viewmodels
