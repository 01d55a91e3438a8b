#include "mil/training/trainer.h"

#include <fmt/format.h>
#include <torch/nn/functional.h>
#include <torch/optim/adam.h>
#include <torch/types.h>

#include <cmath>
#include <limits>
#include <set>

#include "imaging/base/options_json.h"
#include "imaging/base/random.h"
#include "mil/aggregators/aggregator_module.h"
#include "mil/aggregators/aggregator_table.h"
#include "mil/aggregators/module_weights.h"
#include "mil/bags/bag_store.h"
#include "mil/training/bag_cache.h"
#include "models/runtime/device.h"
#include "models/runtime/torch_errors.h"

namespace mil {
namespace {

using imaging::Error;
using imaging::ErrorCode;

struct Example {
  std::string id;
  std::int64_t label = 0;
};

struct Examples {
  std::vector<Example> train, validation, test;
  std::vector<std::string> skipped;
};

/// Adds one bag's own words on its features to what the others said.
void merge_origin(BagOrigin& origin, const Bag& bag, const std::filesystem::path& path) {
  const auto attributes = read_bag_attributes(path);
  const auto text = [&](const char* name) {
    const auto found = attributes.find(name);
    return found == attributes.end() ? std::string() : found->second;
  };
  if (origin.dim == 0) {
    origin.dim = bag.dim;
    origin.encoder_name = text("encoder");
    origin.encoder_sha256 = text("encoder_sha256");
    if (!text("tile_px").empty()) origin.tile_px = std::stoll(text("tile_px"));
    if (!text("tile_mpp").empty()) origin.tile_mpp = std::stod(text("tile_mpp"));
  }
  if (bag.dim != origin.dim || text("encoder_sha256") != origin.encoder_sha256) {
    throw Error(
        ErrorCode::incompatible,
        fmt::format(
            "{}: {} features of encoder '{}', where the other bags have {} of '{}'; train on bags of one "
            "encoder.",
            path.string(), bag.dim, text("encoder_sha256"), origin.dim, origin.encoder_sha256));
  }
}

/// Reads every bag once: what does not fit together is found before the training begins.
Examples collect_examples(const TrainingSet& set, const std::vector<std::string>& class_names,
                          BagCache& cache, BagOrigin& origin, const imaging::JobContext& job) {
  const auto labels = label_indices(set.labels, class_names);
  const auto total =
      static_cast<std::int64_t>(set.split.train.size() + set.split.validation.size() + set.split.test.size());
  Examples examples;
  std::int64_t done = 0;
  const auto collect = [&](const std::vector<std::string>& ids, std::vector<Example>& into) {
    for (const auto& id : ids) {
      job.checkpoint("reading bags", done++, total);
      const auto label = labels.find(id);
      if (label == labels.end()) {
        throw Error(ErrorCode::invalid_argument, fmt::format("{} is in the split but has no label.", id));
      }
      const auto bag = cache.get(id);
      merge_origin(origin, *bag, set.bags.at(id));
      if (bag->count == 0) {
        examples.skipped.push_back(id);
      } else {
        into.push_back({id, label->second});
      }
    }
  };
  collect(set.split.train, examples.train);
  collect(set.split.validation, examples.validation);
  collect(set.split.test, examples.test);
  job.checkpoint("reading bags", total, total);
  return examples;
}

std::shared_ptr<AggregatorModule> make_module(const TrainOptions& options, const BaseOptions& base,
                                              std::int64_t dim, std::size_t classes,
                                              nlohmann::ordered_json& arguments) {
  arguments = aggregator_arguments(options.base, base, dim, static_cast<std::int64_t>(classes));
  return make_aggregator(options.base, nlohmann::json(arguments));
}

at::Tensor wrap_features(const Bag& bag) {
  return at::from_blob(const_cast<float*>(bag.features.data()), {bag.count, bag.dim}, at::kFloat);
}

struct Evaluation {
  double loss = 0;
  std::vector<double> probabilities;
  std::vector<std::int64_t> labels;
};

class Trainer {
 public:
  Trainer(AggregatorModule& module, BagCache& cache, const TrainOptions& options, std::int64_t class_count,
          const std::string& device)
      : module_(module),
        cache_(cache),
        class_count_(class_count),
        device_(device),
        adam_(module.parameters(),
              torch::optim::AdamOptions(options.learning_rate).weight_decay(options.weight_decay)) {}

  /// @return  the bag's loss before the step
  double step(const Example& example) {
    module_.train();
    const auto bag = cache_.get(example.id);
    const auto output = module_.forward(wrap_features(*bag).to(device_));
    const auto loss = torch::nn::functional::cross_entropy(
        output.logits.unsqueeze(0),
        at::full({1}, example.label, at::TensorOptions(at::kLong).device(device_)));
    adam_.zero_grad();
    loss.backward();
    adam_.step();
    const double value = loss.item<double>();
    if (!std::isfinite(value)) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("The loss of bag {} is not finite; lower learning_rate.", example.id));
    }
    return value;
  }

  Evaluation evaluate(const std::vector<Example>& examples, const imaging::JobContext& job, std::int64_t done,
                      std::int64_t total) {
    module_.eval();
    Evaluation evaluation;
    for (const auto& example : examples) {
      job.checkpoint("training", done, total);
      const auto bag = cache_.get(example.id);
      const auto log_probabilities =
          module_.infer(wrap_features(*bag)).logits.to(at::kCPU, at::kDouble).log_softmax(0);
      for (std::int64_t i = 0; i < class_count_; ++i) {
        evaluation.probabilities.push_back(std::exp(log_probabilities[i].item<double>()));
      }
      evaluation.loss -= log_probabilities[example.label].item<double>();
      evaluation.labels.push_back(example.label);
    }
    evaluation.loss /= static_cast<double>(examples.size());
    return evaluation;
  }

 private:
  AggregatorModule& module_;
  BagCache& cache_;
  std::int64_t class_count_;
  torch::Device device_;
  torch::optim::Adam adam_;
};

/// Higher is better; the second entry decides ties.
std::pair<double, double> merit_of(const EpochRecord& record, const std::string& monitor) {
  const double loss = record.validation_loss.value_or(0);
  return {monitor == "auc" ? record.validation_auc.value_or(0) : 0, -loss};
}

void check_classes(const Examples& examples, const TrainOptions& options) {
  std::set<std::int64_t> train, validation;
  for (const auto& example : examples.train) train.insert(example.label);
  for (const auto& example : examples.validation) validation.insert(example.label);
  if (train.size() < 2) {
    throw Error(ErrorCode::insufficient_data,
                fmt::format("{} training bags of {} classes; at least two classes are needed.",
                            examples.train.size(), train.size()));
  }
  if (options.monitor == "auc" && !examples.validation.empty() && validation.size() < 2) {
    throw Error(ErrorCode::insufficient_data,
                "The validation part has one class, so its AUC is not defined; monitor the loss.");
  }
}

}  // namespace

TrainingResult train_classifier(const TrainingSet& set, const TrainingPlan& plan, std::uint64_t seed,
                                const std::string& device, const imaging::JobContext& job) {
  visit_option_sets(plan, [](const auto& options) { imaging::check_options(options); });
  const auto& options = plan.training;
  TrainingResult result;
  result.plan = plan;
  result.seed = seed;
  result.class_names = set.labels.class_names();
  const auto class_count = static_cast<std::int64_t>(result.class_names.size());
  BagCache cache(set.bags, options.memory_mb << 20);
  auto examples = collect_examples(set, result.class_names, cache, result.origin, job);
  check_classes(examples, options);
  result.skipped = examples.skipped;
  result.train_count = static_cast<std::int64_t>(examples.train.size());

  return models::with_torch_errors(ErrorCode::internal, "The training failed", [&] {
    models::make_deterministic(seed);
    const auto module = make_module(options, plan.base, result.origin.dim, result.class_names.size(),
                                    result.architecture_arguments);
    module->to(torch::Device(device));
    Trainer trainer(*module, cache, options, class_count, device);
    const auto steps = options.epochs * result.train_count;
    auto best = std::make_shared<models::TensorMap>();
    std::pair<double, double> best_merit{-std::numeric_limits<double>::infinity(), 0};
    for (std::int64_t epoch = 1; epoch <= options.epochs; ++epoch) {
      imaging::Random random(seed, static_cast<std::uint64_t>(epoch));
      random.shuffle(std::span(examples.train));
      EpochRecord record;
      record.epoch = epoch;
      auto done = (epoch - 1) * result.train_count;
      for (const auto& example : examples.train) {
        job.checkpoint("training", done++, steps);
        record.train_loss += trainer.step(example) / static_cast<double>(result.train_count);
      }
      if (!examples.validation.empty()) {
        const auto evaluation = trainer.evaluate(examples.validation, job, done, steps);
        record.validation_loss = evaluation.loss;
        record.validation_auc = models::macro_auc(evaluation.probabilities, evaluation.labels, class_count);
      }
      result.curve.push_back(record);
      const auto merit = merit_of(record, options.monitor);
      if (examples.validation.empty() || merit > best_merit) {
        best_merit = merit;
        result.best_epoch = epoch;
        *best = weights_of(*module);
      }
      if (epoch >= options.min_epochs && epoch - result.best_epoch >= options.patience) break;
    }
    load_weights(*module, *best);
    const auto measure =
        [&](const std::vector<Example>& part) -> std::optional<models::ClassificationMetrics> {
      if (part.empty()) return std::nullopt;
      const auto evaluation = trainer.evaluate(part, job, steps, steps);
      return models::classification_metrics(evaluation.probabilities, evaluation.labels, class_count);
    };
    result.validation = measure(examples.validation);
    result.test = measure(examples.test);
    result.weights = best;
    return result;
  });
}

}  // namespace mil
