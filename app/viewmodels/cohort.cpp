#include "app/viewmodels/cohort.h"

#include <algorithm>
#include <set>

#include "imaging/base/csv.h"
#include "imaging/base/files.h"

namespace viewmodels {
namespace {

constexpr int kBins = 10;

QString to_qt(const std::string& text) {
  return QString::fromStdString(text);
}

}  // namespace

Cohort::Cohort(Worklist* worklist, QObject* parent) : QAbstractTableModel(parent), worklist_(worklist) {
  connect(worklist_, &Worklist::reset, this, [this] {
    ++turn_;
    reading_ = 0;
    cases_.clear();
    model_.clear();
    shown_class_ = -1;
    refresh();
  });
  connect(worklist_, &Worklist::result_taken, this,
          [this](const store::Result& result) { cases_.erase(result.folder); });
  connect(worklist_, &Worklist::results_changed, this, &Cohort::refresh);
  connect(worklist_, &Worklist::items_changed, this, [this] {
    if (rows_.empty()) return;
    Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, columnCount() - 1));
    measure();  // labels may have changed
  });
}

void Cohort::set_model(const QString& model) {
  if (model == model_) return;
  model_ = model;
  shown_class_ = -1;
  refresh();
}

void Cohort::set_shown_class(int index) {
  if (index == shown_class_ || index < 0 || index >= static_cast<int>(class_names_.size())) return;
  shown_class_ = index;
  measure();
}

void Cohort::refresh() {
  std::set<std::string> names;
  for (const auto& result : worklist_->results()) {
    if (worklist_->find(result.item) != nullptr) names.insert(result.model);
  }
  models_.clear();
  for (const auto& name : names) models_ << to_qt(name);
  if (!models_.contains(model_)) model_ = models_.isEmpty() ? QString{} : models_.front();
  std::vector<std::string> folders;
  for (const auto& result : worklist_->results()) {
    if (to_qt(result.model) == model_ && result.status != "failed" && !cases_.contains(result.folder))
      folders.push_back(result.folder);
  }
  if (!folders.empty()) read_cases(std::move(folders));
  rebuild();
}

void Cohort::read_cases(std::vector<std::string> folders) {
  ++reading_;
  background_.run(
      [project = worklist_->folder(), folders = std::move(folders)] {
        std::map<std::string, ReadCase> cases;
        for (const auto& folder : folders) {
          auto& one = cases[folder];
          const auto outcome = imaging::run_job(
              [&](const imaging::JobContext&) {
                one.result = workflows::CaseFolder{store::absolute_in(project, folder)}.read_result();
              },
              {});
          one.problem = to_qt(outcome.message);
        }
        return cases;
      },
      [this, turn = turn_](std::map<std::string, ReadCase> cases) {
        if (turn != turn_) return;
        --reading_;
        cases_.merge(cases);
        rebuild();
      },
      [this, turn = turn_](const imaging::JobOutcome& outcome) {
        if (turn != turn_) return;
        --reading_;
        Q_EMIT problem(to_qt(outcome.message));
      });
}

void Cohort::rebuild() {
  beginResetModel();
  rows_.clear();
  class_names_.clear();
  measures_.clear();
  for (const auto& result : worklist_->results()) {
    if (to_qt(result.model) != model_ || worklist_->find(result.item) == nullptr) continue;
    Row row{result.item, result.status, result.reason, std::nullopt};
    if (const auto found = cases_.find(result.folder); found != cases_.end() && result.status != "failed") {
      row.result = found->second.result;
      if (!row.result) row.reason = found->second.problem.toStdString();
      if (row.result && class_names_.empty()) {
        for (const auto& [name, value] : row.result->probabilities) class_names_.push_back(name);
      }
      if (row.result && row.result->segmentation) {
        for (const auto& one : row.result->segmentation->measurements) {
          const Measure measure{one.name, one.subject, one.unit};
          if (std::ranges::find(measures_, measure) == measures_.end()) measures_.push_back(measure);
        }
      }
    }
    rows_.push_back(std::move(row));
  }
  if (shown_class_ >= static_cast<int>(class_names_.size())) shown_class_ = -1;
  if (shown_class_ < 0 && !class_names_.empty()) shown_class_ = static_cast<int>(class_names_.size()) - 1;
  endResetModel();
  measure();
}

QString Cohort::label_of(const Row& row) const {
  const auto* item = worklist_->find(row.id);
  if (item != nullptr && !item->label.empty()) return to_qt(item->label);
  return row.result ? to_qt(row.result->label.value_or("")) : QString{};
}

std::optional<double> Cohort::value_of(const Row& row, const Measure& measure) {
  if (!row.result || !row.result->segmentation) return std::nullopt;
  for (const auto& one : row.result->segmentation->measurements) {
    if (Measure{one.name, one.subject, one.unit} == measure) return one.value;
  }
  return std::nullopt;
}

void Cohort::measure() {
  std::vector<workflows::CohortCase> cases;
  for (const auto& row : rows_) {
    if (!row.result || row.result->probabilities.size() != class_names_.size()) continue;
    workflows::CohortCase one{{}, row.result->shown_class(), label_of(row).toStdString()};
    for (const auto& [name, value] : row.result->probabilities) one.probabilities.push_back(value);
    cases.push_back(std::move(one));
  }
  figures_ = {};
  if (!class_names_.empty())
    figures_ = workflows::measure_cohort(cases, class_names_, static_cast<std::size_t>(shown_class_));
  Q_EMIT changed();
}

int Cohort::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(rows_.size());
}

int Cohort::columnCount(const QModelIndex& parent) const {
  if (parent.isValid()) return 0;
  return kFixedColumns + static_cast<int>(measures_.empty() ? class_names_.size() + 1 : measures_.size());
}

QVariant Cohort::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || role != Qt::DisplayRole) return {};
  switch (section) {
    case 0:
      return tr("File");
    case 1:
      return tr("Patient");
    case 2:
      return tr("Analysis");
    case 3:
      return tr("Label");
    case 4:
      return tr("Verdict");
    default:
      break;
  }
  const auto number = static_cast<std::size_t>(section - kFixedColumns);
  if (number < measures_.size()) {
    const auto& measure = measures_[number];
    return QStringLiteral("%1, %2 [%3]")
        .arg(to_qt(measure.subject), to_qt(measure.name), to_qt(measure.unit));
  }
  return number < class_names_.size() ? tr("p(%1)").arg(to_qt(class_names_[number])) : tr("Tiles");
}

QVariant Cohort::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount()) return {};
  const auto& row = rows_[static_cast<std::size_t>(index.row())];
  if (role == kIdRole) return QVariant::fromValue(static_cast<qlonglong>(row.id));
  if (role == Qt::ToolTipRole && !row.reason.empty()) return to_qt(row.reason);
  if (role != Qt::DisplayRole && role != kSortRole && role != Qt::AccessibleTextRole) return {};
  const auto* item = worklist_->find(row.id);
  switch (index.column()) {
    case 0:
      return item == nullptr ? QString{} : to_qt(std::filesystem::path(item->file).filename().string());
    case 1:
      return item == nullptr ? QString{} : to_qt(item->patient);
    case 2:
      return to_qt(row.status);
    case 3:
      return label_of(row);
    case 4:
      return row.result ? to_qt(row.result->verdict.value_or("")) : QString{};
    default:
      break;
  }
  if (!row.result) return {};
  const auto number = static_cast<std::size_t>(index.column() - kFixedColumns);
  if (number < measures_.size()) {
    const auto value = value_of(row, measures_[number]);
    if (!value) return {};
    return role == kSortRole ? QVariant{*value} : QVariant{QString::number(*value, 'g', 5)};
  }
  if (number < class_names_.size()) {
    if (number >= row.result->probabilities.size()) return {};
    const auto value = row.result->probabilities[number].second;
    return role == kSortRole ? QVariant{value} : QVariant{QString::number(value, 'f', 3)};
  }
  return QVariant::fromValue(static_cast<qlonglong>(row.result->tiles));
}

std::vector<std::vector<int>> Cohort::histogram() const {
  std::vector<std::vector<int>> counts(class_names_.size() + 1, std::vector<int>(kBins, 0));
  for (const auto& row : rows_) {
    if (!row.result || row.result->probabilities.size() != class_names_.size()) continue;
    const auto value = row.result->probabilities[static_cast<std::size_t>(shown_class_)].second;
    const auto bin = static_cast<std::size_t>(std::clamp(static_cast<int>(value * kBins), 0, kBins - 1));
    const auto label = std::ranges::find(class_names_, label_of(row).toStdString());
    const auto group =
        label == class_names_.end() ? 0 : static_cast<std::size_t>(label - class_names_.begin()) + 1;
    ++counts[group][bin];
  }
  return counts;
}

void Cohort::export_csv(const std::filesystem::path& target, const std::vector<int>& rows) {
  std::vector<std::string> header{"file",  "patient", "laterality", "label",   "site",
                                  "model", "status",  "reason",     "verdict", "abstention"};
  for (const auto& name : class_names_) header.push_back("probability_" + name);
  for (const auto& measure : measures_)
    header.push_back(fmt::format("{} {} [{}]", measure.name, measure.subject, measure.unit));
  for (const char* name : {"out_of_distribution", "tiles", "tissue_fraction"}) header.emplace_back(name);
  auto text = imaging::csv_line(header);
  for (const auto number : rows) {
    const auto& row = rows_[static_cast<std::size_t>(number)];
    const auto* item = worklist_->find(row.id);
    if (item == nullptr) continue;
    const auto result = row.result.value_or(workflows::CaseResult{});
    std::vector<std::string> cells{item->file,
                                   item->patient,
                                   item->laterality,
                                   label_of(row).toStdString(),
                                   item->site,
                                   model_.toStdString(),
                                   row.status,
                                   row.reason,
                                   result.verdict.value_or(""),
                                   result.abstention};
    for (std::size_t c = 0; c < class_names_.size(); ++c) {
      cells.push_back(c < result.probabilities.size() ? fmt::format("{}", result.probabilities[c].second)
                                                      : "");
    }
    for (const auto& measure : measures_) {
      const auto value = value_of(row, measure);
      cells.push_back(value ? fmt::format("{}", *value) : "");
    }
    cells.push_back(result.ood ? fmt::format("{}", *result.ood) : "");
    cells.push_back(row.result ? std::to_string(result.tiles) : "");
    cells.push_back(row.result ? fmt::format("{}", result.tissue_fraction) : "");
    text += imaging::csv_line(cells);
  }
  background_.run(
      [target, text] {
        imaging::write_file(target, text);
        return true;
      },
      [this, target](bool) { Q_EMIT exported(to_qt(target.string())); },
      [this](const imaging::JobOutcome& outcome) { Q_EMIT problem(to_qt(outcome.message)); });
}

}  // namespace viewmodels
