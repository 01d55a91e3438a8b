#include "models/runtime/safetensors.h"

#include <torch/types.h>

#include "tests/fuzz/fuzz_support.h"

void fuzz::safetensors(Bytes bytes) {
  accept_refusal([&] {
    const auto tensors = models::read_safetensors(as_file("weights.safetensors", bytes));
    const auto copy = as_file("again.safetensors", {});
    accept_refusal([&] { models::write_safetensors(copy, tensors); });
  });
}
