#pragma once

#include <QString>
#include <filesystem>
#include <optional>
#include <string>

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
