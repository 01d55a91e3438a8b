#pragma once

#include <filesystem>
#include <string>

#include "imaging/base/geometry.h"
#include "imaging/base/image.h"

namespace workflows {

/// A mask FOLDER/<kind>/<name>.png at the size of its photograph.
/// @return  H x W x 1, 255 on a lesion; empty where there is no such file
/// @throws imaging::Error  as decode_image
[[nodiscard]] imaging::Image8 read_lesion_mask(const std::filesystem::path& folder, const std::string& kind,
                                               const std::string& name, imaging::SizeI size);

/// The kinds that a grader's network looks for (models::lesion_kind_names), a channel each.
/// @return  H x W x kinds; empty where there is no mask of any
[[nodiscard]] imaging::Image8 read_lesions(const std::filesystem::path& folder, const std::string& name,
                                           imaging::SizeI size);

/// Whether FOLDER holds a mask of any of these kinds. @param folder  may be empty: then it does not
[[nodiscard]] bool has_lesion_masks(const std::filesystem::path& folder, const std::string& name);

}  // namespace workflows
