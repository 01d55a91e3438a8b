#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "app/workflows/analyze.h"
#include "app/workflows/decision.h"
#include "imaging/base/job.h"

namespace workflows {

struct CalibrateRequest {
  std::string model;  ///< slide classifier: package folder, .tsr, or the name of an installed package
  std::filesystem::path bags, labels;
  std::string group = "slide";   ///< as MilData
  std::filesystem::path out;     ///< new package, zipped where it ends in .tsr
  AbstentionOptions abstention;  ///< stored in the new package
  RuntimeOptions runtime;
};

/// Fits a temperature to bags that the model was not trained on and stores it in a new package, which names
/// its parent and says so on its card. A threshold of the parent moves with the probabilities, so that its
/// verdicts stay as they are.
/// @return  {"name", "sha256", "parent", "calibration", "threshold", "abstention", "failed"}
/// @throws Error `invalid_argument` where `out` exists; `insufficient_data` on fewer than 20 bags or one
/// class; as find_package, read_cohort, fit_temperature; Cancelled.
/// @par Reference  [guo2017]
nlohmann::ordered_json calibrate_model(const CalibrateRequest& request, const imaging::JobContext& job);

struct SoupRequest {
  std::vector<std::string> models;  ///< two or more of one architecture, classes and encoder
  bool greedy = false;              ///< take in only what raises the accuracy on bags; needs bags, labels
  std::optional<std::filesystem::path> bags, labels;
  std::string group = "slide";
  std::filesystem::path out;
  RuntimeOptions runtime;
};

/// Averages the weights of slide classifiers: all of them alike, or greedily, the best first, each kept only
/// where the soup's accuracy on the held-out bags rises. The new package names its ingredients; it
/// has no calibration and no threshold, since those of the ingredients are not its own.
/// @return  {"name", "sha256", "ingredients", "left_out", "metrics"}
/// @throws Error as check_soup_members; `invalid_argument` on fewer than two, where `out` exists, or greedy
/// without bags and labels; Cancelled.
/// @par Reference  [wortsman2022]
nlohmann::ordered_json soup_models(const SoupRequest& request, const imaging::JobContext& job);

}  // namespace workflows
