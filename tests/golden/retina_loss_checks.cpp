#include "tests/golden/retina_loss_checks.h"

#include <fmt/format.h>
#include <torch/types.h>

#include "models/retina/deco.h"
#include "models/retina/gdrnet_loss.h"
#include "models/retina/rank_mixup.h"
#include "models/runtime/contrast.h"

namespace golden {
namespace {

constexpr Tolerance kForward{1e-6, 1e-5};
constexpr Tolerance kLoose{1e-4, 1e-4};  ///< gradients, and temperatures of 0.1 or lower
constexpr Tolerance kCold{1e-3, 1e-3};   ///< temperatures of 0.01

std::vector<std::int64_t> counts_of(GoldenCase& golden, const std::string& name) {
  return golden.integers(name);
}

at::Tensor tensor_of(const std::vector<double>& values) {
  return at::tensor(values, at::kDouble);
}

at::Tensor leaf(GoldenCase& golden, const std::string& name) {
  return golden.load(name).clone().set_requires_grad(true);
}

// ------------------------------------------------------------------------------------------------ GDRNet

void check_dahloss(GoldenCase& golden) {
  const auto logits = leaf(golden, "logits"), original = leaf(golden, "feat_ori"),
             augmented = leaf(golden, "feat_new");
  const auto labels = golden.load("labels"), domains = golden.load("domains");
  const double temperature = golden.number("temperature");
  const auto tolerance = temperature < 0.05 ? kCold : kLoose;
  const auto domain_shares =
      tensor_of(models::smoothed_shares(counts_of(golden, "domain_counts"), 0.5)).to(at::kFloat);
  const auto class_shares =
      tensor_of(models::smoothed_shares(counts_of(golden, "label_counts"), 0.5)).to(at::kFloat);
  golden.expect_close("domain_prob", domain_shares, kForward);
  golden.expect_close("label_prob", class_shares, kForward);
  const auto class_weight = 1 / class_shares.index_select(0, labels);
  const auto domain_weight = 1 / domain_shares.index_select(0, domains);
  golden.expect_close("class_weight", class_weight, kForward);
  golden.expect_close("domain_weight", domain_weight, kForward);
  const auto supervised = models::domain_aware_cross_entropy(logits, labels, class_weight, domain_weight);
  const auto contrast = models::two_view_contrast(at::stack({original, augmented}, 1), temperature);
  golden.expect_close("loss_sup", supervised, kForward);
  golden.expect_close("loss_unsup", contrast, tolerance);
  golden.expect_close("loss_alpha_1", models::gdrnet_loss(supervised, contrast, 1), tolerance);
  golden.expect_close("loss_alpha_0p01", models::gdrnet_loss(supervised, contrast, 0.01), tolerance);
  const auto half = models::gdrnet_loss(supervised, contrast, 0.5);
  golden.expect_close("loss_alpha_0p5", half, tolerance);
  half.backward();
  golden.expect_close("grad_logits", logits.grad(), kLoose);
  golden.expect_close("grad_feat_ori", original.grad(), tolerance);
  golden.expect_close("grad_feat_new", augmented.grad(), tolerance);
}

/// Each anchor's loss, [V, B], without and with labels; the same scaled to base temperature 0.07.
void check_supcon(GoldenCase& golden) {
  const auto labels = golden.load("labels");
  const auto views = golden.load("features").size(1), count = golden.load("features").size(0);
  const auto other = ~at::eye(views * count, at::kBool);
  const auto pairs_of = [&](const at::Tensor& of_images) {
    const auto rows = of_images.repeat({views});
    return rows.unsqueeze(1).eq(rows.unsqueeze(0)).logical_and(other);
  };
  for (const std::string kind : {"simclr", "supcon"}) {
    const auto is_positive = pairs_of(kind == "simclr" ? at::arange(count, at::kLong) : labels);
    for (const auto& [suffix, temperature] : std::map<std::string, double>{{"0p07", 0.07}, {"0p1", 0.1}}) {
      const auto features = leaf(golden, "features");
      const auto each =
          models::anchor_contrast(features.transpose(0, 1).flatten(0, 1), is_positive, temperature) *
          (temperature / 0.07);
      golden.expect_close("loss_" + kind + "_" + suffix, each.view({views, count}), kLoose);
      if (golden.has("grad_" + kind + "_" + suffix)) {
        golden.expect_close("mean_" + kind + "_" + suffix, each.mean(), kLoose);
        each.mean().backward();
        golden.expect_close("grad_" + kind + "_" + suffix, features.grad(), kLoose);
      }
    }
  }
}

// ------------------------------------------------------------------------------------------------- TALLY

void check_tally_stats(GoldenCase& golden) {
  const auto parts = models::Disentangled::of(golden.load("x"));
  golden.expect_close("norm", parts.semantics, kForward);
  golden.expect_close("mu", parts.mean, kForward);
  golden.expect_close("sig", parts.deviation, kForward);
}

void check_tally_adain(GoldenCase& golden) {
  const auto x1 = leaf(golden, "x1"), x2 = leaf(golden, "x2");
  const auto first = models::Disentangled::of(x1), second = models::Disentangled::of(x2);
  golden.expect_close("norm1", first.semantics, kForward);
  golden.expect_close("mu2", second.mean, kForward);
  golden.expect_close("sig2", second.deviation, kForward);
  const auto mixed = models::mix_representations(
      first, second,
      {.semantics = golden.load("class_proto"),
       .mean = golden.load("domain_mean"),
       .deviation = golden.load("domain_sigma")},
      {.semantics = golden.load("lam_class"), .noise = golden.load("lam_domain")});
  golden.expect_close("out", mixed.joined(), kForward);
  (mixed.joined() * golden.load("cotangent")).sum().backward();
  golden.expect_close("grad_x1", x1.grad(), kLoose);
  golden.expect_close("grad_x2", x2.grad(), kLoose);
}

void check_tally_prototypes(GoldenCase& golden) {
  const auto class_semantics = golden.load("class_proto_0"), domain_mean = golden.load("domain_mean_0");
  models::PrototypeBank bank({.class_semantics = class_semantics.clone(),
                              .domain_mean = domain_mean.clone(),
                              .domain_deviation = golden.load("domain_sigma_0").clone(),
                              .has_class = at::ones({class_semantics.size(0)}, at::kBool),
                              .has_domain = at::ones({domain_mean.size(0)}, at::kBool)});
  for (int step = 1; golden.has(fmt::format("norm_{}", step)); ++step) {
    const auto suffix = fmt::format("_{}", step);
    const models::Disentangled parts{.semantics = golden.load("norm" + suffix),
                                     .mean = golden.load("mean" + suffix),
                                     .deviation = golden.load("sigma" + suffix)};
    bank.update(parts, golden.load("labels" + suffix), parts, golden.load("domains" + suffix));
    golden.expect_close("class_proto" + suffix, bank.state().class_semantics, kForward);
    golden.expect_close("domain_mean" + suffix, bank.state().domain_mean, kForward);
    golden.expect_close("domain_sigma" + suffix, bank.state().domain_deviation, kForward);
  }
}

void check_tally_cbce(GoldenCase& golden) {
  const auto logits = leaf(golden, "logits");
  const auto weights =
      tensor_of(models::effective_number_weights(counts_of(golden, "counts"))).to(at::kFloat);
  golden.expect_close("class_weights", weights, kForward);
  const auto loss = at::cross_entropy_loss(logits, golden.load("labels"), weights);
  golden.expect_close("loss", loss, kForward);
  golden.expect_close("loss_unweighted", at::cross_entropy_loss(logits, golden.load("labels")), kForward);
  loss.backward();
  golden.expect_close("grad_logits", logits.grad(), kLoose);
}

// -------------------------------------------------------------------------------------------------- DECO

void check_deco_weights(GoldenCase& golden) {
  for (const auto& [suffix, beta] : std::map<std::string, double>{{"0", 0}, {"0p5", 0.5}, {"1", 1}}) {
    for (const std::string of : {"class", "domain"}) {
      golden.expect_close("w_" + of + "_beta_" + suffix,
                          tensor_of(models::data_aware_weights(counts_of(golden, of + "_counts"), beta)),
                          kForward);
    }
  }
}

void check_deco_mix(GoldenCase& golden) {
  const auto r_i = leaf(golden, "r_i"), r_j = leaf(golden, "r_j");
  const auto labels = golden.load("labels_i"), domains = golden.load("domains_j");
  const auto rows = [&](const char* name, const at::Tensor& numbers) {
    return golden.load(name).index_select(0, numbers);
  };
  const auto mixed =
      models::mix_representations(models::Disentangled::of(r_i), models::Disentangled::of(r_j),
                                  {.semantics = rows("class_proto", labels),
                                   .mean = rows("domain_mean", domains),
                                   .deviation = rows("domain_sigma", domains)},
                                  {.semantics = golden.load("lam_class") * rows("w_class", labels),
                                   .noise = golden.load("lam_domain") * rows("w_domain", domains)});
  golden.expect_close("z_tilde", mixed.semantics, kForward);
  golden.expect_close("mean_tilde", mixed.mean, kForward);
  golden.expect_close("sigma_tilde", mixed.deviation, kForward);
  golden.expect_close("r_tilde", mixed.joined(), kForward);
  (mixed.joined() * golden.load("cotangent")).sum().backward();
  golden.expect_close("grad_r_i", r_i.grad(), kLoose);
  golden.expect_close("grad_r_j", r_j.grad(), kLoose);
}

void check_deco_rsa(GoldenCase& golden) {
  using models::AlignmentForm;
  const double temperature = golden.number("temperature");
  for (const auto& [name, form] :
       std::map<std::string, AlignmentForm>{{"flat", AlignmentForm::flat}, {"dense", AlignmentForm::dense}}) {
    const auto original = leaf(golden, "feat_orig"), augmented = leaf(golden, "feat_aug");
    const auto loss = models::alignment_loss(original, augmented, temperature, form);
    golden.expect_close("loss_" + name, loss, kLoose);
    loss.backward();
    golden.expect_close("grad_orig_" + name, original.grad(), kLoose);
    golden.expect_close("grad_aug_" + name, augmented.grad(), kLoose);
  }
}

// ------------------------------------------------------------------------------------------------ RankMixup

constexpr double kRankWeight = 0.1;
constexpr double kRankMargin = 2;

void check_rankmixup(GoldenCase& golden) {
  const auto labels = golden.load("labels");
  const auto count = labels.size(0);
  {
    const auto logits = leaf(golden, "logits"), mixed = leaf(golden, "mix_logits");
    const auto term = models::mixup_ndcg_loss(logits, {.logits = mixed, .targets = golden.load("target_re")});
    const auto cross_entropy = at::cross_entropy_loss(logits, labels);
    golden.expect_close("mndcg_ce", cross_entropy, kForward);
    golden.expect_close("mndcg_term", term, kForward);
    const auto loss = cross_entropy + kRankWeight * term;
    golden.expect_close("mndcg_loss", loss, kForward);
    loss.backward();
    golden.expect_close("mndcg_grad_logits", logits.grad(), kLoose);
    golden.expect_close("mndcg_grad_mix", mixed.grad(), kLoose);
  }
  const auto logits = leaf(golden, "logits");
  const auto mixed = golden.load("mix_logits").narrow(0, 0, count).clone().set_requires_grad(true);
  const auto partners = labels.index_select(0, golden.load("perm")[0]);
  const auto keep = labels.ne(partners).to(at::kFloat);
  golden.expect_close("mrl_mask", keep, kForward);
  const models::MixedBatch one{.logits = mixed, .targets = golden.load("target_re").narrow(0, 0, count)};
  const auto cross_entropy = at::cross_entropy_loss(logits, labels);
  golden.expect_close("mrl_ce", cross_entropy, kForward);
  golden.expect_close(
      "mrl_loss_perrow",
      cross_entropy + kRankWeight * models::mixup_ranking_loss(logits, one, keep, kRankMargin), kForward);
  // The released loss is the mean of B x B products: every row with the mean of `keep`.
  const auto released = models::mixup_ranking_loss(logits, one, keep.mean().expand({count}), kRankMargin);
  golden.expect_close("mrl_term", released, kForward);
  const auto loss = cross_entropy + kRankWeight * released;
  golden.expect_close("mrl_loss", loss, kForward);
  loss.backward();
  golden.expect_close("mrl_grad_logits", logits.grad(), kLoose);
  golden.expect_close("mrl_grad_mix", mixed.grad(), kLoose);
}

}  // namespace

const CheckTable& retina_loss_checks() {
  static const CheckTable table = {
      {"dahloss_dg", &check_dahloss},
      {"dahloss_esdg", &check_dahloss},
      {"deco_mix", &check_deco_mix},
      {"deco_rsa", &check_deco_rsa},
      {"deco_weights", &check_deco_weights},
      {"rankmixup", &check_rankmixup},
      {"supcon", &check_supcon},
      {"tally_adain", &check_tally_adain},
      {"tally_cbce", &check_tally_cbce},
      {"tally_prototypes", &check_tally_prototypes},
      {"tally_stats", &check_tally_stats},
  };
  return table;
}

}  // namespace golden
