#include "app/workflows/annotations.h"

#include "imaging/annotation/annotation_files.h"
#include "imaging/base/files.h"
#include "tests/support/test_support.h"

namespace {

using imaging::ErrorCode;
using support::HasCode;
using workflows::InsideOptions;

class InsideTest : public testing::Test {
 protected:
  InsideTest() {
    imaging::Annotation tumour;
    tumour.class_name = "Tumour";
    tumour.geometry = imaging::rectangle_geometry({0, 0, 50, 100});
    imaging::Annotation point;
    point.class_name = "Tumour";
    point.geometry.parts = {{{{5, 5}}}};
    imaging::AnnotationSet set;
    set.items = {tumour, point};
    imaging::write_annotations(folder_ / "marks/slide.xml", set);
  }
  [[nodiscard]] imaging::TissueMask inside(const InsideOptions& options) const {
    const imaging::TissueMask tissue(imaging::Image8(10, 10, 1, 255), {100, 100}, {}, 8);
    return workflows::tissue_inside_annotations(tissue, options, "in/slide.svs", {100, 100});
  }
  support::TemporaryFolder folder_;
};

TEST_F(InsideTest, TakesAFileOrAFolderOfOnePerInput) {
  EXPECT_DOUBLE_EQ(inside({(folder_ / "marks/slide.xml").string(), {}}).area_fraction(), 0.5);
  EXPECT_DOUBLE_EQ(inside({(folder_ / "marks").string(), "tumour"}).area_fraction(), 0.5);
  const auto record = workflows::inside_json({(folder_ / "marks").string(), "tumour"}, "in/slide.svs");
  EXPECT_EQ(record["file"], "slide.xml") << "no folder";
  EXPECT_EQ(record["sha256"], imaging::sha256_of_file(folder_ / "marks/slide.xml"));
  EXPECT_EQ(record["class"], "tumour");
  EXPECT_TRUE(workflows::inside_json({}, "in/slide.svs").is_null());
}

TEST_F(InsideTest, SaysWhatIsMissing) {
  EXPECT_THAT(
      [&] {
        (void)inside({(folder_ / "marks").string(), "stroma"});
      },
      testing::Throws<imaging::Error>(HasCode(ErrorCode::not_found)));
  std::filesystem::create_directories(folder_ / "none");
  EXPECT_THAT(
      [&] {
        (void)inside({(folder_ / "none").string(), {}});
      },
      testing::Throws<imaging::Error>(HasCode(ErrorCode::not_found)));
  imaging::write_file(folder_ / "far.geojson",
                      R"({"type":"Polygon","coordinates":[[[900,0],[990,0],[990,50],[900,0]]]})");
  EXPECT_THAT(
      [&] {
        (void)inside({(folder_ / "far.geojson").string(), {}});
      },
      testing::Throws<imaging::Error>(HasCode(ErrorCode::incompatible)));
}

}  // namespace
