#include "models/adaptation/mixed_norm.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>

namespace models {
namespace {

/// y = scale (x - mean) / sqrt(variance + epsilon) + shift with mean = (1 - w) source + w batch, and so the
/// variance.
class MixedNormFunction : public torch::autograd::Function<MixedNormFunction> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& scale, const at::Tensor& shift, const at::Tensor& batch_mean,
                            const at::Tensor& mean, const at::Tensor& variance, double epsilon, double weight,
                            bool is_unbiased) {
    context->save_for_backward({x, scale, batch_mean, mean, variance});
    context->saved_data["epsilon"] = epsilon;
    context->saved_data["weight"] = weight;
    context->saved_data["is_unbiased"] = is_unbiased;
    return at::batch_norm(x, scale, shift, mean, variance, /*training=*/false, /*momentum=*/0, epsilon,
                          /*cudnn_enabled=*/false);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto& x = saved[0];
    const auto& scale = saved[1];
    const auto& batch_mean = saved[2];
    const auto& mean = saved[3];
    const auto& variance = saved[4];
    const double epsilon = context->saved_data["epsilon"].toDouble();
    const double weight = context->saved_data["weight"].toDouble();
    const at::NoGradGuard no_grad;
    auto [through, scale_gradient, shift_gradient] =
        at::native_batch_norm_backward(gradients[0].contiguous(), x, scale, mean, variance, {}, {},
                                       /*train=*/false, epsilon, {true, true, true});
    if (weight > 0) {
      // x moves the batch's mean and variance too.
      const auto count = static_cast<double>(x.numel() / x.size(1));
      const double degrees = context->saved_data["is_unbiased"].toBool() ? count - 1 : count;
      const auto power = variance + epsilon;
      const auto mean_gradient = -scale * power.rsqrt() * shift_gradient * (weight / count);
      const auto slope = -scale * scale_gradient / power * (weight / degrees);  // 2 / N times -1 / 2
      const auto over_pixels = [](const at::Tensor& values) { return values.view({1, -1, 1, 1}); };
      through.addcmul_(x, over_pixels(slope)).add_(over_pixels(mean_gradient - slope * batch_mean));
    }
    return {through, scale_gradient, shift_gradient, {}, {}, {}, {}, {}, {}};
  }
};

}  // namespace

MixedNorm mixed_normalise(const at::Tensor& x, const ChannelStatistics& source, const at::Tensor& scale,
                          const at::Tensor& shift, double epsilon, double target_weight, bool is_unbiased) {
  MixedNorm result;
  {
    const at::NoGradGuard no_grad;
    result.batch = batch_statistics(x, is_unbiased);
    result.statistics = mixed_statistics(source, result.batch, target_weight);
  }
  result.y = MixedNormFunction::apply(x.contiguous(), scale, shift, result.batch.mean, result.statistics.mean,
                                      result.statistics.variance, epsilon, target_weight, is_unbiased);
  return result;
}

}  // namespace models
