#include "models/encoders/pack_encoder.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>

#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "models/encoders/encoder.h"
#include "models/encoders/encoder_table.h"
#include "models/encoders/resnet_arguments.h"
#include "models/runtime/package_folder.h"
#include "models/runtime/pth_reader.h"
#include "models/runtime/safetensors.h"

namespace models {
namespace fs = std::filesystem;
namespace {

using imaging::Error;
using imaging::ErrorCode;
using nlohmann::ordered_json;

ordered_json read_channels(const std::string& text, const char* option) {
  ordered_json values = ordered_json::array();
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    double value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error == std::errc{} && end == part.data() + part.size()) values.push_back(value);
  }
  if (values.size() != 3) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("Option {} is '{}', not three numbers like 0.5,0.5,0.5.", option, text));
  }
  return values;
}

EncoderPreset require_preset(const std::string& name) {
  if (const auto preset = find_encoder_preset(name)) return *preset;
  std::vector<std::string_view> names;
  for (const auto& row : encoder_presets()) names.push_back(row.name);
  throw Error(ErrorCode::invalid_argument,
              fmt::format("There is no preset '{}'; known are {}.", name, fmt::join(names, ", ")));
}

ordered_json transform_from(const PackOptions& options) {
  auto steps = ordered_json::array();
  if (options.input_size)
    steps.push_back(
        {{"name", "Resize"}, {"arguments", {{"size", {*options.input_size, *options.input_size}}}}});
  steps.push_back({{"name", "ToTensor"}});
  steps.push_back(
      {{"name", "Normalize"},
       {"arguments",
        {{"mean", read_channels(options.mean, "mean")}, {"std", read_channels(options.std, "std")}}}});
  return steps;
}

/// Writes the weights into the folder and returns {architecture, arguments}.
std::pair<std::string, ordered_json> write_weights(const PackOptions& options, bool is_truncated,
                                                   const fs::path& folder) {
  const fs::path source(options.weights);
  if (!fs::is_regular_file(source)) {
    throw Error(ErrorCode::not_found, fmt::format("{} does not exist or is no file.", source.string()));
  }
  if (is_torchscript(source)) {
    fs::copy_file(source, folder / "model.pt");
    fs::permissions(folder / "model.pt", fs::perms::owner_write, fs::perm_options::add);
    return {"torchscript", ordered_json::object()};
  }
  auto state = source.extension() == ".safetensors" ? read_safetensors(source) : read_pth(source);
  const auto arguments = resnet_arguments_of(state, is_truncated);
  std::erase_if(state, [&](const auto& item) {
    return item.first.rfind("fc.", 0) == 0 || (is_truncated && item.first.rfind("layer4.", 0) == 0);
  });
  write_safetensors(folder / "model.safetensors", state);
  return {resnet_architecture(arguments), resnet_arguments_to_json(arguments)};
}

std::string short_card(const ordered_json& manifest) {
  return fmt::format(
      "# {}\n\n"
      "A patch encoder packed for Tessera. Tiles of {} x {} px at {} um/px.\n\n"
      "- Architecture: {}\n- Licence of the weights: {}\n- Training data, intended use and limitations: as "
      "the publisher of the "
      "weights states them.\n\nResearch use only, not for diagnosis.\n",
      manifest["name"].get<std::string>(), manifest["patch_size_pixels"].get<std::int64_t>(),
      manifest["patch_size_pixels"].get<std::int64_t>(), manifest["spacing_um_px"].get<double>(),
      manifest["architecture"].get<std::string>(), manifest["licence"].get<std::string>());
}

ordered_json make_manifest(const PackOptions& options, const std::optional<EncoderPreset>& preset) {
  const auto patch_size = options.patch_size ? *options.patch_size : preset ? preset->patch_size_pixels : 0;
  const auto mpp = options.mpp ? *options.mpp : preset ? preset->spacing_um_px : 0;
  if (patch_size == 0 || mpp == 0) {
    throw Error(ErrorCode::invalid_argument,
                "The tiles' side and scale are not known: give --patch-size and --mpp, or a --preset.");
  }
  auto name = options.name;
  if (name.empty()) name = preset ? std::string(preset->name) : fs::path(options.weights).stem().string();
  auto licence = options.licence;
  if (licence.empty()) licence = preset ? std::string(preset->licence) : "not stated";
  return {{"schema", "tessera.model/1"},
          {"name", name},
          {"task", "patch-encoder"},
          {"architecture", ""},
          {"architecture_arguments", ordered_json::object()},
          {"feature_dim", 0},
          {"patch_size_pixels", patch_size},
          {"spacing_um_px", mpp},
          {"mpp_tolerance", options.mpp_tolerance},
          {"transform", preset ? transform_of(*preset) : transform_from(options)},
          {"training_data", "as the publisher of the weights states it"},
          {"intended_use", "tile features for research; not for diagnosis"},
          {"limitations", "as the publisher of the weights states them"},
          {"licence", licence}};
}

void pack(const PackOptions& options, const fs::path& out_folder) {
  std::optional<EncoderPreset> preset;
  if (options.preset) preset = require_preset(*options.preset);
  auto manifest = make_manifest(options, preset);
  const auto card = options.card ? imaging::read_file(*options.card) : std::string();

  PackageFolder making(out_folder);
  const bool is_truncated = options.truncated || (preset && preset->name == "resnet50");
  std::tie(manifest["architecture"], manifest["architecture_arguments"]) =
      write_weights(options, is_truncated, making.path());
  imaging::write_file(making.path() / "README.md", card.empty() ? short_card(manifest) : card);

  auto unmeasured = manifest;
  unmeasured.erase("feature_dim");
  seal_package(making.path(), unmeasured);
  manifest["feature_dim"] = open_encoder(ModelPackage::open(making.path()), "cpu")->dim();
  if (preset && manifest["feature_dim"] != preset->dim) {
    throw Error(ErrorCode::incompatible,
                fmt::format("{} gives {} features, where the preset {} has {}.", options.weights,
                            manifest["feature_dim"].get<std::int64_t>(), preset->name, preset->dim));
  }
  seal_package(making.path(), manifest);
  making.publish();
}

}  // namespace

void pack_encoder(const PackOptions& options, const fs::path& out_folder) {
  imaging::check_options(options);
  try {
    pack(options, out_folder);
  } catch (const fs::filesystem_error& error) {
    throw Error(ErrorCode::io_error,
                fmt::format("Cannot write {}: {}.", out_folder.string(), error.code().message()));
  }
}

}  // namespace models
