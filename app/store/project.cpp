#include "app/store/project.h"

#include <fmt/format.h>
#include <unistd.h>

#include <QLockFile>
#include <QTemporaryDir>

#include "app/store/detail/database.h"
#include "imaging/base/error.h"

namespace store {
namespace fs = std::filesystem;
namespace {

using imaging::Error;
using imaging::ErrorCode;

constexpr const char* kDatabase = "tessera-project.sqlite";
constexpr const char* kLock = "tessera-project.lock";
constexpr const char* kColumns =
    "file, size_bytes, mtime_ns, quick_hash, kind, patient, laterality, label, site, mpp, status, notes";

QString to_qt(const std::string& text) {
  return text.empty() ? QString("") : QString::fromStdString(text);  // a null string would be NULL
}

QVariantList values_of(const Item& item) {
  return {to_qt(item.file),
          QVariant::fromValue(static_cast<qlonglong>(item.identity.size_bytes)),
          QVariant::fromValue(static_cast<qlonglong>(item.identity.mtime_ns)),
          to_qt(item.quick_hash),
          to_qt(item.kind),
          to_qt(item.patient),
          to_qt(item.laterality),
          to_qt(item.label),
          to_qt(item.site),
          to_qt(item.mpp),
          to_qt(item.status),
          to_qt(item.notes)};
}

QVariant number(std::int64_t id) {
  return QVariant::fromValue(static_cast<qlonglong>(id));
}

/// The lock of the one writer.
struct Lock {
  std::unique_ptr<QLockFile> file;  ///< held while it lives; null where the project is only read
  std::string refusal;              ///< why it is not held
};

Lock take_lock(const fs::path& folder) {
  auto file = std::make_unique<QLockFile>(to_qt((folder / kLock).string()));
  file->setStaleLockTime(0);  // stale only where its process is gone
  if (file->tryLock(0)) return {std::move(file), {}};
  qint64 process = 0;
  QString host, program;
  const bool is_writable = ::access(folder.c_str(), W_OK) == 0;  // else a killed studio's lock stays for good
  if (is_writable && file->error() == QLockFile::LockFailedError &&
      file->getLockInfo(&process, &host, &program)) {
    return {
        nullptr,
        fmt::format("The project '{}' is open in another studio (process {}{}); here it can be looked "
                    "at but not changed. Close it there and open it again.",
                    folder.filename().string(), process, host.isEmpty() ? "" : " on " + host.toStdString())};
  }
  return {nullptr,
          fmt::format("The folder of the project '{}' cannot be written to; it can be looked at but not "
                      "changed. Check its permissions and the space on its disk.",
                      folder.filename().string())};
}

}  // namespace

struct Project::Impl {
  fs::path folder;
  Access access = Access::writable;
  std::string reason;
  std::unique_ptr<QLockFile> lock;
  std::unique_ptr<QTemporaryDir> copy;  // of a project on a medium that cannot be written
  std::unique_ptr<detail::Database> database;

  void check_writable() const {
    if (access == Access::writable) return;
    throw Error(
        ErrorCode::io_error,
        reason.empty() ? fmt::format("The project '{}' was opened to read only.", folder.string()) : reason);
  }

  void open_to_read() {
    access = Access::read_only;
    const auto file = folder / kDatabase;
    if (!fs::exists(file)) {
      throw Error(ErrorCode::not_found,
                  reason.empty() ? fmt::format("There is no project in '{}'.", folder.string()) : reason);
    }
    // SQLite needs to write beside a database with a write-ahead log even to read it.
    if (::access(folder.c_str(), W_OK) == 0) {
      database = std::make_unique<detail::Database>(file, true);
      return;
    }
    copy = std::make_unique<QTemporaryDir>();
    std::error_code error;
    const fs::path place = copy->path().toStdString();
    for (const auto* name : {"", "-wal"}) {
      const auto source = file.string() + name;
      if (!fs::exists(source, error)) continue;
      fs::copy_file(source, place / (std::string(kDatabase) + name), error);
      if (!error)
        fs::permissions(place / (std::string(kDatabase) + name), fs::perms::owner_write,
                        fs::perm_options::add, error);
      if (error)
        throw Error(ErrorCode::io_error, fmt::format("Cannot read '{}': {}.", source, error.message()));
    }
    database = std::make_unique<detail::Database>(place / kDatabase, false);
    database->migrate();  // of the copy
  }

  void write_tags(const Item& item) const {
    database->run("DELETE FROM tags WHERE item = ?", {number(item.id)});
    for (std::size_t place = 0; place < item.tags.size(); ++place) {
      database->run("INSERT INTO tags (item, place, tag) VALUES (?, ?, ?)",
                    {number(item.id), number(static_cast<std::int64_t>(place)), to_qt(item.tags[place])});
    }
  }
};

Project::Project(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Project::Project(Project&&) noexcept = default;
Project& Project::operator=(Project&&) noexcept = default;
Project::~Project() = default;

bool Project::is_project(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / kDatabase, ignored);
}

Project Project::open(const fs::path& folder, Access wanted) {
  auto impl = std::make_unique<Impl>();
  impl->folder = fs::absolute(folder).lexically_normal();
  if (!impl->folder.has_filename()) impl->folder = impl->folder.parent_path();
  std::error_code error;
  if (wanted == Access::writable) {
    fs::create_directories(impl->folder, error);
    if (error) {
      throw Error(ErrorCode::io_error,
                  fmt::format("Cannot make the folder '{}': {}.", impl->folder.string(), error.message()));
    }
    auto lock = take_lock(impl->folder);
    impl->lock = std::move(lock.file);
    impl->reason = std::move(lock.refusal);
  }
  if (impl->lock) {
    impl->database = std::make_unique<detail::Database>(impl->folder / kDatabase, false);
    impl->database->migrate();
    impl->database->run("DELETE FROM items WHERE removed = 1");
  } else {
    impl->open_to_read();
  }
  return Project(std::move(impl));
}

const fs::path& Project::folder() const {
  return impl_->folder;
}
Access Project::access() const {
  return impl_->access;
}
const std::string& Project::read_only_reason() const {
  return impl_->reason;
}
int Project::schema_version() {
  return detail::Database::newest_version();
}

std::vector<Item> Project::items() const {
  std::vector<Item> items;
  auto query = impl_->database->run(
      QStringLiteral("SELECT id, %1 FROM items WHERE removed = 0 ORDER BY id").arg(kColumns));
  while (query.next()) {
    const auto text = [&](int column) { return query.value(column).toString().toStdString(); };
    items.push_back(
        {.id = query.value(0).toLongLong(),
         .file = text(1),
         .identity = {.size_bytes = query.value(2).toULongLong(), .mtime_ns = query.value(3).toLongLong()},
         .quick_hash = text(4),
         .kind = text(5),
         .patient = text(6),
         .laterality = text(7),
         .label = text(8),
         .site = text(9),
         .mpp = text(10),
         .status = text(11),
         .notes = text(12)});
  }
  auto tags = impl_->database->run("SELECT item, tag FROM tags ORDER BY item, place");
  auto item = items.begin();
  while (tags.next()) {
    const auto id = tags.value(0).toLongLong();
    while (item != items.end() && item->id < id) ++item;
    if (item != items.end() && item->id == id) item->tags.push_back(tags.value(1).toString().toStdString());
  }
  return items;
}

std::vector<Item> Project::add(std::vector<Item> items) {
  impl_->check_writable();
  std::vector<Item> added;
  impl_->database->transact([&] {
    for (auto& item : items) {
      impl_->database->run("DELETE FROM items WHERE file = ? AND removed = 1", {to_qt(item.file)});
      auto query = impl_->database->run(
          QStringLiteral("INSERT OR IGNORE INTO items (%1) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
              .arg(kColumns),
          values_of(item));
      if (query.numRowsAffected() < 1) continue;
      item.id = query.lastInsertId().toLongLong();
      impl_->write_tags(item);
      added.push_back(std::move(item));
    }
  });
  return added;
}

void Project::save(const std::vector<Item>& items) {
  impl_->check_writable();
  impl_->database->transact([&] {
    for (const auto& item : items) {
      impl_->database->run("DELETE FROM items WHERE file = ? AND removed = 1 AND id <> ?",
                           {to_qt(item.file), number(item.id)});
      auto values = values_of(item);
      values.prepend(number(item.id));
      impl_->database->run(
          QStringLiteral(
              "INSERT INTO items (id, %1) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(id) "
              "DO UPDATE SET file=excluded.file, size_bytes=excluded.size_bytes, "
              "mtime_ns=excluded.mtime_ns, quick_hash=excluded.quick_hash, kind=excluded.kind, "
              "patient=excluded.patient, laterality=excluded.laterality, label=excluded.label, "
              "site=excluded.site, mpp=excluded.mpp, status=excluded.status, notes=excluded.notes, removed=0")
              .arg(kColumns),
          values);
      impl_->write_tags(item);
    }
  });
}

void Project::remove(const std::vector<std::int64_t>& ids) {
  impl_->check_writable();
  impl_->database->transact([&] {
    for (const auto id : ids) impl_->database->run("UPDATE items SET removed = 1 WHERE id = ?", {number(id)});
  });
}

std::vector<Result> Project::results() const {
  std::vector<Result> results;
  auto query =
      impl_->database->run("SELECT item, model, folder, status, reason FROM results ORDER BY item, model");
  while (query.next()) {
    const auto text = [&](int column) { return query.value(column).toString().toStdString(); };
    results.push_back({query.value(0).toLongLong(), text(1), text(2), text(3), text(4)});
  }
  return results;
}

void Project::save_result(const Result& result) {
  impl_->check_writable();
  impl_->database->run(
      "INSERT OR REPLACE INTO results (item, model, folder, status, reason) SELECT ?, ?, ?, ?, ? "
      "WHERE EXISTS (SELECT 1 FROM items WHERE id = ?)",  // it may have been taken off the list meanwhile
      {number(result.item), to_qt(result.model), to_qt(result.folder), to_qt(result.status),
       to_qt(result.reason), number(result.item)});
}

std::vector<Document> Project::documents(const std::string& kind) const {
  std::vector<Document> documents;
  auto query =
      impl_->database->run("SELECT item, text FROM documents WHERE kind = ? ORDER BY item", {to_qt(kind)});
  while (query.next())
    documents.push_back({query.value(0).toLongLong(), kind, query.value(1).toString().toStdString()});
  return documents;
}

void Project::save_document(const Document& document) {
  impl_->check_writable();
  if (document.text.empty()) {
    impl_->database->run("DELETE FROM documents WHERE item = ? AND kind = ?",
                         {number(document.item), to_qt(document.kind)});
    return;
  }
  impl_->database->run(
      "INSERT OR REPLACE INTO documents (item, kind, text) SELECT ?, ?, ? "
      "WHERE EXISTS (SELECT 1 FROM items WHERE id = ?)",
      {number(document.item), to_qt(document.kind), to_qt(document.text), number(document.item)});
}

std::optional<std::string> Project::state(const std::string& name) const {
  auto query = impl_->database->run("SELECT value FROM state WHERE name = ?", {to_qt(name)});
  if (!query.next()) return std::nullopt;
  return query.value(0).toString().toStdString();
}

void Project::save_state(const std::string& name, const std::string& value) {
  impl_->check_writable();
  impl_->database->run("INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)",
                       {to_qt(name), to_qt(value)});
}

std::string relative_to(const fs::path& folder, const fs::path& file) {
  return fs::absolute(file).lexically_normal().lexically_relative(folder).generic_string();
}

fs::path absolute_in(const fs::path& folder, const std::string& file) {
  return (folder / file).lexically_normal();
}

}  // namespace store
