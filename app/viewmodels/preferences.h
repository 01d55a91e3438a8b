#pragma once

#include <QByteArray>
#include <QString>
#include <QStringList>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/workflows/analyze.h"

namespace viewmodels {

/// What the studio remembers between runs, in the user's configuration folder. The GUI thread only.
class Preferences {
 public:
  /// Where results go; absent: a folder "Tessera results" beside each slide.
  [[nodiscard]] std::optional<std::filesystem::path> results_folder() const;
  void set_results_folder(const std::optional<std::filesystem::path>& folder);

  /// The folder the open dialog starts in.
  [[nodiscard]] QString open_folder() const;
  void set_open_folder(const QString& folder);

  /// Project folders, the newest first; at most ten.
  [[nodiscard]] QStringList recent_projects() const;
  void add_recent_project(const QString& folder);

  /// Memory for tiles, in MiB; from the next start.
  [[nodiscard]] int cache_mib() const;
  void set_cache_mib(int mib);
  /// Threads and device of analyses, as the command line takes them.
  [[nodiscard]] workflows::RuntimeOptions runtime() const;
  void set_runtime(const workflows::RuntimeOptions& runtime);
  /// "system", "light" or "dark".
  [[nodiscard]] QString theme() const;
  void set_theme(const QString& theme);
  /// "system", "en" or "de"; from the next start.
  [[nodiscard]] QString language() const;
  void set_language(const QString& language);
  /// Adapted segmenters that are analysed with, name and package, the newest first.
  [[nodiscard]] std::vector<std::pair<QString, std::string>> adapted_models() const;
  void add_adapted_model(const QString& name, const std::string& package);
  void remove_adapted_model(const std::string& package);
  /// Where the window was and how its parts lay, as QMainWindow saves it; empty at first.
  [[nodiscard]] QByteArray window_geometry() const;
  [[nodiscard]] QByteArray window_state() const;
  void set_window(const QByteArray& geometry, const QByteArray& state);
  /// Who signs reports off.
  [[nodiscard]] QString reviewer() const;
  void set_reviewer(const QString& name);

  /// The scale the user gave for this file, as `--mpp` takes it. A file is known by a hash of its path and
  /// its size.
  [[nodiscard]] std::optional<std::string> scale_of(const std::filesystem::path& slide) const;
  void set_scale_of(const std::filesystem::path& slide, const std::string& mpp);
};

/// The output folder of one slide's analysis: a folder with the file's name inside the results folder. Inside
/// a results folder that slides of several folders share, six hex digits of the path's hash tell files of one
/// name apart.
[[nodiscard]] std::filesystem::path output_folder(const std::filesystem::path& slide,
                                                  const std::optional<std::filesystem::path>& results_folder);

}  // namespace viewmodels
