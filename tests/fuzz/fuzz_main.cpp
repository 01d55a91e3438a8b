#include <cstddef>

#include "tests/fuzz/targets.h"

/// What libFuzzer calls; the build names the target.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::TESSERA_FUZZ_TARGET({data, size});
  return 0;
}
