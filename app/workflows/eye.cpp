#include "app/workflows/eye.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace workflows {
namespace {

bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

std::string lower(std::string_view text) {
  std::string made(text);
  std::ranges::transform(made, made.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return made;
}

struct Part {
  std::size_t start = 0;
  std::string_view text;
};

std::vector<Part> parts_of(std::string_view stem) {
  std::vector<Part> parts;
  for (std::size_t at = 0; at < stem.size();) {
    const auto end = std::min(stem.find_first_of("_-. ", at), stem.size());
    if (end > at) parts.push_back({at, stem.substr(at, end - at)});
    at = end + 1;
  }
  return parts;
}

/// "L", "R" or nothing.
std::string side_of_part(std::string_view part, bool is_last) {
  static constexpr std::array<std::pair<std::string_view, const char*>, 4> kWords{
      {{"left", "L"}, {"os", "L"}, {"right", "R"}, {"od", "R"}}};
  const auto word = lower(part);
  for (const auto& [name, side] : kWords) {
    if (word == name) return side;
  }
  if (is_last && (word.front() == 'l' || word.front() == 'r') &&
      (word.size() == 1 || (word.size() == 2 && is_digit(word[1]))))
    return word.front() == 'l' ? "L" : "R";
  return "";
}

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of("_-. ");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of("_-. ") - first + 1));
}

}  // namespace

std::optional<EyeInName> find_eye_in_name(std::string_view stem) {
  const auto parts = parts_of(stem);
  std::optional<EyeInName> found;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool is_last = i + 1 == parts.size();
    const auto& part = parts[i];
    auto side = side_of_part(part.text, is_last);
    auto before = stem.substr(0, part.start);
    if (side.empty() && is_last && part.text.size() > 1 &&
        std::ranges::all_of(part.text.substr(0, part.text.size() - 1), &is_digit) &&
        (part.text.back() == 'L' || part.text.back() == 'R')) {
      side = part.text.back();
      before = stem.substr(0, stem.size() - 1);
    }
    if (side.empty()) continue;
    if (found && found->side != side) return std::nullopt;
    if (found) continue;
    auto patient = trimmed(before);
    if (patient.empty()) patient = trimmed(stem.substr(part.start + part.text.size()));
    found = EyeInName{side, std::move(patient)};
  }
  return found;
}

Eye eye_of(const InputFile& file, const imaging::FundusImage& image, std::vector<std::string>& warnings) {
  if (file.laterality) {
    const auto side = imaging::parse_laterality(*file.laterality);
    if (image.laterality && *image.laterality != side) {
      warnings.push_back(fmt::format("The table says eye {}, the file says {}; the table was taken.", side,
                                     *image.laterality));
    }
    return {side, "table"};
  }
  if (image.laterality) return {*image.laterality, "file"};
  if (const auto named = find_eye_in_name(file.path.stem().string())) return {named->side, "file name"};
  return {};
}

}  // namespace workflows
