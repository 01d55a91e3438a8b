#include "app/workflows/train_encoder.h"

#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <vector>

#include "app/workflows/run_environment.h"
#include "imaging/base/csv.h"
#include "imaging/base/files.h"
#include "imaging/base/json_text.h"
#include "imaging/base/log.h"
#include "imaging/base/options_json.h"
#include "imaging/base/random.h"
#include "imaging/phantom/slide_phantom.h"
#include "imaging/slide/area_resample.h"
#include "imaging/slide/reader_table.h"
#include "models/encoders/pack_encoder.h"
#include "models/runtime/safetensors.h"

namespace workflows {
namespace fs = std::filesystem;
namespace {

using imaging::Error;
using imaging::ErrorCode;
using imaging::TissueClass;
using Json = nlohmann::ordered_json;

constexpr std::array kTissues{TissueClass::stroma, TissueClass::fat, TissueClass::gland,
                              TissueClass::lymphocytes, TissueClass::tumour};
constexpr int kProbes = 3;              ///< per side
constexpr int kMajority = 5;            ///< of 9 probes
constexpr std::int64_t kAttempts = 60;  ///< places tried per tile wanted

struct CohortRow {
  fs::path slide;
  std::string patient, site;
};

struct LabelledTiles {
  std::vector<imaging::Image8> tiles;
  std::vector<int> labels;
  [[nodiscard]] std::int64_t count(int label) const {
    return std::count(labels.begin(), labels.end(), label);
  }
};

std::vector<CohortRow> read_cohort(const fs::path& folder) {
  const auto table = imaging::read_csv_with_header(folder / "labels.csv");
  const auto file = table.find_column("file"), patient = table.find_column("patient"),
             site = table.find_column("site");
  if (!file || !patient) {
    throw Error(
        ErrorCode::corrupt_data,
        fmt::format("'{}' lacks the columns file and patient; make the cohort with `tessera phantom cohort`.",
                    (folder / "labels.csv").string()));
  }
  std::vector<CohortRow> rows;
  for (const auto& row : table.rows) {
    fs::path slide = folder / row[*file];
    if (!fs::exists(slide)) slide = folder / "slides" / row[*file];
    rows.push_back({slide, row[*patient], site ? row[*site] : ""});
  }
  return rows;
}

/// The phantom as it was laid out, to ask it what a place is made of.
imaging::SlidePhantom reopen_phantom(const fs::path& slide) {
  auto truth = slide;
  truth.replace_extension(".json");
  const auto json = imaging::parse_json<nlohmann::json>(imaging::read_file(truth), truth.string());
  if (!json.is_object() || !json.value("synthetic", false) || !json.contains("options")) {
    throw Error(ErrorCode::corrupt_data,
                fmt::format("'{}' does not describe a phantom slide.", truth.string()));
  }
  imaging::SlidePhantomOptions options;
  imaging::options_from_json(options, json["options"]);
  return imaging::SlidePhantom(options);
}

/// The tissue that most of a 3 x 3 grid of probes in the tile shows; background where none has the majority.
TissueClass majority(const imaging::SlidePhantom& phantom, imaging::PointD corner_um, double side_um) {
  std::map<TissueClass, int> votes;
  for (int i = 0; i < kProbes * kProbes; ++i) {
    const double x = corner_um.x + side_um * (0.5 + i % kProbes) / kProbes;
    const double y = corner_um.y + side_um * (0.5 + i / kProbes) / kProbes;
    ++votes[phantom.class_at(x, y)];
  }
  for (const auto& [tissue, count] : votes) {
    if (count >= kMajority) return tissue;
  }
  return TissueClass::background;
}

/// @param seed_text  of this slide
/// @param target     of the stain, if any
void cut_tiles(const CohortRow& row, const TileSampleOptions& options, std::int64_t seed,
               const std::optional<imaging::StainProfile>& target, LabelledTiles& into,
               const imaging::JobContext& job) {
  const auto phantom = reopen_phantom(row.slide);
  const auto reader = imaging::open_slide(row.slide);
  const double mpp = phantom.options().mpp;
  const double side_um = static_cast<double>(options.tile_px) * options.tile_mpp;
  const auto size = reader->info().size_l0();
  const double width_um = static_cast<double>(size.width) * mpp,
               height_um = static_cast<double>(size.height) * mpp;
  imaging::Random random(static_cast<std::uint64_t>(seed), imaging::hash_text(row.slide.filename().string()));
  const auto quota =
      std::max<std::int64_t>(1, options.tiles_per_slide / static_cast<std::int64_t>(kTissues.size()));
  std::map<TissueClass, std::int64_t> found;
  const auto first = into.tiles.size();
  for (std::int64_t attempt = 0; attempt < options.tiles_per_slide * kAttempts; ++attempt) {
    if (job.stop_token().stop_requested()) throw imaging::Cancelled{};
    const imaging::PointD corner_um{random.uniform(0, std::max(0.0, width_um - side_um)),
                                    random.uniform(0, std::max(0.0, height_um - side_um))};
    const auto tissue = majority(phantom, corner_um, side_um);
    const auto position = std::find(kTissues.begin(), kTissues.end(), tissue);
    if (position == kTissues.end() || found[tissue] >= quota) continue;
    ++found[tissue];
    into.tiles.push_back(
        imaging::read_area(*reader, {corner_um.x / mpp, corner_um.y / mpp, side_um / mpp, side_um / mpp},
                           {options.tile_px, options.tile_px}));
    into.labels.push_back(static_cast<int>(position - kTissues.begin()));
  }
  const auto cut = std::span(into.tiles).subspan(first);
  if (cut.empty()) return;
  const auto stain = measure_slide_stain([&] { return imaging::sample_pixels(cut); }, target);
  for (const auto& warning : stain.warnings) {
    imaging::log(imaging::LogLevel::warning, fmt::format("{}: {}", row.slide.filename().string(), warning));
  }
  if (!stain.normalizer) return;
  for (auto& tile : cut) stain.normalizer->apply(tile);
}

/// Every n-th patient, in alphabetical order within the site so that each site has some.
std::set<std::string> validation_patients(const std::vector<CohortRow>& rows, double share,
                                          std::int64_t seed) {
  std::map<std::string, std::set<std::string>> by_site;
  for (const auto& row : rows) by_site[row.site].insert(row.patient);
  std::set<std::string> chosen;
  for (const auto& [site, patients] : by_site) {
    std::vector<std::string> order(patients.begin(), patients.end());
    imaging::Random random(static_cast<std::uint64_t>(seed), imaging::hash_text(site));
    random.shuffle(std::span(order));
    const auto count = static_cast<std::size_t>(share * static_cast<double>(order.size()) + 0.5);
    chosen.insert(order.begin(),
                  order.begin() + static_cast<std::ptrdiff_t>(std::min(count, order.size() - 1)));
  }
  return chosen;
}

/// Numbers the tissues that occur without gaps. @return their names
std::vector<std::string> close_gaps(LabelledTiles& train, LabelledTiles& validation) {
  std::vector<std::string> names;
  std::map<int, int> renumbered;
  for (int label = 0; label < static_cast<int>(kTissues.size()); ++label) {
    if (train.count(label) == 0) continue;
    renumbered[label] = static_cast<int>(names.size());
    names.emplace_back(to_string(kTissues[static_cast<std::size_t>(label)]));
  }
  for (auto* set : {&train, &validation}) {
    LabelledTiles kept;
    for (std::size_t i = 0; i < set->labels.size(); ++i) {
      const auto found = renumbered.find(set->labels[i]);
      if (found == renumbered.end()) continue;
      kept.tiles.push_back(std::move(set->tiles[i]));
      kept.labels.push_back(found->second);
    }
    *set = std::move(kept);
  }
  return names;
}

std::string card_of(const std::string& name, const Json& summary) {
  const auto& best = summary["best"];
  return fmt::format(
      "# {0}\n\nA small tile encoder, trained from scratch to tell the tissues of **synthetic** H&E slides "
      "(Tessera phantoms) apart: {1}.\n\n"
      "- Architecture: {2}, {3} features per tile of {4} px at {5} um/px\n"
      "- Training data: {6} tiles of {7} phantom slides; validation: {8} tiles of other phantom patients\n"
      "- Validation accuracy {9:.3f}, balanced {10:.3f} (epoch {11})\n\n"
      "## What it is not\n\nIt has never seen a real slide. Its features carry what the phantoms' painter "
      "drew: use it for demonstrations, tests and\n"
      "teaching, and a public encoder (`tessera model pack --preset`) for work on tissue.\n\nResearch use "
      "only. Not for diagnosis.\n",
      name, fmt::join(summary["tissues"].get<std::vector<std::string>>(), ", "),
      summary["architecture"].get<std::string>(), summary["dim"].get<std::int64_t>(),
      summary["sample"]["tile_px"].get<std::int64_t>(), summary["sample"]["tile_mpp"].get<double>(),
      summary["train_tiles"].get<std::size_t>(), summary["slides"].get<std::size_t>(),
      summary["validation_tiles"].get<std::size_t>(), best["accuracy"].get<double>(),
      best["balanced_accuracy"].get<double>(), best["epoch"].get<std::size_t>() + 1);
}

Json summary_of(const TrainEncoderRequest& request, const models::TrainedEncoder& encoder,
                const std::vector<std::string>& names, const LabelledTiles& train,
                const LabelledTiles& validation, std::size_t slides) {
  Json summary{{"tissues", names},
               {"slides", slides},
               {"train_tiles", train.tiles.size()},
               {"validation_tiles", validation.tiles.size()},
               {"architecture", models::resnet_architecture(encoder.arguments)},
               {"dim", encoder.arguments.dim()},
               {"sample", imaging::options_to_json(request.sample)},
               {"training", imaging::options_to_json(request.training)},
               {"augmentation", imaging::options_to_json(request.augment)}};
  summary["tiles_per_tissue"] = Json::object();
  for (std::size_t c = 0; c < names.size(); ++c)
    summary["tiles_per_tissue"][names[c]] = train.count(static_cast<int>(c));
  summary["epochs"] = Json::array();
  for (const auto& epoch : encoder.epochs) {
    summary["epochs"].push_back({{"train_loss", epoch.train_loss},
                                 {"accuracy", epoch.accuracy},
                                 {"balanced_accuracy", epoch.balanced_accuracy}});
  }
  summary["best"] = summary["epochs"][encoder.best_epoch];
  summary["best"]["epoch"] = encoder.best_epoch;
  return summary;
}

/// Writes weights and card into a passing folder and packs them.
void write_package(const TrainEncoderRequest& request, const models::TrainedEncoder& encoder,
                   const Json& summary, const std::optional<imaging::StainProfile>& target) {
  const auto name = request.name.empty() ? request.out.filename().string() : request.name;
  const auto passing = request.out.parent_path() / fmt::format(".{}-parts", request.out.filename().string());
  fs::create_directories(passing);
  const auto weights = passing / "weights.safetensors", card = passing / "card.md";
  models::write_safetensors(weights, encoder.state);
  imaging::write_file(card, card_of(name, summary));
  models::pack_encoder({.weights = weights.string(),
                        .name = name,
                        .preset = std::nullopt,
                        .patch_size = request.sample.tile_px,
                        .mpp = request.sample.tile_mpp,
                        .input_size = std::nullopt,
                        .licence = "Apache-2.0",
                        .card = card.string()},
                       request.out);
  fs::remove_all(passing);

  auto manifest = models::ModelPackage::open(request.out).manifest();
  manifest["training_data"] =
      fmt::format("{} tiles of {} synthetic slides (tessera phantom cohort)",
                  summary["train_tiles"].get<std::size_t>(), summary["slides"].get<std::size_t>());
  manifest["intended_use"] = "demonstration, tests and teaching on synthetic slides; not for diagnosis";
  manifest["limitations"] = "has never seen a real slide";
  manifest["metrics"] = {{"validation_accuracy", summary["best"]["accuracy"]},
                         {"validation_balanced_accuracy", summary["best"]["balanced_accuracy"]}};
  manifest["recipe"] = {{"sample", summary["sample"]},
                        {"training", summary["training"]},
                        {"augmentation", summary["augmentation"]}};
  if (target) manifest["stain_normalisation"] = imaging::to_json(*target);
  models::seal_package(request.out, manifest);
}

}  // namespace

Json train_encoder(const TrainEncoderRequest& request, const imaging::JobContext& job) {
  imaging::check_options(request.sample);
  imaging::check_options(request.training);
  imaging::check_options(request.augment);
  const auto target = stain_target_of(request.stain, SlideSource({.isolate = "never"}, {}), job);
  if (fs::exists(request.out)) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("'{}' exists already; choose another --out.", request.out.string()));
  }
  (void)prepare_environment(request.runtime);
  const auto rows = read_cohort(request.cohort);
  const auto kept_back = validation_patients(rows, request.sample.validation, request.training.seed);
  LabelledTiles train, validation;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    job.checkpoint("cutting tiles", static_cast<std::int64_t>(i), static_cast<std::int64_t>(rows.size()));
    cut_tiles(rows[i], request.sample, request.training.seed, target,
              kept_back.contains(rows[i].patient) ? validation : train, job);
  }
  const auto names = close_gaps(train, validation);
  const models::StainChange change_stain = [&](imaging::Image8& tile, imaging::Random& random) {
    if (request.augment.stain_augment > 0) imaging::StainAugmentation(request.augment, random).apply(tile);
  };
  const auto encoder = models::train_tile_classifier(train.tiles, train.labels, validation.tiles,
                                                     validation.labels, request.training, change_stain, job);
  const auto summary = summary_of(request, encoder, names, train, validation, rows.size());
  write_package(request, encoder, summary, target);
  return summary;
}

}  // namespace workflows
