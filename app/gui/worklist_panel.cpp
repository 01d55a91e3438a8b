#include "app/gui/worklist_panel.h"

#include <QComboBox>
#include <QDragEnterEvent>
#include <QFileDialog>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QMessageBox>
#include <QMimeData>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QScrollBar>
#include <QSignalBlocker>
#include <QTabWidget>
#include <QTableView>
#include <QVBoxLayout>
#include <algorithm>
#include <set>

#include "app/gui/actions.h"
#include "app/gui/theme.h"
#include "app/gui/thumbnail_delegate.h"

namespace gui {
namespace {

using viewmodels::Worklist;
constexpr int kRow = 52;
constexpr int kPatientRow = 92;
constexpr int kDraftDelayMs = 400;
constexpr int kNotesHeight = 64;
constexpr int kTypingPauseMs = 900;

void set_up(QTableView* table, int row_height) {
  table->setSelectionBehavior(QAbstractItemView::SelectRows);
  table->setEditTriggers(QAbstractItemView::NoEditTriggers);
  table->setShowGrid(false);
  table->setFrameShape(QFrame::NoFrame);
  table->setWordWrap(false);
  table->verticalHeader()->hide();
  table->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
  table->verticalHeader()->setDefaultSectionSize(row_height);
  table->horizontalHeader()->setHighlightSections(false);
  table->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  table->setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
  table->setTabKeyNavigation(false);
}

}  // namespace

WorklistPanel::WorklistPanel(viewmodels::Workbench* workbench, QWidget* parent)
    : QWidget(parent),
      workbench_(workbench),
      title_(make_heading({}, this)),
      count_(new QLabel(this)),
      tabs_(new QTabWidget(this)),
      files_(new QTableView(this)),
      patients_(new QTableView(this)),
      empty_(new QLabel(tr("Drag slides, images or whole folders here."), this)),
      missing_(new QPushButton(this)) {
  setObjectName("worklist_panel");
  setAcceptDrops(true);
  make_quiet(count_);
  count_->setObjectName("worklist_count");
  auto* project = new QPushButton(tr("Project…"), this);
  project->setObjectName("worklist_project");
  project->setToolTip(tr("Open a project's folder, or begin a project in a folder (Ctrl+Shift+O)"));
  auto* add = new QPushButton(tr("Add files…"), this);
  add->setObjectName("worklist_add");
  add->setToolTip(tr("Add slides and images to the project; folders can be dragged in"));
  auto* head = new QHBoxLayout;
  head->addWidget(title_, 1);
  head->addWidget(count_);
  head->addWidget(project);
  head->addWidget(add);

  tabs_->setObjectName("worklist_tabs");
  tabs_->setAccessibleName(tr("Worklist"));
  tabs_->setDocumentMode(true);
  tabs_->addTab(make_files_page(), tr("Files"));
  tabs_->setTabToolTip(0, tr("Every file of the project"));
  set_up(patients_, kPatientRow);
  patients_->setObjectName("patient_table");
  patients_->setAccessibleName(tr("Patients with their slides and eyes"));
  patients_->setToolTip(tr("Slides and fundus photographs of each patient; double-click opens them"));
  patients_->setModel(workbench_->patients());
  patients_->setSelectionBehavior(QAbstractItemView::SelectItems);
  patients_->setItemDelegate(new ThumbnailDelegate({kPatientRow - 10, kPatientRow - 10}, patients_));
  patients_->horizontalHeader()->setDefaultSectionSize(kPatientRow + 16);
  tabs_->addTab(patients_, tr("Patients"));
  tabs_->setTabToolTip(1, tr("Slides and fundus photographs of each patient side by side"));

  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(10, 8, 10, 8);
  column->addLayout(head);
  column->addWidget(tabs_, 1);
  column->addWidget(details_ = make_details());

  QWidget* before = project;
  for (QWidget* next : std::initializer_list<QWidget*>{
           add, tabs_, findChild<QLineEdit*>("worklist_search"),
           findChild<QComboBox*>("worklist_status_filter"), findChild<QComboBox*>("worklist_kind_filter"),
           missing_, files_, patients_, status_, eye_, patient_, label_, tags_, notes_, analyse_}) {
    setTabOrder(before, next);
    before = next;
  }
  draft_timer_.setSingleShot(true);
  draft_timer_.setInterval(kDraftDelayMs);
  connect(&draft_timer_, &QTimer::timeout, this, [this] {
    if (notes_of_ != 0) workbench_->worklist()->keep_draft(notes_of_, notes_->toPlainText());
  });
  connect(project, &QPushButton::clicked, this, &WorklistPanel::project_wanted);
  connect(add, &QPushButton::clicked, this, &WorklistPanel::add_wanted);
  connect(patients_, &QTableView::doubleClicked, this, [this](const QModelIndex& index) {
    workbench_->open_items(workbench_->patients()->ids_at(index));
  });
  connect(files_->selectionModel(), &QItemSelectionModel::selectionChanged, this,
          &WorklistPanel::refresh_details);
  connect(workbench_, &viewmodels::Workbench::project_changed, this, &WorklistPanel::refresh);
  connect(workbench_->worklist(), &Worklist::items_changed, this, &WorklistPanel::refresh);
  connect(workbench_->models(), &viewmodels::ModelShelf::changed, this, &WorklistPanel::refresh);
  connect(workbench_->filter(), &QAbstractItemModel::layoutChanged, this, &WorklistPanel::refresh);
  connect(workbench_->filter(), &QAbstractItemModel::rowsInserted, this, &WorklistPanel::refresh);
  connect(workbench_->filter(), &QAbstractItemModel::rowsRemoved, this, &WorklistPanel::refresh);
  refresh();
}

WorklistPanel::~WorklistPanel() {
  keep_notes();
}

QWidget* WorklistPanel::make_files_page() {
  auto* page = new QWidget(this);
  auto* search = new QLineEdit(page);
  search->setObjectName("worklist_search");
  search->setAccessibleName(tr("Search the worklist"));
  search->setToolTip(tr("Show only files whose name, patient, tags, label, notes or model hold this text"));
  search->setPlaceholderText(tr("Search"));
  search->setClearButtonEnabled(true);
  auto* status = new QComboBox(page);
  status->setObjectName("worklist_status_filter");
  status->setAccessibleName(tr("Show only this status"));
  status->setToolTip(tr("Show only files of this status"));
  status->addItem(tr("any status"), QString{});
  for (const auto* one : store::kStatuses) status->addItem(Worklist::status_words(one), QString(one));
  auto* kind = new QComboBox(page);
  kind->setObjectName("worklist_kind_filter");
  kind->setAccessibleName(tr("Show only this kind"));
  kind->setToolTip(tr("Show only slides, or only fundus photographs"));
  kind->addItem(tr("any kind"), QString{});
  kind->addItem(tr("slides"), QString("slide"));
  kind->addItem(tr("fundus"), QString("fundus"));
  auto* row = new QHBoxLayout;
  row->addWidget(search, 1);
  row->addWidget(status);
  row->addWidget(kind);
  set_up(files_, kRow);
  files_->setObjectName("worklist_table");
  files_->setAccessibleName(tr("Files of the project"));
  files_->setToolTip(tr("Double-click or Return opens a file; the right button offers more"));
  files_->setModel(workbench_->filter());
  files_->setSortingEnabled(true);
  files_->sortByColumn(-1, Qt::AscendingOrder);  // as they came in
  files_->setItemDelegate(new ThumbnailDelegate({kRow - 4, kRow - 4}, files_));
  files_->setContextMenuPolicy(Qt::CustomContextMenu);
  files_->setColumnWidth(Worklist::kName, 190);
  files_->setColumnWidth(Worklist::kKind, 54);
  files_->setColumnWidth(Worklist::kPatient, 70);
  files_->setColumnWidth(Worklist::kEye, 44);
  files_->setColumnWidth(Worklist::kStatus, 72);
  files_->setColumnWidth(Worklist::kTags, 80);
  files_->setColumnWidth(Worklist::kLabel, 70);
  files_->setColumnWidth(Worklist::kResult, 120);
  auto* column = new QVBoxLayout(page);
  column->setContentsMargins(0, 6, 0, 0);
  column->addLayout(row);
  empty_->setObjectName("worklist_empty");
  qobject_cast<QLabel*>(empty_)->setAlignment(Qt::AlignCenter);
  qobject_cast<QLabel*>(empty_)->setWordWrap(true);
  make_quiet(qobject_cast<QLabel*>(empty_));
  missing_->setObjectName("worklist_missing");
  missing_->setToolTip(
      tr("They are not at their places; say in which folder they lie now. What was said of them "
         "stays with them."));
  column->addWidget(missing_);
  column->addWidget(empty_, 1);
  column->addWidget(files_, 1);
  connect(missing_, &QPushButton::clicked, this, &WorklistPanel::find_missing);
  connect(search, &QLineEdit::textChanged, workbench_->filter(), &viewmodels::WorklistFilter::set_text);
  connect(status, &QComboBox::activated, this, [this, status] {
    workbench_->filter()->set_status(status->currentData().toString().toStdString());
  });
  connect(kind, &QComboBox::activated, this,
          [this, kind] { workbench_->filter()->set_kind(kind->currentData().toString().toStdString()); });
  connect(files_, &QTableView::activated, this, [this](const QModelIndex& index) {
    workbench_->open_items({index.siblingAtColumn(0).data(Worklist::kIdRole).toLongLong()});
  });
  connect(files_, &QTableView::customContextMenuRequested, this, &WorklistPanel::show_menu);
  return page;
}

QWidget* WorklistPanel::make_details() {
  auto* box = new QWidget(this);
  box->setObjectName("worklist_details");
  const auto line = [box](const char* name, const QString& title, const QString& tip) {
    auto* edit = new QLineEdit(box);
    edit->setObjectName(name);
    edit->setAccessibleName(title);
    edit->setToolTip(tip);
    return edit;
  };
  patient_ =
      line("item_patient", tr("Patient"), tr("Pseudonym of the patient; files of one patient are grouped"));
  label_ =
      line("item_label", tr("Label"), tr("The true class, where it is known; the cohort's curves use it"));
  tags_ = line("item_tags", tr("Tags"), tr("Words of your own, separated by commas"));
  eye_ = new QComboBox(box);
  eye_->setObjectName("item_eye");
  eye_->setAccessibleName(tr("Eye"));
  eye_->setToolTip(tr("Which eye a fundus photograph shows"));
  eye_->addItem(tr("not set"), QString{});
  eye_->addItem(tr("right"), QString("R"));
  eye_->addItem(tr("left"), QString("L"));
  status_ = new QComboBox(box);
  status_->setObjectName("item_status");
  status_->setAccessibleName(tr("Status"));
  status_->setToolTip(tr("How far you are with the chosen files"));
  for (const auto* one : store::kStatuses) status_->addItem(Worklist::status_words(one), QString(one));
  notes_ = new QPlainTextEdit(box);
  notes_->setObjectName("item_notes");
  notes_->setAccessibleName(tr("Notes"));
  notes_->setToolTip(tr("Notes on the chosen file; kept while you type"));
  notes_->setPlaceholderText(tr("Notes"));
  notes_->setFixedHeight(kNotesHeight);
  notes_->setTabChangesFocus(true);
  analyse_ = new QPushButton(tr("Analyse…"), box);
  analyse_->setObjectName("worklist_analyse");

  auto* first = new QHBoxLayout;
  first->addWidget(status_, 1);
  first->addWidget(eye_, 1);
  auto* form = new QFormLayout;
  form->setContentsMargins(0, 0, 0, 0);
  form->addRow(tr("Status, eye"), first);
  form->addRow(tr("Patient"), patient_);
  form->addRow(tr("Label"), label_);
  form->addRow(tr("Tags"), tags_);
  auto* column = new QVBoxLayout(box);
  column->setContentsMargins(0, 0, 0, 0);
  column->addLayout(form);
  column->addWidget(notes_);
  column->addWidget(analyse_);

  const auto set = [this](Worklist::Field field, const QString& value) {
    if (!filling_) workbench_->worklist()->set_field(selected(), field, value);
  };
  // Kept when it is ended, and while one types: a crash takes no more than the last second.
  const auto on_edit = [this, set](QLineEdit* edit, Worklist::Field field) {
    auto* pause = new QTimer(edit);
    pause->setSingleShot(true);
    pause->setInterval(kTypingPauseMs);
    const auto keep = [edit, set, field, pause] {
      pause->stop();
      if (edit->isModified()) set(field, edit->text());
      edit->setModified(false);
    };
    connect(edit, &QLineEdit::editingFinished, this, keep);
    connect(edit, &QLineEdit::textEdited, pause, qOverload<>(&QTimer::start));
    connect(pause, &QTimer::timeout, this, keep);
  };
  on_edit(patient_, Worklist::Field::patient);
  on_edit(label_, Worklist::Field::label);
  on_edit(tags_, Worklist::Field::tags);
  connect(status_, &QComboBox::activated, this,
          [this, set] { set(Worklist::Field::status, status_->currentData().toString()); });
  connect(eye_, &QComboBox::activated, this,
          [this, set] { set(Worklist::Field::laterality, eye_->currentData().toString()); });
  connect(notes_, &QPlainTextEdit::textChanged, this, [this] {
    if (!filling_ && !draft_timer_.isActive()) draft_timer_.start();
  });
  connect(analyse_, &QPushButton::clicked, this, [this] { Q_EMIT analyse_wanted(selected()); });
  return box;
}

std::vector<std::int64_t> WorklistPanel::selected() const {
  std::vector<std::int64_t> ids;
  for (const auto& index : files_->selectionModel()->selectedRows())
    ids.push_back(index.data(Worklist::kIdRole).toLongLong());
  return ids;
}

void WorklistPanel::refresh() {
  const auto* worklist = workbench_->worklist();
  const bool has_project = workbench_->has_project();
  title_->setText(has_project ? workbench_->project_name() : tr("No project"));
  title_->setToolTip(has_project ? QString::fromStdString(worklist->folder().string()) : QString{});
  const auto total = worklist->rowCount();
  const auto shown = workbench_->filter()->rowCount();
  count_->setText(!has_project    ? QString{}
                  : shown < total ? tr("%1 of %2 files").arg(shown).arg(total)
                                  : tr("%n files", nullptr, total));
  const auto missing = worklist->missing();
  missing_->setText(tr("Find %n missing files…", nullptr, missing));
  missing_->setVisible(missing > 0 && worklist->is_writable());
  empty_->setVisible(has_project && total == 0);
  files_->setVisible(!has_project || total > 0);
  tabs_->setEnabled(has_project);
  findChild<QPushButton*>("worklist_add")->setEnabled(has_project && worklist->is_writable());
  refresh_details();
}

void WorklistPanel::refresh_details() {
  const auto ids = selected();
  const auto* worklist = workbench_->worklist();
  const auto* item = ids.empty() ? nullptr : worklist->find(ids.front());
  const bool is_editable = item != nullptr && worklist->is_writable();
  filling_ = true;
  for (QWidget* field : std::initializer_list<QWidget*>{patient_, label_, tags_, eye_, status_})
    field->setEnabled(is_editable);
  // What is being typed stays; what differs between the chosen files shows empty.
  const auto common = [&](auto value_of) {
    QString value = item == nullptr ? QString{} : value_of(*item);
    for (const auto id : ids) {
      const auto* other = worklist->find(id);
      if (other != nullptr && value_of(*other) != value) return QString{};
    }
    return value;
  };
  const auto fill = [&](QLineEdit* edit, auto value_of) {
    if (edit->hasFocus() && (edit->isModified() || filled_for_ == ids)) return;
    edit->setText(common(value_of));
  };
  const auto text = [](const std::string& value) { return QString::fromStdString(value); };
  fill(patient_, [&](const store::Item& one) { return text(one.patient); });
  fill(label_, [&](const store::Item& one) { return text(one.label); });
  fill(tags_, [&](const store::Item& one) {
    QStringList tags;
    for (const auto& tag : one.tags) tags << text(tag);
    return tags.join(", ");
  });
  filled_for_ = ids;
  status_->setCurrentIndex(
      status_->findData(common([&](const store::Item& one) { return text(one.status); })));
  eye_->setCurrentIndex(eye_->findData(common([&](const store::Item& one) { return text(one.laterality); })));
  const auto notes_of = ids.size() == 1 && item != nullptr ? item->id : 0;
  if (notes_of != notes_of_) {
    keep_notes();
    notes_of_ = notes_of;
    const auto draft = notes_of == 0 ? std::nullopt : worklist->draft_of(notes_of);
    notes_->setPlainText(draft ? *draft : notes_of == 0 ? QString{} : text(item->notes));
  } else if (notes_of != 0 && !notes_->hasFocus() && !worklist->draft_of(notes_of)) {
    notes_->setPlainText(text(item->notes));
  }
  notes_->setEnabled(is_editable && notes_of != 0);
  const auto hindrance = workbench_->analyse_hindrance();
  analyse_->setEnabled(hindrance.isEmpty());
  analyse_->setText(ids.empty() ? tr("Analyse all…")
                                : tr("Analyse %n files…", nullptr, static_cast<int>(ids.size())));
  analyse_->setToolTip(
      hindrance.isEmpty() ? tr("Choose a model for these files; the jobs run one after another") : hindrance);
  filling_ = false;
}

void WorklistPanel::keep_notes() {
  draft_timer_.stop();
  if (notes_of_ == 0) return;
  const auto* item = workbench_->worklist()->find(notes_of_);
  if (item != nullptr && notes_->toPlainText() != QString::fromStdString(item->notes))
    workbench_->worklist()->set_field({notes_of_}, Worklist::Field::notes, notes_->toPlainText());
}

void WorklistPanel::remove_selected() {
  const auto ids = selected();
  if (ids.empty()) return;
  workbench_->worklist()->remove(ids);  // undoable; no file is touched
}

void WorklistPanel::find_missing() {
  auto* dialog = new QFileDialog(this, tr("Folder in which the missing files lie now"));
  dialog->setObjectName("missing_dialog");
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setFileMode(QFileDialog::Directory);
  dialog->setOption(QFileDialog::ShowDirsOnly);
  connect(dialog, &QFileDialog::fileSelected, workbench_->worklist(), &Worklist::relocate_missing);
  dialog->open();
}

void WorklistPanel::find_file(std::int64_t id) {
  auto* dialog = new QFileDialog(this, tr("Where this file lies now"));
  dialog->setObjectName("find_file_dialog");
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setFileMode(QFileDialog::ExistingFile);
  connect(dialog, &QFileDialog::fileSelected, this,
          [this, id](const QString& file) { workbench_->worklist()->relocate(id, file); });
  dialog->open();
}

void WorklistPanel::show_menu(const QPoint& place) {
  const auto ids = selected();
  if (ids.empty()) return;
  auto* menu = make_menu(this, "worklist_menu", {});
  menu->setAttribute(Qt::WA_DeleteOnClose);
  const auto add = [](QMenu* to, const char* name, const QString& text, const QString& tip) {
    auto* action = make_action(to, name, text, tip);
    to->addAction(action);
    return action;
  };
  connect(add(menu, "worklist_open", tr("Open"), tr("Show the chosen files")), &QAction::triggered, this,
          [this, ids] { workbench_->open_items(ids); });
  connect(add(menu, "worklist_menu_analyse", tr("Analyse…"), tr("Choose a model for the chosen files")),
          &QAction::triggered, this, [this, ids] { Q_EMIT analyse_wanted(ids); });
  auto* status = make_menu(menu, "worklist_status_menu", tr("Status"));
  menu->addMenu(status);
  for (const auto* one : store::kStatuses) {
    connect(add(status, "worklist_set_status", Worklist::status_words(one), tr("Set this status")),
            &QAction::triggered, this,
            [this, ids, one] { workbench_->worklist()->set_field(ids, Worklist::Field::status, one); });
  }
  menu->addSeparator();
  if (ids.size() == 1 && workbench_->worklist()->glimpse_of(ids.front()).is_missing) {
    connect(add(menu, "worklist_find_file", tr("Find the file again…"), tr("Say where this file lies now")),
            &QAction::triggered, this, [this, id = ids.front()] { find_file(id); });
  }
  connect(add(menu, "worklist_remove", tr("Take off the list"),
              tr("The files stay where they are; can be undone")),
          &QAction::triggered, this, &WorklistPanel::remove_selected);
  menu->popup(files_->viewport()->mapToGlobal(place));
}

void WorklistPanel::dragEnterEvent(QDragEnterEvent* event) {
  if (event->mimeData()->hasUrls() && workbench_->has_project()) event->acceptProposedAction();
}

void WorklistPanel::dropEvent(QDropEvent* event) {
  QStringList paths;
  for (const auto& url : event->mimeData()->urls()) {
    if (url.isLocalFile()) paths << url.toLocalFile();
  }
  if (paths.isEmpty()) return;
  workbench_->worklist()->add_paths(paths);
  event->acceptProposedAction();
}

}  // namespace gui
