#include "app/viewmodels/adaptation.h"

#include <algorithm>

#include "app/viewmodels/command_line.h"
#include "app/workflows/reset_adaptation.h"
#include "imaging/base/files.h"
#include "imaging/base/options_json.h"

namespace viewmodels {
namespace fs = std::filesystem;
namespace {

QString to_qt(const std::string& text) {
  return QString::fromStdString(text);
}

QStringList texts_of(const nlohmann::ordered_json& list) {
  QStringList texts;
  for (const auto& one : list) texts << to_qt(one.get<std::string>());
  return texts;
}

std::optional<double> number_of(const nlohmann::ordered_json& value) {
  return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

/// A record as adaptation.json holds it. @throws nlohmann::json::exception where a key is missing.
AdaptationRecord record_of(const nlohmann::ordered_json& json,
                           const workflows::SegmentAdaptRequest& request) {
  AdaptationRecord record;
  const auto site = json.at("site").get<std::string>();
  record.site = to_qt(site);
  record.strategy = to_qt(json.at("strategy").get<std::string>());
  record.run_folder = site.empty() ? request.out : request.out / site;
  record.parent = request.model;
  record.parent_name = to_qt(json.at("parent").at("name").get<std::string>());
  record.pictures = json.at("target").at("pictures").get<int>();
  record.steps = json.at("steps").get<int>();
  record.is_rolled_back = json.at("is_rolled_back").get<bool>();
  record.is_source_doubtful = json.at("is_source_doubtful").get<bool>();
  record.tripped = texts_of(json.at("tripped"));
  record.left_out = texts_of(json.at("left_out"));
  const auto& source = json.at("source");
  const auto& adapted = json.at("adapted");
  const auto add = [&](const QString& name, const char* key) {
    record.figures.push_back({name, number_of(source.at(key)), number_of(adapted.at(key))});
  };
  add(Adaptation::tr("Mean entropy"), "entropy");
  add(Adaptation::tr("Agreement with mirrored pictures"), "mirror_consistency");
  record.figures.push_back(
      {Adaptation::tr("Agreement with the source"), std::nullopt, number_of(json.at("agreement"))});
  for (const auto& [name, share] : source.at("class_shares").items()) {
    record.figures.push_back({Adaptation::tr("Share of %1").arg(to_qt(name)), number_of(share),
                              number_of(adapted.at("class_shares").at(name)), true});
  }
  return record;
}

}  // namespace

void AdaptationFigures::set_figures(std::vector<AdaptationRecord::Figure> figures) {
  beginResetModel();
  figures_ = std::move(figures);
  endResetModel();
}

int AdaptationFigures::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(figures_.size());
}

int AdaptationFigures::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : 3;
}

QVariant AdaptationFigures::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || role != Qt::DisplayRole) return {};
  return section == 0 ? tr("Monitor") : section == 1 ? tr("Source") : tr("Adapted");
}

QVariant AdaptationFigures::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount()) return {};
  const auto& figure = figures_[static_cast<std::size_t>(index.row())];
  if (role == Qt::TextAlignmentRole && index.column() > 0) return int{Qt::AlignRight | Qt::AlignVCenter};
  if (role != Qt::DisplayRole && role != Qt::ToolTipRole && role != Qt::AccessibleTextRole) return {};
  if (index.column() == 0) return figure.name;
  const auto& value = index.column() == 1 ? figure.source : figure.adapted;
  if (!value) return QStringLiteral("–");
  return figure.is_share ? tr("%1 %").arg(100 * *value, 0, 'f', 2) : QString::number(*value, 'f', 3);
}

Adaptation::Adaptation(Studio* studio, JobQueue* jobs, ModelShelf* shelf, QObject* parent)
    : QObject(parent), studio_(studio), jobs_(jobs), shelf_(shelf) {
  connect(studio_->analysis(), &Analysis::adapted, this, &Adaptation::take_records);
  connect(studio_->analysis(), &Analysis::finished, this, &Adaptation::take_row);
  connect(shelf_, &ModelShelf::changed, this, [this] {
    const auto found = segmenters();
    const bool is_known =
        std::ranges::any_of(found, [this](const auto* card) { return card->path.string() == model_; });
    if (!is_known) model_ = found.empty() ? std::string{} : found.front()->path.string();
    Q_EMIT changed();
  });
  connect(studio_, &Studio::current_changed, this, [this] {
    if (folder_.empty() && studio_->current()) folder_ = studio_->current()->path().parent_path();
    Q_EMIT changed();
  });
  connect(studio_, &Studio::models_changed, this, &Adaptation::changed);
  connect(studio_->masks(), &MaskOverlay::changed, this, [this] {
    for (auto* masks : {&source_masks_, &adapted_masks_}) masks->copy_look(*studio_->masks());
  });
  for (auto* masks : {&source_masks_, &adapted_masks_}) {
    connect(masks, &MaskOverlay::problem, this,
            [this](const QString& reason) { Q_EMIT notice(reason, Studio::Tone::problem); });
  }
  restore_used();
}

QStringList Adaptation::methods() {
  QStringList names;
  decltype(workflows::SegmentAdaptRequest::options) options;
  visit_fields(
      [&](std::string_view name, const auto&, const imaging::FieldInfo& info) {
        if (name != "adapt") return;
        for (const auto& choice : info.choices)
          names << QString::fromUtf8(choice.data(), static_cast<qsizetype>(choice.size()));
      },
      options);
  return names;
}

QString Adaptation::method_words(const QString& method) {
  if (method == "none") return tr("none: the source as it is, watched");
  if (method == "bn") return tr("bn: the folder's statistics");
  if (method == "ubna") return tr("ubna: running statistics that freeze");
  if (method == "alpha-bn") return tr("alpha-bn: both statistics mixed");
  if (method == "core") return tr("core: alpha-bn, class correlation");
  if (method == "unmix-tns") return tr("unmix-tns: follows each picture");
  if (method == "osuda") return tr("osuda: statistics, entropy, held near the source");
  return method;
}

bool Adaptation::takes_steps(const QString& method) {
  return method == "osuda" || method == "core" || method == "ubna";
}

std::vector<const workflows::ModelCard*> Adaptation::segmenters() const {
  std::vector<const workflows::ModelCard*> found;
  for (const auto* card : shelf_->usable()) {
    if (card->task == "segmentation") found.push_back(card);
  }
  return found;
}

void Adaptation::set_per_site(bool on, const fs::path& table) {
  per_site_ = on;
  table_ = table;
  Q_EMIT changed();
}

workflows::SegmentAdaptRequest Adaptation::request() const {
  workflows::SegmentAdaptRequest request;
  request.model = model_;
  request.inputs.inputs = {folder_.string()};
  request.inputs.exclude = {"Tessera results/**", "**/Tessera results/**"};
  if (per_site_) request.inputs.table = table_.string();
  request.sites.per_site = per_site_;
  request.options = options_;
  request.guard = guard_;
  request.runtime = studio_->preferences().runtime();
  const auto results = studio_->preferences().results_folder();
  // Another request is another run: the same one goes on where it was, or is finished already.
  auto key = imaging::options_to_json(request.options);
  key.update(imaging::options_to_json(request.guard));
  const auto identity = model_ + '\n' + folder_.string() + '\n' + table_.string() + '\n' + key.dump();
  request.out = (results ? *results : folder_ / "Tessera results") / "adapted" /
                (fs::path(model_).stem().string() + "-" + options_.adapt + "-" +
                 imaging::sha256_of(identity).substr(0, 6));
  return request;
}

QString Adaptation::hindrance() const {
  if (model_.empty()) return shelf_->is_busy() ? tr("Looking for models…") : tr("No segmenter is installed.");
  if (folder_.empty()) return tr("Choose the folder of pictures first.");
  if (per_site_ && table_.empty()) return tr("Choose the table that names each file's site first.");
  return {};
}

QString Adaptation::command_line() const {
  return command_line_of(request()).text();
}

void Adaptation::start() {
  if (!hindrance().isEmpty()) return;
  const auto wanted = request();
  jobs_->add(tr("Adapt %1 to %2 (%3)")
                 .arg(to_qt(fs::path(model_).stem().string()), to_qt(folder_.filename().string()),
                      to_qt(options_.adapt)),
             wanted);
}

void Adaptation::take_records(const workflows::SegmentAdaptRequest& request,
                              const nlohmann::ordered_json& records) {
  records_.clear();
  try {
    for (const auto& one : records) records_.push_back(record_of(one, request));
  } catch (const nlohmann::json::exception& error) {
    Q_EMIT notice(tr("The adaptation's figures cannot be read: %1").arg(error.what()), Studio::Tone::problem);
  }
  show_record(records_.empty() ? -1 : 0);
  const auto rolled_back =
      std::ranges::count_if(records_, [](const auto& record) { return record.is_rolled_back; });
  if (rolled_back > 0) {
    Q_EMIT notice(
        records_.size() == 1
            ? tr("The adaptation was rolled back: the package holds the source's weights.")
            : tr("%1 of %2 sites were rolled back to the source.").arg(rolled_back).arg(records_.size()),
        Studio::Tone::problem);
  }
}

const AdaptationRecord* Adaptation::record() const {
  return shown_ < 0 || shown_ >= static_cast<int>(records_.size())
             ? nullptr
             : &records_[static_cast<std::size_t>(shown_)];
}

void Adaptation::show_record(int index) {
  shown_ = index;
  const auto* shown = record();
  figures_.set_figures(shown == nullptr ? std::vector<AdaptationRecord::Figure>{} : shown->figures);
  Q_EMIT changed();
}

QString Adaptation::verdict() const {
  const auto* shown = record();
  if (shown == nullptr) return {};
  const auto reasons = shown->tripped.join("; ");
  auto words = shown->is_rolled_back
                   ? tr("Rolled back to the source: %1. The package holds the source's weights.").arg(reasons)
               : !shown->tripped.isEmpty()
                   ? tr("Monitors tripped, and it was kept as asked for: %1.").arg(reasons)
                   : tr("No monitor tripped. Without labels nobody can say that it is better: compare the "
                        "pictures.");
  if (shown->is_source_doubtful)
    words +=
        ' ' + tr("The source behaves here as it never did on its own pictures; its answers are no measure.");
  if (!shown->left_out.isEmpty()) words += ' ' + tr("Left out: %1.").arg(shown->left_out.join("; "));
  return words;
}

QString Adaptation::compare_hindrance() const {
  if (record() == nullptr) return tr("Adapt a segmenter first.");
  if (!studio_->current()) return tr("Open one of the pictures first.");
  return {};
}

void Adaptation::compare() {
  if (!compare_hindrance().isEmpty()) return;
  const auto& shown = *record();
  const auto slide = studio_->current();
  const auto folder = shown.run_folder / workflows::kCompareFolder;
  comparing_ = {{folder / "source", {}}, {folder / "adapted", {}}};
  source_masks_.clear();
  adapted_masks_.clear();
  const auto add = [&](const std::string& model, const fs::path& out, const QString& title) {
    auto request = make_request(slide->path(), model, out, slide->mpp);
    request.options.no_report = true;
    request.runtime = studio_->preferences().runtime();
    jobs_->add(title.arg(slide->name()), std::move(request));
  };
  add(shown.parent, comparing_->first.out, tr("Masks of %1 by the source"));
  add(shown.package().string(), comparing_->second.out, tr("Masks of %1 by the adapted package"));
}

void Adaptation::take_row(const workflows::RunRow& row, const fs::path& input, const fs::path& out) {
  if (!comparing_) return;
  auto& side = out == comparing_->first.out ? comparing_->first : comparing_->second;
  if (out != side.out) return;
  if (row.status == "failed") {
    comparing_.reset();
    return;
  }
  side.case_folder = out / "cases" / row.case_name;
  if (!comparing_->first.case_folder || !comparing_->second.case_folder) return;
  background_.run(
      [first = *comparing_->first.case_folder, second = *comparing_->second.case_folder] {
        return std::pair{workflows::CaseFolder{first}.read_result(),
                         workflows::CaseFolder{second}.read_result()};
      },
      [this, input](const std::pair<workflows::CaseResult, workflows::CaseResult>& results) {
        if (!comparing_ || !results.first.segmentation || !results.second.segmentation) return;
        source_masks_.set_case(*comparing_->first.case_folder, *results.first.segmentation, input);
        adapted_masks_.set_case(*comparing_->second.case_folder, *results.second.segmentation, input);
        comparing_.reset();
        Q_EMIT comparison_ready();
      },
      [this](const imaging::JobOutcome& outcome) {
        comparing_.reset();
        Q_EMIT notice(to_qt(outcome.message), Studio::Tone::problem);
      });
}

ModelChoice Adaptation::choice_of(const AdaptationRecord& record) const {
  const auto place = record.site.isEmpty() ? to_qt(folder_.filename().string()) : record.site;
  return {tr("%1, adapted to %2 (%3)").arg(record.parent_name, place, record.strategy),
          to_qt(record.package().string()), record.package().string(), false, true};
}

bool Adaptation::is_in_use() const {
  const auto* shown = record();
  return shown != nullptr && std::ranges::find(studio_->models(), shown->package().string(),
                                               &ModelChoice::reference) != studio_->models().end();
}

void Adaptation::use() {
  const auto* shown = record();
  if (shown == nullptr) return;
  const auto choice = choice_of(*shown);
  studio_->preferences().add_adapted_model(choice.name, choice.reference);
  studio_->add_model(choice);
  Q_EMIT notice(tr("Analyses are made with the adapted package now: %1.").arg(choice.name),
                Studio::Tone::info);
}

void Adaptation::return_to_parent() {
  const auto* shown = record();
  if (shown == nullptr) return;
  const auto package = shown->package().string();
  studio_->preferences().remove_adapted_model(package);
  studio_->remove_model(package);
  Q_EMIT studio_->model_wanted(to_qt(shown->parent));
  Q_EMIT notice(tr("Analyses are made with the parent package again: %1.").arg(shown->parent_name),
                Studio::Tone::info);
}

void Adaptation::reset_site() {
  const auto* shown = record();
  if (shown == nullptr || jobs_->is_busy()) return;
  return_to_parent();
  background_.run(
      [folder = shown->run_folder] {
        workflows::reset_adaptation(folder);
        return folder;
      },
      [this](const fs::path& folder) {
        std::erase_if(records_, [&](const auto& record) { return record.run_folder == folder; });
        show_record(records_.empty() ? -1 : 0);
        Q_EMIT notice(tr("The adaptation was removed; the next one begins at the source."),
                      Studio::Tone::info);
      },
      [this](const imaging::JobOutcome& outcome) {
        Q_EMIT notice(to_qt(outcome.message), Studio::Tone::problem);
      });
}

void Adaptation::restore_used() {
  auto known = studio_->preferences().adapted_models();
  if (known.empty()) return;
  background_.run(
      [known = std::move(known)] {
        auto found = known;
        std::erase_if(found, [](const auto& model) {
          std::error_code ignored;
          return !fs::exists(fs::path(model.second) / "manifest.json", ignored);
        });
        return found;
      },
      [this](const std::vector<std::pair<QString, std::string>>& found) {
        for (const auto& [name, package] : found)
          studio_->add_model({name, to_qt(package), package, false, true}, false);
      },
      [](const imaging::JobOutcome&) {});
}

}  // namespace viewmodels
