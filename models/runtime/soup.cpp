#include "models/runtime/soup.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "models/runtime/model_package.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;

void check_alike(const TensorMap& first, const TensorMap& other) {
  for (const auto& [name, tensor] : other) {
    if (!first.contains(name)) {
      throw Error(ErrorCode::incompatible,
                  fmt::format("Weights cannot be averaged: only one model has '{}'.", name));
    }
  }
  for (const auto& [name, tensor] : first) {
    const auto found = other.find(name);
    if (found == other.end()) {
      throw Error(ErrorCode::incompatible,
                  fmt::format("Weights cannot be averaged: only one model has '{}'.", name));
    }
    if (found->second.sizes() != tensor.sizes() || found->second.scalar_type() != tensor.scalar_type()) {
      throw Error(
          ErrorCode::incompatible,
          fmt::format("Weights cannot be averaged: '{}' is {} [{}] in one model and {} [{}] in another.",
                      name, c10::toString(tensor.scalar_type()), fmt::join(tensor.sizes(), ", "),
                      c10::toString(found->second.scalar_type()), fmt::join(found->second.sizes(), ", ")));
    }
  }
}

/// sum_i share_i member_i in double; integers of the first.
TensorMap weighted_sum(std::span<const TensorMap* const> members, std::span<const double> shares) {
  const at::NoGradGuard no_gradients;
  TensorMap result;
  for (const auto* member : members) check_alike(*members.front(), *member);
  for (const auto& [name, tensor] : *members.front()) {
    if (!at::isFloatingType(tensor.scalar_type())) {
      result[name] = tensor.clone();
      continue;
    }
    auto sum = at::zeros(tensor.sizes(), tensor.options().dtype(at::kDouble));
    for (std::size_t i = 0; i < members.size(); ++i) {
      sum.add_(members[i]->at(name).to(at::kDouble), shares[i]);
    }
    result[name] = sum.to(tensor.scalar_type());
  }
  return result;
}

/// A manifest's value at a path such as "training/seed"; null where there is none.
nlohmann::ordered_json value_at(const nlohmann::ordered_json& manifest, const char* path) {
  const nlohmann::ordered_json::json_pointer pointer(std::string("/") + path);
  return manifest.contains(pointer) ? manifest.at(pointer) : nlohmann::ordered_json();
}

}  // namespace

TensorMap uniform_soup(std::span<const TensorMap> members) {
  if (members.empty()) throw Error(ErrorCode::invalid_argument, "A model soup needs at least one model.");
  std::vector<const TensorMap*> pointers;
  for (const auto& member : members) pointers.push_back(&member);
  const std::vector<double> shares(members.size(), 1 / static_cast<double>(members.size()));
  return weighted_sum(pointers, shares);
}

GreedySoup greedy_soup(std::span<const TensorMap> candidates, std::span<const double> scores,
                       const std::function<double(const TensorMap&)>& score) {
  if (candidates.empty()) throw Error(ErrorCode::invalid_argument, "A model soup needs at least one model.");
  if (scores.size() != candidates.size() ||
      !std::all_of(scores.begin(), scores.end(), [](double value) { return std::isfinite(value); })) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("A greedy soup of {} models needs as many scores, each a number; there are {}.",
                            candidates.size(), scores.size()));
  }
  std::vector<std::size_t> order(candidates.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return scores[a] > scores[b] || (scores[a] == scores[b] && a > b);
  });

  GreedySoup soup{candidates[order.front()], {order.front()}, scores[order.front()]};
  for (std::size_t i = 1; i < order.size(); ++i) {
    const auto members = static_cast<double>(soup.members.size());
    const std::array<const TensorMap*, 2> pair{&soup.weights, &candidates[order[i]]};
    auto mixed = weighted_sum(pair, std::array{members / (members + 1), 1 / (members + 1)});
    const double found = score(mixed);
    if (found > soup.score) {
      soup.weights = std::move(mixed);
      soup.members.push_back(order[i]);
      soup.score = found;
    }
  }
  return soup;
}

TensorMap interpolate_weights(const TensorMap& first, const TensorMap& second, double share) {
  if (!(share >= 0 && share <= 1)) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("Weights cannot be interpolated by a share of {}; it lies in 0 to 1.", share));
  }
  return weighted_sum(std::array{&first, &second}, std::array{1 - share, share});
}

std::string weights_sha256(const TensorMap& weights) {
  std::string bytes;
  for (const auto& [name, tensor] : weights) {
    const auto plain = tensor.detach().cpu().contiguous();
    bytes +=
        fmt::format("{} {} [{}]\n", name, c10::toString(plain.scalar_type()), fmt::join(plain.sizes(), ", "));
    bytes.append(static_cast<const char*>(plain.data_ptr()), plain.nbytes());
  }
  return imaging::sha256_of(bytes);
}

void check_soup_members(std::span<const ModelPackage> packages) {
  if (packages.size() < 2) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("A model soup of {} packages is none; name two or more.", packages.size()));
  }
  constexpr auto kStart = "training/initialisation_sha256";
  const auto& first = packages.front();
  for (const auto& package : packages) {
    for (const auto* key : {"task", "architecture", "architecture_arguments", "class_names", "input_bag"}) {
      if (value_at(package.manifest(), key) != value_at(first.manifest(), key)) {
        throw Error(ErrorCode::incompatible,
                    fmt::format("{} and {} differ in '{}'; a soup is made of one architecture.",
                                first.path().string(), package.path().string(), key));
      }
    }
    const auto start = value_at(package.manifest(), kStart);
    if (!start.is_string()) {
      throw Error(ErrorCode::incompatible,
                  fmt::format("{} does not record the weights it started from ({}), without which a soup may "
                              "destroy it; train it again.",
                              package.path().string(), kStart));
    }
    if (start != value_at(first.manifest(), kStart)) {
      throw Error(ErrorCode::incompatible,
                  fmt::format("{} and {} started from different weights, so their average is worth nothing; "
                              "train them from one start (for folds: one seed).",
                              first.path().string(), package.path().string()));
    }
  }
}

}  // namespace models
