#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "models/runtime/safetensors.h"

namespace mil {

/// A foreign checkpoint as one of our aggregators.
struct ImportedWeights {
  std::string base;                  ///< one of `aggregator_names()`
  nlohmann::ordered_json arguments;  ///< for `make_aggregator`
  models::TensorMap weights;         ///< under our names, float32
};

/// Recognises a state dict of CLAM, MHIM-MIL (its v1 bases and its stand-alone ABMIL, DSMIL, mean and max) or
/// TransMIL by names and shapes. What these do not tell is taken as released: ABMIL's attention has tanh in
/// the stand-alone form and ReLU in MHIM's, TransMIL has D / 2 landmarks, the embedding has ReLU.
///
/// @param official  as models::read_pth gives it
/// @param base      the base where the names leave it open (mean and max have the same); empty to guess
/// @throws imaging::Error  `incompatible` on a checkpoint of another architecture.
[[nodiscard]] ImportedWeights import_weights(const models::TensorMap& official, const std::string& base = "");

}  // namespace mil
