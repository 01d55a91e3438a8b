#include <torch/types.h>

#include "models/runtime/pth_reader.h"
#include "tests/fuzz/fuzz_support.h"

void fuzz::pth(Bytes bytes) {
  const auto path = as_file("weights.pth", bytes);
  (void)models::is_torchscript(path);
  accept_refusal([&] {
    for (const auto& [name, tensor] : models::read_pth(path))
      require(tensor.is_contiguous(), "a strided tensor");
  });
}
