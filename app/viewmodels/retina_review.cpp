#include "app/viewmodels/retina_review.h"

#include "app/workflows/eye.h"

namespace viewmodels {
namespace fs = std::filesystem;
namespace {

/// A file beside this one whose name says that it shows the same patient's other eye.
std::optional<fs::path> partner_by_name(const fs::path& file) {
  const auto own = workflows::find_eye_in_name(file.stem().string());
  if (!own || own->patient.empty()) return std::nullopt;
  std::optional<fs::path> found;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(file.parent_path(), failed)) {
    const auto& path = entry.path();
    if (path.extension() != file.extension()) continue;
    const auto other = workflows::find_eye_in_name(path.stem().string());
    if (!other || other->patient != own->patient || other->side == own->side) continue;
    if (!found || path < *found) found = path;  // the first of several by name
  }
  return found;
}

}  // namespace

RetinaReview::RetinaReview(Studio* studio, QObject* parent) : QObject(parent), studio_(studio) {
  connect(studio_, &Studio::current_changed, this, &RetinaReview::look_for_partner);
  connect(studio_, &Studio::current_changed, this, &RetinaReview::try_pair);
  connect(studio_, &Studio::case_changed, this, &RetinaReview::changed);
  connect(studio_, &Studio::fundus_options_changed, this, &RetinaReview::changed);
}

void RetinaReview::set_find_partner(FindPartner find) {
  find_ = std::move(find);
  look_for_partner();
}

bool RetinaReview::is_fundus() const {
  const auto slide = studio_->current();
  return slide && slide->is_fundus;
}

const workflows::CaseResult* RetinaReview::grading() const {
  const auto& result = studio_->result();
  return result && result->fundus ? &*result : nullptr;
}

std::string RetinaReview::eye() const {
  if (const auto* graded = grading(); graded != nullptr && graded->laterality) return *graded->laterality;
  const auto slide = studio_->current();
  if (!slide) return {};
  if (const auto& said = slide->reader->info().laterality) return *said;
  const auto named = workflows::find_eye_in_name(slide->path().stem().string());
  return named ? named->side : std::string{};
}

void RetinaReview::set_threshold(std::optional<double> threshold) {
  auto options = studio_->fundus_options();
  options.referable_threshold = threshold;
  studio_->set_fundus_options(options);
}

void RetinaReview::set_evidence(const std::string& evidence) {
  auto options = studio_->fundus_options();
  options.evidence = evidence;
  studio_->set_fundus_options(options);
}

void RetinaReview::set_grades_ungradable(bool on) {
  auto options = studio_->fundus_options();
  options.quality_gate = on ? "warn" : "refuse";
  studio_->set_fundus_options(options);
}

void RetinaReview::look_for_partner() {
  const auto turn = ++turn_;
  partner_.reset();
  Q_EMIT changed();
  if (!is_fundus()) return;
  const auto file = studio_->current()->path();
  if (find_) partner_ = find_(file);
  if (partner_) {
    Q_EMIT changed();
    return;
  }
  background_.run([file] { return partner_by_name(file); },
                  [this, turn](std::optional<fs::path> found) {
                    if (turn != turn_) return;
                    partner_ = std::move(found);
                    Q_EMIT changed();
                  },
                  [](const imaging::JobOutcome&) {});
}

void RetinaReview::show_both() {
  const auto slide = studio_->current();
  if (!slide || !partner_) return;
  wanted_ = eye() == "L" ? Wanted{*partner_, slide->path()} : Wanted{slide->path(), *partner_};
  if (studio_->slides()->find(*partner_) >= 0) return try_pair();
  studio_->open_files({QString::fromStdString(partner_->string())});
}

void RetinaReview::try_pair() {
  if (!wanted_) return;
  const auto right = studio_->slides()->at(studio_->slides()->find(wanted_->right_eye));
  const auto left = studio_->slides()->at(studio_->slides()->find(wanted_->left_eye));
  if (!right || !left) return;
  wanted_.reset();
  Q_EMIT pair_ready(right, left);
}

}  // namespace viewmodels
