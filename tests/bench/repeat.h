#pragma once

#include <chrono>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace bench {

inline constexpr int kThreads = 2;
using Arguments = std::vector<std::string>;

/// @param run  returns what it did, as the peer states it
inline void repeat(const std::function<std::string()>& run, int warm_up = 2, int count = 7) {
  std::string work;
  for (int i = 0; i < warm_up; ++i) work = run();
  nlohmann::json taken = nlohmann::json::array();
  for (int i = 0; i < count; ++i) {
    const auto started = std::chrono::steady_clock::now();
    work = run();
    taken.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count());
  }
  std::cout << nlohmann::json{{"seconds", taken}, {"work", work}}.dump() << '\n';
}

}  // namespace bench
