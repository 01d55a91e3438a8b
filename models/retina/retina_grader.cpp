#include "models/retina/retina_grader.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "imaging/base/error.h"
#include "models/retina/fundus_transform.h"
#include "models/retina/grader_network_module.h"
#include "models/runtime/tensor_bridge.h"
#include "models/runtime/torch_errors.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using nlohmann::ordered_json;

constexpr std::size_t kGradingBatch = 8;     // photographs that go through the network together
constexpr std::int64_t kOcclusionBatch = 4;  // places hidden at once

std::vector<double> doubles_of(const torch::Tensor& values) {
  const auto plain = values.to(torch::kCPU, torch::kDouble).contiguous();
  return {plain.data_ptr<double>(), plain.data_ptr<double>() + plain.numel()};
}

imaging::ImageF image_from_map(const torch::Tensor& map) {
  const auto plain = map.to(torch::kCPU, torch::kFloat32).contiguous();
  imaging::ImageF image(plain.size(1), plain.size(0), 1);
  std::copy_n(plain.data_ptr<float>(), plain.numel(), image.data());
  return image;
}

/// [1, 1, S, S] uint8.
torch::Tensor mask_tensor(const imaging::Image8& mask) {
  return torch::from_blob(const_cast<std::uint8_t*>(mask.data()), {1, 1, mask.height(), mask.width()},
                          torch::kUInt8)
      .clone();
}

/// A number above 0 of the manifest, `usual` where it is not stated.
double positive_number(const ModelPackage& package, const ordered_json& object, const char* key,
                       double usual) {
  if (!object.is_object() || !object.contains(key) || object[key].is_null()) return usual;
  if (!object[key].is_number() || !(object[key].get<double>() > 0)) {
    throw Error(ErrorCode::corrupt_data, fmt::format("Package {}: {} is {}, not a number above 0.",
                                                     package.name(), key, object[key].dump()));
  }
  return object[key].get<double>();
}

class NetworkGrader final : public RetinaGrader {
  // Before its uses: its result is deduced.
  template <typename Body>
  auto guarded(Body&& body) {
    return with_torch_errors(ErrorCode::incompatible, fmt::format("Grader {} fails", name_),
                             std::forward<Body>(body));
  }

 public:
  NetworkGrader(const ModelPackage& package, const std::string& device)
      : name_(package.name()),
        device_(device),
        transform_(package.manifest().at("transform")),
        network_(grader_arguments_from_json(
            package.architecture(),
            package.manifest().value("architecture_arguments", ordered_json::object()))),
        class_names_(package.class_names()) {
    const auto& manifest = package.manifest();
    const auto& arguments = network_->arguments();
    if (static_cast<std::int64_t>(class_names_.size()) != arguments.grade_count) {
      throw Error(ErrorCode::incompatible,
                  fmt::format("{} class names for {} outputs.", class_names_.size(), arguments.grade_count));
    }
    const auto calibration = manifest.value("calibration", ordered_json::object());
    temperature_ = positive_number(package, calibration, "temperature", 1);
    oedema_temperature_ = positive_number(package, calibration, "oedema_temperature", 1);
    threshold_ = positive_number(package, manifest, "referable_threshold", 0.5);
    has_flips_ = manifest.value("test_time_views", std::string("plain")) == "flips";
    network_->load(read_safetensors(package.file("model.safetensors")));
    network_->to(device_);
    network_->prepare_for_inference();
    for (auto& parameter : network_->parameters()) parameter.set_requires_grad(false);
    if (manifest.at("sha256").contains(kFeatureCloudFile))
      cloud_ = FeatureCloud::read(package.file(kFeatureCloudFile), arguments.feature_dim());
  }

  [[nodiscard]] std::int64_t crop_size() const override { return transform_.crop_size(); }
  [[nodiscard]] const std::vector<std::string>& class_names() const override { return class_names_; }
  [[nodiscard]] bool has_oedema() const override { return network_->arguments().oedema_count > 0; }
  [[nodiscard]] double referable_threshold() const override { return threshold_; }
  [[nodiscard]] std::int64_t feature_dim() const override { return network_->arguments().feature_dim(); }

  [[nodiscard]] std::vector<RetinaGrade> grade(std::span<const FieldPicture> pictures) override {
    for (const auto& picture : pictures) check(picture);
    const std::size_t most = network_->is_onednn() ? kGradingBatch : 1;
    std::vector<RetinaGrade> grades;
    for (std::size_t begin = 0; begin < pictures.size(); begin += most) {
      const auto batch = pictures.subspan(begin, std::min(most, pictures.size() - begin));
      guarded([&] { grade_batch(batch, grades); });
    }
    return grades;
  }

  [[nodiscard]] EvidenceMap evidence(const FieldPicture& picture,
                                     std::optional<std::int64_t> class_index) override {
    check(picture);
    check(class_index);
    return guarded([&] {
      const auto mask = mask_tensor(picture.mask);
      auto map = map_of(input_of(tensor_from_images({&picture.image, 1}), mask)).detach();
      map.set_requires_grad(true);
      const auto logits = network_->heads(network_->pool(map)).grades[0];
      const auto index = class_index.value_or(logits.argmax().item<std::int64_t>());
      const auto gradient = torch::autograd::grad({logits[index]}, {map})[0];
      const torch::NoGradGuard no_grad;
      const auto box = transform_.seen();
      const auto start = std::lround(box.x), side = std::lround(box.width);
      const auto share = torch::adaptive_avg_pool2d(
          (mask > 127).to(torch::kFloat32).slice(2, start, start + side).slice(3, start, start + side),
          {map.size(2), map.size(3)});
      const auto values = (map * gradient).sum(1)[0].relu().to(torch::kCPU) * share[0][0];
      return EvidenceMap{image_from_map(values), box, index};
    });
  }

  [[nodiscard]] EvidenceMap occlusion(const FieldPicture& picture, const OcclusionOptions& options,
                                      const imaging::JobContext& job,
                                      std::optional<std::int64_t> class_index) override {
    imaging::check_options(options);
    check(picture);
    check(class_index);
    return guarded([&] { return occlude(picture, options, job, class_index); });
  }

 private:
  void check(const FieldPicture& picture) const {
    const auto side = crop_size();
    const auto fits = [&](const imaging::Image8& image, int channels) {
      return image.width() == side && image.height() == side && image.channels() == channels;
    };
    if (!fits(picture.image, 3) || !fits(picture.mask, 1)) {
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("Grader {} takes RGB pictures and masks of {} x {} px, not {} x {} x {} and {} x {}.",
                      name_, side, side, picture.image.width(), picture.image.height(),
                      picture.image.channels(), picture.mask.width(), picture.mask.height()));
    }
  }

  void check(std::optional<std::int64_t> class_index) const {
    const auto count = network_->arguments().grade_count;
    if (class_index && (*class_index < 0 || *class_index >= count)) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("Class {} is outside 0 to {}.", *class_index, count - 1));
    }
  }

  [[nodiscard]] torch::Tensor input_of(const torch::Tensor& pictures, const torch::Tensor& masks) const {
    return transform_.apply(pictures.to(device_), masks.to(device_));
  }

  [[nodiscard]] torch::Tensor map_of(const torch::Tensor& input) {
    const torch::NoGradGuard no_grad;
    return network_->forward_map(input);
  }

  /// What the heads say, double, mean over the views, and the features of the first view [B, D]. Pictures and
  /// views pass the convolutions together; what follows goes row by row, so that the company changes no bit.
  std::pair<GraderLogits, torch::Tensor> outputs_of(const torch::Tensor& input) {
    const torch::NoGradGuard no_grad;
    const auto map = map_of(has_flips_ ? torch::cat({input, input.flip({3})}) : input);
    const auto pooled_row = [&](std::int64_t row) { return network_->pool(map.slice(0, row, row + 1)); };
    std::vector<torch::Tensor> grades, oedema, features;
    for (std::int64_t i = 0; i < input.size(0); ++i) {
      features.push_back(pooled_row(i));
      auto logits = network_->heads(features.back());
      if (has_flips_) {
        const auto mirrored = network_->heads(pooled_row(input.size(0) + i));
        logits.grades = (logits.grades + mirrored.grades) / 2;
        if (logits.oedema.defined()) logits.oedema = (logits.oedema + mirrored.oedema) / 2;
      }
      grades.push_back(logits.grades.to(torch::kDouble));
      if (logits.oedema.defined()) oedema.push_back(logits.oedema.to(torch::kDouble));
    }
    return {{torch::cat(grades), oedema.empty() ? torch::Tensor() : torch::cat(oedema)},
            torch::cat(features)};
  }

  void grade_batch(std::span<const FieldPicture> pictures, std::vector<RetinaGrade>& grades) {
    std::vector<torch::Tensor> inputs;
    for (const auto& picture : pictures)
      inputs.push_back(input_of(tensor_from_images({&picture.image, 1}), mask_tensor(picture.mask)));
    const auto [logits, features] = outputs_of(torch::cat(inputs));
    if (!logits.grades.isfinite().all().item<bool>())
      throw Error(ErrorCode::incompatible, fmt::format("Grader {} gives NaN or infinite logits.", name_));
    for (std::int64_t i = 0; i < std::ssize(pictures); ++i) {
      RetinaGrade grade;
      grade.logits = doubles_of(logits.grades[i]);
      grade.probabilities = doubles_of((logits.grades[i] / temperature_).softmax(0));
      const auto likeliest = std::max_element(grade.probabilities.begin(), grade.probabilities.end());
      grade.grade = likeliest - grade.probabilities.begin();
      grade.confidence = *likeliest;
      for (std::size_t k = 0; k < grade.probabilities.size(); ++k) {
        if (k >= 2) grade.referable_score += grade.probabilities[k];
        grade.expected_grade += static_cast<double>(k) * grade.probabilities[k];
      }
      if (logits.oedema.defined())
        grade.oedema_probabilities = doubles_of((logits.oedema[i] / oedema_temperature_).softmax(0));
      const auto row = doubles_of(features[i]);
      grade.features.assign(row.begin(), row.end());
      if (cloud_) grade.out_of_distribution = cloud_->score(row);
      grades.push_back(std::move(grade));
    }
  }

  EvidenceMap occlude(const FieldPicture& picture, const OcclusionOptions& options,
                      const imaging::JobContext& job, std::optional<std::int64_t> class_index) {
    const torch::NoGradGuard no_grad;
    const auto plain = tensor_from_images({&picture.image, 1});
    const auto mask = mask_tensor(picture.mask);
    const auto log_probabilities = [&](const torch::Tensor& pictures) {
      const auto masks = mask.expand({pictures.size(0), 1, pictures.size(2), pictures.size(3)});
      return (outputs_of(input_of(pictures, masks)).first.grades / temperature_).log_softmax(1);
    };
    const auto whole = log_probabilities(plain)[0];
    const auto index = class_index.value_or(whole.argmax().item<std::int64_t>());
    const auto before = whole[index].item<double>();

    const auto side = crop_size(), grid = options.grid;
    const double step = static_cast<double>(side) / static_cast<double>(grid);
    const double radius = options.width * step / 2;
    // The surroundings' colours within the field: a wide box over the picture over the same box of the mask.
    const auto window = 2 * std::lround(radius * 2) + 1;
    const auto blur = [&](const torch::Tensor& x) {
      return torch::avg_pool2d(x, {window, window}, {1, 1}, {window / 2, window / 2}, false, true);
    };
    const auto field = (mask > 127).to(torch::kFloat32);
    const auto sharp = plain.to(torch::kFloat32);
    const auto cover = blur(sharp * field) / blur(field).clamp_min(1e-3F) * field;
    const auto axis = torch::arange(side, torch::kFloat32) + 0.5F;

    auto drops = torch::zeros({grid, grid}, torch::kFloat64);
    auto weights = torch::zeros({grid, grid}, torch::kFloat64);
    std::vector<std::pair<std::int64_t, std::int64_t>> places;
    const auto share = torch::adaptive_avg_pool2d(field, {grid, grid})[0][0];
    for (std::int64_t row = 0; row < grid; ++row) {
      for (std::int64_t column = 0; column < grid; ++column) {
        if (share[row][column].item<float>() > 0.1F) places.emplace_back(row, column);
      }
    }
    const auto total = static_cast<std::int64_t>(places.size());
    for (std::int64_t begin = 0; begin < total; begin += kOcclusionBatch) {
      job.checkpoint("occlusion", begin, total);
      const auto end = std::min(begin + kOcclusionBatch, total);
      std::vector<torch::Tensor> hidden;
      for (auto i = begin; i < end; ++i) {
        const auto [row, column] = places[static_cast<std::size_t>(i)];
        const auto y = (axis - (static_cast<double>(row) + 0.5) * step).square().unsqueeze(1);
        const auto x = (axis - (static_cast<double>(column) + 0.5) * step).square().unsqueeze(0);
        // 1 inside, falling to 0 over the outer quarter of the radius.
        const auto disc = ((radius - (y + x).sqrt()) / (radius / 4)).clamp(0, 1);
        hidden.push_back((sharp + (cover - sharp) * disc).round().to(torch::kUInt8));
      }
      const auto after = log_probabilities(torch::cat(hidden)).select(1, index).to(torch::kCPU);
      for (auto i = begin; i < end; ++i) {
        const auto [row, column] = places[static_cast<std::size_t>(i)];
        drops[row][column] = before - after[i - begin].item<double>();
        weights[row][column] = 1;
      }
    }
    job.checkpoint("occlusion", total, total);
    const auto smooth = [](const torch::Tensor& x) {
      return torch::avg_pool2d(x.view({1, 1, x.size(0), x.size(1)}), {3, 3}, {1, 1}, {1, 1}, false,
                               true)[0][0];
    };
    const auto values = smooth(drops).div(smooth(weights).clamp_min(1e-9)).mul(weights).relu();
    return {image_from_map(values), {0, 0, static_cast<double>(side), static_cast<double>(side)}, index};
  }

  std::string name_;
  torch::Device device_;
  FundusTransform transform_;
  GraderNetwork network_;
  std::vector<std::string> class_names_;
  double temperature_ = 1, oedema_temperature_ = 1, threshold_ = 0.5;
  bool has_flips_ = false;
  std::optional<FeatureCloud> cloud_;
};

}  // namespace

std::unique_ptr<RetinaGrader> open_retina_grader(const ModelPackage& package, const std::string& device) {
  if (package.task() != "fundus-grading") {
    throw Error(ErrorCode::incompatible,
                fmt::format("Package {} is for the task {}; a fundus grader is needed.", package.name(),
                            package.task()));
  }
  if (!package.manifest().contains("transform")) {
    throw Error(ErrorCode::incompatible,
                fmt::format("Package {}: manifest.json has no transform.", package.name()));
  }
  try {
    return with_torch_errors(ErrorCode::incompatible, fmt::format("it cannot run on {}", device),
                             [&] { return std::make_unique<NetworkGrader>(package, device); });
  } catch (const Error& error) {
    if (error.code() != ErrorCode::incompatible) throw;
    throw Error(ErrorCode::incompatible, fmt::format("Package {}: {}", package.name(), error.what()));
  }
}

}  // namespace models
