#include "imaging/annotation/annotation.h"

#include <cmath>
#include <numbers>

#include "imaging/annotation/annotation_files.h"
#include "imaging/annotation/annotation_mask.h"
#include "imaging/base/files.h"
#include "tests/support/test_support.h"

namespace {

using imaging::Annotation;
using imaging::AnnotationSet;
using imaging::ErrorCode;
using imaging::GeometryKind;
using support::HasCode;
using testing::ElementsAre;

// A feature of every kind that today's QuPath writes, `metadata` twice as it does.
constexpr const char* kToday = R"({"type":"FeatureCollection","scanner":"kept","features":[
{"type":"Feature","id":"a1","geometry":{"type":"Polygon","coordinates":[[[0,0],[100,0],[100,80.25],[0,80.25],[0,0]],[[10,10],[20,10],[20,20],[10,20],[10,10]]],"plane":{"c":-1,"z":0,"t":0}},
 "properties":{"objectType":"annotation","name":"Region 1","color":[1,2,3],"classification":{"names":["Tumor","Positive"],"color":[200,0,0]},"isLocked":true,
 "measurements":{"Area":7.5,"Odd":"NaN"},"metadata":{"ANNOTATION_DESCRIPTION":"look here","rater":"B"},"metadata":{"ANNOTATION_DESCRIPTION":"look here","rater":"B"},
 "childObjects":[{"type":"Feature","id":"c1","geometry":{"type":"Point","coordinates":[5,6]},"properties":{"objectType":"detection"}}]}},
{"type":"Feature","id":"e1","geometry":{"type":"Polygon","coordinates":[[[0,5],[5,0],[10,5],[5,10],[0,5]]],"isEllipse":true},"properties":{"objectType":"annotation"}},
{"type":"Feature","id":"l1","geometry":{"type":"LineString","coordinates":[[0,0],[3,4]]},"properties":{"objectType":"annotation"}},
{"type":"Feature","id":"m1","geometry":{"type":"MultiPoint","coordinates":[[1,2],[3,4,9]]},"properties":{"objectType":"annotation","isMissing":false}},
{"type":"Feature","id":"x1","geometry":{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0,0]]],[[[5,5],[6,5],[6,6],[5,5]]]]},"nucleusGeometry":{"type":"Point","coordinates":[1,1]},"properties":{"objectType":"cell"}}
]})";

TEST(GeoJsonTest, ReadsWhatQuPathWritesToday) {
  const auto set = imaging::parse_geojson(kToday, "today");

  ASSERT_EQ(set.items.size(), 6U);
  const auto& region = set.items[0];
  EXPECT_EQ(region.name, "Region 1");
  EXPECT_EQ(region.class_name, "Tumor: Positive");
  EXPECT_EQ(region.class_colour, (imaging::Rgb8{200, 0, 0}));
  EXPECT_EQ(region.colour, (imaging::Rgb8{1, 2, 3}));
  EXPECT_EQ(region.notes, "look here");
  EXPECT_TRUE(region.is_locked);
  EXPECT_EQ(region.geometry.parts[0].size(), 2U);
  EXPECT_EQ(region.geometry.parts[0][0].size(), 4U) << "closed implicitly";
  EXPECT_DOUBLE_EQ(imaging::area_of(region.geometry, {0.5, 2}), 100 * 80.25 - 100);
  EXPECT_EQ(set.items[1].parent_id, "a1");
  EXPECT_TRUE(set.items[2].geometry.is_ellipse);
  EXPECT_DOUBLE_EQ(imaging::area_of(set.items[2].geometry, {1, 1}), std::numbers::pi * 25);
  EXPECT_DOUBLE_EQ(imaging::length_of(set.items[3].geometry, {1, 1}), 5);
  EXPECT_DOUBLE_EQ(imaging::length_of(set.items[3].geometry, {2, 0}), 6);
  EXPECT_EQ(set.items[4].geometry.parts[0][0].size(), 2U);
  EXPECT_EQ(set.items[5].object_type, "cell");
  EXPECT_EQ(set.items[5].geometry.parts.size(), 2U);
}

TEST(GeoJsonTest, WritesBackAllThatItRead) {
  const auto first = imaging::parse_geojson(kToday, "today");
  const auto text = imaging::to_geojson(first);
  const auto second = imaging::parse_geojson(text, "again");

  EXPECT_EQ(second.items, first.items);
  EXPECT_EQ(second.extra, first.extra);
  EXPECT_EQ(imaging::to_geojson(second), text);
  for (const char* kept : {"scanner", "plane", "rater", "Odd", "nucleusGeometry", "isMissing", "names"})
    EXPECT_NE(text.find(kept), std::string::npos) << kept;
}

TEST(GeoJsonTest, ReadsEveryOlderSpelling) {
  const auto set = imaging::parse_geojson(R"([
{"type":"Feature","id":"PathDetectionObject","geometry":{"type":"Point","coordinates":[1,2]},"properties":{"classification":"Stroma"}},
{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":{"object_type":"tile","classification":{"name":"Tumor","colorRGB":-3670016},"color":-16776961,
 "measurements":[{"name":"a","value":1},{"name":"b","value":"NaN"}]}},
{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":{"type":"cell","children":[{"geometry":{"type":"Point","coordinates":[3,4]}}]}},
{"type":"Feature","geometry":{"type":"GeometryCollection","geometries":[]},"properties":null},
{"type":"Feature","geometry":null}])",
                                          "older");
  ASSERT_EQ(set.items.size(), 4U);
  EXPECT_EQ(set.items[0].object_type, "detection");
  EXPECT_EQ(set.items[0].class_name, "Stroma");
  EXPECT_EQ(set.items[1].object_type, "tile");
  EXPECT_EQ(set.items[1].class_colour, (imaging::Rgb8{200, 0, 0}));
  EXPECT_EQ(set.items[1].colour, (imaging::Rgb8{0, 0, 255}));
  EXPECT_EQ(set.items[1].properties_extra["measurements"]["a"], 1);
  EXPECT_EQ(set.items[2].object_type, "cell");
  EXPECT_EQ(set.items[3].parent_id, set.items[2].id);
  EXPECT_EQ(set.warnings.size(), 1U) << "two features without a geometry that can be drawn";

  EXPECT_EQ(imaging::parse_geojson(R"({"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1]]]})", "bare")
                .items.size(),
            1U);
  EXPECT_EQ(
      imaging::parse_geojson(R"({"type":"Feature","geometry":{"type":"Point","coordinates":[0,0]}})", "one")
          .items.size(),
      1U);
}

TEST(GeoJsonTest, RefusesWhatIsHostile) {
  const auto point = [](const std::string& coordinates) {
    return R"({"features":[{"geometry":{"type":"Point","coordinates":)" + coordinates + "}}]}";
  };
  for (
      const auto& text :
      {std::string(), std::string("null"), std::string("{}"), std::string("[3]"),
       std::string("{\"features\":7}"), "{\"features\":" + std::string(1'000'000, '['), point("[1]"),
       point("[\"a\",2]"), point("[1e12,0]"), point("[NaN,0]"), point("[1e999,0]"),
       std::string(R"({"features":[],"features":[]})"),
       std::string(R"({"features":[{"geometry":{"type":"Polygon","coordinates":[[1,2]]}}]})"),
       std::string(
           R"({"features":[{"geometry":{"type":"Point","coordinates":[0,0]},"properties":{"classification":7}}]})")}) {
    EXPECT_THAT([&] { (void)imaging::parse_geojson(text, "hostile"); },
                testing::Throws<imaging::Error>(HasCode(ErrorCode::corrupt_data)))
        << text.substr(0, 80);
  }
}

// Hand-made after ASAP's own files: splines, groups within groups, attributes, coordinates out of order.
constexpr const char* kAsap = R"(<?xml version="1.0"?>
<ASAP_Annotations><Annotations>
<Annotation Name="Annotation &amp; 0" Type="Polygon" PartOfGroup="Tumour" Color="#ff0000"><Coordinates>
 <Coordinate Order="2" X="30.5" Y="30"/><Coordinate Order="0" X="1" Y="2.25"/><Coordinate Order="1" X="40" Y="2"/></Coordinates></Annotation>
<Annotation Name="s" Type="Spline" PartOfGroup="None" Color="#F4FA58" Reviewed="yes"><Coordinates>
 <Coordinate Order="0" X="1" Y="1"/><Coordinate Order="1" X="9" Y="1"/><Coordinate Order="2" X="9" Y="9"/></Coordinates></Annotation>
<Annotation Name="d" Type="Dot" PartOfGroup="Cells" Color="#00ff00"><Coordinates><Coordinate Order="4000000000" X="7" Y="8"/></Coordinates></Annotation>
<Annotation Name="m" Type="Measurement" PartOfGroup="None" Color="#F4FA58"><Coordinates><Coordinate Order="0" X="0" Y="0"/><Coordinate Order="1" X="3" Y="4"/></Coordinates></Annotation>
<Annotation Name="p" Type="PointSet" PartOfGroup="None" Color="#F4FA58"><Coordinates><Coordinate Order="0" X="0" Y="0"/><Coordinate Order="1" X="3" Y="4"/></Coordinates></Annotation>
<Annotation Name="r" Type="Rectangle" PartOfGroup="None" Color="#F4FA58"><Coordinates><Coordinate Order="0" X="0" Y="0"/><Coordinate Order="1" X="4" Y="0"/><Coordinate Order="2" X="4" Y="2"/><Coordinate Order="3" X="0" Y="2"/></Coordinates></Annotation>
<Annotation Name="empty" Type="Polygon" PartOfGroup="None" Color="#F4FA58"><Coordinates/></Annotation>
</Annotations><AnnotationGroups>
<Group Name="Lesions" PartOfGroup="None" Color="#000000"><Attributes><Attribute k="v"/></Attributes></Group>
<Group Name="Tumour" PartOfGroup="Lesions" Color="#aa0000"><Attributes/></Group>
</AnnotationGroups></ASAP_Annotations>)";

TEST(AsapXmlTest, ReadsEveryTypeAndSortsByOrder) {
  const auto set = imaging::parse_asap_xml(kAsap, "asap");

  ASSERT_EQ(set.items.size(), 6U);
  EXPECT_EQ(set.warnings.size(), 1U);
  EXPECT_EQ(set.items[0].name, "Annotation & 0");
  EXPECT_EQ(set.items[0].class_name, "Tumour");
  EXPECT_EQ(set.items[0].class_colour, (imaging::Rgb8{0xAA, 0, 0}));
  EXPECT_EQ(set.items[0].colour, (imaging::Rgb8{255, 0, 0}));
  EXPECT_THAT(set.items[0].geometry.parts[0][0],
              ElementsAre(imaging::PointD{1, 2.25}, imaging::PointD{40, 2}, imaging::PointD{30.5, 30}));
  EXPECT_EQ(set.items[2].geometry.kind, GeometryKind::points);
  EXPECT_EQ(set.items[3].geometry.kind, GeometryKind::lines);
  EXPECT_TRUE(imaging::is_rectangle(set.items[5].geometry));
}

TEST(AsapXmlTest, WritesBackAllThatItReadAndEveryGroupThatItNames) {
  const auto first = imaging::parse_asap_xml(kAsap, "asap");
  const auto text = imaging::to_asap_xml(first);
  auto second = imaging::parse_asap_xml(text, "again");

  for (const char* kept : {"Spline", "Reviewed=\"yes\"", "PartOfGroup=\"Lesions\"", "<Attribute k=\"v\"/>",
                           "<Group Name=\"Cells\""})
    EXPECT_NE(text.find(kept), std::string::npos) << kept;
  EXPECT_EQ(text.find("tessera"), std::string::npos) << "nothing of ours in a file of ASAP's own";
  EXPECT_EQ(imaging::to_asap_xml(second), text);
  second.items[2].class_colour.reset();  // the group that we had to add gives the class its colour
  EXPECT_EQ(second.items, first.items);
}

TEST(AsapXmlTest, LosesNothingOfQuPathOnTheWayThroughAsap) {
  const auto first = imaging::parse_geojson(kToday, "today");
  const auto text = imaging::to_asap_xml(first);
  auto set = imaging::parse_asap_xml(text, "asap");

  EXPECT_NE(text.find("Tumor: Positive holes"), std::string::npos);
  EXPECT_EQ(set.items, first.items);
  const auto back = imaging::parse_geojson(imaging::to_geojson(imaging::parse_asap_xml(kAsap, "asap")), "g");
  EXPECT_EQ(back.items, imaging::parse_asap_xml(kAsap, "asap").items);
}

TEST(AsapXmlTest, TakesARootlessFileAndRefusesWhatIsHostile) {
  EXPECT_EQ(imaging::parse_asap_xml("<Annotations></Annotations><AnnotationGroups/>", "x").items.size(), 0U);
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "<a>";
  for (const auto& text :
       {std::string("<x/>"), deep, std::string("<!DOCTYPE a [<!ENTITY b \"c\">]><Annotations/>"),
        std::string("<Annotations>"), std::string("<Annotations a=\"&lol;\"/>"),
        std::string("<Annotations a=\"1\" a=\"2\"/>"), std::string("<Annotations></Other>"),
        std::string("<Annotations><Annotation><Coordinates><Coordinate X=\"nan\" "
                    "Y=\"1\"/></Coordinates></Annotation></Annotations>"),
        std::string("<Annotations><Annotation><Coordinates><Coordinate X=\"1,5\" "
                    "Y=\"1\"/></Coordinates></Annotation></Annotations>")}) {
    EXPECT_THAT([&] { (void)imaging::parse_asap_xml(text, "hostile"); },
                testing::Throws<imaging::Error>(HasCode(ErrorCode::corrupt_data)))
        << text.substr(0, 80);
  }
}

class AnnotationFileTest : public testing::Test {
 protected:
  support::TemporaryFolder folder_;
};

TEST_F(AnnotationFileTest, KnowsAFileByItsContentAndWritesByItsName) {
  const auto set = imaging::parse_geojson(kToday, "today");
  for (const char* name : {"a.geojson", "a.geojson.gz", "a.xml"}) {
    imaging::write_annotations(folder_ / name, set);
    EXPECT_EQ(imaging::read_annotations(folder_ / name).items, set.items) << name;
  }
  EXPECT_TRUE(imaging::read_file(folder_ / "a.geojson.gz").starts_with("\x1F\x8B"));
  imaging::write_file(folder_ / "a.xml.json", imaging::read_file(folder_ / "a.xml"));
  EXPECT_EQ(imaging::read_annotations(folder_ / "a.xml.json").items.size(), set.items.size());
}

TEST_F(AnnotationFileTest, ReadsAZipOfQuPath) {
  // A stored archive: local header, directory, end.
  const std::string name = "slide.geojson";
  const std::string text = R"({"type":"Point","coordinates":[1,2]})";
  const auto le = [](std::uint64_t value, int bytes) {
    std::string out;
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 255);
    return out;
  };
  const auto sizes = le(0, 4) + le(text.size(), 4) + le(text.size(), 4) + le(name.size(), 2) + le(0, 2);
  const auto local = "PK\x03\x04" + le(20, 2) + le(0, 2) + le(0, 2) + le(0, 4) + sizes + name + text;
  const auto entry = "PK\x01\x02" + le(20, 2) + le(20, 2) + le(0, 2) + le(0, 2) + le(0, 4) + sizes +
                     le(0, 2) + le(0, 2) + le(0, 2) + le(0, 4) + le(0, 4) + name;
  const auto end =
      "PK\x05\x06" + le(0, 4) + le(1, 2) + le(1, 2) + le(entry.size(), 4) + le(local.size(), 4) + le(0, 2);
  imaging::write_file(folder_ / "a.zip", local + entry + end);

  EXPECT_EQ(imaging::read_annotations(folder_ / "a.zip").items.size(), 1U);
  for (std::size_t length = 5; length < local.size() + entry.size() + end.size(); length += 7) {
    imaging::write_file(folder_ / "cut.zip", (local + entry + end).substr(0, length));
    EXPECT_THROW((void)imaging::read_annotations(folder_ / "cut.zip"), imaging::Error);
  }
}

TEST_F(AnnotationFileTest, RefusesOtherFilesByName) {
  imaging::write_file(folder_ / "notes.txt", "hello");
  EXPECT_THAT([&] { (void)imaging::read_annotations(folder_ / "notes.txt"); },
              testing::Throws<imaging::Error>(HasCode(ErrorCode::unsupported_format)));
  imaging::write_file(folder_ / "bad.geojson.gz", "\x1F\x8B rubbish");
  EXPECT_THAT([&] { (void)imaging::read_annotations(folder_ / "bad.geojson.gz"); },
              testing::Throws<imaging::Error>(HasCode(ErrorCode::corrupt_data)));
}

TEST_F(AnnotationFileTest, ReadsTheRealFileOfQuPathAndKeepsItsNumbers) {
  TESSERA_NEED_DATA(file, "annotations/qupath_polygon.geojson");
  const auto set = imaging::read_annotations(file);
  ASSERT_EQ(set.items.size(), 1U);
  EXPECT_EQ(set.items[0].geometry.parts[0][0][0], (imaging::PointD{7053.47, 53.42}));
  EXPECT_EQ(imaging::parse_geojson(imaging::to_geojson(set), "again").items, set.items);
}

TEST(AnnotationMaskTest, PaintsPixelsWhoseCentreIsInsideAndNoHole) {
  imaging::AnnotationGeometry ring{
      GeometryKind::polygons,
      {{{{0, 0}, {80, 0}, {80, 80}, {0, 80}}, {{20, 20}, {60, 20}, {60, 60}, {20, 60}}}},
      false};
  imaging::Image8 mask(10, 10, 1);  // over a slide of 100 x 100
  imaging::paint_annotation(mask, {100, 100}, ring, 9);
  int painted = 0;
  for (const auto value : mask.values()) painted += value == 9 ? 1 : 0;
  EXPECT_EQ(painted, 64 - 16);
  EXPECT_EQ(*mask.pixel(7, 7), 9);
  EXPECT_EQ(*mask.pixel(3, 3), 0);
  EXPECT_EQ(*mask.pixel(8, 0), 0);

  // Every place agrees with the rule for single points.
  const auto ellipse = imaging::ellipse_geometry({-13, 21, 77, 55});
  imaging::Image8 fine(100, 100, 1);
  imaging::paint_annotation(fine, {100, 100}, ellipse, 1);
  for (int y = 0; y < 100; ++y) {
    for (int x = 0; x < 100; ++x)
      ASSERT_EQ(*fine.pixel(x, y) != 0, imaging::contains(ellipse, {x + 0.5, y + 0.5})) << x << " " << y;
  }
}

TEST(AnnotationMaskTest, NumbersClassesWithLaterOnesOnTop) {
  AnnotationSet set;
  Annotation first;
  first.class_name = "b";
  first.geometry = imaging::rectangle_geometry({0, 0, 6, 6});
  Annotation second;
  second.name = "a";
  second.geometry = imaging::rectangle_geometry({4, 4, 6, 6});
  set.items = {first, second};
  const auto classes = imaging::area_classes(set);
  EXPECT_THAT(classes, ElementsAre("a", "b"));

  const auto picture = imaging::class_picture(set, classes, {10, 10}, {10, 10});

  EXPECT_EQ(*picture.pixel(0, 0), 2);
  EXPECT_EQ(*picture.pixel(5, 5), 1);
  EXPECT_EQ(*picture.pixel(9, 0), 0);
}

TEST(AnnotationMaskTest, PaintsBackTheLabelsThatItTraced) {
  imaging::LabelImage labels(40, 30, 1);
  for (int y = 0; y < 30; ++y) {
    for (int x = 0; x < 40; ++x) *labels.pixel(x, y) = static_cast<std::uint16_t>((x / 7 + y / 5) % 3);
  }
  *labels.pixel(9, 2) = 0;  // a hole
  const std::vector<std::string> names{"vessel", "lesion"};
  const auto set = imaging::annotations_of_labels(labels, {80, 60}, names);
  ASSERT_EQ(set.items.size(), 2U);
  const auto painted = imaging::class_picture(set, names, {80, 60}, {40, 30});
  for (int y = 0; y < 30; ++y) {
    for (int x = 0; x < 40; ++x) ASSERT_EQ(*painted.pixel(x, y), *labels.pixel(x, y)) << x << " " << y;
  }
}

TEST(AnnotationMaskTest, KeepsTheTissueInsideAlone) {
  const imaging::TissueMask tissue(imaging::Image8(10, 10, 1, 255), {100, 100}, {}, 8);
  Annotation region;
  region.geometry = imaging::rectangle_geometry({0, 0, 50, 40});

  const auto inside = imaging::tissue_inside(tissue, {100, 100}, std::vector{region});

  EXPECT_DOUBLE_EQ(inside.area_fraction(), 0.2);
  EXPECT_DOUBLE_EQ(inside.fraction({40, 0, 20, 20}), 0.5);
  ASSERT_EQ(inside.pieces().size(), 1U);
  region.geometry = imaging::rectangle_geometry({200, 0, 50, 40});
  EXPECT_THAT(
      [&] {
        (void)imaging::tissue_inside(tissue, {100, 100}, std::vector{region});
      },
      testing::Throws<imaging::Error>(HasCode(ErrorCode::no_tissue)));
}

TEST(AnnotationTest, TellsAnnotationsOfAnotherSlide) {
  AnnotationSet set;
  set.items.resize(3);
  for (auto& item : set.items) item.geometry = imaging::rectangle_geometry({10, 10, 20, 20});
  EXPECT_FALSE(imaging::foreign_annotations(set, {100, 100}));
  set.items[0].geometry = set.items[1].geometry = imaging::rectangle_geometry({90, 10, 20, 20});
  EXPECT_TRUE(imaging::foreign_annotations(set, {100, 100}));
}

}  // namespace
