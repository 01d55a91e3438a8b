#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "app/workflows/case_folder.h"
#include "app/workflows/corrupt_tiles.h"
#include "app/workflows/decision.h"
#include "app/workflows/reading.h"
#include "app/workflows/segment_options.h"
#include "imaging/base/job.h"
#include "imaging/base/options.h"
#include "imaging/tissue/tissue_mask.h"

namespace workflows {

/// Options that every long command takes.
struct RuntimeOptions {
  std::string device = "auto";  ///< auto | cpu | cuda | cuda:N
  std::int64_t threads = 0;     ///< 0: all
  std::int64_t seed = 0;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, RuntimeOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("device", options.device, FieldInfo{.help = "Where networks run: auto, cpu, cuda or cuda:N"});
  field("threads", options.threads,
        FieldInfo{.help = "Threads of every pool together with decoding, 0 for all", .min = 0, .max = 1024});
  field("seed", options.seed,
        FieldInfo{.help = "Seed of everything random", .min = 0, .max = 9007199254740991});
}

/// Which files, and what is known of each.
struct InputOptions {
  std::vector<std::string> inputs;   ///< files or folders; not visited as a field
  std::vector<std::string> include;  ///< globs on the path relative to the input folder
  std::vector<std::string> exclude;
  std::optional<std::string> table;  ///< CSV: file, and any of case, patient, laterality, mpp, label, site
  std::optional<std::string> mpp;    ///< µm/px for all inputs, or "pixels"
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, InputOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("include", options.include, FieldInfo{.help = "Only files that match this glob; may be repeated"});
  field("exclude", options.exclude,
        FieldInfo{.help = "Leave out files that match this glob; may be repeated"});
  field("table", options.table,
        FieldInfo{.help = "CSV with a column file, and any of case, patient, laterality, mpp, label, site"});
  field("mpp", options.mpp,
        FieldInfo{.unit = "um/px", .help = "Scale of the inputs, or 'pixels' to work in level-0 pixels"});
}

struct AnalyzeOptions {
  std::int64_t overlap_px = 0;
  double min_tissue = 0.25;
  std::int64_t batch = 32;  ///< tiles per network call; part of the result's identity
  std::int64_t top_tiles = 8;
  CorruptTileOptions corrupt;
  bool allow_scale_mismatch = false;
  AbstentionOptions abstention;
  std::string colormap = "viridis";
  double opacity = 0.45;
  bool no_report = false;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, AnalyzeOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("overlap_px", options.overlap_px,
        FieldInfo{.unit = "px", .help = "Overlap of neighbouring tiles", .min = 0, .max = 4096});
  field("min_tissue", options.min_tissue,
        FieldInfo{.help = "Least share of tissue in a tile", .min = 0, .max = 1});
  field("batch", options.batch,
        FieldInfo{.unit = "tiles", .help = "Tiles per network call", .min = 1, .max = 4096});
  field("top_tiles", options.top_tiles, FieldInfo{.help = "Tiles in the top list", .min = 0, .max = 100});
  visit_fields(field, options.corrupt);
  field("allow_scale_mismatch", options.allow_scale_mismatch,
        FieldInfo{
            .help = "Run although the slide is coarser than the model was made for; recorded as a warning"});
  visit_fields(field, options.abstention);
  field("colormap", options.colormap, FieldInfo{.help = "Colours of the heatmap"});
  field("opacity", options.opacity,
        FieldInfo{.help = "Opacity of the heatmap in overlay.png", .min = 0, .max = 1});
  field("no_report", options.no_report, FieldInfo{.help = "Write no report.html and report.pdf"});
}

struct AnalyzeRequest {
  InputOptions inputs;
  std::string model;  ///< package folder, .tsr, or the name of an installed package
  std::optional<std::string>
      encoder;  ///< the same; default: the installed or neighbouring package whose sha256 the model names
  std::filesystem::path out;
  AnalyzeOptions options;
  imaging::TissueOptions tissue;
  SegmentOptions segment;  ///< of a segmenter
  models::SegmentTilingOptions segment_tiling;
  ReadingOptions reading;
  RuntimeOptions runtime;
};

/// One row of run.json and cohort.csv.
struct RunRow {
  std::string file = {}, case_name = {};
  std::string status = {};  ///< done | degraded | failed | skipped (done before, unchanged)
  std::string reason_code = {}, reason = {};
  std::optional<CaseResult> result = {};  ///< absent where failed before a result was made
  double seconds = 0;
};

struct RunSummary {
  std::filesystem::path out;
  std::vector<RunRow> rows;  ///< one per input, failures included, in input order
  [[nodiscard]] bool has_failures() const;
};

/// The main job: tile, encode, predict, explain, write, for every input. One bad input never stops the rest;
/// a case that is done and whose input, options and packages have not changed is skipped. run.json and
/// cohort.csv hold this run's inputs alone; folders of cases that an earlier run left in OUT stay, and a
/// warning counts them. Stages reported to
/// `job`: "slides" (done/total) and, within a slide, "tiles".
///
/// @param on_case  called after each input, on the calling thread; may be empty
/// @throws Error   only for what concerns the whole run (no inputs, bad package, OUT not writable);
/// Cancelled.
/// @par Memory     Flat in the slide's size but for features: 4 N D bytes.
RunSummary analyze(const AnalyzeRequest& request, const ReportWriter& reports,
                   const std::function<void(const RunRow&)>& on_case, const imaging::JobContext& job);

/// Removes what a killed run left half-written under OUT/cases. `analyze` does this first.
void remove_unfinished_cases(const std::filesystem::path& out);

}  // namespace workflows
