#include "app/workflows/retina_evidence.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "app/workflows/retina_lesions.h"
#include "imaging/fundus/field_of_view.h"
#include "models/runtime/metrics.h"

namespace workflows {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array kKinds{"microaneurysms", "haemorrhages",       "hard_exudates",          "soft_exudates",
                            "irma",           "neovascularisation", "preretinal_haemorrhages"};
constexpr double kNear = 0.05;  // of the crop's side: a tenth of the radius

/// All lesions of a photograph as one RGB picture of its size, 255 on a lesion. Empty where there are none.
imaging::Image8 lesions_of(const std::filesystem::path& masks, const RetinaPhotograph& photograph,
                           imaging::SizeI size) {
  imaging::Image8 all;
  for (const char* kind : kKinds) {
    const auto mask = read_lesion_mask(masks, kind, photograph.lesion_name, size);
    if (mask.empty()) continue;
    if (all.empty()) all = imaging::Image8(size.width, size.height, 3);
    for (std::size_t i = 0; i < mask.values().size(); ++i) {
      if (mask.values()[i] > 0) std::fill_n(all.data() + 3 * i, 3, std::uint8_t{255});
    }
  }
  return all;
}

/// The map's value at a pixel of the crop, bilinear between the centres of its cells.
double value_at(const models::EvidenceMap& map, double x, double y) {
  const auto place = [](double at, double start, double length, std::int64_t cells) {
    return std::clamp((at - start) / length * static_cast<double>(cells) - 0.5, 0.0,
                      static_cast<double>(cells - 1));
  };
  const double column = place(x, map.box.x, map.box.width, map.values.width());
  const double row = place(y, map.box.y, map.box.height, map.values.height());
  const auto left = static_cast<std::int64_t>(column), top = static_cast<std::int64_t>(row);
  const auto right = std::min(left + 1, map.values.width() - 1),
             bottom = std::min(top + 1, map.values.height() - 1);
  const double u = column - static_cast<double>(left), v = row - static_cast<double>(top);
  const auto at = [&](std::int64_t i, std::int64_t j) {
    return static_cast<double>(*map.values.pixel(i, j));
  };
  return (1 - v) * ((1 - u) * at(left, top) + u * at(right, top)) +
         v * ((1 - u) * at(left, bottom) + u * at(right, bottom));
}

struct Scored {
  bool is_hit = false;
  double chance = 0;
  std::optional<double> auc = {};
};

std::optional<Scored> score_one(const models::EvidenceMap& map, const models::FieldPicture& picture,
                                const imaging::Image8& lesions) {
  const auto side = lesions.width();
  std::vector<double> values;
  std::vector<std::int64_t> positives;
  std::vector<std::pair<std::int64_t, std::int64_t>> places, spots;
  for (std::int64_t y = 0; y < side; y += 2) {
    for (std::int64_t x = 0; x < side; x += 2) {
      if (*picture.mask.pixel(x, y) <= 127) continue;
      values.push_back(value_at(map, static_cast<double>(x) + 0.5, static_cast<double>(y) + 0.5));
      positives.push_back(*lesions.pixel(x, y) > 0 ? 1 : 0);
      places.emplace_back(x, y);
      if (positives.back() == 1) spots.emplace_back(x, y);
    }
  }
  if (spots.empty()) return std::nullopt;
  const double near = kNear * static_cast<double>(side);
  const auto is_near = [&](const std::pair<std::int64_t, std::int64_t>& place) {
    return std::any_of(spots.begin(), spots.end(), [&](const auto& spot) {
      return std::hypot(static_cast<double>(spot.first - place.first),
                        static_cast<double>(spot.second - place.second)) <= near;
    });
  };
  const auto best = std::max_element(values.begin(), values.end()) - values.begin();
  Scored scored{.is_hit = values[static_cast<std::size_t>(best)] > 0 &&
                          is_near(places[static_cast<std::size_t>(best)])};
  constexpr std::size_t kStep = 16;  // the chance needs no more than a sample
  std::size_t seen = 0, hits = 0;
  for (std::size_t i = 0; i < places.size(); i += kStep) {
    ++seen;
    hits += is_near(places[i]) ? 1 : 0;
  }
  scored.chance = static_cast<double>(hits) / static_cast<double>(seen);
  scored.auc = models::roc_auc(values, positives);
  return scored;
}

}  // namespace

Json score_evidence(models::RetinaGrader& grader, const std::vector<RetinaPhotograph>& photographs,
                    const std::filesystem::path& masks, const RetinaPictures& pictures,
                    const imaging::JobContext& job) {
  std::int64_t cases = 0, hits = 0, measured = 0, done = 0;
  double chance = 0, auc = 0;
  for (const auto& photograph : photographs) {
    job.checkpoint("evidence", done++, std::ssize(photographs));
    if (!photograph.has_lesions) continue;
    const auto pixels = pictures.photograph(photograph);
    const auto lesions = lesions_of(masks, photograph, {pixels.width(), pixels.height()});
    if (lesions.empty()) continue;
    const auto field = imaging::find_field_of_view(pixels);
    auto crop = imaging::crop_to_field(pixels, field, grader.crop_size());
    const models::FieldPicture picture{std::move(crop.image), std::move(crop.mask)};
    const auto scored = score_one(grader.evidence(picture), picture,
                                  imaging::crop_to_field(lesions, field, grader.crop_size()).image);
    if (!scored) continue;
    ++cases;
    hits += scored->is_hit ? 1 : 0;
    chance += scored->chance;
    if (!scored->auc) continue;
    ++measured;
    auc += *scored->auc;
  }
  if (cases == 0) return {};
  const auto n = static_cast<double>(cases);
  return {{"photographs", cases},
          {"pointing", static_cast<double>(hits) / n},
          {"pointing_chance", chance / n},
          {"auc", measured > 0 ? Json(auc / static_cast<double>(measured)) : Json()}};
}

}  // namespace workflows
