#include "imaging/annotation/annotation_files.h"
#include "imaging/annotation/annotation_mask.h"
#include "tests/fuzz/fuzz_support.h"

void fuzz::annotations(Bytes bytes) {
  accept_refusal([&] {
    const auto set = imaging::read_annotations(as_file("annotations", bytes));
    const auto geojson = imaging::to_geojson(set);
    require(imaging::to_geojson(imaging::parse_geojson(geojson, "again")) == geojson, "GeoJSON changes");
    const auto xml = imaging::to_asap_xml(set);
    require(imaging::parse_asap_xml(xml, "again").items.size() == set.items.size(), "XML loses annotations");
    const auto classes = imaging::area_classes(set);
    if (classes.size() <= 255) (void)imaging::class_picture(set, classes, {1000, 900}, {50, 45});
  });
}
