#include "mil/bags/bag_store.h"
#include "tests/fuzz/fuzz_support.h"

void fuzz::bag_pt(Bytes bytes) {
  accept_refusal([&] { mil::check_bag(mil::read_bag(as_file("bag.pt", bytes))); });
}
