#include "tests/golden/hash_fill.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <sstream>

#include "imaging/base/csv.h"
#include "imaging/base/error.h"

namespace golden {
namespace {

std::vector<std::int64_t> parse_shape(const std::string& text) {
  std::vector<std::int64_t> shape;
  std::stringstream parts(text);
  for (std::string part; std::getline(parts, part, 'x');) shape.push_back(std::stoll(part));
  return shape;
}

}  // namespace

at::Tensor hash_fill(const std::vector<std::int64_t>& shape, std::uint32_t seed, double scale,
                     double offset) {
  auto tensor = at::empty(shape, at::kFloat);
  auto* values = tensor.data_ptr<float>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i) {
    std::uint32_t u = static_cast<std::uint32_t>(i) * 2654435761U + seed * 2246822519U + 374761393U;
    u ^= u >> 15;
    u *= 2246822519U;
    u ^= u >> 13;
    u *= 3266489917U;
    u ^= u >> 16;
    values[i] = static_cast<float>(scale * (2.0 * (u >> 8) / 16777216.0 - 1.0)) + static_cast<float>(offset);
  }
  return tensor;
}

std::map<std::string, at::Tensor> hash_filled_weights(const std::filesystem::path& table,
                                                      const std::string& case_name) {
  const auto csv = imaging::read_csv_with_header(table);
  std::map<std::string, at::Tensor> weights;
  for (const auto& row : csv.rows) {
    if (row.size() < 6 || row[0] != case_name) continue;
    weights[row[1]] = hash_fill(parse_shape(row[2]), static_cast<std::uint32_t>(std::stoul(row[3])),
                                std::stod(row[4]), std::stod(row[5]));
  }
  if (weights.empty()) {
    throw imaging::Error(imaging::ErrorCode::not_found,
                         fmt::format("{}: no rows for the case {}.", table.string(), case_name));
  }
  return weights;
}

}  // namespace golden
