#include "models/runtime/device.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <torch/types.h>

#include "tests/support/test_support.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;

TEST(DeviceTest, TakesTheProcessorWhenAsked) {
  EXPECT_EQ(choose_device("cpu").name, "cpu");
}

TEST(DeviceTest, SaysWhyEachDeviceWasOrWasNotTaken) {
  const auto choice = choose_device("auto");
  ASSERT_FALSE(choice.probes.empty());
  for (const auto& probe : choice.probes) {
    EXPECT_FALSE(probe.reason.empty()) << probe.name;
    EXPECT_TRUE(probe.usable || probe.name != choice.name);
  }
}

TEST(DeviceTest, RefusesMalformedAndAbsentDevices) {
  for (const char* request : {"gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "", "CPU", "cuda:999"}) {
    EXPECT_THAT([&] { (void)choose_device(request); },
                testing::Throws<Error>(support::HasCode(ErrorCode::invalid_argument)))
        << request;
  }
}

TEST(DeviceTest, SetsTheNumberOfThreads) {
  EXPECT_EQ(set_compute_threads(1), 1);
  EXPECT_EQ(at::get_num_threads(), 1);
  EXPECT_EQ(set_compute_threads(2), 2);
  EXPECT_EQ(at::get_num_threads(), 2);
  EXPECT_GE(set_compute_threads(0), 1);
  EXPECT_THAT([] { (void)set_compute_threads(-1); },
              testing::Throws<Error>(support::HasCode(ErrorCode::invalid_argument)));
}

TEST(DeviceTest, DrawsTheSameNumbersAfterTheSameSeed) {
  make_deterministic(7);
  const auto first = torch::rand({5});
  make_deterministic(7);
  EXPECT_TRUE(first.equal(torch::rand({5})));
  EXPECT_TRUE(at::globalContext().deterministicAlgorithms());
  at::globalContext().setDeterministicAlgorithms(false, false);
}

TEST(DeviceTest, NamesAndMeasuresTheBlas) {
  const auto report = measure_blas();
  RecordProperty("library", report.library);
  RecordProperty("gflops", std::to_string(report.gflops));
  EXPECT_FALSE(report.library.empty());
  EXPECT_EQ(report.library, blas_library());
  EXPECT_EQ(report.is_reference, report.library == "reference BLAS");
  EXPECT_GT(report.gflops, 0.0);
  EXPECT_FALSE(report.torch_version.empty());
}

}  // namespace
}  // namespace models
