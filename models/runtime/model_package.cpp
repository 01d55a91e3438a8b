#include "models/runtime/model_package.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>
#ifdef TESSERA_HAS_LIBZIP
#include <zip.h>
#endif

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <set>
#include <string_view>

#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/base/json_text.h"

namespace models {
namespace fs = std::filesystem;
namespace {

using imaging::Error;
using imaging::ErrorCode;
using nlohmann::ordered_json;

constexpr std::string_view kSchema = "tessera.model/1";
constexpr std::array<std::string_view, 4> kTasks{"patch-encoder", "slide-classification", "fundus-grading",
                                                 "segmentation"};
constexpr const char* kManifest = "manifest.json";
constexpr const char* kCard = "README.md";
constexpr std::uint64_t kMaxManifestBytes = 16U << 20;

bool is_safe_name(const std::string& name) {
  if (name.empty() || name.size() > 512 || name.find('\\') != std::string::npos ||
      name.find('\0') != std::string::npos) {
    return false;
  }
  const fs::path path(name);
  if (path.is_absolute() || path.has_root_name()) return false;
  return std::none_of(path.begin(), path.end(),
                      [](const fs::path& part) { return part == ".." || part == "." || part.empty(); });
}

bool is_text(const ordered_json& manifest, const char* key) {
  const auto found = manifest.find(key);
  return found != manifest.end() && found->is_string() && !found->get_ref<const std::string&>().empty();
}

/// What is wrong with a manifest, naming the key; nothing where it is sound. The hashes are checked apart.
std::optional<std::string> find_problem(const ordered_json& manifest) {
  if (!manifest.is_object()) return "it is not a JSON object";
  for (const char* key : {"schema", "name", "task", "architecture", "licence"}) {
    if (!is_text(manifest, key)) return fmt::format("'{}' is missing or is no text", key);
  }
  if (manifest["schema"] != kSchema) {
    return fmt::format("'schema' is {}, not \"{}\"", manifest["schema"].dump(), kSchema);
  }
  if (!is_safe_name(manifest["name"]) || manifest["name"].get<std::string>().find('/') != std::string::npos) {
    return "'name' cannot serve as a file name";
  }
  const auto task = manifest["task"].get<std::string>();
  if (std::find(kTasks.begin(), kTasks.end(), task) == kTasks.end()) {
    return fmt::format("'task' is \"{}\", not one of: {}", task, fmt::join(kTasks, ", "));
  }
  const auto number_above_zero = [&](const char* key) {
    const auto found = manifest.find(key);
    return found != manifest.end() && found->is_number() && found->get<double>() > 0;
  };
  if (task == "patch-encoder") {
    if (!number_above_zero("patch_size_pixels") || !manifest["patch_size_pixels"].is_number_integer()) {
      return "'patch_size_pixels' is missing or is no whole number above 0";
    }
    if (!number_above_zero("spacing_um_px")) return "'spacing_um_px' is missing or not above 0";
    if (!manifest.contains("transform") || !manifest["transform"].is_array())
      return "'transform' is missing or no list";
  }
  if (manifest.contains("mpp_tolerance") && !number_above_zero("mpp_tolerance"))
    return "'mpp_tolerance' is not above 0";
  if (task == "slide-classification" || manifest.contains("class_names")) {
    const auto found = manifest.find("class_names");
    const bool is_list =
        found != manifest.end() && found->is_array() && !found->empty() &&
        std::all_of(found->begin(), found->end(), [](const auto& name) { return name.is_string(); });
    if (!is_list) return "'class_names' is missing or is no list of texts";
  }
  if (task == "slide-classification") {
    const auto bag = manifest.find("input_bag");
    if (bag == manifest.end() || !bag->is_object() || !bag->contains("dim") ||
        !(*bag)["dim"].is_number_integer()) {
      return "'input_bag' is missing or has no whole number 'dim'";
    }
  }
  return std::nullopt;
}

/// Names of all files below `folder` but the manifest, with '/' between parts, sorted.
/// @throws Error `hash_mismatch` on anything that is neither a file nor a folder: a link could lead outside.
std::set<std::string> list_files(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const auto name = entry.path().lexically_relative(folder).generic_string();
    const auto status = entry.symlink_status();
    if (fs::is_directory(status)) continue;
    if (!fs::is_regular_file(status)) {
      throw Error(ErrorCode::hash_mismatch,
                  fmt::format("Package {} holds '{}', which is neither a file nor a folder; remove it.",
                              folder.string(), name));
    }
    if (name != kManifest) names.insert(name);
  }
  return names;
}

void verify_files(const fs::path& shown_path, const fs::path& folder, const ordered_json& manifest) {
  const auto hashes = manifest.find("sha256");
  if (hashes == manifest.end() || !hashes->is_object()) {
    throw Error(ErrorCode::corrupt_data,
                fmt::format("Package {}: 'sha256' is missing from {} or is no object.", shown_path.string(),
                            kManifest));
  }
  const auto present = list_files(folder);
  for (const auto& [name, hash] : hashes->items()) {
    if (!is_safe_name(name) || !hash.is_string()) {
      throw Error(ErrorCode::corrupt_data,
                  fmt::format("Package {}: 'sha256' has the invalid entry '{}'.", shown_path.string(), name));
    }
    if (!present.contains(name)) {
      throw Error(ErrorCode::hash_mismatch,
                  fmt::format("Package {} lacks its file '{}'; get it again.", shown_path.string(), name));
    }
    const auto found = imaging::sha256_of_file(folder / name);
    if (hash != found) {
      throw Error(
          ErrorCode::hash_mismatch,
          fmt::format("Package {}: the sha256 of '{}' is {}, not {} as its manifest states; get it again.",
                      shown_path.string(), name, found, hash.get<std::string>()));
    }
  }
  for (const auto& name : present) {
    if (!hashes->contains(name)) {
      throw Error(ErrorCode::hash_mismatch,
                  fmt::format("Package {} holds the file '{}', which its manifest does not list; "
                              "remove it.",
                              shown_path.string(), name));
    }
  }
  if (!present.contains(kCard)) {
    throw Error(ErrorCode::corrupt_data,
                fmt::format("Package {} has no model card, {}.", shown_path.string(), kCard));
  }
}

/// A private folder, removed at the end of its life.
struct UnpackedFolder {
  UnpackedFolder() {
    auto name = (fs::temp_directory_path() / "tessera-package-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
      throw Error(ErrorCode::io_error,
                  fmt::format("Cannot make a folder in {}.", fs::temp_directory_path().string()));
    }
    path = name;
  }
  ~UnpackedFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  UnpackedFolder(const UnpackedFolder&) = delete;
  UnpackedFolder& operator=(const UnpackedFolder&) = delete;
  fs::path path;
};

#ifdef TESSERA_HAS_LIBZIP

constexpr zip_int64_t kMaxEntries = 1000;
constexpr std::uint64_t kMaxUnpackedBytes = 16ULL << 30;
constexpr std::uint64_t kMaxRatio = 50;  // of unpacked to packed: weights hardly compress

[[noreturn]] void damaged_zip(const fs::path& path, const std::string& what) {
  throw Error(ErrorCode::corrupt_data, fmt::format("{} is not a valid package: {}.", path.string(), what));
}

void unpack_entry(zip_t* archive, zip_uint64_t index, const zip_stat_t& entry, const fs::path& path,
                  const fs::path& target) {
  const std::unique_ptr<zip_file_t, decltype(&zip_fclose)> source(zip_fopen_index(archive, index, 0),
                                                                  &zip_fclose);
  if (source == nullptr) damaged_zip(path, fmt::format("'{}' cannot be read", entry.name));
  fs::create_directories(target.parent_path());
  std::ofstream file(target, std::ios::binary);
  std::vector<char> buffer(1U << 20);
  std::uint64_t total = 0;
  zip_int64_t got = 0;
  while ((got = zip_fread(source.get(), buffer.data(), buffer.size())) > 0) {
    total += static_cast<std::uint64_t>(got);
    if (total > entry.size) break;
    file.write(buffer.data(), got);
  }
  if (got < 0 || total != entry.size) damaged_zip(path, fmt::format("'{}' is damaged", entry.name));
  file.close();
  if (!file)
    throw Error(ErrorCode::io_error, fmt::format("Cannot unpack {}: is the disk full?", path.string()));
}

void unpack(const fs::path& path, const fs::path& folder) {
  int failed = 0;
  const std::unique_ptr<zip_t, decltype(&zip_discard)> archive(zip_open(path.c_str(), ZIP_RDONLY, &failed),
                                                               &zip_discard);
  if (archive == nullptr) damaged_zip(path, "it is no zip archive, or a damaged one");
  const auto count = zip_get_num_entries(archive.get(), 0);
  if (count > kMaxEntries) damaged_zip(path, fmt::format("it holds {} entries", count));
  std::uint64_t total = 0;
  const auto limit =
      std::min<std::uint64_t>(kMaxUnpackedBytes, (1ULL << 20) + kMaxRatio * fs::file_size(path));
  for (zip_uint64_t index = 0; index < static_cast<zip_uint64_t>(count); ++index) {
    zip_stat_t entry;
    constexpr auto kNeeded = ZIP_STAT_NAME | ZIP_STAT_SIZE;
    if (zip_stat_index(archive.get(), index, 0, &entry) != 0 || (entry.valid & kNeeded) != kNeeded) {
      damaged_zip(path, "an entry cannot be read");
    }
    std::string name(entry.name);
    const bool is_folder = !name.empty() && name.back() == '/';
    if (is_folder) name.pop_back();
    if (!is_safe_name(name))
      damaged_zip(path, fmt::format("the entry '{}' would land outside its folder", entry.name));
    if (is_folder) continue;
    if (entry.size > limit || (total += entry.size) > limit)
      damaged_zip(path, "it would unpack to far more than its size");
    if (fs::exists(folder / name)) damaged_zip(path, fmt::format("it holds '{}' twice", name));
    unpack_entry(archive.get(), index, entry, path, folder / name);
  }
}

#else

void unpack(const fs::path& path, const fs::path&) {
  throw Error(
      ErrorCode::unsupported_format,
      fmt::format("{} is a zipped package, and this build has no libzip; unzip it and give the folder.",
                  path.string()));
}

#endif

/// Where the manifest is: the folder itself, or its only subfolder (people zip either).
fs::path find_package_root(const fs::path& folder) {
  if (fs::exists(folder / kManifest)) return folder;
  std::vector<fs::path> inside;
  for (const auto& entry : fs::directory_iterator(folder)) inside.push_back(entry.path());
  return inside.size() == 1 && fs::exists(inside[0] / kManifest) ? inside[0] : folder;
}

}  // namespace

ModelPackage ModelPackage::open(const fs::path& path) {
  ModelPackage package;
  package.path_ = path;
  try {
    if (fs::is_directory(path)) {
      package.folder_ = path;
    } else if (fs::is_regular_file(path)) {
      const auto unpacked = std::make_shared<UnpackedFolder>();
      unpack(path, unpacked->path);
      package.folder_ = find_package_root(unpacked->path);
      package.unpacked_ = unpacked;
    } else {
      throw Error(ErrorCode::not_found, fmt::format("There is no model package at {}.", path.string()));
    }
    if (!fs::is_regular_file(package.folder_ / kManifest)) {
      throw Error(ErrorCode::corrupt_data,
                  fmt::format("{} is no model package: it has no {}.", path.string(), kManifest));
    }
    const auto text = imaging::read_file(package.folder_ / kManifest, kMaxManifestBytes);
    package.sha256_ = imaging::sha256_of(text);
    package.manifest_ =
        imaging::parse_json<ordered_json>(text, fmt::format("Package {}: {}", path.string(), kManifest));
    if (const auto problem = find_problem(package.manifest_)) {
      throw Error(ErrorCode::corrupt_data,
                  fmt::format("Package {}: in {}, {}.", path.string(), kManifest, *problem));
    }
    package.name_ = package.manifest_["name"];
    verify_files(path, package.folder_, package.manifest_);
  } catch (const fs::filesystem_error& error) {
    throw Error(ErrorCode::io_error,
                fmt::format("Package {} cannot be read: {}.", path.string(), error.code().message()));
  }
  return package;
}

std::string ModelPackage::task() const {
  return manifest_.at("task");
}
std::string ModelPackage::architecture() const {
  return manifest_.at("architecture");
}
std::vector<std::string> ModelPackage::class_names() const {
  return manifest_.value("class_names", std::vector<std::string>{});
}

namespace {

template <typename T>
T read_number(const ModelPackage& package, const char* key) {
  const auto found = package.manifest().find(key);
  if (found == package.manifest().end() || !found->is_number()) {
    throw Error(ErrorCode::corrupt_data,
                fmt::format("Package {}: '{}' is missing from its manifest.", package.path().string(), key));
  }
  return found->get<T>();
}

}  // namespace

std::int64_t ModelPackage::patch_size_pixels() const {
  return read_number<std::int64_t>(*this, "patch_size_pixels");
}
double ModelPackage::spacing_um_px() const {
  return read_number<double>(*this, "spacing_um_px");
}
double ModelPackage::mpp_tolerance() const {
  return manifest_.value("mpp_tolerance", 0.1);
}
std::string ModelPackage::card() const {
  return imaging::read_file(file(kCard), kMaxManifestBytes);
}

void seal_package(const fs::path& folder, ordered_json manifest) {
  if (const auto problem = find_problem(manifest)) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("Cannot seal {}: in its manifest, {}.", folder.string(), *problem));
  }
  const auto names = list_files(folder);
  if (!names.contains(kCard)) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("Cannot seal {}: it has no model card, {}.", folder.string(), kCard));
  }
  ordered_json hashes = ordered_json::object();
  for (const auto& name : names) hashes[name] = imaging::sha256_of_file(folder / name);
  manifest["sha256"] = hashes;
  imaging::write_file(folder / kManifest, manifest.dump(2) + "\n");
}

void zip_package(const fs::path& folder, const fs::path& target) {
#ifdef TESSERA_HAS_LIBZIP
  auto names = list_files(folder);
  names.insert(kManifest);
  imaging::AtomicFile file(target);
  int failed = 0;
  std::unique_ptr<zip_t, decltype(&zip_discard)> archive(
      zip_open(file.temporary_path().c_str(), ZIP_CREATE | ZIP_TRUNCATE, &failed), &zip_discard);
  const auto stop = [&] {
    throw Error(ErrorCode::io_error, fmt::format("Cannot write the package {}.", target.string()));
  };
  if (archive == nullptr) stop();
  for (const auto& name : names) {
    zip_source_t* source = zip_source_file(archive.get(), (folder / name).c_str(), 0, -1);
    if (source == nullptr) stop();
    const auto index = zip_file_add(archive.get(), name.c_str(), source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
      zip_source_free(source);
      stop();
    }
    // Stored, and at a fixed date: the same package gives the same bytes.
    const auto entry = static_cast<zip_uint64_t>(index);
    constexpr zip_uint16_t kFirstOfJanuary1980 = 0x21;
    if (zip_set_file_compression(archive.get(), entry, ZIP_CM_STORE, 0) != 0 ||
        zip_file_set_dostime(archive.get(), entry, 0, kFirstOfJanuary1980, 0) != 0) {
      stop();
    }
  }
  if (zip_close(archive.get()) != 0) stop();
  (void)archive.release();  // zip_close freed it
  file.commit();
#else
  throw Error(ErrorCode::unsupported_format,
              fmt::format("Cannot write {}: this build has no libzip; zip {} by hand.", target.string(),
                          folder.string()));
#endif
}

std::vector<PackageListing> list_packages(const fs::path& folder) {
  if (!fs::is_directory(folder)) {
    throw Error(ErrorCode::not_found, fmt::format("{} is no folder.", folder.string()));
  }
  std::vector<PackageListing> listings;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const bool is_package = fs::exists(entry.path() / kManifest) || entry.path().extension() == ".tsr";
    if (!is_package) continue;
    PackageListing listing{entry.path().stem().string(), entry.path(), "", ""};
    try {
      const auto package = ModelPackage::open(entry.path());
      listing.name = package.name();
      listing.task = package.task();
    } catch (const Error& error) {
      listing.problem = error.what();
    }
    listings.push_back(std::move(listing));
  }
  std::sort(listings.begin(), listings.end(), [](const PackageListing& a, const PackageListing& b) {
    return std::tie(a.name, a.path) < std::tie(b.name, b.path);
  });
  return listings;
}

}  // namespace models
