#include "app/workflows/annotations.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>

#include "imaging/annotation/annotation_files.h"
#include "imaging/annotation/annotation_mask.h"
#include "imaging/base/csv.h"
#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/raster/label_image.h"
#include "imaging/raster/png.h"
#include "imaging/tiling/tile_grid.h"

namespace workflows {
namespace fs = std::filesystem;
namespace {

using imaging::Error;
using imaging::ErrorCode;
using Json = nlohmann::ordered_json;

constexpr std::array kAnnotationEndings{".geojson", ".geojson.gz", ".json", ".xml"};

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// The mask of one class alone.
imaging::Image8 only(const imaging::Image8& picture, std::uint8_t value) {
  imaging::Image8 mask(picture.width(), picture.height(), 1);
  std::ranges::transform(picture.values(), mask.values().begin(), [value](std::uint8_t pixel) {
    return static_cast<std::uint8_t>(pixel == value ? 255 : 0);
  });
  return mask;
}

}  // namespace

std::optional<fs::path> annotations_of(const InsideOptions& options, const fs::path& input) {
  if (!options.inside) return std::nullopt;
  const fs::path place = *options.inside;
  std::error_code ignored;
  if (!fs::is_directory(place, ignored)) return place;
  for (const auto* ending : kAnnotationEndings) {
    const auto file = place / (input.stem().string() + ending);
    if (fs::exists(file, ignored)) return file;
  }
  throw Error(ErrorCode::not_found,
              fmt::format("The folder of annotations holds no {}.geojson or .xml.", input.stem().string()));
}

imaging::AnnotationSet read_annotations_or_mask(const fs::path& path,
                                                const std::optional<imaging::SizeI>& slide_size_l0) {
  const auto ending = path.extension();
  if (ending != ".png" && ending != ".tif" && ending != ".tiff") return imaging::read_annotations(path);
  if (!slide_size_l0)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("{} is a mask, which covers a whole slide; name the slide with --slide.", path.string()));
  return imaging::annotations_of_labels(imaging::read_label_image(path), *slide_size_l0);
}

Json inside_json(const InsideOptions& options, const fs::path& input) {
  if (!options.inside) return nullptr;
  Json json{{"file", nullptr}, {"sha256", nullptr}, {"class", nullptr}};
  if (options.inside_class) json["class"] = *options.inside_class;
  try {
    const auto file = *annotations_of(options, input);
    json["file"] = file.filename().string();
    json["sha256"] = imaging::sha256_of_file(file);
  } catch (const Error&) {
    // the analysis says what is wrong with it
  }
  return json;
}

std::vector<imaging::Annotation> regions_of(const imaging::AnnotationSet& set,
                                            const std::optional<std::string>& class_name) {
  std::vector<imaging::Annotation> regions;
  for (const auto& item : set.items) {
    if (item.geometry.kind != imaging::GeometryKind::polygons) continue;
    if (!class_name || lower(imaging::label_of(item)) == lower(*class_name)) regions.push_back(item);
  }
  return regions;
}

imaging::TissueMask tissue_inside_annotations(const imaging::TissueMask& tissue, const InsideOptions& options,
                                              const fs::path& input, imaging::SizeI slide_size_l0) {
  const auto file = annotations_of(options, input).value();
  const auto set = imaging::read_annotations(file);
  const auto name = file.filename().string();
  if (const auto foreign = imaging::foreign_annotations(set, slide_size_l0))
    throw Error(ErrorCode::incompatible, fmt::format("{}: {}", name, *foreign));
  const auto regions = regions_of(set, options.inside_class);
  if (regions.empty()) {
    throw Error(ErrorCode::not_found, options.inside_class
                                          ? fmt::format("{}: no annotation with an area is of class '{}'.",
                                                        name, *options.inside_class)
                                          : fmt::format("{}: no annotation has an area.", name));
  }
  return imaging::tissue_inside(tissue, slide_size_l0, regions);
}

AnnotationExport export_annotations(const imaging::AnnotationSet& set, const imaging::SlideInfo& info,
                                    const imaging::SlideScale& scale, const AnnotationExportOptions& options,
                                    const fs::path& out, const std::string& name,
                                    const imaging::JobContext& job) {
  imaging::check_options(options);
  AnnotationExport done;
  done.classes = imaging::area_classes(set);
  if (done.classes.empty()) {
    throw Error(ErrorCode::not_found,
                "No annotation has both an area and a class or a name; there is nothing to paint.");
  }
  const auto slide = info.size_l0();
  const auto side = [](std::int64_t length, double mpp, double wanted) {
    return std::max<std::int64_t>(1, std::llround(static_cast<double>(length) * mpp / wanted));
  };
  done.mask_size = {side(slide.width, scale.mpp_x, options.mask_mpp),
                    side(slide.height, scale.mpp_y, options.mask_mpp)};
  const auto total = static_cast<std::int64_t>(done.classes.size());
  job.checkpoint("annotations", 0, total);
  const auto picture = imaging::class_picture(set, done.classes, slide, done.mask_size);
  done.files = {out / (name + "_mask.png"), out / (name + "_classes.csv"), out / (name + "_tiles.csv")};

  auto classes = imaging::csv_line({"value", "class", "red", "green", "blue", "annotations", "area_um2"});
  auto tiles = imaging::csv_line({"x_l0", "y_l0", "width_l0", "height_l0", "class", "share"});
  for (std::size_t i = 0; i < done.classes.size(); ++i) {
    const auto regions = regions_of(set, done.classes[i]);
    std::optional<imaging::Rgb8> colour;
    double area = 0;
    for (const auto& region : regions) {
      area += imaging::area_of(region.geometry, {scale.mpp_x, scale.mpp_y});
      if (!colour) colour = region.class_colour ? region.class_colour : region.colour;
    }
    const auto level = [&](std::size_t c) { return colour ? std::to_string((*colour)[c]) : std::string(); };
    classes += imaging::csv_line({std::to_string(i + 1), done.classes[i], level(0), level(1), level(2),
                                  std::to_string(regions.size()), fmt::format("{}", area)});
    const imaging::TissueMask mask(only(picture, static_cast<std::uint8_t>(i + 1)), slide, {}, 0);
    try {
      const imaging::TileGrid grid(slide, scale,
                                   {.tile_mpp = options.tile_mpp,
                                    .tile_px = options.tile_px,
                                    .overlap_px = 0,
                                    .min_tissue = options.min_share},
                                   &mask);
      for (const auto& tile : grid.tiles()) {
        const auto rect = grid.rect_l0(tile);
        tiles += imaging::csv_line({fmt::format("{}", rect.x), fmt::format("{}", rect.y),
                                    fmt::format("{}", rect.width), fmt::format("{}", rect.height),
                                    done.classes[i], fmt::format("{:.4f}", mask.fraction(rect))});
        ++done.tiles;
      }
    } catch (const Error& error) {
      if (error.code() != ErrorCode::no_tissue) throw;  // a class too small for any tile
    }
    job.checkpoint("annotations", static_cast<std::int64_t>(i + 1), total);
  }
  imaging::write_png(done.files[0], picture);
  imaging::write_file(done.files[1], classes);
  imaging::write_file(done.files[2], tiles);
  return done;
}

}  // namespace workflows
