#include "app/viewmodels/preferences.h"

#include <QSettings>
#include <algorithm>

#include "imaging/base/files.h"

namespace viewmodels {
namespace {

constexpr int kMostRecent = 10;
constexpr int kCacheMib = 512, kLeastCacheMib = 64, kMostCacheMib = 65536;

QSettings settings() {
  return {QSettings::IniFormat, QSettings::UserScope, "Tessera", "Studio"};
}

QString scale_key(const std::filesystem::path& slide) {
  std::error_code ignored;  // a file that vanished has no remembered scale
  const auto size = std::filesystem::file_size(slide, ignored);
  const auto name = std::filesystem::absolute(slide).string() + '\n' + std::to_string(size);
  return "scale/" + QString::fromStdString(imaging::sha256_of(name).substr(0, 32));
}

}  // namespace

std::optional<std::filesystem::path> Preferences::results_folder() const {
  const auto folder = settings().value("results_folder").toString();
  return folder.isEmpty() ? std::nullopt : std::optional{std::filesystem::path{folder.toStdString()}};
}

void Preferences::set_results_folder(const std::optional<std::filesystem::path>& folder) {
  auto store = settings();
  if (folder) {
    store.setValue("results_folder", QString::fromStdString(folder->string()));
  } else {
    store.remove("results_folder");
  }
}

QString Preferences::open_folder() const {
  return settings().value("open_folder").toString();
}

void Preferences::set_open_folder(const QString& folder) {
  settings().setValue("open_folder", folder);
}

QStringList Preferences::recent_projects() const {
  return settings().value("recent_projects").toStringList();
}

void Preferences::add_recent_project(const QString& folder) {
  auto folders = recent_projects();
  folders.removeAll(folder);
  folders.prepend(folder);
  while (folders.size() > kMostRecent) folders.removeLast();
  settings().setValue("recent_projects", folders);
}

int Preferences::cache_mib() const {
  return std::clamp(settings().value("cache_mib", kCacheMib).toInt(), kLeastCacheMib, kMostCacheMib);
}

void Preferences::set_cache_mib(int mib) {
  settings().setValue("cache_mib", mib);
}

workflows::RuntimeOptions Preferences::runtime() const {
  workflows::RuntimeOptions runtime;
  const auto store = settings();
  runtime.device = store.value("device", "auto").toString().toStdString();
  runtime.threads = std::clamp(store.value("threads", 0).toInt(), 0, 1024);
  return runtime;
}

void Preferences::set_runtime(const workflows::RuntimeOptions& runtime) {
  auto store = settings();
  store.setValue("device", QString::fromStdString(runtime.device));
  store.setValue("threads", static_cast<int>(runtime.threads));
}

QString Preferences::theme() const {
  return settings().value("theme", "system").toString();
}

void Preferences::set_theme(const QString& theme) {
  settings().setValue("theme", theme);
}

QString Preferences::language() const {
  return settings().value("language", "system").toString();
}

void Preferences::set_language(const QString& language) {
  settings().setValue("language", language);
}

std::vector<std::pair<QString, std::string>> Preferences::adapted_models() const {
  std::vector<std::pair<QString, std::string>> models;
  const auto kept = settings().value("adapted_models").toStringList();  // name, package, name, ...
  for (qsizetype i = 0; i + 1 < kept.size(); i += 2) models.emplace_back(kept[i], kept[i + 1].toStdString());
  return models;
}

void Preferences::add_adapted_model(const QString& name, const std::string& package) {
  remove_adapted_model(package);
  auto kept = settings().value("adapted_models").toStringList();
  kept.prepend(QString::fromStdString(package));
  kept.prepend(name);
  settings().setValue("adapted_models", kept.mid(0, 2 * kMostRecent));
}

void Preferences::remove_adapted_model(const std::string& package) {
  QStringList kept;
  for (const auto& [name, other] : adapted_models()) {
    if (other != package) kept << name << QString::fromStdString(other);
  }
  settings().setValue("adapted_models", kept);
}

QByteArray Preferences::window_geometry() const {
  return settings().value("window_geometry").toByteArray();
}

QByteArray Preferences::window_state() const {
  return settings().value("window_state").toByteArray();
}

void Preferences::set_window(const QByteArray& geometry, const QByteArray& state) {
  auto store = settings();
  store.setValue("window_geometry", geometry);
  store.setValue("window_state", state);
}

QString Preferences::reviewer() const {
  return settings().value("reviewer").toString();
}

void Preferences::set_reviewer(const QString& name) {
  settings().setValue("reviewer", name);
}

std::optional<std::string> Preferences::scale_of(const std::filesystem::path& slide) const {
  const auto value = settings().value(scale_key(slide)).toString();
  return value.isEmpty() ? std::nullopt : std::optional{value.toStdString()};
}

void Preferences::set_scale_of(const std::filesystem::path& slide, const std::string& mpp) {
  settings().setValue(scale_key(slide), QString::fromStdString(mpp));
}

std::filesystem::path output_folder(const std::filesystem::path& slide,
                                    const std::optional<std::filesystem::path>& results_folder) {
  const auto absolute = std::filesystem::absolute(slide);
  if (!results_folder) return absolute.parent_path() / "Tessera results" / absolute.filename();
  return *results_folder /
         (absolute.filename().string() + "-" + imaging::sha256_of(absolute.string()).substr(0, 6));
}

}  // namespace viewmodels
