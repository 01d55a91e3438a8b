#include "imaging/phantom/fundus_cohort.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "imaging/base/csv.h"
#include "imaging/base/files.h"
#include "tests/support/test_support.h"

namespace {

TEST(FundusCohortTest, GradesAreEquallyFrequentInEveryClinic) {
  const auto images = imaging::plan_fundus_cohort({});
  std::map<std::pair<std::string, std::int64_t>, int> counts;
  for (const auto& image : images) ++counts[{image.phantom.domain, image.phantom.grade}];
  ASSERT_EQ(counts.size(), 20U);
  for (const auto& [key, count] : counts) EXPECT_EQ(count, 4) << key.first << " " << key.second;
}

TEST(FundusCohortTest, FewPatientsSeeEveryGradeAndAreHeldOutInEveryClinic) {
  for (const std::int64_t patients : {8, 10, 20, 24}) {
    std::map<std::int64_t, int> grades;
    std::map<std::string, std::set<std::int64_t>> seen;
    std::set<std::string> held_out;
    std::set<std::int64_t> held_out_grades;
    for (const auto& image : imaging::plan_fundus_cohort({.images = patients, .patients = patients})) {
      ++grades[image.phantom.grade];
      seen[image.phantom.domain].insert(image.phantom.grade);
      if (image.split != "crossval") continue;
      held_out.insert(image.phantom.domain);
      held_out_grades.insert(image.phantom.grade);
    }
    ASSERT_EQ(grades.size(), 5U) << patients;
    for (const auto& [grade, count] : grades) EXPECT_NEAR(count, static_cast<double>(patients) / 5, 0.99);
    for (const auto& [clinic, found] : seen)
      EXPECT_GE(found.size(), std::min<std::size_t>(5, static_cast<std::size_t>(patients / 4))) << clinic;
    EXPECT_EQ(held_out.size(), 4U) << patients;
    EXPECT_GE(held_out_grades.size(), 3U) << patients;
  }
}

TEST(FundusCohortTest, ImbalanceHasMostlyHealthyEyes) {
  std::map<std::int64_t, int> counts;
  for (const auto& image :
       imaging::plan_fundus_cohort({.images = 400, .patients = 400, .imbalance = 1, .poor_share = 0.25}))
    ++counts[image.phantom.grade];
  EXPECT_NEAR(counts[0], 294, 4);
  EXPECT_NEAR(counts[2], 60, 4);
}

TEST(FundusCohortTest, NoPatientIsInTwoSplitsOrTwoClinics) {
  std::map<std::string, std::set<std::string>> places;
  int held_out = 0;
  const auto images = imaging::plan_fundus_cohort({.images = 200, .patients = 100, .poor_share = 0.3});
  int poor = 0;
  for (const auto& image : images) {
    places[image.patient].insert(image.split + image.phantom.domain);
    held_out += image.split == "crossval" ? 1 : 0;
    poor += image.fault.empty() ? 0 : 1;
  }
  for (const auto& [patient, found] : places) EXPECT_EQ(found.size(), 1U) << patient;
  EXPECT_NEAR(held_out, 40, 8);
  EXPECT_NEAR(poor, 60, 20);
}

TEST(FundusCohortTest, RefusesMorePatientsThanImages) {
  EXPECT_THAT([&] { (void)imaging::plan_fundus_cohort({.images = 3, .patients = 4}); },
              testing::Throws<imaging::Error>(support::HasCode(imaging::ErrorCode::invalid_argument)));
}

TEST(FundusCohortTest, WritesWhatItPlanned) {
  const support::TemporaryFolder folder;
  const imaging::FundusCohortOptions options{.images = 4, .patients = 2, .domains = {"clinic-b"}};
  imaging::write_fundus_cohort(folder.path(), options, {});
  const auto labels = imaging::read_csv_with_header(folder / "labels.csv");
  const auto images = imaging::plan_fundus_cohort(options);
  ASSERT_EQ(labels.rows.size(), images.size());
  std::string lists = imaging::read_file(folder.path() / "splits" / "clinic-b_train.txt") +
                      imaging::read_file(folder.path() / "splits" / "clinic-b_crossval.txt");
  for (std::size_t i = 0; i < images.size(); ++i) {
    EXPECT_TRUE(std::filesystem::exists(folder.path() / labels.rows[i][0]));
    EXPECT_EQ(labels.rows[i][2], std::to_string(images[i].phantom.grade));
    EXPECT_NE(lists.find(labels.rows[i][0] + " " + labels.rows[i][2] + "\n"), std::string::npos);
    EXPECT_TRUE(std::filesystem::exists(folder.path() / "masks" / "vessels" / (images[i].name + ".png")));
  }
}

}  // namespace
