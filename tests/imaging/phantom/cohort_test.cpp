#include "imaging/phantom/cohort.h"

#include <algorithm>
#include <map>
#include <set>

#include "imaging/base/csv.h"
#include "imaging/base/files.h"
#include "tests/support/test_support.h"

namespace imaging {
namespace {

namespace fs = std::filesystem;

CohortOptions small_cohort() {
  CohortOptions options;
  options.slides = 8;
  options.patients = 6;
  options.domains = {"hospital-a", "hospital-c"};
  options.min_side = 512;
  options.max_side = 700;
  options.folds = 3;
  return options;
}

TEST(CohortTest, DomainsSayNothingOfTheLabel) {
  CohortOptions options;
  options.slides = 80;
  options.patients = 80;
  std::map<std::string, int> tumours;
  int total = 0;
  for (const auto& slide : plan_cohort(options)) {
    tumours[slide.domain] += slide.has_tumour;
    total += slide.has_tumour;
    EXPECT_EQ(slide.has_tumour, slide.tumour_fraction > 0);
  }
  EXPECT_EQ(total, 40);
  for (const auto& [domain, count] : tumours) EXPECT_EQ(count, 10) << domain;
}

TEST(CohortTest, WritesSlidesLabelsAndSplitsThatNeverShareAPatient) {
  const support::TemporaryFolder folder;

  write_cohort(folder.path(), small_cohort(), JobContext{}, 2);

  const auto labels = read_csv_with_header(folder / "labels.csv");
  ASSERT_EQ(labels.rows.size(), 8U);
  ASSERT_EQ(labels.header[0], "case_id");
  ASSERT_EQ(labels.header[1], "slide_id");
  ASSERT_EQ(labels.header[2], "label");
  std::map<std::string, std::string> patient_of;
  std::map<std::string, std::string> label_of;
  for (const auto& row : labels.rows) {
    patient_of[row[1]] = row[0];
    label_of[row[1]] = row[2];
    EXPECT_TRUE(fs::exists(folder.path() / row[3])) << row[3];
    EXPECT_TRUE(fs::exists(fs::path(folder.path() / row[3]).replace_extension(".geojson")));
    EXPECT_TRUE(fs::exists(fs::path(folder.path() / row[3]).replace_extension(".json")));
  }
  std::multiset<std::string> tested;
  for (int k = 0; k < 3; ++k) {
    const auto split =
        read_csv_with_header(folder.path() / "splits" / ("splits_" + std::to_string(k) + ".csv"));
    ASSERT_EQ(split.header, (std::vector<std::string>{"", "train", "val", "test"}));
    std::map<std::string, std::size_t> part_of;
    std::set<std::string> labels_in_test;
    std::size_t slides = 0;
    for (const auto& row : split.rows) {
      for (std::size_t part = 1; part <= 3; ++part) {
        if (row[part].empty()) continue;
        ++slides;
        const auto [found, is_new] = part_of.emplace(patient_of.at(row[part]), part);
        EXPECT_TRUE(is_new || found->second == part) << row[part];
        if (part == 3) {
          tested.insert(row[part]);
          labels_in_test.insert(label_of.at(row[part]));
        }
      }
    }
    EXPECT_EQ(slides, 8U);
    EXPECT_EQ(labels_in_test.size(), 2U);
  }
  EXPECT_EQ(tested.size(), 8U);
  EXPECT_EQ(std::set<std::string>(tested.begin(), tested.end()).size(), 8U);
}

TEST(CohortTest, ArtefactsComeByShareAndAreInTheTable) {
  CohortOptions options = small_cohort();
  options.slides = options.patients = 200;
  options.artefact_share = 0.5;
  const auto plain = plan_cohort([&] {
    auto none = options;
    none.artefact_share = 0;
    return none;
  }());
  const auto slides = plan_cohort(options);
  std::int64_t spoilt = 0;
  for (std::size_t i = 0; i < slides.size(); ++i) {
    EXPECT_EQ(slides[i].seed, plain[i].seed);
    EXPECT_EQ(plain[i].pen + plain[i].folds + plain[i].blur, 0);
    spoilt += slides[i].pen + slides[i].folds + slides[i].blur > 0;
  }
  EXPECT_NEAR(static_cast<double>(spoilt), 100, 25);

  const support::TemporaryFolder folder;
  options = small_cohort();
  options.slides = options.patients = 2;
  options.folds = 0;
  options.artefact_share = 1;
  write_cohort(folder.path(), options, JobContext{}, 2);
  const auto planned = plan_cohort(options);
  const auto labels = read_csv_with_header(folder / "labels.csv");
  ASSERT_EQ(labels.rows.size(), 2U);
  const auto folds = std::find(labels.header.begin(), labels.header.end(), "folds") - labels.header.begin();
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(labels.rows[i][static_cast<std::size_t>(folds)], std::to_string(planned[i].folds));
  }
}

TEST(CohortTest, StopLeavesNoHalfWrittenSlide) {
  const support::TemporaryFolder folder;
  std::stop_source stop;
  const JobContext job(stop.get_token(), [&](const Progress& step) {
    if (step.done == 2) stop.request_stop();
  });

  EXPECT_THROW(write_cohort(folder.path(), small_cohort(), job, 2), Cancelled);

  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder.path() / "slides")) {
    names.insert(entry.path().filename().string());
  }
  EXPECT_EQ(names, (std::set<std::string>{"phantom_0001.geojson", "phantom_0001.json", "phantom_0001.tiff",
                                          "phantom_0002.geojson", "phantom_0002.json", "phantom_0002.tiff"}));
  EXPECT_FALSE(fs::exists(folder / "labels.csv"));
}

TEST(CohortTest, RefusesWhatCannotBeDealt) {
  const auto is_invalid = support::HasCode(ErrorCode::invalid_argument);
  CohortOptions options = small_cohort();
  options.patients = 20;
  EXPECT_THAT([&] { (void)plan_cohort(options); }, testing::Throws<Error>(is_invalid));
  options = small_cohort();
  options.folds = 5;
  EXPECT_THAT([&] { (void)plan_cohort(options); }, testing::Throws<Error>(is_invalid));
  options = small_cohort();
  options.domains = {"hospital-z"};
  EXPECT_THAT([&] { (void)plan_cohort(options); }, testing::Throws<Error>(is_invalid));
}

}  // namespace
}  // namespace imaging
