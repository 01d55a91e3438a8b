#include "app/workflows/tile_truth.h"
#include "tests/fuzz/fuzz_support.h"

void fuzz::geojson(Bytes bytes) {
  accept_refusal([&] {
    const auto region = workflows::AnnotatedRegion::read(as_file("truth.geojson", bytes), "tumour");
    const auto labels = region.label_tiles({0, 0, 100, 200, -50, 1 << 30}, {64, 64});
    require(labels.size() == 3, "a tile without a label");
  });
}
