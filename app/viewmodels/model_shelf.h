#pragma once

#include <QAbstractListModel>
#include <QString>
#include <optional>
#include <vector>

#include "app/viewmodels/background.h"
#include "app/viewmodels/command_line.h"
#include "app/workflows/model_library.h"

namespace viewmodels {

/// The installed models with their cards; installs, verifies and removes.
class ModelShelf : public QAbstractListModel {
  Q_OBJECT
 public:
  explicit ModelShelf(QObject* parent = nullptr);

  [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
  [[nodiscard]] const workflows::ModelCard* at(int row) const;
  [[nodiscard]] const workflows::ModelCard* find(const QString& name) const;
  /// Models that can be run on files: not encoders, and none that do not open.
  [[nodiscard]] std::vector<const workflows::ModelCard*> usable() const;
  enum class Action { install, verify, remove };
  /// The `tessera model` that does the same for this row; `install` takes what was installed last. Absent
  /// where there is nothing to do it to.
  [[nodiscard]] std::optional<CommandLine> command(Action action, int row) const;
  [[nodiscard]] bool is_busy() const { return busy_ > 0; }
  /// What a person should know before using it: a page of rich text.
  [[nodiscard]] static QString card_page(const workflows::ModelCard& card);

  void reload();
  void install(const QString& path);  ///< a package's folder or .tsr
  void verify(int row);               ///< every file against its sha256
  void remove(int row);               ///< deletes it; ask before

 Q_SIGNALS:
  void changed();
  void done(const QString& sentence);
  void problem(const QString& reason);

 private:
  template <typename Work>
  void run(Work work);

  std::vector<workflows::ModelCard> cards_;
  QString installed_;
  int busy_ = 0;
  Background background_{this, 1, Background::kForEver};  // it writes files
};

}  // namespace viewmodels
