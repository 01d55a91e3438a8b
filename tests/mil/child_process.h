#pragma once

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

extern char** environ;

namespace support {

/// Another process of this very test program that runs one test, which is disabled otherwise. Not a fork: the
/// threads of torch do not live on in one.
class ChildTest {
 public:
  /// @param variables  added to the environment
  ChildTest(const std::string& test, const std::map<std::string, std::string>& variables) {
    auto program = std::filesystem::read_symlink("/proc/self/exe").string();
    std::vector<std::string> arguments{program, "--gtest_filter=" + test, "--gtest_also_run_disabled_tests",
                                       "--gtest_brief=1"};
    std::vector<std::string> environment;
    for (char** entry = environ; *entry != nullptr; ++entry) {
      const std::string text(*entry);
      if (!variables.contains(text.substr(0, text.find('=')))) environment.push_back(text);
    }
    for (const auto& [name, value] : variables) environment.push_back(name + "=" + value);
    auto argument_pointers = pointers(arguments);
    auto environment_pointers = pointers(environment);
    if (posix_spawn(&pid_, program.c_str(), nullptr, nullptr, argument_pointers.data(),
                    environment_pointers.data()) != 0) {
      pid_ = 0;
    }
  }
  ~ChildTest() {
    if (pid_ != 0) kill_now();
  }
  ChildTest(const ChildTest&) = delete;
  ChildTest& operator=(const ChildTest&) = delete;

  /// Waits for the end. @return  exit code, -1 where it was killed
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  int kill_now() {
    ::kill(pid_, SIGKILL);
    return wait();
  }

 private:
  static std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (auto& text : texts) all.push_back(text.data());
    all.push_back(nullptr);
    return all;
  }
  pid_t pid_ = 0;
};

}  // namespace support
