#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "imaging/base/image.h"
#include "imaging/base/job.h"
#include "models/adaptation/adapt_options.h"
#include "models/adaptation/adapter.h"
#include "models/adaptation/monitors.h"
#include "models/runtime/model_package.h"

namespace models {

/// Unlabelled pictures of one target: a scanner, a clinic, a modality.
struct AdaptTarget {
  std::vector<std::string> names;
  std::function<imaging::ImageF(std::size_t)> read;  ///< as PixelSource::read gives them, cut to the field
                                                     ///< where the package says so
  std::string sha256;                                ///< of the files, for the record
};

struct AdaptRun {
  AdaptOptions options = {};
  GuardOptions guard = {};
  std::uint64_t seed = 0;
  std::string device = "cpu";
  std::filesystem::path checkpoint = {};  ///< where a stopped run goes on; empty: nowhere
  std::string name = {};                  ///< of the new package; empty: its folder's
};

/// A watched picture, before and after, at the size the network saw.
struct AdaptPicture {
  std::string name;
  imaging::Image8 source, adapted;  ///< labels
};

struct AdaptResult {
  std::vector<AdaptStep> log;
  MonitorReading source, adapted;
  GuardVerdict verdict;
  bool is_rolled_back = false;
  std::int64_t stopped_at = 0;         ///< steps done; fewer than planned where a monitor tripped on the way
  std::vector<std::string> left_out;   ///< a sentence per picture
  std::vector<AdaptPicture> pictures;  ///< the watched ones; `adapted` as the strategy answers, also where it
                                       ///< was rolled back
  std::string package_sha256;
};

/// Adapts a segmenter to a target and writes it as a new package that names its parent, the target's hash and
/// the settings. Where a monitor trips, the package holds the source again (or, with `warn`, says so).
///
/// The same package, target, options, seed and threads give the same weights, whether or not the run was
/// stopped on the way. Nothing appears at `out` before all is done.
///
/// Stages reported to `job`: "watching", "adapting", "collecting", in pictures or steps.
/// @throws Error  `incompatible` where the network has no batch norm, or the checkpoint is another run's;
/// `insufficient_data` where too few pictures are left; `invalid_argument` where `out` exists; Cancelled.
/// @par Reference  [liu2021], [you2021], [tomar2024], [klingner2022]
[[nodiscard]] AdaptResult adapt_segmenter(const ModelPackage& source, const AdaptTarget& target,
                                          const AdaptRun& run, const std::filesystem::path& out,
                                          const imaging::JobContext& job);

}  // namespace models
