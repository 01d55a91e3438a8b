#include "imaging/phantom/cohort.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "imaging/base/csv.h"
#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/base/random.h"
#include "imaging/phantom/slide_phantom.h"

namespace imaging {
namespace {

enum Stream : std::uint64_t { kPatients = 1, kSlides = 2, kFolds = 3, kArtefacts = 4 };

void check(const CohortOptions& options) {
  check_options(options);
  const auto refuse = [](const std::string& why) { throw Error(ErrorCode::invalid_argument, why); };
  if (options.domains.empty()) refuse("A cohort needs at least one domain.");
  for (const auto& domain : options.domains) (void)find_stain_domain(domain);
  if (options.slides < options.patients) {
    refuse(fmt::format("A cohort of {} slides cannot have {} patients.", options.slides, options.patients));
  }
  if (options.min_side > options.max_side) {
    refuse(fmt::format("min_side {} is above max_side {}.", options.min_side, options.max_side));
  }
  if (options.min_tumour_fraction > options.max_tumour_fraction) {
    refuse(fmt::format("min_tumour_fraction {} is above max_tumour_fraction {}.", options.min_tumour_fraction,
                       options.max_tumour_fraction));
  }
  if (options.folds == 1 || options.folds == 2) {
    refuse(
        fmt::format("folds is {}; train, validation and test need 3 or more (0 for none).", options.folds));
  }
}

std::string label_of(const CohortSlide& slide) {
  return slide.has_tumour ? "tumour" : "normal";
}

/// Fold of each patient: the patients of each class are shuffled and dealt round.
std::map<std::string, std::int64_t> deal_folds(const std::vector<CohortSlide>& slides,
                                               const CohortOptions& options) {
  std::map<std::string, std::int64_t> folds;
  Random random(static_cast<std::uint64_t>(options.seed), kFolds);
  for (const bool has_tumour : {true, false}) {
    std::vector<std::string> patients;
    for (const auto& slide : slides) {
      if (slide.has_tumour == has_tumour &&
          std::find(patients.begin(), patients.end(), slide.patient) == patients.end()) {
        patients.push_back(slide.patient);
      }
    }
    if (!patients.empty() && static_cast<std::int64_t>(patients.size()) < options.folds) {
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("{} patients with label {} are too few for {} folds; --folds 0 makes no splits.",
                      patients.size(), has_tumour ? "tumour" : "normal", options.folds));
    }
    random.shuffle(std::span(patients));
    for (std::size_t i = 0; i < patients.size(); ++i) {
      folds[patients[i]] = static_cast<std::int64_t>(i) % options.folds;
    }
  }
  return folds;
}

void write_splits(const std::filesystem::path& folder, const std::vector<CohortSlide>& slides,
                  const CohortOptions& options) {
  const auto folds = deal_folds(slides, options);
  for (std::int64_t k = 0; k < options.folds; ++k) {
    std::vector<std::string> train, val, test;
    for (const auto& slide : slides) {
      const std::int64_t fold = folds.at(slide.patient);
      (fold == k ? test : fold == (k + 1) % options.folds ? val : train).push_back(slide.slide);
    }
    std::string text = csv_line({"", "train", "val", "test"});
    const auto cell = [](const std::vector<std::string>& column, std::size_t i) {
      return i < column.size() ? column[i] : std::string();
    };
    for (std::size_t i = 0; i < std::max({train.size(), val.size(), test.size()}); ++i) {
      text += csv_line({fmt::to_string(i), cell(train, i), cell(val, i), cell(test, i)});
    }
    write_file(folder / fmt::format("splits_{}.csv", k), text);
  }
}

/// Draws the slides with artefacts, and what each of them has: always something.
void deal_artefacts(std::vector<CohortSlide>& slides, const CohortOptions& options) {
  Random random(static_cast<std::uint64_t>(options.seed), kArtefacts);
  for (CohortSlide& slide : slides) {
    if (!random.chance(options.artefact_share)) continue;
    const std::int64_t certain = random.index(3);
    const auto draw = [&](std::int64_t kind, std::int64_t most) {
      const std::int64_t count = 1 + random.index(most);
      return random.chance(0.5) || certain == kind ? count : 0;
    };
    slide.pen = draw(0, 3);
    slide.folds = draw(1, 5);
    slide.blur = draw(2, 2);
    slide.margin = random.chance(0.3) ? random.uniform(0.05, 0.2) : 0;
    slide.vignetting = random.chance(0.3) ? random.uniform(0.03, 0.12) : 0;
  }
}

}  // namespace

std::vector<CohortSlide> plan_cohort(const CohortOptions& options) {
  check(options);
  const auto patients = static_cast<std::size_t>(options.patients);
  // Which patients have tumour is drawn; within each class the domains go round.
  std::vector<bool> has_tumour(patients);
  std::vector<std::size_t> domain(patients);
  std::vector<std::size_t> order(patients);
  for (std::size_t i = 0; i < patients; ++i) order[i] = i;
  Random(static_cast<std::uint64_t>(options.seed), kPatients).shuffle(std::span(order));
  const auto tumours =
      static_cast<std::size_t>(std::llround(options.tumour_share * static_cast<double>(patients)));
  for (std::size_t i = 0; i < patients; ++i) {
    has_tumour[order[i]] = i < tumours;
    domain[order[i]] = (i < tumours ? i : i - tumours) % options.domains.size();
  }
  std::vector<CohortSlide> slides;
  Random random(static_cast<std::uint64_t>(options.seed), kSlides);
  for (std::int64_t i = 0; i < options.slides; ++i) {
    const auto patient = static_cast<std::size_t>(i % options.patients);
    const auto side = [&] {
      return static_cast<std::int64_t>(
          random.uniform(static_cast<double>(options.min_side), static_cast<double>(options.max_side) + 1));
    };
    CohortSlide slide;
    slide.slide = fmt::format("phantom_{:04}", i + 1);
    slide.patient = fmt::format("patient_{:03}", patient + 1);
    slide.domain = options.domains[domain[patient]];
    slide.has_tumour = has_tumour[patient];
    slide.width = side();
    slide.height = side();
    // Small extents are as frequent as large ones: even on a logarithmic scale.
    const double fraction = std::exp(
        random.uniform(std::log(options.min_tumour_fraction), std::log(options.max_tumour_fraction)));
    slide.tumour_fraction = slide.has_tumour ? fraction : 0.0;
    slide.tumour_regions = 1 + random.index(4);
    slide.seed = static_cast<std::int64_t>(random() >> 24);
    slides.push_back(std::move(slide));
  }
  deal_artefacts(slides, options);
  if (options.folds > 0) (void)deal_folds(slides, options);
  return slides;
}

void write_cohort(const std::filesystem::path& folder, const CohortOptions& options, const JobContext& job,
                  int threads) {
  const auto slides = plan_cohort(options);
  std::string labels = csv_line({"case_id", "slide_id", "label", "file", "patient", "site", "tumour_fraction",
                                 "pen", "folds", "blur", "margin", "vignetting"});
  const auto total = static_cast<std::int64_t>(slides.size());
  for (std::int64_t i = 0; i < total; ++i) {
    job.checkpoint("phantom cohort", i, total);
    const CohortSlide& slide = slides[static_cast<std::size_t>(i)];
    const std::string file = fmt::format("slides/{}.tiff", slide.slide);
    write_slide_phantom(folder / file,
                        {.width = slide.width,
                         .height = slide.height,
                         .mpp = options.mpp,
                         .seed = slide.seed,
                         .domain = slide.domain,
                         .tumour_fraction = slide.tumour_fraction,
                         .tumour_regions = slide.tumour_regions,
                         .pen = slide.pen,
                         .folds = slide.folds,
                         .blur = slide.blur,
                         .margin = slide.margin,
                         .vignetting = slide.vignetting},
                        JobContext(job.stop_token()), threads);
    labels += csv_line({slide.patient, slide.slide, label_of(slide), file, slide.patient, slide.domain,
                        fmt::format("{:.4f}", slide.tumour_fraction), fmt::to_string(slide.pen),
                        fmt::to_string(slide.folds), fmt::to_string(slide.blur),
                        fmt::format("{:.3f}", slide.margin), fmt::format("{:.3f}", slide.vignetting)});
  }
  job.checkpoint("phantom cohort", total, total);
  if (options.folds > 0) write_splits(folder / "splits", slides, options);
  write_file(folder / "labels.csv", labels);
}

}  // namespace imaging
