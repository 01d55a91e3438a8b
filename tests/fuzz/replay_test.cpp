#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <vector>

#include "imaging/base/files.h"
#include "tests/fuzz/targets.h"
#include "tests/support/test_support.h"

namespace {

namespace fs = std::filesystem;

struct Target {
  const char* name;
  void (*run)(fuzz::Bytes);
  const char* golden_extension;  ///< files of tests/golden/formats that are seeds too
};

constexpr std::array kTargets{Target{"annotations", &fuzz::annotations, nullptr},
                              Target{"bag_h5", &fuzz::bag_h5, ".h5"},
                              Target{"bag_pt", &fuzz::bag_pt, ".pt"},
                              Target{"config", &fuzz::config, nullptr},
                              Target{"csv", &fuzz::csv, ".csv"},
                              Target{"geojson", &fuzz::geojson, nullptr},
                              Target{"glob", &fuzz::glob, nullptr},
                              Target{"labels", &fuzz::labels, ".csv"},
                              Target{"manifest", &fuzz::manifest, nullptr},
                              Target{"options", &fuzz::options, nullptr},
                              Target{"package_zip", &fuzz::package_zip, nullptr},
                              Target{"picture", &fuzz::picture, nullptr},
                              Target{"pth", &fuzz::pth, ".pt"},
                              Target{"read_answer", &fuzz::read_answer, nullptr},
                              Target{"result", &fuzz::result, nullptr},
                              Target{"safetensors", &fuzz::safetensors, nullptr},
                              Target{"scale", &fuzz::scale, nullptr},
                              Target{"split", &fuzz::split, ".csv"},
                              Target{"tiff", &fuzz::tiff, nullptr},
                              Target{"volume_header", &fuzz::volume_header, nullptr}};

std::vector<fs::path> files_of(const fs::path& folder, const char* extension = nullptr) {
  std::vector<fs::path> files;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(folder, missing)) {
    if (extension == nullptr || entry.path().extension() == extension) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

void run_on(const Target& target, const std::string& content) {
  target.run({reinterpret_cast<const std::uint8_t*>(content.data()), content.size()});
}

class FuzzReplay : public testing::TestWithParam<Target> {};

/// What was found once, and what the search starts from, is understood or refused.
TEST_P(FuzzReplay, TakesOrRefusesEverySeedAndFinding) {
  const auto& target = GetParam();
  const auto root = support::source_root() / "tests";
  auto files = files_of(root / "fuzz/regressions" / target.name);
  const auto seeds = files_of(root / "fuzz/seeds" / target.name);
  files.insert(files.end(), seeds.begin(), seeds.end());
  if (target.golden_extension != nullptr) {
    const auto golden = files_of(root / "golden/formats", target.golden_extension);
    files.insert(files.end(), golden.begin(), golden.end());
  }
  ASSERT_FALSE(files.empty());
  for (const auto& file : files) {
    SCOPED_TRACE(file.filename().string());
    run_on(target, imaging::read_file(file));
  }
}

/// The shortest way to a broken file: a good one, cut.
TEST_P(FuzzReplay, RefusesEveryBeginningOfASeed) {
  const auto& target = GetParam();
  for (const auto& file : files_of(support::source_root() / "tests/fuzz/seeds" / target.name)) {
    const auto whole = imaging::read_file(file);
    const auto step = std::max<std::size_t>(whole.size() / 32, 1);
    for (std::size_t length = 0; length < whole.size(); length += step)
      run_on(target, whole.substr(0, length));
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, FuzzReplay, testing::ValuesIn(kTargets),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
