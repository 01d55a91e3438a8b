#include "tests/fuzz/fuzz_support.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

namespace fuzz {
namespace fs = std::filesystem;
namespace {

struct ProcessFolder {
  ProcessFolder() {
    auto name = (fs::temp_directory_path() / "tessera-fuzz-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path = name;
  }
  ~ProcessFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  ProcessFolder(const ProcessFolder&) = delete;
  ProcessFolder& operator=(const ProcessFolder&) = delete;
  fs::path path;
};

}  // namespace

fs::path as_file(const std::string& name, Bytes bytes) {
  static const ProcessFolder folder;
  const auto path = folder.path / name;
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary | std::ios::trunc) << as_text(bytes);
  return path;
}

std::string as_text(Bytes bytes) {
  return {bytes.begin(), bytes.end()};
}

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "finding: %s\n", what);
  std::abort();
}

}  // namespace fuzz
