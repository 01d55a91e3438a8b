#include "app/viewmodels/workbench.h"

#include <QFileInfo>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/report/segment_words.h"
#include "app/workflows/reset_adaptation.h"
#include "imaging/base/csv.h"
#include "imaging/base/files.h"
#include "imaging/base/log.h"

namespace viewmodels {
namespace fs = std::filesystem;
namespace {

constexpr int kSessionDelayMs = 500;  // what is on the screen is on the disk two seconds later at most

QString to_qt(const std::string& text) {
  return QString::fromStdString(text);
}

/// How a table names a file: by the end of its path.
std::string table_name(const store::Item& item) {
  auto name = item.file;
  while (name.starts_with("../")) name.erase(0, 3);
  return name;
}

/// What is known of the files, as `--table` takes it.
std::string facts_table(const std::vector<const store::Item*>& items) {
  auto text = imaging::csv_line({"file", "patient", "laterality", "mpp", "label", "site"});
  for (const auto* item : items) {
    text += imaging::csv_line(
        {table_name(*item), item->patient, item->laterality, item->mpp, item->label, item->site});
  }
  return text;
}

/// Files that a table could mistake for one another.
class TableNames {
 public:
  /// False where an earlier file's path has the same end.
  bool take(const store::Item& item) {
    const auto name = table_name(item);
    auto& same = names_[fs::path(name).filename().string()];
    for (const auto& other : same) {
      if (other == name || other.ends_with("/" + name) || name.ends_with("/" + other)) return false;
    }
    same.push_back(name);
    return true;
  }

 private:
  std::map<std::string, std::vector<std::string>> names_;  // by the file's own name
};

}  // namespace

Workbench::Workbench(Studio* studio, QObject* parent)
    : QObject(parent), studio_(studio), jobs_(studio->analysis()), adaptation_(studio, &jobs_, &models_) {
  const auto tell = [this](const QString& sentence) { Q_EMIT notice(sentence, Studio::Tone::info); };
  const auto warn = [this](const QString& sentence) { Q_EMIT notice(sentence, Studio::Tone::problem); };
  connect(&keeper_, &ProjectKeeper::opened, this, &Workbench::take_content);
  connect(&keeper_, &ProjectKeeper::open_failed, this, warn);
  connect(&keeper_, &ProjectKeeper::trouble, this, [warn](const QString& reason) {
    warn(tr("%1 Your changes are kept in the window and saved as soon as it works again.").arg(reason));
  });
  connect(&keeper_, &ProjectKeeper::settled, this,
          [tell] { tell(tr("All changes of the project are saved after all.")); });
  connect(&worklist_, &Worklist::problem, this, warn);
  connect(&worklist_, &Worklist::relocated, this, [tell](int found, int missing) {
    const auto words = tr("%n files were found again", nullptr, found);
    tell(missing > 0 ? tr("%1; %2 are missing still.").arg(words).arg(missing) : words + '.');
  });
  connect(&adaptation_, &Adaptation::notice, this, &Workbench::notice);
  connect(&worklist_, &Worklist::added, this, [tell](int count, int known) {
    const auto words = tr("%n files were added", nullptr, count);
    tell(known > 0 ? tr("%1; %2 were listed already.").arg(words).arg(known) : words + '.');
  });
  connect(&cohort_, &Cohort::problem, this, warn);
  connect(&cohort_, &Cohort::exported, this,
          [tell](const QString& file) { tell(tr("The table was saved as %1.").arg(file)); });
  connect(&models_, &ModelShelf::problem, this, warn);
  connect(&models_, &ModelShelf::done, this, tell);
  connect(&reports_, &ReportDesk::problem, this, warn);
  connect(&reports_, &ReportDesk::exported, this,
          [tell](const QString& file) { tell(tr("The report was saved as %1.").arg(file)); });
  connect(&reports_, &ReportDesk::signed_off, this, [tell] { tell(tr("The report was signed off.")); });
  connect(studio_->analysis(), &Analysis::finished, this, &Workbench::take_result);
  connect(studio_, &Studio::current_changed, this, [this] {
    bind_current();
    session_timer_.start();
  });
  connect(studio_, &Studio::scale_changed, this, [this] {
    const auto slide = studio_->current();
    const auto* item = slide ? worklist_.find_file(slide->path()) : nullptr;
    if (item != nullptr && slide->mpp && item->mpp != *slide->mpp && worklist_.is_writable())
      worklist_.set_field({item->id}, Worklist::Field::mpp, to_qt(*slide->mpp));
  });
  connect(studio_->slides(), &QAbstractItemModel::rowsRemoved, &session_timer_, qOverload<>(&QTimer::start));
  session_timer_.setSingleShot(true);
  session_timer_.setInterval(kSessionDelayMs);
  connect(&session_timer_, &QTimer::timeout, this, &Workbench::keep_session);
  imaging::set_log_sink([this](imaging::LogLevel level, const std::string& message) {
    QMetaObject::invokeMethod(
        &jobs_,
        [this, line = (level == imaging::LogLevel::warning ? tr("warning: ") : QString{}) + to_qt(message)] {
          if (jobs_.running_row() >= 0) {
            jobs_.append_log(line);
          } else {
            qInfo("%s", qUtf8Printable(line));
          }
        },
        Qt::QueuedConnection);
  });
}

Workbench::~Workbench() {
  imaging::set_log_sink({});
  if (session_timer_.isActive()) keep_session();
}

void Workbench::open_project(const QString& folder) {
  if (session_timer_.isActive()) keep_session();
  session_timer_.stop();
  keeper_.open(QFileInfo(folder).absoluteFilePath().toStdString());
}

QString Workbench::project_name() const {
  return to_qt(worklist_.folder().filename().string());
}

void Workbench::take_content(const ProjectContent& content) {
  places_.clear();
  worklist_.set_content(content);
  studio_->preferences().add_recent_project(to_qt(content.folder.string()));
  if (!content.read_only_reason.isEmpty()) Q_EMIT notice(content.read_only_reason, Studio::Tone::problem);
  if (!content.drafts.empty()) {
    Q_EMIT notice(tr("%n notes that were being written when the studio ended are offered again.", nullptr,
                     static_cast<int>(content.drafts.size())),
                  Studio::Tone::info);
  }
  Q_EMIT project_changed();
  if (content.session) restore_session(*content.session);
  bind_current();
}

void Workbench::restore_session(const std::string& text) {
  const auto session = nlohmann::json::parse(text, nullptr, false);
  if (!session.is_object()) return;
  QStringList files;
  for (const auto& entry : session.value("open", nlohmann::json::array())) {
    const auto file = store::absolute_in(worklist_.folder(), entry.value("file", ""));
    std::error_code ignored;
    if (entry.value("file", "").empty()) continue;
    if (entry.contains("scale"))
      places_[file] = {entry.value("x", 0.0), entry.value("y", 0.0), entry.value("scale", 0.0)};
    if (entry.value("current", false)) {
      files.prepend(to_qt(file.string()));
    } else {
      files << to_qt(file.string());
    }
  }
  if (!files.isEmpty()) studio_->open_files(files);
}

void Workbench::keep_session() {
  if (!has_project() || !worklist_.is_writable()) return;
  auto open = nlohmann::json::array();
  for (int row = 0; row < studio_->slides()->rowCount(); ++row) {
    const auto slide = studio_->slides()->at(row);
    nlohmann::json entry{{"file", store::relative_to(worklist_.folder(), slide->path())},
                         {"current", row == studio_->current_row()}};
    if (const auto place = place_of(slide->path())) {
      entry["x"] = place->x_l0;
      entry["y"] = place->y_l0;
      entry["scale"] = place->scale;
    }
    open.push_back(std::move(entry));
  }
  keeper_.post(
      [text = nlohmann::json{{"open", open}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)](
          store::Project& project) { project.save_state("session", text); });
}

void Workbench::keep_place(const std::optional<ViewPlace>& place) {
  const auto slide = studio_->current();
  if (!slide) return;
  if (place) {
    places_[slide->path()] = *place;
  } else {
    places_.erase(slide->path());
  }
  if (!session_timer_.isActive()) session_timer_.start();
}

std::optional<ViewPlace> Workbench::place_of(const fs::path& file) const {
  const auto found = places_.find(file);
  return found == places_.end() ? std::nullopt : std::optional{found->second};
}

void Workbench::open_items(const std::vector<std::int64_t>& ids) {
  QStringList files;
  for (const auto id : ids) {
    const auto* item = worklist_.find(id);
    if (item == nullptr) continue;
    if (!item->mpp.empty()) studio_->preferences().set_scale_of(worklist_.path_of(*item), item->mpp);
    files << to_qt(worklist_.path_of(*item).string());
  }
  if (!files.isEmpty()) studio_->open_files(files);
}

QString Workbench::analyse_hindrance() const {
  if (!has_project()) return tr("Open a project first.");
  if (!worklist_.is_writable()) return tr("The project is open to read only; results cannot be kept in it.");
  if (worklist_.items().empty()) return tr("Add files to the project first.");
  if (models_.usable().empty())
    return models_.is_busy() ? tr("Looking for models…") : tr("No model is installed.");
  return {};
}

AnalysisPlan Workbench::plan(const std::vector<std::int64_t>& ids, const workflows::ModelCard& model) const {
  AnalysisPlan plan;
  std::vector<std::int64_t> wanted = ids;
  if (wanted.empty()) {
    for (const auto& item : worklist_.items()) wanted.push_back(item.id);
  }
  std::vector<const store::Item*> facts;
  TableNames names;
  bool has_facts = false;
  std::string key;
  for (const auto id : wanted) {
    const auto* item = worklist_.find(id);
    if (item == nullptr) continue;
    const auto refuse = [&](const QString& reason) {
      plan.refused.push_back({id, to_qt(item->file), reason});
    };
    const auto& glimpse = worklist_.glimpse_of(id);
    if (!glimpse.problem.isEmpty()) {
      refuse(glimpse.problem);
    } else if (!model.takes.empty() && !item->kind.empty() && item->kind != model.takes) {
      refuse(model.takes == "slide" ? tr("The model is for slides; this is a fundus photograph.")
                                    : tr("The model is for fundus photographs; this is a slide."));
    } else if (const auto misfit = workflows::find_misfit(model, worklist_.scale_of(id))) {
      refuse(to_qt(*misfit));
    } else if (!names.take(*item)) {
      refuse(tr("Another file of this job has a path with the same end; analyse them apart."));
    } else {
      plan.ids.push_back(id);
      plan.request.inputs.inputs.push_back(worklist_.path_of(*item).string());
      key += item->file + '\n';
      has_facts =
          has_facts || !(item->patient + item->laterality + item->mpp + item->label + item->site).empty();
      facts.push_back(item);
    }
  }
  plan.request.model = model.path.string();
  plan.request.out =
      worklist_.folder() / "results" / (model.name + "-" + imaging::sha256_of(key).substr(0, 6));
  plan.request.runtime = studio_->preferences().runtime();
  if (has_facts) {
    const auto file = plan.request.out / "inputs.csv";
    plan.request.inputs.table = file.string();
    plan.prepare = [file, table = facts_table(facts)] { imaging::write_file(file, table); };
  }
  plan.title =
      plan.ids.size() == 1
          ? tr("%1 with %2")
                .arg(to_qt(fs::path(plan.request.inputs.inputs.front()).filename().string()),
                     to_qt(model.name))
          : tr("%n files with %1", nullptr, static_cast<int>(plan.ids.size())).arg(to_qt(model.name));
  return plan;
}

void Workbench::start(const AnalysisPlan& plan) {
  if (plan.ids.empty()) return;
  jobs_.add(plan.title, plan.request, plan.prepare);
}

void Workbench::take_result(const workflows::RunRow& row, const fs::path& input, const fs::path& out) {
  const auto* item = worklist_.find_file(input);
  const bool is_comparison = out.parent_path().filename() == workflows::kCompareFolder;
  if (item == nullptr || is_comparison || !worklist_.is_writable()) return;
  store::Result result{.item = item->id,
                       .model = row.result ? row.result->model_name
                                           : fs::path(studio_->analysis()->request().model).stem().string(),
                       .folder = store::relative_to(worklist_.folder(), out / "cases" / row.case_name),
                       .status = row.result ? row.result->status : row.status,
                       .reason = row.reason};
  if (row.result && row.result->status != "failed") {
    result.reason = row.result->segmentation ? report::segment_headline(*row.result->segmentation)
                                             : row.result->verdict.value_or("");
  }
  worklist_.take_result(result);
}

std::vector<fs::path> Workbench::cases_of(std::int64_t id) const {
  auto results = worklist_.results_of(id);
  std::erase_if(results, [](const auto& result) { return result.status == "failed"; });
  std::ranges::stable_partition(
      results, [this](const auto& result) { return to_qt(result.model) != cohort_.model(); });
  std::vector<fs::path> folders;
  for (const auto& result : results) folders.push_back(store::absolute_in(worklist_.folder(), result.folder));
  return folders;
}

std::optional<fs::path> Workbench::other_eye(const fs::path& file) const {
  const auto* item = worklist_.find_file(file);
  if (item == nullptr || item->patient.empty() || item->laterality.empty()) return std::nullopt;
  for (const auto& other : worklist_.items()) {
    if (other.patient == item->patient && other.kind == "fundus" && !other.laterality.empty() &&
        other.laterality != item->laterality)
      return worklist_.path_of(other);
  }
  return std::nullopt;
}

void Workbench::bind_current() {
  const auto slide = studio_->current();
  const auto* item = slide ? worklist_.find_file(slide->path()) : nullptr;
  if (item == nullptr) return;
  if (!slide->case_folder && !slide->mask_folder) {
    for (const auto& folder : cases_of(item->id)) studio_->show_case_of(slide->path(), folder);
  }
  if (const auto place = place_of(slide->path())) {
    // After the canvas has taken the slide.
    QTimer::singleShot(0, this, [this, file = slide->path(), place = *place] {
      const auto now = studio_->current();
      if (now && now->path() == file) Q_EMIT place_wanted(place);
    });
  }
}

}  // namespace viewmodels
