#include "app/report/html_page.h"

#include "app/report/report_style.h"
#include "imaging/base/version.h"

namespace report {

std::string escape_html(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  for (const char letter : text) {
    switch (letter) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += letter;
    }
  }
  return escaped;
}

HtmlPage::HtmlPage(std::string_view title) {
  add("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">");
  add(R"(<meta name="viewport" content="width=device-width, initial-scale=1">)");
  add("<title>{}</title>", escape_html(title));
  add("<style>\n{}</style>\n</head>\n<body>\n<main>", kReportStyle);
}

std::string HtmlPage::finish() {
  add("</main>\n<footer>{}</footer>\n</body>\n</html>", imaging::kResearchUse);
  return std::move(text_);
}

}  // namespace report
