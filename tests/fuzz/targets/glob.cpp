#include <algorithm>

#include "imaging/base/files.h"
#include "tests/fuzz/fuzz_support.h"

/// Text and pattern, parted by the first line feed.
void fuzz::glob(Bytes bytes) {
  const auto all = as_text(bytes.first(std::min<std::size_t>(bytes.size(), 4096)));
  const auto end = std::min(all.find('\n'), all.size());
  const auto text = all.substr(0, end);
  const auto pattern = all.substr(std::min(end + 1, all.size()));
  (void)imaging::matches_glob(text, pattern);
  require(imaging::matches_glob(text, "**"), "'**' matches everything");
}
