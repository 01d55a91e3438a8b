#pragma once

#include <QAbstractTableModel>
#include <QSortFilterProxyModel>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/viewmodels/background.h"
#include "app/viewmodels/worklist.h"
#include "app/workflows/case_folder.h"
#include "app/workflows/cohort_figures.h"

namespace viewmodels {

/// What one model says of all files of the project: a table of probabilities, their histogram and, where
/// labels are known, how well they were met; of a segmenter, what it measured.
class Cohort : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Role { kIdRole = Qt::UserRole, kSortRole };

  explicit Cohort(Worklist* worklist, QObject* parent = nullptr);

  /// Models that have results here, by name.
  [[nodiscard]] const QStringList& models() const { return models_; }
  [[nodiscard]] QString model() const { return model_; }
  void set_model(const QString& model);
  [[nodiscard]] const std::vector<std::string>& class_names() const { return class_names_; }
  /// The class of histogram and ROC curve.
  [[nodiscard]] int shown_class() const { return shown_class_; }
  void set_shown_class(int index);

  [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
  [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

  /// Probabilities of the shown class in ten equal bins, apart by label: the first entry holds the files
  /// without one, then one entry per class.
  [[nodiscard]] std::vector<std::vector<int>> histogram() const;
  [[nodiscard]] const workflows::CohortFigures& figures() const { return figures_; }
  [[nodiscard]] bool is_reading() const { return reading_ > 0; }

  /// Writes the table as CSV, in the order given. `exported` or `problem` follows.
  void export_csv(const std::filesystem::path& target, const std::vector<int>& rows);

 Q_SIGNALS:
  void changed();
  void exported(const QString& file);
  void problem(const QString& reason);

 private:
  struct Row {
    std::int64_t id = 0;
    std::string status, reason;
    std::optional<workflows::CaseResult> result;  // absent where it failed or cannot be read
  };
  static constexpr int kFixedColumns = 5;
  struct ReadCase {
    std::optional<workflows::CaseResult> result;
    QString problem;
  };
  void refresh();
  void read_cases(std::vector<std::string> folders);
  void rebuild();
  void measure();
  [[nodiscard]] QString label_of(const Row& row) const;
  /// A measurement by its name, class and unit.
  struct Measure {
    std::string name, subject, unit;
    bool operator==(const Measure&) const = default;
  };
  [[nodiscard]] static std::optional<double> value_of(const Row& row, const Measure& measure);

  Worklist* worklist_;
  QStringList models_;
  QString model_;
  std::vector<std::string> class_names_;
  std::vector<Measure> measures_;          // of a segmenter, which has no probabilities
  int shown_class_ = -1;                   // -1: not chosen yet, the last
  std::map<std::string, ReadCase> cases_;  // by case folder
  std::vector<Row> rows_;
  workflows::CohortFigures figures_;
  int reading_ = 0;
  quint64 turn_ = 0;
  Background background_{this, 1, Background::kForEver};  // it writes files
};

}  // namespace viewmodels
