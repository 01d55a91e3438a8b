#include "tests/support/test_support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include "imaging/base/files.h"

namespace support {
namespace fs = std::filesystem;
namespace {

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string name = (fs::temp_directory_path() / "tessera-test-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::optional<fs::path> find_data(const std::string& relative) {
  const auto root =
      environment("TESSERA_DATA").value_or(environment("TESSERA_DEFAULT_DATA").value_or("../shared/data"));
  const auto path = fs::path(root) / relative;
  if (!fs::exists(path)) return std::nullopt;
  return fs::canonical(path);
}

fs::path source_root() {
  return environment("TESSERA_TEST_SOURCE").value_or(".");
}
fs::path bin_folder() {
  return environment("TESSERA_TEST_BIN").value_or("build/dev/bin");
}
fs::path golden_root() {
  if (const auto root = environment("TESSERA_GOLDEN")) return *root;
  return source_root() / "tests" / "golden";
}

std::string free_port() {
  const int handle = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(handle, reinterpret_cast<sockaddr*>(&address), size) != 0) throw std::runtime_error("no port");
  ::getsockname(handle, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(handle);
  return std::to_string(ntohs(address.sin_port));
}

CommandOutput run_command(const std::string& command_line) {
  const TemporaryFolder folder;
  const auto errors = folder / "stderr";
  CommandOutput output;
  FILE* pipe = popen((command_line + " 2> " + errors.string()).c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("popen failed");
  std::array<char, 4096> buffer{};
  std::size_t got = 0;
  while ((got = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0) output.out.append(buffer.data(), got);
  const int status = pclose(pipe);
  output.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  output.err = imaging::read_file(errors);
  return output;
}

}  // namespace support
