#include "models/runtime/torch_errors.h"

#include <algorithm>
#include <string_view>

namespace models {
namespace {

std::string_view line_at(std::string_view text, std::size_t begin) {
  return text.substr(begin, text.find('\n', begin) - begin);
}

}  // namespace

std::string describe_torch_error(const std::exception& error) {
  const std::string_view text(error.what());
  // TorchScript puts the cause on the last line, after the trace; eager code puts it on the first.
  constexpr std::string_view kCause = "RuntimeError: ";
  const auto cause = text.rfind(kCause);
  auto line = cause == std::string_view::npos ? line_at(text, 0) : line_at(text, cause + kCause.size());
  if (line.rfind("[enforce fail at ", 0) == 0) line = line.substr(std::min(line.find(']') + 1, line.size()));
  const auto begin = line.find_first_not_of(' ');
  line = begin == std::string_view::npos ? line : line.substr(begin);
  std::string sentence(line);
  if (sentence.empty()) sentence = "an error without a message";
  if (sentence.back() != '.') sentence += '.';
  return sentence;
}

}  // namespace models
