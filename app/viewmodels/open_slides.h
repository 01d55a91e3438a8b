#pragma once

#include <QAbstractListModel>
#include <QImage>
#include <QString>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "imaging/slide/file_identity.h"
#include "imaging/slide/slide_reader.h"

namespace viewmodels {

class AnnotationDocument;

/// A slide the studio holds open, and what the user said of it.
struct OpenSlide {
  std::shared_ptr<const imaging::SlideReader> reader;
  std::optional<std::string> mpp;  ///< the user's scale, as `--mpp` takes it; absent: the file's own
  std::optional<imaging::SlideScale> scale;          ///< the scale to work with; absent while nobody knows it
  bool is_fundus = false;                            ///< a photograph of the retina, which needs no scale
  bool scale_asked = false;                          ///< the user was asked once
  bool overview_settled = false;                     ///< the overview was read, or cannot be
  QImage overview;                                   ///< the whole slide, small; null until it is read
  std::uint32_t source = 0;                          ///< its number in the tile cache
  std::optional<std::filesystem::path> case_folder;  ///< its newest analysis
  std::optional<std::filesystem::path> mask_folder;  ///< its newest segmentation
  std::optional<imaging::FileIdentity> identity;     ///< the file as it was opened
  std::uint64_t number = 0;                          ///< in the order in which files were asked for
  std::shared_ptr<AnnotationDocument> annotations;   ///< what is drawn on it

  [[nodiscard]] const std::filesystem::path& path() const { return reader->info().path; }
  [[nodiscard]] QString name() const { return QString::fromStdString(path().filename().string()); }
  [[nodiscard]] imaging::SizeI size_l0() const { return reader->info().size_l0(); }
  /// True where lengths can be given in µm.
  [[nodiscard]] bool has_physical_scale() const { return scale && scale->source != "pixels"; }
};

/// The open files, in the order in which they were asked for.
class OpenSlides : public QAbstractListModel {
  Q_OBJECT
 public:
  using QAbstractListModel::QAbstractListModel;

  [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;

  [[nodiscard]] std::shared_ptr<OpenSlide> at(int row) const;       ///< null outside the list
  [[nodiscard]] int find(const std::filesystem::path& path) const;  ///< -1 where it is not open
  int add(std::shared_ptr<OpenSlide> slide);
  void remove(int row);
  void tell_changed(int row);

 private:
  std::vector<std::shared_ptr<OpenSlide>> slides_;
};

}  // namespace viewmodels
