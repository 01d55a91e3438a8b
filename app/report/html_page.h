#pragma once

#include <fmt/format.h>

#include <iterator>
#include <string>
#include <string_view>
#include <utility>

namespace report {

/// `text` with the five characters that HTML gives a meaning replaced by entities.
[[nodiscard]] std::string escape_html(std::string_view text);

/// A page in the reports' style, with the research-use notice at its end and on each printed sheet.
class HtmlPage {
 public:
  /// @param title  plain text
  explicit HtmlPage(std::string_view title);

  /// Appends HTML; escape what is not.
  template <typename... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    text_ += '\n';
  }

  [[nodiscard]] std::string finish();

 private:
  std::string text_;
};

}  // namespace report
