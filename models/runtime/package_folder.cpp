#include "models/runtime/package_folder.h"

#include <fmt/format.h>
#include <unistd.h>

#include "imaging/base/error.h"

namespace models {
namespace fs = std::filesystem;
namespace {

using imaging::Error;
using imaging::ErrorCode;

[[noreturn]] void cannot_write(const fs::path& target, const std::error_code& error) {
  throw Error(ErrorCode::io_error, fmt::format("Cannot write {}: {}.", target.string(), error.message()));
}

}  // namespace

PackageFolder::PackageFolder(const fs::path& target)
    : target_(target.has_filename() ? target : target.parent_path()) {
  if (fs::exists(target_)) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} exists already; name a new folder.", target_.string()));
  }
  path_ = target_.parent_path() / fmt::format(".{}.{}.tmp", target_.filename().string(), ::getpid());
  std::error_code error;
  fs::create_directories(path_, error);
  if (error) cannot_write(target_, error);
}

PackageFolder::~PackageFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

void PackageFolder::publish() {
  std::error_code error;
  fs::rename(path_, target_, error);
  if (error) cannot_write(target_, error);
}

}  // namespace models
