#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "imaging/slide/file_identity.h"

namespace store {

/// A file of a project and what people said of it.
struct Item {
  std::int64_t id = 0;               ///< 0 until it is in the project
  std::string file = {};             ///< relative to the project's folder, with `/`; may begin with `../`
  imaging::FileIdentity identity{};  ///< as the file was when it came in or was last confirmed
  std::string quick_hash = {};       ///< imaging::quick_hash; empty where the file could not be read
  std::string kind = {};             ///< slide | fundus; empty until somebody looked
  std::string patient = {}, laterality = {}, label = {}, site = {};
  std::string mpp = {};        ///< the user's scale, as `--mpp` takes it; empty: the file's own
  std::string status = "new";  ///< new | in_review | done | flagged
  std::string notes = {};
  std::vector<std::string> tags = {};
  bool operator==(const Item&) const = default;
};

/// The values of Item::status, in the order of work.
inline constexpr const char* kStatuses[] = {"new", "in_review", "done", "flagged"};

/// Where an item's newest result of one model lies.
struct Result {
  std::int64_t item = 0;
  std::string model = {};   ///< name of its package
  std::string folder = {};  ///< case folder, relative to the project's folder
  std::string status = {};  ///< done | degraded | failed
  std::string reason = {};
  bool operator==(const Result&) const = default;
};

/// A text that belongs to an item and is kept as it grows; kind `notes_draft`: notes that are being written.
struct Document {
  std::int64_t item = 0;
  std::string kind = {};
  std::string text = {};
};

enum class Access { writable, read_only };

/// A worklist in a folder, kept in SQLite (`tessera-project.sqlite` with a write-ahead log): files with paths
/// relative to the folder, facts, results and unsaved texts.
///
/// Every call is one transaction that is on the disk when it returns: a process killed after it loses nothing
/// of it. One writer: a lock file names the process that has the project open; a second one gets it to read.
/// Results and thumbnails lie beside it, in `results/` and `thumbnails/`.
///
/// @par Errors   imaging::Error `io_error` where the disk is full, the folder is gone or may not be written;
/// `corrupt_data` where the file is no project; `incompatible` where a newer Tessera wrote it.
/// @par Threads  The one that made it.
class Project {
 public:
  /// Opens the project of `folder`, or begins one there. What cannot be written is opened to read, and
  /// `read_only_reason` says why.
  /// @throws imaging::Error  as the class; `not_found` where there is none and none can be begun
  [[nodiscard]] static Project open(const std::filesystem::path& folder, Access wanted = Access::writable);
  /// True where `folder` holds a project.
  [[nodiscard]] static bool is_project(const std::filesystem::path& folder);

  Project(Project&&) noexcept;
  Project& operator=(Project&&) noexcept;
  ~Project();

  [[nodiscard]] const std::filesystem::path& folder() const;  ///< absolute
  [[nodiscard]] Access access() const;
  /// One sentence; empty where the project is writable or was asked for to read.
  [[nodiscard]] const std::string& read_only_reason() const;

  [[nodiscard]] std::vector<Item> items() const;  ///< in the order they came in
  /// Adds items that have no id and returns them with theirs; one whose file is there already is left out.
  std::vector<Item> add(std::vector<Item> items);
  /// Writes all of each item by its id; one that was removed comes back with its results and documents.
  void save(const std::vector<Item>& items);
  /// Takes items off the list. Until the project is opened again `save` brings them back. No file is deleted.
  void remove(const std::vector<std::int64_t>& ids);

  [[nodiscard]] std::vector<Result> results() const;
  void save_result(const Result& result);

  [[nodiscard]] std::vector<Document> documents(const std::string& kind) const;
  /// An empty text removes it.
  void save_document(const Document& document);

  /// What the window wants to find again, by name: what was open, how the list was sorted.
  [[nodiscard]] std::optional<std::string> state(const std::string& name) const;
  void save_state(const std::string& name, const std::string& value);

  /// Version of the tables that this program writes.
  [[nodiscard]] static int schema_version();

 private:
  struct Impl;
  explicit Project(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Path of a file as a project in `folder` names it, and back.
[[nodiscard]] std::string relative_to(const std::filesystem::path& folder, const std::filesystem::path& file);
[[nodiscard]] std::filesystem::path absolute_in(const std::filesystem::path& folder, const std::string& file);

}  // namespace store
