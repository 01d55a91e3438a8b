#pragma once

#include <string>
#include <vector>

#include "app/report/report_model.h"
#include "app/workflows/segment_finding.h"

namespace report {

/// What a segmentation's report says in words.
[[nodiscard]] std::string segment_headline(const workflows::SegmentFinding& finding);
[[nodiscard]] std::string segment_explanation(const workflows::SegmentFinding& finding);
/// A line per measurement; the same in two units in one line.
[[nodiscard]] std::vector<Fact> segment_findings(const workflows::SegmentFinding& finding);
/// A colour per class but the background.
[[nodiscard]] std::vector<LegendEntry> segment_legend(const workflows::SegmentFinding& finding);

}  // namespace report
