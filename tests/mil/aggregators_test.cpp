#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>
#include <sstream>

#include "imaging/base/files.h"
#include "imaging/base/options_json.h"
#include "mil/aggregators/aggregator_module.h"
#include "mil/aggregators/aggregator_table.h"
#include "mil/aggregators/bag_classifier.h"
#include "mil/aggregators/base_options.h"
#include "mil/aggregators/clam_module.h"
#include "mil/aggregators/import_weights.h"
#include "mil/aggregators/module_weights.h"
#include "mil/training/import_classifier.h"
#include "models/runtime/model_package.h"
#include "tests/support/test_support.h"

namespace mil {
namespace {

namespace fs = std::filesystem;
using imaging::Error;
using imaging::ErrorCode;
using support::HasCode;
using testing::Throws;

constexpr std::int64_t kDim = 10, kClasses = 3, kWidth = 16;

struct Form {
  std::string base;
  std::function<void(BaseOptions&)> edit;
};

/// Every base in every variant.
std::vector<Form> all_forms() {
  return {{"abmil", [](auto&) {}},
          {"abmil",
           [](auto& options) {
             options.gated = true;
             options.attention_bias = true;
             options.attention_activation = "tanh";
           }},
          {"mean", [](auto&) {}},
          {"max", [](auto& options) { options.activation = "gelu"; }},
          {"transmil", [](auto&) {}},
          {"transmil", [](auto& options) { options.transmil_padding = "stand_alone"; }},
          {"transmil", [](auto& options) { options.transmil_heads = 2; }},
          {"dsmil", [](auto&) {}},
          {"dsmil", [](auto& options) { options.dsmil_variant = "stand_alone"; }},
          {"dsmil", [](auto& options) { options.dsmil_variant = "first_release"; }},
          {"clam_sb", [](auto&) {}},
          {"clam_mb", [](auto&) {}},
          {"clam_mb", [](auto& options) {
             options.gated = false;
             options.clam_subtyping = true;
             options.clam_instance_loss = "svm";
           }}};
}

std::shared_ptr<AggregatorModule> make(const Form& form) {
  BaseOptions options;
  options.embed_dim = kWidth;
  form.edit(options);
  auto module =
      make_aggregator(form.base, nlohmann::json(aggregator_arguments(form.base, options, kDim, kClasses)));
  module->eval();
  return module;
}

LogitLoss cross_entropy() {
  return [](const at::Tensor& logits, std::int64_t label) {
    return at::cross_entropy_loss(logits.unsqueeze(0), torch::tensor({label}, at::kLong));
  };
}

std::int64_t count_parameters(const std::string& base, const BaseOptions& options) {
  std::int64_t count = 0;
  const auto module = make_aggregator(base, nlohmann::json(aggregator_arguments(base, options, 1024, 2)));
  for (const auto& parameter : module->parameters()) count += parameter.numel();
  return count;
}

TEST(AggregatorsTest, HaveThePublishedParameterCounts) {
  BaseOptions options;
  EXPECT_EQ(count_parameters("abmil", options), 591490);
  EXPECT_EQ(count_parameters("transmil", options), 2672146);
  constexpr std::int64_t kPredictor = 512 * 2 + 2;  // MHIM's DSMIL carries one that nothing uses
  EXPECT_EQ(count_parameters("dsmil", options) + kPredictor, 873734);
  options.transmil_heads = 2;
  EXPECT_EQ(count_parameters("transmil", options), 1098886);
}

TEST(AggregatorsTest, InferenceIsTheForwardPassForEveryBagLength) {
  for (const auto& form : all_forms()) {
    torch::manual_seed(4);
    const auto module = make(form);
    for (const std::int64_t count : {1, 2, 3, 7, 49, 50, 256, 257, 1100}) {
      SCOPED_TRACE(form.base + " " + std::to_string(count));
      const auto features = torch::randn({count, kDim});
      const auto wanted = module->forward(features);
      const auto got = module->infer(features);
      EXPECT_EQ(wanted.logits.sizes(), at::IntArrayRef({kClasses}));
      EXPECT_EQ(wanted.scores.size(0), count);
      EXPECT_EQ(wanted.embedding.numel(), module->embedding_size());
      EXPECT_EQ(wanted.embedding.size(1), kWidth);
      const auto same = [](const at::Tensor& a, const at::Tensor& b) {
        return a.defined() == b.defined() && (!a.defined() || at::allclose(a, b, 1e-4, 1e-5));
      };
      EXPECT_TRUE(same(got.logits, wanted.logits));
      EXPECT_TRUE(same(got.embedding, wanted.embedding));
      EXPECT_TRUE(same(got.raw_scores, wanted.raw_scores));
      EXPECT_TRUE(same(got.scores, wanted.scores));
      EXPECT_TRUE(same(got.instance_logits, wanted.instance_logits));
      EXPECT_TRUE(same(got.mask_scores, wanted.mask_scores));
      EXPECT_TRUE(same(module->decision_logits(got), module->decision_logits(wanted)));
      EXPECT_TRUE(wanted.logits.isfinite().all().item<bool>());
      EXPECT_TRUE(got.logits.equal(module->infer(features).logits)) << "the same twice";
    }
  }
}

TEST(AggregatorsTest, LearnEveryWeightOfBagsOfAnyLength) {
  for (const auto& form : all_forms()) {
    torch::manual_seed(6);
    const auto module = make(form);
    module->train();
    for (const std::int64_t count : {1, 2, 3, 20}) {
      const auto output = module->forward(torch::randn({count, kDim}));
      const auto loss = module->loss(output, 1, cross_entropy());
      EXPECT_TRUE(loss.isfinite().item<bool>()) << form.base << " " << count;
      loss.backward();
    }
    for (const auto& item : module->named_parameters()) {
      const bool is_other_class =
          item.key().starts_with("instance_classifiers.") && !item.value().grad().defined();
      if (is_other_class) continue;
      ASSERT_TRUE(item.value().grad().defined()) << form.base << " " << item.key();
      EXPECT_TRUE(item.value().grad().isfinite().all().item<bool>()) << form.base << " " << item.key();
    }
  }
}

TEST(AggregatorsTest, ScoresMeanWhatTheirKindSays) {
  const auto features = torch::randn({33, kDim});
  for (const auto& form : all_forms()) {
    SCOPED_TRACE(form.base);
    const auto module = make(form);
    const auto output = module->infer(features);
    const auto sums = output.scores.sum(module->score_kind() == "probability" ? 1 : 0);
    if (module->score_kind() == "class_token_attention") {
      EXPECT_EQ(output.scores.size(1), 1);
      EXPECT_EQ(output.mask_scores.size(1), 33);
    } else {
      EXPECT_TRUE(at::allclose(sums, at::ones_like(sums), 1e-5, 1e-5));
    }
    const auto per_class = form.base != "abmil" && form.base != "clam_sb" && form.base != "transmil";
    EXPECT_EQ(output.scores.size(1), per_class ? kClasses : 1);
    EXPECT_EQ(output.mask_scores.defined(),
              form.base == "abmil" || form.base == "transmil" || form.base == "dsmil");
  }
}

TEST(AggregatorsTest, DsmilDecidesByTheMeanOfBothStreams) {
  const auto module = make({"dsmil", [](auto&) {}});
  const auto output = module->infer(torch::randn({12, kDim}));

  const auto wanted =
      0.5 * output.logits.softmax(0) + 0.5 * std::get<0>(output.instance_logits.max(0)).softmax(0);

  EXPECT_TRUE(at::allclose(module->decision_logits(output).softmax(0), wanted, 1e-5, 1e-6));
}

TEST(AggregatorsTest, ClamAsksTheTilesOfHighestAndLowestAttention) {
  ClamOptions options;
  options.input_dim = kDim;
  options.class_count = kClasses;
  options.embed_dim = kWidth;
  options.subtyping = true;
  options.instances = 4;
  ClamModule module(options, ClamModule::Branches::multiple);
  module.eval();

  const auto long_bag = module.instance_branch(module.forward(torch::randn({30, kDim})), 2);
  EXPECT_EQ(long_bag.logits.size(0), 4 * (kClasses + 1));
  EXPECT_EQ(long_bag.targets.sum().item<std::int64_t>(), 4);
  const auto short_bag = module.instance_branch(module.forward(torch::randn({3, kDim})), 0);
  EXPECT_EQ(short_bag.logits.size(0), 3 * (kClasses + 1)) << "no more than there are";
}

TEST(AggregatorsTest, ArgumentsRebuildTheModule) {
  for (const auto& form : all_forms()) {
    const auto first = make(form), second = make(form);
    load_weights(*second, weights_of(*first));
    const auto features = torch::randn({9, kDim});
    EXPECT_TRUE(first->infer(features).logits.equal(second->infer(features).logits)) << form.base;
  }
}

TEST(AggregatorsTest, EveryBaseHasItsOwnDefaultsAndRefusesNonsense) {
  const BaseOptions options;
  EXPECT_EQ(aggregator_arguments("clam_sb", options, 8, 2)["attention_dim"], 256);
  EXPECT_EQ(aggregator_arguments("clam_sb", options, 8, 2)["gated"], true);
  EXPECT_EQ(aggregator_arguments("abmil", options, 8, 2)["attention_dim"], 128);
  EXPECT_EQ(aggregator_arguments("abmil", options, 8, 2)["gated"], false);
  for (const auto& name : aggregator_names()) {
    EXPECT_THAT(
        [&] {
          (void)make_aggregator(name, {{"embed_dim", 0}});
        },
        Throws<Error>(HasCode(ErrorCode::invalid_argument)))
        << name;
    EXPECT_THAT(
        [&] {
          (void)make_aggregator(name, {{"surprise", 1}});
        },
        Throws<Error>(HasCode(ErrorCode::invalid_argument)))
        << name;
  }
  EXPECT_THAT([] { (void)make_aggregator("resnet", {}); }, Throws<Error>(HasCode(ErrorCode::incompatible)));
}

models::TensorMap clam_checkpoint() {
  torch::manual_seed(9);
  models::TensorMap official;
  const auto linear = [&](const std::string& name, std::int64_t out, std::int64_t in) {
    official[name + ".weight"] = torch::randn({out, in}) / 4;
    official[name + ".bias"] = torch::randn({out}) / 4;
  };
  linear("attention_net.0", kWidth, kDim);
  linear("attention_net.3.attention_a.0", 8, kWidth);
  linear("attention_net.3.attention_b.0", 8, kWidth);
  linear("attention_net.3.attention_c", 2, 8);
  for (const auto* c : {"0", "1"}) {
    linear(std::string("classifiers.") + c, 1, kWidth);
    linear(std::string("instance_classifiers.") + c, 2, kWidth);
  }
  return official;
}

TEST(ImportWeightsTest, RecognisesClamAndSaysWhatItIsNot) {
  auto official = clam_checkpoint();
  const auto imported = import_weights(official);
  EXPECT_EQ(imported.base, "clam_mb");
  EXPECT_EQ(imported.arguments["attention_dim"], 8);
  EXPECT_TRUE(imported.weights.at("classifier.weight")[1].equal(official["classifiers.1.weight"][0]));

  const auto refuses = [](const models::TensorMap& tensors, const std::string& base = "") {
    EXPECT_THAT([&] { (void)import_weights(tensors, base); },
                Throws<Error>(HasCode(ErrorCode::incompatible)));
  };
  refuses(official, "transmil");
  refuses({});
  refuses({{"conv1.weight", torch::zeros({3, 3})}});
  auto lacking = official;
  lacking.erase("instance_classifiers.1.bias");
  refuses(lacking);
  auto misshapen = official;
  misshapen["attention_net.0.weight"] = torch::zeros({5});
  refuses(misshapen);
  const models::TensorMap pooling = {{"head.0.weight", torch::randn({4, 6})},
                                     {"head.0.bias", torch::randn({4})},
                                     {"head.3.weight", torch::randn({2, 4})},
                                     {"head.3.bias", torch::randn({2})}};
  refuses(pooling);
  EXPECT_EQ(import_weights(pooling, "max").base, "max");
}

/// A checkpoint that Python wrote, and what the official arithmetic makes of a painted bag with it.
class PytorchCheckpoint {
 public:
  static constexpr int kTiles = 50, kFeatures = 10;

  /// @param python  fills `state` (with linear(name, out, in)) and leaves the probabilities in p; `saved` is
  /// stored
  explicit PytorchCheckpoint(const std::string& python) {
    const auto script = folder_.path() / "write.py";
    imaging::write_file(script, R"(
import sys, torch
from collections import OrderedDict
torch.manual_seed(3)
F, D, A = 10, 16, 8
state = OrderedDict()
def linear(name, out, width, bias=True):
    state[name + '.weight'] = torch.randn(out, width) / 4
    if bias: state[name + '.bias'] = torch.randn(out) / 4
def apply(name, x): return x @ state[name + '.weight'].T + state.get(name + '.bias', 0)
x = torch.sin(torch.arange(50 * F, dtype=torch.float32)).view(50, F)
saved = state
)" + python + R"(
torch.save(saved, sys.argv[1] + '/checkpoint.pt')
print(' '.join('%.9g' % v for v in p))
)");
    const auto run =
        support::run_command("/usr/bin/python3 " + script.string() + " " + folder_.path().string());
    is_there = run.exit_code == 0;
    EXPECT_TRUE(is_there || run.err.find("No module named 'torch'") != std::string::npos) << run.err;
    std::istringstream values(run.out);
    for (double value = 0; values >> value;) probabilities_.push_back(value);
  }

  [[nodiscard]] fs::path path() const { return folder_.path() / "checkpoint.pt"; }

  void expect_same(const models::ModelPackage& package) const {
    Bag bag{.id = "painted", .count = kTiles, .dim = kFeatures, .features = {}, .coords = {}};
    for (int i = 0; i < kTiles * kFeatures; ++i) bag.features.push_back(std::sin(static_cast<float>(i)));
    const auto prediction = open_classifier(package, "cpu")->predict(bag);
    ASSERT_EQ(prediction.probabilities.size(), probabilities_.size());
    for (std::size_t c = 0; c < probabilities_.size(); ++c)
      EXPECT_NEAR(prediction.probabilities[c], probabilities_[c], 1e-5) << c;
  }

  bool is_there = false;  ///< python3-torch is installed

 private:
  support::TemporaryFolder folder_;
  std::vector<double> probabilities_;
};

models::ModelPackage import_as(const PytorchCheckpoint& checkpoint, const support::TemporaryFolder& folder) {
  ImportOptions options;
  options.name = "imported";
  import_classifier(checkpoint.path(), options, {}, folder.path() / "package");
  return models::ModelPackage::open(folder.path() / "package");
}

TEST(ImportWeightsTest, ClamsCheckpointGivesClamsProbabilities) {
  const PytorchCheckpoint checkpoint(R"(
C = 3
linear('attention_net.0', D, F)
linear('attention_net.3.attention_a.0', A, D)
linear('attention_net.3.attention_b.0', A, D)
linear('attention_net.3.attention_c', 1, A)
linear('classifiers', C, D)
for c in range(C): linear('instance_classifiers.%d' % c, 2, D)
h = torch.relu(apply('attention_net.0', x))
a = apply('attention_net.3.attention_c', torch.tanh(apply('attention_net.3.attention_a.0', h)) * torch.sigmoid(apply('attention_net.3.attention_b.0', h)))
p = torch.softmax(apply('classifiers', torch.softmax(a, 0).T @ h), 1)[0]
)");
  if (!checkpoint.is_there) GTEST_SKIP() << "python3-torch is not there";
  const support::TemporaryFolder folder;
  const auto package = import_as(checkpoint, folder);
  EXPECT_EQ(package.architecture(), "clam_sb");
  EXPECT_EQ(package.class_names(), (std::vector<std::string>{"0", "1", "2"}));
  checkpoint.expect_same(package);

  ImportOptions options;
  options.class_name = {"one"};
  EXPECT_THAT([&] { import_classifier(checkpoint.path(), options, {}, folder.path() / "second"); },
              Throws<Error>(HasCode(ErrorCode::invalid_argument)));
  EXPECT_FALSE(fs::exists(folder.path() / "second"));
}

TEST(ImportWeightsTest, ClamsCheckpointOfManyBranchesWithoutGatesGivesItsProbabilities) {
  const PytorchCheckpoint checkpoint(R"(
C = 2
linear('attention_net.0', D, F)
linear('attention_net.3.module.0', A, D)
linear('attention_net.3.module.3', C, A)
for c in range(C):
    linear('classifiers.%d' % c, 1, D)
    linear('instance_classifiers.%d' % c, 2, D)
h = torch.relu(apply('attention_net.0', x))
m = torch.softmax(apply('attention_net.3.module.3', torch.tanh(apply('attention_net.3.module.0', h))), 0).T @ h
p = torch.softmax(torch.cat([apply('classifiers.%d' % c, m[c]) for c in range(C)]), 0)
)");
  if (!checkpoint.is_there) GTEST_SKIP() << "python3-torch is not there";
  const support::TemporaryFolder folder;
  const auto package = import_as(checkpoint, folder);
  EXPECT_EQ(package.architecture(), "clam_mb");
  checkpoint.expect_same(package);
}

/// MHIM keeps the state of its student under "model", beside others.
TEST(ImportWeightsTest, MhimsCheckpointGivesItsStudentsProbabilities) {
  const PytorchCheckpoint checkpoint(R"(
linear('patch_to_emb.0', D, F)
linear('online_encoder.attention.attention.0', A, D, bias=False)
linear('online_encoder.attention.attention.2', 1, A, bias=False)
linear('predictor', 2, D)
saved = {'model': state, 'teacher': None, 'epoch': 3}
h = torch.relu(apply('patch_to_emb.0', x))
a = apply('online_encoder.attention.attention.2', torch.relu(apply('online_encoder.attention.attention.0', h)))
p = torch.softmax(apply('predictor', torch.softmax(a, 0).T @ h), 1)[0]
)");
  if (!checkpoint.is_there) GTEST_SKIP() << "python3-torch is not there";
  const support::TemporaryFolder folder;
  const auto package = import_as(checkpoint, folder);
  EXPECT_EQ(package.architecture(), "abmil");
  checkpoint.expect_same(package);
}

}  // namespace
}  // namespace mil
