#include "app/workflows/inputs.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "imaging/base/csv.h"
#include "imaging/base/files.h"
#include "imaging/base/log.h"
#include "imaging/fundus/split_file.h"
#include "imaging/slide/reader_table.h"

namespace workflows {
namespace fs = std::filesystem;
namespace {

constexpr std::array<std::string_view, 18> kImageExtensions{
    ".svs",     ".tif",    ".tiff", ".ndpi", ".vms",  ".vmu", ".scn", ".mrxs", ".bif",
    ".svslide", ".qptiff", ".png",  ".jpg",  ".jpeg", ".dcm", ".mha", ".mhd",  ".nii"};

bool has_image_extension(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(kImageExtensions.begin(), kImageExtensions.end(), extension) != kImageExtensions.end();
}

bool is_wanted(const std::string& relative, const InputOptions& options) {
  const auto matches = [&](const std::string& pattern) { return imaging::matches_glob(relative, pattern); };
  if (!options.include.empty() && std::none_of(options.include.begin(), options.include.end(), matches))
    return false;
  return std::none_of(options.exclude.begin(), options.exclude.end(), matches);
}

bool may_enter(const fs::path& folder) {
  return access(folder.c_str(), R_OK | X_OK) == 0;
}

/// One of the files by which a run of Tessera says what it did.
bool is_manifest(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return false;
  std::string start(256, '\0');
  std::ifstream in(path, std::ios::binary);
  in.read(start.data(), static_cast<std::streamsize>(start.size()));
  return start.find("\"schema\": \"tessera.") != std::string::npos;
}

bool has_manifest(const fs::path& folder) {
  constexpr std::array kNames{"run.json", "encode.json", "tile.json"};
  return std::any_of(kNames.begin(), kNames.end(),
                     [&](const char* name) { return is_manifest(folder / name); });
}

/// The results of an earlier run: their pictures are no inputs. An OUT that is the input folder itself holds
/// inputs too, so of that only the parts are left out.
bool holds_own_results(const fs::path& folder) {
  static const std::set<std::string> parts{"cases", "h5_files", "patches", "stitches", "tiles", "tissue"};
  if (has_manifest(folder) || is_manifest(folder / "result.json")) return true;
  return parts.contains(folder.filename().string()) && has_manifest(folder.parent_path());
}

/// Says what was not looked at; names the first few.
void tell_left_out(const std::vector<std::string>& names, std::string_view what) {
  constexpr std::size_t kNamed = 5;
  if (names.empty()) return;
  const std::vector<std::string> first(names.begin(),
                                       names.begin() + std::min<std::ptrdiff_t>(kNamed, std::ssize(names)));
  imaging::log(imaging::LogLevel::info,
               fmt::format("{} {}: {}{}.", names.size(), what, fmt::join(first, ", "),
                           names.size() > kNamed ? ", ..." : ""));
}

void walk_folder(const fs::path& folder, const fs::path& leave_out, const InputOptions& options,
                 const imaging::JobContext& job, InputList& list) {
  if (!may_enter(folder)) {
    const auto closed = folder.has_filename() ? folder : folder.parent_path();
    list.files.push_back({.path = closed, .relative = closed.filename().string()});
    return;
  }
  std::vector<fs::path> found;
  std::vector<std::string> own_results;
  std::vector<std::string> no_files;
  std::error_code ignored;
  auto entry = fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied);
  for (; entry != fs::recursive_directory_iterator(); ++entry) {
    const bool is_hidden = entry->path().filename().string().starts_with(".");
    if (entry->is_directory(ignored)) {
      const bool is_closed = !may_enter(entry->path());
      const bool is_out = !leave_out.empty() && fs::equivalent(entry->path(), leave_out, ignored);
      const bool is_own = !is_hidden && !is_closed && !is_out && holds_own_results(entry->path());
      if (is_own) own_results.push_back(entry->path().lexically_relative(folder).generic_string());
      if (is_hidden || is_closed || is_out || is_own) entry.disable_recursion_pending();
      if (is_closed && !is_hidden && !is_out) found.push_back(entry->path());
    } else if (!is_hidden && entry->is_regular_file(ignored)) {
      found.push_back(entry->path());
    } else if (!is_hidden && has_image_extension(entry->path())) {
      no_files.push_back(entry->path().lexically_relative(folder).generic_string());
    }
  }
  tell_left_out(own_results, "folders with results of Tessera were left out");
  tell_left_out(no_files, "files were skipped, for they are dangling links or not regular files");
  std::sort(found.begin(), found.end());
  for (const auto& path : found) {
    job.checkpoint("looking for inputs", static_cast<std::int64_t>(list.files.size()), 0);
    const std::string relative = path.lexically_relative(folder).generic_string();
    if (!may_enter(path) && fs::is_directory(path, ignored)) {
      const auto inside = relative + "/";  // what lies in it is not known, so --include cannot leave it out
      InputOptions without_include = options;
      without_include.include.clear();
      if (is_wanted(inside, without_include)) list.files.push_back({.path = path, .relative = relative});
      continue;
    }
    if (!is_wanted(relative, options)) continue;
    if (has_image_extension(path) || imaging::is_readable_slide(path)) {
      list.files.push_back({.path = path, .relative = relative});
    } else {
      ++list.unrecognised;
    }
  }
}

void add_split(const fs::path& path, const InputOptions& options, InputList& list) {
  const auto split = imaging::read_split_file(path);
  for (const auto& entry : split.entries) {
    if (!is_wanted(entry.name, options)) continue;
    InputFile file{
        .path = entry.path, .relative = entry.name, .site = split.domain, .problem = entry.problem};
    if (entry.problem.empty()) file.label = std::to_string(entry.grade);
    list.files.push_back(std::move(file));
  }
}

/// Of several paths to one file the first one stays, and a link only where nothing else leads there.
void leave_out_repeated(std::vector<InputFile>& files) {
  std::error_code ignored;
  const auto target_of = [&](const InputFile& file) {
    const auto canonical = fs::weakly_canonical(file.path, ignored);
    return canonical.empty() ? file.path : canonical;
  };
  std::set<fs::path> real;
  for (const auto& file : files) {
    if (!fs::is_symlink(file.path, ignored)) real.insert(target_of(file));
  }
  std::set<fs::path> seen;
  std::erase_if(files, [&](const InputFile& file) {
    const auto target = target_of(file);
    if (fs::is_symlink(file.path, ignored) && real.contains(target)) return true;
    return !seen.insert(target).second;
  });
}

/// The same where it is UTF-8; names go into JSON, which holds nothing else.
std::string as_utf8(const std::string& name) {
  using Json = nlohmann::json;
  return Json::parse(Json(name).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
}

void apply_table(const std::string& path, std::vector<InputFile>& files) {
  const auto table = imaging::read_csv_with_header(path);
  const auto file_column = table.find_column("file");
  if (!file_column) {
    throw imaging::Error(imaging::ErrorCode::invalid_argument,
                         fmt::format("Table '{}' has no column 'file'.", path));
  }
  std::size_t used = 0;
  for (const auto& row : table.rows) {
    const auto cell = [&](std::string_view name) -> std::optional<std::string> {
      const auto column = table.find_column(name);
      if (!column || row[*column].empty()) return std::nullopt;
      return row[*column];
    };
    const auto& wanted = row[*file_column];
    bool matched = false;
    for (auto& file : files) {
      const auto full = file.path.generic_string();
      if (file.relative != wanted && full != wanted && !full.ends_with("/" + wanted)) continue;
      matched = true;
      if (const auto name = cell("case")) file.case_name = safe_name(*name);
      file.patient = cell("patient");
      file.laterality = cell("laterality");
      if (auto label = cell("label")) file.label = std::move(label);
      if (auto site = cell("site")) file.site = std::move(site);
      file.table_mpp = cell("mpp");
    }
    used += matched ? 1 : 0;
  }
  if (used < table.rows.size()) {
    imaging::log(imaging::LogLevel::warning, fmt::format("{} of {} rows of the table match no input.",
                                                         table.rows.size() - used, table.rows.size()));
  }
}

void make_names_unique(std::vector<InputFile>& files) {
  std::map<std::string, int> names;
  std::map<std::string, int> relatives;
  for (const auto& file : files) {
    ++names[file.case_name];
    ++relatives[file.relative];
  }
  for (auto& file : files) {
    if (names[file.case_name] == 1) continue;
    const std::string key =
        relatives[file.relative] == 1 ? file.relative : file.path.lexically_normal().generic_string();
    file.case_name = fmt::format("{}-{:.6}", file.case_name, imaging::sha256_of(key));
  }
}

}  // namespace

InputList collect_inputs(const InputOptions& options, const fs::path& leave_out,
                         const imaging::JobContext& job) {
  InputList list;
  for (const auto& input : options.inputs) {
    const fs::path path = fs::path(input).lexically_normal();
    std::error_code ignored;
    if (fs::is_directory(path, ignored)) {
      walk_folder(path, leave_out, options, job, list);
    } else if (path.extension() == ".txt" && imaging::is_split_file(path)) {
      add_split(path, options, list);
    } else if (const auto name = path.filename().string(); is_wanted(name, options)) {
      list.files.push_back({.path = path, .relative = name});
    }
  }
  leave_out_repeated(list.files);
  if (list.files.empty()) {
    throw imaging::Error(imaging::ErrorCode::not_found,
                         fmt::format("No slide or image among the inputs ({}; {} other files); check the "
                                     "path, --include and --exclude.",
                                     fmt::join(options.inputs, ", "), list.unrecognised));
  }
  for (auto& file : list.files) {
    file.relative = as_utf8(file.relative);
    file.case_name = safe_name(as_utf8(file.path.stem().string()));
  }
  if (options.table) apply_table(*options.table, list.files);
  make_names_unique(list.files);
  return list;
}

std::string safe_name(std::string name) {
  for (auto& c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == '/' || c == '\\' || c == ':') c = '_';
  }
  return name.empty() || name.front() == '.' ? fmt::format("_{}", name) : name;
}

void check_input(const InputFile& file) {
  if (!file.problem.empty()) throw imaging::Error(imaging::ErrorCode::invalid_argument, file.problem);
}

}  // namespace workflows
