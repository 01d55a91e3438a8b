#include "models/segmentation/pack_segmenter.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <charconv>
#include <sstream>

#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "models/adaptation/hooked_script.h"
#include "models/runtime/model_package.h"
#include "models/runtime/package_folder.h"
#include "models/runtime/torch_errors.h"
#include "models/segmentation/segmenter.h"

namespace models {
namespace fs = std::filesystem;
namespace {

using imaging::Error;
using imaging::ErrorCode;

std::vector<double> channel_numbers(const std::string& text, const char* option, std::int64_t channels) {
  std::vector<double> values;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    double value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error == std::errc{} && end == part.data() + part.size()) values.push_back(value);
  }
  if (!text.empty() && static_cast<std::int64_t>(values.size()) != channels) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("Option {} is '{}', not {} numbers like 0.5,0.5.", option, text, channels));
  }
  return values;
}

SegmenterFacts facts_of(const SegmenterPackOptions& options) {
  if (options.class_names.size() < 2) {
    throw Error(ErrorCode::invalid_argument,
                "A segmenter needs its classes: give --class-names once for each, the background first.");
  }
  SegmenterFacts facts{
      .class_names = options.class_names,
      .channels = options.channels,
      .size_multiple = options.size_multiple,
      .working_size = options.working_size,
      .crop_to_field = options.crop_to_field,
      .intensity = options.intensity == "unit" ? IntensityScale::unit : IntensityScale::zscore,
      .mean = channel_numbers(options.channel_mean, "channel_mean", options.channels),
      .std = channel_numbers(options.channel_std, "channel_std", options.channels)};
  if (facts.mean.size() != facts.std.size())
    throw Error(ErrorCode::invalid_argument, "Give --channel-mean and --channel-std together.");
  return facts;
}

/// Maps that the module gives for one picture.
std::int64_t count_maps(const fs::path& weights, const SegmenterFacts& facts) {
  HookedScript script(weights, "cpu");
  const at::NoGradGuard no_grad;
  const auto side =
      std::max<std::int64_t>(64, 2 * facts.size_multiple) / facts.size_multiple * facts.size_multiple;
  const auto output = with_torch_errors(
      ErrorCode::incompatible,
      fmt::format("{} fails on a picture of {} x {} px", weights.string(), side, side), [&] {
        return script.forward(torch::rand({1, facts.channels, side, side}));
      });
  return output.dim() == 4 ? output.size(1) : 0;
}

}  // namespace

void pack_segmenter(const fs::path& weights, const std::string& name, const std::string& licence,
                    const std::optional<std::string>& card, const SegmenterPackOptions& options,
                    const fs::path& out_folder) {
  imaging::check_options(options);
  auto facts = facts_of(options);
  if (!fs::is_regular_file(weights))
    throw Error(ErrorCode::not_found, fmt::format("{} does not exist or is no file.", weights.string()));
  if (count_maps(weights, facts) == 1 && facts.class_names.size() == 2)
    facts.output = SegmenterOutput::sigmoid;
  nlohmann::ordered_json manifest{{"schema", "tessera.model/1"},
                                  {"name", name.empty() ? weights.stem().string() : name},
                                  {"task", "segmentation"},
                                  {"architecture", "torchscript"}};
  put_segmenter_facts(manifest, facts);
  manifest["training_data"] = "as the publisher of the weights states it";
  manifest["intended_use"] = "research; not for diagnosis";
  manifest["limitations"] = "as the publisher of the weights states them";
  manifest["licence"] = licence.empty() ? "not stated" : licence;
  const auto text = card ? imaging::read_file(*card) : std::string();

  PackageFolder making(out_folder);
  std::error_code error;
  fs::copy_file(weights, making.path() / "model.pt", error);
  if (error) {
    throw Error(ErrorCode::io_error,
                fmt::format("Cannot write {}: {}.", out_folder.string(), error.message()));
  }
  fs::permissions(making.path() / "model.pt", fs::perms::owner_write, fs::perm_options::add);
  imaging::write_file(
      making.path() / "README.md",
      text.empty()
          ? fmt::format("# {}\n\nA segmenter packed for Tessera: {}. Research software, not for "
                        "diagnosis.\n\n- Licence of the weights: {}\n- Training data, intended use and "
                        "limitations: as the publisher of the weights states them.\n",
                        manifest["name"].get<std::string>(), fmt::join(facts.class_names, ", "),
                        manifest["licence"].get<std::string>())
          : text);
  seal_package(making.path(), manifest);
  (void)Segmenter::open(ModelPackage::open(making.path()), "cpu");
  making.publish();
}

}  // namespace models
