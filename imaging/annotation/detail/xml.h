#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace imaging::detail {

struct XmlElement {
  std::string name;
  std::vector<std::pair<std::string, std::string>> attributes;
  std::vector<XmlElement> children;

  [[nodiscard]] const std::string* find(std::string_view attribute) const;
};

/// The elements of an XML text and their attributes; text between elements is skipped, a root is not needed.
/// Knows the five named entities and numbers; refuses document types, so that no entity can grow.
/// @throws Error `corrupt_data` with the line; nesting beyond 64 levels too.
[[nodiscard]] std::vector<XmlElement> parse_xml(std::string_view text, std::string_view source_name);

/// The text as it may stand in an attribute.
[[nodiscard]] std::string escape_xml(std::string_view text);

}  // namespace imaging::detail
