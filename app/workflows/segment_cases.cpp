#include "app/workflows/segment_cases.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <limits>
#include <map>
#include <regex>
#include <set>

#include "imaging/base/csv.h"
#include "imaging/base/error.h"
#include "imaging/fundus/fundus_reader.h"
#include "imaging/raster/label_image.h"
#include "imaging/slide/file_scale.h"
#include "imaging/slide/reader_table.h"

namespace workflows {
namespace fs = std::filesystem;
namespace {

using imaging::Error;
using imaging::ErrorCode;

constexpr std::size_t kMostClasses = 255;  // a class number is a byte

[[noreturn]] void refuse(const std::string& message) {
  throw Error(ErrorCode::invalid_argument, message);
}

/// NAME, NAME:VALUE or NAME=FOLDER.
struct ClassOption {
  std::string name;
  std::optional<std::uint16_t> value;
  std::optional<std::string> folder;
};

ClassOption parse_class(const std::string& text) {
  ClassOption option;
  const auto mark = text.find_first_of("=:");
  option.name = text.substr(0, mark);
  if (option.name.empty()) refuse(fmt::format("The class '{}' has no name.", text));
  if (mark == std::string::npos) return option;
  const auto rest = text.substr(mark + 1);
  if (text[mark] == '=') {
    if (rest.empty()) refuse(fmt::format("The class '{}' names no folder after its '='.", text));
    option.folder = rest;
    return option;
  }
  const auto value = imaging::parse_number(rest);
  if (!value || *value < 1 || *value > 65535 || *value != static_cast<int>(*value))
    refuse(
        fmt::format("The value '{}' of class '{}' is no whole number from 1 to 65535.", rest, option.name));
  option.value = static_cast<std::uint16_t>(*value);
  return option;
}

/// Fills names and values; what each class's folder is, where classes have one.
std::vector<ClassOption> take_classes(const SegmentDataOptions& options, SegmentData& data) {
  if (options.classes.empty())
    refuse("The data set's classes are not known; name each with --classes, without the background.");
  if (options.classes.size() >= kMostClasses)
    refuse(fmt::format("{} classes are too many; at most {} are told apart.", options.classes.size(),
                       kMostClasses - 1));
  std::vector<ClassOption> classes;
  data.class_names = {"background"};
  data.values = {0};
  for (const auto& text : options.classes) {
    classes.push_back(parse_class(text));
    const auto& one = classes.back();
    if (std::ranges::find(data.class_names, one.name) != data.class_names.end())
      refuse(fmt::format("The class '{}' is named twice{}.", one.name,
                         one.name == "background" ? ", for background is always there" : ""));
    data.class_names.push_back(one.name);
    data.values.push_back(one.value.value_or(static_cast<std::uint16_t>(classes.size())));
  }
  const auto with_folder =
      std::ranges::count_if(classes, [](const auto& one) { return one.folder.has_value(); });
  if (with_folder != 0 && with_folder != std::ssize(classes))
    refuse("Either every class has its own folder of masks (--classes NAME=FOLDER), or none has.");
  if (std::set(data.values.begin(), data.values.end()).size() != data.values.size())
    refuse("Two classes have the same value in the masks.");
  data.has_mask_per_class = with_folder > 0;
  data.has_objects = options.mask_values == "objects";
  if (data.has_objects && (classes.size() != 1 || data.has_mask_per_class))
    refuse("Masks of objects (--mask-values objects) know one class, named without a folder.");
  return classes;
}

bool may_be_picture(const fs::path& path) {
  auto extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::array kExtensions{".png", ".jpg", ".jpeg", ".tif", ".tiff", ".svs", ".dcm", ".mha", ".nii"};
  if (extension == ".gz") extension = path.stem().extension().string();
  return std::ranges::find(kExtensions, extension) != kExtensions.end() || imaging::is_readable_slide(path);
}

/// Pictures of a folder by stem, sorted. @throws Error on two of one stem
std::map<std::string, fs::path> pictures_of(const fs::path& folder) {
  std::error_code failed;
  if (!fs::is_directory(folder, failed))
    throw Error(ErrorCode::not_found, fmt::format("{}: no such folder.", folder.string()));
  std::map<std::string, fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder, failed)) {
    const auto& path = entry.path();
    std::error_code ignored;
    if (!entry.is_regular_file(ignored) || path.filename().string().starts_with(".") || !may_be_picture(path))
      continue;
    const auto [at, is_new] = found.try_emplace(path.stem().string(), path);
    if (!is_new)
      refuse(
          fmt::format("{} and {} have the same name but for the ending; keep one, or name the files in a "
                      "CSV.",
                      at->second.string(), path.filename().string()));
  }
  if (failed) throw Error(ErrorCode::io_error, fmt::format("{}: {}.", folder.string(), failed.message()));
  return found;
}

/// The ways in which a mask's stem may belong to an image's, strictest first.
constexpr std::array<bool (*)(const std::string&, const std::string&), 3> kPairings{
    [](const std::string& image, const std::string& mask) { return image == mask; },
    [](const std::string& image, const std::string& mask) {
      return mask.size() > image.size() && mask.starts_with(image) &&
             std::isalnum(static_cast<unsigned char>(mask[image.size()])) == 0;
    },
    [](const std::string& image, const std::string& mask) {
      const auto end = image.rfind('_');
      return end != std::string::npos && end == mask.rfind('_') && image.compare(0, end, mask, 0, end) == 0;
    }};

/// The mask of each image by the strictest pairing that any image of the folder meets.
std::map<std::string, fs::path> pair_masks(const std::map<std::string, fs::path>& images,
                                           const std::map<std::string, fs::path>& masks) {
  std::map<std::string, fs::path> pairs;
  for (const auto& belongs : kPairings) {
    for (const auto& [image, image_path] : images) {
      for (const auto& [mask, path] : masks) {
        if (!belongs(image, mask)) continue;
        const auto [at, is_new] = pairs.try_emplace(image, path);
        if (!is_new)
          refuse(fmt::format("Image {} has two masks, {} and {}; keep one, or pair them in a CSV.",
                             image_path.filename().string(), at->second.string(), path.filename().string()));
      }
    }
    if (!pairs.empty()) break;
  }
  return pairs;
}

std::string subfolders_text(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.is_directory(ignored)) names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  return names.empty() ? "no folder" : fmt::format("{}", fmt::join(names, ", "));
}

class GroupOf {
 public:
  explicit GroupOf(const std::string& pattern) : pattern_text_(pattern) {
    if (pattern.empty()) return;
    try {
      pattern_ = std::regex(pattern);
    } catch (const std::regex_error& error) {
      refuse(fmt::format("--group '{}' is no regular expression: {}.", pattern, error.what()));
    }
    if (pattern_->mark_count() < 1)
      refuse(fmt::format("--group '{}' has no parentheses around the patient.", pattern));
  }
  [[nodiscard]] std::string operator()(const std::string& name) const {
    if (!pattern_) return name;
    std::smatch match;
    if (!std::regex_search(name, match, *pattern_) || match[1].length() == 0)
      refuse(fmt::format("--group '{}' finds no patient in the image's name '{}'.", pattern_text_, name));
    return match[1].str();
  }

 private:
  std::string pattern_text_;
  std::optional<std::regex> pattern_;
};

void read_folder(const fs::path& folder, const SegmentDataOptions& options,
                 const std::vector<ClassOption>& classes, SegmentData& data) {
  std::error_code ignored;
  const auto image_folder = !options.images.empty()                        ? folder / options.images
                            : fs::is_directory(folder / "images", ignored) ? folder / "images"
                                                                           : folder;
  const auto images = pictures_of(image_folder);
  if (images.empty())
    throw Error(ErrorCode::not_found, fmt::format("{}: holds no image.", image_folder.string()));
  std::vector<std::string> mask_folders;
  for (const auto& one : classes) {
    if (one.folder) mask_folders.push_back(*one.folder);
  }
  if (mask_folders.empty()) mask_folders.push_back(options.masks);
  std::vector<std::map<std::string, fs::path>> masks;
  for (const auto& name : mask_folders) {
    if (!fs::is_directory(folder / name, ignored))
      throw Error(ErrorCode::not_found,
                  fmt::format("{}: no folder '{}' for masks (there: {}); name it with --masks, or with "
                              "--classes NAME=FOLDER.",
                              folder.string(), name, subfolders_text(folder)));
    masks.push_back(pair_masks(images, pictures_of(folder / name)));
  }
  const GroupOf group_of(options.group);
  for (const auto& [stem, path] : images) {
    SegmentCase one{.name = stem, .image = path, .group = group_of(stem)};
    for (const auto& of_class : masks) {
      const auto found = of_class.find(stem);
      one.masks.push_back(found == of_class.end() ? fs::path() : found->second);
    }
    data.cases.push_back(std::move(one));
  }
}

std::optional<imaging::PointD> parse_spacing(const std::string& text, const std::string& where) {
  if (text.empty()) return std::nullopt;
  const auto gap = text.find_first_of(" x;");
  const auto x = imaging::parse_number(text.substr(0, gap));
  const auto y =
      gap == std::string::npos ? x : imaging::parse_number(text.substr(text.find_first_not_of(" x;", gap)));
  constexpr double kMost = 1000;
  if (!x || !y || !(*x > 0 && *x <= kMost && *y > 0 && *y <= kMost))
    refuse(fmt::format("{}: spacing '{}' is neither a number of mm nor two, above 0 and at most {}.", where,
                       text, kMost));
  return imaging::PointD{*x, *y};
}

void read_table(const fs::path& path, const SegmentDataOptions& options, SegmentData& data) {
  const auto table = imaging::read_csv_with_header(path);
  const auto column = [&](std::string_view name, std::string_view other) {
    const auto found = table.find_column(name);
    return found ? found : table.find_column(other);
  };
  const auto image = column("image", "file");
  if (!image) refuse(fmt::format("Table {} has no column 'image' or 'file'.", path.string()));
  std::vector<std::optional<std::size_t>> masks;
  for (std::size_t k = 1; k < data.class_names.size(); ++k)
    masks.push_back(table.find_column("mask:" + data.class_names[k]));
  const auto per_class = std::ranges::count_if(masks, [](const auto& found) { return found.has_value(); });
  if (per_class > 0) {
    if (per_class != std::ssize(masks))
      refuse(fmt::format("Table {} has columns mask:NAME for {} of {} classes.", path.string(), per_class,
                         masks.size()));
    data.has_mask_per_class = true;
  } else {
    masks = {table.find_column("mask")};
    if (!masks.front())
      refuse(fmt::format("Table {} has neither a column 'mask' nor columns 'mask:NAME' of the classes.",
                         path.string()));
  }
  const auto group = column("group", "patient");
  const auto site = table.find_column("site");
  const auto spacing = table.find_column("spacing");
  const GroupOf group_of(options.group);
  const auto file_of = [&](const std::string& cell) {
    const auto file = path.parent_path() / cell;
    std::error_code failed;
    if (!fs::is_regular_file(file, failed))
      throw Error(ErrorCode::not_found,
                  fmt::format("{}: no such file, and {} names it.", file.string(), path.filename().string()));
    return file;
  };
  std::set<std::string> names;
  for (const auto& row : table.rows) {
    if (row[*image].empty()) refuse(fmt::format("Table {} has a row without an image.", path.string()));
    SegmentCase one{.image = file_of(row[*image])};
    one.name = one.image.stem().string();
    if (!names.insert(one.name).second)
      refuse(fmt::format("Table {} has two images of the name '{}'.", path.string(), one.name));
    for (const auto& found : masks)
      one.masks.push_back(row[*found].empty() ? fs::path() : file_of(row[*found]));
    one.group = group && !row[*group].empty() ? row[*group] : group_of(one.name);
    if (site) one.site = row[*site];
    if (spacing) one.spacing_mm = parse_spacing(row[*spacing], path.string());
    data.cases.push_back(std::move(one));
  }
  std::ranges::sort(data.cases, {}, &SegmentCase::name);
}

/// Settles images whose truth is missing or not whole.
void settle_incomplete(const SegmentDataOptions& options, SegmentData& data) {
  std::size_t untold = 0, left_out = 0, emptied = 0;
  const auto is_part = [&](SegmentCase& one) {
    const auto missing = static_cast<std::size_t>(
        std::ranges::count_if(one.masks, [](const fs::path& mask) { return mask.empty(); }));
    if (missing == 0) return false;
    if (missing == one.masks.size() && options.incomplete != "empty") {
      one.masks.clear();
      ++untold;
      return false;
    }
    if (options.incomplete == "refuse") {
      const auto at = static_cast<std::size_t>(
          std::ranges::find_if(one.masks, [](const fs::path& mask) { return mask.empty(); }) -
          one.masks.begin());
      throw Error(
          ErrorCode::not_found,
          fmt::format("Image {} has no mask of the class '{}'; say --incomplete empty where that means "
                      "that it shows none, or --incomplete leave-out.",
                      one.image.filename().string(), data.class_names[at + 1]));
    }
    if (options.incomplete == "empty") {
      emptied += missing;
      return false;
    }
    ++left_out;
    return true;
  };
  std::erase_if(data.cases, is_part);
  if (untold > 0) data.notes.push_back(fmt::format("{} images have no mask.", untold));
  if (left_out > 0)
    data.notes.push_back(
        fmt::format("{} images were left out, for they lack masks of some classes.", left_out));
  if (emptied > 0) data.notes.push_back(fmt::format("{} missing masks were taken as empty.", emptied));
}

imaging::LabelImage read_mask(const SegmentCase& one, const fs::path& path, imaging::SizeI size) {
  auto mask = imaging::read_label_image(path);
  if (mask.width() != size.width || mask.height() != size.height) {
    throw Error(ErrorCode::incompatible,
                fmt::format("{}: the mask has {} x {} pixels and its image {} {} x {}; masks must be of the "
                            "image's size.",
                            path.string(), mask.width(), mask.height(), one.image.filename().string(),
                            size.width, size.height));
  }
  return mask;
}

/// Where a mask's value number `i` lies: "(3, 5)", in a volume "(3, 5, 0)".
std::string place_text(std::size_t i, const std::array<std::int64_t, 3>& size) {
  const auto at = static_cast<std::int64_t>(i);
  const auto x = at % size[0], y = at / size[0] % size[1];
  return size[2] > 1 ? fmt::format("({}, {}, {})", x, y, at / size[0] / size[1])
                     : fmt::format("({}, {})", x, y);
}

/// Classes of a case whose masks `read` gives.
/// @param read  path -> as many values as the raster has
template <typename Read>
std::vector<std::uint8_t> labels_from(const SegmentData& data, const SegmentCase& one,
                                      const std::array<std::int64_t, 3>& size, const Read& read) {
  std::vector<std::uint8_t> labels(static_cast<std::size_t>(size[0] * size[1] * size[2]));
  if (data.has_mask_per_class) {
    for (std::size_t k = 0; k < one.masks.size(); ++k) {
      if (one.masks[k].empty()) continue;
      const std::vector<std::uint16_t> values = read(one.masks[k]);
      const int largest = std::ranges::max(values);
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (2 * values[i] > largest) labels[i] = static_cast<std::uint8_t>(k + 1);
      }
    }
    return labels;
  }
  const auto& path = one.masks.front();
  if (path.empty()) return labels;
  const std::vector<std::uint16_t> values = read(path);
  constexpr std::uint8_t kNone = 255;
  std::vector<std::uint8_t> class_of(std::size_t{1} << 16, data.has_objects ? std::uint8_t{1} : kNone);
  for (std::size_t k = 0; k < data.values.size(); ++k)
    class_of[data.values[k]] = static_cast<std::uint8_t>(k);
  for (std::size_t i = 0; i < values.size(); ++i) {
    labels[i] = class_of[values[i]];
    if (labels[i] != kNone) continue;
    throw Error(
        ErrorCode::incompatible,
        fmt::format("{}: value {} at {} is none of the classes (0 to {}: {}); say --classes NAME:VALUE, "
                    "or --mask-values objects where numbers are objects.",
                    path.string(), values[i], place_text(i, size), data.class_names.size() - 1,
                    fmt::join(data.class_names, ", ")));
  }
  return labels;
}

/// Numbers of a mask volume, which must be whole.
std::vector<std::uint16_t> read_mask_volume(const SegmentCase& one, const fs::path& path,
                                            const imaging::VolumeGeometry& geometry) {
  const auto mask = imaging::read_volume(path);
  if (mask.geometry.size != geometry.size || mask.channels != 1) {
    throw Error(
        ErrorCode::incompatible,
        fmt::format("{}: the mask has {} voxels of {} channels and its image {} {}; masks must be of the "
                    "image's size, with one channel.",
                    path.string(), fmt::join(mask.geometry.size, " x "), mask.channels,
                    one.image.filename().string(), fmt::join(geometry.size, " x ")));
  }
  std::vector<std::uint16_t> values(mask.values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float value = mask.values[i];
    if (!(value >= 0 && value <= 65535) || value != std::floor(value))
      throw Error(ErrorCode::incompatible, fmt::format("{}: value {} at {} is no class number.",
                                                       path.string(), value, place_text(i, geometry.size)));
    values[i] = static_cast<std::uint16_t>(value);
  }
  return values;
}

}  // namespace

SegmentData read_segment_data(const fs::path& path, const SegmentDataOptions& options) {
  imaging::check_options(options);
  SegmentData data;
  const auto classes = take_classes(options, data);
  std::error_code failed;
  if (!fs::exists(path, failed))
    throw Error(ErrorCode::not_found, fmt::format("{}: no such folder or table.", path.string()));
  if (fs::is_directory(path, failed)) {
    read_folder(path, options, classes, data);
  } else if (data.has_mask_per_class) {
    refuse(
        fmt::format("{}: a table names masks in columns mask:NAME, so classes are given without '=FOLDER'.",
                    path.string()));
  } else {
    read_table(path, options, data);
  }
  settle_incomplete(options, data);
  return data;
}

imaging::Image8 read_segment_labels(const SegmentData& data, const SegmentCase& one, imaging::SizeI size) {
  const auto labels = labels_from(data, one, {size.width, size.height, 1}, [&](const fs::path& path) {
    const auto mask = read_mask(one, path, size);
    return std::vector(mask.values().begin(), mask.values().end());
  });
  imaging::Image8 image(size.width, size.height, 1);
  std::ranges::copy(labels, image.data());
  return image;
}

std::vector<std::uint8_t> read_segment_volume_labels(const SegmentData& data, const SegmentCase& one,
                                                     const imaging::VolumeGeometry& geometry) {
  return labels_from(data, one, geometry.size,
                     [&](const fs::path& path) { return read_mask_volume(one, path, geometry); });
}

SegmentSample read_segment_case(const SegmentData& data, const SegmentCase& one) {
  const auto reader = imaging::open_slide(one.image);
  auto picture = imaging::read_fundus(*reader);
  SegmentSample sample{.image = std::move(picture.pixels),
                       .labels = std::nullopt,
                       .spacing_mm = one.spacing_mm,
                       .warnings = std::move(picture.warnings)};
  if (const auto& scale = reader->info().scale; !sample.spacing_mm && scale)
    sample.spacing_mm = imaging::PointD{scale->mpp_x / 1000, scale->mpp_y / 1000};
  if (!one.masks.empty())
    sample.labels = read_segment_labels(data, one, {sample.image.width(), sample.image.height()});
  return sample;
}

}  // namespace workflows
