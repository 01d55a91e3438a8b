#include "imaging/base/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

#include "imaging/base/error.h"

namespace imaging {
namespace fs = std::filesystem;
namespace {

std::string reason() {
  return std::strerror(errno);
}

class Sha256 {
 public:
  void update(const unsigned char* data, std::size_t size) {
    total_ += size;
    while (size > 0) {
      const auto take = std::min(size, block_.size() - filled_);
      std::memcpy(block_.data() + filled_, data, take);
      filled_ += take;
      data += take;
      size -= take;
      if (filled_ == block_.size()) {
        compress();
        filled_ = 0;
      }
    }
  }

  std::string hex_digest() {
    const std::uint64_t bits = total_ * 8;
    const unsigned char one = 0x80;
    const unsigned char zero = 0;
    update(&one, 1);
    while (filled_ != 56) update(&zero, 1);
    std::array<unsigned char, 8> length{};
    for (int i = 0; i < 8; ++i)
      length[static_cast<std::size_t>(i)] = static_cast<unsigned char>(bits >> (56 - 8 * i));
    update(length.data(), length.size());
    std::string digest;
    for (const auto word : state_) digest += fmt::format("{:08x}", word);
    return digest;
  }

 private:
  void compress() {
    static constexpr std::array<std::uint32_t, 64> kRound = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
    std::array<std::uint32_t, 64> w;
    for (std::size_t i = 0; i < 16; ++i) {
      w[i] = static_cast<std::uint32_t>(block_[4 * i]) << 24 |
             static_cast<std::uint32_t>(block_[4 * i + 1]) << 16 |
             static_cast<std::uint32_t>(block_[4 * i + 2]) << 8 |
             static_cast<std::uint32_t>(block_[4 * i + 3]);
    }
    for (std::size_t i = 16; i < 64; ++i) {
      const auto s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
      const auto s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    auto [a, b, c, d, e, f, g, h] = state_;
    for (std::size_t i = 0; i < 64; ++i) {
      const auto s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
      const auto t1 = h + s1 + ((e & f) ^ (~e & g)) + kRound[i] + w[i];
      const auto s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
      const auto t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
      h = g;
      g = f;
      f = e;
      e = d + t1;
      d = c;
      c = b;
      b = a;
      a = t1 + t2;
    }
    const std::array<std::uint32_t, 8> add = {a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i < 8; ++i) state_[i] += add[i];
  }

  std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<unsigned char, 64> block_{};
  std::size_t filled_ = 0;
  std::uint64_t total_ = 0;
};

/// `ends[i]` says whether the pattern so far matches the first i characters: one pass over the text per
/// character of the pattern, so that no pattern takes longer than their product.
bool matches(std::string_view text, std::string_view pattern) {
  std::vector<char> ends(text.size() + 1, 0);
  ends[0] = 1;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    std::vector<char> next(ends.size(), 0);
    if (pattern[at] == '*') {
      const bool crosses = pattern.substr(at).starts_with("**");
      if (crosses) ++at;
      for (std::size_t i = 0; i < ends.size(); ++i) {
        const bool goes_on = i > 0 && next[i - 1] != 0 && (crosses || text[i - 1] != '/');
        next[i] = ends[i] != 0 || goes_on ? 1 : 0;
      }
      if (crosses && pattern.substr(at + 1).starts_with('/')) {  // `**/` stands for no folder as well
        ++at;
        for (std::size_t i = ends.size() - 1; i > 0; --i) next[i] = text[i - 1] == '/' ? next[i - 1] : 0;
        next[0] = 0;
        for (std::size_t i = 0; i < ends.size(); ++i) next[i] = next[i] != 0 || ends[i] != 0 ? 1 : 0;
      }
    } else {
      for (std::size_t i = 1; i < ends.size(); ++i) {
        const bool fits = pattern[at] == '?' ? text[i - 1] != '/' : text[i - 1] == pattern[at];
        next[i] = ends[i - 1] != 0 && fits ? 1 : 0;
      }
    }
    ends = std::move(next);
  }
  return ends.back() != 0;
}

}  // namespace

AtomicFile::AtomicFile(fs::path target) : target_(std::move(target)) {
  static std::atomic<unsigned> counter{0};
  std::error_code failed;
  if (target_.has_parent_path()) fs::create_directories(target_.parent_path(), failed);
  if (failed) {
    throw Error(ErrorCode::io_error, fmt::format("Cannot make the folder {}: {}.",
                                                 target_.parent_path().string(), failed.message()));
  }
  const auto name = fmt::format(".{}.{}-{}.tmp{}", target_.stem().string(), ::getpid(), counter++,
                                target_.extension().string());
  temporary_ = target_.parent_path() / name;
  const int probe = ::open(temporary_.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
  if (probe < 0) {
    throw Error(ErrorCode::io_error,
                fmt::format("Cannot write in {}: {}.", target_.parent_path().string(), reason()));
  }
  ::close(probe);
}

AtomicFile::~AtomicFile() {
  if (committed_) return;
  std::error_code ignored;
  fs::remove(temporary_, ignored);
}

void AtomicFile::commit() {
  const int file = ::open(temporary_.c_str(), O_RDONLY | O_CLOEXEC);
  const bool is_flushed = file >= 0 && ::fsync(file) == 0;
  const auto why = is_flushed ? std::string() : reason();
  if (file >= 0) ::close(file);
  if (!is_flushed) {
    throw Error(ErrorCode::io_error, fmt::format("Cannot finish writing {}: {}.", target_.string(), why));
  }
  std::error_code failed;
  fs::rename(temporary_, target_, failed);
  if (failed) {
    throw Error(ErrorCode::io_error, fmt::format("Cannot write {}: {}.", target_.string(), failed.message()));
  }
  committed_ = true;
}

void write_file(const fs::path& path, std::string_view content) {
  AtomicFile file(path);
  std::ofstream out(file.temporary_path(), std::ios::binary | std::ios::trunc);
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  out.close();
  if (!out) {
    throw Error(ErrorCode::io_error,
                fmt::format("Cannot write {} ({} bytes): {}.", path.string(), content.size(), reason()));
  }
  file.commit();
}

std::string read_file(const fs::path& path, std::uint64_t max_bytes) {
  std::error_code failed;
  if (!fs::exists(path, failed)) {
    throw Error(ErrorCode::not_found, fmt::format("{}: no such file.", path.string()));
  }
  if (!fs::is_regular_file(path, failed)) {
    throw Error(ErrorCode::io_error, fmt::format("{}: not a file.", path.string()));
  }
  const auto size = fs::file_size(path, failed);
  if (failed) throw Error(ErrorCode::io_error, fmt::format("{}: {}.", path.string(), failed.message()));
  if (size > max_bytes) {
    throw Error(ErrorCode::resource_exhausted,
                fmt::format("{}: {} bytes, more than the {} this kind of file may have.", path.string(), size,
                            max_bytes));
  }
  std::ifstream in(path, std::ios::binary);
  std::string content(size, '\0');
  in.read(content.data(), static_cast<std::streamsize>(size));
  if (!in) throw Error(ErrorCode::io_error, fmt::format("Cannot read {}: {}.", path.string(), reason()));
  return content;
}

std::string sha256_of(std::string_view bytes) {
  Sha256 hash;
  hash.update(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  return hash.hex_digest();
}

std::string sha256_of_file(const fs::path& path, std::stop_token stop) {
  std::error_code failed;
  if (fs::exists(path, failed) && !fs::is_regular_file(path, failed)) {  // a pipe would wait for ever
    throw Error(ErrorCode::io_error, fmt::format("{}: not a regular file.", path.string()));
  }
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (!file) {
    throw Error(errno == ENOENT ? ErrorCode::not_found : ErrorCode::io_error,
                fmt::format("Cannot read {}: {}.", path.string(), reason()));
  }
  Sha256 hash;
  std::vector<unsigned char> buffer(1 << 20);
  while (true) {
    if (stop.stop_requested()) throw Cancelled{};
    const auto got = std::fread(buffer.data(), 1, buffer.size(), file.get());
    hash.update(buffer.data(), got);
    if (got == buffer.size()) continue;
    if (std::ferror(file.get()) != 0) {
      throw Error(ErrorCode::io_error, fmt::format("Cannot read {}: {}.", path.string(), reason()));
    }
    return hash.hex_digest();
  }
}

bool matches_glob(std::string_view relative_path, std::string_view pattern) {
  if (pattern.find('/') == std::string_view::npos) {
    const auto slash = relative_path.rfind('/');
    if (slash != std::string_view::npos) relative_path.remove_prefix(slash + 1);
  }
  return matches(relative_path, pattern);
}

}  // namespace imaging
