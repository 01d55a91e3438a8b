#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <string>

#include "imaging/base/error.h"

namespace support {

/// A fresh folder, removed at the end of the object's life.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// $TESSERA_DATA, else ../shared/data beside the checkout; absent where it does not exist.
[[nodiscard]] std::optional<std::filesystem::path> find_data(const std::string& relative = "");
/// Root of the golden families: $TESSERA_GOLDEN, else tests/golden of the checkout.
[[nodiscard]] std::filesystem::path golden_root();
/// The checkout.
[[nodiscard]] std::filesystem::path source_root();
/// Folder of the built executables.
[[nodiscard]] std::filesystem::path bin_folder();

/// A port of this machine that nobody listens on.
[[nodiscard]] std::string free_port();

struct CommandOutput {
  int exit_code = 0;
  std::string out;
  std::string err;
};
/// Runs a program through the shell with its output captured.
[[nodiscard]] CommandOutput run_command(const std::string& command_line);

MATCHER_P(HasCode, code, std::string("has error code ") + std::string(imaging::to_string(code))) {
  *result_listener << "code " << imaging::to_string(arg.code()) << ": " << arg.what();
  return arg.code() == code;
}

}  // namespace support

/// First line of a test that needs real data: skips it, by name, where the data is absent.
#define TESSERA_NEED_DATA(variable, relative)                                 \
  const auto variable##_found = support::find_data(relative);                 \
  if (!variable##_found) GTEST_SKIP() << "needs TESSERA_DATA/" << (relative); \
  const auto& variable = *variable##_found
