#include "mil/aggregators/bag_classifier.h"

#include <fmt/format.h>
#include <torch/types.h>

#include "imaging/base/error.h"
#include "mil/aggregators/aggregator_module.h"
#include "mil/aggregators/aggregator_table.h"
#include "mil/aggregators/module_weights.h"
#include "mil/bags/bag_tensor.h"
#include "mil/explain/out_of_distribution.h"
#include "models/runtime/torch_errors.h"

namespace mil {
namespace {

using imaging::Error;
using imaging::ErrorCode;

std::vector<double> doubles_of(const at::Tensor& values) {
  const auto plain = values.to(at::kCPU, at::kDouble).contiguous();
  return {plain.data_ptr<double>(), plain.data_ptr<double>() + plain.numel()};
}

class AggregatorClassifier : public BagClassifier {
 public:
  AggregatorClassifier(std::shared_ptr<AggregatorModule> module, std::vector<std::string> class_names,
                       std::int64_t dim, std::string encoder_sha256, double temperature,
                       std::optional<FeatureCloud> cloud)
      : module_(std::move(module)),
        class_names_(std::move(class_names)),
        dim_(dim),
        encoder_sha256_(std::move(encoder_sha256)),
        temperature_(temperature),
        cloud_(std::move(cloud)) {}

  [[nodiscard]] std::int64_t dim() const override { return dim_; }
  [[nodiscard]] std::string encoder_sha256() const override { return encoder_sha256_; }

  [[nodiscard]] SlidePrediction predict(const Bag& bag) override {
    if (bag.count < 1) {
      throw Error(ErrorCode::insufficient_data,
                  fmt::format("Bag {} holds no tiles; there is nothing to classify.", bag.id));
    }
    if (bag.dim != dim_) {
      throw Error(ErrorCode::incompatible,
                  fmt::format("Bag {} has {} features per tile; the classifier takes {}: "
                              "encode the slide with the encoder the classifier names.",
                              bag.id, bag.dim, dim_));
    }
    check_bag(bag);
    const auto output =
        models::with_torch_errors(ErrorCode::internal, fmt::format("Bag {} cannot be classified", bag.id),
                                  [&] { return module_->infer(wrap_features(bag)); });
    SlidePrediction prediction;
    prediction.class_names = class_names_;
    const auto logits = module_->decision_logits(output);
    prediction.logits = doubles_of(logits);
    prediction.probabilities = doubles_of((logits.to(at::kDouble) / temperature_).softmax(0));
    prediction.tile_scores.kind = module_->score_kind();
    prediction.tile_scores.names =
        output.scores.size(1) == 1 ? std::vector<std::string>{"attention"} : class_names_;
    const auto scores = output.scores.to(at::kCPU).contiguous();
    prediction.tile_scores.values.assign(scores.data_ptr<float>(), scores.data_ptr<float>() + scores.numel());
    if (cloud_) prediction.out_of_distribution = cloud_->score(bag);
    return prediction;
  }

 private:
  std::shared_ptr<AggregatorModule> module_;
  std::vector<std::string> class_names_;
  std::int64_t dim_;
  std::string encoder_sha256_;
  double temperature_;
  std::optional<FeatureCloud> cloud_;
};

double temperature_of(const models::ModelPackage& package) {
  const auto calibration = package.manifest().find("calibration");
  if (calibration == package.manifest().end() || !calibration->is_object() ||
      !calibration->contains("temperature")) {
    return 1.0;
  }
  const auto& value = calibration->at("temperature");
  if (!value.is_number() || !(value.get<double>() > 0)) {
    throw Error(ErrorCode::corrupt_data,
                fmt::format("Package {}: calibration.temperature is {}, not a number above 0.",
                            package.name(), value.dump()));
  }
  return value.get<double>();
}

std::optional<FeatureCloud> cloud_of(const models::ModelPackage& package, std::int64_t dim) {
  if (!package.manifest().at("sha256").contains(kFeatureCloudFile)) return std::nullopt;
  return FeatureCloud::read(package.file(kFeatureCloudFile), dim);
}

nlohmann::json arguments_of(const models::ModelPackage& package) {
  const auto found = package.manifest().find("architecture_arguments");
  if (found == package.manifest().end() || !found->is_object()) {
    throw Error(
        ErrorCode::incompatible,
        fmt::format("Package {}: manifest.json has no object architecture_arguments.", package.name()));
  }
  return nlohmann::json(*found);
}

}  // namespace

std::unique_ptr<BagClassifier> open_classifier(const models::ModelPackage& package,
                                               const std::string& device) {
  if (package.task() != "slide-classification") {
    throw Error(ErrorCode::incompatible,
                fmt::format("Package {} is for the task {}; a slide classifier is needed.", package.name(),
                            package.task()));
  }
  const auto arguments = arguments_of(package);
  try {
    auto module = make_aggregator(package.architecture(), arguments);
    load_weights(*module, models::read_safetensors(package.file("model.safetensors")));
    module->eval();
    models::with_torch_errors(ErrorCode::incompatible, fmt::format("it cannot run on {}", device),
                              [&] { module->to(torch::Device(device)); });
    auto class_names = package.class_names();
    const auto classes = arguments.value("class_count", std::int64_t{0});
    if (static_cast<std::int64_t>(class_names.size()) != classes) {
      throw Error(ErrorCode::incompatible,
                  fmt::format("{} class names for {} outputs.", class_names.size(), classes));
    }
    const auto& input = package.manifest()["input_bag"];
    const auto stated = input["dim"].get<std::int64_t>();
    if (stated != arguments.value("input_dim", std::int64_t{0})) {
      throw Error(ErrorCode::incompatible,
                  fmt::format("its input_bag has features of {} numbers, its network takes {}; get it again.",
                              stated, arguments.value("input_dim", std::int64_t{0})));
    }
    return std::make_unique<AggregatorClassifier>(std::move(module), std::move(class_names), stated,
                                                  input.value("encoder_sha256", ""), temperature_of(package),
                                                  cloud_of(package, stated));
  } catch (const Error& error) {
    if (error.code() == ErrorCode::corrupt_data || error.code() == ErrorCode::not_found) throw;
    throw Error(ErrorCode::incompatible, fmt::format("Package {}: {}", package.name(), error.what()));
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorCode::incompatible, fmt::format("Package {}: {}.", package.name(), error.what()));
  }
}

}  // namespace mil
