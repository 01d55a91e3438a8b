#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/workflows/case_folder.h"
#include "imaging/base/image.h"
#include "imaging/raster/colormap.h"

namespace report {

inline constexpr std::string_view kTitle = "Tessera analysis report";

/// One line of a table. `code` is set in a fixed-width face below the value: a hash.
struct Fact {
  std::string name;
  std::string value;
  std::string code = "";
};

struct ClassBar {
  std::string name;
  double probability = 0;  ///< 0 to 1
  std::string percent;     ///< as printed: "97.3 %"
  bool is_verdict = false;
};

struct ScaleBar {
  double share = 0;   ///< of the picture's width, 0 to 1
  std::string label;  ///< "500 µm"; "500 px" where the scale is not known
};

/// What a colour of a painted picture stands for.
struct LegendEntry {
  std::array<std::uint8_t, 3> colour{};  ///< RGB
  std::string name;
};

/// The overview, plain and with the scores painted over it, and what is needed to read the colours.
struct Overview {
  imaging::Image8 plain;  ///< RGB, the whole slide or photograph
  std::string plain_title = "Overview";
  std::string plain_alternative = "Overview of the whole slide.";  ///< for who cannot see the picture
  imaging::Image8 heatmap;  ///< same size; empty where nothing was scored, and so is what follows
  std::optional<ScaleBar> scale_bar;
  const imaging::Colormap* colours = nullptr;  ///< of a heatmap; null where there is a legend
  std::vector<LegendEntry> legend;             ///< of masks, a colour per class
  std::string low, middle, high;               ///< raw scores at the bottom, middle and top of the colour bar
  std::string score_title;                     ///< "Attention"
  std::string score_sentence;                  ///< what the score means
};

struct TileCard {
  std::int64_t rank = 0;  ///< 1 is the best
  imaging::Image8 image;  ///< RGB
  std::string score;      ///< raw
  std::string relative;   ///< "5.1 x the average tile"; empty for scores that are no shares
  std::string position;   ///< level-0 pixels of the top left corner
};

/// What a patient's page says of one photograph.
struct EyeColumn {
  std::string case_name;
  std::string headline, explanation;  ///< as ReportModel
  std::vector<ClassBar> classes;
  std::vector<Fact> findings;
  std::optional<Overview> overview;  ///< absent for a failed case
  std::vector<std::string> warnings;
};

/// Both eyes as a clinician who faces the patient sees them: the right one on the left.
struct EyeRow {
  std::optional<EyeColumn> right, left;
};

/// A case as both writers print it: every word and number is decided here, the writers only set it.
struct ReportModel {
  std::string case_name;
  std::string printed_date;
  std::string status;          ///< done | degraded | failed
  std::string status_word;     ///< the same for the badge: "Done"
  std::string status_reason;   ///< one sentence; empty where done
  std::string headline;        ///< the verdict, or that there is none
  std::string explanation;     ///< the verdict in plain words, or what to do
  std::vector<Fact> identity;  ///< patient, laterality, label, site: only what was given
  std::vector<Fact> input;
  std::vector<ClassBar> classes;
  std::vector<Fact> findings;  ///< what follows from the probabilities: of a photograph of the retina
  std::vector<std::string> warnings;
  std::optional<Overview> overview;  ///< absent for a failed case and for a patient
  std::vector<EyeRow> eyes;          ///< of a patient only
  std::vector<TileCard> tiles;
  std::string tiles_title;
  std::vector<Fact> provenance;
};

/// A probability with one decimal, never rounded to certainty or to impossibility: "97.3 %", "> 99.9 %".
[[nodiscard]] std::string percent_text(double probability);

/// Reads result.json, thumbnail.png, attention.ome.tif and top_tiles/ of a finished case, and nothing else;
/// an ungradable photograph has no attention.ome.tif.
///
/// A failed case may lack everything but result.json.
/// @throws imaging::Error  `not_found` if a picture is missing; `corrupt_data` if one does not decode or the
/// scores
///                         hold no finite value.
[[nodiscard]] ReportModel read_report_model(const workflows::CaseFolder& folder,
                                            const std::string& printed_date);

}  // namespace report
