#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/workflows/fundus_finding.h"
#include "app/workflows/segment_finding.h"
#include "imaging/base/geometry.h"
#include "imaging/raster/score_raster.h"
#include "imaging/slide/slide_reader.h"
#include "imaging/tissue/tissue_mask.h"

namespace workflows {

/// One tile of the top list.
struct TopTile {
  std::int64_t number = 0;  ///< row in features.h5
  imaging::RectD rect_l0;
  std::vector<float> scores;  ///< K raw scores of this tile
  std::string image;          ///< file inside the case folder, "top_tiles/01.png"
};

struct CorruptTileEntry {
  std::int64_t column = 0;
  std::int64_t row = 0;
  std::string reason;
};

/// All that is said of one analysed input: the content of result.json ("tessera.result/1"). Holds no date,
/// timing, absolute path or host, so the window and the command line write the same bytes.
struct CaseResult {
  std::string case_name;
  std::optional<std::string> patient, laterality, label, site;
  std::string kind = "slide";   ///< slide | fundus
  std::string status = "done";  ///< done | degraded | failed
  std::string reason_code;      ///< ErrorCode name where failed, else empty
  std::string reason;           ///< one sentence where failed or degraded, else empty

  std::string file;  ///< relative to the input folder
  std::string sha256;
  std::uint64_t size_bytes = 0;
  std::string reader, reader_version, vendor;
  imaging::SizeI size_l0;
  std::optional<imaging::SlideScale> scale;

  std::string model_name, model_sha256, model_architecture;
  std::string model_intended_use, model_limitations;  ///< as its manifest says
  std::string model_training_data;                    ///< the same; empty where it says nothing
  nlohmann::ordered_json model_calibration;           ///< the same; null where it says nothing
  std::string encoder_name, encoder_sha256;
  nlohmann::ordered_json stain;  ///< SlideStain::record; null where the encoder asks for none
  double tile_mpp = 0;
  std::int64_t tile_px = 0, overlap_px = 0;
  std::int64_t grid_columns = 0, grid_rows = 0;
  imaging::PointD tile_side_l0, tile_stride_l0;
  double tissue_fraction = 0;
  imaging::TissueRejections tissue_rejected;  ///< shares of what would be tissue otherwise

  std::optional<std::string> verdict;  ///< the class that the model decides for, or kAbstained
  std::string likeliest;               ///< what the verdict is, or would be without the abstention
  std::string abstention;              ///< why the model abstains; empty where it decides
  std::optional<double> ood;           ///< out-of-distribution score, where the package has one
  nlohmann::ordered_json decision;     ///< DecisionRule::to_json
  std::vector<std::pair<std::string, double>> probabilities;  ///< in the model's class order
  std::vector<std::pair<std::string, double>> logits;
  std::int64_t tiles = 0;  ///< scored
  std::string score_kind;
  std::vector<std::string> score_names;
  std::vector<std::pair<float, float>> score_ranges;  ///< per score name, smallest and largest
  std::vector<TopTile> top_tiles;                     ///< best first
  std::vector<CorruptTileEntry> corrupt_tiles;
  std::vector<std::string> warnings;
  nlohmann::ordered_json options = nlohmann::ordered_json::object();
  std::vector<std::pair<std::string, std::string>> versions;  ///< library, version
  std::optional<FundusFinding> fundus;         ///< of a photograph of the retina, once it is read
  std::optional<SegmentFinding> segmentation;  ///< what a segmenter found; such a case has no verdict

  /// The class whose probability and scores are shown.
  [[nodiscard]] std::string shown_class() const {
    return likeliest.empty() ? verdict.value_or("") : likeliest;
  }
};

[[nodiscard]] nlohmann::ordered_json to_json(const CaseResult& result);
/// @throws Error `corrupt_data` naming the missing key, or another schema.
[[nodiscard]] CaseResult case_result_from_json(const nlohmann::json& json);

/// Files of OUT/cases/<case>. The report and the window read a case from here and from nowhere else.
struct CaseFolder {
  std::filesystem::path path;
  [[nodiscard]] std::filesystem::path result() const { return path / "result.json"; }
  [[nodiscard]] std::filesystem::path features() const { return path / "features.h5"; }
  [[nodiscard]] std::filesystem::path attention() const { return path / "attention.ome.tif"; }
  [[nodiscard]] std::filesystem::path overlay() const {
    return path / "overlay.png";
  }  ///< thumbnail with heatmap
  [[nodiscard]] std::filesystem::path thumbnail() const {
    return path / "thumbnail.png";
  }  ///< the whole slide, at most 1600 px
  [[nodiscard]] std::filesystem::path tiles_geojson() const { return path / "tiles.geojson"; }
  [[nodiscard]] std::filesystem::path tissue_geojson() const { return path / "tissue.geojson"; }
  [[nodiscard]] std::filesystem::path report_html() const { return path / "report.html"; }
  [[nodiscard]] std::filesystem::path report_pdf() const { return path / "report.pdf"; }

  /// @throws Error `not_found`, `corrupt_data`.
  [[nodiscard]] CaseResult read_result() const;
  void write_result(const CaseResult& result) const;
  /// attention.ome.tif with its place and exact size in level-0 pixels, which the file does not hold.
  /// @param result  of this folder
  /// @throws Error as read_ome_tiff.
  [[nodiscard]] imaging::ScoreRaster read_scores(const CaseResult& result) const;
};

/// Writes the reports of finished cases and of their run. Injected by the front ends, so that workflows needs
/// no Qt.
class ReportWriter {
 public:
  virtual ~ReportWriter() = default;
  /// @param printed_date  as it shall stand on the report, e.g. "2026-11-23 14:05"
  /// @throws Error `io_error`, `corrupt_data`.
  virtual void write(const CaseFolder& folder, const std::string& printed_date) const = 0;
  /// What concerns a whole run: OUT/report.html, and OUT/patients/<patient>/report.html and .pdf of patients
  /// with photographs of both eyes.
  /// @param out  holds run.json and cases/
  /// @throws Error `io_error`, `corrupt_data`.
  virtual void write_run(const std::filesystem::path& out, const std::string& printed_date) const = 0;
};

}  // namespace workflows
