#include "app/workflows/tile_truth.h"

#include "imaging/base/files.h"
#include "tests/support/test_support.h"

namespace {

using support::HasCode;
using workflows::AnnotatedRegion;

// A square 0..100 with a hole 40..60, and a second polygon; one as a plain-string class, one of another
// class.
constexpr const char* kTruth = R"({"type":"FeatureCollection","features":[
 {"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[0,0],[100,0],[100,100],[0,100],[0,0]],[[40,40],[60,40],[60,60],[40,60],[40,40]]]},
  "properties":{"objectType":"annotation","classification":{"name":"Tumour"}}},
 {"type":"Feature","geometry":{"type":"MultiPolygon","coordinates":[[[[200,0],[300,0],[300,100],[200,100],[200,0]]]]},
  "properties":{"classification":"tumour"}},
 {"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[500,0],[600,0],[600,100],[500,100],[500,0]]]},
  "properties":{"classification":{"name":"Tissue"}}},
 {"type":"Feature","geometry":{"type":"Point","coordinates":[700,50]},"properties":{"classification":{"name":"Tumour"}}}]})";

class TileTruthTest : public testing::Test {
 protected:
  support::TemporaryFolder folder_;
  AnnotatedRegion read(const std::string& text) {
    imaging::write_file(folder_ / "truth.geojson", text);
    return AnnotatedRegion::read(folder_ / "truth.geojson", "Tumour");
  }
};

TEST_F(TileTruthTest, RefusesDepthTwofoldKeysAndNan) {
  for (const auto& text :
       {"{\"features\":" + std::string(1'000'000, '['), std::string(R"({"features":[],"features":[]})"),
        std::string(R"({"features":[{"geometry":{"coordinates":[[[NaN,0]]]}}]})"),
        std::string(R"({"features":[{"properties":{"name":"tumour"},"geometry":)"
                    R"({"type":"Polygon","coordinates":[["x"]]}}]})")}) {
    EXPECT_THAT([&] { (void)read(text); },
                testing::Throws<imaging::Error>(HasCode(imaging::ErrorCode::corrupt_data)))
        << text.substr(0, 80);
  }
}

TEST_F(TileTruthTest, KnowsInsideHoleAndOtherClasses) {
  const auto region = read(kTruth);

  EXPECT_TRUE(region.contains({10, 10}));
  EXPECT_FALSE(region.contains({50, 50})) << "the hole";
  EXPECT_TRUE(region.contains({250, 50})) << "class given as a plain string, other case";
  EXPECT_FALSE(region.contains({550, 50})) << "another class";
  EXPECT_FALSE(region.contains({150, 50}));
}

TEST_F(TileTruthTest, LabelsATileByHalfOfItsArea) {
  const auto region = read(kTruth);

  const auto labels = region.label_tiles({0, 0, 89, 0, 97, 0, -10, 20}, {20, 20});

  EXPECT_THAT(labels, testing::ElementsAre(1, 1, 0, 1));
}

TEST_F(TileTruthTest, GivesAnEmptyRegionWithoutTheClassAndRefusesWhatIsNoGeoJson) {
  EXPECT_FALSE(read(R"({"features":[]})").contains({0, 0}));
  EXPECT_THAT([&] { (void)read("{\"features\":"); },
              testing::Throws<imaging::Error>(HasCode(imaging::ErrorCode::corrupt_data)));
  EXPECT_THAT([&] { (void)AnnotatedRegion::read(folder_ / "none.geojson", "Tumour"); },
              testing::Throws<imaging::Error>(HasCode(imaging::ErrorCode::not_found)));
}

}  // namespace
