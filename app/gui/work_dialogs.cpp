#include "app/gui/work_dialogs.h"

#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QFileDialog>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QMenu>
#include <QMessageBox>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QRegularExpression>
#include <QScrollArea>
#include <QSpinBox>
#include <QSplitter>
#include <QTextBrowser>
#include <QVBoxLayout>

#include "app/gui/actions.h"
#include "app/gui/named.h"
#include "app/gui/theme.h"
#include "app/viewmodels/command_line.h"

namespace gui {
namespace {

QTextBrowser* make_card(const char* name, QWidget* parent) {
  auto* card = new QTextBrowser(parent);
  card->setObjectName(name);
  card->setAccessibleName(QObject::tr("Model card"));
  card->setToolTip(QObject::tr("What the model is for, and where its limits are"));
  card->setOpenLinks(false);
  return card;
}

QDialogButtonBox* make_close(QDialog* dialog) {
  auto* buttons = new QDialogButtonBox(dialog);
  auto* close = buttons->addButton(QObject::tr("Close"), QDialogButtonBox::RejectRole);
  close->setObjectName("dialog_close");
  close->setToolTip(QObject::tr("Close this window (Esc)"));
  close->setAutoDefault(false);
  QObject::connect(buttons, &QDialogButtonBox::rejected, dialog, &QDialog::reject);
  return buttons;
}

}  // namespace

AnalyseDialog::AnalyseDialog(viewmodels::Workbench* workbench, std::vector<std::int64_t> ids, QWidget* parent)
    : QDialog(parent),
      workbench_(workbench),
      ids_(std::move(ids)),
      models_(new QComboBox(this)),
      card_(make_card("analyse_card", this)),
      words_(new QLabel(this)),
      refused_(new QPlainTextEdit(this)),
      start_(make_button("analyse_start", tr("Analyse"), {}, this)),
      copy_(make_button("analyse_copy", tr("Copy as command line"),
                        tr("Copy the tessera command that does the same"), this)) {
  setObjectName("analyse_dialog");
  setWindowTitle(tr("Analyse files of the project"));
  setAttribute(Qt::WA_DeleteOnClose);
  resize(620, 560);
  models_->setObjectName("analyse_model");
  models_->setAccessibleName(tr("Model"));
  models_->setToolTip(tr("The model to analyse with"));
  words_->setObjectName("analyse_words");
  words_->setWordWrap(true);
  refused_->setObjectName("analyse_refused");
  refused_->setAccessibleName(tr("Files that are left out"));
  refused_->setToolTip(tr("Files that the model does not take, each with the reason"));
  refused_->setReadOnly(true);
  refused_->setMaximumHeight(120);
  auto* buttons = new QHBoxLayout;
  buttons->addWidget(copy_);
  buttons->addStretch(1);
  buttons->addWidget(make_close(this));
  buttons->addWidget(start_);
  auto* column = new QVBoxLayout(this);
  column->addWidget(models_);
  column->addWidget(card_, 1);
  column->addWidget(words_);
  column->addWidget(refused_);
  column->addLayout(buttons);
  connect(models_, &QComboBox::currentIndexChanged, this, &AnalyseDialog::refresh);
  connect(workbench_->models(), &viewmodels::ModelShelf::changed, this, &AnalyseDialog::refresh_models);
  connect(workbench_->worklist(), &viewmodels::Worklist::items_changed, this, &AnalyseDialog::refresh);
  connect(copy_, &QPushButton::clicked, this, [this] {
    QGuiApplication::clipboard()->setText(viewmodels::command_line_of(plan_.request).text());
    words_->setText(tr("The command is in the clipboard."));
  });
  connect(start_, &QPushButton::clicked, this, [this] {
    workbench_->start(plan_);
    accept();
  });
  refresh_models();
}

void AnalyseDialog::refresh_models() {
  const auto chosen = models_->currentText();
  const auto usable = workbench_->models()->usable();
  models_->clear();
  for (const auto* card : usable) models_->addItem(QString::fromStdString(card->name));
  const int kept = models_->findText(chosen);
  models_->setCurrentIndex(kept < 0 ? usual_model(usable) : kept);
  refresh();
}

int AnalyseDialog::usual_model(const std::vector<const workflows::ModelCard*>& usable) const {
  int usual = 0;
  std::pair<std::size_t, bool> most{};
  for (std::size_t row = 0; row < usable.size(); ++row) {
    const std::pair takes{workbench_->plan(ids_, *usable[row]).ids.size(),
                          usable[row]->task != "segmentation"};
    if (takes <= most) continue;
    most = takes;
    usual = static_cast<int>(row);
  }
  return usual;
}

void AnalyseDialog::refresh() {
  const auto* card = workbench_->models()->find(models_->currentText());
  plan_ = {};
  card_->setHtml(card == nullptr ? tr("No model is installed.") : viewmodels::ModelShelf::card_page(*card));
  if (card != nullptr) plan_ = workbench_->plan(ids_, *card);
  const auto takes = static_cast<int>(plan_.ids.size()), leaves = static_cast<int>(plan_.refused.size());
  words_->setText(tr("%n files will be analysed.", nullptr, takes) +
                  (leaves > 0 ? ' ' + tr("%n are left out:", nullptr, leaves) : QString{}));
  QStringList lines;
  for (const auto& refusal : plan_.refused) lines << tr("%1: %2").arg(refusal.file, refusal.reason);
  refused_->setPlainText(lines.join('\n'));
  refused_->setVisible(leaves > 0);
  start_->setEnabled(takes > 0);
  start_->setToolTip(takes > 0 ? tr("Put this job into the queue")
                               : tr("The model takes none of these files"));
  copy_->setEnabled(takes > 0);
}

ModelsDialog::ModelsDialog(viewmodels::ModelShelf* shelf, QWidget* parent)
    : QDialog(parent),
      shelf_(shelf),
      list_(new QListView(this)),
      card_(make_card("models_card", this)),
      verify_(make_button("models_verify", tr("Verify"), tr("Check every file against its sha256"), this)),
      remove_(make_button("models_remove", tr("Remove…"), {}, this)),
      copy_(make_button("models_copy", tr("Copy as command line"),
                        tr("Copy the tessera command that does the same"), this)) {
  setObjectName("models_dialog");
  setWindowTitle(tr("Models"));
  setAttribute(Qt::WA_DeleteOnClose);
  resize(820, 560);
  list_->setObjectName("models_list");
  list_->setAccessibleName(tr("Installed models"));
  list_->setToolTip(tr("The installed models; choose one to read its card"));
  list_->setModel(shelf_);
  list_->setSpacing(3);
  auto* file =
      make_button("models_install_file", tr("Install .tsr…"), tr("Install a model from a .tsr file"), this);
  auto* folder = make_button("models_install_folder", tr("Install folder…"),
                             tr("Install a model from its folder"), this);
  auto* split = new QSplitter(Qt::Horizontal, this);
  split->setObjectName("models_split");
  split->addWidget(list_);
  split->addWidget(card_);
  split->setStretchFactor(1, 2);
  auto* buttons = new QHBoxLayout;
  for (auto* button : {file, folder, verify_, remove_, copy_}) buttons->addWidget(button);
  buttons->addStretch(1);
  buttons->addWidget(make_close(this));
  auto* column = new QVBoxLayout(this);
  column->addWidget(split, 1);
  column->addLayout(buttons);
  connect(file, &QPushButton::clicked, this, [this] { choose(false); });
  connect(folder, &QPushButton::clicked, this, [this] { choose(true); });
  connect(verify_, &QPushButton::clicked, this, [this] { shelf_->verify(row()); });
  connect(remove_, &QPushButton::clicked, this, &ModelsDialog::confirm_removal);
  make_copy_menu();
  connect(list_->selectionModel(), &QItemSelectionModel::currentChanged, this, &ModelsDialog::refresh);
  connect(shelf_, &viewmodels::ModelShelf::changed, this, &ModelsDialog::refresh);
  list_->setCurrentIndex(shelf_->index(0));
  refresh();
}

void ModelsDialog::make_copy_menu() {
  using Action = viewmodels::ModelShelf::Action;
  auto* menu = make_menu(copy_, "models_copy_menu", tr("Copy as command line"));
  const std::vector<std::pair<QAction*, Action>> entries{
      {make_action(menu, "models_copy_install", tr("&Install"),
                   tr("The command that installs what was installed last")),
       Action::install},
      {make_action(menu, "models_copy_verify", tr("&Verify"), tr("The command that verifies this model")),
       Action::verify},
      {make_action(menu, "models_copy_remove", tr("&Remove"), tr("The command that removes this model")),
       Action::remove}};
  for (const auto& [entry, action] : entries) {
    menu->addAction(entry);
    connect(entry, &QAction::triggered, this, [this, action] {
      if (const auto line = shelf_->command(action, row()))
        QGuiApplication::clipboard()->setText(line->text());
    });
  }
  connect(menu, &QMenu::aboutToShow, this, [this, entries] {
    for (const auto& [entry, action] : entries) entry->setEnabled(shelf_->command(action, row()).has_value());
  });
  copy_->setMenu(menu);
}

int ModelsDialog::row() const {
  return list_->currentIndex().row();
}

void ModelsDialog::refresh() {
  if (row() < 0 && shelf_->rowCount() > 0) return list_->setCurrentIndex(shelf_->index(0));
  const auto* card = shelf_->at(row());
  card_->setHtml(card == nullptr
                     ? (shelf_->is_busy() ? tr("Looking for models…") : tr("No model is installed."))
                     : viewmodels::ModelShelf::card_page(*card));
  verify_->setEnabled(card != nullptr && !shelf_->is_busy());
  remove_->setEnabled(card != nullptr && card->is_removable && !shelf_->is_busy());
  remove_->setToolTip(
      card != nullptr && !card->is_removable
          ? tr("This model belongs to the installation; only models you installed are removed")
          : tr("Delete the chosen model from your model folder"));
}

void ModelsDialog::choose(bool is_folder) {
  auto* dialog = new QFileDialog(this, is_folder ? tr("Folder of the model") : tr("Model file"));
  dialog->setObjectName("models_install_dialog");
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  if (is_folder) {
    dialog->setFileMode(QFileDialog::Directory);
    dialog->setOption(QFileDialog::ShowDirsOnly);
  } else {
    dialog->setFileMode(QFileDialog::ExistingFile);
    dialog->setNameFilters({tr("Model packages (*.tsr)")});
  }
  connect(dialog, &QFileDialog::fileSelected, shelf_, &viewmodels::ModelShelf::install);
  dialog->open();
}

void ModelsDialog::confirm_removal() {
  const auto* card = shelf_->at(row());
  if (card == nullptr) return;
  auto* box = new QMessageBox(this);
  box->setObjectName("models_confirm");
  box->setAttribute(Qt::WA_DeleteOnClose);
  box->setIcon(QMessageBox::Warning);
  box->setText(tr("Remove the model %1?").arg(QString::fromStdString(card->name)));
  box->setInformativeText(tr("Its files are deleted from your model folder. Results made with it stay."));
  auto* yes = box->addButton(tr("Remove"), QMessageBox::DestructiveRole);
  yes->setObjectName("models_confirm_yes");
  auto* no = box->addButton(tr("Keep"), QMessageBox::RejectRole);
  no->setObjectName("models_confirm_no");
  box->setDefaultButton(no);
  connect(yes, &QAbstractButton::clicked, this, [this, name = card->name] {
    for (int place = 0; place < shelf_->rowCount(); ++place) {
      if (shelf_->at(place)->name == name && shelf_->at(place)->is_removable) return shelf_->remove(place);
    }
  });
  box->open();
}

ReportDialog::ReportDialog(viewmodels::Workbench* workbench, QWidget* parent)
    : QDialog(parent),
      workbench_(workbench),
      sheet_(new QWidget(this)),
      pages_(new QVBoxLayout(sheet_)),
      state_(new QLabel(this)),
      reviewer_(new QLineEdit(this)),
      note_(new QPlainTextEdit(this)),
      sign_(make_button("report_sign", tr("Sign off"), tr("Record name and note in the report"), this)),
      copy_(make_button("report_copy", tr("Copy as command line"),
                        tr("Copy the tessera command that signs off so"), this)) {
  setObjectName("report_dialog");
  setWindowTitle(tr("Report"));
  setAttribute(Qt::WA_DeleteOnClose);
  resize(1120, 800);
  auto* scroll = new QScrollArea(this);
  scroll->setObjectName("report_pages");
  scroll->setAccessibleName(tr("Pages of the report"));
  scroll->setToolTip(tr("The report as it prints"));
  scroll->setWidgetResizable(true);
  scroll->setWidget(sheet_);
  pages_->setAlignment(Qt::AlignHCenter | Qt::AlignTop);
  state_->setObjectName("report_state");
  state_->setWordWrap(true);
  reviewer_->setObjectName("report_reviewer");
  reviewer_->setAccessibleName(tr("Reviewer"));
  reviewer_->setToolTip(tr("Your name, as it shall stand in the report"));
  reviewer_->setText(workbench_->studio()->preferences().reviewer());
  note_->setObjectName("report_note");
  note_->setAccessibleName(tr("Note of the sign-off"));
  note_->setToolTip(tr("What you say of this case; stands in the report"));
  note_->setPlaceholderText(tr("What you say of this case"));
  note_->setTabChangesFocus(true);
  auto* pdf = make_button("report_pdf", tr("Save PDF…"), tr("Save the report as PDF"), this);
  auto* html = make_button("report_html", tr("Save HTML…"), tr("Save the report as one HTML page"), this);
  auto* side = new QWidget(this);
  side->setFixedWidth(280);
  auto* column = new QVBoxLayout(side);
  column->addWidget(make_heading(tr("Sign-off"), side));
  column->addWidget(state_);
  column->addWidget(new QLabel(tr("Reviewer"), side));
  column->addWidget(reviewer_);
  column->addWidget(new QLabel(tr("Note"), side));
  column->addWidget(note_, 1);
  column->addWidget(sign_);
  column->addWidget(copy_);
  column->addSpacing(16);
  column->addWidget(make_heading(tr("Export"), side));
  column->addWidget(pdf);
  column->addWidget(html);
  column->addStretch(1);
  column->addWidget(make_close(this));
  auto* row = new QHBoxLayout(this);
  row->addWidget(scroll, 1);
  row->addWidget(side);
  const auto refresh_buttons = [this] {
    const bool is_ready = !reviewer_->text().trimmed().isEmpty() &&
                          !note_->toPlainText().trimmed().isEmpty() && !workbench_->reports()->is_working();
    sign_->setEnabled(is_ready);
    copy_->setEnabled(is_ready);
  };
  connect(reviewer_, &QLineEdit::textChanged, this, refresh_buttons);
  connect(note_, &QPlainTextEdit::textChanged, this, refresh_buttons);
  connect(sign_, &QPushButton::clicked, this, &ReportDialog::sign_off);
  connect(copy_, &QPushButton::clicked, this, [this] {
    QGuiApplication::clipboard()->setText(
        workbench_->reports()->sign_off_command(reviewer_->text(), note_->toPlainText()));
    state_->setText(tr("The command is in the clipboard."));
  });
  connect(pdf, &QPushButton::clicked, this, [this] { choose_export("pdf"); });
  connect(html, &QPushButton::clicked, this, [this] { choose_export("html"); });
  connect(workbench_->reports(), &viewmodels::ReportDesk::changed, this, [this, refresh_buttons] {
    refresh();
    refresh_buttons();
  });
  connect(workbench_->reports(), &viewmodels::ReportDesk::problem, state_, &QLabel::setText);
  refresh();
  refresh_buttons();
}

void ReportDialog::refresh() {
  const auto* desk = workbench_->reports();
  if (desk->is_working()) {
    state_->setText(tr("Working…"));
    return;
  }
  const auto& review = desk->review();
  state_->setText(
      review ? tr("Signed off by %1, %2. Signing again replaces it.")
                   .arg(QString::fromStdString(review->reviewer), QString::fromStdString(review->date))
             : tr("Nobody has signed this report off."));
  if (review && note_->toPlainText().isEmpty()) note_->setPlainText(QString::fromStdString(review->note));
  while (auto* item = pages_->takeAt(0)) {
    delete item->widget();
    delete item;
  }
  for (std::size_t number = 0; number < desk->pages().size(); ++number) {
    auto* page = new QLabel(sheet_);
    page->setObjectName(QStringLiteral("report_page_%1").arg(number + 1));
    page->setAccessibleName(tr("Page %1 of %2").arg(number + 1).arg(desk->pages().size()));
    page->setPixmap(QPixmap::fromImage(desk->pages()[number]));
    page->setFrameShape(QFrame::Box);
    pages_->addWidget(page);
  }
}

void ReportDialog::sign_off() {
  workbench_->studio()->preferences().set_reviewer(reviewer_->text().trimmed());
  workbench_->reports()->sign_off(reviewer_->text(), note_->toPlainText());
}

void ReportDialog::choose_export(const QString& suffix) {
  auto* dialog = new QFileDialog(this, tr("Save the report"));
  dialog->setObjectName("report_export_dialog");
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setAcceptMode(QFileDialog::AcceptSave);
  dialog->setDefaultSuffix(suffix);
  dialog->selectFile(QString::fromStdString(workbench_->reports()->case_folder().filename().string()) +
                     "-report." + suffix);
  connect(dialog, &QFileDialog::fileSelected, this,
          [this](const QString& file) { workbench_->reports()->export_to(file.toStdString()); });
  dialog->open();
}

PreferencesDialog::PreferencesDialog(viewmodels::Workbench* workbench, QWidget* parent)
    : QDialog(parent),
      workbench_(workbench),
      cache_(new QSpinBox(this)),
      threads_(new QSpinBox(this)),
      device_(new QComboBox(this)),
      theme_(new QComboBox(this)),
      language_(new QComboBox(this)),
      problem_(new QLabel(this)) {
  setObjectName("preferences_dialog");
  setWindowTitle(tr("Preferences"));
  setAttribute(Qt::WA_DeleteOnClose);
  auto& preferences = workbench_->studio()->preferences();
  const auto name = [](QWidget* widget, const char* object, const QString& title, const QString& tip) {
    widget->setObjectName(object);
    widget->setAccessibleName(title);
    widget->setToolTip(tip);
  };
  name(cache_, "preferences_cache", tr("Tile cache"), tr("Memory for decoded tiles; from the next start"));
  cache_->setRange(64, 65536);
  cache_->setSingleStep(128);
  cache_->setSuffix(tr(" MiB"));
  cache_->setValue(preferences.cache_mib());
  name(threads_, "preferences_threads", tr("Threads"), tr("Threads of analyses; 0 uses all"));
  threads_->setRange(0, 1024);
  threads_->setSpecialValueText(tr("all"));
  const auto runtime = preferences.runtime();
  threads_->setValue(static_cast<int>(runtime.threads));
  name(device_, "preferences_device", tr("Device"), tr("Where networks run: auto, cpu, cuda or cuda:N"));
  device_->setEditable(true);
  device_->addItems({"auto", "cpu", "cuda"});
  device_->setCurrentText(QString::fromStdString(runtime.device));
  device_->lineEdit()->setObjectName("preferences_device_text");
  name(theme_, "preferences_theme", tr("Theme"), tr("Light or dark window"));
  theme_->addItem(tr("as the desktop"), "system");
  theme_->addItem(tr("light"), "light");
  theme_->addItem(tr("dark"), "dark");
  theme_->setCurrentIndex(std::max(0, theme_->findData(preferences.theme())));
  name(language_, "preferences_language", tr("Language"), tr("Language of the window; from the next start"));
  language_->addItem(tr("as the desktop"), "system");
  language_->addItem(QStringLiteral("English"), "en");
  language_->addItem(QStringLiteral("Deutsch"), "de");
  language_->setCurrentIndex(std::max(0, language_->findData(preferences.language())));
  problem_->setObjectName("preferences_problem");
  problem_->setWordWrap(true);
  auto* form = new QFormLayout;
  form->addRow(tr("Theme"), theme_);
  form->addRow(tr("Language"), language_);
  form->addRow(tr("Tile cache"), cache_);
  form->addRow(tr("Threads"), threads_);
  form->addRow(tr("Device"), device_);
  auto* save = make_button("preferences_save", tr("Save"), tr("Keep these settings"), this);
  auto* buttons = new QHBoxLayout;
  buttons->addStretch(1);
  buttons->addWidget(make_close(this));
  buttons->addWidget(save);
  auto* column = new QVBoxLayout(this);
  column->addLayout(form);
  column->addWidget(problem_);
  column->addLayout(buttons);
  connect(save, &QPushButton::clicked, this, &PreferencesDialog::take);
}

void PreferencesDialog::take() {
  static const QRegularExpression known("^(auto|cpu|cuda(:[0-9]{1,3})?)$");
  if (!known.match(device_->currentText()).hasMatch()) {
    problem_->setText(tr("The device is auto, cpu, cuda or cuda:N."));
    return;
  }
  auto& preferences = workbench_->studio()->preferences();
  preferences.set_cache_mib(cache_->value());
  workflows::RuntimeOptions runtime;
  runtime.device = device_->currentText().toStdString();
  runtime.threads = threads_->value();
  preferences.set_runtime(runtime);
  preferences.set_theme(theme_->currentData().toString());
  preferences.set_language(language_->currentData().toString());
  apply_theme(*qApp, preferences.theme());
  accept();
}

}  // namespace gui
