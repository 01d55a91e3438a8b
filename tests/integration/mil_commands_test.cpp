#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cmath>
#include <future>
#include <limits>

#include "imaging/base/csv.h"
#include "imaging/base/files.h"
#include "imaging/base/random.h"
#include "mil/bags/bag_store.h"
#include "models/runtime/model_package.h"
#include "tests/integration/command_fixture.h"

namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using support::run_tessera;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// Twenty-four slides of twelve patients; a tumour slide has some tiles far off the others.
class MilCommand : public testing::Test {
 protected:
  static constexpr std::int64_t kDim = 6;

  MilCommand() {
    std::string labels = "case_id,slide_id,label\n";
    for (int i = 0; i < 24; ++i) {
      const auto id = fmt::format("{:03}", i);
      write_bag(id, is_tumour(i) ? 3 : 0);
      labels += fmt::format("p{:02},{},{}\n", i / 2, id, is_tumour(i) ? "tumor" : "normal");
    }
    imaging::write_file(labels_, labels);
  }

  static bool is_tumour(int slide) { return slide / 2 % 2 == 1; }

  void write_bag(const std::string& id, double tumour, std::int64_t count = 5, std::int64_t dim = kDim,
                 const std::string& encoder = "ab") const {
    imaging::Random random(std::hash<std::string>{}(id));
    mil::Bag bag{.id = id, .count = count, .dim = dim, .features = {}, .coords = {}};
    for (std::int64_t k = 0; k < count * dim; ++k)
      bag.features.push_back(static_cast<float>(random.normal(k < dim ? tumour : 0, 1)));
    for (std::int64_t k = 0; k < count; ++k) bag.coords.insert(bag.coords.end(), {k * 32, 0});
    write(bag, encoder);
  }

  void write(const mil::Bag& bag, const std::string& encoder = "ab") const {
    mil::write_bag(bags_ / (bag.id + ".h5"), bag,
                   {.coords_attributes = {{"tile_px", std::int64_t{32}}, {"tile_mpp", 1.0}},
                    .features_attributes = {{"encoder", "painted"}, {"encoder_sha256", encoder}},
                    .scores = std::nullopt});
  }

  [[nodiscard]] std::string data() const {
    return fmt::format("--bags '{}' --labels '{}' ", bags_.string(), labels_.string());
  }
  [[nodiscard]] support::CommandOutput train(const std::string& extra = "") const {
    return run_tessera(fmt::format("mil train {} --out '{}' {} {}", data(), run_.string(), kQuick, extra));
  }
  [[nodiscard]] support::CommandOutput crossval(const std::string& extra = "") const {
    return run_tessera(fmt::format("mil crossval {} --out '{}' {} {}", data(), run_.string(), kQuick, extra));
  }

  /// One sentence with `what`, the exit code, and nothing that looks like a result.
  void expect_refused(const support::CommandOutput& output, int exit_code, const std::string& what) const {
    EXPECT_EQ(output.exit_code, exit_code) << output.out << output.err;
    EXPECT_THAT(output.err, AllOf(HasSubstr("error: "), HasSubstr(what)));
    EXPECT_FALSE(fs::exists(run_));
  }

  void replace_in_labels(const std::string& from, const std::string& to) const {
    auto text = imaging::read_file(labels_);
    const auto at = text.find(from);
    ASSERT_NE(at, std::string::npos);
    imaging::write_file(labels_, text.replace(at, from.size(), to));
  }

  static json read_json(const fs::path& path) { return json::parse(imaging::read_file(path)); }

  static constexpr const char* kQuick =
      "--epochs 6 --min-epochs 6 --embed-dim 8 --attention-dim 4 --learning-rate 0.02 --threads 1 --device "
      "cpu";
  support::TemporaryFolder folder_;
  const fs::path bags_ = folder_ / "features", labels_ = folder_ / "labels.csv", run_ = folder_ / "run";
};

TEST_F(MilCommand, TrainWritesARunFolderReadyForUse) {
  const auto output = train();
  ASSERT_EQ(output.exit_code, 0) << output.err;
  EXPECT_THAT(output.err, HasSubstr("epoch 6: loss"));

  const auto config = read_json(run_ / "config.json");
  EXPECT_EQ(config["training"]["epochs"], 6);
  EXPECT_EQ(imaging::read_csv_with_header(run_ / "curves.csv").rows.size(), 6U);
  EXPECT_THAT(imaging::read_file(run_ / "curves.svg"), HasSubstr("<polyline"));
  const auto predictions = imaging::read_csv_with_header(run_ / "predictions.csv");
  ASSERT_EQ(predictions.rows.size(), 24U);
  std::map<std::string, std::set<std::string>> parts_of_patient;
  for (const auto& row : predictions.rows)
    parts_of_patient[fmt::format("p{:02}", std::stoi(row[0]) / 2)].insert(row[1]);
  for (const auto& [patient, parts] : parts_of_patient) EXPECT_EQ(parts.size(), 1U) << patient;

  const auto metrics = read_json(run_ / "metrics.json");
  for (const auto* part : {"validation", "test"}) {
    EXPECT_EQ(metrics[part]["cases"], 4) << part;
    EXPECT_TRUE(metrics[part]["intervals"].is_object());
  }
  EXPECT_FALSE(fs::exists(run_ / "checkpoint"));
  const auto package = models::ModelPackage::open(run_ / "model");
  EXPECT_THAT(package.card(), HasSubstr("Training: 16 bags"));
  const auto text = imaging::read_file(run_ / "config.json") + imaging::read_file(run_ / "metrics.json") +
                    imaging::read_file(run_ / "model/manifest.json");
  EXPECT_THAT(text, Not(HasSubstr(folder_.path().string())));
}

TEST_F(MilCommand, TrainAgainSaysThatItIsFinishedAndRefusesAnotherPlan) {
  ASSERT_EQ(train().exit_code, 0);
  const auto before = support::listing(run_);
  const auto again = train();
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_THAT(again.out, HasSubstr("finished before"));
  EXPECT_EQ(support::listing(run_), before);

  const auto other = train("--weight-decay 0.5");
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, AllOf(HasSubstr("training.weight_decay"), HasSubstr("choose another --out")));
  replace_in_labels("p00,000,normal", "p00,000,tumor");
  EXPECT_THAT(train().err, HasSubstr("cohort.sha256"));
  EXPECT_EQ(support::listing(run_), before);
}

TEST_F(MilCommand, TrainStoresYoudensThresholdOfTheValidationPart) {
  ASSERT_EQ(train("--threshold youden").exit_code, 0);
  const auto threshold = read_json(run_ / "model/manifest.json")["threshold"];
  EXPECT_EQ(threshold["from"], "validation");
  const auto metrics = read_json(run_ / "metrics.json");
  EXPECT_EQ(metrics["test"]["threshold"], threshold["value"]);
  EXPECT_EQ(metrics["test"]["threshold_from"], "validation");
}

TEST_F(MilCommand, CrossvalTestsEveryPatientOnceAndResumes) {
  const auto output = crossval("--folds 3");
  ASSERT_EQ(output.exit_code, 0) << output.err;
  std::set<std::string> tested;
  for (int k = 0; k < 3; ++k) {
    const auto split = imaging::read_csv_with_header(run_ / fmt::format("splits/splits_{}.csv", k));
    for (const auto& row : split.rows) {
      if (row[3].empty()) continue;
      EXPECT_TRUE(tested.insert(row[3]).second) << row[3];
    }
  }
  EXPECT_EQ(tested.size(), 24U);
  EXPECT_EQ(imaging::read_csv_with_header(run_ / "predictions.csv").rows.size(), 24U);
  const auto metrics = read_json(run_ / "metrics.json");
  EXPECT_EQ(metrics["repeats"][0]["pooled"]["cases"], 24);
  double mean = 0;
  for (const auto& fold : metrics["folds"]) mean += fold["test"]["accuracy"].get<double>() / 3;
  EXPECT_NEAR(metrics["over_folds"]["accuracy"]["mean"].get<double>(), mean, 1e-12);
  const auto table = imaging::read_csv_with_header(run_ / "metrics.csv");
  EXPECT_EQ(table.rows.size(), 5U);
  EXPECT_EQ(table.rows.back()[0], "std");

  const auto kept = imaging::read_file(run_ / "fold_0/metrics.json");
  const auto weights = imaging::read_file(run_ / "fold_2/model/model.safetensors");
  fs::remove_all(run_ / "fold_2");
  fs::remove(run_ / "metrics.json");
  ASSERT_EQ(crossval("--folds 3").exit_code, 0);
  EXPECT_EQ(imaging::read_file(run_ / "fold_0/metrics.json"), kept);
  EXPECT_EQ(imaging::read_file(run_ / "fold_2/model/model.safetensors"), weights);
}

TEST_F(MilCommand, CrossvalTakesTheSplitsOfClam) {
  imaging::write_file(folder_ / "splits/splits_0.csv",
                      "\xEF\xBB\xBF,train,val,test\r\n0,000,004,008\r\n1,002,006,010\r\n");
  imaging::write_file(folder_ / "splits/splits_1.csv", ",train,val,test\n0,008,004,000\n1,010,006,002\n");
  imaging::write_file(folder_ / "splits/splits_0_bool.csv", "not read");
  imaging::write_file(folder_ / "splits/splits_0_descriptor.csv", "not read");
  const auto splits = fmt::format("--splits '{}' ", (folder_ / "splits").string());
  const auto output = crossval(splits);
  ASSERT_EQ(output.exit_code, 0) << output.err;
  EXPECT_EQ(read_json(run_ / "metrics.json")["folds"].size(), 2U);

  imaging::write_file(folder_ / "splits/splits_1.csv", ",train,val,test\n0,000,004,001\n1,002,006,010\n");
  fs::remove_all(run_);
  expect_refused(crossval(splits), 2, "patient p00 is in two parts, train (000) and test (001)");
  imaging::write_file(folder_ / "splits/splits_1.csv", ",train,val,test\n0,000,004,8\n1,002,006,010\n");
  expect_refused(crossval(splits), 2, "1 of 6 ids have no labelled bag: 8");
}

TEST_F(MilCommand, GroupsThePatientsSlidesIntoOneBag) {
  ASSERT_EQ(train("--group patient").exit_code, 0);
  const auto predictions = imaging::read_csv_with_header(run_ / "predictions.csv");
  ASSERT_EQ(predictions.rows.size(), 12U);
  EXPECT_EQ(predictions.rows[0][*predictions.find_column("tiles")], "10");

  fs::remove_all(run_);
  replace_in_labels("p00,001,normal", "p00,001,tumor");
  expect_refused(train("--group patient"), 2, "Patient p00 has slides of two labels");
}

TEST_F(MilCommand, EvaluateMeasuresAndKeepsTheThresholdOfTheTestForTheAsking) {
  ASSERT_EQ(train().exit_code, 0);
  const auto evaluate = [&](const std::string& extra) {
    return run_tessera(fmt::format("mil evaluate --model '{}' {} --out '{}' {}", (run_ / "model").string(),
                                   data(), (folder_ / "evaluation").string(), extra));
  };
  ASSERT_EQ(evaluate("").exit_code, 0);
  auto metrics = read_json(folder_ / "evaluation/metrics.json");
  EXPECT_EQ(metrics["metrics"]["cases"], 24);
  EXPECT_EQ(metrics["metrics"]["threshold_from"], "fixed: the likeliest class");

  const auto output = evaluate("--threshold youden-test");
  ASSERT_EQ(output.exit_code, 0);
  EXPECT_THAT(output.err, HasSubstr("flatter"));
  metrics = read_json(folder_ / "evaluation/metrics.json");
  EXPECT_THAT(metrics["metrics"]["threshold_from"].get<std::string>(), HasSubstr("youden-test"));

  const auto abstaining = evaluate("--min-confidence 1");
  EXPECT_THAT(abstaining.out, HasSubstr("24 of them abstained"));
  EXPECT_THAT(imaging::read_file(folder_ / "evaluation/predictions.csv"), HasSubstr(",abstained,"));
}

TEST_F(MilCommand, CalibrateAndSoupMakeNewPackages) {
  ASSERT_EQ(crossval("--folds 2").exit_code, 0);
  const auto model = [&](int fold) { return (run_ / fmt::format("fold_{}/model", fold)).string(); };
  const auto calibrate = run_tessera(fmt::format("model calibrate '{}' {} --min-confidence 0.9 --out '{}'",
                                                 model(0), data(), (folder_ / "calibrated").string()));
  ASSERT_EQ(calibrate.exit_code, 0) << calibrate.err;
  const auto calibrated = models::ModelPackage::open(folder_ / "calibrated");
  EXPECT_EQ(calibrated.manifest()["parent"]["sha256"], models::ModelPackage::open(model(0)).sha256());
  EXPECT_GT(calibrated.manifest()["calibration"]["temperature"].get<double>(), 0);
  EXPECT_EQ(calibrated.manifest()["abstention"]["min_confidence"], 0.9);
  EXPECT_THAT(calibrated.card(), HasSubstr("temperature scaling on 24 bags"));

  const auto soup = run_tessera(
      fmt::format("model soup '{}' '{}' --out '{}'", model(0), model(1), (folder_ / "soup").string()));
  ASSERT_EQ(soup.exit_code, 0) << soup.err;
  const auto made = models::ModelPackage::open(folder_ / "soup");
  EXPECT_EQ(made.manifest()["soup"]["ingredients"].size(), 2U);
  EXPECT_THAT(made.card(), HasSubstr("average of 2 classifiers"));
  const auto greedy = run_tessera(fmt::format("model soup '{}' '{}' --greedy {} --out '{}' --json", model(0),
                                              model(1), data(), (folder_ / "greedy").string()));
  ASSERT_EQ(greedy.exit_code, 0) << greedy.err;
  const auto reply = json::parse(greedy.out);
  EXPECT_EQ(reply["ingredients"].size() + reply["left_out"].size(), 2U);
  const auto card = models::ModelPackage::open(folder_ / "greedy").card();
  for (const auto& package : reply["left_out"])
    EXPECT_THAT(card, Not(HasSubstr(fmt::format("those of {} alone", package["name"].get<std::string>()))));

  fs::remove_all(run_);
  ASSERT_EQ(train("--seed 9").exit_code, 0);
  const auto other =
      run_tessera(fmt::format("model soup '{}' '{}' --out '{}'", (folder_ / "calibrated").string(),
                              (run_ / "model").string(), (folder_ / "bad").string()));
  EXPECT_EQ(other.exit_code, 3);
  EXPECT_THAT(other.err, HasSubstr("started from different weights"));
  EXPECT_FALSE(fs::exists(folder_ / "bad"));
}

TEST_F(MilCommand, GoesOnWithLessMemory) {
  ASSERT_EQ(train().exit_code, 0);
  EXPECT_THAT(train("--memory-mb 1").out, HasSubstr("finished before"));
}

TEST_F(MilCommand, LeavesTheFoldersOfOthersAlone) {
  imaging::write_file(run_ / "checkpoint/training_args.bin", "kept");
  EXPECT_THAT(train().err, AllOf(HasSubstr("of no run known here"), HasSubstr("choose another --out")));
  EXPECT_EQ(imaging::read_file(run_ / "checkpoint/training_args.bin"), "kept");
  fs::remove_all(run_);
  imaging::write_file(run_ / "metrics.json", "{}");
  EXPECT_THAT(train().err, HasSubstr("of no run known here"));
  fs::remove_all(run_);
  ASSERT_EQ(train().exit_code, 0);
  const auto before = support::listing(run_);
  const auto into_run = run_tessera(fmt::format("mil evaluate --model '{}' {} --out '{}'",
                                                (run_ / "model").string(), data(), run_.string()));
  EXPECT_EQ(into_run.exit_code, 2);
  EXPECT_THAT(into_run.err, HasSubstr("holds a run"));
  EXPECT_EQ(support::listing(run_), before);
}

TEST_F(MilCommand, EvaluateRefusesBagsOfAnotherEncoderOneByOne) {
  ASSERT_EQ(train().exit_code, 0);
  write_bag("005", 0, 5, kDim, "cd");
  const auto output =
      run_tessera(fmt::format("mil evaluate --model '{}' {} --out '{}'", (run_ / "model").string(), data(),
                              (folder_ / "evaluation").string()));
  EXPECT_EQ(output.exit_code, 4);
  for (const auto& row : imaging::read_csv_with_header(folder_ / "evaluation/predictions.csv").rows) {
    EXPECT_EQ(row[row.size() - 2], row[0] == "005" ? "failed" : "done") << row[0];
    if (row[0] == "005") {
      EXPECT_THAT(row.back(), HasSubstr("of the encoder 'painted'"));
    }
  }
}

TEST_F(MilCommand, EvaluateAsksForBothClassesBeforeItChoosesAThreshold) {
  ASSERT_EQ(train().exit_code, 0);
  const auto model = (run_ / "model").string();
  imaging::write_file(labels_, "slide_id,label\n000,normal\n001,normal\n");
  const auto output =
      run_tessera(fmt::format("mil evaluate --model '{}' {} --threshold youden-test --out '{}'", model,
                              data(), (folder_ / "evaluation").string()));
  EXPECT_EQ(output.exit_code, 2);
  EXPECT_THAT(output.err, HasSubstr("labelled bags of both"));
}

TEST_F(MilCommand, AValidationPartWithoutAClassHasNoAucToMonitor) {
  std::string labels = "slide_id,label\n", split = ",train,val,test\n";
  for (int i = 0; i < 24; ++i)
    labels += fmt::format("{:03},{}\n", i, i % 3 == 0 ? "a" : i % 3 == 1 ? "b" : "c");
  for (int i = 0; i < 18; ++i) {
    const auto held = i < 2 ? fmt::format("{:03}", 18 + i) : i == 2 ? "021" : "";  // a, b, a
    split += fmt::format("{},{:03},{},{}\n", i, i, held, i == 0 ? "023" : "");
  }
  imaging::write_file(labels_, labels);
  imaging::write_file(folder_ / "split.csv", split);
  expect_refused(train(fmt::format("--monitor auc --split '{}'", (folder_ / "split.csv").string())), 3,
                 "The validation part has 2 of 3 classes");
  fs::copy_file(folder_ / "split.csv", folder_ / "splits_0.csv");
  expect_refused(crossval(fmt::format("--monitor auc --splits '{}'", folder_.path().string())), 3,
                 "its validation part has 2 of 3 classes");
}

TEST_F(MilCommand, RefusesATileSizeThatIsNoNumber) {
  mil::Bag bag{
      .id = "005", .count = 1, .dim = kDim, .features = mil::FeatureVector(kDim, 0.0F), .coords = {0, 0}};
  mil::write_bag(bags_ / "005.h5", bag,
                 {.coords_attributes = {{"tile_px", std::string("unknown")}},
                  .features_attributes = {{"encoder", "painted"}, {"encoder_sha256", "ab"}},
                  .scores = std::nullopt});
  fs::remove(bags_ / "000.h5");
  fs::copy_file(bags_ / "005.h5", bags_ / "000.h5");
  expect_refused(train(), 3, "its attribute tile_px is 'unknown'");
}

TEST_F(MilCommand, TwoProcessesCrossvalidateAsOne) {
  const auto port = support::free_port();
  const auto start = [&](int rank) {
    return std::async(std::launch::async, [&, rank] {
      return support::run_command(fmt::format(
          "RANK={} WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT={} GLOO_SOCKET_IFNAME=lo {} mil crossval "
          "{} --out '{}' "
          "{} --folds 2 --batch-bags 4",
          rank, port, (support::bin_folder() / "tessera").string(), data(), run_.string(), kQuick));
    });
  };
  auto first = start(0), second = start(1);
  for (auto* one : {&first, &second}) {
    const auto output = one->get();
    ASSERT_EQ(output.exit_code, 0) << output.err;
  }
  const auto joint = imaging::read_csv_with_header(run_ / "fold_1/predictions.csv").rows;
  EXPECT_EQ(read_json(run_ / "fold_1/metrics.json")["processes"], 2);
  fs::remove_all(run_);
  ASSERT_EQ(crossval("--folds 2 --batch-bags 4").exit_code, 0);
  const auto alone = imaging::read_csv_with_header(run_ / "fold_1/predictions.csv").rows;
  ASSERT_EQ(joint.size(), alone.size());
  for (std::size_t i = 0; i < alone.size(); ++i) {
    for (const std::size_t column : {0, 1, 2, 3, 7, 8}) EXPECT_EQ(joint[i][column], alone[i][column]);
    EXPECT_NEAR(std::stod(joint[i][4]), std::stod(alone[i][4]), 1e-4) << alone[i][0];
  }
}

TEST_F(MilCommand, EmptyBagsAreLeftOutAndBagsOfOneOrTwoTilesAreTaken) {
  write_bag("000", 0, 0);
  write_bag("001", 0, 1);
  write_bag("003", 3, 2);
  const auto output = train();
  ASSERT_EQ(output.exit_code, 0) << output.err;
  EXPECT_EQ(read_json(run_ / "metrics.json")["skipped"], json::array({"000"}));
  EXPECT_THAT(imaging::read_file(run_ / "predictions.csv"), HasSubstr("holds no tiles"));
}

TEST_F(MilCommand, RefusesFeaturesThatDoNotFitTogether) {
  write_bag("005", 0, 5, kDim + 1);
  expect_refused(train(), 3, "005.h5");
  fs::remove_all(run_);
  write_bag("005", 0, 5, kDim, "cd");
  expect_refused(train(), 3, "train on bags of one encoder");
}

TEST_F(MilCommand, RefusesBrokenBags) {
  imaging::write_file(bags_ / "005.h5", "no features at all");
  expect_refused(train(), 3, "005.h5");
  fs::remove_all(run_);
  fs::remove(bags_ / "005.h5");
  for (const auto* fixture : {"slide_numpy.pt", "slide_legacy.pt", "labels_clam.csv"}) {
    fs::copy_file(support::source_root() / "tests/golden/formats" / fixture, bags_ / "005.pt",
                  fs::copy_options::overwrite_existing);
    expect_refused(train(), 3, "005.pt");
    fs::remove_all(run_);
  }
}

TEST_F(MilCommand, SaysWhichLabelsAndBagsHaveNoPartner) {
  fs::remove(bags_ / "023.h5");
  write_bag("unlabelled", 0);
  const auto output = train();
  ASSERT_EQ(output.exit_code, 0) << output.err;
  EXPECT_THAT(output.err, HasSubstr("1 of 24 labels have no bag and are left out: 023."));
  EXPECT_THAT(output.err, HasSubstr("1 of 24 bags have no label and are left out: unlabelled."));

  fs::remove_all(run_);
  imaging::write_file(labels_, "slide_id,label\n0,normal\n1,tumor\n");
  expect_refused(train(), 2, "leading zeros and upper case included");
}

TEST_F(MilCommand, ReadsTablesAsSpreadsheetsWriteThem) {
  auto text = imaging::read_file(labels_);
  std::string crlf = "\xEF\xBB\xBF";
  for (const char letter : text) crlf += letter == '\n' ? std::string("\r\n") : std::string(1, letter);
  imaging::write_file(labels_, crlf);
  const auto output = train();
  ASSERT_EQ(output.exit_code, 0) << output.err;
  EXPECT_EQ(imaging::read_csv_with_header(run_ / "predictions.csv").rows.size(), 24U);
}

TEST_F(MilCommand, RefusesTablesThatSayNothingOrTwoThings) {
  const auto whole = imaging::read_file(labels_);
  const auto refuses = [&](const std::string& from, const std::string& to, int code, const std::string& what,
                           const std::string& extra = "") {
    imaging::write_file(labels_, whole);
    replace_in_labels(from, to);
    expect_refused(train(extra), code, what);
    fs::remove_all(run_);
  };
  refuses("p00,001,normal", "p00,000,tumor", 3, "000 has two labels, normal and tumor");
  refuses("p00,001,normal", "p07,000,normal", 3, "000 has two patients, p00 and p07");
  refuses("p00,001,normal", "p00,001,Normal", 3, "differ in upper and lower case alone");
  refuses("p00,001,normal", "p00,001,", 3, "row 3 has no id or no label");
  refuses("case_id,slide_id,label", "a,b,c", 3, "needs the columns slide_id (or file) and label");
  refuses("p00,000", "p00,000", 2, "case counts: 'Tumor'", "--classes normal,Tumor");
  refuses("p00,000", "p00,000", 2, "two or more different names", "--classes normal,normal");

  std::string one_class = "slide_id,label\n";
  for (int i = 0; i < 24; ++i) one_class += fmt::format("{:03},normal\n", i);
  imaging::write_file(labels_, one_class);
  expect_refused(train(), 3, "every bag has the label 'normal'");
}

TEST_F(MilCommand, ClassesFixTheOrder) {
  ASSERT_EQ(train("--classes tumor,normal").exit_code, 0);
  EXPECT_EQ(read_json(run_ / "model/manifest.json")["class_names"], json::array({"tumor", "normal"}));
}

TEST_F(MilCommand, LabelsOfMhimNameTheSlidesByTheirPatients) {
  fs::remove_all(bags_);
  std::string labels;
  for (int i = 0; i < 12; ++i) {
    labels += fmt::format("TCGA-{},{}\n", i, i % 2 == 1 ? "LUSC" : "LUAD");
    write_bag(fmt::format("TCGA-{}-01Z", i), i % 2 == 1 ? 3 : 0);
  }
  imaging::write_file(labels_, labels);
  const auto output = train();
  ASSERT_EQ(output.exit_code, 0) << output.err;
  for (const auto& row : imaging::read_csv_with_header(run_ / "predictions.csv").rows)
    EXPECT_EQ(row[2], std::stoi(row[0].substr(5)) % 2 == 1 ? "LUSC" : "LUAD") << row[0];
}

}  // namespace
