#pragma once

#include <QAbstractListModel>
#include <QColor>
#include <QTimer>
#include <QUndoStack>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "app/viewmodels/background.h"
#include "imaging/annotation/annotation.h"
#include "imaging/slide/slide_reader.h"

namespace viewmodels {

/// The annotations of one slide, with undo and redo, kept in a file of their own.
///
/// Every change is on the disk within a second, whole or not at all, so that a kill loses less than two.
/// Where the folder does not answer within two seconds (a network that stalls), the user's own data folder
/// takes them, and the window goes on. A file that another program changed meanwhile, or that belongs to
/// another slide of the same name, is never overwritten: a new one is begun beside it, and `problem` says so.
///
/// @par Threads  The GUI thread; reading and writing happen elsewhere.
class AnnotationDocument : public QAbstractListModel {
  Q_OBJECT
 public:
  using Item = std::shared_ptr<const imaging::Annotation>;
  /// Writes a set; called off the GUI thread. @throws imaging::Error
  using Writer = std::function<void(const std::filesystem::path&, const imaging::AnnotationSet&)>;

  /// @param file      the sidecar; need not exist. Where its folder cannot be written to, the user's own data
  ///                  folder takes it.
  /// @param writer    empty: imaging::write_annotations
  AnnotationDocument(const imaging::SlideInfo& slide, std::filesystem::path file, Writer writer = {},
                     QObject* parent = nullptr);
  ~AnnotationDocument() override;  ///< saves what is not saved

  [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
  [[nodiscard]] const std::vector<Item>& items() const { return items_; }
  [[nodiscard]] imaging::AnnotationSet to_set() const;
  [[nodiscard]] QUndoStack* undo_stack() { return &undo_; }
  [[nodiscard]] const std::filesystem::path& file() const { return file_; }
  [[nodiscard]] bool is_settled() const { return loaded_ && !dirty_ && !saving_; }
  [[nodiscard]] bool is_loaded() const { return loaded_; }

  // Every one of these can be undone.
  void add(imaging::Annotation item);
  void replace(int row, imaging::Annotation item);
  void remove(std::vector<int> rows);

  /// Reads a file of annotations, or a mask of class numbers (.png, .tif) that covers the whole slide, and
  /// adds what it holds; `foreign` asks first where it seems to be another slide's.
  void import_file(const std::filesystem::path& path);
  void add_set(imaging::AnnotationSet set);
  /// The file that was imported last; empty where none was. One of another slide does not count.
  [[nodiscard]] const std::filesystem::path& imported() const { return imported_; }
  /// Writes all annotations to a file of the kind that its name says; `saved_to` follows.
  void export_file(const std::filesystem::path& path);

  [[nodiscard]] int selected() const { return selected_; }  ///< row, -1 for none
  void select(int row);

  /// Writes what is not written yet, and waits for it: a few seconds at most where the folder does not
  /// answer.
  void flush();

 Q_SIGNALS:
  void changed();  ///< items
  void selection_changed();
  void problem(const QString& sentence);
  void notice(const QString& sentence);
  void foreign(const QString& sentence, const imaging::AnnotationSet& set);

 private:
  class Splice;
  struct Stamp {
    std::uint64_t bytes = 0;
    std::int64_t time = 0;
    bool operator==(const Stamp&) const = default;
  };
  static std::optional<Stamp> stamp_of(const std::filesystem::path& file);
  /// Where a set went, and what was in the way.
  struct Written {
    std::filesystem::path file;
    Stamp stamp;
    bool was_changed_outside = false;
  };
  static Written write(const Writer& writer, std::filesystem::path file,
                       const std::filesystem::path& own_folder_file, const std::optional<Stamp>& known,
                       const imaging::AnnotationSet& set);
  /// Into the user's own data folder.
  static Written write_apart(const Writer& writer, const std::filesystem::path& own_folder_file,
                             const imaging::AnnotationSet& set);

  void splice(int row, int removed, std::vector<Item> inserted);
  void load();
  void take_loaded(imaging::AnnotationSet set, std::optional<Stamp> stamp);
  void save();
  void save_apart();
  void take_written(const Written& written);
  void take_trouble(const imaging::JobOutcome& outcome);
  void keep_apart(const QString& why);

  imaging::SizeI size_l0_;
  std::filesystem::path slide_;
  std::filesystem::path file_;
  std::optional<Stamp> stamp_;  ///< of the file as we know it
  std::vector<Item> items_;
  nlohmann::ordered_json extra_ = nlohmann::ordered_json::object();
  QUndoStack undo_;
  std::filesystem::path imported_;
  int selected_ = -1;
  bool loaded_ = false;
  bool dirty_ = false;
  bool saving_ = false;
  quint64 save_turn_ = 0;
  QTimer autosave_;
  QTimer stall_;
  QTimer retry_;
  bool trouble_told_ = false;
  Writer writer_;
  std::unique_ptr<Background> background_;
  Background apart_{this};  // last
};

/// The sidecar of a slide: annotations.geojson in its output folder (see output_folder).
[[nodiscard]] std::filesystem::path annotation_file(
    const std::filesystem::path& slide, const std::optional<std::filesystem::path>& results_folder);

/// The colour an annotation is drawn in: its own, its class's, or one that its class always gets.
[[nodiscard]] QColor annotation_colour(const imaging::Annotation& item);
/// "Region 1", "Tumour", "Tumour – Region 1" or what it is: "rectangle".
[[nodiscard]] QString annotation_title(const imaging::Annotation& item);
/// "1.25 mm² · 4.2 mm", "320 µm", "12 points"; in pixels without a scale.
[[nodiscard]] QString annotation_measure(const imaging::AnnotationGeometry& geometry,
                                         const std::optional<imaging::SlideScale>& scale);

}  // namespace viewmodels
