#include "app/workflows/retina_cohort.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "app/workflows/batch.h"
#include "app/workflows/inputs.h"
#include "app/workflows/retina_lesions.h"
#include "imaging/base/csv.h"
#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/fundus/field_of_view.h"
#include "imaging/fundus/fundus_reader.h"
#include "imaging/fundus/split_file.h"
#include "imaging/slide/file_scale.h"
#include "mil/bags/split.h"
#include "models/runtime/ordered_ahead.h"

namespace workflows {
namespace fs = std::filesystem;
namespace {

using imaging::Error;
using imaging::ErrorCode;

constexpr std::string_view kTrain = "_train.txt", kCrossval = "_crossval.txt";
constexpr std::int64_t kMostGrade = 4, kMostOedema = 2;

std::optional<std::int64_t> whole_number(const std::string& text, std::int64_t most) {
  const auto value = imaging::parse_number(text);
  if (!value || *value != std::floor(*value) || *value < 0 || *value > static_cast<double>(most))
    return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

/// A data folder as it is read.
class Folder {
 public:
  Folder(fs::path path, fs::path lesions, RetinaCohort& cohort)
      : path_(std::move(path)), lesions_(std::move(lesions)), cohort_(cohort) {
    const auto whole = fs::absolute(path_).lexically_normal();
    name_ = (whole.has_filename() ? whole : whole.parent_path()).filename().string();
    if (fs::exists(path_ / "labels.csv")) read_table();
    if (!read_lists()) {
      if (!table_) {
        throw Error(ErrorCode::not_found,
                    fmt::format("{} has neither splits/<domain>_train.txt nor labels.csv; name a folder of "
                                "labelled photographs.",
                                path_.string()));
      }
      for (const auto& [file, facts] : facts_) add_row(file, facts);
    }
  }

 private:
  struct Facts {
    std::string label, domain, part, patient, oedema, lesion_mask;
  };

  void read_table() {
    const auto csv = imaging::read_csv_with_header(path_ / "labels.csv");
    const auto find = [&](std::initializer_list<const char*> names) -> std::optional<std::size_t> {
      for (const char* name : names) {
        if (const auto found = csv.find_column(name)) return found;
      }
      return std::nullopt;
    };
    const auto file = find({"file", "image", "filename"});
    const auto label = find({"dr_grade", "label", "grade", "diagnosis"});
    if (!file || !label) {
      throw Error(ErrorCode::corrupt_data,
                  fmt::format("{}: needs the columns file and label (or dr_grade); found {}.",
                              (path_ / "labels.csv").string(), fmt::join(csv.header, ", ")));
    }
    const auto domain = find({"site", "domain"}), patient = find({"patient", "group", "patient_id"});
    const auto part = find({"split"}), oedema = find({"dme_risk", "oedema"}),
               lesion_mask = find({"lesion_mask", "segmentation_image"});
    for (const auto& row : csv.rows) {
      const auto cell = [&](const std::optional<std::size_t>& column) {
        return column ? row[*column] : std::string();
      };
      Facts facts{row[*label], cell(domain), cell(part), cell(patient), cell(oedema), cell(lesion_mask)};
      if (facts.domain.empty()) facts.domain = name_;
      facts_.emplace_back(row[*file], facts);
      by_file_[row[*file]] = facts;
    }
    table_ = true;
  }

  bool read_lists() {
    std::set<std::string> names;
    std::error_code missing;
    for (const auto& entry : fs::directory_iterator(path_ / "splits", missing)) {
      const auto file = entry.path().filename().string();
      for (const auto ending : {kTrain, kCrossval}) {
        if (file.size() > ending.size() && file.ends_with(ending))
          names.insert(file.substr(0, file.size() - ending.size()));
      }
    }
    for (const auto& name : names) {
      if (std::find(cohort_.domains.begin(), cohort_.domains.end(), name) == cohort_.domains.end())
        cohort_.domains.push_back(name);
      for (const auto ending : {kTrain, kCrossval}) read_list(name, ending);
    }
    return !names.empty();
  }

  void read_list(const std::string& domain, std::string_view ending) {
    const auto list = path_ / "splits" / (domain + std::string(ending));
    if (!fs::exists(list)) return;
    for (const auto& entry : imaging::read_split_file(list).entries) {
      RetinaPhotograph photograph{.id = domain + "/" + entry.name,
                                  .path = entry.path,
                                  .domain = domain,
                                  .part = ending == kTrain ? "train" : "crossval",
                                  .label = entry.grade};
      if (entry.problem.empty()) {
        add(std::move(photograph), entry.name);
      } else {
        cohort_.skipped.emplace_back(photograph.id, entry.problem);
      }
    }
  }

  void add_row(const std::string& file, const Facts& facts) {
    RetinaPhotograph photograph{
        .id = facts.domain + "/" + file, .path = path_ / file, .domain = facts.domain, .part = facts.part};
    if (std::find(cohort_.domains.begin(), cohort_.domains.end(), facts.domain) == cohort_.domains.end())
      cohort_.domains.push_back(facts.domain);
    const auto grade = whole_number(facts.label, kMostGrade);
    if (!grade) {
      cohort_.skipped.emplace_back(photograph.id,
                                   fmt::format("The grade is '{}', not 0 to {}.", facts.label, kMostGrade));
      return;
    }
    photograph.label = *grade;
    if (!fs::exists(photograph.path)) photograph.path = path_ / "images" / file;
    add(std::move(photograph), file);
  }

  /// @param file  as lists and table name it
  void add(RetinaPhotograph photograph, const std::string& file) {
    if (!fs::is_regular_file(photograph.path)) {
      cohort_.skipped.emplace_back(photograph.id, "The file is not there.");
      return;
    }
    if (photograph.path.parent_path().filename() == "images") {
      auto mask = photograph.path.parent_path().parent_path() / "masks" / photograph.path.filename();
      mask.replace_extension(".png");
      if (fs::is_regular_file(mask)) photograph.mask = mask;
    }
    photograph.patient = photograph.id;
    photograph.lesion_name = photograph.path.stem().string();
    if (const auto known = by_file_.find(file); known != by_file_.end()) {
      if (!known->second.patient.empty()) photograph.patient = name_ + "/" + known->second.patient;
      if (!known->second.oedema.empty()) photograph.oedema = whole_number(known->second.oedema, kMostOedema);
      if (!known->second.lesion_mask.empty()) photograph.lesion_name = known->second.lesion_mask;
    }
    photograph.has_lesions = has_lesion_masks(lesions_, photograph.lesion_name);
    cohort_.photographs.push_back(std::move(photograph));
  }

  fs::path path_, lesions_;
  std::string name_;
  RetinaCohort& cohort_;
  bool table_ = false;
  std::vector<std::pair<std::string, Facts>> facts_;
  std::map<std::string, Facts> by_file_;
};

/// Deals the patients of a domain that has no split.
void deal(RetinaCohort& cohort, const std::string& domain, double share, std::uint64_t seed) {
  mil::LabelTable table;
  const auto taught = cohort.taught_patients();
  for (const auto& photograph : cohort.photographs) {
    if (photograph.domain == domain && photograph.part.empty() && !taught.contains(photograph.patient))
      table.rows.push_back({photograph.id, photograph.patient, std::to_string(photograph.label)});
  }
  std::set<std::string> held_out;
  if (share > 0 && !table.rows.empty()) {
    const auto split = mil::make_split(table, {.validation = share, .test = 0}, seed);
    held_out.insert(split.validation.begin(), split.validation.end());
  }
  for (auto& photograph : cohort.photographs) {
    if (photograph.domain == domain && photograph.part.empty())
      photograph.part = held_out.contains(photograph.id) ? "crossval" : "train";
  }
}

void keep_domains(RetinaCohort& cohort, const std::vector<std::string>& wanted) {
  if (wanted.empty()) return;
  for (const auto& name : wanted) {
    if (std::find(cohort.domains.begin(), cohort.domains.end(), name) == cohort.domains.end()) {
      throw Error(ErrorCode::invalid_argument, fmt::format("There is no domain {}; the data hold {}.", name,
                                                           fmt::join(cohort.domains, ", ")));
    }
  }
  cohort.domains = wanted;
  std::erase_if(cohort.photographs, [&](const auto& photograph) {
    return std::find(wanted.begin(), wanted.end(), photograph.domain) == wanted.end();
  });
}

void refuse_empty_domains(const RetinaCohort& cohort) {
  for (const auto& domain : cohort.domains) {
    if (cohort.of(domain).empty()) {
      throw Error(ErrorCode::insufficient_data,
                  fmt::format("The domain {} has no usable photograph{}.", domain,
                              cohort.skipped.empty()
                                  ? ""
                                  : "; the first that was left out is " + cohort.skipped.front().first +
                                        ": " + cohort.skipped.front().second));
    }
  }
}

imaging::Image8 read_pixels(const SlideSource& source, const fs::path& path, const imaging::JobContext& job) {
  return imaging::read_fundus(*source.open(path, job)).pixels;
}

}  // namespace

std::vector<RetinaPhotograph> RetinaCohort::of(const std::string& domain, const std::string& part) const {
  std::vector<RetinaPhotograph> found;
  std::copy_if(photographs.begin(), photographs.end(), std::back_inserter(found),
               [&](const auto& photograph) {
                 return photograph.domain == domain && (part.empty() || photograph.part == part);
               });
  return found;
}

std::set<std::string> RetinaCohort::taught_patients() const {
  std::set<std::string> patients;
  for (const auto& photograph : photographs) {
    if (photograph.has_lesions) patients.insert(photograph.patient);
  }
  return patients;
}

RetinaCohort read_retina_cohort(const RetinaDataOptions& options, std::uint64_t seed) {
  imaging::check_options(options);
  RetinaCohort cohort;
  for (const auto& folder : options.data) Folder(folder, options.lesions, cohort);
  keep_domains(cohort, options.domains);
  refuse_empty_domains(cohort);
  for (const auto& domain : cohort.domains) deal(cohort, domain, options.crossval_share, seed);
  std::set<std::string> ids;
  for (const auto& photograph : cohort.photographs) {
    if (!ids.insert(photograph.id).second) {
      throw Error(ErrorCode::corrupt_data, fmt::format("The photograph {} is listed twice.", photograph.id));
    }
  }
  return cohort;
}

RetinaPictures::RetinaPictures(const RetinaDataOptions& data, const ReadingOptions& reading,
                               std::int64_t size)
    : source_(reading, data.data),
      lesions_(data.lesions),
      size_(size),
      free_bytes_(static_cast<std::size_t>(data.memory_mb) << 20),
      features_(std::make_shared<models::FeatureStore>(data.feature_cache)) {}

void RetinaPictures::check(RetinaCohort& cohort, std::size_t workers, const imaging::JobContext& job) {
  const auto& photographs = cohort.photographs;
  models::OrderedAhead<BatchRow> ahead(photographs.size(), workers, 2 * workers, [&](std::size_t i) {
    BatchRow row{.file = photographs[i].id};
    run_row(row, [&](BatchRow&) { (void)read(photographs[i]); });
    row.reason = hide_place(row.reason, {.path = photographs[i].path, .relative = photographs[i].id});
    return row;
  });
  std::set<std::string> bad;
  for (std::size_t i = 0; i < photographs.size(); ++i) {
    job.checkpoint("reading photographs", static_cast<std::int64_t>(i), std::ssize(photographs));
    const auto row = ahead.next();
    if (row.status != "failed") continue;
    bad.insert(row.file);
    cohort.skipped.emplace_back(row.file, row.reason);
  }
  std::erase_if(cohort.photographs, [&](const auto& photograph) { return bad.contains(photograph.id); });
  refuse_empty_domains(cohort);
}

models::FieldPicture RetinaPictures::read(const RetinaPhotograph& photograph) {
  {
    const std::scoped_lock lock(mutex_);
    const auto kept = kept_.find(photograph.id);
    if (kept != kept_.end()) return *kept->second;
  }
  auto picture = decode(photograph);
  const auto bytes = picture.image.bytes() + picture.mask.bytes() + picture.lesions.bytes();
  const std::scoped_lock lock(mutex_);
  if (bytes <= free_bytes_ && !kept_.contains(photograph.id)) {
    free_bytes_ -= bytes;
    kept_[photograph.id] = std::make_shared<const models::FieldPicture>(picture);
  }
  return picture;
}

imaging::Image8 RetinaPictures::photograph(const RetinaPhotograph& photograph) const {
  return read_pixels(source_, photograph.path, {});
}

models::FieldPicture RetinaPictures::decode(const RetinaPhotograph& photograph) const {
  const imaging::JobContext job;
  const auto pixels = read_pixels(source_, photograph.path, job);
  if (!photograph.mask.empty() && pixels.width() == size_ && pixels.height() == size_) {
    const auto side = pixels.width();
    const auto wide = read_pixels(source_, photograph.mask, job);
    if (wide.width() == side && wide.height() == side) {
      imaging::Image8 mask(side, side, 1);
      for (std::size_t i = 0; i < mask.values().size(); ++i)
        mask.values()[i] = wide.values()[i * static_cast<std::size_t>(wide.channels())];
      return {pixels, std::move(mask)};
    }
  }
  const auto field = imaging::find_field_of_view(pixels);
  auto crop = imaging::crop_to_field(pixels, field, size_);
  models::FieldPicture picture{std::move(crop.image), std::move(crop.mask)};
  if (photograph.has_lesions) {
    const auto lesions = read_lesions(lesions_, photograph.lesion_name, {pixels.width(), pixels.height()});
    if (!lesions.empty()) picture.lesions = imaging::crop_to_field(lesions, field, size_).image;
  }
  return picture;
}

models::RetinaTrainingSet make_training_set(const std::vector<RetinaPhotograph>& photographs,
                                            const std::vector<std::string>& domains,
                                            RetinaPictures& pictures) {
  models::RetinaTrainingSet set;
  set.domains = domains;
  set.features = pictures.features();
  std::map<std::string, RetinaPhotograph> by_id;
  for (const auto& photograph : photographs) {
    const auto domain = std::find(domains.begin(), domains.end(), photograph.domain);
    (photograph.part == "train" ? set.train : set.validation)
        .push_back({.id = photograph.id,
                    .label = photograph.label,
                    .domain = domain - domains.begin(),
                    .oedema = photograph.oedema,
                    .has_lesions = photograph.has_lesions,
                    .patient = photograph.patient});
    by_id[photograph.id] = photograph;
  }
  set.read = [by_id = std::move(by_id), &pictures](const models::RetinaExample& example) {
    return pictures.read(by_id.at(example.id));
  };
  return set;
}

}  // namespace workflows
