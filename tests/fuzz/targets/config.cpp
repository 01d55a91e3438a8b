#include "app/cli/config_file.h"

#include "tests/fuzz/fuzz_support.h"

void fuzz::config(Bytes bytes) {
  accept_refusal([&] {
    const auto file = as_file("options.json", bytes).string();
    (void)cli::expand_config({"tile", "x.png", "--tile-px", "32", "--config", file});
  });
}
