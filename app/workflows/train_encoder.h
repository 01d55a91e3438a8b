#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "app/workflows/analyze.h"
#include "app/workflows/stain.h"
#include "imaging/base/job.h"
#include "imaging/base/options.h"
#include "imaging/stain/stain_augment.h"
#include "models/encoders/tile_classifier_trainer.h"

namespace workflows {

/// Which tiles of a phantom cohort a tile encoder learns from.
struct TileSampleOptions {
  std::int64_t tile_px = 128;
  double tile_mpp = 1.0;
  std::int64_t tiles_per_slide = 200;
  double validation = 0.2;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, TileSampleOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("tile_px", options.tile_px,
        FieldInfo{.unit = "px", .help = "Side of a tile", .min = 32, .max = 1024});
  field("tile_mpp", options.tile_mpp,
        FieldInfo{.unit = "um/px", .help = "Resolution of the tiles", .min = 0.1, .max = 10});
  field("tiles_per_slide", options.tiles_per_slide,
        FieldInfo{.unit = "tiles",
                  .help = "Tiles cut from each slide, shared evenly by its tissues",
                  .min = 5,
                  .max = 100000});
  field("validation", options.validation,
        FieldInfo{.help = "Share of the patients kept for choosing the epoch", .min = 0, .max = 0.9});
}

struct TrainEncoderRequest {
  std::filesystem::path cohort;  ///< as `tessera phantom cohort` writes it
  std::filesystem::path out;     ///< package folder, must not exist
  std::string name;              ///< empty: the folder's
  TileSampleOptions sample;
  models::TileTrainingOptions training;
  imaging::StainAugmentOptions augment;
  StainOptions stain;  ///< normalised before training, and wherever the encoder is used
  RuntimeOptions runtime;
};

/// Cuts tiles of known tissue from a phantom cohort, trains a small ResNet to tell the tissues apart and
/// writes it, without its classifier, as a patch-encoder package. Patients of the training tiles are not
/// among those of the validation tiles.
///
/// @return  what was learnt: counts per tissue, epochs, validation accuracy
/// @throws Error  `not_found`, `corrupt_data` if the folder is no phantom cohort; as train_tile_classifier,
/// pack_encoder; Cancelled.
nlohmann::ordered_json train_encoder(const TrainEncoderRequest& request, const imaging::JobContext& job);

}  // namespace workflows
