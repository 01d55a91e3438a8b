#include "app/workflows/retina_lesions.h"

#include <algorithm>

#include "imaging/base/files.h"
#include "imaging/raster/png.h"
#include "models/retina/grader_arguments.h"

namespace workflows {
namespace {

constexpr std::uint8_t kMarked = 127;        ///< above it a mask's pixel is a lesion
constexpr std::uint8_t kEnoughCovered = 50;  ///< of a pixel of another size, of 255

std::filesystem::path mask_path(const std::filesystem::path& folder, const std::string& kind,
                                const std::string& name) {
  return folder / kind / (name + ".png");
}

}  // namespace

imaging::Image8 read_lesion_mask(const std::filesystem::path& folder, const std::string& kind,
                                 const std::string& name, imaging::SizeI size) {
  const auto path = mask_path(folder, kind, name);
  if (!std::filesystem::exists(path)) return {};
  const auto picture = imaging::decode_image(imaging::read_file(path));
  imaging::Image8 mask(picture.width(), picture.height(), 1);
  for (std::size_t i = 0; i < mask.values().size(); ++i) {
    const auto value = picture.values()[i * static_cast<std::size_t>(picture.channels())];
    mask.values()[i] = value > kMarked ? 255 : 0;
  }
  if (mask.width() == size.width && mask.height() == size.height) return mask;
  auto resized = imaging::resize(mask, size);
  for (auto& value : resized.values()) value = value > kEnoughCovered ? 255 : 0;
  return resized;
}

imaging::Image8 read_lesions(const std::filesystem::path& folder, const std::string& name,
                             imaging::SizeI size) {
  const auto& kinds = models::lesion_kind_names();
  imaging::Image8 all;
  for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
    const auto mask = read_lesion_mask(folder, kinds[kind], name, size);
    if (mask.empty()) continue;
    if (all.empty()) all = imaging::Image8(size.width, size.height, static_cast<int>(kinds.size()));
    for (std::size_t i = 0; i < mask.values().size(); ++i)
      all.values()[i * kinds.size() + kind] = mask.values()[i];
  }
  return all;
}

bool has_lesion_masks(const std::filesystem::path& folder, const std::string& name) {
  const auto& kinds = models::lesion_kind_names();
  return !folder.empty() && std::any_of(kinds.begin(), kinds.end(), [&](const auto& kind) {
    return std::filesystem::exists(mask_path(folder, kind, name));
  });
}

}  // namespace workflows
