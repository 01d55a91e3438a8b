#include "models/segmentation/segmentation_network.h"

#include <fmt/format.h>
#include <torch/types.h>

#include "imaging/base/error.h"
#include "models/adaptation/hooked_script.h"
#include "models/runtime/torch_errors.h"
#include "models/segmentation/network_input.h"
#include "models/segmentation/unet_module.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;
namespace fs = std::filesystem;

class UNetNetwork final : public SegmentationNetwork {
 public:
  UNetNetwork(const ModelPackage& package, const std::string& device)
      : name_(package.name()),
        facts_(segmenter_facts_of(package.manifest())),
        unet_(unet_arguments_from_json(package.manifest().at("architecture_arguments")), facts_.channels,
              facts_.output == SegmenterOutput::sigmoid
                  ? 1
                  : static_cast<std::int64_t>(facts_.class_names.size())) {
    load_network_state(*unet_, read_safetensors(package.file("model.safetensors")));
    unet_->to(torch::Device(device));
    unet_->eval();
  }

  [[nodiscard]] at::Tensor forward(const at::Tensor& x) override {
    return with_torch_errors(ErrorCode::incompatible, fmt::format("Segmenter {} fails", name_), [&] {
      return class_logits(unet_->forward(x), facts_, name_, x.size(2), x.size(3));
    });
  }
  [[nodiscard]] TensorMap state() const override { return network_state(*unet_); }
  [[nodiscard]] std::vector<at::Tensor> parameters() const override { return unet_->parameters(); }
  void write_weights(const fs::path& folder) const override {
    write_safetensors(folder / "model.safetensors", state());
  }
  [[nodiscard]] const SegmenterFacts& facts() const override { return facts_; }

 private:
  std::string name_;
  SegmenterFacts facts_;
  mutable UNet unet_;
};

class ScriptNetwork final : public SegmentationNetwork {
 public:
  ScriptNetwork(const ModelPackage& package, const std::string& device)
      : name_(package.name()),
        facts_(segmenter_facts_of(package.manifest())),
        script_(package.file("model.pt"), device) {}

  [[nodiscard]] at::Tensor forward(const at::Tensor& x) override {
    return with_torch_errors(ErrorCode::incompatible, fmt::format("Segmenter {} fails", name_), [&] {
      return class_logits(script_.forward(x), facts_, name_, x.size(2), x.size(3));
    });
  }
  [[nodiscard]] TensorMap state() const override { return script_.state(); }
  [[nodiscard]] std::vector<at::Tensor> parameters() const override { return script_.parameters(); }
  void write_weights(const fs::path& folder) const override { script_.save(folder / "model.pt"); }
  [[nodiscard]] const SegmenterFacts& facts() const override { return facts_; }

 private:
  std::string name_;
  SegmenterFacts facts_;
  HookedScript script_;
};

}  // namespace

std::unique_ptr<SegmentationNetwork> open_segmentation_network(const ModelPackage& package,
                                                               const std::string& device) {
  if (package.task() != "segmentation") {
    throw Error(ErrorCode::incompatible, fmt::format("Package {} is for the task '{}', not a segmentation.",
                                                     package.path().string(), package.task()));
  }
  if (package.architecture() == "unet") return std::make_unique<UNetNetwork>(package, device);
  if (package.architecture() == "torchscript") return std::make_unique<ScriptNetwork>(package, device);
  throw Error(
      ErrorCode::incompatible,
      fmt::format("Segmenter {}: the architecture '{}' is not built in; known are unet and torchscript.",
                  package.name(), package.architecture()));
}

}  // namespace models
