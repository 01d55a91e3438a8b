#include "mil/training/trainer.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <set>

#include "imaging/base/files.h"
#include "imaging/base/options_json.h"
#include "mil/aggregators/aggregator_module.h"
#include "mil/aggregators/aggregator_table.h"
#include "mil/aggregators/module_weights.h"
#include "mil/bags/bag_store.h"
#include "mil/losses/logit_losses.h"
#include "mil/training/bag_batches.h"
#include "mil/training/bag_cache.h"
#include "mil/training/process_group.h"
#include "mil/training/training_method.h"
#include "models/runtime/device.h"
#include "models/runtime/model_package.h"
#include "models/runtime/soup.h"
#include "models/runtime/torch_errors.h"

namespace mil {
namespace {

using imaging::Error;
using imaging::ErrorCode;
namespace fs = std::filesystem;

struct Examples {
  std::vector<Example> train, validation, test;
  std::vector<std::string> skipped;
  std::vector<double> train_means;  ///< mean_features of every training bag
};

constexpr double kMostTilePixels = 1e6;

/// Adds one bag's own words on its features to what the others said.
void merge_origin(BagOrigin& origin, const Bag& bag, const std::filesystem::path& path) {
  const auto attributes = read_bag_attributes(path);
  const auto text = [&](const char* name) {
    const auto found = attributes.find(name);
    return found == attributes.end() ? std::string() : found->second;
  };
  const auto number = [&](const char* name) {
    const auto stated = text(name);
    double value = 0;
    const auto* const end = stated.data() + stated.size();
    const auto read = std::from_chars(stated.data(), end, value);
    const bool is_read = stated.empty() || (read.ptr == end && read.ec == std::errc{});
    if (!is_read || !(value >= 0 && value <= kMostTilePixels)) {
      throw Error(ErrorCode::corrupt_data,
                  fmt::format("{}: its attribute {} is '{}', not a number from 0 to {:.0f}; encode the slide "
                              "again.",
                              path.string(), name, stated, kMostTilePixels));
    }
    return value;
  };
  if (origin.dim == 0) {
    origin.dim = bag.dim;
    origin.encoder_name = text("encoder");
    origin.encoder_sha256 = text("encoder_sha256");
    origin.tile_px = static_cast<std::int64_t>(number("tile_px"));
    origin.tile_mpp = number("tile_mpp");
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
  std::vector<std::string> order;
  for (const auto* part : {&set.split.train, &set.split.validation, &set.split.test})
    order.insert(order.end(), part->begin(), part->end());
  cache.expect(order);
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
      merge_origin(origin, *bag, set.bags.at(id).front());
      if (bag->count == 0) {
        examples.skipped.push_back(id);
      } else {
        into.push_back({id, label->second});
        if (&into == &examples.train) {
          const auto means = mean_features(*bag);
          examples.train_means.insert(examples.train_means.end(), means.begin(), means.end());
        }
      }
    }
  };
  collect(set.split.train, examples.train);
  collect(set.split.validation, examples.validation);
  collect(set.split.test, examples.test);
  job.checkpoint("reading bags", total, total);
  return examples;
}

struct Evaluation {
  double loss = 0;
  std::vector<double> probabilities;
  std::vector<std::int64_t> labels;
};

/// Dealt over the processes; the same result in each.
Evaluation evaluate(AggregatorModule& network, const MethodContext& context,
                    const std::vector<Example>& examples, const std::function<void()>& checkpoint) {
  auto& processes = context.processes;
  network.eval();
  const auto count = static_cast<std::int64_t>(examples.size());
  std::vector<std::string> ids;
  for (auto i = processes.rank(); i < count; i += processes.size()) {
    ids.push_back(examples[static_cast<std::size_t>(i)].id);
  }
  context.bags.expect(ids);
  std::vector<at::Tensor> rows;
  for (const auto& id : ids) {
    checkpoint();
    const auto output = network.infer(load_features(context, id, 0));
    rows.push_back(network.decision_logits(output).to(at::kCPU, at::kDouble).log_softmax(0));
  }
  const auto own = rows.empty() ? at::empty({0, context.class_count}, at::kDouble) : at::stack(rows);
  const auto dealt = processes.gather(own);
  Evaluation evaluation;
  evaluation.probabilities.resize(static_cast<std::size_t>(count * context.class_count));
  std::int64_t row = 0;
  for (std::int64_t rank = 0; rank < processes.size(); ++rank) {
    for (auto i = rank; i < count; i += processes.size(), ++row) {
      const auto log_probabilities = dealt[row];
      for (std::int64_t c = 0; c < context.class_count; ++c) {
        evaluation.probabilities[static_cast<std::size_t>(i * context.class_count + c)] =
            std::exp(log_probabilities[c].item<double>());
      }
      evaluation.loss -= log_probabilities[examples[static_cast<std::size_t>(i)].label].item<double>() /
                         static_cast<double>(count);
    }
  }
  for (const auto& example : examples) evaluation.labels.push_back(example.label);
  return evaluation;
}

/// Higher is better; the second entry decides ties.
std::pair<double, double> merit_of(const EpochRecord& record, const std::string& monitor) {
  const double loss = record.validation_loss.value_or(0);
  return {monitor == "auc" ? record.validation_auc.value_or(0) : 0, -loss};
}

void check_classes(const Examples& examples, std::int64_t class_count, const TrainOptions& options) {
  std::set<std::int64_t> train, validation;
  for (const auto& example : examples.train) train.insert(example.label);
  for (const auto& example : examples.validation) validation.insert(example.label);
  if (train.size() < 2) {
    throw Error(ErrorCode::insufficient_data,
                fmt::format("{} training bags of {} classes; at least two classes are needed.",
                            examples.train.size(), train.size()));
  }
  if (options.monitor == "auc" && !examples.validation.empty() && std::ssize(validation) < class_count) {
    throw Error(
        ErrorCode::insufficient_data,
        fmt::format("The validation part has {} of {} classes, so its AUC is not defined; monitor the "
                    "loss.",
                    validation.size(), class_count));
  }
}

std::vector<std::int64_t> count_classes(const std::vector<Example>& examples, std::int64_t class_count) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(class_count), 0);
  for (const auto& example : examples) ++counts[static_cast<std::size_t>(example.label)];
  return counts;
}

/// Keeps a run's progress in a file: after the first epoch, then at most once a second and for a tenth of the
/// time, and at the end. One process writes; each reads, so all must see the file.
class ProgressFile {
 public:
  /// @param path  empty keeps nothing
  ProgressFile(fs::path path, nlohmann::ordered_json identity, bool is_writer)
      : path_(std::move(path)), identity_(std::move(identity)), is_writer_(is_writer) {}

  [[nodiscard]] TrainingProgress load() const {
    if (path_.empty() || !fs::exists(path_)) return {};
    return read_checkpoint(path_, identity_);
  }

  void save(TrainingProgress& progress, const TrainingMethod& method, bool is_last) {
    using Clock = std::chrono::steady_clock;
    constexpr Clock::duration kLeastInterval = std::chrono::seconds(1);
    constexpr int kLeastWorkPerWriting = 10;
    if (path_.empty() || !is_writer_) return;
    const auto now = Clock::now();
    if (!is_last && now < next_) return;
    progress.state = method.state();
    write_checkpoint(path_, identity_, progress);
    next_ = Clock::now() + std::max(kLeastInterval, kLeastWorkPerWriting * (Clock::now() - now));
  }

 private:
  fs::path path_;
  nlohmann::ordered_json identity_;
  bool is_writer_;
  std::chrono::steady_clock::time_point next_;
};

/// What tells one run from another.
nlohmann::ordered_json identity_of(const TrainingPlan& plan, const TrainingResult& result,
                                   const Examples& examples) {
  auto identity = plan_identity(plan);
  identity["seed"] = result.seed;
  identity["class_names"] = result.class_names;
  identity["architecture"] = result.architecture;
  identity["architecture_arguments"] = result.architecture_arguments;
  identity["encoder_sha256"] = result.origin.encoder_sha256;
  nlohmann::json cohort;
  for (const auto* part : {&examples.train, &examples.validation, &examples.test}) {
    auto& ids = cohort.emplace_back(nlohmann::json::array());
    for (const auto& example : *part) ids.push_back({example.id, example.label});
  }
  identity["cohort"] = imaging::sha256_of(cohort.dump());
  return identity;
}

/// Runs a method's epochs, from where its file stands.
TrainingProgress fit(const TrainOptions& options, TrainingMethod& method, const MethodContext& context,
                     const std::vector<Example>& validation, ProgressFile file, const char* stage,
                     const imaging::JobContext& job, const OnEpoch& on_epoch) {
  const auto count = static_cast<std::int64_t>(context.examples.size());
  const auto total = options.epochs * count;
  auto fit = file.load();
  if (!fit.curve.empty()) method.load_state(fit.state);
  if (on_epoch) std::for_each(fit.curve.begin(), fit.curve.end(), on_epoch);
  const auto is_done = [&] {
    const auto epochs = static_cast<std::int64_t>(fit.curve.size());
    return epochs >= options.epochs ||
           (epochs >= options.min_epochs && epochs - fit.best_epoch >= options.patience);
  };
  while (!is_done()) {
    EpochRecord record;
    record.epoch = static_cast<std::int64_t>(fit.curve.size()) + 1;
    const auto before = (record.epoch - 1) * count;
    record.train_loss = method.run_epoch(
        record.epoch, [&](std::int64_t bags) { job.checkpoint(stage, before + bags, total); });
    if (!validation.empty()) {
      const auto evaluation = evaluate(method.network(), context, validation,
                                       [&] { job.checkpoint(stage, before + count, total); });
      record.validation_loss = evaluation.loss;
      record.validation_auc =
          models::macro_auc(evaluation.probabilities, evaluation.labels, context.class_count);
    }
    fit.curve.push_back(record);
    if (on_epoch) on_epoch(record);
    const auto merit = merit_of(record, options.monitor);
    if (validation.empty() || merit > fit.best_merit) {
      fit.best_merit = merit;
      fit.best_epoch = record.epoch;
      fit.best_weights = weights_of(method.network());
    }
    file.save(fit, method, is_done());
  }
  return fit;
}

/// The weights of a package, or the best ones of a checkpoint.
models::TensorMap read_base_weights(const fs::path& path, const std::string& architecture) {
  if (!fs::is_directory(path)) return read_best_weights(path);
  const auto package = models::ModelPackage::open(path);
  if (package.task() != "slide-classification" || package.architecture() != architecture) {
    throw Error(ErrorCode::incompatible,
                fmt::format("{} is a {} of architecture {}; MHIM starts from a slide classifier of "
                            "architecture {}.",
                            path.string(), package.task(), package.architecture(), architecture));
  }
  return models::read_safetensors(package.file("model.safetensors"));
}

fs::path base_checkpoint(const fs::path& checkpoint) {
  if (checkpoint.empty()) return {};
  return checkpoint.parent_path() /
         fmt::format("{}_base{}", checkpoint.stem().string(), checkpoint.extension().string());
}

/// Youden's threshold on the validation part.
void pick_threshold(const Evaluation& evaluation, TrainingResult& result) {
  const auto class_count = static_cast<std::int64_t>(result.class_names.size());
  try {
    result.threshold =
        models::choose_threshold("youden", evaluation.probabilities, evaluation.labels, class_count);
    result.threshold_from = "validation";
  } catch (const Error& error) {
    if (error.code() != ErrorCode::insufficient_data) throw;
    result.threshold_from = fmt::format("fixed, since {}", error.what());
  }
}

}  // namespace

TrainingResult train_classifier(const TrainingSet& set, const TrainingPlan& plan, std::uint64_t seed,
                                const std::string& device, const imaging::JobContext& job,
                                const std::filesystem::path& checkpoint, ProcessGroup* processes,
                                const OnEpoch& on_epoch) {
  visit_option_sets(plan, [](const auto& options) { imaging::check_options(options); });
  const auto& options = plan.training;
  TrainingResult result;
  result.plan = plan;
  result.seed = seed;
  result.class_names = set.labels.class_names();
  result.architecture = architecture_of(plan);
  const auto class_count = static_cast<std::int64_t>(result.class_names.size());
  if (options.threshold == "youden" && class_count != 2) {
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("The threshold youden is for two classes; these are {}: choose fixed.", class_count));
  }
  BagCache cache(set.bags, options.memory_mb << 20);
  const auto examples = collect_examples(set, result.class_names, cache, result.origin, job);
  check_classes(examples, class_count, options);
  result.skipped = examples.skipped;
  result.train_count = static_cast<std::int64_t>(examples.train.size());
  result.architecture_arguments =
      aggregator_arguments(result.architecture, plan.base, result.origin.dim, class_count);
  const auto alone = make_single_process();

  return models::with_torch_errors(ErrorCode::internal, "The training failed", [&] {
    models::make_deterministic(seed);
    MethodContext context{
        .bags = cache,
        .processes = processes == nullptr ? *alone : *processes,
        .examples = examples.train,
        .class_count = class_count,
        .input_dim = result.origin.dim,
        .epochs = options.epochs,
        .seed = seed,
        .device = torch::Device(device),
        .logit_loss = make_logit_loss(
            class_weights_of(options.class_weights, count_classes(examples.train, class_count)),
            options.focal_gamma),
        .architecture = result.architecture,
        .architecture_arguments = nlohmann::json(result.architecture_arguments),
        .initial_weights = {}};
    const bool is_writer = context.processes.rank() == 0;
    if (options.method == "mhim" && plan.mhim.mhim_init == "self") {
      auto base_plan = plan;
      base_plan.training.method = "ce";
      const auto base = make_training_method(base_plan, context);
      result.initialisation_sha256 = models::weights_sha256(weights_of(base->network()));
      context.initial_weights =
          fit(options, *base, context, examples.validation,
              ProgressFile(base_checkpoint(checkpoint), identity_of(base_plan, result, examples), is_writer),
              "training the base", job, {})
              .best_weights;
    } else if (options.method == "mhim" && plan.mhim.mhim_init != "none") {
      const fs::path path = plan.mhim.mhim_init;
      context.initial_weights = read_base_weights(path, result.architecture);
      result.plan.mhim.mhim_init =
          "sha256:" + imaging::sha256_of_file(fs::is_directory(path) ? path / "model.safetensors" : path);
    }
    at::manual_seed(seed);  // the start is the same whether or not the base came from its checkpoint
    const auto method = make_training_method(plan, context);
    if (result.initialisation_sha256.empty())
      result.initialisation_sha256 = models::weights_sha256(weights_of(method->network()));
    auto trained = fit(options, *method, context, examples.validation,
                       ProgressFile(checkpoint, identity_of(result.plan, result, examples), is_writer),
                       "training", job, on_epoch);
    load_weights(method->network(), trained.best_weights);
    const auto measure =
        [&](const std::vector<Example>& part) -> std::optional<models::ClassificationMetrics> {
      if (part.empty()) return std::nullopt;
      const auto steps = options.epochs * result.train_count;
      const auto evaluation =
          evaluate(method->network(), context, part, [&] { job.checkpoint("training", steps, steps); });
      if (&part == &examples.validation && options.threshold == "youden") pick_threshold(evaluation, result);
      return models::classification_metrics(evaluation.probabilities, evaluation.labels, class_count,
                                            result.threshold);
    };
    result.validation = measure(examples.validation);
    result.test = measure(examples.test);
    result.curve = std::move(trained.curve);
    result.best_epoch = trained.best_epoch;
    result.weights = std::make_shared<const models::TensorMap>(std::move(trained.best_weights));
    result.training_cloud = FeatureCloud::fit(examples.train_means, result.origin.dim);
    return result;
  });
}

}  // namespace mil
