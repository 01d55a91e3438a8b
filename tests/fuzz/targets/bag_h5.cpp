#include "mil/bags/bag_store.h"
#include "tests/fuzz/fuzz_support.h"

void fuzz::bag_h5(Bytes bytes) {
  const auto path = as_file("bag.h5", bytes);
  accept_refusal([&] { mil::check_bag(mil::read_bag(path)); });
  accept_refusal([&] { (void)mil::read_scores(path); });
  accept_refusal([&] { (void)mil::read_bag_attributes(path); });
}
