#include "imaging/phantom/fundus_cohort.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>

#include "imaging/base/csv.h"
#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/base/log.h"
#include "imaging/base/random.h"
#include "imaging/raster/png.h"

namespace imaging {
namespace {

constexpr std::array<double, 5> kScreening{0.735, 0.070, 0.151, 0.025, 0.019};  // EyePACS, training set
enum Stream : std::uint64_t { kGrades = 41, kImages = 42 };

/// Deals grades clinic by clinic in these shares. What rounding leaves over goes on to the next clinic, which
/// so starts at another grade: few patients see every grade as early as many.
class GradeDealer {
 public:
  explicit GradeDealer(double imbalance) : imbalance_(imbalance) {}

  /// Ascending. Each one the grade that is owed most.
  std::vector<std::int64_t> deal(std::int64_t count) {
    for (std::size_t grade = 0; grade < owed_.size(); ++grade)
      owed_[grade] += static_cast<double>(count) * std::lerp(0.2, kScreening[grade], imbalance_);
    std::vector<std::int64_t> grades;
    for (std::int64_t i = 0; i < count; ++i) {
      std::size_t next = 0;
      for (std::size_t grade = 1; grade < owed_.size(); ++grade) {
        if (owed_[grade] > owed_[next] + 1e-6) next = grade;
      }
      owed_[next] -= 1;
      grades.push_back(static_cast<std::int64_t>(next));
    }
    std::sort(grades.begin(), grades.end());
    return grades;
  }

 private:
  double imbalance_;
  std::array<double, 5> owed_{};
};

struct Patient {
  std::string domain;
  std::int64_t grade = 0;
  std::string split;
};

std::vector<Patient> deal_patients(const FundusCohortOptions& options) {
  std::vector<Patient> patients(static_cast<std::size_t>(options.patients));
  Random random(static_cast<std::uint64_t>(options.seed), kGrades);
  GradeDealer dealer(options.imbalance);
  for (std::size_t d = 0; d < options.domains.size(); ++d) {
    std::vector<std::size_t> members;
    for (std::size_t i = d; i < patients.size(); i += options.domains.size()) members.push_back(i);
    random.shuffle(std::span(members));
    auto grades = dealer.deal(std::ssize(members));
    // Neighbours in grade share the validation set evenly; in each clinic it starts at another grade.
    std::rotate(
        grades.begin(),
        grades.begin() + std::ssize(grades) * static_cast<std::ptrdiff_t>(d) / std::ssize(options.domains),
        grades.end());
    double owed = 0.5;
    const double held_out = options.crossval_share * static_cast<double>(members.size());
    if (options.crossval_share > 0 && members.size() > 1 && held_out < 1)
      owed += 1 - held_out;  // one at least
    for (std::size_t k = 0; k < members.size(); ++k) {
      owed += options.crossval_share;
      const bool is_held_out = owed >= 1;
      owed -= is_held_out ? 1 : 0;
      patients[members[k]] = {options.domains[d], grades[k], is_held_out ? "crossval" : "train"};
    }
  }
  return patients;
}

void spoil(FundusCohortImage& image, Random& random) {
  const double strength = random.uniform(0.55, 0.95);
  switch (random.index(4)) {
    case 0:
      image.fault = "blur";
      image.phantom.blur = strength;
      break;
    case 1:
      image.fault = "darkness";
      image.phantom.darkness = strength;
      break;
    case 2:
      image.fault = "haze";
      image.phantom.haze = strength;
      break;
    default:
      image.fault = "partial";
      image.phantom.partial = 0.5 * strength;
  }
}

}  // namespace

std::vector<FundusCohortImage> plan_fundus_cohort(const FundusCohortOptions& options) {
  check_options(options);
  if (options.domains.empty())
    throw Error(ErrorCode::invalid_argument, "A cohort needs at least one domain.");
  for (const auto& domain : options.domains) (void)find_fundus_domain(domain);
  if (options.images < options.patients) {
    throw Error(ErrorCode::invalid_argument, fmt::format("A cohort of {} images cannot have {} patients.",
                                                         options.images, options.patients));
  }
  const auto patients = deal_patients(options);
  Random random(static_cast<std::uint64_t>(options.seed), kImages);
  std::vector<FundusCohortImage> images;
  for (std::int64_t i = 0; i < options.images; ++i) {
    const auto number = i % options.patients;
    const auto& patient = patients[static_cast<std::size_t>(number)];
    FundusCohortImage image;
    image.name = fmt::format("fundus_{:04}", i + 1);
    image.patient = fmt::format("patient_{:04}", number + 1);
    image.split = patient.split;
    image.phantom.seed = static_cast<std::int64_t>(random() >> 24);
    image.phantom.grade = patient.grade;
    image.phantom.laterality = i / options.patients % 2 == 0 ? "R" : "L";
    image.phantom.domain = patient.domain;
    if (random.chance(options.poor_share)) spoil(image, random);
    images.push_back(std::move(image));
  }
  return images;
}

void write_fundus_cohort(const std::filesystem::path& folder, const FundusCohortOptions& options,
                         const JobContext& job) {
  const auto images = plan_fundus_cohort(options);
  if (const auto least = 5 * std::ssize(options.domains); options.patients < least) {
    log(LogLevel::warning,
        fmt::format("{} patients are too few for all five grades in every clinic, so that a camera tells "
                    "something of the grade; give --patients {} or more.",
                    options.patients, least));
  }
  std::string labels = csv_line(
      {"file", "case", "label", "patient", "laterality", "site", "quality", "fault", "split", "seed"});
  std::map<std::string, std::string> splits;
  for (const auto& domain : options.domains) {
    for (const auto* part : {"train", "crossval"}) splits[fmt::format("{}_{}.txt", domain, part)];
  }
  const auto total = std::ssize(images);
  for (std::int64_t i = 0; i < total; ++i) {
    job.checkpoint("fundus cohort", i, total);
    const auto& image = images[static_cast<std::size_t>(i)];
    const auto file = fmt::format("images/{}.jpg", image.name);
    const auto phantom = make_fundus_phantom(image.phantom);
    for (const auto& [name, mask] : phantom.masks)
      write_png(folder / "masks" / name / (image.name + ".png"), mask);
    write_file(folder / file, phantom.jpeg);
    labels += csv_line({file, image.name, fmt::format("{}", image.phantom.grade), image.patient,
                        image.phantom.laterality, image.phantom.domain, image.fault.empty() ? "good" : "poor",
                        image.fault, image.split, fmt::format("{}", image.phantom.seed)});
    splits[fmt::format("{}_{}.txt", image.phantom.domain, image.split)] +=
        fmt::format("{} {}\n", file, image.phantom.grade);
  }
  job.checkpoint("fundus cohort", total, total);
  for (const auto& [name, lines] : splits) write_file(folder / "splits" / name, lines);
  write_file(folder / "labels.csv", labels);
}

}  // namespace imaging
