#include "models/runtime/safetensors.h"

#include <torch/types.h>

#include <cstring>
#include <random>

#include "imaging/base/files.h"
#include "tests/support/test_support.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;

std::string with_length(const std::string& header, std::uint64_t length, std::size_t data_bytes) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + std::string(data_bytes, '\x01');
}

std::string file_of(const std::string& header, std::size_t data_bytes) {
  return with_length(header, header.size(), data_bytes);
}

void expect_refused(const std::string& bytes, const std::string& what) {
  const support::TemporaryFolder folder;
  imaging::write_file(folder / "x.safetensors", bytes);
  EXPECT_THAT([&] { (void)read_safetensors(folder / "x.safetensors"); },
              testing::Throws<Error>(support::HasCode(ErrorCode::corrupt_data)))
      << what;
}

TEST(SafetensorsTest, ReadsBackEveryTypeAndShape) {
  const support::TemporaryFolder folder;
  TensorMap tensors;
  for (const auto dtype : {torch::kFloat64, torch::kFloat32, torch::kFloat16, torch::kBFloat16, torch::kInt64,
                           torch::kInt32, torch::kInt16, torch::kInt8, torch::kUInt8, torch::kBool}) {
    tensors[std::string("t.") + c10::toString(dtype)] = torch::arange(6).reshape({2, 3}).to(dtype);
  }
  tensors["scalar"] = torch::tensor(2.5F);
  tensors["empty"] = torch::empty({0, 4});
  tensors["strided"] = torch::arange(12, torch::kFloat32).reshape({3, 4}).t();

  write_safetensors(folder / "a.safetensors", tensors, {{"made_by", "test"}});
  const auto found = read_safetensors(folder / "a.safetensors");

  ASSERT_EQ(found.size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    ASSERT_TRUE(found.contains(name));
    EXPECT_EQ(found.at(name).dtype(), tensor.dtype()) << name;
    EXPECT_TRUE(found.at(name).equal(tensor)) << name;
  }
}

TEST(SafetensorsTest, WritesTheSameBytesForTheSameTensors) {
  const support::TemporaryFolder folder;
  const TensorMap tensors{{"b", torch::ones({3})}, {"a", torch::zeros({2, 2})}};
  write_safetensors(folder / "1.safetensors", tensors);
  write_safetensors(folder / "2.safetensors", tensors);
  const auto bytes = imaging::read_file(folder / "1.safetensors");
  EXPECT_EQ(bytes, imaging::read_file(folder / "2.safetensors"));
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), 8);
  EXPECT_EQ(header_bytes % 8, 0U);
  EXPECT_EQ(bytes.size(), 8 + header_bytes + 7 * 4);
}

TEST(SafetensorsTest, RefusesHostileHeaders) {
  const std::string good = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  expect_refused("", "empty file");
  expect_refused("1234567", "shorter than the length");
  expect_refused(with_length(good, good.size() + 100, 8), "header longer than the file");
  expect_refused(with_length(good, ~0ULL, 8), "length of all ones");
  expect_refused(with_length(good, 200'000'000, 8), "header above the limit");
  expect_refused(file_of("[]", 0), "an array");
  expect_refused(file_of("{", 0), "not JSON");
  expect_refused(file_of(std::string(100'000, '['), 0), "deep arrays");
  expect_refused(file_of(R"({"a":)" + std::string(100'000, '['), 0), "deep arrays inside");
  expect_refused(file_of(R"({"a":1})", 0), "no description");
  expect_refused(file_of(good, 4), "range beyond the file");
  const auto entry = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return R"({"a":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  expect_refused(file_of(entry("F32", "[3]", "[0,8]"), 8), "bytes do not fit the shape");
  expect_refused(file_of(entry("F31", "[2]", "[0,8]"), 8), "unknown type");
  expect_refused(file_of(entry("F32", "[-2]", "[0,8]"), 8), "negative side");
  expect_refused(file_of(entry("F32", "[2.0]", "[0,8]"), 8), "fractional side");
  expect_refused(file_of(entry("F32", "[2]", "[8,0]"), 8), "end before begin");
  expect_refused(file_of(entry("F32", "[2]", "[0]"), 8), "one offset");
  expect_refused(file_of(entry("F32", "[2]", "[-8,0]"), 8), "negative offset");
  expect_refused(file_of(entry("F32", "[4611686018427387904,4]", "[0,0]"), 8), "product wraps to zero");
  expect_refused(file_of(entry("F32", "[0,9223372036854775807,9223372036854775807]", "[0,0]"), 8),
                 "overflow hidden behind a zero");
  expect_refused(file_of(entry("F32", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "[0,4]"), 8), "too many axes");
  expect_refused(file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                         R"("b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
                         12),
                 "overlap");
  expect_refused(file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                         R"("a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                         8),
                 "duplicate key");
}

TEST(SafetensorsTest, NeverCrashesOnAlteredBytes) {
  const support::TemporaryFolder folder;
  write_safetensors(folder / "a.safetensors", {{"weight", torch::ones({4, 3})}, {"bias", torch::zeros({4})}});
  const auto good = imaging::read_file(folder / "a.safetensors");
  std::mt19937 random(1);
  int refused = 0;
  for (int i = 0; i < 300; ++i) {
    auto bytes = good;
    bytes[random() % 160] = static_cast<char>(random());
    bytes.resize(bytes.size() - random() % 3);
    imaging::write_file(folder / "b.safetensors", bytes);
    try {
      (void)read_safetensors(folder / "b.safetensors");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::corrupt_data);
      ++refused;
    }
  }
  EXPECT_GT(refused, 100);
}

TEST(SafetensorsTest, SaysThatAFileIsMissing) {
  EXPECT_THAT([] { (void)read_safetensors("/nonexistent/x.safetensors"); },
              testing::Throws<Error>(support::HasCode(ErrorCode::not_found)));
}

}  // namespace
}  // namespace models
