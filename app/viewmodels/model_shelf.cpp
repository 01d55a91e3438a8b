#include "app/viewmodels/model_shelf.h"

#include <algorithm>

#include "app/workflows/model_registry.h"

namespace viewmodels {
namespace {

QString to_qt(const std::string& text) {
  return QString::fromStdString(text);
}

QString task_words(const std::string& task) {
  if (task == "slide-classification") return QObject::tr("slides");
  if (task == "fundus-grading") return QObject::tr("fundus photographs");
  if (task == "segmentation") return QObject::tr("segmentation");
  if (task == "patch-encoder") return QObject::tr("encoder of tiles");
  return to_qt(task);
}

std::vector<workflows::ModelCard> read_cards() {
  std::vector<workflows::ModelCard> cards;
  for (const auto& listing : workflows::list_models()) {
    workflows::ModelCard card;
    const auto outcome = imaging::run_job(
        [&](const imaging::JobContext&) { card = workflows::describe_model(listing.path.string()); }, {});
    if (outcome.status != imaging::JobStatus::done) {
      card.name = listing.name;
      card.task = listing.task;
      card.path = listing.path;
      card.problem = outcome.message;
    }
    cards.push_back(std::move(card));
  }
  return cards;
}

}  // namespace

ModelShelf::ModelShelf(QObject* parent) : QAbstractListModel(parent) {
  reload();
}

int ModelShelf::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(cards_.size());
}

const workflows::ModelCard* ModelShelf::at(int row) const {
  return row < 0 || row >= rowCount() ? nullptr : &cards_[static_cast<std::size_t>(row)];
}

const workflows::ModelCard* ModelShelf::find(const QString& name) const {
  const auto found = std::ranges::find(cards_, name.toStdString(), &workflows::ModelCard::name);
  return found == cards_.end() ? nullptr : &*found;
}

std::vector<const workflows::ModelCard*> ModelShelf::usable() const {
  std::vector<const workflows::ModelCard*> found;
  for (const auto& card : cards_) {
    if (card.problem.empty() && card.task != "patch-encoder") found.push_back(&card);
  }
  return found;
}

QVariant ModelShelf::data(const QModelIndex& index, int role) const {
  const auto* card = at(index.row());
  if (!index.isValid() || card == nullptr) return {};
  switch (role) {
    case Qt::DisplayRole:
    case Qt::AccessibleTextRole:
      return tr("%1\nfor %2%3")
          .arg(to_qt(card->name), task_words(card->task),
               card->problem.empty() ? QString{} : tr(" · cannot be used"));
    case Qt::ToolTipRole:
      return card->problem.empty() ? to_qt(card->path.string()) : to_qt(card->problem);
    default:
      return {};
  }
}

QString ModelShelf::card_page(const workflows::ModelCard& card) {
  QString page = QStringLiteral("<h3>%1</h3>").arg(to_qt(card.name).toHtmlEscaped());
  const auto add = [&](const QString& name, const QString& value) {
    if (!value.isEmpty())
      page += QStringLiteral("<p><b>%1</b> %2</p>").arg(name.toHtmlEscaped(), value.toHtmlEscaped());
  };
  if (!card.problem.empty()) add(tr("Cannot be used:"), to_qt(card.problem));
  add(tr("For:"), task_words(card.task));
  add(tr("Intended use:"), to_qt(card.intended_use));
  add(tr("Limits:"), to_qt(card.limitations));
  QStringList classes;
  for (const auto& name : card.class_names) classes << to_qt(name);
  add(tr("Classes:"), classes.join(", "));
  if (card.spacing_um_px > 0) {
    add(tr("Scale:"), tr("%1 µm/px; slides up to %2 % coarser are taken")
                          .arg(card.spacing_um_px)
                          .arg(card.mpp_tolerance * 100, 0, 'f', 0));
  }
  add(tr("Stain:"), card.stain.empty() ? QString{} : tr("normalised (%1)").arg(to_qt(card.stain)));
  add(tr("Trained on:"), to_qt(card.training_data));
  QStringList numbers;
  for (const auto& [name, value] : card.metrics)
    numbers << QStringLiteral("%1 %2").arg(to_qt(name)).arg(value, 0, 'g', 4);
  add(tr("Its own numbers:"), numbers.join(", "));
  add(tr("Licence:"), to_qt(card.licence));
  add(tr("Architecture:"), to_qt(card.architecture));
  add(QStringLiteral("sha256:"), to_qt(card.sha256));
  if (!card.text.empty())
    page += QStringLiteral("<hr><pre style='white-space: pre-wrap'>%1</pre>")
                .arg(to_qt(card.text).toHtmlEscaped());
  return page;
}

template <typename Work>
void ModelShelf::run(Work work) {
  ++busy_;
  Q_EMIT changed();
  background_.run(
      [work] {
        auto sentence = work();
        return std::pair{sentence, read_cards()};
      },
      [this](std::pair<QString, std::vector<workflows::ModelCard>> answer) {
        --busy_;
        beginResetModel();
        cards_ = std::move(answer.second);
        endResetModel();
        Q_EMIT changed();
        if (!answer.first.isEmpty()) Q_EMIT done(answer.first);
      },
      [this](const imaging::JobOutcome& outcome) {
        --busy_;
        Q_EMIT changed();
        Q_EMIT problem(to_qt(outcome.message));
      });
}

void ModelShelf::reload() {
  run([] { return QString{}; });
}

void ModelShelf::install(const QString& path) {
  installed_ = path;
  run([path] {
    const auto place = workflows::install_model(path.toStdString());
    return tr("The model was installed as %1.").arg(to_qt(place.filename().string()));
  });
}

void ModelShelf::verify(int row) {
  const auto* card = at(row);
  if (card == nullptr) return;
  run([path = card->path] {
    const auto checked = workflows::describe_model(path.string());
    return tr("Every file of %1 has the sha256 that its manifest states.").arg(to_qt(checked.name));
  });
}

void ModelShelf::remove(int row) {
  const auto* card = at(row);
  if (card == nullptr) return;
  run([name = card->path.filename().string()] {
    workflows::remove_model(name);
    return tr("The model %1 was removed.").arg(to_qt(name));
  });
}

std::optional<CommandLine> ModelShelf::command(Action action, int row) const {
  const auto* card = at(row);
  switch (action) {
    case Action::install:
      if (installed_.isEmpty()) return std::nullopt;
      return CommandLine({"model", "install", installed_});
    case Action::verify:
      if (card == nullptr) return std::nullopt;
      return CommandLine({"model", "verify", to_qt(card->path.string())});
    case Action::remove:
      if (card == nullptr || !card->is_removable) return std::nullopt;
      return CommandLine({"model", "remove", to_qt(card->path.filename().string())});
  }
  return std::nullopt;
}

}  // namespace viewmodels
