#include "app/viewmodels/worklist.h"

#include <QCoreApplication>
#include <QFileInfo>
#include <QUndoCommand>
#include <algorithm>

#include "app/viewmodels/picture.h"
#include "app/workflows/inputs.h"
#include "app/workflows/reading.h"
#include "imaging/base/csv.h"
#include "imaging/base/files.h"
#include "imaging/fundus/field_of_view.h"
#include "imaging/raster/png.h"
#include "imaging/slide/area_resample.h"

namespace viewmodels {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kThumbnailSide = 256;
constexpr int kRegroupMs = 80;
constexpr double kReadSeconds = 20;  // a folder on the network that stalls costs no more than this a file

QString to_qt(const std::string& text) {
  return QString::fromStdString(text);
}

std::vector<std::string> split_tags(const QString& text) {
  std::vector<std::string> tags;
  for (const auto& part : text.split(',', Qt::SkipEmptyParts)) {
    const auto tag = part.trimmed().toStdString();
    if (!tag.empty() && std::find(tags.begin(), tags.end(), tag) == tags.end()) tags.push_back(tag);
  }
  return tags;
}

QString joined_tags(const store::Item& item) {
  QStringList tags;
  for (const auto& tag : item.tags) tags << to_qt(tag);
  return tags.join(", ");
}

/// A picture with a round field of view is a fundus photograph.
bool shows_retina(const imaging::SlideInfo& info, const imaging::Image8& overview) {
  if (info.laterality) return true;
  if (info.scale || info.reader == "openslide") return false;
  try {
    return imaging::find_field_of_view(overview).method != "full frame";
  } catch (const imaging::Error&) {
    return false;
  }
}

struct Look {
  Glimpse glimpse;
  store::Item facts;  // kind, laterality, identity, hash
};

/// @param cache  where the thumbnail is kept; empty where nothing may be written
Look look(const fs::path& file, const store::Item& item, const fs::path& cache, const std::stop_token& stop) {
  Look look{{}, item};
  const auto identity = imaging::identify_file(file);
  if (!identity) {
    throw imaging::Error(imaging::ErrorCode::not_found,
                         "The file '" + file.string() + "' is not there; was it moved, or is its disk away?");
  }
  if (item.quick_hash.empty() || item.identity != *identity)
    look.facts.quick_hash = imaging::quick_hash(file);
  look.facts.identity = *identity;
  const workflows::SlideSource source({.isolate = "always", .read_timeout = kReadSeconds}, {file.string()});
  const auto reader = source.open(file, imaging::JobContext{stop});
  look.glimpse.scale = reader->info().scale;
  const auto kept = cache.empty() ? fs::path{} : cache / (look.facts.quick_hash + ".png");
  std::error_code ignored;
  if (!item.kind.empty() && !kept.empty() && fs::exists(kept, ignored)) {
    try {
      look.glimpse.thumbnail = to_qimage(imaging::decode_image(imaging::read_file(kept)));
      return look;
    } catch (const imaging::Error&) {  // damaged: made anew
    }
  }
  const auto overview =
      imaging::read_overview(*reader, item.kind.empty() ? 2 * kThumbnailSide : kThumbnailSide);
  if (item.kind.empty()) {
    look.facts.kind = shows_retina(reader->info(), overview) ? "fundus" : "slide";
    if (item.laterality.empty()) look.facts.laterality = reader->info().laterality.value_or("");
  }
  look.glimpse.thumbnail = to_qimage(overview).scaled(kThumbnailSide, kThumbnailSide, Qt::KeepAspectRatio,
                                                      Qt::SmoothTransformation);
  if (!kept.empty()) {
    try {
      imaging::write_png(kept, from_qimage(look.glimpse.thumbnail));
    } catch (const imaging::Error&) {  // a full disk: the picture is shown all the same
    }
  }
  return look;
}

}  // namespace

/// Other values of some items.
class Worklist::Change : public QUndoCommand {
 public:
  Change(Worklist* worklist, std::vector<store::Item> before, std::vector<store::Item> after,
         const QString& text)
      : QUndoCommand(text), worklist_(worklist), before_(std::move(before)), after_(std::move(after)) {}
  void redo() override { worklist_->apply(after_); }
  void undo() override { worklist_->apply(before_); }

 private:
  Worklist* worklist_;
  std::vector<store::Item> before_, after_;
};

/// Items that come or go.
class Worklist::Presence : public QUndoCommand {
 public:
  Presence(Worklist* worklist, std::vector<store::Item> items, bool comes, bool is_done, const QString& text)
      : QUndoCommand(text), worklist_(worklist), items_(std::move(items)), comes_(comes), is_done_(is_done) {}
  void redo() override {
    if (!std::exchange(is_done_, false)) set(comes_);
  }
  void undo() override { set(!comes_); }

 private:
  void set(bool present) { present ? worklist_->list(items_) : worklist_->unlist(items_); }

  Worklist* worklist_;
  std::vector<store::Item> items_;
  bool comes_, is_done_;
};

Worklist::Worklist(ProjectKeeper* keeper, QObject* parent)
    : QAbstractTableModel(parent), keeper_(keeper), turn_(std::make_shared<std::atomic<std::uint64_t>>(0)) {}

Worklist::~Worklist() {
  ++*turn_;
  stop_.request_stop();
}

void Worklist::set_content(const ProjectContent& content) {
  ++*turn_;
  stop_.request_stop();  // a file that does not answer holds nobody up
  stop_ = {};
  beginResetModel();
  undo_.clear();
  folder_ = content.folder;
  is_writable_ = content.is_writable;
  items_ = content.items;
  results_ = content.results;
  glimpses_.clear();
  drafts_.clear();
  for (const auto& draft : content.drafts) drafts_[draft.item] = to_qt(draft.text);
  looking_ = 0;
  endResetModel();
  Q_EMIT reset();
  for (const auto& item : items_) look_at(item);
}

int Worklist::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(items_.size());
}

int Worklist::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : kColumnCount;
}

QString Worklist::status_words(const std::string& status) {
  if (status == "in_review") return tr("in review");
  if (status == "done") return tr("done");
  if (status == "flagged") return tr("flagged");
  return tr("new");
}

QVariant Worklist::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || role != Qt::DisplayRole) return {};
  switch (section) {
    case kName:
      return tr("File");
    case kKind:
      return tr("Kind");
    case kPatient:
      return tr("Patient");
    case kEye:
      return tr("Eye");
    case kStatus:
      return tr("Status");
    case kTags:
      return tr("Tags");
    case kLabel:
      return tr("Label");
    case kResult:
      return tr("Result");
    default:
      return {};
  }
}

QVariant Worklist::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount()) return {};
  const auto& item = items_[static_cast<std::size_t>(index.row())];
  const auto& glimpse = glimpse_of(item.id);
  if (role == kIdRole) return QVariant::fromValue(static_cast<qlonglong>(item.id));
  if (role == kSearchRole) {
    QStringList words{to_qt(item.file), to_qt(item.patient), to_qt(item.label), to_qt(item.notes),
                      joined_tags(item)};
    for (const auto& result : results_of(item.id)) words << to_qt(result.model) << to_qt(result.status);
    return words.join('\n');
  }
  if (role == Qt::DecorationRole && index.column() == kName)
    return glimpse.thumbnail.isNull() ? QVariant{} : QVariant{glimpse.thumbnail};
  if (role == Qt::ToolTipRole) {
    if (!glimpse.problem.isEmpty()) return glimpse.problem;
    if (index.column() == kName) return to_qt(item.file);
  }
  if (role != Qt::DisplayRole && role != kSortRole && role != Qt::AccessibleTextRole &&
      role != Qt::ToolTipRole)
    return {};
  switch (index.column()) {
    case kName:
      return glimpse.problem.isEmpty()
                 ? to_qt(fs::path(item.file).filename().string())
                 : tr("%1 (not readable)").arg(to_qt(fs::path(item.file).filename().string()));
    case kKind:
      return item.kind == "fundus" ? tr("fundus") : item.kind == "slide" ? tr("slide") : QString{};
    case kPatient:
      return to_qt(item.patient);
    case kEye:
      return item.laterality == "R"   ? tr("right")
             : item.laterality == "L" ? tr("left")
                                      : to_qt(item.laterality);
    case kStatus: {
      if (role == kSortRole) {
        return static_cast<int>(
            std::find(std::begin(store::kStatuses), std::end(store::kStatuses), item.status) -
            std::begin(store::kStatuses));
      }
      return status_words(item.status);
    }
    case kTags:
      return joined_tags(item);
    case kLabel:
      return to_qt(item.label);
    case kResult: {
      QStringList words;
      for (const auto& result : results_of(item.id)) {
        words << (role == Qt::ToolTipRole || result.status == "failed"
                      ? tr("%1: %2").arg(to_qt(result.model),
                                         to_qt(result.reason.empty() ? result.status : result.reason))
                      : to_qt(result.reason.empty() ? result.status : result.reason));
      }
      return words.join(role == Qt::ToolTipRole ? "\n" : "; ");
    }
    default:
      return {};
  }
}

const store::Item* Worklist::find(std::int64_t id) const {
  const auto row = row_of(id);
  return row < 0 ? nullptr : &items_[static_cast<std::size_t>(row)];
}

const store::Item* Worklist::find_file(const fs::path& file) const {
  if (folder_.empty()) return nullptr;
  const auto name = store::relative_to(folder_, file);
  const auto found = std::ranges::find(items_, name, &store::Item::file);
  return found == items_.end() ? nullptr : &*found;
}

int Worklist::row_of(std::int64_t id) const {
  const auto found = std::ranges::lower_bound(items_, id, {}, &store::Item::id);
  return found == items_.end() || found->id != id ? -1 : static_cast<int>(found - items_.begin());
}

fs::path Worklist::path_of(const store::Item& item) const {
  return store::absolute_in(folder_, item.file);
}

const Glimpse& Worklist::glimpse_of(std::int64_t id) const {
  static const Glimpse none;
  const auto found = glimpses_.find(id);
  return found == glimpses_.end() ? none : found->second;
}

std::optional<imaging::SlideScale> Worklist::scale_of(std::int64_t id) const {
  const auto* item = find(id);
  if (item != nullptr && item->mpp == "pixels") return imaging::SlideScale{1, 1, "pixels"};
  if (item != nullptr && !item->mpp.empty()) {
    const auto mpp = to_qt(item->mpp).toDouble();
    if (mpp > 0) return imaging::SlideScale{mpp, mpp, "override"};
  }
  return glimpse_of(id).scale;
}

std::vector<store::Result> Worklist::results_of(std::int64_t id) const {
  std::vector<store::Result> found;
  std::ranges::copy_if(results_, std::back_inserter(found),
                       [&](const auto& result) { return result.item == id; });
  return found;
}

void Worklist::add_paths(const QStringList& paths) {
  if (!is_writable_) {
    Q_EMIT problem(tr("Nothing can be added: the project is open to read only."));
    return;
  }
  workflows::InputOptions options;
  for (const auto& path : paths) options.inputs.push_back(QFileInfo(path).absoluteFilePath().toStdString());
  collecting_.run(
      [options, folder = folder_] {
        std::vector<store::Item> items;
        for (const auto& file : workflows::collect_inputs(options, folder / "results", {}).files) {
          store::Item item;
          item.file = store::relative_to(folder, file.path);
          items.push_back(std::move(item));
        }
        return items;
      },
      [this, turn = turn_->load()](std::vector<store::Item> items) {
        if (turn != *turn_) return;
        const auto count = std::ssize(items);
        keeper_->post([this, turn, items, count](store::Project& project) {
          auto fresh = project.add(items);
          QMetaObject::invokeMethod(
              this,
              [this, turn, fresh, count] {
                if (turn != *turn_) return;
                if (!fresh.empty()) {
                  const auto known = static_cast<int>(fresh.size());
                  list(fresh);
                  undo_.push(new Presence(this, fresh, true, true, tr("adding of %n files", nullptr, known)));
                }
                Q_EMIT added(static_cast<int>(fresh.size()), static_cast<int>(count - std::ssize(fresh)));
              },
              Qt::QueuedConnection);
        });
      },
      [this](const imaging::JobOutcome& outcome) { Q_EMIT problem(to_qt(outcome.message)); });
}

void Worklist::import_table(const QString& path) {
  workflows::InputOptions options;
  options.table = path.toStdString();
  for (const auto& item : items_) options.inputs.push_back(path_of(item).string());
  collecting_.run(
      [options] { return workflows::collect_inputs(options, {}, {}).files; },
      [this, turn = turn_->load()](const std::vector<workflows::InputFile>& files) {
        if (turn != *turn_) return;
        std::vector<store::Item> before, after;
        for (const auto& file : files) {
          const auto* item = find_file(file.path);
          if (item == nullptr) continue;
          auto changed = *item;
          const auto take = [](std::string& field, const std::optional<std::string>& value) {
            if (value) field = *value;
          };
          take(changed.patient, file.patient);
          take(changed.laterality, file.laterality);
          take(changed.label, file.label);
          take(changed.site, file.site);
          take(changed.mpp, file.table_mpp);
          if (changed == *item) continue;
          before.push_back(*item);
          after.push_back(std::move(changed));
        }
        if (after.empty()) {
          Q_EMIT problem(tr("The table tells nothing new of the files in this project."));
          return;
        }
        undo_.push(new Change(this, std::move(before), std::move(after), tr("facts from a table")));
      },
      [this](const imaging::JobOutcome& outcome) { Q_EMIT problem(to_qt(outcome.message)); });
}

void Worklist::set_field(const std::vector<std::int64_t>& ids, Field field, const QString& value) {
  if (!is_writable_) {
    Q_EMIT problem(tr("Nothing can be changed: the project is open to read only."));
    return;
  }
  const auto text = value.trimmed().toStdString();
  std::vector<store::Item> before, after;
  QString words;
  for (const auto id : ids) {
    const auto* item = find(id);
    if (item == nullptr) continue;
    auto changed = *item;
    switch (field) {
      case Field::patient:
        changed.patient = text;
        words = tr("change of patient");
        break;
      case Field::laterality:
        changed.laterality = text;
        words = tr("change of eye");
        break;
      case Field::label:
        changed.label = text;
        words = tr("change of label");
        break;
      case Field::site:
        changed.site = text;
        words = tr("change of site");
        break;
      case Field::mpp:
        changed.mpp = text;
        words = tr("change of scale");
        break;
      case Field::status:
        changed.status = text;
        words = tr("change of status");
        break;
      case Field::notes:
        changed.notes = value.toStdString();
        words = tr("change of notes");
        break;
      case Field::tags:
        changed.tags = split_tags(value);
        words = tr("change of tags");
        break;
    }
    if (changed == *item) continue;
    before.push_back(*item);
    after.push_back(std::move(changed));
  }
  if (field == Field::notes) {
    for (const auto id : ids) keep_draft(id, {});
  }
  if (!after.empty()) undo_.push(new Change(this, std::move(before), std::move(after), words));
}

void Worklist::remove(const std::vector<std::int64_t>& ids) {
  std::vector<store::Item> items;
  for (const auto id : ids) {
    if (const auto* item = find(id)) items.push_back(*item);
  }
  if (items.empty() || !is_writable_) return;
  const auto count = static_cast<int>(items.size());
  undo_.push(new Presence(this, std::move(items), false, false, tr("removal of %n files", nullptr, count)));
}

int Worklist::missing() const {
  return static_cast<int>(
      std::ranges::count_if(items_, [this](const auto& item) { return glimpse_of(item.id).is_missing; }));
}

void Worklist::relocate(std::int64_t id, const QString& file) {
  const auto* item = find(id);
  if (item == nullptr || !is_writable_) return;
  const fs::path path = QFileInfo(file).absoluteFilePath().toStdString();
  collecting_.run(
      [path, hash = item->quick_hash] {
        if (!hash.empty() && imaging::quick_hash(path) != hash) {
          throw imaging::Error(imaging::ErrorCode::incompatible,
                               "The file '" + path.string() +
                                   "' is another one than was listed (its content differs), so nothing was "
                                   "changed; add it to the project as a new file.");
        }
        return path;
      },
      [this, turn = turn_->load(), id](const fs::path& found) {
        if (turn == *turn_) take_places({{id, found}});
      },
      [this](const imaging::JobOutcome& outcome) { Q_EMIT problem(to_qt(outcome.message)); });
}

void Worklist::relocate_missing(const QString& folder) {
  if (!is_writable_) return;
  std::vector<store::Item> wanted;
  for (const auto& item : items_) {
    if (glimpse_of(item.id).is_missing) wanted.push_back(item);
  }
  collecting_.run(
      [wanted, folder = fs::path(QFileInfo(folder).absoluteFilePath().toStdString())] {
        std::map<std::int64_t, fs::path> places;
        for (const auto& item : wanted) {
          // The longest end of its path that is there and holds what was listed.
          auto end = fs::path(item.file);
          while (!end.empty()) {
            const auto candidate = folder / end;
            std::error_code ignored;
            if (*end.begin() != ".." && fs::is_regular_file(candidate, ignored) &&
                (item.quick_hash.empty() || imaging::quick_hash(candidate) == item.quick_hash)) {
              places[item.id] = candidate;
              break;
            }
            end = end.lexically_relative(*end.begin());
            if (end == ".") break;
          }
        }
        return places;
      },
      [this, turn = turn_->load()](const std::map<std::int64_t, fs::path>& places) {
        if (turn != *turn_) return;
        if (places.empty()) {
          Q_EMIT problem(tr("None of the missing files lies in that folder."));
          return;
        }
        take_places(places);
      },
      [this](const imaging::JobOutcome& outcome) { Q_EMIT problem(to_qt(outcome.message)); });
}

void Worklist::take_places(const std::map<std::int64_t, fs::path>& places) {
  std::vector<store::Item> before, after;
  for (const auto& [id, path] : places) {
    const auto* item = find(id);
    const auto* other = find_file(path);
    if (item == nullptr) continue;
    if (other != nullptr && other->id != id) {
      Q_EMIT problem(tr("%1 is listed already.").arg(to_qt(path.filename().string())));
      continue;
    }
    auto changed = *item;
    changed.file = store::relative_to(folder_, path);
    before.push_back(*item);
    after.push_back(std::move(changed));
  }
  if (after.empty()) return;
  const auto count = static_cast<int>(after.size());
  undo_.push(
      new Change(this, std::move(before), std::move(after), tr("finding of %n files", nullptr, count)));
  Q_EMIT relocated(count, missing());
}

void Worklist::take_result(const store::Result& result) {
  const auto found = std::ranges::find_if(
      results_, [&](const auto& known) { return known.item == result.item && known.model == result.model; });
  if (found != results_.end()) {
    *found = result;
  } else {
    results_.push_back(result);
  }
  keeper_->post([result](store::Project& project) { project.save_result(result); });
  if (const auto row = row_of(result.item); row >= 0) tell_changed(row);
  Q_EMIT result_taken(result);
  Q_EMIT results_changed();
}

void Worklist::keep_draft(std::int64_t id, const QString& text) {
  if (!is_writable_) return;
  const auto known = drafts_.find(id);
  if (known == drafts_.end() ? text.isEmpty() : known->second == text) return;
  if (text.isEmpty()) {
    drafts_.erase(id);
  } else {
    drafts_[id] = text;
  }
  keeper_->post([document = store::Document{id, "notes_draft", text.toStdString()}](store::Project& project) {
    project.save_document(document);
  });
}

std::optional<QString> Worklist::draft_of(std::int64_t id) const {
  const auto found = drafts_.find(id);
  return found == drafts_.end() ? std::nullopt : std::optional{found->second};
}

void Worklist::apply(const std::vector<store::Item>& items) {
  for (const auto& item : items) {
    const auto row = row_of(item.id);
    if (row < 0) continue;
    const bool has_moved = items_[static_cast<std::size_t>(row)].file != item.file;
    items_[static_cast<std::size_t>(row)] = item;
    if (has_moved) {
      glimpses_.erase(item.id);
      look_at(item);
    }
    tell_changed(row);
  }
  keeper_->post([items](store::Project& project) { project.save(items); });
}

void Worklist::list(const std::vector<store::Item>& items) {
  for (const auto& item : items) {
    const auto place = std::ranges::lower_bound(items_, item.id, {}, &store::Item::id);
    if (place != items_.end() && place->id == item.id) continue;
    const auto row = static_cast<int>(place - items_.begin());
    beginInsertRows({}, row, row);
    items_.insert(place, item);
    endInsertRows();
    if (!glimpses_.contains(item.id)) look_at(item);
  }
  keeper_->post([items](store::Project& project) { project.save(items); });
  Q_EMIT items_changed();
  Q_EMIT results_changed();
}

void Worklist::unlist(const std::vector<store::Item>& items) {
  std::vector<std::int64_t> ids;
  for (const auto& item : items) {
    ids.push_back(item.id);
    const auto row = row_of(item.id);
    if (row < 0) continue;
    beginRemoveRows({}, row, row);
    items_.erase(items_.begin() + row);
    endRemoveRows();
  }
  keeper_->post([ids](store::Project& project) { project.remove(ids); });
  Q_EMIT items_changed();
  Q_EMIT results_changed();
}

void Worklist::look_at(const store::Item& item) {
  ++looking_;
  const auto turn = turn_->load();
  looking_work_.run(
      [item, turn, now = turn_, stop = stop_.get_token(), file = path_of(item),
       cache = is_writable_ ? folder_ / "thumbnails" : fs::path{}]() -> std::optional<Look> {
        if (turn != *now) return std::nullopt;
        return look(file, item, cache, stop);
      },
      [this, turn, id = item.id](const std::optional<Look>& seen) {
        if (turn != *turn_ || !seen) return;
        --looking_;
        glimpses_[id] = seen->glimpse;
        const auto row = row_of(id);
        if (row < 0) return;
        auto& kept = items_[static_cast<std::size_t>(row)];
        const bool is_new = kept.kind.empty() || kept.identity != seen->facts.identity;
        if (kept.kind.empty()) kept.kind = seen->facts.kind;
        if (kept.laterality.empty()) kept.laterality = seen->facts.laterality;
        kept.identity = seen->facts.identity;
        kept.quick_hash = seen->facts.quick_hash;
        if (is_new) keeper_->post([kept](store::Project& project) { project.save({kept}); });
        tell_changed(row);
      },
      [this, turn, id = item.id](const imaging::JobOutcome& outcome) {
        if (turn != *turn_) return;
        --looking_;
        glimpses_[id].problem = to_qt(outcome.message);
        glimpses_[id].is_missing = outcome.code == imaging::ErrorCode::not_found;
        if (const auto row = row_of(id); row >= 0) tell_changed(row);
      });
}

void Worklist::tell_changed(int row) {
  Q_EMIT dataChanged(index(row, 0), index(row, kColumnCount - 1));
  Q_EMIT items_changed();
}

WorklistFilter::WorklistFilter(Worklist* worklist, QObject* parent)
    : QSortFilterProxyModel(parent), worklist_(worklist) {
  setSourceModel(worklist);
  setSortRole(Worklist::kSortRole);
  setSortCaseSensitivity(Qt::CaseInsensitive);
  setSortLocaleAware(true);
  setDynamicSortFilter(true);
}

void WorklistFilter::set_text(const QString& text) {
  text_ = text.trimmed();
  invalidateFilter();
}

void WorklistFilter::set_status(const std::string& status) {
  status_ = status;
  invalidateFilter();
}

void WorklistFilter::set_kind(const std::string& kind) {
  kind_ = kind;
  invalidateFilter();
}

std::vector<std::int64_t> WorklistFilter::ids() const {
  std::vector<std::int64_t> found;
  for (int row = 0; row < rowCount(); ++row)
    found.push_back(index(row, 0).data(Worklist::kIdRole).toLongLong());
  return found;
}

bool WorklistFilter::filterAcceptsRow(int row, const QModelIndex& parent) const {
  const auto& item = worklist_->items()[static_cast<std::size_t>(row)];
  if (!status_.empty() && item.status != status_) return false;
  if (!kind_.empty() && item.kind != kind_) return false;
  return text_.isEmpty() || worklist_->index(row, 0, parent)
                                .data(Worklist::kSearchRole)
                                .toString()
                                .contains(text_, Qt::CaseInsensitive);
}

PatientList::PatientList(Worklist* worklist, QObject* parent)
    : QAbstractTableModel(parent), worklist_(worklist) {
  timer_.setSingleShot(true);
  timer_.setInterval(kRegroupMs);
  connect(&timer_, &QTimer::timeout, this, &PatientList::rebuild);
  connect(worklist_, &Worklist::reset, this, &PatientList::rebuild);
  connect(worklist_, &Worklist::items_changed, this, [this] {
    if (!timer_.isActive()) timer_.start();
  });
}

void PatientList::rebuild() {
  beginResetModel();
  std::map<std::string, Patient> patients;
  for (const auto& item : worklist_->items()) {
    auto& patient = patients[item.patient];
    patient.name = to_qt(item.patient);
    patient.cells[kPatient].push_back(item.id);
    const auto column = item.kind == "slide"                              ? kSlides
                        : item.kind == "fundus" && item.laterality == "R" ? kRightEye
                        : item.kind == "fundus" && item.laterality == "L" ? kLeftEye
                                                                          : kOther;
    patient.cells[column].push_back(item.id);
  }
  patients_.clear();
  for (auto& [name, patient] : patients) {
    if (!name.empty()) patients_.push_back(std::move(patient));
  }
  if (const auto none = patients.find(""); none != patients.end())
    patients_.push_back(std::move(none->second));
  endResetModel();
}

int PatientList::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(patients_.size());
}

int PatientList::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : kColumnCount;
}

QVariant PatientList::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || role != Qt::DisplayRole) return {};
  switch (section) {
    case kPatient:
      return tr("Patient");
    case kSlides:
      return tr("Slides");
    case kRightEye:
      return tr("Right eye");
    case kLeftEye:
      return tr("Left eye");
    case kOther:
      return tr("Other");
    default:
      return {};
  }
}

std::vector<std::int64_t> PatientList::ids_at(const QModelIndex& index) const {
  if (!index.isValid() || index.row() >= rowCount()) return {};
  return patients_[static_cast<std::size_t>(index.row())].cells[index.column()];
}

QVariant PatientList::data(const QModelIndex& index, int role) const {
  const auto ids = ids_at(index);
  if (ids.empty()) return {};
  const bool names_patient = index.column() == kPatient;
  if (role == Qt::DecorationRole && !names_patient) {
    for (const auto id : ids) {
      if (const auto& picture = worklist_->glimpse_of(id).thumbnail; !picture.isNull()) return picture;
    }
    return {};
  }
  if (role == Qt::ToolTipRole || role == Qt::AccessibleTextRole) {
    QStringList names;
    for (const auto id : ids) {
      if (const auto* item = worklist_->find(id)) names << to_qt(item->file);
    }
    return names.join('\n');
  }
  if (role != Qt::DisplayRole) return {};
  if (names_patient) {
    const auto& name = patients_[static_cast<std::size_t>(index.row())].name;
    return name.isEmpty() ? tr("(no patient)") : name;
  }
  return ids.size() > 1 ? tr("%n files", nullptr, static_cast<int>(ids.size())) : QString{};
}

}  // namespace viewmodels
