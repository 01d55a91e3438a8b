#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "imaging/base/image.h"
#include "imaging/base/job.h"
#include "models/adaptation/monitors.h"
#include "models/runtime/safetensors.h"
#include "models/segmentation/segmenter_facts.h"
#include "models/segmentation/train_options.h"

namespace models {

/// A picture with its truth.
struct SegmentationExample {
  std::string name;
  imaging::ImageF picture;  ///< H x W x C, as PixelSource::read gives values; cut to the field where the
                            ///< options say so
  imaging::Image8 labels;   ///< H x W x 1, 0 to K - 1
};

/// Examples that are read one at a time.
struct SegmentationSet {
  std::size_t count = 0;
  std::function<SegmentationExample(std::size_t)> read;
};

struct SegmentationEpoch {
  std::int64_t epoch = 0;  ///< from 1
  double loss = 0;
  std::optional<double> validation_loss, validation_dice;
};

struct SegmentationTraining {
  SegmenterFacts facts;
  SegmentTrainOptions options;
  std::uint64_t seed = 0;
  std::vector<SegmentationEpoch> curve;
  std::int64_t best_epoch =
      0;  ///< whose weights are kept: the best on validation, the last where there is none
  std::vector<std::optional<double>> dice;  ///< per class on the validation part, over all its pixels; none
                                            ///< where a class is nowhere
  MonitorReading
      reference;  ///< on the validation part, else on the training part: what the guard rails compare with
  std::int64_t train_count = 0, validation_count = 0;
  std::shared_ptr<const TensorMap> weights;
};

/// Trains the built-in U-Net. The same pictures, options, seed and threads give the same weights; where
/// `checkpoint` exists, the run goes on from it and ends with those of an uninterrupted one.
///
/// Stage reported to `job`: "training", in pictures.
/// @param validation  may be empty
/// @param checkpoint  file, written after epochs (in a tenth of the time at most); empty for none
/// @throws Error  `invalid_argument` (an option out of range, a label outside the classes, a mask of another
/// size, channels that differ, loss not finite); `insufficient_data` without pictures or without any
/// foreground; `incompatible` (a checkpoint of another run); Cancelled.
/// @par Memory  The pictures at working size, and a batch.
/// @par Reference  [ronneberger2015]; soft Dice [milletari2016]
[[nodiscard]] SegmentationTraining train_segmenter(
    const SegmentationSet& train, const SegmentationSet& validation, const SegmenterFacts& facts,
    const SegmentTrainOptions& options, std::uint64_t seed, const std::string& device,
    const imaging::JobContext& job, const std::filesystem::path& checkpoint = {},
    const std::function<void(const SegmentationEpoch&)>& on_epoch = {});

/// What people should know of a segmenter, beside what the training knows itself.
struct SegmenterTexts {
  std::string name;
  std::string training_data = "not stated";
  std::string licence = "not stated";
};

/// Writes a trained network as a package: weights, manifest, card. Appears whole or not at all.
/// @throws Error  `invalid_argument` if the folder exists; `io_error`.
void write_segmenter_package(const std::filesystem::path& folder, const SegmentationTraining& training,
                             const SegmenterTexts& texts);

}  // namespace models
