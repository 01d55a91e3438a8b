#include "mil/bags/split.h"

#include <map>
#include <set>

#include "imaging/base/files.h"
#include "tests/support/test_support.h"

namespace mil {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using support::HasCode;
using testing::ElementsAre;
using testing::Throws;

std::filesystem::path fixture(const std::string& name) {
  return support::source_root() / "tests" / "golden" / "formats" / name;
}

std::vector<std::string> ids_of(const LabelTable& table) {
  std::vector<std::string> ids;
  for (const auto& row : table.rows) ids.push_back(row.id);
  return ids;
}

/// 40 patients, 10 of them tumour, two slides each.
LabelTable painted_cohort() {
  LabelTable table;
  for (int i = 0; i < 80; ++i) {
    const auto patient = "patient" + std::to_string(i / 2);
    table.rows.push_back({"slide" + std::to_string(i), patient, (i / 2) % 4 == 0 ? "tumor" : "normal"});
  }
  return table;
}

TEST(LabelTableTest, ReadsEveryForm) {
  const auto clam = read_labels(fixture("labels_clam.csv"));
  EXPECT_THAT(ids_of(clam), ElementsAre("slide_a", "slide_a2", "slide_b", "slide,c"));
  EXPECT_EQ(clam.rows[1].patient, "patient_0");
  EXPECT_THAT(clam.class_names(), ElementsAre("normal_tissue", "tumor_tissue"));

  const auto mhim = read_labels(fixture("labels_mhim.csv"));
  EXPECT_THAT(ids_of(mhim), ElementsAre("slide_a", "slide_b"));
  EXPECT_EQ(label_indices(mhim, mhim.class_names()).at("slide_a"), 1);

  EXPECT_THAT(ids_of(read_labels(fixture("labels_crlf_bom.csv"))), ElementsAre("0012", "0013"));
}

TEST(LabelTableTest, ReadsOurCohortsByFile) {
  const support::TemporaryFolder folder;
  imaging::write_file(folder / "labels.csv",
                      "file,patient,label,domain\nslides/007.tif,p1,10,a\n008.tif,p2,9,b\n");

  const auto table = read_labels(folder / "labels.csv");

  EXPECT_THAT(ids_of(table), ElementsAre("007", "008"));
  EXPECT_EQ(table.rows[0].patient, "p1");
  EXPECT_THAT(table.class_names(), ElementsAre("9", "10"));
}

TEST(LabelTableTest, RefusesTablesThatSayNothingOrTwoThings) {
  const support::TemporaryFolder folder;
  const auto refuses = [&](const std::string& text) {
    imaging::write_file(folder / "labels.csv", text);
    EXPECT_THAT([&] { (void)read_labels(folder / "labels.csv"); },
                Throws<Error>(HasCode(ErrorCode::corrupt_data)))
        << text;
  };
  refuses("");
  refuses("a,b,c\n1,2,3\n");
  refuses("slide_id,label\ns1,\n");
  refuses("slide_id,label\ns1,a\ns1,b\n");
  refuses("case_id,slide_id,label\np1,s1,a\np2,s1,a\n");
  refuses("slide_id,label\ns1,tumor\ns2,Tumor\n");
}

TEST(LabelTableTest, TakesTheClassesInTheOrderThatIsGiven) {
  auto table = painted_cohort();
  table.set_class_order({"tumor", "normal", "unseen"});
  EXPECT_THAT(table.class_names(), ElementsAre("tumor", "normal", "unseen"));
  for (const auto& names : std::vector<std::vector<std::string>>{
           {"tumor"}, {"tumor", "tumor"}, {"Tumor", "normal"}, {"tumor", "other"}}) {
    EXPECT_THAT([&] { painted_cohort().set_class_order(names); },
                Throws<Error>(HasCode(ErrorCode::invalid_argument)));
  }
}

TEST(SplitTest, ReadsBothFormsOfClam) {
  for (const auto* name : {"splits_0.csv", "splits_0_bool.csv"}) {
    const auto split = read_split(fixture(name));
    EXPECT_THAT(split.train, ElementsAre("slide_a", "slide_a2")) << name;
    EXPECT_THAT(split.validation, ElementsAre("slide_b")) << name;
    EXPECT_THAT(split.test, ElementsAre("slide,c")) << name;
  }
}

TEST(SplitTest, ReadsTruthAsASpreadsheetSavesIt) {
  const support::TemporaryFolder folder;
  imaging::write_file(folder / "splits_0_bool.csv",
                      ",train,val,test\na,TRUE,FALSE,FALSE\nb,FALSE,FALSE,TRUE\n");
  const auto split = read_split(folder / "splits_0_bool.csv");
  EXPECT_EQ(split.train, std::vector<std::string>{"a"});
  EXPECT_EQ(split.test, std::vector<std::string>{"b"});
}

TEST(SplitTest, RefusesAnIdInTwoParts) {
  const support::TemporaryFolder folder;
  imaging::write_file(folder / "splits.csv", ",train,val,test\n0,a,a,b\n");

  EXPECT_THAT([&] { (void)read_split(folder / "splits.csv"); },
              Throws<Error>(HasCode(ErrorCode::corrupt_data)));
}

TEST(SplitTest, KeepsPatientsTogetherAndClassesShared) {
  const auto table = painted_cohort();
  const auto labels = label_indices(table, table.class_names());

  const auto split = make_split(table, {.validation = 0.2, .test = 0.2}, 5);

  std::map<std::string, std::set<int>> parts_of_patient;
  std::map<std::string, std::string> patient_of;
  for (const auto& row : table.rows) patient_of[row.id] = row.patient;
  int part = 0;
  for (const auto* ids : {&split.train, &split.validation, &split.test}) {
    std::int64_t tumours = 0;
    for (const auto& id : *ids) {
      parts_of_patient[patient_of[id]].insert(part);
      tumours += labels.at(id);
    }
    EXPECT_EQ(ids->size(), part == 0 ? 48U : 16U);
    EXPECT_EQ(tumours, part == 0 ? 12 : 4);
    ++part;
  }
  for (const auto& [patient, parts] : parts_of_patient) EXPECT_EQ(parts.size(), 1U) << patient;
}

TEST(SplitTest, FoldsTestEveryPatientOnceAndShareTheClasses) {
  const auto table = painted_cohort();
  const auto labels = label_indices(table, table.class_names());

  const auto folds = make_folds(table, 5, 0.25, 3);

  ASSERT_EQ(folds.size(), 5U);
  std::set<std::string> tested;
  for (const auto& fold : folds) {
    EXPECT_NO_THROW(check_patients(fold, table, "fold"));
    EXPECT_EQ(fold.train.size() + fold.validation.size() + fold.test.size(), 80U);
    EXPECT_EQ(fold.validation.size(), 16U);
    std::int64_t tumours = 0;
    for (const auto& id : fold.test) {
      EXPECT_TRUE(tested.insert(id).second) << id;
      tumours += labels.at(id);
    }
    EXPECT_EQ(tumours, 4);
  }
  EXPECT_EQ(tested.size(), 80U);
  EXPECT_NE(folds[0].test, make_folds(table, 5, 0.25, 4)[0].test);
}

TEST(SplitTest, FoldsMayLeaveSinglePatientsOutAndNoMore) {
  LabelTable table;
  for (int i = 0; i < 4; ++i) {
    const auto patient = std::to_string(i);
    for (const auto* slide : {"a", "b"}) table.rows.push_back({patient + slide, patient, i < 1 ? "x" : "y"});
  }
  for (const auto& fold : make_folds(table, 4, 0, 1)) {
    EXPECT_EQ(fold.test.size(), 2U);
    EXPECT_EQ(fold.train.size(), 6U);
  }
  for (const auto folds : {1, 5}) {
    EXPECT_THAT([&] { (void)make_folds(table, folds, 0, 1); },
                Throws<Error>(HasCode(ErrorCode::invalid_argument)));
  }
}

TEST(SplitTest, RefusesAPatientInTwoParts) {
  const auto table = painted_cohort();
  const Split split{.train = {"slide0", "slide2"}, .validation = {}, .test = {"slide1"}};
  EXPECT_THAT([&] { check_patients(split, table, "here"); },
              Throws<Error>(HasCode(ErrorCode::invalid_argument)));
}

TEST(SplitTest, DependsOnTheSeedAloneAndSurvivesTheFile) {
  const support::TemporaryFolder folder;
  const auto split = make_split(painted_cohort(), {}, 3);
  EXPECT_EQ(split.test, make_split(painted_cohort(), {}, 3).test);
  EXPECT_NE(split.test, make_split(painted_cohort(), {}, 4).test);

  write_split(folder / "splits_0.csv", split);

  const auto back = read_split(folder / "splits_0.csv");
  EXPECT_EQ(back.train, split.train);
  EXPECT_EQ(back.validation, split.validation);
  EXPECT_EQ(back.test, split.test);
}

TEST(SplitTest, LeavesALonePatientInTheTrainingPart) {
  const LabelTable table{.rows = {{"s1", "p1", "a"}, {"s2", "p2", "b"}}, .class_order = {}};

  const auto split = make_split(table, {}, 1);

  EXPECT_THAT(split.train, ElementsAre("s1", "s2"));
  EXPECT_THAT([&] { (void)make_split(table, {.validation = 0.6, .test = 0.5}, 1); },
              Throws<Error>(HasCode(ErrorCode::invalid_argument)));
}

}  // namespace
}  // namespace mil
