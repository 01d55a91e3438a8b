#include "mil/bags/label_table.h"
#include "tests/fuzz/fuzz_support.h"

void fuzz::labels(Bytes bytes) {
  accept_refusal([&] {
    const auto table = mil::read_labels(as_file("labels.csv", bytes));
    const auto names = table.class_names();
    require(mil::label_indices(table, names).size() == table.rows.size(), "a row without a class");
  });
}
