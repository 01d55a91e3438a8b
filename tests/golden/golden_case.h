#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace at {
class Tensor;
}

namespace golden {

/// A value passes if |got - want| <= absolute + relative * |want|.
struct Tolerance {
  double absolute = 1e-5;
  double relative = 1e-5;
  [[nodiscard]] Tolerance times(double factor) const { return {absolute * factor, relative * factor}; }
};

/// The tensors of one case folder, and the judge of what is computed from them.
class GoldenCase {
 public:
  explicit GoldenCase(std::filesystem::path folder) : folder_(std::move(folder)) {}

  [[nodiscard]] std::string name() const { return folder_.filename().string(); }
  /// The family's folder.
  [[nodiscard]] std::filesystem::path root() const { return folder_.parent_path(); }
  [[nodiscard]] bool has(const std::string& tensor) const;
  /// @throws imaging::Error `not_found`, `corrupt_data`.
  [[nodiscard]] at::Tensor load(const std::string& tensor) const;
  [[nodiscard]] double number(const std::string& tensor) const;
  [[nodiscard]] std::vector<std::int64_t> integers(const std::string& tensor) const;
  /// Every tensor whose name starts with `prefix`, by the rest of its name.
  [[nodiscard]] std::map<std::string, at::Tensor> load_all(const std::string& prefix) const;

  /// Compares with the stored tensor of this name; shapes may differ in axes of 1.
  void expect_close(const std::string& tensor, const at::Tensor& got, Tolerance tolerance);
  void expect_close(const std::string& what, const at::Tensor& got, const at::Tensor& want,
                    Tolerance tolerance);
  void expect_equal(const std::string& what, const std::vector<std::int64_t>& got,
                    const std::vector<std::int64_t>& want);

  [[nodiscard]] double largest_error() const { return largest_error_; }
  /// What did not pass; empty where all did.
  [[nodiscard]] const std::vector<std::string>& failures() const { return failures_; }

 private:
  std::filesystem::path folder_;
  double largest_error_ = 0;
  std::vector<std::string> failures_;
};

using Check = void (*)(GoldenCase&);
using CheckTable = std::map<std::string, Check>;

/// One table per family: kind to checker.
[[nodiscard]] const CheckTable& mil_checks();
[[nodiscard]] const CheckTable& retina_checks();
[[nodiscard]] const CheckTable& segmentation_checks();

}  // namespace golden
