#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <type_traits>

#include "imaging/base/options.h"

namespace models {

/// How a U-Net is trained to segment. The loss is cross-entropy + soft Dice, the optimiser Adam.
struct SegmentTrainOptions {
  std::string widths = "16,24,32,48,64";
  std::string ibn = "none";
  std::int64_t working_size = 256;
  std::int64_t crop = 0;
  bool crop_to_field = false;
  std::int64_t epochs = 200;
  std::int64_t batch = 4;
  double learning_rate = 2e-3;
  double dice_weight = 1;
  double turn = 15;
  double zoom = 0.15;
  double colour = 0.2;
  double gamma = 0;
  double uneven = 0;
  double blur = 0;
  double noise = 0.02;
  std::int64_t patience = 40;
  std::int64_t min_epochs = 80;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, SegmentTrainOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("widths", options.widths,
        FieldInfo{.help = "Channels per level of the U-Net, the finest first; every level halves the size"});
  field("ibn", options.ibn,
        FieldInfo{.help = "Instance norm in half of the first norm of every level but the deepest (a)",
                  .choices = {"none", "a"}});
  field("working_size", options.working_size,
        FieldInfo{.unit = "px",
                  .help = "Longer side that pictures are resized to; 0: pixels as they come",
                  .min = 0,
                  .max = 8192});
  field("crop", options.crop,
        FieldInfo{.unit = "px",
                  .help = "Side of the square part of a picture that a step sees; 0: the whole",
                  .min = 0,
                  .max = 8192});
  field("crop_to_field", options.crop_to_field,
        FieldInfo{.help = "Photographs of the retina: cut to the field of view first"});
  field("epochs", options.epochs,
        FieldInfo{.help = "Most passes over the pictures", .min = 1, .max = 100000});
  field("batch", options.batch,
        FieldInfo{.unit = "pictures", .help = "Pictures a step", .min = 1, .max = 1024});
  field("learning_rate", options.learning_rate,
        FieldInfo{
            .help = "Adam's step at the start; half a cosine to 0 over the epochs", .min = 1e-8, .max = 1});
  field("dice_weight", options.dice_weight,
        FieldInfo{.help = "Weight of the soft Dice loss beside the cross-entropy", .min = 0, .max = 100});
  field("turn", options.turn,
        FieldInfo{.unit = "degrees",
                  .help = "Most that pictures are turned, beside mirroring",
                  .min = 0,
                  .max = 180});
  field("zoom", options.zoom,
        FieldInfo{
            .help = "Most that pictures grow, and by the same factor shrink: 1 is twice and half as large",
            .min = 0,
            .max = 4});
  field("colour", options.colour,
        FieldInfo{.help = "Most that light, contrast and each channel change", .min = 0, .max = 0.9});
  field(
      "gamma", options.gamma,
      FieldInfo{.help = "Most that the logarithm of an exponent on the values changes", .min = 0, .max = 2});
  field("uneven", options.uneven,
        FieldInfo{.help = "Deviation of a smooth light that lies over pictures, as a share of their own",
                  .min = 0,
                  .max = 1});
  field("blur", options.blur,
        FieldInfo{.unit = "px", .help = "Largest deviation of a blur, at working size", .min = 0, .max = 20});
  field("noise", options.noise,
        FieldInfo{.help = "Largest deviation of added noise, of the range 0 to 1", .min = 0, .max = 0.5});
  field("patience", options.patience,
        FieldInfo{.unit = "epochs",
                  .help = "Stop after so many without a better validation Dice",
                  .min = 1,
                  .max = 100000});
  field("min_epochs", options.min_epochs,
        FieldInfo{.unit = "epochs", .help = "Never stop before", .min = 0, .max = 100000});
}

}  // namespace models
