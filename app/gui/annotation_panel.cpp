#include "app/gui/annotation_panel.h"

#include <QAction>
#include <QActionGroup>
#include <QCheckBox>
#include <QColorDialog>
#include <QComboBox>
#include <QFileDialog>
#include <QFormLayout>
#include <QGridLayout>
#include <QItemSelectionModel>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QMenu>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QSignalBlocker>
#include <QToolButton>
#include <QVBoxLayout>
#include <set>
#include <string>

#include "app/gui/actions.h"
#include "app/gui/named.h"
#include "app/gui/theme.h"

namespace gui {
namespace {

struct ToolButton {
  viewmodels::Tool tool;
  const char* name;
  Qt::Key key;
  const char* text;
  const char* tip;
};
constexpr ToolButton kTools[] = {
    {viewmodels::Tool::pan, "tool_pan", Qt::Key_M, QT_TRANSLATE_NOOP("gui::AnnotationPanel", "&Move"),
     QT_TRANSLATE_NOOP("gui::AnnotationPanel", "Move the slide")},
    {viewmodels::Tool::select, "tool_select", Qt::Key_S, QT_TRANSLATE_NOOP("gui::AnnotationPanel", "&Select"),
     QT_TRANSLATE_NOOP("gui::AnnotationPanel", "Choose, move and reshape annotations")},
    {viewmodels::Tool::rectangle, "tool_rectangle", Qt::Key_R,
     QT_TRANSLATE_NOOP("gui::AnnotationPanel", "&Rectangle"),
     QT_TRANSLATE_NOOP("gui::AnnotationPanel", "Rectangle: drag")},
    {viewmodels::Tool::ellipse, "tool_ellipse", Qt::Key_E,
     QT_TRANSLATE_NOOP("gui::AnnotationPanel", "&Ellipse"),
     QT_TRANSLATE_NOOP("gui::AnnotationPanel", "Ellipse: drag")},
    {viewmodels::Tool::polygon, "tool_polygon", Qt::Key_P,
     QT_TRANSLATE_NOOP("gui::AnnotationPanel", "&Polygon"),
     QT_TRANSLATE_NOOP("gui::AnnotationPanel",
                       "Polygon: click its corners; double click, Return or its first corner ends it")},
    {viewmodels::Tool::freehand, "tool_freehand", Qt::Key_D,
     QT_TRANSLATE_NOOP("gui::AnnotationPanel", "&Freehand"),
     QT_TRANSLATE_NOOP("gui::AnnotationPanel", "Freehand: draw around an area")},
    {viewmodels::Tool::point, "tool_point", Qt::Key_Period,
     QT_TRANSLATE_NOOP("gui::AnnotationPanel", "P&oint"),
     QT_TRANSLATE_NOOP("gui::AnnotationPanel", "Point: click")},
    {viewmodels::Tool::ruler, "tool_ruler", Qt::Key_L, QT_TRANSLATE_NOOP("gui::AnnotationPanel", "R&uler"),
     QT_TRANSLATE_NOOP("gui::AnnotationPanel", "Ruler: drag along what is measured")},
};
constexpr int kTypingPauseMs = 900;
constexpr const char* kClasses[] = {QT_TRANSLATE_NOOP("gui::AnnotationPanel", "Tumour"),
                                    QT_TRANSLATE_NOOP("gui::AnnotationPanel", "Stroma"),
                                    QT_TRANSLATE_NOOP("gui::AnnotationPanel", "Necrosis"),
                                    QT_TRANSLATE_NOOP("gui::AnnotationPanel", "Immune cells"),
                                    QT_TRANSLATE_NOOP("gui::AnnotationPanel", "Region")};

}  // namespace

AnnotationPanel::AnnotationPanel(viewmodels::Studio* studio, QWidget* parent)
    : QWidget(parent), studio_(studio) {
  setObjectName("annotation_panel");
  auto* column = new QVBoxLayout(this);
  make_tools(column);
  list_ = named(new QListView(this), "annotation_list", tr("Annotations"),
                tr("The annotations of this slide; double click one to go there"));
  list_->setUniformItemSizes(true);
  list_->setSelectionMode(QAbstractItemView::ExtendedSelection);
  column->addWidget(list_, 1);
  summary_ = new QLabel(this);
  summary_->setObjectName("annotation_summary");
  summary_->setWordWrap(true);
  make_quiet(summary_);
  column->addWidget(summary_);
  make_details(column);

  auto* shown = named(new QCheckBox(tr("Show"), this), "annotations_show", tr("Show annotations"),
                      tr("Show the annotations on the slide"));
  shown->setChecked(true);
  auto* filled = named(new QCheckBox(tr("Fill"), this), "annotations_fill", tr("Fill annotations"),
                       tr("Fill areas with their colour, or draw outlines alone"));
  filled->setChecked(true);
  inside_ = named(
      new QCheckBox(tr("Analyse only inside"), this), "analyse_inside", tr("Analyse only inside annotations"),
      tr("The next analysis keeps to the tissue inside the areas drawn (of the class chosen above, "
         "where one is)"));
  auto* row = new QHBoxLayout;
  row->addWidget(shown);
  row->addWidget(filled);
  row->addStretch(1);
  row->addWidget(inside_);
  column->addLayout(row);

  auto* files = named(new QToolButton(this), "annotation_files", tr("Annotation files"),
                      tr("Import and export annotations, masks and labels"));
  files->setText(tr("Import and export"));
  files->setPopupMode(QToolButton::InstantPopup);
  auto* menu = make_menu(files, "annotation_menu", tr("Import and export"));
  const auto add = [&](const QString& text, const QString& tip, const char* name, auto method) {
    auto* action = make_action(menu, name, text, tip);
    menu->addAction(action);
    connect(action, &QAction::triggered, this, method);
  };
  add(tr("&Import annotations…"), tr("Add annotations of QuPath or ASAP, or a mask of class numbers"),
      "action_import_annotations", &AnnotationPanel::import_annotations);
  add(tr("&Export annotations…"), tr("Write these annotations for QuPath or ASAP"),
      "action_export_annotations", &AnnotationPanel::export_annotations);
  add(tr("Export &mask and tile labels…"),
      tr("Write a picture of class numbers and a table of labelled tiles"), "action_export_labels",
      &AnnotationPanel::export_labels);
  files->setMenu(menu);
  column->addWidget(files);

  connect(shown, &QCheckBox::toggled, studio_, &viewmodels::Studio::set_annotations_shown);
  connect(filled, &QCheckBox::toggled, studio_, &viewmodels::Studio::set_annotations_filled);
  connect(inside_, &QCheckBox::toggled, this,
          [this](bool on) { studio_->set_inside(on, class_->currentData().toString()); });
  connect(list_, &QListView::doubleClicked, this, [this](const QModelIndex& index) {
    const auto& item = *studio_->annotations()->items()[static_cast<std::size_t>(index.row())];
    auto box = imaging::bounds_of(item.geometry);
    const auto grown = std::max({box.width, box.height, 64.0}) - std::max(box.width, box.height);
    box = {box.x - grown / 2, box.y - grown / 2, box.width + grown, box.height + grown};
    Q_EMIT go_to(box);
  });
  connect(studio_, &viewmodels::Studio::current_changed, this, &AnnotationPanel::take_document);
  connect(studio_->editor(), &viewmodels::AnnotationEditor::tool_changed, this,
          [this] { tool_actions_[static_cast<int>(studio_->editor()->tool())]->setChecked(true); });
  take_document();
}

void AnnotationPanel::make_tools(QVBoxLayout* column) {
  auto* head = new QHBoxLayout;
  head->addWidget(make_heading(tr("Annotations"), this), 1);
  const auto add_history = [&](const char* name, const char* icon, const QString& tip, auto method) {
    auto* button = named(new QToolButton(this), name, tip, tip);
    button->setIcon(themed_icon(icon));
    button->setAutoRaise(true);
    head->addWidget(button);
    connect(button, &QToolButton::clicked, this, method);
  };
  add_history("annotation_undo", "undo", tr("Undo (Ctrl+Z)"), [this] {
    if (studio_->annotations()) studio_->annotations()->undo_stack()->undo();
  });
  add_history("annotation_redo", "redo", tr("Redo (Ctrl+Shift+Z)"), [this] {
    if (studio_->annotations()) studio_->annotations()->undo_stack()->redo();
  });
  column->addLayout(head);
  auto* row = new QHBoxLayout;
  row->setSpacing(1);
  auto* group = new QActionGroup(this);
  for (const auto& tool : kTools) {
    auto* action = make_action(this, (std::string("action_") + tool.name).c_str(), tr(tool.text),
                               tr(tool.tip), {tool.key}, tool.name);
    action->setCheckable(true);
    group->addAction(action);
    tool_actions_ << action;
    connect(action, &QAction::triggered, this, [this, tool] { studio_->editor()->set_tool(tool.tool); });
    auto* button = named(new QToolButton(this), tool.name, plain_text(tr(tool.text)), {});
    button->setDefaultAction(action);
    button->setIconSize({20, 20});
    button->setAutoRaise(true);
    row->addWidget(button);
  }
  row->addStretch(1);
  column->addLayout(row);
  tool_actions_.front()->setChecked(true);
  auto* classes = new QHBoxLayout;
  class_ = named(new QComboBox(this), "annotation_class", tr("Class of new annotations"),
                 tr("What the next annotations are called; type a name for a new class"));
  class_->setEditable(true);
  class_->setInsertPolicy(QComboBox::NoInsert);
  classes->addWidget(new QLabel(tr("Class"), this));
  classes->addWidget(class_, 1);
  column->addLayout(classes);
  connect(class_, &QComboBox::textActivated, this, &AnnotationPanel::choose_class);
  connect(class_->lineEdit(), &QLineEdit::editingFinished, this,
          [this] { choose_class(class_->currentText()); });
}

void AnnotationPanel::make_details(QVBoxLayout* column) {
  details_ = new QWidget(this);
  details_->setObjectName("annotation_details");
  auto* form = new QFormLayout(details_);
  form->setContentsMargins(0, 0, 0, 0);
  name_ = named(new QLineEdit(details_), "annotation_name", tr("Name"), tr("Name of this annotation"));
  item_class_ =
      named(new QComboBox(details_), "annotation_item_class", tr("Class"), tr("Class of this annotation"));
  item_class_->setEditable(true);
  item_class_->setInsertPolicy(QComboBox::NoInsert);
  notes_ =
      named(new QPlainTextEdit(details_), "annotation_notes", tr("Notes"), tr("Notes on this annotation"));
  notes_->setFixedHeight(54);
  notes_->setTabChangesFocus(true);
  measure_ = new QLabel(details_);
  measure_->setObjectName("annotation_measure");
  measure_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  locked_ = named(new QCheckBox(tr("Locked"), details_), "annotation_locked", tr("Locked"),
                  tr("Locked annotations cannot be moved or deleted"));
  colour_ = named(new QPushButton(tr("Colour…"), details_), "annotation_colour", tr("Colour"),
                  tr("Colour of this annotation alone"));
  region_ = named(new QPushButton(tr("Save as image…"), details_), "annotation_region", tr("Save as image"),
                  tr("Save what lies in this annotation's box as a TIFF that keeps its scale"));
  remove_ = named(new QPushButton(tr("Delete"), details_), "annotation_delete", tr("Delete"),
                  tr("Delete the chosen annotations (Del); Ctrl+Z brings them back"));
  form->addRow(tr("Name"), name_);
  form->addRow(tr("Class"), item_class_);
  form->addRow(tr("Size"), measure_);
  form->addRow(tr("Notes"), notes_);
  auto* buttons = new QHBoxLayout;
  buttons->addWidget(locked_, 1);
  buttons->addWidget(colour_);
  form->addRow(buttons);
  auto* more = new QHBoxLayout;
  more->addWidget(region_, 1);
  more->addWidget(remove_);
  form->addRow(more);
  column->addWidget(details_);
  connect(name_, &QLineEdit::editingFinished, this, [this] {
    typing_.stop();
    edit_selected([this](imaging::Annotation& item) { item.name = name_->text().toStdString(); });
  });
  const auto take_class = [this] {
    edit_selected([this](imaging::Annotation& item) {
      const auto name = item_class_->currentText().trimmed().toStdString();
      if (name == item.class_name) return;
      item.class_name = name;
      item.class_colour.reset();
    });
  };
  connect(item_class_, &QComboBox::textActivated, this, take_class);
  connect(item_class_->lineEdit(), &QLineEdit::editingFinished, this, take_class);
  connect(locked_, &QCheckBox::clicked, this,
          [this](bool on) { edit_selected([on](imaging::Annotation& item) { item.is_locked = on; }); });
  connect(colour_, &QPushButton::clicked, this, &AnnotationPanel::choose_colour);
  connect(region_, &QPushButton::clicked, this, &AnnotationPanel::export_region);
  connect(remove_, &QPushButton::clicked, this, [this] {
    std::vector<int> rows;
    for (const auto& index : list_->selectionModel()->selectedIndexes()) rows.push_back(index.row());
    studio_->annotations()->remove(std::move(rows));
  });
  notes_->installEventFilter(this);
  // Kept while one types, too: a crash takes no more than the last second.
  typing_.setSingleShot(true);
  typing_.setInterval(kTypingPauseMs);
  connect(&typing_, &QTimer::timeout, this, &AnnotationPanel::keep_typed);
  const auto on_typing = [this](QWidget* field) {
    if (field->hasFocus()) typing_.start();
  };
  connect(name_, &QLineEdit::textEdited, this, [on_typing, this] { on_typing(name_); });
  connect(notes_, &QPlainTextEdit::textChanged, this, [on_typing, this] { on_typing(notes_); });
}

void AnnotationPanel::keep_typed() {
  typing_.stop();
  edit_selected([this](imaging::Annotation& item) {
    item.name = name_->text().toStdString();
    item.notes = notes_->toPlainText().toStdString();
  });
}

void AnnotationPanel::take_document() {
  disconnect(document_changed_);
  disconnect(document_selected_);
  auto* document = studio_->annotations();
  list_->setModel(document);
  setEnabled(document != nullptr);
  if (document) {
    document_changed_ = connect(document, &viewmodels::AnnotationDocument::changed, this, [this] {
      refresh_list();
      refresh_selected();
    });
    document_selected_ = connect(document, &viewmodels::AnnotationDocument::selection_changed, this,
                                 &AnnotationPanel::refresh_selected);
    connect(list_->selectionModel(), &QItemSelectionModel::currentChanged, document,
            [document](const QModelIndex& index) { document->select(index.row()); });
  }
  refresh_list();
  refresh_selected();
}

void AnnotationPanel::refresh_list() {
  std::set<QString> names;
  for (const auto* name : kClasses) names.insert(tr(name));
  if (studio_->annotations()) {
    for (const auto& item : studio_->annotations()->items()) {
      if (!item->class_name.empty()) names.insert(QString::fromStdString(item->class_name));
    }
  }
  const auto fill = [&](QComboBox* box, const QString& none) {
    const QSignalBlocker blocker(box);
    const auto text = box->currentText();
    box->clear();
    box->addItem(none, QString());
    for (const auto& name : names) box->addItem(name, name);
    box->setCurrentText(text.isEmpty() ? none : text);
  };
  fill(class_, tr("(no class)"));
  fill(item_class_, {});
  const auto count = studio_->annotations() ? studio_->annotations()->rowCount() : 0;
  summary_->setText(count == 0
                        ? tr("Nothing is drawn yet. Choose a tool and draw on the slide; all is saved as "
                             "you go.")
                        : tr("%1 annotations, saved as you draw").arg(count));
}

void AnnotationPanel::refresh_selected() {
  auto* document = studio_->annotations();
  const auto row = document ? document->selected() : -1;
  details_->setVisible(row >= 0);
  if (row < 0) return;
  const auto& item = *document->items()[static_cast<std::size_t>(row)];
  const auto index = document->index(row);
  if (list_->currentIndex() != index) list_->setCurrentIndex(index);
  const QSignalBlocker blocker(item_class_);
  if (!name_->hasFocus()) name_->setText(QString::fromStdString(item.name));
  item_class_->setCurrentText(QString::fromStdString(item.class_name));
  if (!notes_->hasFocus()) notes_->setPlainText(QString::fromStdString(item.notes));
  const auto slide = studio_->current();
  measure_->setText(viewmodels::annotation_measure(item.geometry, slide->scale));
  locked_->setChecked(item.is_locked);
  QPixmap swatch(14, 14);
  swatch.fill(viewmodels::annotation_colour(item));
  colour_->setIcon(swatch);
  for (auto* control : std::initializer_list<QWidget*>{name_, item_class_, notes_, colour_, remove_})
    control->setEnabled(!item.is_locked);
  region_->setEnabled(item.geometry.kind == imaging::GeometryKind::polygons);
}

bool AnnotationPanel::eventFilter(QObject* watched, QEvent* event) {
  if (watched == notes_ && event->type() == QEvent::FocusOut) {
    keep_typed();
  }
  return QWidget::eventFilter(watched, event);
}

void AnnotationPanel::choose_class(const QString& name) {
  const bool is_none = name.trimmed().isEmpty() || name == class_->itemText(0);
  std::optional<imaging::Rgb8> colour;
  if (!is_none && studio_->annotations()) {
    for (const auto& item : studio_->annotations()->items()) {
      if (QString::fromStdString(item->class_name) == name && item->class_colour) colour = item->class_colour;
    }
  }
  studio_->editor()->set_class(is_none ? QString() : name.trimmed(), colour);
  if (inside_->isChecked()) studio_->set_inside(true, is_none ? QString() : name.trimmed());
}

void AnnotationPanel::edit_selected(const std::function<void(imaging::Annotation&)>& change) {
  auto* document = studio_->annotations();
  if (!document || document->selected() < 0) return;
  auto item = *document->items()[static_cast<std::size_t>(document->selected())];
  change(item);
  document->replace(document->selected(), std::move(item));
}

void AnnotationPanel::choose_colour() {
  auto* document = studio_->annotations();
  if (!document || document->selected() < 0) return;
  const auto& item = *document->items()[static_cast<std::size_t>(document->selected())];
  auto* dialog = new QColorDialog(viewmodels::annotation_colour(item), this);
  dialog->setObjectName("colour_dialog");
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  connect(dialog, &QColorDialog::colorSelected, this, [this](const QColor& colour) {
    edit_selected([&](imaging::Annotation& changed) {
      changed.colour =
          imaging::Rgb8{static_cast<std::uint8_t>(colour.red()), static_cast<std::uint8_t>(colour.green()),
                        static_cast<std::uint8_t>(colour.blue())};
    });
  });
  dialog->open();
}

void AnnotationPanel::import_annotations() {
  auto* dialog = new QFileDialog(this, tr("Import annotations"));
  dialog->setObjectName("import_annotations_dialog");
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setFileMode(QFileDialog::ExistingFile);
  dialog->setNameFilters(
      {tr("Annotations of QuPath and ASAP, and masks (*.geojson *.json *.gz *.zip *.xml *.png *.tif *.tiff)"),
       tr("All files (*)")});
  connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& file) {
    if (studio_->annotations()) studio_->annotations()->import_file(file.toStdString());
  });
  dialog->open();
}

void AnnotationPanel::export_annotations() {
  const auto slide = studio_->current();
  if (!slide) return;
  auto* dialog = new QFileDialog(this, tr("Export annotations"));
  dialog->setObjectName("export_annotations_dialog");
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setAcceptMode(QFileDialog::AcceptSave);
  dialog->setNameFilters({tr("GeoJSON of QuPath (*.geojson)"), tr("XML of ASAP (*.xml)")});
  dialog->selectFile(QString::fromStdString(slide->path().stem().string()) + ".geojson");
  connect(dialog, &QFileDialog::fileSelected, this, [this, dialog](const QString& file) {
    std::filesystem::path target = file.toStdString();
    if (!target.has_extension()) target += dialog->selectedNameFilter().contains("xml") ? ".xml" : ".geojson";
    if (studio_->annotations()) studio_->annotations()->export_file(target);
  });
  dialog->open();
}

void AnnotationPanel::export_labels() {
  auto* dialog = new QFileDialog(this, tr("Folder for the mask and the labelled tiles"));
  dialog->setObjectName("export_labels_dialog");
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setFileMode(QFileDialog::Directory);
  dialog->setOption(QFileDialog::ShowDirsOnly);
  connect(dialog, &QFileDialog::fileSelected, this,
          [this](const QString& folder) { studio_->export_labels(folder.toStdString(), {}); });
  dialog->open();
}

void AnnotationPanel::export_region() {
  const auto slide = studio_->current();
  if (!slide) return;
  auto* dialog = new QFileDialog(this, tr("Save the region as an image"));
  dialog->setObjectName("export_region_dialog");
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setAcceptMode(QFileDialog::AcceptSave);
  dialog->setNameFilters({tr("Pyramidal TIFF (*.tif)")});
  dialog->setDefaultSuffix("tif");
  dialog->selectFile(QString::fromStdString(slide->path().stem().string()) + "-region.tif");
  connect(dialog, &QFileDialog::fileSelected, this,
          [this](const QString& file) { studio_->export_region(file.toStdString(), 0); });
  dialog->open();
}

}  // namespace gui
