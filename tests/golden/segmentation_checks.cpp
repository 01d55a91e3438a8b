#include <fmt/format.h>
#include <torch/types.h>

#include <algorithm>

#include "models/adaptation/channel_statistics.h"
#include "models/adaptation/osuda.h"
#include "models/adaptation/unmix_tns.h"
#include "models/encoders/resnet_module.h"
#include "tests/golden/golden_case.h"
#ifdef TESSERA_HAS_IMAGING
#include "imaging/raster/mask_metrics.h"
#endif

namespace golden {
namespace {

constexpr Tolerance kForward{1e-5, 1e-5};
constexpr Tolerance kGradient{1e-4, 1e-4};
constexpr Tolerance kUnmix{2e-4, 2e-4};

std::string numbered(const std::string& name, int number) {
  return fmt::format("{}_{}", name, number);
}

at::Tensor leaf(const GoldenCase& golden, const std::string& name) {
  return golden.load(name).clone().set_requires_grad(true);
}

models::SourceNorm source_of(const GoldenCase& golden) {
  models::SourceNorm source{
      .statistics = {.mean = golden.load("source_mean"), .variance = golden.load("source_var")},
      .scale = golden.load("weight"),
      .shift = golden.load("bias")};
  if (golden.has("eps")) source.epsilon = golden.number("eps");
  return source;
}

at::Tensor normalised(const at::Tensor& x, const models::ChannelStatistics& statistics,
                      const models::SourceNorm& source) {
  return models::normalise_channels(x, statistics, source.scale, source.shift, source.epsilon);
}

void check_alphabn(GoldenCase& golden) {
  const auto source = source_of(golden);
  const auto x = golden.load("x");
  for (const bool is_unbiased : {false, true}) {
    for (const auto& [name, weight] :
         std::map<std::string, double>{{"0", 0}, {"0p1", 0.1}, {"0p5", 0.5}, {"1", 1}}) {
      const auto mixed =
          models::mixed_statistics(source.statistics, models::batch_statistics(x, is_unbiased), weight);
      golden.expect_close((is_unbiased ? "y_unbiased_" : "y_biased_") + name, normalised(x, mixed, source),
                          kForward);
    }
  }
}

void check_core_loss(GoldenCase& golden) {
  using models::CoreForm;
  for (const auto& [name, form] :
       std::map<std::string, CoreForm>{{"sample", CoreForm::sample},
                                       {"batch", CoreForm::batch},
                                       {"batch_rownorm", CoreForm::batch_rownorm}}) {
    const auto logits = leaf(golden, "logits");
    const auto loss = models::class_correlation_loss(logits, form);
    golden.expect_close("loss_" + name, loss, kForward);
    loss.backward();
    golden.expect_close("grad_" + name, logits.grad(), kGradient);
  }
}

// ------------------------------------------------------------------------------------------------- OSUDA

void check_osuda_entropy(GoldenCase& golden) {
  const auto logits = leaf(golden, "logits");
  const auto entropy = models::pixel_entropy(logits);
  golden.expect_close("entropy_map", entropy, kForward);
  golden.expect_close("loss_se", entropy.mean(), kForward);
  entropy.mean().backward();
  golden.expect_close("grad_logits", logits.grad(), kGradient);
  std::vector<double> ramp;
  const auto steps = golden.integers("lambda_iter");
  for (const auto t : steps) ramp.push_back(models::osuda_entropy_weight(t, steps.back()));
  golden.expect_close("lambda_T10", at::tensor(ramp, at::kDouble), kForward);
}

void check_osuda_stats(GoldenCase& golden) {
  const auto source = source_of(golden);
  std::vector<double> shares;
  for (int t = 0; golden.has(numbered("x", t)); ++t) {
    const auto x = golden.load(numbered("x", t));
    shares.push_back(models::osuda_source_share(t, golden.number("eta0"), golden.number("kappa")));
    const auto mixed =
        models::mixed_statistics(source.statistics, models::batch_statistics(x), 1 - shares.back());
    golden.expect_close(numbered("mean", t), mixed.mean, kForward);
    golden.expect_close(numbered("var", t), mixed.variance, kForward);
    golden.expect_close(numbered("y", t), normalised(x, mixed, source), kForward);
  }
  golden.expect_close("eta", at::tensor(shares, at::kDouble), kForward);
}

void check_osuda_hbs(GoldenCase& golden) {
  using models::Reduction;
  using models::TransferScope;
  std::vector<at::Tensor> distances;
  std::vector<models::ScaleShift> source, target;
  for (int i = 0; golden.has(numbered("mean_source", i)); ++i) {
    const auto statistics = [&](const std::string& of) {
      return models::ChannelStatistics{.mean = golden.load(numbered("mean_" + of, i)),
                                       .variance = golden.load(numbered("var_" + of, i))};
    };
    distances.push_back(models::channel_distance(statistics("source"), statistics("target"), 1e-5));
    golden.expect_close(numbered("distance", i), distances.back(), kForward);
    source.push_back({golden.load(numbered("gamma_source", i)), golden.load(numbered("beta_source", i))});
    target.push_back({leaf(golden, numbered("gamma_target", i)), leaf(golden, numbered("beta_target", i))});
  }
  const auto network = models::transferability(distances, TransferScope::network);
  const auto per_layer = models::transferability(distances, TransferScope::per_layer);
  const auto sum = models::high_order_consistency(source, target, network, Reduction::sum);
  golden.expect_close("loss_hbs_sum", sum, kForward);
  golden.expect_close("loss_hbs_mean",
                      models::high_order_consistency(source, target, network, Reduction::mean), kForward);
  sum.backward();
  for (std::size_t i = 0; i < distances.size(); ++i) {
    const auto number = static_cast<int>(i);
    golden.expect_close(numbered("alpha_global", number), network[i], kForward);
    golden.expect_close(numbered("alpha_layer", number), per_layer[i], kForward);
    golden.expect_close(numbered("grad_gamma", number), target[i].scale.grad(), kGradient);
    golden.expect_close(numbered("grad_beta", number), target[i].shift.grad(), kGradient);
  }
}

/// Convolution, norm, ReLU, convolution: every iteration with the decaying statistics and a plain gradient
/// step.
void check_osuda_mini(GoldenCase& golden) {
  const models::ChannelStatistics source{.mean = golden.load("source_mean"),
                                         .variance = golden.load("source_var")};
  const models::ScaleShift start{golden.load("gamma_source"), golden.load("beta_source")};
  models::ScaleShift moved{leaf(golden, "gamma_source"), leaf(golden, "beta_source")};
  const double rate = golden.number("lr");
  std::int64_t steps = 0;
  while (golden.has(numbered("x", static_cast<int>(steps)))) ++steps;
  for (int t = 0; t < steps; ++t) {
    const auto hidden =
        at::conv2d(golden.load(numbered("x", t)), golden.load("conv1_w"), golden.load("conv1_b"),
                   /*stride=*/1, /*padding=*/1);
    const auto mixed = models::mixed_statistics(source, models::batch_statistics(hidden),
                                                1 - models::osuda_source_share(t, 1, 1));
    golden.expect_close(numbered("mean", t), mixed.mean, kForward);
    golden.expect_close(numbered("var", t), mixed.variance, kForward);
    const auto alpha = models::transferability({models::channel_distance(source, mixed, 1e-5)},
                                               models::TransferScope::per_layer);
    golden.expect_close(numbered("alpha", t), alpha.front(), kForward);
    const auto logits =
        at::conv2d(models::normalise_channels(hidden, mixed, moved.scale, moved.shift, 1e-5).relu(),
                   golden.load("conv2_w"), golden.load("conv2_b"));
    golden.expect_close(numbered("logits", t), logits, kForward);
    const auto consistency = models::high_order_consistency({start}, {moved}, alpha, models::Reduction::sum);
    const auto entropy = models::pixel_entropy(logits).mean();
    const double weight = models::osuda_entropy_weight(t, steps);
    golden.expect_close(numbered("loss_hbs", t), consistency, kForward);
    golden.expect_close(numbered("loss_se", t), entropy, kForward);
    golden.expect_close(numbered("lambda", t), at::scalar_tensor(weight, at::kDouble), kForward);
    (consistency + weight * entropy).backward();
    golden.expect_close(numbered("grad_gamma", t), moved.scale.grad(), kGradient);
    golden.expect_close(numbered("grad_beta", t), moved.shift.grad(), kGradient);
    const auto step = [&](at::Tensor& parameter) {
      parameter = (parameter.detach() - rate * parameter.grad()).set_requires_grad(true);
    };
    step(moved.scale);
    step(moved.shift);
    golden.expect_close(numbered("gamma_after", t), moved.scale.detach(), kForward);
    golden.expect_close(numbered("beta_after", t), moved.shift.detach(), kForward);
  }
}

// ------------------------------------------------------------------------------------------ UBNA, UnMix-TNS

void check_ubna_momentum(GoldenCase& golden) {
  const auto batches = golden.integers("batch_idx");
  const auto row = [&](std::int64_t depth) {
    std::vector<double> values;
    for (const auto batch : batches) values.push_back(models::ubna_momentum(batch, depth));
    return at::tensor(values, at::kDouble);
  };
  golden.expect_close("momentum_batch", row(0), kForward);
  const auto wanted = golden.load("momentum_layer");
  std::vector<at::Tensor> rows;
  for (std::int64_t depth = 1; depth <= wanted.size(0); ++depth) rows.push_back(row(depth));
  golden.expect_close("momentum_layer", at::stack(rows), kForward);
}

void check_unmixtns_momentum(GoldenCase& golden) {
  for (const std::int64_t largest : {16, 64}) {
    std::vector<double> values;
    for (const auto size : golden.integers("batch_size"))
      values.push_back(models::unmix_momentum(size, largest));
    golden.expect_close("momentum_max" + std::to_string(largest), at::tensor(values, at::kDouble), kForward);
  }
}

void check_unmixtns(GoldenCase& golden) {
  const auto source = source_of(golden);
  auto components = models::make_components(source.statistics, golden.load("init_randn"));
  golden.expect_close("comp_mean_0", components.mean, kForward);
  golden.expect_close("comp_var_0", components.variance, kForward);
  for (int t = 1; golden.has(numbered("x", t)); ++t) {
    const auto x = leaf(golden, numbered("x", t));
    const auto y = models::unmix_normalise(x, components, source, golden.number("momentum"));
    golden.expect_close(numbered("y", t), y, kUnmix);
    golden.expect_close(numbered("comp_mean", t), components.mean, kUnmix);
    golden.expect_close(numbered("comp_var", t), components.variance, kUnmix);
    if (golden.has(numbered("cotangent", t))) {
      (y * golden.load(numbered("cotangent", t))).sum().backward();
      golden.expect_close(numbered("grad_x", t), x.grad(), kUnmix);
    }
  }
}

// ------------------------------------------------------------------------------------------------ IBN-Net

/// Fills parameters and buffers from the case's tensors: dots in their names are underscores there.
void fill(torch::nn::Module& module, const std::map<std::string, at::Tensor>& weights) {
  const at::NoGradGuard guard;
  const auto copy = [&](const std::string& name, at::Tensor into) {
    auto key = name;
    std::replace(key.begin(), key.end(), '.', '_');
    if (key.find("num_batches_tracked") == std::string::npos) into.copy_(weights.at(key));
  };
  for (auto& item : module.named_parameters()) copy(item.key(), item.value());
  for (auto& item : module.named_buffers()) copy(item.key(), item.value());
}

void check_ibn_layer(GoldenCase& golden) {
  const auto x = golden.load("x");
  models::InstanceBatchNorm layer(x.size(1));
  std::map<std::string, at::Tensor> weights;
  for (const auto& [ours, theirs] : std::map<std::string, std::string>{{"IN_weight", "in_weight"},
                                                                       {"IN_bias", "in_bias"},
                                                                       {"BN_weight", "bn_weight"},
                                                                       {"BN_bias", "bn_bias"},
                                                                       {"BN_running_mean", "bn_mean_0"},
                                                                       {"BN_running_var", "bn_var_0"}}) {
    weights[ours] = golden.load(theirs);
  }
  fill(*layer, weights);
  layer->eval();
  golden.expect_close("y_eval", layer->forward(x), kForward);
  layer->train();
  golden.expect_close("y_train", layer->forward(x), kForward);
  const auto buffers = layer->named_buffers();
  golden.expect_close("bn_mean_1", buffers["BN.running_mean"], kForward);
  golden.expect_close("bn_var_1", buffers["BN.running_var"], kForward);
}

void check_ibn_block(GoldenCase& golden) {
  const auto weights = golden.load_all("w_");
  const auto x = golden.load("x");
  const bool is_bottleneck = weights.contains("conv3_weight");
  const auto y = golden.load("y_eval");
  const auto norm =
      weights.contains("IN_weight") ? models::BlockInstanceNorm::closing : models::BlockInstanceNorm::first;
  const std::int64_t stride = y.size(2) < x.size(2) ? 2 : 1;
  models::ResNetBlock block(x.size(1), weights.at("conv1_weight").size(0), stride, is_bottleneck, norm);
  fill(*block, weights);
  block->eval();
  golden.expect_close("y_eval", block->forward(x), kForward);
  block->train();
  golden.expect_close("y_train", block->forward(x), kForward);
}

#ifdef TESSERA_HAS_IMAGING
std::vector<std::uint8_t> bytes_of(const at::Tensor& tensor) {
  const auto bytes = tensor.to(at::kByte).contiguous();
  return {bytes.data_ptr<std::uint8_t>(), bytes.data_ptr<std::uint8_t>() + bytes.numel()};
}

void check_segmetrics(GoldenCase& golden) {
  const auto reference_tensor = golden.load("reference");
  const auto prediction = bytes_of(golden.load("prediction"));
  const auto reference = bytes_of(reference_tensor);
  const auto spacing = golden.load("spacing").to(at::kDouble);
  imaging::MaskGrid grid;
  const auto axes = reference_tensor.dim();  // the last one is x
  for (std::int64_t axis = 0; axis < axes; ++axis) {
    const auto to = static_cast<std::size_t>(axes - 1 - axis);
    grid.size[to] = reference_tensor.size(axis);
    grid.spacing[to] = spacing[axis].item<double>();
  }
  const auto expect = [&](const char* name, double got) {
    golden.expect_close(name, at::tensor({got}, at::kDouble), kForward);
  };
  const auto overlap = imaging::measure_overlap(prediction, reference, grid);
  expect("dice", overlap.dice);
  expect("jaccard", overlap.jaccard);
  expect("volume_similarity", overlap.volume_similarity.value());
  expect("fdr", overlap.false_discovery_rate.value());
  expect("fnr", overlap.false_negative_rate.value());
  const auto surfaces = imaging::measure_surfaces(prediction, reference, grid).value();
  expect("hd", surfaces.hd);
  expect("hd95_pooled", surfaces.hd95_pooled);
  expect("hd95_maxdir", surfaces.hd95_maxdir);
  expect("assd_pooled", surfaces.assd_pooled);
  expect("assd_meandir", surfaces.assd_meandir);
  expect("asd_a2b", surfaces.mean_to_prediction);
  expect("asd_b2a", surfaces.mean_to_reference);
  const auto sets = imaging::measure_sets(prediction, reference, grid).value();
  expect("set_hd", std::max(sets.largest_to_prediction, sets.largest_to_reference));
  expect("set_hd_a2b", sets.largest_to_prediction);
  expect("set_hd_b2a", sets.largest_to_reference);
  expect("set_avg_a2b", sets.mean_to_prediction);
  expect("set_avg_b2a", sets.mean_to_reference);
}

void check_brats_regions(GoldenCase& golden) {
  const auto labels = bytes_of(golden.load("label"));
  const auto expect = [&](const char* name, const std::vector<std::uint8_t>& values) {
    const auto mask = imaging::mask_of(labels, values);
    const auto want = bytes_of(golden.load(name));
    golden.expect_equal(name, {mask.begin(), mask.end()}, {want.begin(), want.end()});
  };
  expect("whole", {1, 2, 4});
  expect("core", {1, 4});
  expect("enhancing", {4});
}
#endif

}  // namespace

const CheckTable& segmentation_checks() {
  static const CheckTable table = {
      {"alphabn", &check_alphabn},
#ifdef TESSERA_HAS_IMAGING
      {"brats_regions", &check_brats_regions},
      {"segmetrics_2d", &check_segmetrics},
      {"segmetrics_3d", &check_segmetrics},
#else
      {"brats_regions", nullptr},
      {"segmetrics_2d", nullptr},
      {"segmetrics_3d", nullptr},
#endif
      {"core_loss", &check_core_loss},
      {"ibn_a_basic_down", &check_ibn_block},
      {"ibn_a_bottleneck", &check_ibn_block},
      {"ibn_b_basic", &check_ibn_block},
      {"ibn_layer", &check_ibn_layer},
      {"osuda_entropy", &check_osuda_entropy},
      {"osuda_hbs", &check_osuda_hbs},
      {"osuda_mini", &check_osuda_mini},
      {"osuda_stats_kappa0p1", &check_osuda_stats},
      {"osuda_stats_kappa1", &check_osuda_stats},
      {"ubna_momentum", &check_ubna_momentum},
      {"unmixtns", &check_unmixtns},
      {"unmixtns_momentum", &check_unmixtns_momentum},
  };
  return table;
}

}  // namespace golden
