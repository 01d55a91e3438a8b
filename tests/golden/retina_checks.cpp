#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "models/runtime/grading_metrics.h"
#include "models/runtime/soup.h"
#include "tests/golden/golden_case.h"
#include "tests/golden/retina_loss_checks.h"
#ifdef TESSERA_HAS_IMAGING
#include "imaging/fundus/field_of_view.h"
#endif

namespace golden {
namespace {

#ifdef TESSERA_HAS_IMAGING
constexpr Tolerance kPixels{3, 0};

/// Centre (row, column) and radius of the disc, and its box cut at the frame.
void check_fundus_crop(GoldenCase& golden) {
  const auto tensor = golden.load("image").contiguous();
  imaging::Image8 image(tensor.size(1), tensor.size(0), static_cast<int>(tensor.size(2)));
  std::copy_n(tensor.data_ptr<std::uint8_t>(), image.values().size(), image.data());
  const auto field = imaging::find_field_of_view(image);
  golden.expect_close("center_rc", at::tensor({field.centre.y, field.centre.x}, at::kDouble), kPixels);
  golden.expect_close("radius", at::scalar_tensor(field.radius, at::kDouble), kPixels);
  const auto centre = golden.load("center_rc").to(at::kDouble);
  const double radius = golden.number("radius");
  const double top = std::max(0.0, centre[0].item<double>() - radius);
  const double left = std::max(0.0, centre[1].item<double>() - radius);
  const auto height = std::min(static_cast<double>(image.height()) - top, 2 * radius);
  const auto width = std::min(static_cast<double>(image.width()) - left, 2 * radius);
  golden.expect_close("box",
                      at::tensor({field.box.y, field.box.x, field.box.height, field.box.width}, at::kDouble),
                      at::tensor({top, left, height, width}, at::kDouble), {4, 0});  // two rounded ends
}
#endif

constexpr Tolerance kMetric{1e-6, 1e-5};

std::vector<double> doubles_of(const at::Tensor& tensor) {
  const auto plain = tensor.to(at::kDouble).contiguous();
  return {plain.data_ptr<double>(), plain.data_ptr<double>() + plain.numel()};
}

void check_metrics(GoldenCase& golden) {
  const auto probabilities = doubles_of(golden.load("probs"));
  const auto labels = golden.integers("labels");
  const auto classes = golden.load("probs").size(1);
  const auto expect = [&](const std::string& name, std::optional<double> got) {
    golden.expect_close(name, at::scalar_tensor(got.value_or(std::nan("")), at::kDouble), kMetric);
  };
  const auto predicted = models::argmax_rows(probabilities, classes);
  golden.expect_equal("preds", predicted, golden.integers("preds"));
  const auto confusion = models::count_confusion(labels, predicted, classes);
  golden.expect_equal("confusion", confusion.counts, golden.integers("confusion"));
  expect("acc", confusion.accuracy());
  expect("f1_macro", confusion.macro_f1());
  expect("auc_ovo_macro", models::one_vs_one_auc(probabilities, labels, classes));
  expect("auc_ovr_macro", models::macro_auc(probabilities, labels, classes));
  expect("kappa_plain", models::cohen_kappa(confusion, models::KappaWeights::none));
  expect("kappa_linear", models::cohen_kappa(confusion, models::KappaWeights::linear));
  expect("kappa_quadratic", models::cohen_kappa(confusion, models::KappaWeights::quadratic));
  expect("nll", models::negative_log_likelihood(probabilities, labels, classes));
  expect("brier", models::brier_score(probabilities, labels, classes));
  expect("ece15", models::calibration_error(probabilities, labels, classes, 15));
  expect("ece10_loop", models::calibration_error(probabilities, labels, classes, 10));
  expect("mce10_loop", models::maximum_calibration_error(probabilities, labels, classes, 10));
  expect("aece15", models::adaptive_calibration_error(probabilities, labels, classes, 15));
  expect("cece15", models::classwise_calibration_error(probabilities, labels, classes, 15));
  constexpr std::int64_t kReferable = 2;
  const auto scores = doubles_of(golden.load("referable_score"));
  std::vector<std::int64_t> is_referable, is_flagged;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    is_referable.push_back(labels[i] >= kReferable ? 1 : 0);
    is_flagged.push_back(scores[i] >= 0.5 ? 1 : 0);
  }
  expect("referable_auc", models::roc_auc(scores, is_referable));
  const auto referable = models::count_confusion(is_referable, is_flagged, 2);
  expect("referable_sens_0p5", referable.recall(1));
  expect("referable_spec_0p5", referable.recall(0));
}

/// Linear models, scored by their accuracy on the validation set.
void check_soups(GoldenCase& golden) {
  const auto weights = golden.load("weights"), x = golden.load("val_x"), y = golden.load("val_y");
  std::vector<models::TensorMap> candidates;
  std::vector<double> scores;
  const auto score = [&](const models::TensorMap& model) {
    return at::mm(x, model.at("weight").to(x.scalar_type()))
        .argmax(1)
        .eq(y)
        .to(at::kDouble)
        .mean()
        .item<double>();
  };
  for (std::int64_t i = 0; i < weights.size(0); ++i) {
    candidates.push_back({{"weight", weights[i]}});
    scores.push_back(score(candidates.back()));
  }
  golden.expect_close("val_acc", at::tensor(scores, at::kDouble), kMetric);
  const auto uniform = models::uniform_soup(candidates);
  golden.expect_close("uniform", uniform.at("weight"), kMetric);
  golden.expect_close("uniform_acc", at::scalar_tensor(score(uniform), at::kDouble), kMetric);
  const auto greedy = models::greedy_soup(candidates, scores, score);
  golden.expect_close("greedy", greedy.weights.at("weight"), kMetric);
  golden.expect_close("greedy_acc", at::scalar_tensor(greedy.score, at::kDouble), kMetric);
  golden.expect_equal("greedy_members", {greedy.members.begin(), greedy.members.end()},
                      golden.integers("greedy_members"));
}

}  // namespace

const CheckTable& retina_checks() {
  static const CheckTable table = [] {
    auto all = retina_loss_checks();
    all["metrics"] = &check_metrics;
    all["soups"] = &check_soups;
#ifdef TESSERA_HAS_IMAGING
    all["fundus_crop"] = &check_fundus_crop;
#else
    all["fundus_crop"] = nullptr;
#endif
    return all;
  }();
  return table;
}

}  // namespace golden
