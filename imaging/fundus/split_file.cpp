#include "imaging/fundus/split_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <optional>
#include <string_view>

#include "imaging/base/files.h"

namespace imaging {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kGrades = 5;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

struct Line {
  std::string_view name;
  std::string_view label;
};

Line cut(std::string_view text) {
  const auto space = text.find_last_of(" \t");
  if (space == std::string_view::npos) return {text, {}};
  return {trimmed(text.substr(0, space)), text.substr(space + 1)};
}

std::string domain_of(const fs::path& path) {
  auto stem = path.stem().string();
  for (const std::string_view ending : {"_train", "_crossval"}) {
    if (stem.ends_with(ending)) stem.resize(stem.size() - ending.size());
  }
  return stem;
}

fs::path base_of(const fs::path& list, const std::vector<SplitEntry>& entries) {
  const auto folder = list.parent_path();
  const auto above = (folder.empty() ? fs::path(".") : folder) / "..";
  for (const auto& base : {folder, above, above / "images"}) {
    const bool is_base = std::any_of(entries.begin(), entries.end(), [&](const SplitEntry& entry) {
      std::error_code ignored;
      return fs::exists(base / entry.name, ignored);
    });
    if (is_base) return base.lexically_normal();
  }
  return folder;
}

}  // namespace

bool is_split_file(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return false;
  std::ifstream in(path, std::ios::binary);
  std::array<char, 4096> start{};
  in.read(start.data(), start.size());
  const auto text = trimmed({start.data(), static_cast<std::size_t>(in.gcount())});
  const auto line = cut(trimmed(text.substr(0, text.find('\n'))));
  return !line.name.empty() && whole_number(line.label).has_value();
}

SplitFile read_split_file(const fs::path& path) {
  const auto text = read_file(path);
  SplitFile split{.domain = domain_of(path), .entries = {}};
  std::int64_t number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const auto end = rest.find('\n');
    const auto content = trimmed(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    ++number;
    if (content.empty()) continue;
    const auto line = cut(content);
    SplitEntry entry{.name = std::string(line.name), .path = {}, .grade = -1, .problem = {}};
    const auto grade = whole_number(line.label);
    if (grade && *grade >= 0 && *grade < kGrades) {
      entry.grade = *grade;
    } else if (line.label.empty()) {
      entry.problem = fmt::format("{}, line {}: '{}' has no label; a line holds a path, a space and a grade.",
                                  path.filename().string(), number, entry.name);
    } else {
      entry.problem = fmt::format("{}, line {}: the label '{}' of '{}' is no grade of 0 to {}.",
                                  path.filename().string(), number, line.label, entry.name, kGrades - 1);
    }
    split.entries.push_back(std::move(entry));
  }
  const auto base = base_of(path, split.entries);
  for (auto& entry : split.entries) entry.path = (base / entry.name).lexically_normal();
  return split;
}

}  // namespace imaging
