#include "models/adaptation/adapt_segmenter.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <algorithm>
#include <chrono>
#include <numeric>

#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/base/options_json.h"
#include "imaging/base/random.h"
#include "models/runtime/device.h"
#include "models/runtime/package_folder.h"
#include "models/runtime/torch_errors.h"
#include "models/segmentation/network_input.h"
#include "models/segmentation/segmentation_network.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr const char* kSchema = "tessera.adaptation/1";
constexpr std::int64_t kCheckEvery = 50;  // steps between looks at the monitors
constexpr int kMostCheckpointShare = 10;  // a tenth of the time at most
constexpr std::int64_t kCachedBytes = std::int64_t{1} << 30;

/// Target pictures as the network takes them, kept in memory as far as they fit.
class Pictures {
 public:
  Pictures(const AdaptTarget& target, const SegmenterFacts& facts, std::int64_t crop,
           const torch::Device& device)
      : target_(target), facts_(facts), crop_(crop), device_(device), cache_(target.names.size()) {}

  /// Leaves out what cannot be used, with a sentence each.
  std::vector<std::string> check(const imaging::JobContext& job) {
    std::vector<std::string> left_out;
    const auto total = static_cast<std::int64_t>(target_.names.size());
    for (std::size_t i = 0; i < target_.names.size(); ++i) {
      job.checkpoint("reading pictures", static_cast<std::int64_t>(i), total);
      imaging::ImageF picture;
      try {
        picture = target_.read(i);
      } catch (const Error& error) {
        left_out.push_back(fmt::format("{}: {}", target_.names[i], error.what()));
        continue;
      }
      if (picture.channels() != facts_.channels) {
        left_out.push_back(fmt::format("{} has {} channels, where the network takes {}", target_.names[i],
                                       picture.channels(), facts_.channels));
        continue;
      }
      const auto [least, most] = std::minmax_element(picture.values().begin(), picture.values().end());
      if (picture.empty() || *least == *most) {
        left_out.push_back(fmt::format("{} is empty or of one value", target_.names[i]));
        continue;
      }
      keep(i, prepare(picture));
      usable_.push_back(i);
    }
    job.checkpoint("reading pictures", total, total);
    return left_out;
  }

  [[nodiscard]] std::size_t count() const { return usable_.size(); }
  [[nodiscard]] const std::string& name(std::size_t i) const { return target_.names[usable_[i]]; }

  /// Pictures in one tensor, edges repeated up to the largest; square parts of them where `random` is given
  /// and a crop is asked for.
  at::Tensor batch(const std::vector<std::size_t>& which, imaging::Random* random = nullptr) {
    std::vector<at::Tensor> pictures;
    for (const auto i : which) {
      auto x = get(usable_[i]);
      if (random != nullptr && crop_ > 0) x = cut(x, *random);
      pictures.push_back(x);
    }
    std::int64_t height = 0, width = 0;
    for (const auto& x : pictures) {
      height = std::max(height, x.size(2));
      width = std::max(width, x.size(3));
    }
    for (auto& x : pictures) {
      if (x.size(2) < height || x.size(3) < width)
        x = at::replication_pad2d(x, {0, width - x.size(3), 0, height - x.size(2)});
    }
    return at::cat(pictures).to(device_);
  }

 private:
  at::Tensor prepare(const imaging::ImageF& picture) const {
    const auto longest = std::max(picture.width(), picture.height());
    const auto& side = facts_.working_size;
    const auto seen = side && *side != longest ? resized_to_side(picture, *side) : picture;
    return prepared_input(seen, facts_, rounded_up(seen.width(), facts_.size_multiple),
                          rounded_up(seen.height(), facts_.size_multiple));
  }
  at::Tensor get(std::size_t i) {
    if (cache_[i].defined()) return cache_[i];
    return keep(i, prepare(target_.read(i)));
  }
  at::Tensor keep(std::size_t i, at::Tensor x) {
    const auto bytes = static_cast<std::int64_t>(x.nbytes());
    if (bytes <= room_) {
      room_ -= bytes;
      cache_[i] = x;
    }
    return x;
  }
  at::Tensor cut(const at::Tensor& x, imaging::Random& random) const {
    const auto side = rounded_up(crop_, facts_.size_multiple);
    const auto part = [&](const at::Tensor& from, std::int64_t dim) {
      const auto length = std::min(side, from.size(dim));
      return from.narrow(dim, random.index(from.size(dim) - length + 1), length);
    };
    return part(part(x, 2), 3);
  }

  const AdaptTarget& target_;
  const SegmenterFacts& facts_;
  std::int64_t crop_;
  torch::Device device_;
  std::vector<at::Tensor> cache_;
  std::vector<std::size_t> usable_;
  std::int64_t room_ = kCachedBytes;
};

std::vector<std::size_t> span_of(std::size_t first, std::size_t count) {
  std::vector<std::size_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}

void refuse_another_run(const fs::path& path, const ordered_json& stored, const ordered_json& own) {
  for (const auto& [name, value] : own.items()) {
    const auto found = stored.find(name);
    if (found != stored.end() && *found == value) continue;
    throw Error(
        ErrorCode::incompatible,
        fmt::format("{} is the checkpoint of another adaptation: its {} is {}, not {}; remove it, or adapt "
                    "into another folder.",
                    path.string(), name, found == stored.end() ? "not stated" : found->dump(), value.dump()));
  }
}

at::Tensor log_tensor(const std::vector<AdaptStep>& log) {
  std::vector<double> rows;
  for (const auto& step : log) {
    rows.insert(rows.end(),
                {step.consistency, step.entropy, step.entropy_weight, step.source_share, step.mean_alpha});
  }
  return torch::tensor(rows, torch::kFloat64).view({-1, 5});
}

std::vector<AdaptStep> log_of(const at::Tensor& rows) {
  std::vector<AdaptStep> log;
  const auto values = rows.accessor<double, 2>();
  for (std::int64_t t = 0; t < rows.size(0); ++t) {
    log.push_back({.iteration = t,
                   .consistency = values[t][0],
                   .entropy = values[t][1],
                   .entropy_weight = values[t][2],
                   .source_share = values[t][3],
                   .mean_alpha = values[t][4]});
  }
  return log;
}

/// The run's own state on disk.
class Checkpoint {
 public:
  Checkpoint(fs::path path, ordered_json identity) : path_(std::move(path)), identity_(std::move(identity)) {}

  /// Where the file is of this run, loads it. @return the log so far
  std::vector<AdaptStep> load(Adapter& adapter) const {
    if (path_.empty() || !fs::exists(path_)) return {};
    const auto metadata = read_safetensors_metadata(path_);
    const auto found = metadata.find("run");
    const auto schema = metadata.find("schema");
    if (found == metadata.end() || schema == metadata.end() || schema->second != kSchema)
      throw Error(ErrorCode::corrupt_data,
                  fmt::format("{} is no checkpoint of an adaptation.", path_.string()));
    refuse_another_run(path_, ordered_json::parse(found->second), identity_);
    auto state = read_safetensors(path_);
    const auto log = state.extract("log");
    if (log.empty()) throw Error(ErrorCode::corrupt_data, fmt::format("{} has no log.", path_.string()));
    adapter.load_state(state);
    return log_of(log.mapped());
  }

  void save(const Adapter& adapter, const std::vector<AdaptStep>& log, bool now = false) {
    const auto time = std::chrono::steady_clock::now();
    if (path_.empty() || (!now && time - last_ < kMostCheckpointShare * cost_)) return;
    auto state = adapter.state();
    state["log"] = log_tensor(log);
    write_safetensors(path_, state, {{"schema", kSchema}, {"run", identity_.dump()}});
    last_ = std::chrono::steady_clock::now();
    cost_ = last_ - time;
  }

 private:
  fs::path path_;
  ordered_json identity_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::duration cost_{};
};

ordered_json options_json(const AdaptRun& run) {
  auto json = imaging::options_to_json(run.options);
  json["seed"] = run.seed;
  return json;
}

class Run {
 public:
  Run(const ModelPackage& source, const AdaptTarget& target, const AdaptRun& run,
      const imaging::JobContext& job)
      : source_(source),
        target_(target),
        run_(run),
        job_(job),
        network_(open_segmentation_network(source, run.device)),
        pictures_(target, network_->facts(), run.options.crop, torch::Device(run.device)) {}

  AdaptResult adapt(const fs::path& out) {
    result_.left_out = pictures_.check(job_);
    require_pictures();
    batch_ = std::min(static_cast<std::size_t>(run_.options.batch), pictures_.count());
    batches_ = static_cast<std::int64_t>((pictures_.count() + batch_ - 1) / batch_);
    choose_watched();
    adapter_ = std::make_unique<Adapter>(
        AdaptableNetwork{.forward = [this](const at::Tensor& x) { return network_->forward(x); },
                         .state = network_->state(),
                         .parameters = network_->parameters()},
        run_.options, run_.seed, watched_.front());
    const auto reference = source_.manifest().contains("monitor_reference")
                               ? monitor_reading_from_json(source_.manifest()["monitor_reference"],
                                                           network_->facts().class_names.size())
                               : std::nullopt;
    job_.checkpoint("watching", 0, 1);
    result_.source = read_monitors(watched_, [this](const at::Tensor& x) {
      const at::NoGradGuard no_grad;
      return network_->forward(x);
    });
    Checkpoint checkpoint(run_.checkpoint, {{"parent_sha256", source_.sha256()},
                                            {"target_sha256", target_.sha256},
                                            {"options", options_json(run_)}});
    result_.log = checkpoint.load(*adapter_);
    const auto steps = adapter_->steps(batches_);
    bool is_tripped = false;
    for (auto t = static_cast<std::int64_t>(result_.log.size()); t < steps && !is_tripped; ++t) {
      job_.checkpoint("adapting", t, steps);
      result_.log.push_back(adapter_->step(training_batch(t), t, steps, batches_));
      checkpoint.save(*adapter_, result_.log);
      if ((t + 1) % kCheckEvery == 0 && t + 1 < steps) is_tripped = judge(reference);
    }
    result_.stopped_at = static_cast<std::int64_t>(result_.log.size());
    if (!is_tripped) {
      checkpoint.save(*adapter_, result_.log, steps > 0);
      collect();
      adapter_->settle();
      is_tripped = judge(reference);
    }
    remember_pictures();
    if (is_tripped && run_.guard.guard == "rollback") {
      adapter_->reset();
      result_.is_rolled_back = true;
    }
    write(out);
    if (!run_.checkpoint.empty()) {
      std::error_code ignored;
      fs::remove(run_.checkpoint, ignored);
    }
    return std::move(result_);
  }

 private:
  void require_pictures() const {
    const auto& name = run_.options.adapt;
    const bool needs_several = name == "bn" || name == "ubna" || name == "core" || name == "osuda";
    const auto enough = needs_several ? 2U : 1U;
    if (pictures_.count() >= enough) return;
    throw Error(ErrorCode::insufficient_data,
                fmt::format("{} usable pictures of {}, where {} needs at least {}{}{}.", pictures_.count(),
                            target_.names.size(), name, enough,
                            needs_several ? "; alpha-bn and unmix-tns take a single one" : "",
                            result_.left_out.empty() ? "" : "; " + result_.left_out.front()));
  }

  /// Pictures evenly over the target, in batches like those of the adaptation.
  void choose_watched() {
    const auto count = std::min(static_cast<std::size_t>(run_.guard.guard_pictures), pictures_.count());
    for (std::size_t i = 0; i < count; ++i) watched_numbers_.push_back(i * pictures_.count() / count);
    for (std::size_t first = 0; first < count; first += batch_) {
      const auto end = std::min(first + batch_, count);
      watched_.push_back(pictures_.batch({watched_numbers_.begin() + static_cast<std::ptrdiff_t>(first),
                                          watched_numbers_.begin() + static_cast<std::ptrdiff_t>(end)}));
    }
  }

  /// The pictures of step t. Shuffled anew each epoch; the last batch is filled up from the epoch's first.
  /// unmix-tns sees the pictures once, in their own order.
  at::Tensor training_batch(std::int64_t t) {
    const auto first = static_cast<std::size_t>(t % batches_) * batch_;
    if (run_.options.adapt == "unmix-tns")
      return pictures_.batch(span_of(first, std::min(batch_, pictures_.count() - first)));
    auto order = span_of(0, pictures_.count());
    imaging::Random shuffling(run_.seed, static_cast<std::uint64_t>(t / batches_));
    shuffling.shuffle(std::span(order));
    std::vector<std::size_t> which;
    for (std::size_t i = 0; i < batch_; ++i) which.push_back(order[(first + i) % order.size()]);
    imaging::Random cutting(run_.seed, (std::uint64_t{1} << 32) + static_cast<std::uint64_t>(t));
    return pictures_.batch(which, &cutting);
  }

  void collect() {
    if (!adapter_->collects()) return;
    for (std::int64_t i = 0; i < batches_; ++i) {
      job_.checkpoint("collecting", i, batches_);
      const auto first = static_cast<std::size_t>(i) * batch_;
      adapter_->collect(pictures_.batch(span_of(first, std::min(batch_, pictures_.count() - first))));
    }
  }

  bool judge(const std::optional<MonitorReading>& reference) {
    result_.adapted = read_monitors(watched_, [this](const at::Tensor& x) { return adapter_->predict(x); });
    result_.verdict = judge_adaptation(result_.source, result_.adapted, reference, run_.guard);
    return !result_.verdict.tripped.empty();
  }

  void remember_pictures() {
    for (std::size_t i = 0; i < watched_numbers_.size(); ++i) {
      result_.pictures.push_back({.name = pictures_.name(watched_numbers_[i]),
                                  .source = result_.source.labels[i],
                                  .adapted = result_.adapted.labels[i]});
    }
  }

  void write(const fs::path& out) {
    PackageFolder making(out);
    auto manifest = source_.manifest();
    const auto folder = (out.has_filename() ? out : out.parent_path()).filename().string();
    manifest["name"] = run_.name.empty() ? folder : run_.name;
    manifest.erase("metrics");
    const auto& options = run_.options;
    ordered_json record{{"strategy", options.adapt},
                        {"parent_name", source_.name()},
                        {"parent_sha256", source_.sha256()},
                        {"target_sha256", target_.sha256},
                        {"target_pictures", pictures_.count()},
                        {"options", options_json(run_)},
                        {"steps", result_.stopped_at},
                        {"source", to_json(result_.source)},
                        {"adapted", to_json(result_.adapted)},
                        {"agreement", result_.verdict.agreement},
                        {"tripped", result_.verdict.tripped},
                        {"is_rolled_back", result_.is_rolled_back}};
    network_->write_weights(making.path());
    for (const auto& entry : fs::directory_iterator(source_.folder())) {
      const auto name = entry.path().filename();
      if (entry.is_regular_file() && name != "manifest.json" && name != kAdaptedComponents &&
          !fs::exists(making.path() / name))
        fs::copy_file(entry.path(), making.path() / name);
    }
    if (options.adapt == "unmix-tns" && !result_.is_rolled_back) {
      write_safetensors(making.path() / kAdaptedComponents, adapter_->components());
    }
    manifest["adaptation"] = record;
    const auto how =
        result_.is_rolled_back
            ? fmt::format("An adaptation by {} was taken back: {}. These are the weights of {}.",
                          options.adapt, fmt::join(result_.verdict.tripped, "; "), source_.name())
            : fmt::format("{} adapted by {} to {} pictures without labels.", source_.name(), options.adapt,
                          pictures_.count());
    manifest["limitations"] = how + " Not assessed against labels of the target.";
    imaging::write_file(
        making.path() / "README.md",
        fmt::format("# {}\n\n{} Research software, not for diagnosis.\n\n- Parent: {} (sha256 {})\n- "
                    "Target: {} pictures (sha256 {})\n\n## The parent's card\n\n{}",
                    manifest["name"].get<std::string>(), how, source_.name(), source_.sha256(),
                    pictures_.count(), target_.sha256, source_.card()));
    seal_package(making.path(), manifest);
    result_.package_sha256 = ModelPackage::open(making.path()).sha256();
    making.publish();
  }

  const ModelPackage& source_;
  const AdaptTarget& target_;
  const AdaptRun& run_;
  const imaging::JobContext& job_;
  std::unique_ptr<SegmentationNetwork> network_;
  Pictures pictures_;
  std::size_t batch_ = 1;
  std::int64_t batches_ = 1;
  std::vector<std::size_t> watched_numbers_;
  std::vector<at::Tensor> watched_;
  std::unique_ptr<Adapter> adapter_;
  AdaptResult result_;
};

}  // namespace

AdaptResult adapt_segmenter(const ModelPackage& source, const AdaptTarget& target, const AdaptRun& run,
                            const fs::path& out, const imaging::JobContext& job) {
  imaging::check_options(run.options);
  imaging::check_options(run.guard);
  if (fs::exists(out))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} exists already; name a new folder.", out.string()));
  make_deterministic(run.seed);
  return with_torch_errors(ErrorCode::internal, "The adaptation failed",
                           [&] { return Run(source, target, run, job).adapt(out); });
}

}  // namespace models
