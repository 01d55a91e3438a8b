#include "app/viewmodels/annotation_document.h"

#include <QPixmap>
#include <QStandardPaths>
#include <QUndoCommand>
#include <QUuid>
#include <algorithm>
#include <array>
#include <utility>

#include "app/viewmodels/preferences.h"
#include "app/workflows/annotations.h"
#include "imaging/annotation/annotation_files.h"
#include "imaging/base/files.h"

namespace viewmodels {
namespace fs = std::filesystem;
namespace {

constexpr int kAutosaveMs = 500;
constexpr int kUndoSteps = 500;
constexpr int kRetryMs = 2000;
constexpr int kStallMs = 2000;            // a folder that takes longer does not answer
constexpr const char* kOurs = "tessera";  // what the file says of the slide
constexpr std::array kPalette{QColor{0xc8, 0x1e, 0x1e}, QColor{0x1f, 0x77, 0xb4}, QColor{0x2c, 0xa0, 0x2c},
                              QColor{0xe6, 0x8a, 0x00}, QColor{0x94, 0x67, 0xbd}, QColor{0x8c, 0x56, 0x4b},
                              QColor{0xe3, 0x77, 0xc2}, QColor{0x17, 0xbe, 0xcf}};

QColor to_colour(const imaging::Rgb8& rgb) {
  return {rgb[0], rgb[1], rgb[2]};
}

QString kind_words(const imaging::AnnotationGeometry& geometry) {
  switch (geometry.kind) {
    case imaging::GeometryKind::points:
      return AnnotationDocument::tr("point");
    case imaging::GeometryKind::lines:
      return AnnotationDocument::tr("ruler");
    case imaging::GeometryKind::polygons:
      return geometry.is_ellipse               ? AnnotationDocument::tr("ellipse")
             : imaging::is_rectangle(geometry) ? AnnotationDocument::tr("rectangle")
                                               : AnnotationDocument::tr("outline");
  }
  return {};
}

bool can_hold_files(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return false;
  try {
    imaging::AtomicFile probe(folder / ".tessera-probe");
    return true;  // without a commit nothing is left
  } catch (const imaging::Error&) {
    return false;
  }
}

fs::path own_folder_file(const fs::path& slide) {
  const fs::path data = QStandardPaths::writableLocation(QStandardPaths::AppDataLocation).toStdString();
  const auto absolute = fs::absolute(slide);
  return data / "annotations" /
         (absolute.filename().string() + "-" + imaging::sha256_of(absolute.string()).substr(0, 12) +
          ".geojson");
}

fs::path next_free(const fs::path& file) {
  for (int number = 2;; ++number) {
    const auto candidate = file.parent_path() /
                           (file.stem().string() + "-" + std::to_string(number) + file.extension().string());
    std::error_code ignored;
    if (!fs::exists(candidate, ignored)) return candidate;
  }
}

}  // namespace

/// Takes some rows out and puts others in: every edit is one.
class AnnotationDocument::Splice : public QUndoCommand {
 public:
  Splice(AnnotationDocument* document, const QString& text, int row, std::vector<Item> removed,
         std::vector<Item> inserted)
      : QUndoCommand(text),
        document_(document),
        row_(row),
        removed_(std::move(removed)),
        inserted_(std::move(inserted)) {}
  void redo() override { document_->splice(row_, static_cast<int>(removed_.size()), inserted_); }
  void undo() override { document_->splice(row_, static_cast<int>(inserted_.size()), removed_); }

 private:
  AnnotationDocument* document_;
  int row_;
  std::vector<Item> removed_, inserted_;
};

AnnotationDocument::AnnotationDocument(const imaging::SlideInfo& slide, fs::path file, Writer writer,
                                       QObject* parent)
    : QAbstractListModel(parent),
      size_l0_(slide.size_l0()),
      slide_(slide.path),
      file_(std::move(file)),
      writer_(writer ? std::move(writer) : Writer(&imaging::write_annotations)),
      background_(std::make_unique<Background>(this, 1, kStallMs)) {
  stall_.setSingleShot(true);
  stall_.setInterval(kStallMs);
  connect(&stall_, &QTimer::timeout, this, &AnnotationDocument::save_apart);
  retry_.setSingleShot(true);
  retry_.setInterval(kRetryMs);
  connect(&retry_, &QTimer::timeout, this, [this] {
    if (dirty_) save();
  });
  undo_.setUndoLimit(kUndoSteps);
  autosave_.setSingleShot(true);
  autosave_.setInterval(kAutosaveMs);
  connect(&autosave_, &QTimer::timeout, this, &AnnotationDocument::save);
  load();
}

AnnotationDocument::~AnnotationDocument() {
  flush();
}

std::optional<AnnotationDocument::Stamp> AnnotationDocument::stamp_of(const fs::path& file) {
  std::error_code error;
  const auto bytes = fs::file_size(file, error);
  if (error) return std::nullopt;
  const auto time = fs::last_write_time(file, error);
  if (error) return std::nullopt;
  return Stamp{bytes, time.time_since_epoch().count()};
}

AnnotationDocument::Written AnnotationDocument::write(const Writer& writer, fs::path file,
                                                      const fs::path& own_folder_file,
                                                      const std::optional<Stamp>& known,
                                                      const imaging::AnnotationSet& set) {
  Written written;
  if (file != own_folder_file && !can_hold_files(file.parent_path())) file = own_folder_file;
  const auto now = stamp_of(file);
  written.was_changed_outside = now && now != known;
  written.file = written.was_changed_outside ? next_free(file) : file;
  writer(written.file, set);
  written.stamp = stamp_of(written.file).value_or(Stamp{});
  return written;
}

AnnotationDocument::Written AnnotationDocument::write_apart(const Writer& writer,
                                                            const fs::path& own_folder_file,
                                                            const imaging::AnnotationSet& set) {
  fs::create_directories(own_folder_file.parent_path());
  writer(own_folder_file, set);
  return {own_folder_file, stamp_of(own_folder_file).value_or(Stamp{}), false};
}

void AnnotationDocument::load() {
  struct Found {
    fs::path file;
    imaging::AnnotationSet set;
    std::optional<Stamp> stamp;
  };
  background_->run(
      [file = file_, own = own_folder_file(slide_)] {
        Found found{file, {}, stamp_of(file)};
        const auto other = stamp_of(own);
        if (other && (!found.stamp || other->time > found.stamp->time)) found = {own, {}, other};
        if (found.stamp) found.set = imaging::read_annotations(found.file);
        return found;
      },
      [this](Found found) {
        file_ = std::move(found.file);
        take_loaded(std::move(found.set), found.stamp);
      },
      [this](const imaging::JobOutcome& outcome) {
        loaded_ = true;
        keep_apart(QString::fromStdString(outcome.message));
        Q_EMIT changed();
      });
}

void AnnotationDocument::take_loaded(imaging::AnnotationSet set, std::optional<Stamp> stamp) {
  loaded_ = true;
  stamp_ = stamp;
  const auto ours = set.extra.find(kOurs);
  if (ours != set.extra.end() && ours->is_object() &&
      (ours->value("width", size_l0_.width) != size_l0_.width ||
       ours->value("height", size_l0_.height) != size_l0_.height)) {
    keep_apart(tr("The annotations in %1 belong to another slide of this name and are left alone.")
                   .arg(QString::fromStdString(file_.string())));
    Q_EMIT changed();
    return;
  }
  extra_ = std::move(set.extra);
  std::vector<Item> loaded;
  loaded.reserve(set.items.size());
  for (auto& item : set.items) loaded.push_back(std::make_shared<const imaging::Annotation>(std::move(item)));
  const auto drawn_meanwhile = !items_.empty();
  beginResetModel();
  items_.insert(items_.begin(), loaded.begin(), loaded.end());
  endResetModel();
  if (drawn_meanwhile) undo_.clear();  // its rows have moved
  for (const auto& warning : set.warnings) Q_EMIT notice(QString::fromStdString(warning));
  Q_EMIT changed();
}

void AnnotationDocument::keep_apart(const QString& why) {
  file_ = next_free(file_);
  stamp_.reset();
  Q_EMIT problem(tr("%1 Annotations of this window go to %2.")
                     .arg(why, QString::fromStdString(file_.filename().string())));
}

int AnnotationDocument::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(items_.size());
}

QVariant AnnotationDocument::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount()) return {};
  const auto& item = *items_[static_cast<std::size_t>(index.row())];
  switch (role) {
    case Qt::DisplayRole:
    case Qt::AccessibleTextRole:
      return annotation_title(item);
    case Qt::DecorationRole:
      return annotation_colour(item);
    case Qt::ToolTipRole:
      return item.notes.empty() ? annotation_title(item) : QString::fromStdString(item.notes);
    default:
      return {};
  }
}

imaging::AnnotationSet AnnotationDocument::to_set() const {
  imaging::AnnotationSet set;
  set.extra = extra_;
  set.extra[kOurs] = {{"file", slide_.filename().string()},
                      {"width", size_l0_.width},
                      {"height", size_l0_.height},
                      {"notice", "Research use only. Not for diagnosis."}};
  set.items.reserve(items_.size());
  for (const auto& item : items_) set.items.push_back(*item);
  return set;
}

void AnnotationDocument::splice(int row, int removed, std::vector<Item> inserted) {
  const auto first = items_.begin() + row;
  if (static_cast<int>(inserted.size()) == removed) {
    std::ranges::move(inserted, first);
    Q_EMIT dataChanged(index(row), index(row + removed - 1));
  } else {
    if (removed > 0) {
      beginRemoveRows({}, row, row + removed - 1);
      items_.erase(first, first + removed);
      endRemoveRows();
    }
    if (!inserted.empty()) {
      beginInsertRows({}, row, row + static_cast<int>(inserted.size()) - 1);
      items_.insert(items_.begin() + row, std::make_move_iterator(inserted.begin()),
                    std::make_move_iterator(inserted.end()));
      endInsertRows();
    }
    if (selected_ >= row) select(-1);
  }
  dirty_ = true;
  if (!autosave_.isActive()) autosave_.start();
  Q_EMIT changed();
}

void AnnotationDocument::add(imaging::Annotation item) {
  if (item.id.empty()) item.id = QUuid::createUuid().toString(QUuid::WithoutBraces).toStdString();
  const auto row = rowCount();
  undo_.push(new Splice(this, tr("add %1").arg(kind_words(item.geometry)), row, {},
                        {std::make_shared<const imaging::Annotation>(std::move(item))}));
  select(row);
}

void AnnotationDocument::replace(int row, imaging::Annotation item) {
  const auto& before = items_[static_cast<std::size_t>(row)];
  if (*before == item) return;
  undo_.push(new Splice(this, tr("change %1").arg(annotation_title(*before)), row, {before},
                        {std::make_shared<const imaging::Annotation>(std::move(item))}));
}

void AnnotationDocument::remove(std::vector<int> rows) {
  std::ranges::sort(rows, std::greater{});
  std::erase_if(rows, [this](int row) { return items_[static_cast<std::size_t>(row)]->is_locked; });
  if (rows.empty()) return;
  undo_.beginMacro(rows.size() == 1
                       ? tr("delete %1").arg(annotation_title(*items_[static_cast<std::size_t>(rows[0])]))
                       : tr("delete %1 annotations").arg(rows.size()));
  for (const auto row : rows)
    undo_.push(new Splice(this, {}, row, {items_[static_cast<std::size_t>(row)]}, {}));
  undo_.endMacro();
}

void AnnotationDocument::import_file(const fs::path& path) {
  background_->run([path, size = size_l0_] { return workflows::read_annotations_or_mask(path, size); },
                   [this, path](imaging::AnnotationSet set) {
                     for (const auto& warning : set.warnings) Q_EMIT notice(QString::fromStdString(warning));
                     if (const auto sentence = imaging::foreign_annotations(set, size_l0_)) {
                       Q_EMIT foreign(QString::fromStdString(*sentence), set);
                     } else {
                       imported_ = path;
                       add_set(std::move(set));
                     }
                   },
                   [this](const imaging::JobOutcome& outcome) {
                     Q_EMIT problem(QString::fromStdString(outcome.message));
                   });
}

void AnnotationDocument::add_set(imaging::AnnotationSet set) {
  std::vector<Item> items;
  items.reserve(set.items.size());
  for (auto& item : set.items) items.push_back(std::make_shared<const imaging::Annotation>(std::move(item)));
  for (const auto& [key, value] : set.extra.items()) {
    if (key != kOurs) extra_[key] = value;
  }
  const auto count = items.size();
  if (count == 0) {
    Q_EMIT notice(tr("The file holds no annotations."));
    return;
  }
  undo_.push(new Splice(this, tr("import %1 annotations").arg(count), rowCount(), {}, std::move(items)));
  Q_EMIT notice(tr("%1 annotations were added.").arg(count));
}

void AnnotationDocument::export_file(const fs::path& path) {
  background_->run(
      [set = to_set(), path] {
        imaging::write_annotations(path, set);
        return set.items.size();
      },
      [this, path](std::size_t count) {
        Q_EMIT notice(
            tr("%1 annotations were saved as %2.").arg(count).arg(QString::fromStdString(path.string())));
      },
      [this](const imaging::JobOutcome& outcome) {
        Q_EMIT problem(QString::fromStdString(outcome.message));
      });
}

void AnnotationDocument::select(int row) {
  const auto wanted = row >= 0 && row < rowCount() ? row : -1;
  if (wanted == selected_) return;
  selected_ = wanted;
  Q_EMIT selection_changed();
}

void AnnotationDocument::save() {
  if (!loaded_ || saving_) {  // its own end starts the next one
    autosave_.start();
    return;
  }
  dirty_ = false;
  saving_ = true;
  stall_.start();
  const auto turn = ++save_turn_;
  background_->run([writer = writer_, file = file_, own = own_folder_file(slide_), known = stamp_,
                    set = to_set()] { return write(writer, file, own, known, set); },
                   [this, turn](const Written& written) {
                     if (turn != save_turn_) return;  // `flush` came between
                     saving_ = false;
                     stall_.stop();
                     take_written(written);
                   },
                   [this, turn](const imaging::JobOutcome& outcome) {
                     if (turn != save_turn_) return;
                     take_trouble(outcome);
                   });
}

void AnnotationDocument::save_apart() {
  if (!saving_) return;
  const auto turn = ++save_turn_;  // what the folder answers yet is not waited for
  apart_.run([writer = writer_, own = own_folder_file(slide_),
              set = to_set()] { return write_apart(writer, own, set); },
             [this, turn](const Written& written) {
               if (turn != save_turn_) return;
               saving_ = false;
               background_->leave_behind();
               background_ = std::make_unique<Background>(this, 1, kStallMs);
               Q_EMIT problem(tr("The folder of %1 does not answer; the annotations are kept in %2.")
                                  .arg(QString::fromStdString(slide_.filename().string()),
                                       QString::fromStdString(written.file.string())));
               file_ = written.file;
               stamp_ = written.stamp;
             },
             [this, turn](const imaging::JobOutcome& outcome) {
               if (turn != save_turn_) return;
               take_trouble(outcome);
             });
}

void AnnotationDocument::take_trouble(const imaging::JobOutcome& outcome) {
  saving_ = false;
  stall_.stop();
  dirty_ = true;  // a disk that is full or away gets time: tried again until it works, and at the end
  retry_.start();
  if (trouble_told_) return;
  trouble_told_ = true;
  Q_EMIT problem(tr("The annotations are not saved yet, and are kept in the window: %1")
                     .arg(QString::fromStdString(outcome.message)));
}

void AnnotationDocument::take_written(const Written& written) {
  if (std::exchange(trouble_told_, false)) Q_EMIT notice(tr("All annotations are saved after all."));
  if (written.was_changed_outside) {
    Q_EMIT problem(tr("Another program changed %1; the annotations of this window go to %2.")
                       .arg(QString::fromStdString(file_.filename().string()),
                            QString::fromStdString(written.file.filename().string())));
  } else if (written.file != file_) {
    Q_EMIT notice(tr("The results folder cannot be written to; the annotations are kept in %1.")
                      .arg(QString::fromStdString(written.file.string())));
  }
  file_ = written.file;
  stamp_ = written.stamp;
}

void AnnotationDocument::flush() {
  ++save_turn_;
  if (saving_) dirty_ = true;
  saving_ = false;
  stall_.stop();
  bool answers = background_->wait(kStallMs);
  background_->leave_behind();
  background_ = std::make_unique<Background>(this, 1, kStallMs);
  if (!dirty_ || !loaded_) return;
  const auto own = own_folder_file(slide_);
  std::optional<imaging::JobOutcome> outcome;
  if (answers) {
    const auto done = run_within(kStallMs, [writer = writer_, file = file_, own, set = to_set()] {
      std::pair<Written, imaging::JobOutcome> answer;
      answer.second = imaging::run_job(
          // What is there now is ours: the piece of work that just ended wrote it.
          [&](const imaging::JobContext&) { answer.first = write(writer, file, own, stamp_of(file), set); },
          {});
      return answer;
    });
    answers = done.has_value();
    if (done && done->second.status == imaging::JobStatus::done) {
      take_written(done->first);
      dirty_ = false;
      return;
    }
    if (done) outcome = done->second;
  }
  if (!answers) {
    try {
      const auto written = write_apart(writer_, own, to_set());
      file_ = written.file;
      stamp_ = written.stamp;
      dirty_ = false;
      return;
    } catch (const imaging::Error& error) {
      outcome = imaging::JobOutcome{imaging::JobStatus::failed, error.code(), error.what()};
    }
  }
  if (outcome) Q_EMIT problem(QString::fromStdString(outcome->message));
}

fs::path annotation_file(const fs::path& slide, const std::optional<fs::path>& results_folder) {
  return output_folder(slide, results_folder) / "annotations.geojson";
}

QColor annotation_colour(const imaging::Annotation& item) {
  if (item.colour) return to_colour(*item.colour);
  if (item.class_colour) return to_colour(*item.class_colour);
  if (item.class_name.empty()) return kPalette[0];
  const auto hash = std::stoul(imaging::sha256_of(item.class_name).substr(0, 6), nullptr, 16);
  return kPalette[hash % kPalette.size()];
}

QString annotation_title(const imaging::Annotation& item) {
  QStringList parts;
  if (!item.class_name.empty()) parts << QString::fromStdString(item.class_name);
  if (!item.name.empty()) parts << QString::fromStdString(item.name);
  return parts.isEmpty() ? kind_words(item.geometry) : parts.join(" – ");
}

QString annotation_measure(const imaging::AnnotationGeometry& geometry,
                           const std::optional<imaging::SlideScale>& scale) {
  const bool is_um = scale && scale->source != "pixels";
  const imaging::PointD pixel = is_um ? imaging::PointD{scale->mpp_x, scale->mpp_y} : imaging::PointD{1, 1};
  const auto reach = imaging::length_of(geometry, pixel);
  const auto length = !is_um          ? AnnotationDocument::tr("%1 px").arg(reach, 0, 'f', 0)
                      : reach >= 1000 ? AnnotationDocument::tr("%1 mm").arg(reach * 1e-3, 0, 'g', 4)
                                      : AnnotationDocument::tr("%1 µm").arg(reach, 0, 'g', 4);
  if (geometry.kind == imaging::GeometryKind::lines) return length;
  if (geometry.kind == imaging::GeometryKind::points) {
    const auto count = geometry.parts.empty() ? 0 : geometry.parts[0][0].size();
    return count == 1 ? QString{} : AnnotationDocument::tr("%1 points").arg(count);
  }
  const auto area = imaging::area_of(geometry, pixel);
  const auto words = !is_um        ? AnnotationDocument::tr("%1 px²").arg(area, 0, 'f', 0)
                     : area >= 1e5 ? AnnotationDocument::tr("%1 mm²").arg(area * 1e-6, 0, 'g', 4)
                     : area >= 100 ? AnnotationDocument::tr("%1 µm²").arg(area, 0, 'f', 0)
                                   : AnnotationDocument::tr("%1 µm²").arg(area, 0, 'g', 4);
  return AnnotationDocument::tr("%1 · around %2").arg(words, length);
}

}  // namespace viewmodels
