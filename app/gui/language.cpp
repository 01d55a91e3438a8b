#include "app/gui/language.h"

#include <QApplication>
#include <QLibraryInfo>
#include <QLocale>
#include <QTranslator>

// The resources of a static library must be asked for, and not from inside a namespace.
static void load_translations() {
  Q_INIT_RESOURCE(translations);
}

namespace gui {

void install_language(QApplication& application, const QString& language) {
  load_translations();
  const QLocale locale = language == "system" ? QLocale::system() : QLocale(language);
  // English too: Qt Linguist's file for it holds the plurals.
  for (const auto& [name, folder] :
       {std::pair{QStringLiteral("tessera"), QStringLiteral(":/translations")},
        std::pair{QStringLiteral("qtbase"), QLibraryInfo::path(QLibraryInfo::TranslationsPath)}}) {
    auto* words = new QTranslator(&application);
    if (words->load(locale, name, QStringLiteral("_"), folder)) {
      QApplication::installTranslator(words);
    } else {
      delete words;
    }
  }
}

}  // namespace gui
