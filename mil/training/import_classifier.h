#pragma once

#include <concepts>
#include <filesystem>
#include <string>
#include <vector>

#include "imaging/base/options.h"
#include "mil/training/trainer.h"

namespace mil {

/// What a foreign checkpoint does not say itself.
struct ImportOptions {
  std::string base = "auto";
  std::string activation = "auto";
  std::string attention_activation = "auto";
  std::vector<std::string> class_name;
  std::string name;
  std::string licence = "not stated";
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, ImportOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("base", options.base,
        FieldInfo{.help = "Aggregator of the checkpoint; auto tells it from the weights' names, but for mean "
                          "and max, which have the same",
                  .choices = {"auto", "abmil", "mean", "max", "transmil", "dsmil", "clam_sb", "clam_mb"}});
  field("activation", options.activation,
        FieldInfo{.help = "Activation of the embedding, which no checkpoint tells; auto: relu",
                  .choices = {"auto", "relu", "gelu"}});
  field("attention_activation", options.attention_activation,
        FieldInfo{.help = "abmil: activation of the attention; auto: tanh for the stand-alone form, relu for "
                          "MHIM's",
                  .choices = {"auto", "relu", "gelu", "tanh"}});
  field("class_name", options.class_name,
        FieldInfo{.help = "Name of a class, once for each, in the order of the checkpoint's labels; by "
                          "default 0, 1, ..."});
  field("name", options.name, FieldInfo{.help = "Name of the package; by default the folder's"});
  field("licence", options.licence, FieldInfo{.help = "Licence of the weights"});
}

/// Makes a slide-classification package of a state dict of CLAM, MHIM-MIL or TransMIL (.pth, .pt), read
/// without executing any pickle. Appears whole or not at all.
///
/// @param origin  what the tiles were encoded with, where known; its dim is the checkpoint's
/// @throws imaging::Error  `incompatible` on a checkpoint of another architecture, or an encoder of another
/// width; `invalid_argument` on a wrong number of class names or a folder that exists; as models::read_pth.
void import_classifier(const std::filesystem::path& checkpoint, const ImportOptions& options,
                       const BagOrigin& origin, const std::filesystem::path& folder);

}  // namespace mil
