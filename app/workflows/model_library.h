#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "imaging/slide/slide_reader.h"

namespace workflows {

/// A package as people choose and judge it: facts of its manifest and the text of its card.
struct ModelCard {
  std::string name, task, architecture, sha256, licence, intended_use, limitations, training_data;
  std::filesystem::path path;
  std::vector<std::string> class_names;
  std::string takes = {};  ///< "slide" or "fundus"; empty: any picture
  double spacing_um_px =
      0;  ///< of the pixels it works on; a slide classifier's come from its encoder. 0: none
  double mpp_tolerance = 0;  ///< relative
  std::string stain = {};    ///< stain its tiles are brought to; empty for none
  std::vector<std::pair<std::string, double>> metrics = {};  ///< numbers that the manifest states
  std::string text;                                          ///< README.md
  std::string problem = {};   ///< why it cannot be used here, e.g. its encoder is missing; empty where it can
  bool is_removable = false;  ///< lies in the user's own folder
};

/// Reads a package and, of a slide classifier, its encoder. Checks every file's sha256.
/// @throws imaging::Error  as find_package
[[nodiscard]] ModelCard describe_model(const std::string& name_or_path);

/// Why the model refuses pixels of this scale, in one sentence with the numbers; absent where it takes them.
/// @param scale  absent where it is not known: refused, with the cure
[[nodiscard]] std::optional<std::string> find_misfit(const ModelCard& model,
                                                     const std::optional<imaging::SlideScale>& scale);

/// Where packages of the user's own are installed: $TESSERA_MODELS, else the user's data folder.
[[nodiscard]] std::filesystem::path user_model_folder();

/// Checks a package, copies it into user_model_folder() and checks the copy; whole or not at all.
/// @param source  a package's folder or .tsr
/// @return        where it lies now
/// @throws imaging::Error  as ModelPackage::open; `invalid_argument` where another package of that name is
/// installed there; `io_error`
std::filesystem::path install_model(const std::filesystem::path& source);

/// Removes a package from user_model_folder().
/// @throws imaging::Error  `not_found` where no package of that name lies there, naming where it does;
/// `io_error`
void remove_model(const std::string& name);

}  // namespace workflows
