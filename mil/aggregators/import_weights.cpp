#include "mil/aggregators/import_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "imaging/base/error.h"
#include "imaging/base/options_json.h"
#include "mil/aggregators/abmil_options.h"
#include "mil/aggregators/aggregator_module.h"
#include "mil/aggregators/aggregator_table.h"
#include "mil/aggregators/clam_options.h"
#include "mil/aggregators/dsmil_options.h"
#include "mil/aggregators/module_weights.h"
#include "mil/aggregators/transmil_options.h"
#include "models/runtime/torch_errors.h"

namespace mil {
namespace {

using imaging::Error;
using imaging::ErrorCode;

struct Renaming {
  std::string_view theirs, ours;  ///< beginnings of names
};

/// The beginnings are unique over all families. CLAM's layers move by one where it has no dropout.
constexpr std::array kRenamings{
    // tile embedding
    Renaming{"patch_to_emb.0.", "embedding."},
    Renaming{"attention_net.0.", "embedding."},
    Renaming{"feature.0.", "embedding."},
    Renaming{"_fc1.0.", "embedding."},
    Renaming{"i_classifier.embed.0.", "embedding."},
    Renaming{"head.0.", "embedding."},
    // attention
    Renaming{"online_encoder.attention.attention.0.", "attention.a."},
    Renaming{"online_encoder.attention.attention.2.", "attention.c."},
    Renaming{"online_encoder.attention.attention.3.", "attention.c."},
    Renaming{"online_encoder.attention.attention_a.0.", "attention.a."},
    Renaming{"online_encoder.attention.attention_b.0.", "attention.b."},
    Renaming{"online_encoder.attention.attention_c.", "attention.c."},
    Renaming{"attention_net.2.attention_a.0.", "attention.a."},
    Renaming{"attention_net.2.attention_b.0.", "attention.b."},
    Renaming{"attention_net.2.attention_c.", "attention.c."},
    Renaming{"attention_net.2.module.0.", "attention.a."},
    Renaming{"attention_net.2.module.2.", "attention.c."},
    Renaming{"attention_net.2.module.3.", "attention.c."},
    Renaming{"attention_net.3.attention_a.0.", "attention.a."},
    Renaming{"attention_net.3.attention_b.0.", "attention.b."},
    Renaming{"attention_net.3.attention_c.", "attention.c."},
    Renaming{"attention_net.3.module.0.", "attention.a."},
    Renaming{"attention_net.3.module.2.", "attention.c."},
    Renaming{"attention_net.3.module.3.", "attention.c."},
    Renaming{"attention.0.", "attention.a."},
    Renaming{"attention.2.", "attention.c."},
    Renaming{"attention_a.0.", "attention.a."},
    Renaming{"attention_b.0.", "attention.b."},
    Renaming{"attention_c.", "attention.c."},
    // DSMIL
    Renaming{"online_encoder.i_classifier.0.", "instance_classifier."},
    Renaming{"online_encoder.b_classifier.q.0.", "query."},
    Renaming{"online_encoder.b_classifier.q.2.", "query_out."},
    Renaming{"online_encoder.b_classifier.v.1.", "value."},
    Renaming{"online_encoder.b_classifier.fcc.", "classifier."},
    Renaming{"i_classifier.fc.0.", "instance_classifier."},
    Renaming{"b_classifier.q.0.", "query."},
    Renaming{"b_classifier.q.2.", "query_out."},
    Renaming{"b_classifier.q.", "query."},
    Renaming{"b_classifier.v.1.", "value."},
    Renaming{"b_classifier.fcc.", "classifier."},
    // TransMIL
    Renaming{"cls_token", "class_token"},
    Renaming{"pos_layer.proj.", "position.conv7."},
    Renaming{"pos_layer.proj1.", "position.conv5."},
    Renaming{"pos_layer.proj2.", "position.conv3."},
    Renaming{"layer1.norm.", "layer1.norm."},
    Renaming{"layer1.attn.to_qkv.", "layer1.attention.to_qkv."},
    Renaming{"layer1.attn.to_out.0.", "layer1.attention.to_out."},
    Renaming{"layer1.attn.res_conv.", "layer1.attention.residual."},
    Renaming{"layer2.norm.", "layer2.norm."},
    Renaming{"layer2.attn.to_qkv.", "layer2.attention.to_qkv."},
    Renaming{"layer2.attn.to_out.0.", "layer2.attention.to_out."},
    Renaming{"layer2.attn.res_conv.", "layer2.attention.residual."},
    Renaming{"norm.", "norm."},
    Renaming{"online_encoder.pos_embedding.proj.", "position.conv7."},
    Renaming{"online_encoder.pos_embedding.proj1.", "position.conv5."},
    Renaming{"online_encoder.pos_embedding.proj2.", "position.conv3."},
    // classifier
    Renaming{"predictor.", "classifier."},
    Renaming{"classifiers.", "classifier."},
    Renaming{"classifier.0.", "classifier."},
    Renaming{"_fc2.", "classifier."},
    Renaming{"head.2.", "classifier."},
    Renaming{"head.3.", "classifier."},
    Renaming{"instance_classifiers.", "instance_classifiers."},
};

constexpr std::string_view kEncoder = "online_encoder.";

std::optional<std::string> renamed(std::string_view name) {
  for (const auto& [theirs, ours] : kRenamings) {
    if (name.starts_with(theirs)) return std::string(ours) + std::string(name.substr(theirs.size()));
  }
  // MHIM's TransMIL has the layers of the stand-alone one.
  if (name.starts_with(kEncoder)) return renamed(name.substr(kEncoder.size()));
  return std::nullopt;
}

[[noreturn]] void refuse(const std::string& why) {
  throw Error(ErrorCode::incompatible,
              fmt::format("This is a checkpoint of another architecture than CLAM, MHIM-MIL, ABMIL, TransMIL "
                          "and DSMIL: {}.",
                          why));
}

/// CLAM-MB has one linear layer [1, D] per class.
void join_classifiers(models::TensorMap& weights) {
  for (const std::string part : {"weight", "bias"}) {
    std::vector<at::Tensor> rows;
    while (true) {
      const auto row = weights.extract(fmt::format("classifier.{}.{}", rows.size(), part));
      if (row.empty()) break;
      rows.push_back(row.mapped());
    }
    if (!rows.empty()) weights["classifier." + part] = at::cat(rows);
  }
}

class Recognised {
 public:
  explicit Recognised(const models::TensorMap& official) : official_(official) {
    const bool is_mhim_dsmil = official.contains("online_encoder.b_classifier.q.0.weight");
    for (const auto& [name, tensor] : official) {
      const bool is_unused =
          name.starts_with("instance_loss_fn.") || (is_mhim_dsmil && name.starts_with("predictor."));
      if (is_unused) continue;
      const auto ours = renamed(name);
      if (!ours) refuse(fmt::format("it holds '{}'", name));
      weights_[*ours] = tensor;
    }
    if (const auto token = weights_.find("class_token"); token != weights_.end())
      token->second = token->second.reshape({1, -1});
    join_classifiers(weights_);
  }

  [[nodiscard]] bool has(const std::string& ours) const { return weights_.contains(ours); }
  [[nodiscard]] bool was(const std::string& theirs) const { return official_.contains(theirs); }

  [[nodiscard]] std::int64_t size(const std::string& ours, std::int64_t axis) const {
    const auto found = weights_.find(ours);
    if (found == weights_.end()) refuse(fmt::format("nothing in it is the weight '{}'", ours));
    if (found->second.dim() <= axis) refuse(fmt::format("'{}' has {} axes", ours, found->second.dim()));
    return found->second.size(axis);
  }

  template <typename Options>
  [[nodiscard]] Options shape() const {
    Options options;
    options.input_dim = size("embedding.weight", 1);
    options.embed_dim = size("embedding.weight", 0);
    options.class_count = size("classifier.bias", 0);
    return options;
  }

  [[nodiscard]] const models::TensorMap& weights() const { return weights_; }

 private:
  const models::TensorMap& official_;
  models::TensorMap weights_;
};

std::string base_of(const Recognised& found) {
  if (found.has("class_token")) return "transmil";
  if (found.has("query.weight")) return "dsmil";
  if (found.has("instance_classifiers.0.weight"))
    return found.was("classifiers.0.weight") ? "clam_mb" : "clam_sb";
  if (found.has("attention.c.weight")) return "abmil";
  if (found.has("embedding.weight") && found.has("classifier.weight"))
    throw Error(ErrorCode::incompatible,
                "Mean and max pooling have the same weights; name the base of this checkpoint.");
  refuse("it has no attention");
}

nlohmann::ordered_json arguments_of(const Recognised& found, const std::string& base) {
  if (base == "transmil") {
    auto options = found.shape<TransmilOptions>();
    options.padding = found.was("_fc1.0.weight") ? "stand_alone" : "internal";
    options.heads = found.size("layer1.attention.residual.weight", 0);
    options.head_dim =
        found.size("layer1.attention.to_qkv.weight", 0) / std::max<std::int64_t>(1, 3 * options.heads);
    return imaging::options_to_json(options);
  }
  if (base == "dsmil") {
    auto options = found.shape<DsmilOptions>();
    options.query_dim = found.size("query.weight", 0);
    options.variant = found.has("query_out.weight") ? "mhim"
                      : found.has("value.weight")   ? "first_release"
                                                    : "stand_alone";
    return imaging::options_to_json(options);
  }
  if (base == "clam_sb" || base == "clam_mb") {
    auto options = found.shape<ClamOptions>();
    options.attention_dim = found.size("attention.a.weight", 0);
    options.gated = found.has("attention.b.weight");
    return imaging::options_to_json(options);
  }
  if (base == "abmil") {
    auto options = found.shape<AbmilOptions>();
    options.attention_dim = found.size("attention.a.weight", 0);
    options.gated = found.has("attention.b.weight");
    options.attention_bias = found.has("attention.a.bias");
    options.attention_activation = found.was("feature.0.weight") && !options.gated ? "tanh" : "relu";
    return imaging::options_to_json(options);
  }
  return imaging::options_to_json(found.shape<AggregatorShape>());
}

}  // namespace

ImportedWeights import_weights(const models::TensorMap& official, const std::string& base) {
  return models::with_torch_errors(ErrorCode::incompatible, "The checkpoint cannot be imported", [&] {
    const Recognised found(official);
    ImportedWeights imported;
    const bool is_pooling = base == "mean" || base == "max";
    imported.base = is_pooling ? base : base_of(found);
    if (!base.empty() && imported.base != base) {
      throw Error(ErrorCode::incompatible,
                  fmt::format("The checkpoint is of the base {}, not {}.", imported.base, base));
    }
    imported.arguments = arguments_of(found, imported.base);
    try {
      const auto module = make_aggregator(imported.base, nlohmann::json(imported.arguments));
      load_weights(*module, found.weights());
      imported.weights = weights_of(*module);
    } catch (const Error& error) {
      refuse(fmt::format("read as {}, {}", imported.base, error.what()));
    }
    return imported;
  });
}

}  // namespace mil
