// tessera-golden DIR: walks every case of one family's folder (DESIGN.md, section 7).
#include <fmt/format.h>

#include <cctype>
#include <optional>
#include <set>

#include "tests/golden/golden_case.h"

namespace {
namespace fs = std::filesystem;

const std::map<std::string, const golden::CheckTable& (*)()> kFamilies = {
    {"mil", &golden::mil_checks},
    {"retina", &golden::retina_checks},
    {"segmentation", &golden::segmentation_checks}};

/// "1" of mask_high_1, "k8" and "b1" of unmixtns_k8_b1: at most two letters, then digits.
bool is_trailing_part(std::string_view part) {
  std::size_t letters = 0;
  while (letters < part.size() && std::islower(static_cast<unsigned char>(part[letters])) != 0) ++letters;
  if (letters > 2 || letters == part.size()) return false;
  return part.find_first_not_of("0123456789", letters) == std::string_view::npos;
}

/// Nothing for a kind that nobody knows; a null one where this build leaves out the layer that it checks.
std::optional<golden::Check> find_check(const golden::CheckTable& table, std::string kind) {
  while (true) {
    const auto found = table.find(kind);
    if (found != table.end()) return found->second;
    const auto cut = kind.rfind('_');
    if (cut == std::string::npos || !is_trailing_part(std::string_view(kind).substr(cut + 1)))
      return std::nullopt;
    kind.resize(cut);
  }
}

/// @return  true where the case passed
bool run_case(const fs::path& folder, const golden::CheckTable& table) {
  golden::GoldenCase golden(folder);
  const auto check = find_check(table, golden.name());
  if (!check) {
    fmt::print("FAIL {} unknown kind\n", golden.name());
    return false;
  }
  if (*check == nullptr) {
    fmt::print("SKIP {}: checks the imaging layer, which this build leaves out\n", golden.name());
    return true;
  }
  try {
    (*check)(golden);
  } catch (const std::exception& error) {
    fmt::print("FAIL {} inf\n", golden.name());
    fmt::print(stderr, "{}: {}\n", golden.name(), error.what());
    return false;
  }
  const bool passed = golden.failures().empty();
  fmt::print("{} {} {:.3g}\n", passed ? "PASS" : "FAIL", golden.name(), golden.largest_error());
  for (const auto& failure : golden.failures()) fmt::print(stderr, "{}: {}\n", golden.name(), failure);
  return passed;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || !fs::is_directory(argv[1])) {
    fmt::print(stderr,
               "Usage: tessera-golden DIR, a family's folder of golden cases (mil, retina, segmentation).\n");
    return 2;
  }
  const auto root = fs::canonical(argv[1]);
  const auto family = kFamilies.find(root.filename().string());
  const golden::CheckTable none;
  const auto& table = family == kFamilies.end() ? none : family->second();
  std::set<fs::path> cases;
  for (const auto& entry : fs::directory_iterator(root)) {
    if (entry.is_directory()) cases.insert(entry.path());
  }
  if (cases.empty()) {
    fmt::print(stderr, "{}: no cases.\n", root.filename().string());
    return 1;
  }
  bool all_passed = true;
  for (const auto& folder : cases) all_passed &= run_case(folder, table);
  return all_passed ? 0 : 1;
}
