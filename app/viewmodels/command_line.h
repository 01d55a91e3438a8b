#pragma once

#include <QString>
#include <QStringList>
#include <algorithm>
#include <string>
#include <type_traits>
#include <vector>

#include "app/workflows/analyze.h"
#include "app/workflows/segment_adapt.h"
#include "imaging/base/options.h"

namespace viewmodels {

/// The `tessera` command that does what an action of the window does.
class CommandLine {
 public:
  /// @param words  the command and its words: {"analyze", "slide.svs"}
  explicit CommandLine(const QStringList& words) : words_(QStringList{"tessera"} + words) {}

  void add(const QString& word) { words_ << word; }
  void add(const QString& option, const std::string& value) {
    words_ << option << QString::fromStdString(value);
  }
  /// Every option that differs from its default, as the command line names it.
  template <typename Options>
  void add_options(const Options& options);

  [[nodiscard]] const QStringList& words() const { return words_; }
  /// For a shell: words that need it are quoted.
  [[nodiscard]] QString text() const;

 private:
  QStringList words_;
};

/// `tessera analyze` with all that the request sets.
[[nodiscard]] CommandLine command_line_of(const workflows::AnalyzeRequest& request);
/// `tessera segment adapt` likewise.
[[nodiscard]] CommandLine command_line_of(const workflows::SegmentAdaptRequest& request);

template <typename Options>
void CommandLine::add_options(const Options& options) {
  const Options defaults;
  visit_fields(
      [&](std::string_view name, const auto& value, const imaging::FieldInfo&) {
        using Member = std::remove_cvref_t<decltype(value)>;
        QString flag = QStringLiteral("--") + QString::fromUtf8(name.data(), static_cast<int>(name.size()));
        flag.replace('_', '-');
        bool is_default = false;
        visit_fields(
            [&](std::string_view other, const auto& plain, const imaging::FieldInfo&) {
              if constexpr (std::is_same_v<std::remove_cvref_t<decltype(plain)>, Member>) {
                if (other == name) is_default = plain == value;
              }
            },
            defaults);
        if (is_default) return;
        const auto add_value = [&](const auto& one) {
          using T = std::remove_cvref_t<decltype(one)>;
          if constexpr (std::is_same_v<T, bool>) {
            words_ << (one ? flag : QString(flag).replace(0, 2, QStringLiteral("--no-")));
          } else if constexpr (std::is_same_v<T, std::string>) {
            add(flag, one);
          } else {
            add(flag, fmt::format("{}", one));
          }
        };
        if constexpr (std::is_same_v<Member, std::vector<std::string>>) {
          for (const auto& one : value) add_value(one);
        } else if constexpr (imaging::detail::IsOptional<Member>::value) {
          if (value) add_value(*value);
        } else {
          add_value(value);
        }
      },
      options);
}

}  // namespace viewmodels
