#include "models/retina/grader_trainer.h"

#include <fmt/format.h>
#include <torch/nn/functional.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <span>

#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/base/random.h"
#include "models/retina/deco.h"
#include "models/retina/frozen_backbone.h"
#include "models/retina/gdrnet_loss.h"
#include "models/retina/grader_network_module.h"
#include "models/retina/linear_discriminant.h"
#include "models/retina/rank_mixup.h"
#include "models/retina/training_counts.h"
#include "models/retina/training_draws.h"
#include "models/retina/training_pictures.h"
#include "models/retina/training_progress.h"
#include "models/retina/training_steps.h"
#include "models/runtime/device.h"
#include "models/runtime/grading_metrics.h"
#include "models/runtime/nesterov_sgd.h"
#include "models/runtime/ordered_ahead.h"
#include "models/runtime/pth_reader.h"
#include "models/runtime/tensor_bridge.h"
#include "models/runtime/torch_errors.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using imaging::Random;
using nlohmann::ordered_json;

constexpr std::int64_t kEvaluationBatch = 16;
constexpr std::size_t kMostCloudRows = 1600;  // behind the feature cloud
constexpr std::int64_t kInnerFolds = 5;
constexpr double kLesionEmphasis = 6;

torch::Tensor tensor_of(const std::vector<double>& values) {
  return torch::tensor(values, torch::kDouble).to(torch::kFloat32);
}

GraderArguments arguments_of(const GraderNetworkOptions& options, std::int64_t oedema_count) {
  ordered_json arguments{{"width", options.width}, {"pool", options.pool}, {"oedema", oedema_count}};
  if (options.ibn != "none") arguments["ibn"] = options.ibn;
  if (options.blocks > 0) arguments["layers"] = std::vector<std::int64_t>(4, options.blocks);
  return grader_arguments_from_json(options.architecture, arguments);
}

/// What one pass over labelled photographs gives.
struct Evaluation {
  std::vector<double> logits, oedema_logits;  ///< [N, K], [M, R] row-major; the M where the risk is known
  std::vector<double> all_oedema_logits;      ///< [N, R], or empty
  std::vector<std::int64_t> labels, oedema_labels;
};

void append(std::vector<double>& values, const torch::Tensor& tensor) {
  const auto plain = tensor.to(torch::kCPU, torch::kDouble).contiguous();
  values.insert(values.end(), plain.data_ptr<double>(), plain.data_ptr<double>() + plain.numel());
}

std::optional<TemperatureFit> fit_or_note(const std::vector<double>& logits,
                                          const std::vector<std::int64_t>& labels, std::int64_t classes,
                                          std::string& note) {
  try {
    return fit_temperature(logits, labels, classes);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::insufficient_data) throw;
    note = error.what();
    return std::nullopt;
  }
}

class Trainer {
 public:
  Trainer(const RetinaTrainingSet& set, RetinaTrainingResult& result, const std::string& device,
          const imaging::JobContext& job)
      : set_(set),
        plan_(result.plan),
        seed_(result.seed),
        device_(device),
        job_(job),
        pictures_(set, plan_, result.transform, seed_, device_),
        network_(result.arguments),
        frozen_(set, plan_, pictures_, network_, result.transform.dump(), device_, job_),
        sampler_(set.train, plan_, seed_, static_cast<std::size_t>(result.arguments.grade_count),
                 set.domains.size()) {
    if (plan_.training.split >= 0) network_->set_split(plan_.training.split);
    if (is_head_only() && plan_.training.method != "erm") {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("With all blocks frozen there is no map to mix or contrast: method {} needs a "
                              "split before the last block.",
                              plan_.training.method));
    }
    if (network_->arguments().pooling == FundusPooling::lesions && !is_head_only()) {
      throw Error(
          ErrorCode::invalid_argument,
          "The pooling lesions reads a backbone that stays as it is: freeze it, with the split after its "
          "last block.");
    }
    const auto counts = plan_.deco.mix_counts == "gdrbench"
                            ? benchmark_counts(set.domains)
                            : TrainingCounts{result.class_counts, result.domain_counts};
    const auto to_device = [&](const std::vector<double>& values) { return tensor_of(values).to(device_); };
    mix_class_ = to_device(data_aware_weights(counts.classes, plan_.deco.mix_beta));
    mix_domain_ = to_device(data_aware_weights(counts.domains, plan_.deco.mix_beta));
    const auto inverse = [&](const std::vector<std::int64_t>& numbers) {
      auto shares = smoothed_shares(numbers, plan_.contrast.gdrnet_beta);
      for (auto& share : shares) share = share > 0 ? 1 / share : 0;
      return to_device(shares);
    };
    gdr_class_ = inverse(counts.classes);
    gdr_domain_ = inverse(counts.domains);
    if (plan_.training.balance > 0)
      class_weight_ = to_device(data_aware_weights(result.class_counts, plan_.training.balance));
  }

  GraderNetwork& network() { return network_; }

  /// To be called once the network has its start weights.
  void begin() {
    network_->to(device_);
    frozen_.begin();
    network_->train();
    if (plan_.training.freeze) network_->freeze_early();
    std::vector<torch::Tensor> parameters;
    std::vector<double> rates;
    for (auto& item : network_->named_parameters()) {
      if (!item.value().requires_grad()) continue;
      const bool is_head = item.key().rfind("backbone.", 0) != 0;
      parameters.push_back(item.value());
      rates.push_back(plan_.training.learning_rate * (is_head ? plan_.training.head_rate : 1));
    }
    optimizer_ = std::make_unique<NesterovSgd>(parameters, rates, plan_.training.momentum,
                                               plan_.training.weight_decay);
    if (is_head_only()) {
      for (std::int64_t view = 0; view <= plan_.training.views; ++view)
        train_rows_.push_back(frozen_.rows_of(set_.train, view));
    } else if (keeps_maps()) {
      keep_maps();
    }
    if (plan_.training.head_start == "discriminant") start_heads();
  }

  double run_epoch(std::int64_t epoch) {
    network_->train();
    if (plan_.training.freeze) network_->freeze_early();
    const auto steps = sampler_.epoch(epoch);
    std::vector<std::size_t> order;
    for (const auto& step : steps) {
      order.insert(order.end(), step.first.begin(), step.first.end());
      order.insert(order.end(), step.second.begin(), step.second.end());
    }
    std::unique_ptr<OrderedAhead<AugmentedViews>> ahead;
    if (!keeps_maps() && !is_head_only()) ahead = pictures_.draw_ahead(order, epoch);
    const double factor =
        static_cast<double>(epoch) > plan_.training.decay_at * static_cast<double>(plan_.training.epochs)
            ? 0.1
            : 1;
    const auto per_epoch = static_cast<std::int64_t>(order.size());
    std::int64_t done = 0;
    double sum = 0;
    for (std::size_t number = 0; number < steps.size(); ++number) {
      job_.checkpoint("training", (epoch - 1) * per_epoch + done, plan_.training.epochs * per_epoch);
      const auto& step = steps[number];
      Random random(seed_, training_stream("step", epoch, static_cast<std::int64_t>(number)));
      optimizer_->zero_grad();
      const auto loss = loss_of(step, ahead.get(), epoch, random);
      const auto value = loss.item<double>();
      if (!std::isfinite(value)) {
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("The loss is not finite in epoch {}; lower the learning rate, which is {}.",
                                epoch, plan_.training.learning_rate));
      }
      loss.backward();
      optimizer_->step(factor);
      sum += value * static_cast<double>(step.first.size());
      done += std::ssize(step.first) + std::ssize(step.second);
    }
    std::int64_t firsts = 0;
    for (const auto& step : steps) firsts += std::ssize(step.first);
    return sum / static_cast<double>(firsts);
  }

  /// @param flips  mean logits of the picture and its mirror image
  /// @param rows   [N, D] features of the first view, where not null
  Evaluation evaluate(std::span<const RetinaExample> examples, bool flips,
                      std::vector<double>* rows = nullptr) {
    const torch::NoGradGuard no_grad;
    network_->eval();
    Evaluation found;
    const auto count = std::ssize(examples);
    if (is_head_only()) {
      const auto pooled = frozen_.rows_of(examples, 0);
      auto logits = network_->heads(pooled);
      if (flips) {
        const auto mirrored = network_->heads(frozen_.rows_of(examples, FrozenBackbone::kMirrored));
        logits.grades = (logits.grades + mirrored.grades) / 2;
        if (logits.oedema.defined()) logits.oedema = (logits.oedema + mirrored.oedema) / 2;
      }
      if (rows != nullptr) append(*rows, pooled);
      note_rows(found, examples, 0, count, logits);
      return found;
    }
    torch::Tensor kept;  // the plain maps of these photographs
    if (!flips && examples.data() == set_.validation.data()) kept = validation_maps_;
    if (!flips && examples.data() == set_.train.data()) kept = train_maps_;
    const bool is_kept = kept.defined();
    std::unique_ptr<OrderedAhead<FieldPicture>> ahead;
    if (!is_kept) ahead = pictures_.read_ahead(examples);
    for (std::int64_t begin = 0; begin < count; begin += kEvaluationBatch) {
      job_.checkpoint("validation", begin, count);
      const auto end = std::min(begin + kEvaluationBatch, count);
      const auto input = is_kept ? torch::Tensor() : pictures_.plain_input(*ahead, end - begin);
      const auto logits_of = [&](const torch::Tensor& map) {
        const auto pooled = network_->pool(network_->late(map));
        return std::pair(network_->heads(pooled), pooled);
      };
      auto [logits, pooled] = logits_of(is_kept ? kept.slice(0, begin, end).to(device_, torch::kFloat32)
                                                : network_->early(input));
      if (flips) {
        const auto [mirrored, unused] = logits_of(network_->early(input.flip({3})));
        logits.grades = (logits.grades + mirrored.grades) / 2;
        if (logits.oedema.defined()) logits.oedema = (logits.oedema + mirrored.oedema) / 2;
      }
      if (rows != nullptr) append(*rows, pooled);
      note_rows(found, examples, begin, end, logits);
    }
    return found;
  }

  /// Features for the cloud: of the plain photographs, and of the kept views where the features themselves
  /// are kept, so that another light does not lie outside. @return  [N, D] row-major
  std::vector<double> cloud_rows() {
    std::vector<double> rows;
    if (!is_head_only()) {
      const auto behind = std::min(set_.train.size(), kMostCloudRows);
      (void)evaluate(std::span(set_.train).subspan(0, behind), false, &rows);
      return rows;
    }
    // Whole tens: the cloud holds every tenth row out, and a photograph's views together.
    const auto views = std::ssize(train_rows_), count = std::ssize(set_.train);
    const auto most = static_cast<std::int64_t>(kMostCloudRows) / views;
    const auto each = count < 10 ? count : std::min(count, most) / 10 * 10;
    for (const auto& view : train_rows_) append(rows, view.slice(0, 0, each));
    return rows;
  }

  /// Whether the heads are all that is trained, and in closed form.
  [[nodiscard]] bool is_closed_form() const {
    return is_head_only() && plan_.training.head_start == "discriminant" && plan_.training.epochs == 0;
  }

  /// The training photographs, each graded by discriminant heads that were set without its patient.
  Evaluation cross_fit() { return cross_fit(features_of_views()); }

  /// @param views  as features_of_views
  Evaluation cross_fit(const std::vector<torch::Tensor>& views) {
    const torch::NoGradGuard no_grad;
    std::set<std::pair<std::uint64_t, std::string>> patients;  // in an order of chance
    const auto patient_of = [](const RetinaExample& example) {
      const auto& name = example.patient.empty() ? example.id : example.patient;
      return std::pair(imaging::hash_text(name), name);
    };
    for (const auto& example : set_.train) patients.insert(patient_of(example));
    const auto folds = all_column([&](const auto& example) {
      return std::distance(patients.begin(), patients.find(patient_of(example))) % kInnerFolds;
    });
    const auto& plain = views.front();
    const auto grade_count = network_->arguments().grade_count,
               risk_count = network_->arguments().oedema_count;
    GraderLogits logits{
        torch::zeros({plain.size(0), grade_count}, device_),
        risk_count > 0 ? torch::zeros({plain.size(0), risk_count}, device_) : torch::Tensor()};
    const auto mirrored = is_head_only() && plan_.network.test_flips
                              ? frozen_.rows_of(set_.train, FrozenBackbone::kMirrored)
                              : plain;
    for (std::int64_t fold = 0; fold < kInnerFolds; ++fold) {
      const auto own = (folds == fold).nonzero().squeeze(1);
      const auto heads = discriminants(views, (folds != fold).nonzero().squeeze(1));
      const auto fill = [&](const torch::Tensor& target, const LinearHead& head) {
        if (!head.weight.defined()) return;
        const auto rows = (plain.index_select(0, own) + mirrored.index_select(0, own)) / 2;
        target.index_copy_(0, own, rows.matmul(head.weight.t()) + head.bias);
      };
      fill(logits.grades, heads.grades);
      fill(logits.oedema, heads.oedema);
    }
    Evaluation found;
    note_rows(found, set_.train, 0, plain.size(0), logits);
    return found;
  }

  [[nodiscard]] TensorMap state() const {
    TensorMap state;
    for (const auto& [name, tensor] : network_->state()) state["network." + name] = tensor;
    optimizer_->save(state);
    if (bank_) {
      const auto& held = bank_->state();
      state["bank.class_semantics"] = held.class_semantics;
      state["bank.domain_mean"] = held.domain_mean;
      state["bank.domain_deviation"] = held.domain_deviation;
      state["bank.has_class"] = held.has_class;
      state["bank.has_domain"] = held.has_domain;
    }
    return state;
  }

  void load(const TensorMap& state) {
    constexpr std::string_view kNetwork = "network.";
    TensorMap weights;
    for (const auto& [name, tensor] : state) {
      if (name.rfind(kNetwork, 0) == 0) weights[name.substr(kNetwork.size())] = tensor;
    }
    network_->load(weights);
    optimizer_->load(state);
    if (!state.contains("bank.has_class")) return;
    const auto take = [&](const char* name) { return state.at(name).to(device_).clone(); };
    bank_ = std::make_unique<PrototypeBank>(
        PrototypeBank::State{take("bank.class_semantics"), take("bank.domain_mean"),
                             take("bank.domain_deviation"), take("bank.has_class"), take("bank.has_domain")});
  }

 private:
  [[nodiscard]] bool is_head_only() const { return plan_.training.freeze && network_->is_split_last(); }
  [[nodiscard]] bool keeps_maps() const {
    return plan_.training.freeze && plan_.training.views > 0 && !is_head_only();
  }

  static void note_rows(Evaluation& found, std::span<const RetinaExample> examples, std::int64_t begin,
                        std::int64_t end, const GraderLogits& logits) {
    append(found.logits, logits.grades);
    if (logits.oedema.defined()) append(found.all_oedema_logits, logits.oedema);
    for (auto i = begin; i < end; ++i) {
      const auto& example = examples[static_cast<std::size_t>(i)];
      found.labels.push_back(example.label);
      if (!example.oedema || !logits.oedema.defined()) continue;
      append(found.oedema_logits, logits.oedema[i - begin]);
      found.oedema_labels.push_back(*example.oedema);
    }
  }

  /// All kept views' features of the training photographs, view by view.
  [[nodiscard]] std::vector<torch::Tensor> features_of_views() {
    if (!train_rows_.empty()) return train_rows_;
    std::vector<torch::Tensor> views;
    if (!train_maps_.defined()) {
      for (std::int64_t view = 0; view <= plan_.training.views; ++view)
        views.push_back(frozen_.rows_of(set_.train, view));
      frozen_.forget();
      return views;
    }
    const torch::NoGradGuard no_grad;
    network_->eval();
    std::vector<torch::Tensor> rows;
    for (std::int64_t begin = 0; begin < train_maps_.size(0); begin += kEvaluationBatch) {
      const auto maps = train_maps_.slice(0, begin, std::min(begin + kEvaluationBatch, train_maps_.size(0)));
      rows.push_back(network_->pool(network_->late(maps.to(device_, torch::kFloat32))));
    }
    for (const auto& view : torch::cat(rows).split(std::ssize(set_.train))) views.push_back(view);
    return views;
  }

  /// What a probe was taught of lesions counts more than a feature among a thousand. @return  [D]
  [[nodiscard]] torch::Tensor emphasis() const {
    auto weights = torch::ones({network_->arguments().feature_dim()}, device_);
    if (network_->arguments().pooling == FundusPooling::lesions)
      weights.slice(0, network_->arguments().map_channels()) *= kLesionEmphasis;
    return weights;
  }

  struct Heads {
    LinearHead grades, oedema;  ///< undefined tensors where there is no such head, or no photograph of it
  };

  /// @param chosen  [n] numbers in the training part
  [[nodiscard]] Heads discriminants(const std::vector<torch::Tensor>& views,
                                    const torch::Tensor& chosen) const {
    std::vector<torch::Tensor> rows;
    for (const auto& view : views) rows.push_back(view.index_select(0, chosen));
    const auto features = torch::cat(rows);
    const auto labels_of = [&](const auto& pick) {
      return all_column(pick).index_select(0, chosen).repeat({std::ssize(views)});
    };
    Heads heads;
    heads.grades =
        linear_discriminant(features, labels_of([](const auto& example) { return example.label; }),
                            network_->arguments().grade_count, plan_.training.shrinkage, emphasis());
    const auto risks = labels_of([](const auto& example) { return example.oedema.value_or(-1); });
    const auto known = (risks >= 0).nonzero().squeeze(1);
    if (network_->arguments().oedema_count == 0 || known.numel() == 0) return heads;
    heads.oedema =
        linear_discriminant(features.index_select(0, known), risks.index_select(0, known),
                            network_->arguments().oedema_count, plan_.training.shrinkage, emphasis());
    return heads;
  }

  void start_heads() {
    const auto views = features_of_views();
    const auto heads = discriminants(views, torch::arange(std::ssize(set_.train), device_));
    double grade_temperature = 1, oedema_temperature = 1;
    if (plan_.training.epochs > 0) {
      // Few photographs make a discriminant far too sure of itself, and the first steps far too long.
      const auto found = cross_fit(views);
      const auto temperature_of = [](const std::vector<double>& logits,
                                     const std::vector<std::int64_t>& labels, std::int64_t classes) {
        std::string unused;
        const auto fit = fit_or_note(logits, labels, classes, unused);
        return fit ? fit->temperature : 1;
      };
      grade_temperature = temperature_of(found.logits, found.labels, network_->arguments().grade_count);
      oedema_temperature = temperature_of(found.oedema_logits, found.oedema_labels, 3);
    }
    network_->set_grade_head(heads.grades.weight / grade_temperature, heads.grades.bias / grade_temperature);
    if (heads.oedema.weight.defined())
      network_->set_oedema_head(heads.oedema.weight / oedema_temperature,
                                heads.oedema.bias / oedema_temperature);
  }

  template <typename Pick>
  [[nodiscard]] torch::Tensor all_column(const Pick& pick) const {
    std::vector<std::int64_t> values;
    for (const auto& example : set_.train) values.push_back(pick(example));
    return torch::tensor(values).to(device_);
  }

  [[nodiscard]] bool needs_original() const { return plan_.training.method == "gdrnet"; }

  /// The early maps of all photographs, computed once: view 0 is plain, as a grader sees it.
  void keep_maps() {
    const torch::NoGradGuard no_grad;
    network_->eval();
    const auto count = std::ssize(set_.train);
    for (std::int64_t view = 0; view <= plan_.training.views; ++view)
      frozen_.fill_maps(train_maps_, count * (plan_.training.views + 1), view * count, set_.train, view);
    frozen_.fill_maps(validation_maps_, std::ssize(set_.validation), 0, set_.validation, 0);
  }

  /// What can be mixed and sent through the rest of the network: pictures, or with freeze early maps.
  struct Batch {
    torch::Tensor first, original, second;
  };

  [[nodiscard]] torch::Tensor kept_maps(const std::vector<std::size_t>& numbers, bool is_plain,
                                        Random& random) const {
    std::vector<torch::Tensor> maps;
    for (const auto number : numbers) {
      const auto view = is_plain ? 0 : 1 + random.index(plan_.training.views);
      maps.push_back(train_maps_[view * std::ssize(set_.train) + static_cast<std::int64_t>(number)]);
    }
    return torch::stack(maps).to(device_, torch::kFloat32);
  }

  [[nodiscard]] Batch next_batch(const TrainingStep& step, OrderedAhead<AugmentedViews>* ahead,
                                 Random& random) {
    Batch batch;
    if (is_head_only()) {
      std::vector<torch::Tensor> rows;
      for (const auto number : step.first) {
        const auto view = static_cast<std::size_t>(random.index(std::ssize(train_rows_)));
        rows.push_back(train_rows_[view][static_cast<std::int64_t>(number)]);
      }
      batch.first = torch::stack(rows);
      return batch;
    }
    if (keeps_maps()) {
      batch.first = kept_maps(step.first, false, random);
      if (needs_original()) batch.original = kept_maps(step.first, true, random);
      if (!step.second.empty()) batch.second = kept_maps(step.second, false, random);
      return batch;
    }
    const auto take = [&](std::size_t count, torch::Tensor* original) {
      std::vector<NetworkPicture> augmented, plain;
      for (std::size_t i = 0; i < count; ++i) {
        auto views = ahead->next();
        augmented.push_back(std::move(views.augmented));
        if (original != nullptr) plain.push_back(std::move(views.original));
      }
      const auto prepare = [&](std::span<const NetworkPicture> pictures) {
        const auto input = pictures_.input_of(pictures);
        if (!plan_.training.freeze) return input;
        const torch::NoGradGuard no_grad;
        return network_->early(input);
      };
      if (original != nullptr) *original = prepare(plain);
      return prepare(augmented);
    };
    batch.first = take(step.first.size(), needs_original() ? &batch.original : nullptr);
    if (!step.second.empty()) batch.second = take(step.second.size(), nullptr);
    return batch;
  }

  [[nodiscard]] torch::Tensor early_of(const torch::Tensor& x) {
    return plan_.training.freeze ? x : network_->early(x);
  }

  template <typename Pick>
  [[nodiscard]] torch::Tensor column(const std::vector<std::size_t>& numbers, const Pick& pick) const {
    std::vector<std::int64_t> values;
    for (const auto number : numbers) values.push_back(pick(set_.train[number]));
    return torch::tensor(values).to(device_);
  }

  [[nodiscard]] torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor& labels) const {
    return torch::cross_entropy_loss(logits, labels, class_weight_);
  }

  torch::Tensor loss_of(const TrainingStep& step, OrderedAhead<AugmentedViews>* ahead, std::int64_t epoch,
                        Random& random) {
    const auto batch = next_batch(step, ahead, random);
    const auto labels = column(step.first, [](const auto& example) { return example.label; });
    const auto domains = column(step.first, [](const auto& example) { return example.domain; });
    const auto count = labels.size(0);
    torch::Tensor features, loss;  // of the first photographs
    torch::Tensor plain;           // the same without mixing
    if (plan_.training.method == "gdrnet") {
      const auto both = network_->pool(network_->late(early_of(torch::cat({batch.first, batch.original}))));
      features = both.slice(0, 0, count);
      const auto supervised = domain_aware_cross_entropy(network_->heads(features).grades, labels,
                                                         gdr_class_.index_select(0, labels),
                                                         gdr_domain_.index_select(0, domains));
      const auto contrast = two_view_contrast(torch::stack({features, both.slice(0, count)}, 1),
                                              plan_.contrast.contrast_temperature);
      loss = gdrnet_loss(supervised, contrast, schedule(epoch));
    } else if (plan_.training.method == "deco") {
      const auto maps = early_of(torch::cat({batch.first, batch.second}));
      loss = deco_loss(maps.slice(0, 0, count), maps.slice(0, count), labels,
                       column(step.second, [](const auto& example) { return example.domain; }), epoch, random,
                       features, plain);
    } else {
      features = is_head_only() ? batch.first : network_->pool(network_->late(early_of(batch.first)));
      loss = cross_entropy(network_->heads(features).grades, labels);
    }
    loss = loss + oedema_loss(step, features);
    if (plan_.rank.rank_mixup != "none")
      loss = loss + plan_.rank.rank_weight *
                        rank_loss(batch.first, labels, plain.defined() ? plain : features, random);
    return loss;
  }

  /// GDRNet's alpha: 1 in the first epoch, then 1 - epochs done / epochs.
  [[nodiscard]] double schedule(std::int64_t epoch) const {
    return 1 - static_cast<double>(epoch - 1) / static_cast<double>(plan_.training.epochs);
  }

  torch::Tensor deco_loss(const torch::Tensor& first_map, const torch::Tensor& second_map,
                          const torch::Tensor& labels, const torch::Tensor& second_domains,
                          std::int64_t epoch, Random& random, torch::Tensor& features, torch::Tensor& plain) {
    const auto first = Disentangled::of(first_map), second = Disentangled::of(second_map);
    if (!bank_) {
      bank_ = std::make_unique<PrototypeBank>(
          PrototypeBank::make_empty(network_->arguments().grade_count, std::ssize(set_.domains),
                                    first_map.sizes().slice(1), first_map.options().requires_grad(false)));
    }
    bank_->update(first, labels, second, second_domains);
    const auto& options = plan_.deco;
    const bool is_warming_up =
        static_cast<double>(epoch) <= options.warm_up * static_cast<double>(plan_.training.epochs);
    if (is_warming_up) {
      features = network_->pool(network_->late(first_map));
      return cross_entropy(network_->heads(features).grades, labels);
    }
    const auto count = labels.size(0);
    const auto shares = [&](const torch::Tensor& weights, const torch::Tensor& numbers) {
      std::vector<double> lambdas;
      for (std::int64_t i = 0; i < count; ++i) {
        const double lambda = draw_beta(options.mix_alpha, random);
        lambdas.push_back(std::max(lambda, 1 - lambda));
      }
      return tensor_of(lambdas).to(device_) * weights.index_select(0, numbers);
    };
    const MixShares mix{shares(mix_class_, labels), shares(mix_domain_, second_domains)};
    const auto& held = bank_->state();
    const Disentangled prototypes{held.class_semantics.index_select(0, labels),
                                  held.domain_mean.index_select(0, second_domains),
                                  held.domain_deviation.index_select(0, second_domains)};
    const auto mixed = mix_representations(first, second, prototypes, mix).joined();
    const auto late = network_->late(torch::cat({first_map, mixed}));
    const auto original = late.slice(0, 0, count), augmented = late.slice(0, count);
    features = network_->pool(augmented);
    plain = network_->pool(original);
    const auto form = options.alignment == "dense" ? AlignmentForm::dense : AlignmentForm::flat;
    const auto entropy = cross_entropy(network_->heads(features).grades, labels);
    const auto alignment = alignment_loss(original, augmented, plan_.contrast.contrast_temperature, form);
    if (options.dynamic) return gdrnet_loss(entropy, alignment, schedule(epoch));
    return entropy + options.omega * alignment;
  }

  [[nodiscard]] torch::Tensor oedema_loss(const TrainingStep& step, const torch::Tensor& features) {
    const auto logits = network_->heads(features).oedema;
    static constexpr std::int64_t kUnknown = -1;
    const auto risks =
        column(step.first, [](const RetinaExample& example) { return example.oedema.value_or(kUnknown); });
    if (!logits.defined() || !(risks >= 0).any().item<bool>()) return torch::zeros({}, features.options());
    return plan_.training.oedema_weight *
           torch::cross_entropy_loss(logits, risks, {}, at::Reduction::Mean, /*ignore_index=*/kUnknown);
  }

  torch::Tensor rank_loss(const torch::Tensor& batch, const torch::Tensor& labels,
                          const torch::Tensor& features, Random& random) {
    const auto& options = plan_.rank;
    const bool is_mrl = options.rank_mixup == "mrl";
    const auto classes = network_->arguments().grade_count;
    const auto one_hot = torch::one_hot(labels, classes).to(torch::kFloat32);
    std::vector<torch::Tensor> mixed, targets;
    torch::Tensor keep;
    for (int copy = 0; copy < (is_mrl ? 1 : 3); ++copy) {
      const double lambda = draw_beta(options.rank_alpha, random);
      std::vector<std::int64_t> order(static_cast<std::size_t>(labels.size(0)));
      std::iota(order.begin(), order.end(), std::int64_t{0});
      random.shuffle(std::span(order));
      const auto partner = torch::tensor(order).to(device_);
      const auto gap = (labels - labels.index_select(0, partner)).abs();
      keep = (gap > 0).logical_and(gap <= options.max_grade_gap).to(torch::kFloat32);
      // 1 where the pair is not mixed.
      const auto share = 1 - (1 - lambda) * (gap <= options.max_grade_gap).to(torch::kFloat32);
      const auto wide = is_head_only() ? share.view({-1, 1}) : share.view({-1, 1, 1, 1});
      mixed.push_back(wide * batch + (1 - wide) * batch.index_select(0, partner));
      targets.push_back(share.unsqueeze(1) * one_hot +
                        (1 - share.unsqueeze(1)) * one_hot.index_select(0, partner));
    }
    const auto logits = network_->heads(features).grades;
    const MixedBatch made{network_->heads(network_->pool(network_->late(early_of(torch::cat(mixed))))).grades,
                          torch::cat(targets)};
    return is_mrl ? mixup_ranking_loss(logits, made, keep, options.rank_margin)
                  : mixup_ndcg_loss(logits, made);
  }

  const RetinaTrainingSet& set_;
  const RetinaTrainingPlan& plan_;
  std::uint64_t seed_;
  torch::Device device_;
  const imaging::JobContext& job_;
  TrainingPictures pictures_;
  GraderNetwork network_;
  FrozenBackbone frozen_;
  StepSampler sampler_;
  torch::Tensor mix_class_, mix_domain_, gdr_class_, gdr_domain_, class_weight_;
  std::unique_ptr<NesterovSgd> optimizer_;
  std::unique_ptr<PrototypeBank> bank_;
  std::vector<torch::Tensor> train_rows_;  ///< of each view, [N, feature_dim()], where the heads alone train
  torch::Tensor train_maps_, validation_maps_;  ///< [views * N, C, h, w], [M, C, h, w] float16 on the CPU
};

std::vector<double> probabilities_of(const std::vector<double>& logits, std::int64_t classes,
                                     const std::optional<TemperatureFit>& fit = {}) {
  std::vector<double> probabilities;
  const double temperature = fit ? fit->temperature : 1;
  append(probabilities, (torch::tensor(logits, torch::kDouble).view({-1, classes}) / temperature).softmax(1));
  return probabilities;
}

ordered_json identity_of(const RetinaTrainingSet& set, const RetinaTrainingResult& result) {
  auto identity = plan_to_json(result.plan);
  identity.erase("workers");
  identity.erase("cache_mb");
  identity["seed"] = result.seed;
  identity["domains"] = set.domains;
  auto cohort = ordered_json::array();
  for (const auto* part : {&set.train, &set.validation}) {
    auto& rows = cohort.emplace_back(ordered_json::array());
    for (const auto& example : *part)
      rows.push_back(
          {example.id, example.label, example.domain, example.oedema.value_or(-1), example.has_lesions});
  }
  identity["cohort"] = imaging::sha256_of(cohort.dump());
  return identity;
}

}  // namespace

TensorMap read_backbone_weights(const std::filesystem::path& path) {
  if (path.extension() == ".safetensors") return read_safetensors(path);
  return is_torchscript(path) ? read_pt(path) : read_pth(path);
}

RetinaTrainingResult train_grader(const RetinaTrainingSet& set, const RetinaTrainingPlan& plan,
                                  std::uint64_t seed, const std::string& device,
                                  const imaging::JobContext& job, const std::filesystem::path& checkpoint,
                                  const OnRetinaEpoch& on_epoch) {
  visit_option_sets(plan, [](const auto& options) { imaging::check_options(options); });
  RetinaTrainingResult result;
  result.plan = plan;
  result.seed = seed;
  result.domains = set.domains;
  const auto knows_oedema = [](const RetinaExample& example) { return example.oedema.has_value(); };
  const bool has_oedema =
      plan.training.oedema_weight > 0 && std::any_of(set.train.begin(), set.train.end(), knows_oedema);
  result.arguments = arguments_of(plan.network, has_oedema ? 3 : 0);
  result.transform = training_transform(plan);
  const auto classes = result.arguments.grade_count;
  auto counts = count_examples(set, classes);
  result.class_counts = std::move(counts.classes);
  result.domain_counts = std::move(counts.domains);

  return with_torch_errors(ErrorCode::internal, "The training failed", [&] {
    make_deterministic(seed);
    Trainer trainer(set, result, device, job);
    if (!plan.network.weights.empty()) {
      const std::filesystem::path path = plan.network.weights;
      try {
        trainer.network()->load_backbone(read_backbone_weights(path));
      } catch (const Error& error) {
        throw Error(error.code(), fmt::format("Start weights {}: {}", path.string(), error.what()));
      }
      result.plan.network.weights = "sha256:" + imaging::sha256_of_file(path);
    }
    TrainingProgressFile file(checkpoint, identity_of(set, result));
    trainer.begin();
    TrainingProgress progress;
    if (const auto state = file.load(progress)) trainer.load(*state);
    if (on_epoch) std::for_each(progress.curve.begin(), progress.curve.end(), on_epoch);
    const auto& options = plan.training;
    while (std::ssize(progress.curve) < options.epochs) {
      RetinaEpoch epoch{.epoch = std::ssize(progress.curve) + 1};
      epoch.train_loss = trainer.run_epoch(epoch.epoch);
      const bool is_last = epoch.epoch == options.epochs;
      const bool may_choose = is_last || (epoch.epoch % options.select_every == 0 &&
                                          static_cast<double>(epoch.epoch) >
                                              options.select_after * static_cast<double>(options.epochs));
      std::pair merit{0.0, 0.0};
      if (may_choose && !set.validation.empty()) {
        const auto found = trainer.evaluate(set.validation, false);
        const auto probabilities = probabilities_of(found.logits, classes);
        epoch.validation_loss = negative_log_likelihood(probabilities, found.labels, classes);
        epoch.validation_auc = one_vs_one_auc(probabilities, found.labels, classes);
        merit = {epoch.validation_auc.value_or(0), -*epoch.validation_loss};
      }
      if (may_choose && (set.validation.empty() ? is_last : merit > progress.best_merit)) {
        progress.best_merit = merit;
        progress.best_epoch = epoch.epoch;
        progress.best_weights = trainer.network()->state();
      }
      progress.curve.push_back(epoch);
      if (on_epoch) on_epoch(epoch);
      file.save(
          progress, [&] { return trainer.state(); }, is_last);
    }
    if (progress.best_weights.empty()) progress.best_weights = trainer.network()->state();  // no epoch
    trainer.network()->load(progress.best_weights);
    result.curve = progress.curve;
    result.best_epoch = progress.best_epoch;
    result.weights = std::make_shared<const TensorMap>(std::move(progress.best_weights));
    const auto calibrate = [&](const Evaluation& found) {
      result.calibration = fit_or_note(found.logits, found.labels, classes, result.calibration_note);
      std::string unused;
      if (!found.oedema_labels.empty())
        result.oedema_calibration = fit_or_note(found.oedema_logits, found.oedema_labels, 3, unused);
    };
    if (!set.validation.empty()) {
      const auto found = trainer.evaluate(set.validation, plan.network.test_flips);
      if (options.calibrate) calibrate(found);
      result.validation_probabilities = probabilities_of(found.logits, classes, result.calibration);
      if (has_oedema)
        result.validation_oedema = probabilities_of(found.all_oedema_logits, 3, result.oedema_calibration);
    } else if (options.calibrate && trainer.is_closed_form()) {
      result.calibration_note = "fitted on predictions made in turn within the training part";
      calibrate(trainer.cross_fit());
    }
    if (!options.calibrate || (set.validation.empty() && !trainer.is_closed_form()))
      result.calibration_note = "no temperature was asked for, or there is no validation part";
    result.cloud = FeatureCloud::fit(trainer.cloud_rows(), result.arguments.feature_dim());
    return result;
  });
}

}  // namespace models
