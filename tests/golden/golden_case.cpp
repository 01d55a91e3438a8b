#include "tests/golden/golden_case.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <algorithm>
#include <limits>

#include "tests/golden/npy.h"

namespace golden {
namespace fs = std::filesystem;

bool GoldenCase::has(const std::string& tensor) const {
  return fs::exists(folder_ / (tensor + ".npy"));
}

at::Tensor GoldenCase::load(const std::string& tensor) const {
  return read_npy(folder_ / (tensor + ".npy"));
}

double GoldenCase::number(const std::string& tensor) const {
  return load(tensor).item<double>();
}

std::vector<std::int64_t> GoldenCase::integers(const std::string& tensor) const {
  const auto values = load(tensor).to(at::kLong).contiguous();
  return {values.data_ptr<std::int64_t>(), values.data_ptr<std::int64_t>() + values.numel()};
}

std::map<std::string, at::Tensor> GoldenCase::load_all(const std::string& prefix) const {
  std::map<std::string, at::Tensor> found;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    const auto name = entry.path().stem().string();
    if (entry.path().extension() == ".npy" && name.starts_with(prefix))
      found[name.substr(prefix.size())] = load(name);
  }
  return found;
}

void GoldenCase::expect_close(const std::string& tensor, const at::Tensor& got, Tolerance tolerance) {
  expect_close(tensor, got, load(tensor), tolerance);
}

void GoldenCase::expect_close(const std::string& what, const at::Tensor& got, const at::Tensor& want,
                              Tolerance tolerance) {
  const auto x = got.detach().squeeze().to(at::kDouble);
  const auto y = want.squeeze().to(at::kDouble);
  if (x.sizes() != y.sizes()) {
    largest_error_ = std::numeric_limits<double>::infinity();
    failures_.push_back(fmt::format("{}: another shape", what));
    return;
  }
  if (x.numel() == 0) return;
  const auto error = (x - y).abs();
  const double largest = error.max().item<double>();
  // A NaN stays: max of NaN compares false.
  largest_error_ = largest <= largest_error_ ? largest_error_ : largest;
  if (!(error <= tolerance.absolute + tolerance.relative * y.abs()).all().item<bool>()) {
    failures_.push_back(fmt::format("{}: error {:.3g}", what, largest));
  }
}

void GoldenCase::expect_equal(const std::string& what, const std::vector<std::int64_t>& got,
                              const std::vector<std::int64_t>& want) {
  if (got == want) return;
  largest_error_ = std::max(largest_error_, 1.0);
  failures_.push_back(fmt::format("{}: {} values that are not the {} wanted", what, got.size(), want.size()));
}

}  // namespace golden
