#include "models/retina/grader_package.h"

#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "models/retina/grader_network_module.h"
#include "models/runtime/model_package.h"
#include "models/runtime/package_folder.h"

namespace models {
namespace {

TensorMap halved(const TensorMap& weights) {
  TensorMap half;
  for (const auto& [name, tensor] : weights) half[name] = tensor.to(torch::kFloat16);
  return half;
}

nlohmann::ordered_json make_manifest(const GraderPackage& package) {
  nlohmann::ordered_json manifest{{"schema", "tessera.model/1"},
                                  {"name", package.name},
                                  {"task", "fundus-grading"},
                                  {"architecture", package.arguments.architecture},
                                  {"architecture_arguments", grader_arguments_to_json(package.arguments)},
                                  {"class_names", fundus_grade_names()},
                                  {"transform", package.transform},
                                  {"test_time_views", package.test_time_views},
                                  {"referable_threshold", package.referable_threshold},
                                  {"calibration", package.calibration},
                                  {"abstention", package.abstention}};
  if (package.arguments.oedema_count > 0) manifest["oedema_names"] = oedema_names();
  manifest.update(package.facts);
  return manifest;
}

}  // namespace

const std::vector<std::string>& fundus_grade_names() {
  static const std::vector<std::string> names{"nodr", "mild_npdr", "moderate_npdr", "severe_npdr", "pdr"};
  return names;
}

const std::vector<std::string>& oedema_names() {
  static const std::vector<std::string> names{"no_risk", "moderate_risk", "high_risk"};
  return names;
}

void write_grader_package(const std::filesystem::path& folder, const GraderPackage& package, bool is_half) {
  PackageFolder target(folder);
  const auto& making = target.path();
  write_safetensors(making / "model.safetensors", is_half ? halved(*package.weights) : *package.weights);
  if (package.cloud) package.cloud->write(making / kFeatureCloudFile);
  imaging::write_file(making / "README.md", package.card);
  seal_package(making, make_manifest(package));
  target.publish();
}

TensorMap initial_grader_weights(const GraderArguments& arguments, std::uint64_t seed) {
  torch::manual_seed(seed);
  return GraderNetwork(arguments)->state();
}

}  // namespace models
