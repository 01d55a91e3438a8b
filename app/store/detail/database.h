#pragma once

#include <QSqlDatabase>
#include <QSqlQuery>
#include <QString>
#include <QVariant>
#include <filesystem>
#include <functional>

namespace store::detail {

/// One connection to SQLite; closed and forgotten with the object.
class Database {
 public:
  /// @throws imaging::Error  `io_error`, `corrupt_data`
  Database(const std::filesystem::path& file, bool is_read_only);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Runs one statement with its values bound in order.
  /// @throws imaging::Error  `io_error` where the disk is full, cannot be written or answers with an error;
  /// `corrupt_data` where the file is damaged or no database
  QSqlQuery run(const QString& statement, const QVariantList& values = {});

  /// Runs `work` as one transaction: all of it, or nothing where it throws.
  void transact(const std::function<void()>& work);

  /// Brings the tables from the version the file has to the newest, one migration after the other, each a
  /// transaction of its own.
  /// @throws imaging::Error  `incompatible` where a newer program wrote the file
  void migrate();
  [[nodiscard]] static int newest_version();

 private:
  [[noreturn]] void fail(const QSqlError& error) const;

  std::filesystem::path file_;
  QString connection_;
  QSqlDatabase database_;
};

}  // namespace store::detail
