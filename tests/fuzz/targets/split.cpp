#include "mil/bags/split.h"

#include "tests/fuzz/fuzz_support.h"

void fuzz::split(Bytes bytes) {
  accept_refusal([&] {
    const auto split = mil::read_split(as_file("split.csv", bytes));
    const auto copy = as_file("again.csv", {});
    mil::write_split(copy, split);
    const auto again = mil::read_split(copy);
    require(again.train.size() == split.train.size() && again.test.size() == split.test.size(),
            "a split that does not survive writing");
  });
}
