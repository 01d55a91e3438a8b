#pragma once

#include <QAbstractTableModel>
#include <QImage>
#include <QSortFilterProxyModel>
#include <QTimer>
#include <QUndoStack>
#include <atomic>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "app/store/project.h"
#include "app/viewmodels/background.h"
#include "app/viewmodels/project_keeper.h"
#include "imaging/slide/slide_reader.h"

namespace viewmodels {

/// What was found by looking at a file of the worklist.
struct Glimpse {
  QImage thumbnail;
  std::optional<imaging::SlideScale> scale;  ///< the file's own
  QString problem;                           ///< why it cannot be looked at; empty where it can
  bool is_missing = false;                   ///< there is no file at its place
};

/// The files of the open project, each with a picture, facts, notes, status and its newest results. Changes
/// show at once and are kept by the project's thread; each can be undone.
///
/// @par Threads  One, the GUI's; files are looked at elsewhere.
class Worklist : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { kName, kKind, kPatient, kEye, kStatus, kTags, kLabel, kResult, kColumnCount };
  enum Role { kIdRole = Qt::UserRole, kSortRole, kSearchRole };
  /// A field that people set.
  enum class Field { patient, laterality, label, site, mpp, status, notes, tags };

  explicit Worklist(ProjectKeeper* keeper, QObject* parent = nullptr);
  ~Worklist() override;

  void set_content(const ProjectContent& content);
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] bool is_writable() const { return is_writable_; }

  [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
  [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

  [[nodiscard]] const std::vector<store::Item>& items() const { return items_; }
  [[nodiscard]] const store::Item* find(std::int64_t id) const;
  [[nodiscard]] const store::Item* find_file(const std::filesystem::path& file) const;
  [[nodiscard]] int row_of(std::int64_t id) const;  ///< -1 where it is not listed
  [[nodiscard]] std::filesystem::path path_of(const store::Item& item) const;
  [[nodiscard]] const Glimpse& glimpse_of(std::int64_t id) const;  ///< empty until the file was looked at
  [[nodiscard]] bool is_looking() const { return looking_ > 0; }   ///< files wait to be looked at
  /// The scale to work with: the user's, else the file's.
  [[nodiscard]] std::optional<imaging::SlideScale> scale_of(std::int64_t id) const;
  [[nodiscard]] std::vector<store::Result> results_of(std::int64_t id) const;
  [[nodiscard]] const std::vector<store::Result>& results() const { return results_; }

  /// Adds files, and all slides and images of folders; `added` or `problem` follows.
  void add_paths(const QStringList& paths);
  /// Sets patient, eye, scale, label and site of the files that a table names (`file` and any of `patient`,
  /// `laterality`, `mpp`, `label`, `site`); `problem` follows where it cannot be read.
  void import_table(const QString& path);
  void set_field(const std::vector<std::int64_t>& ids, Field field, const QString& value);
  void remove(const std::vector<std::int64_t>& ids);
  /// How many files are not at their places.
  [[nodiscard]] int missing() const;
  /// Says where a file lies now. Another file than the one that was listed is refused: `problem` follows.
  void relocate(std::int64_t id, const QString& file);
  /// Looks in a folder for all files that are missing, each by the end of its path and by its content;
  /// `relocated` or `problem` follows.
  void relocate_missing(const QString& folder);
  /// Takes note of a result; not undoable, as the files are there.
  void take_result(const store::Result& result);

  /// Notes as they are typed: kept within a second, and offered again after a crash.
  void keep_draft(std::int64_t id, const QString& text);
  [[nodiscard]] std::optional<QString> draft_of(std::int64_t id) const;

  [[nodiscard]] QUndoStack* undo_stack() { return &undo_; }
  [[nodiscard]] static QString status_words(const std::string& status);

 Q_SIGNALS:
  void reset();                      ///< another project
  void added(int count, int known);  ///< files that came in, and files that were listed already
  void relocated(int found, int still_missing);
  void items_changed();  ///< fields, results or thumbnails of some
  void result_taken(const store::Result& result);
  void results_changed();
  void problem(const QString& reason);

 private:
  class Change;
  class Presence;
  void apply(const std::vector<store::Item>& items);
  void list(const std::vector<store::Item>& items);
  void unlist(const std::vector<store::Item>& items);
  void take_places(const std::map<std::int64_t, std::filesystem::path>& places);
  void look_at(const store::Item& item);
  void tell_changed(int row);

  ProjectKeeper* keeper_;
  std::filesystem::path folder_;
  bool is_writable_ = false;
  std::vector<store::Item> items_;  // by id, ascending
  std::vector<store::Result> results_;
  std::map<std::int64_t, Glimpse> glimpses_;
  std::map<std::int64_t, QString> drafts_;
  QUndoStack undo_;
  int looking_ = 0;
  std::shared_ptr<std::atomic<std::uint64_t>> turn_;  // of the project; work for an earlier one is dropped
  std::stop_source stop_;                             // of the file that is looked at
  Background collecting_{this};
  Background looking_work_{this};
};

/// The worklist as it is sorted and filtered.
class WorklistFilter : public QSortFilterProxyModel {
  Q_OBJECT
 public:
  explicit WorklistFilter(Worklist* worklist, QObject* parent = nullptr);
  void set_text(const QString& text);                   ///< in name, patient, tags, label, notes and result
  void set_status(const std::string& status);           ///< empty: any
  void set_kind(const std::string& kind);               ///< empty: any
  [[nodiscard]] std::vector<std::int64_t> ids() const;  ///< of the rows that are left, in their order

 protected:
  [[nodiscard]] bool filterAcceptsRow(int row, const QModelIndex& parent) const override;

 private:
  Worklist* worklist_;
  QString text_;
  std::string status_, kind_;
};

/// Patients of the worklist, a row each, slide and fundus pictures side by side.
class PatientList : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { kPatient, kSlides, kRightEye, kLeftEye, kOther, kColumnCount };
  explicit PatientList(Worklist* worklist, QObject* parent = nullptr);

  [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
  [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override;
  /// Items of a cell; of the first column, all of the patient's.
  [[nodiscard]] std::vector<std::int64_t> ids_at(const QModelIndex& index) const;

 private:
  void rebuild();

  struct Patient {
    QString name;
    std::vector<std::int64_t> cells[kColumnCount];
  };
  Worklist* worklist_;
  std::vector<Patient> patients_;
  QTimer timer_;  // pictures come in one by one
};

}  // namespace viewmodels
