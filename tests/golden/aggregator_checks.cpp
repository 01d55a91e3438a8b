#include "tests/golden/aggregator_checks.h"

#include <fmt/format.h>
#include <torch/nn/functional.h>
#include <torch/types.h>

#include "imaging/base/error.h"
#include "mil/aggregators/abmil_module.h"
#include "mil/aggregators/aggregator_table.h"
#include "mil/aggregators/clam_module.h"
#include "mil/aggregators/dsmil_module.h"
#include "mil/aggregators/import_weights.h"
#include "mil/aggregators/module_weights.h"
#include "mil/aggregators/query_merge_module.h"
#include "mil/aggregators/transmil_module.h"
#include "mil/losses/consistency_loss.h"
#include "tests/golden/hash_fill.h"

namespace golden {
namespace {

using Tensors = std::map<std::string, at::Tensor>;

constexpr Tolerance kCommon{1e-5, 1e-5};
constexpr Tolerance kLoose{5e-5, 1e-4};  ///< full sizes, and all of TransMIL
constexpr double kGradientFactor = 5;

/// The module that our import makes of official weights.
std::shared_ptr<mil::AggregatorModule> imported(const Tensors& official) {
  const auto found = mil::import_weights({official.begin(), official.end()});
  auto module = mil::make_aggregator(found.base, nlohmann::json(found.arguments));
  mil::load_weights(*module, found.weights);
  module->eval();
  return module;
}

struct FullCase {
  std::shared_ptr<mil::AggregatorModule> module;
  at::Tensor x;
};

/// Weights and bag of a full_* case, by hash fill. @param edit  changes the module's arguments
FullCase full_case(const GoldenCase& golden, const std::function<void(nlohmann::ordered_json&)>& edit = {}) {
  auto official = hash_filled_weights(golden.root() / "hashfill.csv", golden.name());
  const auto x = official.at("x");
  official.erase("x");
  const auto found = mil::import_weights({official.begin(), official.end()});
  auto arguments = found.arguments;
  if (edit) edit(arguments);
  auto module = mil::make_aggregator(found.base, nlohmann::json(arguments));
  mil::load_weights(*module, found.weights);
  module->eval();
  return {module, x.view({-1, x.size(-1)})};
}

/// A module's weights under the official names that `names` maps ours to.
void load_renamed(torch::nn::Module& module, const Tensors& official,
                  const std::map<std::string, std::string>& names) {
  models::TensorMap weights;
  for (const auto& [ours, theirs] : names) {
    const auto found = official.find(theirs);
    if (found == official.end()) {
      throw imaging::Error(imaging::ErrorCode::not_found, fmt::format("The case has no weight {}.", theirs));
    }
    weights[ours] = found->second;
  }
  mil::load_weights(module, weights);
  module.eval();
}

at::Tensor two_axes(const at::Tensor& bag) {
  return bag.view({-1, bag.size(-1)});
}

mil::LogitLoss cross_entropy() {
  return [](const at::Tensor& logits, std::int64_t label) {
    return at::cross_entropy_loss(logits.unsqueeze(0), torch::tensor({label}, at::kLong));
  };
}

struct AttentionForm {
  std::map<std::string, std::string> names;
  std::string activation;
  bool gated = false;
  bool has_bias = false;
};

/// Scores and pools `x` with the weights under `w.`.
void check_attention(GoldenCase& golden, const AttentionForm& form, const char* pooled_name) {
  const auto weights = golden.load_all("w.");
  const auto hidden = weights.at(form.names.at("a.weight"));
  mil::AttentionScorer scorer({.embed_dim = hidden.size(1),
                               .attention_dim = hidden.size(0),
                               .score_count = weights.at(form.names.at("c.weight")).size(0),
                               .gated = form.gated,
                               .has_bias = form.has_bias,
                               .activation = form.activation,
                               .dropout = 0});
  load_renamed(scorer, weights, form.names);
  const auto x = two_axes(golden.load("x"));
  for (const auto& raw : {scorer.forward(x), scorer.infer(x)}) {
    golden.expect_close("attn_raw", raw, kCommon);
    golden.expect_close(pooled_name, mil::attention_pool(x, raw), kCommon);
    if (golden.has("attn")) golden.expect_close("attn", raw.softmax(0), kCommon);
  }
}

}  // namespace

// ------------------------------------------------------------------------------------------- attention

void check_clam_attn(GoldenCase& golden) {
  check_attention(golden,
                  {.names = {{"a.weight", "module.0.weight"},
                             {"a.bias", "module.0.bias"},
                             {"c.weight", "module.2.weight"},
                             {"c.bias", "module.2.bias"}},
                   .activation = "tanh",
                   .gated = false,
                   .has_bias = true},
                  "pooled");
}

void check_clam_gated_attn(GoldenCase& golden) {
  check_attention(golden,
                  {.names = {{"a.weight", "attention_a.0.weight"},
                             {"a.bias", "attention_a.0.bias"},
                             {"b.weight", "attention_b.0.weight"},
                             {"b.bias", "attention_b.0.bias"},
                             {"c.weight", "attention_c.weight"},
                             {"c.bias", "attention_c.bias"}},
                   .activation = "tanh",
                   .gated = true,
                   .has_bias = true},
                  "pooled");
}

void check_mhim_abmil_gated(GoldenCase& golden) {
  check_attention(golden,
                  {.names = {{"a.weight", "attention.attention_a.0.weight"},
                             {"b.weight", "attention.attention_b.0.weight"},
                             {"c.weight", "attention.attention_c.weight"}},
                   .activation = "relu",
                   .gated = true,
                   .has_bias = false},
                  "bag_feat");
}

void check_full_mhim_abmil(GoldenCase& golden) {
  const auto [module, x] = full_case(golden);
  for (const auto& output : {module->forward(x), module->infer(x)}) {
    golden.expect_close("attn", output.scores.t(), kLoose);
    golden.expect_close("bag_feat", output.embedding, kLoose);
    golden.expect_close("logits", output.logits, kLoose);
  }
}

// ------------------------------------------------------------------------------------------- CLAM

/// Both branches: the label is the last class, instance loss cross-entropy with subtyping.
void check_full_clam(GoldenCase& golden) {
  const auto asked = golden.load("inst_labels").numel();
  const auto classes = golden.load("logits").numel();
  const auto label = classes - 1;
  const auto [module, x] = full_case(golden, [&](auto& arguments) {
    arguments["subtyping"] = true;
    arguments["instances"] = asked / (classes + 1);
  });
  const auto forward = module->forward(x);
  for (const auto& output : {forward, module->infer(x)}) {
    golden.expect_close("attn_raw", output.raw_scores.t(), kLoose);
    golden.expect_close("bag_feat", output.embedding, kLoose);
    golden.expect_close("logits", output.logits, kLoose);
    golden.expect_close("prob", output.logits.softmax(0), kLoose);
  }
  const auto branch = dynamic_cast<mil::ClamModule&>(*module).instance_branch(forward, label);
  const auto ids = [](const at::Tensor& values) {
    return std::vector<std::int64_t>(values.data_ptr<std::int64_t>(),
                                     values.data_ptr<std::int64_t>() + values.numel());
  };
  golden.expect_close("instance_loss", branch.loss, kLoose);
  golden.expect_equal("inst_labels", ids(branch.targets), golden.integers("inst_labels"));
  golden.expect_equal("inst_preds", ids(branch.logits.argmax(1)), golden.integers("inst_preds"));
}

void check_smooth_svm(GoldenCase& golden) {
  const auto x = golden.load("x").requires_grad_();
  const auto loss = mil::smooth_svm_loss(x, golden.load("y"));
  loss.backward();
  golden.expect_close("loss", loss, kCommon);
  golden.expect_close("grad_x", x.grad(), kCommon.times(kGradientFactor));
}

// ------------------------------------------------------------------------------------------- DSMIL

void check_dsmil_plain(GoldenCase& golden) {
  const auto critic = golden.load_all("i."), bag = golden.load_all("b.");
  mil::DsmilOptions options;
  options.variant = "stand_alone";
  options.class_count = critic.at("weight").size(0);
  options.embed_dim = critic.at("weight").size(1);
  options.query_dim = bag.at("q.weight").size(0);
  mil::DsmilModule module(options);
  module.eval();
  auto weights = mil::weights_of(module);
  for (const std::string part : {"weight", "bias"}) {
    weights["instance_classifier." + part] = critic.at(part);
    weights["query." + part] = bag.at("q." + part);
    weights["classifier." + part] = bag.at("fcc." + part);
  }
  mil::load_weights(module, weights);

  const auto output = module.pool(two_axes(golden.load("x")));

  golden.expect_close("instance_logits", output.instance_logits, kCommon);
  golden.expect_close("attn_A", output.scores, kCommon);
  golden.expect_close("bag_feat_B", output.embedding, kCommon);
  golden.expect_close("bag_logits", output.logits, kCommon);
}

void check_full_mhim_dsmil(GoldenCase& golden) {
  const auto [module, x] = full_case(golden);
  for (const auto& output : {module->forward(x), module->infer(x)}) {
    golden.expect_close("bag_feat_B", output.embedding, kLoose);
    golden.expect_close("bag_logits", output.logits, kLoose);
    golden.expect_close("max_instance_logits", output.instance_logits.amax(0), kLoose);
    golden.expect_close("mask_score", output.mask_scores, kLoose);
  }
}

void check_mhim_dsmil(GoldenCase& golden) {
  constexpr std::int64_t kLabel = 1;
  constexpr double kTeacherTemperature = 0.1, kStudentTemperature = 1;
  const auto module = imported(golden.load_all("w."));
  const auto x = two_axes(golden.load("x"));
  const auto kept = golden.load("keep_ids_sorted");
  const auto whole = module->forward(x);
  for (const auto& output : {whole, module->infer(x)}) {
    golden.expect_close("instance_logits", output.instance_logits, kCommon);
    golden.expect_close("attn_A", output.scores, kCommon);
    golden.expect_close("bag_feat_B", output.embedding, kCommon);
    golden.expect_close("bag_logits", output.logits, kCommon);
    golden.expect_close("max_instance_logits", output.instance_logits.amax(0), kCommon);
    golden.expect_close("mask_score", output.mask_scores, kCommon);
    golden.expect_close("teacher_attn", output.mask_scores, kCommon);
    golden.expect_close("prob", module->decision_logits(output).softmax(0), kCommon);
    golden.expect_close("half_loss", module->loss(output, kLabel, cross_entropy()), kCommon);
  }
  golden.expect_equal("len_keep", {kept.numel()}, golden.integers("len_keep"));
  const auto student = module->forward(x.index_select(0, kept));
  golden.expect_close("student_bag_feat_B", student.embedding, kCommon);
  golden.expect_close("student_bag_logits", student.logits, kCommon);
  golden.expect_close("student_max_instance_logits", student.instance_logits.amax(0), kCommon);
  golden.expect_close("consistency_loss",
                      mil::consistency_loss(golden.load("student_B").squeeze(0), whole.embedding.detach(),
                                            kStudentTemperature, kTeacherTemperature),
                      kCommon);
}

// ------------------------------------------------------------------------------------------- TransMIL

void check_full_transmil(GoldenCase& golden) {
  const auto [module, x] = full_case(golden);
  for (const auto& output : {module->forward(x), module->infer(x)})
    golden.expect_close("logits", output.logits, kLoose);
}

void check_mhim_transmil(GoldenCase& golden) {
  const auto official = golden.load_all("w.");
  const auto found = mil::import_weights({official.begin(), official.end()});
  const auto x = two_axes(golden.load("x"));
  for (const std::int64_t layer : {1, 2}) {
    auto arguments = found.arguments;
    arguments["mask_layer"] = layer;
    const auto module = mil::make_aggregator(found.base, nlohmann::json(arguments));
    mil::load_weights(*module, found.weights);
    module->eval();
    for (const auto& output : {module->forward(x), module->infer(x)}) {
      golden.expect_close(fmt::format("attn_layer{}", layer), output.mask_scores, kLoose);
      golden.expect_close("mean of attn_layer2 over heads", output.scores.squeeze(1),
                          golden.load("attn_layer2").squeeze(0).mean(0), kLoose);
      golden.expect_close("bag_feat", output.embedding, kLoose);
      golden.expect_close("logits", output.logits, kLoose);
    }
    const auto official_order = golden.load("keep_ids_official_order");
    golden.expect_equal("len_keep", {official_order.numel()}, golden.integers("len_keep"));
    const auto scrambled = module->forward(x.index_select(0, official_order));
    golden.expect_close("student_bag_feat_official_order", scrambled.embedding, kLoose);
    const auto sorted = module->forward(x.index_select(0, std::get<0>(official_order.sort())));
    golden.expect_close("student_bag_feat_sorted_order", sorted.embedding, kLoose);
    golden.expect_close("student_logits_sorted_order", sorted.logits, kLoose);
  }
  const auto embedded =
      at::linear(x, found.weights.at("embedding.weight"), found.weights.at("embedding.bias")).relu();
  golden.expect_close("embed", embedded, kLoose);
}

void check_nystrom(GoldenCase& golden) {
  const auto weights = golden.load_all("w.");
  const auto x = two_axes(golden.load("x"));
  const auto heads = weights.at("res_conv.weight").size(0);
  mil::NystromAttention attention(x.size(1), heads, weights.at("to_qkv.weight").size(0) / (3 * heads),
                                  /*landmarks=*/x.size(1) / 2, /*dropout=*/0);
  load_renamed(attention, weights,
               {{"to_qkv.weight", "to_qkv.weight"},
                {"to_out.weight", "to_out.0.weight"},
                {"to_out.bias", "to_out.0.bias"},
                {"residual.weight", "res_conv.weight"}});
  using Rows = mil::NystromAttention::Rows;
  const auto check = [&] {
    const auto all = attention.forward(x, Rows::all);
    golden.expect_close("out", all.tokens, kLoose);
    golden.expect_close("attn", all.first_row, kLoose);
    const auto first = attention.forward(x, Rows::first);
    golden.expect_close("out of the first token", first.tokens[0], two_axes(golden.load("out"))[0], kLoose);
    golden.expect_close("attn", first.first_row, kLoose);
  };
  check();
  const c10::InferenceMode guard;
  check();
}

void check_pinv(GoldenCase& golden) {
  golden.expect_close("z", mil::iterative_pinv(golden.load("a")), kLoose);
}

void check_ppeg(GoldenCase& golden) {
  const auto x = two_axes(golden.load("x"));
  mil::PositionEncoding position(x.size(1));
  load_renamed(position, golden.load_all("w."),
               {{"conv7.weight", "proj.weight"},
                {"conv7.bias", "proj.bias"},
                {"conv5.weight", "proj1.weight"},
                {"conv5.bias", "proj1.bias"},
                {"conv3.weight", "proj2.weight"},
                {"conv3.bias", "proj2.bias"}});
  golden.expect_close("out", position.forward(x, /*has_least_side=*/true), kCommon);
}

// ------------------------------------------------------------------------------------------- MHIM v2

void check_mhim2_merge(GoldenCase& golden) {
  const auto weights = golden.load_all("w.");
  mil::AbmilOptions options;
  options.embed_dim = weights.at("feature.0.weight").size(0);
  options.input_dim = weights.at("feature.0.weight").size(1);
  options.attention_dim = weights.at("online_encoder.attention.attention.0.weight").size(0);
  options.class_count = weights.at("predictor.weight").size(0);
  mil::AbmilModule module(options);
  load_renamed(module, weights,
               {{"embedding.weight", "feature.0.weight"},
                {"embedding.bias", "feature.0.bias"},
                {"attention.a.weight", "online_encoder.attention.attention.0.weight"},
                {"attention.c.weight", "online_encoder.attention.attention.2.weight"},
                {"classifier.weight", "predictor.weight"},
                {"classifier.bias", "predictor.bias"}});
  constexpr std::int64_t kHeads = 8;
  mil::QueryMerge merge(options.embed_dim, weights.at("merge.global_q_mm").size(-2), kHeads,
                        weights.at("merge.attn.to_q.weight").size(0) / kHeads);
  load_renamed(merge,
               [&] {
                 auto flat = weights;
                 flat["merge.global_q_mm"] = two_axes(flat.at("merge.global_q_mm"));
                 return flat;
               }(),
               {{"norm.weight", "merge.norm.weight"},
                {"norm.bias", "merge.norm.bias"},
                {"to_q.weight", "merge.attn.to_q.weight"},
                {"to_kv.weight", "merge.attn.to_kv.weight"},
                {"to_out.weight", "merge.attn.to_out.0.weight"},
                {"to_out.bias", "merge.attn.to_out.0.bias"},
                {"queries", "merge.global_q_mm"}});
  const auto x = two_axes(golden.load("x"));
  const auto output = module.forward(x);
  const auto embedded = module.embedding->forward(x).relu();

  golden.expect_close("embed", embedded, kCommon);
  golden.expect_close("attn", output.scores.t(), kCommon);
  golden.expect_close("bag_feat", output.embedding, kCommon);
  golden.expect_close("class_aware_score",
                      mil::class_aware_scores(embedded, output.scores.squeeze(1), module.classifier),
                      kCommon);
  golden.expect_close("merged", merge.forward(embedded), kCommon);
}

}  // namespace golden
