#include "imaging/annotation/detail/xml.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "imaging/base/error.h"

namespace imaging::detail {
namespace {

constexpr int kMaxDepth = 64;

void append_utf8(std::string& text, std::uint32_t code) {
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += static_cast<char>(0xC0 | code >> 6);
    text += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    text += static_cast<char>(0xE0 | code >> 12);
    text += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    text += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    text += static_cast<char>(0xF0 | code >> 18);
    text += static_cast<char>(0x80 | (code >> 12 & 0x3F));
    text += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    text += static_cast<char>(0x80 | (code & 0x3F));
  }
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

class Parser {
 public:
  Parser(std::string_view text, std::string_view source) : text_(text), source_(source) {
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
  }

  std::vector<XmlElement> parse() {
    std::vector<XmlElement> roots;
    parse_children(roots, {}, 0);
    return roots;
  }

 private:
  [[noreturn]] void refuse(std::string_view what) const {
    const auto line = 1 + std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(at_), '\n');
    throw Error(ErrorCode::corrupt_data,
                fmt::format("{}: not valid XML at line {}, {}.", source_, line, what));
  }
  [[nodiscard]] bool looks_at(std::string_view word) const { return text_.substr(at_).starts_with(word); }
  void skip_to_end_of(std::string_view word) {
    const auto found = text_.find(word, at_);
    if (found == std::string_view::npos) refuse(fmt::format("'{}' is missing", word));
    at_ = found + word.size();
  }
  void skip_spaces() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }

  /// @param inside  the element whose children these are, empty for the top
  void parse_children(std::vector<XmlElement>& children, std::string_view inside, int depth) {
    if (depth > kMaxDepth) refuse(fmt::format("it is nested deeper than {} levels", kMaxDepth));
    for (;;) {
      const auto next = text_.find('<', at_);
      if (next == std::string_view::npos) {
        if (!inside.empty()) refuse(fmt::format("'{}' is not closed", inside));
        return;
      }
      at_ = next;
      if (looks_at("<!--")) {
        skip_to_end_of("-->");
      } else if (looks_at("<![CDATA[")) {
        skip_to_end_of("]]>");
      } else if (looks_at("<?")) {
        skip_to_end_of("?>");
      } else if (looks_at("<!")) {
        refuse("a document type is not allowed");
      } else if (looks_at("</")) {
        at_ += 2;
        const auto name = parse_name();
        if (name != inside) refuse(fmt::format("'{}' closes '{}'", name, inside));
        skip_to_end_of(">");
        return;
      } else {
        children.push_back(parse_element(depth));
      }
    }
  }

  XmlElement parse_element(int depth) {
    ++at_;
    XmlElement element;
    element.name = parse_name();
    for (;;) {
      skip_spaces();
      if (looks_at("/>")) {
        at_ += 2;
        return element;
      }
      if (looks_at(">")) {
        ++at_;
        parse_children(element.children, element.name, depth + 1);
        return element;
      }
      auto name = parse_name();
      if (element.find(name) != nullptr) refuse(fmt::format("the attribute '{}' stands twice", name));
      skip_spaces();
      if (!looks_at("=")) refuse(fmt::format("the attribute '{}' has no value", name));
      ++at_;
      skip_spaces();
      element.attributes.emplace_back(std::move(name), parse_value());
    }
  }

  std::string parse_name() {
    const auto start = at_;
    while (at_ < text_.size() && !is_space(text_[at_]) &&
           std::string_view("=/><\"'&").find(text_[at_]) == std::string_view::npos)
      ++at_;
    if (at_ == start) refuse("a name is missing");
    return std::string(text_.substr(start, at_ - start));
  }

  std::string parse_value() {
    if (!looks_at("\"") && !looks_at("'")) refuse("a value is not quoted");
    const char quote = text_[at_++];
    std::string value;
    for (;;) {
      if (at_ >= text_.size() || text_[at_] == '<') refuse("a value is not closed");
      const char c = text_[at_];
      if (c == quote) {
        ++at_;
        return value;
      }
      if (c == '&') {
        value += parse_entity();
      } else {
        value += c;
        ++at_;
      }
    }
  }

  std::string parse_entity() {
    const auto end = text_.find(';', at_);
    if (end == std::string_view::npos || end - at_ > 12) refuse("an entity is not closed");
    const auto name = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    if (name == "amp") return "&";
    if (name == "lt") return "<";
    if (name == "gt") return ">";
    if (name == "quot") return "\"";
    if (name == "apos") return "'";
    if (name.starts_with("#")) {
      const bool is_hex = name.starts_with("#x");
      const auto digits = name.substr(is_hex ? 2 : 1);
      std::uint32_t code = 0;
      const auto [stop, failure] =
          std::from_chars(digits.data(), digits.data() + digits.size(), code, is_hex ? 16 : 10);
      const bool is_surrogate = code >= 0xD800 && code <= 0xDFFF;
      if (failure == std::errc{} && stop == digits.data() + digits.size() && code > 0 && code <= 0x10FFFF &&
          !is_surrogate) {
        std::string text;
        append_utf8(text, code);
        return text;
      }
    }
    refuse(fmt::format("the entity '{}' is not known", name));
  }

  std::string_view text_;
  std::string_view source_;
  std::size_t at_ = 0;
};

}  // namespace

const std::string* XmlElement::find(std::string_view attribute) const {
  for (const auto& [key, value] : attributes) {
    if (key == attribute) return &value;
  }
  return nullptr;
}

std::vector<XmlElement> parse_xml(std::string_view text, std::string_view source_name) {
  return Parser(text, source_name).parse();
}

std::string escape_xml(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
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
      case '\n':
        escaped += "&#10;";
        break;
      case '\r':
        escaped += "&#13;";
        break;
      case '\t':
        escaped += "&#9;";
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20) escaped += c;  // XML has no other control characters
    }
  }
  return escaped;
}

}  // namespace imaging::detail
