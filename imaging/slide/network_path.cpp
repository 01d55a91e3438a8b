#include "imaging/slide/network_path.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace imaging {
namespace fs = std::filesystem;
namespace {

constexpr std::array<std::string_view, 16> kNetworkTypes{
    "nfs",       "nfs4",   "cifs", "smb3", "smbfs", "ncpfs", "ceph", "lustre",
    "glusterfs", "beegfs", "gpfs", "afs",  "9p",    "davfs", "coda", "orangefs"};
constexpr int kMostLinks = 40;

bool is_network_type(std::string_view type) {
  return type.starts_with("fuse.") || std::ranges::find(kNetworkTypes, type) != kNetworkTypes.end();
}

/// "\040" and the like stand for blanks.
std::string unescaped(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto is_digit = [&](std::size_t at) {
      return at < text.size() && text[at] >= '0' && text[at] <= '7';
    };
    if (text[i] == '\\' && is_digit(i + 1) && is_digit(i + 2) && is_digit(i + 3)) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

/// Where a network file system is mounted; a later mount on the same place hides the earlier one.
std::map<fs::path, bool> read_mounts(std::string_view mountinfo) {
  std::map<fs::path, bool> mounts;
  std::istringstream lines{std::string(mountinfo)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    const std::vector<std::string> word{std::istream_iterator<std::string>(words), {}};
    const auto dash = std::ranges::find(word, "-");
    if (word.size() < 5 || dash == word.end() || dash + 1 == word.end()) continue;
    mounts[unescaped(word[4])] = is_network_type(*(dash + 1));
  }
  return mounts;
}

}  // namespace

bool lies_on_network(const fs::path& path, std::string_view mountinfo) {
  const auto mounts = read_mounts(mountinfo);
  std::error_code failed;
  auto rest = fs::absolute(path, failed).lexically_normal();
  for (int links = 0; links < kMostLinks; ++links) {
    fs::path reached;
    bool is_followed = false;
    for (auto part = rest.begin(); part != rest.end(); ++part) {
      reached /= *part;
      if (const auto mount = mounts.find(reached); mount != mounts.end() && mount->second) return true;
      // Everything up to here lies on local file systems, so that this look stalls nobody.
      if (!fs::is_symlink(fs::symlink_status(reached, failed))) continue;
      auto target = fs::read_symlink(reached, failed);
      if (failed) return false;
      if (target.is_relative()) target = reached.parent_path() / target;
      for (++part; part != rest.end(); ++part) target /= *part;
      rest = target.lexically_normal();
      is_followed = true;
      break;
    }
    if (!is_followed) return false;
  }
  return false;
}

bool lies_on_network(const fs::path& path) {
  std::ifstream file("/proc/self/mountinfo");
  const std::string mountinfo{std::istreambuf_iterator<char>(file), {}};
  return lies_on_network(path, mountinfo);
}

}  // namespace imaging
