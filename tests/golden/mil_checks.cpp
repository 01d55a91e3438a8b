#include <fmt/format.h>
#include <torch/nn/functional.h>
#include <torch/optim/adam.h>
#include <torch/types.h>

#include <numeric>

#include "imaging/base/error.h"
#include "mil/aggregators/abmil_module.h"
#include "mil/aggregators/module_weights.h"
#include "mil/losses/consistency_loss.h"
#include "mil/training/ema.h"
#include "mil/training/masking.h"
#include "mil/training/schedule.h"
#include "models/runtime/metrics.h"
#include "tests/golden/aggregator_checks.h"
#include "tests/golden/contrastive_checks.h"
#include "tests/golden/golden_case.h"

namespace golden {
namespace {

using Tensors = std::map<std::string, at::Tensor>;

constexpr Tolerance kCommon{1e-5, 1e-5};
constexpr Tolerance kDouble{1e-9, 0};
constexpr Tolerance kAfterStep{1e-6, 0};
constexpr double kGradientFactor = 5;
constexpr double kSmallestGradient = 1e-7;  ///< below it, one Adam step may go either way

at::Tensor scalar(double value) {
  return at::scalar_tensor(value, at::kDouble);
}

/// Tensors under our names. `names` maps ours to the official ones.
Tensors renamed(const Tensors& official, const std::map<std::string, std::string>& names) {
  Tensors ours;
  for (const auto& [mine, theirs] : names) {
    const auto found = official.find(theirs);
    if (found == official.end()) {
      throw imaging::Error(imaging::ErrorCode::not_found, fmt::format("The case has no weight {}.", theirs));
    }
    ours[mine] = found->second;
  }
  return ours;
}

// ------------------------------------------------------------------------------------------- MHIM, ABMIL

const std::map<std::string, std::string> kAbmilNames = {
    {"embedding.weight", "patch_to_emb.0.weight"},
    {"embedding.bias", "patch_to_emb.0.bias"},
    {"attention.a.weight", "online_encoder.attention.attention.0.weight"},
    {"attention.c.weight", "online_encoder.attention.attention.2.weight"},
    {"classifier.weight", "predictor.weight"},
    {"classifier.bias", "predictor.bias"}};

std::shared_ptr<mil::AbmilModule> make_abmil(const Tensors& official) {
  const auto weights = renamed(official, kAbmilNames);
  mil::AbmilOptions options;
  options.input_dim = weights.at("embedding.weight").size(1);
  options.embed_dim = weights.at("embedding.weight").size(0);
  options.attention_dim = weights.at("attention.a.weight").size(0);
  options.class_count = weights.at("classifier.weight").size(0);
  auto module = std::make_shared<mil::AbmilModule>(options);
  mil::load_weights(*module, weights);
  module->eval();
  return module;
}

std::vector<float> floats_of(const at::Tensor& values) {
  const auto plain = values.detach().to(at::kFloat).contiguous();
  return {plain.data_ptr<float>(), plain.data_ptr<float>() + plain.numel()};
}

std::vector<std::int64_t> no_permutation(std::int64_t) {
  throw imaging::Error(imaging::ErrorCode::corrupt_data,
                       "The case stores no permutation for a random stage.");
}

std::vector<at::Tensor> in_order(const mil::AbmilModule& module,
                                 const std::map<std::string, std::string>& names) {
  const auto parameters = module.named_parameters();
  std::vector<at::Tensor> tensors;
  for (const auto& [mine, theirs] : names) tensors.push_back(parameters[mine]);
  return tensors;
}

/// One whole step of training: teacher's scores, mask, student's losses, gradients, Adam, average.
void check_mhim_abmil(GoldenCase& golden) {
  constexpr mil::MaskRatios kRatios{.random = 0, .low = 0.2, .high = 0.1, .high_pool = 1};
  constexpr double kConsistencyWeight = 0.5, kTeacherTemperature = 0.1, kStudentTemperature = 1;
  constexpr double kLearningRate = 2e-4, kWeightDecay = 1e-5, kMomentum = 0.9999;
  const auto student = make_abmil(golden.load_all("student."));
  const auto teacher = make_abmil(golden.load_all("teacher."));
  const auto x = golden.load("x").squeeze(0);
  const auto count = x.size(0);

  for (const auto& whole : {student->forward(x), student->infer(x)}) {
    golden.expect_close("logits", whole.logits, kCommon);
    golden.expect_close("attn", whole.scores, kCommon);
    golden.expect_close("attn_raw", whole.raw_scores, kCommon);
  }
  const auto target = teacher->infer(x);
  golden.expect_close("teacher_attn", target.scores, kCommon);
  golden.expect_close("teacher_bag_feat", target.embedding, kCommon);

  const auto masked = mil::select_masked(floats_of(target.scores), count, kRatios, &no_permutation);
  const auto kept = mil::kept_instances(masked, count);
  golden.expect_equal("masked_ids_sorted", masked, golden.integers("masked_ids_sorted"));
  golden.expect_equal("keep_ids_sorted", kept, golden.integers("keep_ids_sorted"));
  golden.expect_equal("len_keep", {static_cast<std::int64_t>(kept.size())}, golden.integers("len_keep"));

  const auto output = student->forward(x.index_select(0, torch::tensor(kept, at::kLong)));
  const auto ce = torch::nn::functional::cross_entropy(output.logits.unsqueeze(0), golden.load("label"));
  const auto consistency = mil::consistency_loss(output.embedding, target.embedding.clone(),
                                                 kStudentTemperature, kTeacherTemperature);
  const auto total = ce + kConsistencyWeight * consistency;
  golden.expect_close("student_logits", output.logits, kCommon);
  golden.expect_close("ce_loss", ce, kCommon);
  golden.expect_close("consistency_loss", consistency, kCommon);
  golden.expect_close("total_loss", total, kCommon);

  torch::optim::Adam adam(student->parameters(),
                          torch::optim::AdamOptions(kLearningRate).weight_decay(kWeightDecay));
  adam.zero_grad();
  total.backward();
  const auto parameters = student->named_parameters();
  for (const auto& [mine, theirs] : kAbmilNames) {
    golden.expect_close("grad." + theirs, parameters[mine].grad(), kCommon.times(kGradientFactor));
  }
  adam.step();
  mil::update_ema(in_order(*teacher, kAbmilNames), in_order(*student, kAbmilNames), kMomentum);
  const auto averaged = teacher->named_parameters();
  for (const auto& [mine, theirs] : kAbmilNames) {
    if (!golden.has("student_after_step." + theirs)) continue;
    const auto wanted = golden.load("student_after_step." + theirs);
    const auto is_settled = golden.load("grad." + theirs).abs() >= kSmallestGradient;
    golden.expect_close("student_after_step." + theirs,
                        at::where(is_settled, parameters[mine].detach(), wanted), wanted, kAfterStep);
    golden.expect_close("teacher_after_ema." + theirs, averaged[mine], kCommon);
  }
}

// ------------------------------------------------------------------------------------------- pieces

void check_consistency(GoldenCase& golden) {
  const auto student = golden.load("student").requires_grad_();
  const auto loss = mil::consistency_loss(student, golden.load("teacher"), golden.number("temp_s_f64"),
                                          golden.number("temp_t_f64"));
  loss.backward();
  golden.expect_close("loss", loss, kCommon);
  golden.expect_close("grad_student", student.grad(), kCommon.times(kGradientFactor));
}

void check_cosine_schedule(GoldenCase& golden) {
  const auto check = [&](const char* name, double base, double final, std::int64_t warmup,
                         double warmup_start) {
    const auto values = mil::cosine_schedule(base, final, golden.load(name).numel(), warmup, warmup_start);
    golden.expect_close(name, torch::tensor(values, at::kDouble), kDouble);
  };
  check("mask_ratio_f64", 0.03, 0, 0, 0);
  check("momentum_f64", 0.9999, 1, 0, 0);
  check("warm_f64", 1.0, 0.1, 5, 0.2);
}

void check_ema(GoldenCase& golden) {
  auto teacher = golden.load_all("teacher_before.");
  const auto student = golden.load_all("student.");
  std::vector<at::Tensor> averages, sources;
  for (const auto& [name, tensor] : teacher) {
    averages.push_back(tensor);
    sources.push_back(student.at(name));
  }
  for (const auto* round : {"1", "2"}) {
    mil::update_ema(averages, sources, golden.number(fmt::format("mm{}_f64", round)));
    for (const auto& [name, tensor] : teacher) {
      golden.expect_close(fmt::format("teacher_after{}.{}", round, name), tensor, kCommon);
    }
  }
}

void check_metrics(GoldenCase& golden) {
  const auto scores_tensor = golden.load("probs_f64");
  const std::span<const double> scores(scores_tensor.data_ptr<double>(),
                                       static_cast<std::size_t>(scores_tensor.numel()));
  const auto labels = golden.integers("labels");
  const auto area = models::roc_auc(scores, labels);
  const auto threshold = models::youden_threshold(scores, labels);
  if (!area || !threshold) {
    throw imaging::Error(imaging::ErrorCode::insufficient_data, "The case has only one class.");
  }
  std::vector<std::int64_t> predicted;
  for (const double score : scores) predicted.push_back(score >= *threshold ? 1 : 0);
  const auto confusion = models::count_confusion(labels, predicted, 2);
  golden.expect_close("auc_f64", scalar(*area), kDouble);
  golden.expect_close("threshold_f64", scalar(*threshold), kDouble);
  golden.expect_close("acc_f64", scalar(confusion.accuracy()), kDouble);
  golden.expect_close("f1_f64", scalar(confusion.f1(1)), kDouble);
  golden.expect_close("precision_f64", scalar(confusion.precision(1)), kDouble);
  golden.expect_close("recall_f64", scalar(confusion.recall(1).value_or(0)), kDouble);
}

// ------------------------------------------------------------------------------------------- masks

std::vector<std::int64_t> masked_of(const GoldenCase& golden) {
  const auto scores = golden.load("attn");
  const mil::MaskRatios ratios{.random = golden.number("mask_ratio_f64"),
                               .low = golden.number("mask_ratio_l_f64"),
                               .high = golden.number("mask_ratio_h_f64"),
                               .high_pool = golden.number("mask_ratio_hr_f64")};
  int drawn = 0;
  const auto permutation = [&](std::int64_t size) {
    auto order = golden.integers(fmt::format("perm{}", drawn++));
    if (static_cast<std::int64_t>(order.size()) != size) {
      throw imaging::Error(
          imaging::ErrorCode::incompatible,
          fmt::format("A permutation of {} was asked for; the case stores one of {}.", size, order.size()));
    }
    return order;
  };
  return mil::select_masked(floats_of(scores), scores.size(-1), ratios, permutation);
}

void expect_kept_count(GoldenCase& golden, const std::vector<std::int64_t>& masked) {
  const auto count = golden.load("attn").size(-1);
  golden.expect_equal("ps", {count}, golden.integers("ps"));
  golden.expect_equal("len_keep", {count - static_cast<std::int64_t>(masked.size())},
                      golden.integers("len_keep"));
}

void check_mask(GoldenCase& golden) {
  const auto masked = masked_of(golden);
  golden.expect_equal("masked_ids_sorted", masked, golden.integers("masked_ids_sorted"));
  golden.expect_equal("keep_ids_sorted", mil::kept_instances(masked, golden.load("attn").size(-1)),
                      golden.integers("keep_ids_sorted"));
  expect_kept_count(golden, masked);
}

/// With ties at the cut only the number of masked instances and the sum of their votes are fixed.
void check_mask_vote_tie(GoldenCase& golden) {
  const auto votes = floats_of(golden.load("votes"));
  const auto sum_of = [&](const std::vector<std::int64_t>& ids) {
    return std::accumulate(ids.begin(), ids.end(), std::int64_t{0}, [&](std::int64_t sum, std::int64_t id) {
      return sum + static_cast<std::int64_t>(votes.at(static_cast<std::size_t>(id)));
    });
  };
  const auto masked = masked_of(golden);
  golden.expect_equal("sum of votes", {sum_of(masked)}, {sum_of(golden.integers("masked_ids_sorted"))});
  expect_kept_count(golden, masked);
}

}  // namespace

const CheckTable& mil_checks() {
  static const CheckTable table = {
      {"clam_attn", &check_clam_attn},
      {"clam_gated_attn", &check_clam_gated_attn},
      {"consistency", &check_consistency},
      {"cosine_schedule", &check_cosine_schedule},
      {"dsmil_plain", &check_dsmil_plain},
      {"ema", &check_ema},
      {"full_clam_mb", &check_full_clam},
      {"full_clam_sb", &check_full_clam},
      {"full_mhim_abmil", &check_full_mhim_abmil},
      {"full_mhim_dsmil", &check_full_mhim_dsmil},
      {"full_transmil", &check_full_transmil},
      {"ins_moco", &check_ins_moco},
      {"ins_step", &check_ins_step},
      {"ins_supcon_masked", &check_ins_supcon_masked},
      {"mask_high", &check_mask},
      {"mask_high_rand", &check_mask},
      {"mask_low", &check_mask},
      {"mask_lr", &check_mask},
      {"mask_rand", &check_mask},
      {"mask_vote", &check_mask},
      {"mask_vote_tie", &check_mask_vote_tie},
      {"metrics", &check_metrics},
      {"mhim2_merge", &check_mhim2_merge},
      {"mhim_abmil", &check_mhim_abmil},
      {"mhim_abmil_gated", &check_mhim_abmil_gated},
      {"mhim_dsmil", &check_mhim_dsmil},
      {"mhim_transmil", &check_mhim_transmil},
      {"nystrom", &check_nystrom},
      {"pinv", &check_pinv},
      {"ppeg", &check_ppeg},
      {"scmil_joint_reconstruction", &check_scmil_joint},
      {"smooth_svm", &check_smooth_svm},
      {"supcon", &check_supcon},
  };
  return table;
}

}  // namespace golden
