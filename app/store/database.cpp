#include <fmt/format.h>

#include <QSqlError>
#include <array>
#include <atomic>

#include "app/store/detail/database.h"
#include "imaging/base/error.h"

namespace store::detail {
namespace {

using imaging::Error;
using imaging::ErrorCode;

/// Migration n leads from version n to n + 1. What was released is never changed, only followed.
const std::array<std::vector<const char*>, 2> kMigrations{{
    {"CREATE TABLE items (id INTEGER PRIMARY KEY AUTOINCREMENT, file TEXT NOT NULL UNIQUE, size_bytes "
     "INTEGER "
     "NOT NULL, mtime_ns INTEGER NOT NULL, quick_hash TEXT NOT NULL, kind TEXT NOT NULL, patient TEXT NOT "
     "NULL, laterality TEXT NOT NULL, label TEXT NOT NULL, site TEXT NOT NULL, mpp TEXT NOT NULL, status "
     "TEXT "
     "NOT NULL, notes TEXT NOT NULL, removed INTEGER NOT NULL DEFAULT 0)",
     "CREATE TABLE tags (item INTEGER NOT NULL REFERENCES items(id) ON DELETE CASCADE, place INTEGER NOT "
     "NULL, "
     "tag TEXT NOT NULL, PRIMARY KEY (item, place)) WITHOUT ROWID",
     "CREATE TABLE results (item INTEGER NOT NULL REFERENCES items(id) ON DELETE CASCADE, model TEXT NOT "
     "NULL, "
     "folder TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (item, model)) WITHOUT "
     "ROWID"},
    {"CREATE TABLE documents (item INTEGER NOT NULL REFERENCES items(id) ON DELETE CASCADE, kind TEXT NOT "
     "NULL, "
     "text TEXT NOT NULL, PRIMARY KEY (item, kind)) WITHOUT ROWID",
     "CREATE TABLE state (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"},
}};

// SQLite's result codes (sqlite3.h is not needed for them).
constexpr int kReadOnly = 8, kCorrupt = 11, kFull = 13, kCannotOpen = 14, kNoDatabase = 26, kIoError = 10;

}  // namespace

Database::Database(const std::filesystem::path& file, bool is_read_only) : file_(file) {
  static std::atomic<int> count{0};
  connection_ = QStringLiteral("tessera-project-%1").arg(count++);
  database_ = QSqlDatabase::addDatabase("QSQLITE", connection_);
  if (!database_.isValid()) {
    throw Error(ErrorCode::internal,
                "Qt's SQLite driver is not installed; install the package libqt6sql6-sqlite.");
  }
  database_.setDatabaseName(QString::fromStdString(file.string()));
  database_.setConnectOptions(is_read_only ? "QSQLITE_BUSY_TIMEOUT=2000;QSQLITE_OPEN_READONLY"
                                           : "QSQLITE_BUSY_TIMEOUT=2000");
  if (!database_.open()) fail(database_.lastError());
  run("PRAGMA foreign_keys = ON");
  if (is_read_only) return;
  run("PRAGMA journal_mode = WAL");  // a file system that has none keeps its own journal; as safe, slower
  run("PRAGMA synchronous = FULL");
}

Database::~Database() {
  database_.close();
  database_ = {};
  QSqlDatabase::removeDatabase(connection_);
}

QSqlQuery Database::run(const QString& statement, const QVariantList& values) {
  QSqlQuery query(database_);
  query.setForwardOnly(true);
  if (!query.prepare(statement)) fail(query.lastError());
  for (const auto& value : values) query.addBindValue(value);
  if (!query.exec()) fail(query.lastError());
  return query;
}

void Database::transact(const std::function<void()>& work) {
  run("BEGIN IMMEDIATE");
  try {
    work();
    run("COMMIT");
  } catch (...) {
    QSqlQuery(database_).exec("ROLLBACK");  // what went wrong is in flight already
    throw;
  }
}

void Database::migrate() {
  auto query = run("PRAGMA user_version");
  const int found = query.next() ? query.value(0).toInt() : 0;
  query.finish();
  if (found > newest_version()) {
    throw Error(
        ErrorCode::incompatible,
        fmt::format("The project '{}' was written by a newer Tessera (tables {}, known up to {}); open it "
                    "with that one.",
                    file_.string(), found, newest_version()));
  }
  for (int version = found; version < newest_version(); ++version) {
    transact([&] {
      for (const auto* statement : kMigrations[static_cast<std::size_t>(version)]) run(statement);
      run(QStringLiteral("PRAGMA user_version = %1").arg(version + 1));
    });
  }
}

int Database::newest_version() {
  return static_cast<int>(kMigrations.size());
}

void Database::fail(const QSqlError& error) const {
  const auto code = error.nativeErrorCode().toInt() & 0xFF;  // the extended codes hold the plain one
  const auto file = file_.string();
  switch (code) {
    case kFull:
      throw Error(ErrorCode::io_error,
                  fmt::format("The disk of the project '{}' is full; free some space.", file));
    case kReadOnly:
    case kCannotOpen:
      throw Error(
          ErrorCode::io_error,
          fmt::format("The project '{}' cannot be written; check that its folder is there and yours.", file));
    case kCorrupt:
    case kNoDatabase:
      throw Error(
          ErrorCode::corrupt_data,
          fmt::format("'{}' is damaged or no project of Tessera; put it aside to begin a new one.", file));
    case kIoError:
      throw Error(ErrorCode::io_error,
                  fmt::format("The disk of the project '{}' does not answer or is full ({}).", file,
                              error.text().toStdString()));
    default:
      throw Error(ErrorCode::io_error,
                  fmt::format("The project '{}' cannot be kept: {}.", file, error.text().toStdString()));
  }
}

}  // namespace store::detail
