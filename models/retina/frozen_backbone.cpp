#include "models/retina/frozen_backbone.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <algorithm>
#include <chrono>

#include "imaging/base/error.h"
#include "imaging/base/files.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;

constexpr std::size_t kAhead = 4;  // inputs that wait
constexpr double kProbeShrinkage = 0.1;
constexpr std::chrono::seconds kFeatureSaveInterval{60};

}  // namespace

void FrozenBackbone::begin() {
  identity_ = identity_with("");
  if (network_->arguments().pooling == FundusPooling::lesions) learn_lesions();
}

std::string FrozenBackbone::identity_with(const std::string& learnt) const {
  return imaging::sha256_of(grader_arguments_to_json(network_->arguments()).dump() + plan_.network.weights +
                            transform_ + plan_.training.augmentation + (plan_.training.turns ? "turns" : "") +
                            fmt::to_string(plan_.network.input) + learnt)
      .substr(0, 16);
}

void FrozenBackbone::learn_lesions() {
  const torch::NoGradGuard no_grad;
  const auto kinds = std::ssize(lesion_kind_names()), channels = network_->arguments().map_channels();
  std::vector<RetinaExample> known;
  std::string names;
  for (const auto& example : set_.train) {
    if (!example.has_lesions) continue;
    known.push_back(example);
    names += example.id + "\n";
  }
  const auto key = fmt::format("{}/lesions/{}/{}", identity_, plan_.training.views,
                               imaging::sha256_of(names).substr(0, 16));
  auto row = set_.features ? set_.features->find(key) : std::vector<float>();
  if (row.empty()) {
    LesionProbe probe(channels, kinds);
    const auto total = (plan_.training.views + 1) * std::ssize(known);
    std::int64_t done = 0;
    for (std::int64_t view = 0; view <= plan_.training.views; ++view) {
      for (const auto& example : known) {
        job_.checkpoint("lesions", done++, total);
        learn_lesions(example, view, probe);
      }
    }
    const auto fit = probe.fit(kProbeShrinkage);
    const auto values = torch::cat({fit.weight, fit.bias.unsqueeze(1)}, 1).contiguous();
    row.assign(values.data_ptr<float>(), values.data_ptr<float>() + values.numel());
    if (set_.features) {
      set_.features->put(key, row);
      set_.features->save();
    }
  }
  const auto values = torch::tensor(row).view({kinds, channels + 1});
  network_->set_lesion_probe(values.slice(1, 0, channels), values.select(1, channels));
  frozen_ = GraderNetwork{nullptr};  // it had no probe
  identity_ = identity_with(
      imaging::sha256_of({reinterpret_cast<const char*>(row.data()), row.size() * sizeof(float)}));
}

void FrozenBackbone::learn_lesions(const RetinaExample& example, std::int64_t view, LesionProbe& probe) {
  if (view == 0) {
    const auto picture = set_.read(example);
    if (picture.lesions.empty()) return;
    const auto [lesions, field] = pictures_.plain_lesions(picture);
    const auto map = frozen()->forward_map(pictures_.plain_input(picture)).to(torch::kCPU);
    probe.add(map[0], lesions, field);
    return;
  }
  auto made = pictures_.draw_fixed_view(example, view).augmented;
  if (made.lesions.empty()) return;
  const auto map = frozen()->forward_map(pictures_.input_of({&made, 1})).to(torch::kCPU);
  const auto planes = [&](std::vector<float>& values) {
    return torch::from_blob(
        values.data(), {std::ssize(values) / (made.side * made.side), made.side, made.side}, torch::kFloat32);
  };
  probe.add(map[0], planes(made.lesions), planes(made.field));
}

GraderNetwork& FrozenBackbone::frozen() {
  if (!frozen_) {
    frozen_ = GraderNetwork(network_->arguments());
    frozen_->load(network_->state());
    frozen_->to(device_);
    frozen_->prepare_for_inference();
  }
  return frozen_;
}

torch::Tensor FrozenBackbone::rows_of(std::span<const RetinaExample> examples, std::int64_t view) {
  const torch::NoGradGuard no_grad;
  const auto key_of = [&](const RetinaExample& example) {
    return fmt::format("{}/{}/{}", identity_, view, example.id);
  };
  std::vector<std::vector<float>> rows;
  std::vector<std::size_t> missing;
  for (const auto& example : examples) {
    rows.push_back(set_.features ? set_.features->find(key_of(example)) : std::vector<float>());
    if (rows.back().empty()) missing.push_back(rows.size() - 1);
  }
  const auto ahead = inputs_ahead(examples, missing, view);
  auto saved = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < missing.size(); ++i) {
    job_.checkpoint("features", static_cast<std::int64_t>(i), std::ssize(missing));
    const auto row = frozen()->pool(frozen()->forward_map(ahead->next())).to(torch::kCPU).contiguous();
    auto& values = rows[missing[i]];
    values.assign(row.data_ptr<float>(), row.data_ptr<float>() + row.numel());
    if (!set_.features) continue;
    set_.features->put(key_of(examples[missing[i]]), values);
    if (std::chrono::steady_clock::now() - saved < kFeatureSaveInterval) continue;
    set_.features->save();
    saved = std::chrono::steady_clock::now();
  }
  if (set_.features) set_.features->save();
  auto matrix = torch::empty({std::ssize(rows), network_->arguments().feature_dim()});
  for (std::size_t i = 0; i < rows.size(); ++i)
    std::copy(rows[i].begin(), rows[i].end(), matrix[static_cast<std::int64_t>(i)].data_ptr<float>());
  return matrix.to(device_);
}

void FrozenBackbone::fill_maps(torch::Tensor& maps, std::int64_t rows, std::int64_t first,
                               std::span<const RetinaExample> examples, std::int64_t view) {
  // Without start weights the early part is the seed's own.
  const bool is_shared = set_.features && !plan_.network.weights.empty();
  const auto key_of = [&](std::size_t i) {
    return fmt::format("{}/{}/{}/{}", identity_, plan_.training.split, view, examples[i].id);
  };
  const auto put = [&](std::size_t i, const torch::Tensor& map) {
    if (!maps.defined()) maps = empty_maps(map, rows);
    maps[first + static_cast<std::int64_t>(i)].copy_(map);
  };
  std::vector<std::size_t> missing;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const auto kept = is_shared ? set_.features->find_map(key_of(i)) : torch::Tensor();
    if (kept.defined()) {
      put(i, kept);
    } else {
      missing.push_back(i);
    }
  }
  const auto ahead = inputs_ahead(examples, missing, view);
  for (std::size_t i = 0; i < missing.size(); ++i) {
    job_.checkpoint("early maps", static_cast<std::int64_t>(i), std::ssize(missing));
    const auto map = network_->early(ahead->next())[0].to(torch::kCPU, torch::kFloat16);
    put(missing[i], map);
    if (is_shared) set_.features->put_map(key_of(missing[i]), map);
  }
}

torch::Tensor FrozenBackbone::empty_maps(const torch::Tensor& map, std::int64_t rows) const {
  const auto total = std::ssize(set_.train) * (plan_.training.views + 1) + std::ssize(set_.validation);
  const auto mb = map.numel() * 2 * total / (1 << 20);
  if (mb > plan_.training.cache_mb) {
    throw Error(ErrorCode::resource_exhausted,
                fmt::format("The early maps of {} views need {} MB, more than cache_mb, which is {}; take "
                            "fewer views or a smaller input.",
                            total, mb, plan_.training.cache_mb));
  }
  auto shape = map.sizes().vec();
  shape.insert(shape.begin(), rows);
  return torch::empty(shape, torch::kFloat16);
}

std::unique_ptr<OrderedAhead<torch::Tensor>> FrozenBackbone::inputs_ahead(
    std::span<const RetinaExample> examples, const std::vector<std::size_t>& chosen,
    std::int64_t view) const {
  return std::make_unique<OrderedAhead<torch::Tensor>>(
      chosen.size(), static_cast<std::size_t>(plan_.training.workers), kAhead,
      [this, examples, chosen, view](std::size_t i) {
        const auto& example = examples[chosen[i]];
        if (view > 0) {
          const auto made = pictures_.draw_fixed_view(example, view);
          return pictures_.input_of({&made.augmented, 1});
        }
        const auto input = pictures_.plain_input(set_.read(example));
        return view == kMirrored ? input.flip({3}) : input;
      });
}

}  // namespace models
