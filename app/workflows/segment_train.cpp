#include "app/workflows/segment_train.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "app/workflows/batch.h"
#include "app/workflows/curve_plot.h"
#include "app/workflows/mil_run.h"
#include "app/workflows/run_environment.h"
#include "app/workflows/segment_image.h"
#include "app/workflows/segment_input.h"
#include "imaging/base/csv.h"
#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/base/json_text.h"
#include "imaging/base/log.h"
#include "imaging/base/options_json.h"
#include "imaging/base/random.h"
#include "imaging/slide/volume.h"
#include "models/runtime/model_package.h"
#include "models/segmentation/segmentation_trainer.h"

namespace workflows {
namespace fs = std::filesystem;
namespace {

using imaging::Error;
using imaging::ErrorCode;
using Json = nlohmann::ordered_json;

std::vector<SegmentCase> cases_with_truth(const SegmentData& data) {
  std::vector<SegmentCase> cases;
  std::copy_if(data.cases.begin(), data.cases.end(), std::back_inserter(cases),
               [](const SegmentCase& one) { return !one.masks.empty(); });
  return cases;
}

/// Deals patients: about `share` of them, at least one where there are several.
void deal(std::vector<SegmentCase>& train, std::vector<SegmentCase>& validation, double share,
          std::uint64_t seed) {
  std::set<std::string> names;
  for (const auto& one : train) names.insert(one.group);
  std::vector<std::string> groups(names.begin(), names.end());
  if (share == 0 || groups.size() < 2) return;
  imaging::Random random(seed, /*stream=*/7);
  random.shuffle(std::span(groups));
  const auto wanted = static_cast<std::size_t>(share * static_cast<double>(groups.size()) + 0.5);
  const std::set<std::string> chosen(
      groups.begin(),
      groups.begin() + static_cast<std::ptrdiff_t>(std::clamp<std::size_t>(wanted, 1, groups.size() - 1)));
  const auto first = std::stable_partition(
      train.begin(), train.end(), [&](const SegmentCase& one) { return !chosen.contains(one.group); });
  validation.assign(first, train.end());
  train.erase(first, train.end());
}

/// The examples of one part of a data set: its pictures, or the slices of its volumes.
class Examples {
 public:
  /// @param facts  told of volumes: their channels, and that they are standardised
  Examples(const SegmentData& data, const std::vector<SegmentCase>& cases, models::SegmenterFacts& facts,
           const imaging::JobContext& job)
      : data_(data), cases_(cases), facts_(facts) {
    for (std::size_t i = 0; i < cases.size(); ++i) {
      if (!imaging::is_volume(cases[i].image)) {
        places_.push_back({i, std::nullopt});
        continue;
      }
      job.checkpoint("reading volumes", static_cast<std::int64_t>(i), std::ssize(cases));
      const auto volume = imaging::read_volume(cases[i].image);
      facts.channels = volume.channels;
      facts.intensity = models::IntensityScale::zscore;
      for (const auto z : slices_with_content(volume)) places_.push_back({i, z});
    }
    const auto slices =
        std::ranges::count_if(places_, [](const Place& place) { return place.z.has_value(); });
    if (slices > 0 && (slices < std::ssize(places_) || facts.crop_to_field))
      throw Error(ErrorCode::invalid_argument,
                  facts.crop_to_field
                      ? "Volumes have no field of view to cut to; leave out --crop-to-field."
                      : "Pictures and volumes cannot be trained on together; name the ones only.");
  }

  [[nodiscard]] models::SegmentationSet set() {
    return {.count = places_.size(), .read = [this](std::size_t i) { return read(places_[i]); }};
  }

 private:
  struct Place {
    std::size_t one = 0;
    std::optional<std::int64_t> z;
  };

  [[nodiscard]] models::SegmentationExample read(const Place& place) {
    const auto& one = cases_[place.one];
    if (!place.z) {
      auto sample = read_segment_case(data_, one);
      auto input = segment_input(sample.image, sample.labels, facts_);
      return {.name = one.name, .picture = std::move(input.picture), .labels = std::move(*input.labels)};
    }
    if (open_ != &one) {
      std::vector<std::string> ignored;  // of stretched values, and these are standardised
      volume_.emplace(imaging::read_volume(one.image), facts_, ignored);
      labels_ = read_segment_volume_labels(data_, one, volume_->geometry());
      open_ = &one;
    }
    const auto& geometry = volume_->geometry();
    imaging::Image8 labels(geometry.size[0], geometry.size[1], 1);
    std::copy_n(labels_.begin() + *place.z * geometry.slice_voxels(), geometry.slice_voxels(), labels.data());
    return {.name = fmt::format("{}, slice {}", one.name, *place.z + 1),
            .picture = volume_->slice(*place.z),
            .labels = std::move(labels)};
  }

  const SegmentData& data_;
  const std::vector<SegmentCase>& cases_;
  const models::SegmenterFacts& facts_;
  std::vector<Place> places_;
  const SegmentCase* open_ = nullptr;  // the volume that is in memory
  std::optional<VolumeSlices> volume_;
  std::vector<std::uint8_t> labels_;
};

std::string cell(const std::optional<double>& value) {
  return value ? fmt::format("{}", *value) : "";
}

void write_curves(const fs::path& out, const models::SegmentationTraining& result) {
  auto text = imaging::csv_line({"epoch", "train_loss", "validation_loss", "validation_dice"});
  PlotLine train{"training", {}}, validation{"validation", {}}, dice{"validation", {}};
  for (const auto& epoch : result.curve) {
    text += imaging::csv_line({std::to_string(epoch.epoch), fmt::format("{}", epoch.loss),
                               cell(epoch.validation_loss), cell(epoch.validation_dice)});
    train.values.emplace_back(epoch.loss);
    validation.values.push_back(epoch.validation_loss);
    dice.values.push_back(epoch.validation_dice);
  }
  imaging::write_file(out / "curves.csv", text);
  write_curve_plot(out / "curves.svg", {{"Loss", {train, validation}, {}, {}}, {"Dice", {dice}, 0.0, 1.0}},
                   result.best_epoch);
}

Json names_of(const std::vector<SegmentCase>& cases) {
  auto names = Json::array();
  for (const auto& one : cases) names.push_back(one.name);
  return names;
}

}  // namespace

Json train_segmentation(const SegmentTrainRequest& request, const imaging::JobContext& job) {
  imaging::check_options(request.training);
  imaging::check_options(request.split);
  const auto environment = prepare_environment(request.runtime);
  const auto seed = static_cast<std::uint64_t>(request.runtime.seed);
  const auto data = read_segment_data(request.data, request.data_options);
  for (const auto& note : data.notes) imaging::log(imaging::LogLevel::warning, note);
  auto train = cases_with_truth(data);
  if (train.empty()) {
    throw Error(ErrorCode::insufficient_data,
                fmt::format("{} holds no picture with a mask to train on.", request.data.string()));
  }
  std::vector<SegmentCase> validation;
  SegmentData other;
  if (request.validation) {
    other = read_segment_data(*request.validation, request.data_options);
    validation = cases_with_truth(other);
    if (other.class_names != data.class_names) {
      throw Error(ErrorCode::incompatible, fmt::format("{} has other classes than {}.",
                                                       request.validation->string(), request.data.string()));
    }
  } else {
    deal(train, validation, request.split.validation_share, seed);
  }
  const auto texts = package_texts(request.card, request.out);
  const Json identity{
      {"schema", "tessera.segment-run/1"},
      {"training", imaging::options_to_json(request.training)},
      {"seed", seed},
      {"classes", data.class_names},
      {"train", names_of(train)},
      {"validation", names_of(validation)},
      {"package",
       {{"name", texts.name}, {"training_data", texts.training_data}, {"licence", texts.licence}}}};
  check_run_folder(request.out, identity, {"model", "metrics.json", "checkpoint"});
  const auto finished = request.out / "metrics.json";
  if (fs::exists(finished)) {
    auto metrics = imaging::parse_json<Json>(imaging::read_file(finished), finished.string());
    metrics["was_finished"] = true;
    return metrics;
  }
  models::SegmenterFacts facts;
  facts.class_names = data.class_names;
  const auto checkpoint = request.out / "checkpoint" / "training.safetensors";
  facts.crop_to_field = request.training.crop_to_field;
  Examples examples(data, train, facts, job);
  Examples held_out(request.validation ? other : data, validation, facts, job);
  const auto result = models::train_segmenter(
      examples.set(), held_out.set(), facts, request.training, seed, environment.device, job, checkpoint,
      [&](const models::SegmentationEpoch& epoch) {
        write_run_config(request.out, identity);
        auto line = fmt::format("epoch {}: loss {:.4f}", epoch.epoch, epoch.loss);
        if (epoch.validation_dice) line += fmt::format(", validation Dice {:.3f}", *epoch.validation_dice);
        imaging::log(imaging::LogLevel::info, line);
      });
  fs::remove_all(request.out / "model");  // of this very run, stopped between package and metrics
  models::write_segmenter_package(
      request.out / "model", result,
      {.name = texts.name, .training_data = texts.training_data, .licence = texts.licence});
  write_curves(request.out, result);
  Json dice = Json::object();
  for (std::size_t k = 1; k < result.dice.size(); ++k)
    dice[data.class_names[k]] = result.dice[k] ? Json(*result.dice[k]) : Json(nullptr);
  Json metrics{{"best_epoch", result.best_epoch},
               {"epochs", result.curve.size()},
               {"train_pictures", result.train_count},
               {"validation_pictures", result.validation_count},
               {"validation_dice", dice},
               {"model_sha256", models::ModelPackage::open(request.out / "model").sha256()},
               {"notes", data.notes},
               {"runtime", environment.to_json()},
               {"finished", utc_now()}};
  imaging::write_file(finished, json_text(metrics));
  fs::remove_all(request.out / "checkpoint");
  metrics["was_finished"] = false;
  return metrics;
}

}  // namespace workflows
