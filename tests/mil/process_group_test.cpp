#include "mil/training/process_group.h"

#include <torch/types.h>

#include <array>
#include <cstdlib>

#include "mil/training/adam.h"
#include "tests/mil/child_process.h"
#include "tests/mil/painted_cohort.h"

namespace mil {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using support::free_port;
using support::HasCode;
using support::PaintedCohort;
using support::quick_plan;
using testing::Throws;

std::map<std::string, std::string> launched(const std::string& rank, const std::string& port,
                                            const support::TemporaryFolder& folder) {
  return {{"RANK", rank},
          {"WORLD_SIZE", "2"},
          {"MASTER_PORT", port},
          {"MASTER_ADDR", "127.0.0.1"},
          {"GLOO_SOCKET_IFNAME", "lo"},
          {"TMPDIR", folder.path().string()},
          {"TESSERA_TEST_CHECKPOINT", (folder / ("rank" + rank + ".safetensors")).string()}};
}

/// Nine bags in steps of four: the last step has a bag for one process only.
TrainingPlan joint_plan(const std::string& method) {
  auto plan = quick_plan();
  plan.training.method = method;
  plan.training.epochs = 1;
  plan.training.batch_bags = 4;
  return plan;
}

constexpr std::array kMethods{"ce", "scmil", "mhim", "ins"};

struct JointCohort : PaintedCohort {
  JointCohort() : PaintedCohort(14) {
    set.split = {};
    for (const auto& row : set.labels.rows) {
      (set.split.train.size() < 9 ? set.split.train : set.split.validation).push_back(row.id);
    }
  }
};

/// The launcher's environment of a test; none after it.
class Variables {
 public:
  explicit Variables(const std::map<std::string, std::string>& values) {
    clear();
    for (const auto& [name, value] : values) ::setenv(name.c_str(), value.c_str(), 1);
  }
  ~Variables() { clear(); }
  Variables(const Variables&) = delete;
  Variables& operator=(const Variables&) = delete;

 private:
  static void clear() {
    for (const auto* name :
         {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "SLURM_PROCID", "SLURM_NTASKS"}) {
      ::unsetenv(name);
    }
  }
};

/// Run by TwoProcessesGiveTheGradientsOfOne, twice, each in a process of its own.
TEST(ProcessGroupTest, DISABLED_OneOfTwo) {
  const auto group = join_process_group("cpu", std::chrono::seconds(60));
  ASSERT_EQ(group->size(), 2);
  const auto rows = at::full({2 + group->rank(), 3}, group->rank(), at::kFloat);
  EXPECT_TRUE(at::equal(group->gather(rows), at::cat({at::zeros({2, 3}), at::ones({3, 3})})));
  const auto total = at::full({2}, group->rank() + 1, at::kDouble);
  group->sum({total});
  EXPECT_TRUE(at::equal(total, at::full({2}, 3, at::kDouble)));
  JointCohort cohort;
  for (const auto* method : kMethods) {
    const std::string path = std::getenv("TESSERA_TEST_CHECKPOINT") + std::string(method);
    (void)train_classifier(cohort.set, joint_plan(method), 1, "cpu", {}, path, group.get());
  }
}

TEST(ProcessGroupTest, TwoProcessesGiveTheGradientsOfOne) {
  const support::TemporaryFolder folder;
  const auto port = free_port();
  support::ChildTest first("ProcessGroupTest.DISABLED_OneOfTwo", launched("0", port, folder));
  support::ChildTest second("ProcessGroupTest.DISABLED_OneOfTwo", launched("1", port, folder));
  ASSERT_EQ(first.wait(), 0);
  ASSERT_EQ(second.wait(), 0);
  EXPECT_FALSE(std::filesystem::exists(folder / "rank1.safetensorsce")) << "only the first writes";

  JointCohort cohort;
  for (const std::string method : kMethods) {
    const auto path = folder / ("alone.safetensors" + method);
    (void)train_classifier(cohort.set, joint_plan(method), 1, "cpu", {}, path);
    const auto alone = models::read_safetensors(path);
    const auto joint = models::read_safetensors(folder / ("rank0.safetensors" + method));
    ASSERT_EQ(alone.size(), joint.size());
    for (const auto& [name, tensor] : alone) {
      // Adam's mean is that of the gradients.
      EXPECT_TRUE(at::allclose(tensor, joint.at(name), 1e-4, 1e-6)) << method << " " << name;
    }
  }
}

TEST(ProcessGroupTest, IsAloneWithoutALauncher) {
  const Variables none({});
  const auto group = join_process_group("cpu");
  EXPECT_EQ(group->size(), 1);
  const auto rows = at::ones({2, 2});
  EXPECT_TRUE(at::equal(group->gather(rows), rows));
}

TEST(ProcessGroupTest, NamesTheVariableThatIsWrong) {
  const auto refuses = [](const std::map<std::string, std::string>& values, const char* name) {
    const Variables variables(values);
    try {
      (void)join_process_group("cpu", std::chrono::seconds(1));
      FAIL() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
      EXPECT_THAT(error.what(), testing::HasSubstr(name));
    }
  };
  refuses({{"RANK", "0"}}, "WORLD_SIZE");
  refuses({{"WORLD_SIZE", "2"}}, "RANK");
  refuses({{"RANK", "2"}, {"WORLD_SIZE", "2"}}, "RANK");
  refuses({{"RANK", "0"}, {"WORLD_SIZE", "two"}}, "WORLD_SIZE");
  refuses({{"RANK", "0"}, {"WORLD_SIZE", "2"}}, "MASTER_ADDR");
  refuses({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "2"}, {"MASTER_ADDR", "127.0.0.1"}}, "MASTER_PORT");
}

TEST(ProcessGroupTest, SaysThatTheOthersAreSilent) {
  for (const auto* rank : {"0", "1"}) {
    const Variables variables(
        {{"RANK", rank}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "127.0.0.1"}, {"MASTER_PORT", free_port()}});
    EXPECT_THAT([] { (void)join_process_group("cpu", std::chrono::seconds(1)); },
                Throws<Error>(HasCode(ErrorCode::io_error)));
  }
}

}  // namespace
}  // namespace mil
