#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>

#include "imaging/base/geometry.h"
#include "models/encoders/tile_transform.h"

namespace models {

/// The preparation of a fundus photograph that a grader's manifest states under `transform`:
///
///     FieldCrop   size: side of the square cut to the field of view, black outside it, with its mask
///                 (imaging::crop_to_field). First, and done by the caller.
///     MatchField  mean, std: three numbers each in 0..1; optional, second. Every channel is shifted and
///                 scaled so that the pixels of the field have this mean and deviation, then clamped.
///     LocalContrast  mean, std: likewise, in its place. First every channel loses its mean over the
///                 surroundings (a Gaussian of about 1/26 of the side, within the field): what a lamp and a
///                 camera do to broad areas goes, lesions and vessels stay.
///     ...         the steps of TileTransform: Resize, CenterCrop, ToTensor, Normalize
///
/// @par Threads  Reentrant.
class FundusTransform {
 public:
  /// @throws Error  `corrupt_data` naming the step that is unknown, incomplete or out of order
  explicit FundusTransform(const nlohmann::ordered_json& steps);

  [[nodiscard]] std::int64_t crop_size() const { return crop_size_; }

  /// @param pictures  [B, 3, S, S] uint8, S = crop_size()
  /// @param masks     [B, 1, S, S] uint8, above 127 inside the field
  /// @return          [B, 3, h, w] float32 on the same device
  [[nodiscard]] at::Tensor apply(const at::Tensor& pictures, const at::Tensor& masks) const;

  /// The rest of the preparation for pictures that are already of the network's size and in 0..1: MatchField
  /// and Normalize, without Resize and CenterCrop. What training does after it augmented.
  /// @param pictures  [B, 3, h, w] float32
  /// @param fields    [B, 1, h, w] float32, share of the pixel inside the field
  [[nodiscard]] at::Tensor finish(const at::Tensor& pictures, const at::Tensor& fields) const;

  /// What part of the crop the network sees. Unit: pixels of the crop.
  [[nodiscard]] imaging::RectD seen() const { return seen_; }

 private:
  struct MatchField {
    std::vector<float> mean, std;
    bool is_local = false;
  };
  /// @param white  the value of full light
  [[nodiscard]] at::Tensor match(const at::Tensor& pictures, const at::Tensor& fields, float white) const;

  std::int64_t crop_size_ = 0;
  std::optional<MatchField> match_;
  TileTransform rest_, normalize_;
  imaging::RectD seen_;
};

/// What is made equal among photographs.
enum class FieldNormalisation {
  none,
  colours,   ///< MatchField to ImageNet's mean and half its deviation
  contrast,  ///< LocalContrast to the same mean and a deviation of 0.1
};

/// FieldCrop, the normalisation of the field, Resize to a square of `input_size`, ToTensor, Normalize with
/// ImageNet's numbers.
/// @param center_crop  0, or the side of the middle that is kept after the resize
[[nodiscard]] nlohmann::ordered_json fundus_transform_steps(
    std::int64_t crop_size, std::int64_t input_size, std::int64_t center_crop = 0,
    FieldNormalisation normalisation = FieldNormalisation::none);

}  // namespace models
