#include "models/adaptation/monitors.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>

#include "models/adaptation/osuda.h"

namespace models {
namespace {

constexpr double kLeastShare = 1e-4;  // below this a class is as good as absent

imaging::Image8 label_image(const at::Tensor& labels) {
  imaging::Image8 image(labels.size(1), labels.size(0), 1);
  torch::from_blob(image.data(), {labels.size(0), labels.size(1)}, torch::kUInt8).copy_(labels);
  return image;
}

/// How many times larger or smaller, at least 1.
double factor_between(double first, double second) {
  const double a = std::max(first, kLeastShare);
  const double b = std::max(second, kLeastShare);
  return std::max(a / b, b / a);
}

double worst_share_factor(const MonitorReading& reading, const MonitorReading& measure) {
  double worst = 1;
  for (std::size_t k = 1; k < reading.shares.size(); ++k)
    worst = std::max(worst, factor_between(reading.shares[k], measure.shares[k]));
  return worst;
}

/// Then its answers agree with mirrored ones whatever the pictures show.
bool finds_nothing(const MonitorReading& reading) {
  return std::all_of(reading.shares.begin() + 1, reading.shares.end(),
                     [](double share) { return share < kLeastShare; });
}

}  // namespace

nlohmann::ordered_json to_json(const MonitorReading& reading) {
  return {{"entropy", reading.entropy}, {"shares", reading.shares}, {"consistency", reading.consistency}};
}

std::optional<MonitorReading> monitor_reading_from_json(const nlohmann::ordered_json& json,
                                                        std::size_t classes) {
  MonitorReading reading;
  try {
    reading.entropy = json.at("entropy").get<double>();
    reading.shares = json.at("shares").get<std::vector<double>>();
    reading.consistency = json.at("consistency").get<double>();
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
  return reading.shares.size() == classes ? std::optional(reading) : std::nullopt;
}

double label_agreement(const std::vector<imaging::Image8>& first, const std::vector<imaging::Image8>& second,
                       std::size_t classes) {
  std::vector<double> both(classes), sum(classes);
  for (std::size_t i = 0; i < first.size(); ++i) {
    const auto a = first[i].values();
    const auto b = second[i].values();
    for (std::size_t p = 0; p < a.size(); ++p) {
      ++sum[a[p]];
      ++sum[b[p]];
      if (a[p] == b[p]) ++both[a[p]];
    }
  }
  double total = 0;
  int held = 0;
  for (std::size_t k = 1; k < classes; ++k) {
    if (sum[k] == 0) continue;
    total += 2 * both[k] / sum[k];
    ++held;
  }
  return held == 0 ? 1 : total / held;
}

MonitorReading read_monitors(const std::vector<at::Tensor>& batches,
                             const std::function<at::Tensor(const at::Tensor&)>& predict) {
  const at::NoGradGuard no_grad;
  MonitorReading reading;
  std::vector<imaging::Image8> mirrored;
  double entropy = 0;
  double pixels = 0;
  for (const auto& x : batches) {
    const auto logits = predict(x);
    const auto labels = logits.argmax(1).to(torch::kCPU, torch::kUInt8);
    const auto back = predict(x.flip({3})).argmax(1).flip({2}).to(torch::kCPU, torch::kUInt8);
    const auto count = labels.numel();
    entropy += pixel_entropy(logits).sum().item<double>();
    pixels += static_cast<double>(count);
    const auto counts = labels.flatten().to(torch::kLong).bincount({}, logits.size(1));
    reading.shares.resize(static_cast<std::size_t>(logits.size(1)));
    for (std::size_t k = 0; k < reading.shares.size(); ++k)
      reading.shares[k] += counts[static_cast<std::int64_t>(k)].item<double>();
    for (std::int64_t i = 0; i < labels.size(0); ++i) {
      reading.labels.push_back(label_image(labels[i]));
      mirrored.push_back(label_image(back[i].contiguous()));
    }
  }
  reading.entropy = entropy / pixels;
  for (auto& share : reading.shares) share /= pixels;
  reading.consistency = label_agreement(reading.labels, mirrored, reading.shares.size());
  return reading;
}

GuardVerdict judge_adaptation(const MonitorReading& source, const MonitorReading& adapted,
                              const std::optional<MonitorReading>& reference, const GuardOptions& options) {
  GuardVerdict verdict;
  verdict.agreement = label_agreement(source.labels, adapted.labels, source.shares.size());
  verdict.is_source_doubtful =
      reference && (worst_share_factor(source, *reference) > options.max_share_ratio ||
                    source.entropy > options.max_entropy_ratio * reference->entropy);
  const auto& measure = verdict.is_source_doubtful ? *reference : source;
  const auto shares = worst_share_factor(adapted, measure);
  if (adapted.entropy > options.max_entropy_ratio * measure.entropy && adapted.entropy > source.entropy) {
    verdict.tripped.push_back(
        fmt::format("the entropy rose from {:.4f} to {:.4f}", source.entropy, adapted.entropy));
  }
  if (shares > options.max_share_ratio && shares > worst_share_factor(source, measure)) {
    verdict.tripped.push_back(
        fmt::format("a class's share of the pictures is {:.1f} times what {}", shares,
                    verdict.is_source_doubtful ? "it was on the source's own pictures" : "the source gives"));
  }
  if (!verdict.is_source_doubtful && verdict.agreement < options.min_agreement) {
    verdict.tripped.push_back(
        fmt::format("the answers drifted from the source's, whose agreement is {:.2f}", verdict.agreement));
  }
  if (!finds_nothing(source) && adapted.consistency < source.consistency - options.max_consistency_loss) {
    verdict.tripped.push_back(fmt::format("the agreement with mirrored pictures fell from {:.3f} to {:.3f}",
                                          source.consistency, adapted.consistency));
  }
  return verdict;
}

}  // namespace models
