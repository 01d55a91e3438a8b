#pragma once

#include <concepts>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "app/workflows/reading.h"
#include "imaging/base/job.h"
#include "imaging/base/options.h"
#include "imaging/slide/slide_reader.h"
#include "imaging/stain/stain_normalizer.h"
#include "imaging/tiling/tile_grid.h"
#include "models/runtime/model_package.h"

namespace workflows {

/// What tiles are made to look like.
struct StainOptions {
  std::string stain_method = "none";
  std::optional<std::string> stain_target;  ///< image or slide
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, StainOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("stain_method", options.stain_method,
        FieldInfo{.help = "Normalise the tiles' stain", .choices = imaging::stain_method_names()});
  field(
      "stain_target", options.stain_target,
      FieldInfo{.help = "Image or slide that tiles shall look like; macenko has a published one by default"});
}

/// The target that options ask for, measured on their image; nothing for "none".
/// @throws Error  `invalid_argument` if a target is missing, or given with "none"; as open_slide;
///                `insufficient_data` naming the image where it holds too little stain.
/// @param source  opens the image
[[nodiscard]] std::optional<imaging::StainProfile> stain_target_of(const StainOptions& options,
                                                                   const SlideSource& source,
                                                                   const imaging::JobContext& job);

/// The target in a package's manifest, under `stain_normalisation`.
/// @throws Error  `corrupt_data` naming the package where it is not valid.
[[nodiscard]] std::optional<imaging::StainProfile> stain_target_of(const models::ModelPackage& package);

/// What was done to the tiles of one slide.
struct SlideStain {
  std::optional<imaging::StainNormalizer> normalizer;  ///< absent: tiles stay as they are
  nlohmann::ordered_json
      record;  ///< null where no target was asked for, else method, applied, the slide's profile
  std::vector<std::string> warnings;  ///< one where a target was asked for and could not be reached
};

/// Measures a slide's stain on the pixels of `sample`, asked for where there is a target. A slide with too
/// little stain is left as it is, with a warning: stains are never made up.
[[nodiscard]] SlideStain measure_slide_stain(const std::function<imaging::Image8()>& sample,
                                             const std::optional<imaging::StainProfile>& target);
/// The same, on tiles spread over the slide's grid.
[[nodiscard]] SlideStain measure_slide_stain(const imaging::SlideReader& reader,
                                             const imaging::TileGrid& grid,
                                             const std::optional<imaging::StainProfile>& target);

/// A record in words: "normalised by macenko to the encoder's target"; empty where no target was asked for.
[[nodiscard]] std::string stain_words(const nlohmann::ordered_json& record);

/// Attributes of `features`: their encoder, and how the tiles were normalised, if at all.
[[nodiscard]] std::map<std::string, std::string> features_attributes(const models::ModelPackage& encoder,
                                                                     const SlideStain& stain);

}  // namespace workflows
