#include "imaging/stain/stain_normalizer.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/slide/area_resample.h"
#include "imaging/slide/reader_table.h"
#include "tests/imaging/stain/stain_test_support.h"
#include "tests/support/test_support.h"

namespace imaging {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

class StainNormalizerTest : public testing::TestWithParam<std::string_view> {};
INSTANTIATE_TEST_SUITE_P(Methods, StainNormalizerTest, testing::Values("macenko", "vahadane", "reinhard"),
                         [](const auto& method) { return std::string(method.param); });

TEST_P(StainNormalizerTest, BringsTheSameTissueOfAllDomainsTogether) {
  const auto target = measure_stain(GetParam(), sample_of(painted("hospital-b")));
  std::vector<std::array<double, 3>> before, after;
  std::vector<double> amounts_before, amounts_after;
  for (const auto& domain : stain_domains()) {
    const auto& image = painted(domain.name);
    auto normalised = image;
    StainNormalizer(measure_stain(GetParam(), sample_of(image)), target).apply(normalised);
    before.push_back(mean_tissue_colour(image, image));
    after.push_back(mean_tissue_colour(normalised, image));
    const auto glass = normalised.pixel(2, 2);
    for (std::size_t c = 0; c < 3; ++c) EXPECT_NEAR(glass[c], target.white[c], 9) << domain.name << " glass";
    const auto mean_amount = [](const Image8& picture, std::size_t stain) {
      const auto amounts = decompose_stains(picture, kMacenkoStains, 245);
      double sum = 0;
      for (std::size_t i = stain; i < amounts.values().size(); i += 2)
        sum += static_cast<double>(amounts.values()[i]);
      return 2 * sum / static_cast<double>(amounts.values().size());
    };
    amounts_before.push_back(mean_amount(image, 0));
    amounts_after.push_back(mean_amount(normalised, 0));
  }
  const auto spread = [](const std::vector<double>& values) {
    return *std::max_element(values.begin(), values.end()) - *std::min_element(values.begin(), values.end());
  };
  RecordProperty("colour_distance_factor", std::to_string(mean_distance(before) / mean_distance(after)));
  RecordProperty("haematoxylin_spread_factor",
                 std::to_string(spread(amounts_before) / spread(amounts_after)));
  EXPECT_GT(mean_distance(before), 8 * mean_distance(after))
      << mean_distance(before) << " " << mean_distance(after);
  EXPECT_GT(spread(amounts_before), 10 * spread(amounts_after))
      << spread(amounts_before) << " " << spread(amounts_after);
}

TEST_P(StainNormalizerTest, ASlideThatLooksLikeTheTargetStaysAsItIs) {
  const auto& image = painted("hospital-g");
  const auto profile = measure_stain(GetParam(), sample_of(image));
  auto same = image;
  StainNormalizer(profile, profile).apply(same);
  int largest = 0;
  for (std::size_t i = 0; i < image.values().size(); ++i)
    largest = std::max(largest, std::abs(same.data()[i] - image.data()[i]));
  EXPECT_LE(largest, GetParam() == "reinhard" ? 1 : 0);
}

TEST_P(StainNormalizerTest, EveryColourGivesAColourAndTilesAgreeWithTheWhole) {
  const auto source = measure_stain(GetParam(), sample_of(painted("hospital-d")));
  const auto target = measure_stain(GetParam(), sample_of(painted("hospital-c")));
  const StainNormalizer normalizer(source, target);
  Image8 all(256, 256 * 16, 3);
  for (std::int64_t y = 0; y < all.height(); ++y) {
    for (std::int64_t x = 0; x < 256; ++x) {
      all.pixel(x, y)[0] = static_cast<std::uint8_t>(x);
      all.pixel(x, y)[1] = static_cast<std::uint8_t>(y);
      all.pixel(x, y)[2] = static_cast<std::uint8_t>(17 * (y / 256));
    }
  }
  auto whole = all;
  normalizer.apply(whole);
  Image8 part(64, 64, 3);
  for (std::int64_t y = 0; y < 64; ++y) std::copy_n(all.pixel(100, 700 + y), 3 * 64, part.row(y));
  normalizer.apply(part);
  for (std::int64_t y = 0; y < 64; ++y)
    ASSERT_TRUE(std::equal(part.row(y), part.row(y) + 3 * 64, whole.pixel(100, 700 + y))) << y;
}

TEST_P(StainNormalizerTest, AProfileSurvivesJson) {
  const auto profile = measure_stain(GetParam(), sample_of(painted("hospital-h")));
  const auto json = to_json(profile);
  const auto read = stain_profile_from_json(Json::parse(json.dump()));
  EXPECT_EQ(to_json(read), json);
  EXPECT_EQ(read.method, GetParam());
  auto image = painted("hospital-a");
  auto other = image;
  const auto source = measure_stain(GetParam(), sample_of(image));
  StainNormalizer(source, profile).apply(image);
  StainNormalizer(source, read).apply(other);
  EXPECT_EQ(image, other);
}

TEST_P(StainNormalizerTest, RealTilesOfFiveSetsComeTogether) {
  TESSERA_NEED_DATA(data, "pathology");
  std::optional<StainProfile> target;
  std::vector<std::array<double, 3>> before, after;
  for (const std::string set : {"monuseg", "glas", "ucsb_breast", "tnbc_nuclei", "lc25000_colon"}) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(data / set)) {
      const auto extension = entry.path().extension().string();
      const bool is_mask = entry.path().parent_path().filename() == "masks";
      if (!is_mask && (extension == ".jpg" || extension == ".jpeg" || extension == ".png"))
        files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    ASSERT_GE(files.size(), 8U) << set;
    std::array<double, 3> set_before{}, set_after{};
    constexpr std::size_t kImages = 8;
    for (std::size_t i = 0; i < kImages; ++i) {
      const auto& file = files[i * files.size() / kImages];
      const auto reader = open_slide(file);
      const auto profile = measure_stain(GetParam(), sample_image_pixels(*reader));
      if (!target) target = profile;
      if (const auto* dyes = std::get_if<DyeProfile>(&profile.colours)) {
        const auto& [h, e] = dyes->stains.rows;
        EXPECT_GT(h[0], e[0]) << file;
        EXPECT_LT(angle_degrees(h, kMacenkoStains.rows[0]), 25) << file;
        EXPECT_LT(angle_degrees(e, kMacenkoStains.rows[1]), 40) << file;
        EXPECT_LT(dyes->strength[0], 2.0) << file;
      }
      const auto image = read_overview(*reader, 512);
      auto normalised = image;
      StainNormalizer(profile, *target).apply(normalised);
      const auto colour = mean_tissue_colour(image, image), moved = mean_tissue_colour(normalised, image);
      for (std::size_t c = 0; c < 3; ++c) {
        ASSERT_FALSE(std::isnan(moved[c])) << file;
        set_before[c] += colour[c] / kImages;
        set_after[c] += moved[c] / kImages;
      }
    }
    before.push_back(set_before);
    after.push_back(set_after);
  }
  const double factor = mean_distance(before) / mean_distance(after);
  RecordProperty("colour_distance_factor", std::to_string(factor));
  EXPECT_GT(factor, 1.5) << mean_distance(before) << " " << mean_distance(after);
}

TEST(StainNormalizerTest, RefusesProfilesOfDifferentMethods) {
  const auto sample = sample_of(painted("hospital-a"));
  EXPECT_THAT([&] { StainNormalizer(measure_stain("macenko", sample), measure_stain("reinhard", sample)); },
              testing::Throws<Error>(support::HasCode(ErrorCode::invalid_argument)));
}

TEST(StainNormalizerTest, ReinhardRefusesGlass) {
  EXPECT_THAT([] { (void)measure_stain("reinhard", Image8(512, 512, 3, 250)); },
              testing::Throws<Error>(support::HasCode(ErrorCode::insufficient_data)));
}

TEST(StainProfileTest, RefusesJsonThatMakesNoSense) {
  const auto good = to_json(*find_stain_method("macenko").published_target());
  ASSERT_NO_THROW((void)stain_profile_from_json(good));
  const auto expect_refused = [](const Json& json) {
    EXPECT_THAT([&] { (void)stain_profile_from_json(json); },
                testing::Throws<Error>(support::HasCode(ErrorCode::corrupt_data)))
        << json.dump();
  };
  expect_refused(Json());
  expect_refused(Json::array());
  expect_refused({{"method", 7}});
  const std::vector<std::pair<std::string, Json>> wrong{{"method", "sepia"},
                                                        {"method", "none"},
                                                        {"method", "reinhard"},
                                                        {"white", {240, 240}},
                                                        {"white", {240, 240, 0}},
                                                        {"white", {240, 240, "240"}},
                                                        {"white", {240, 240, nullptr}},
                                                        {"haematoxylin", {0.1, 0.1, 0.1}},
                                                        {"haematoxylin", good["eosin"]},
                                                        {"eosin", {-0.5, 0.7, 0.5}},
                                                        {"strength", {0, 1}},
                                                        {"strength", {1e9, 1}}};
  for (const auto& [key, value] : wrong) {
    auto json = good;
    json[key] = value;
    expect_refused(json);
  }
  for (const auto* key : {"white", "haematoxylin", "eosin", "strength"}) {
    auto json = good;
    json.erase(key);
    expect_refused(json);
  }
}

}  // namespace
}  // namespace imaging
