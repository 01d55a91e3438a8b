#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "imaging/base/geometry.h"
#include "imaging/base/random.h"

namespace imaging::detail {

/// The retinal frame: degrees of visual angle, origin at the fovea, x towards the optic disc (nasal), y down.
/// A right eye's photograph shows it as it is, a left eye's mirrored.
struct RetinaPoint {
  float x = 0;
  float y = 0;
};

enum class VesselKind { artery, vein, irma, neovascular };

struct VesselNode {
  RetinaPoint at;
  float width;  ///< degrees
};

struct RetinaVessel {
  VesselKind kind;
  std::vector<VesselNode> path;
};

enum class LesionKind {
  microaneurysm,
  haemorrhage,
  hard_exudate,
  soft_exudate,
  preretinal_haemorrhage,
};

/// A blob whose outline wobbles.
struct RetinaLesion {
  LesionKind kind;
  RetinaPoint at;
  float radius;   ///< degrees, along `angle`
  float aspect;   ///< radius across, in radii along
  float angle;    ///< radians
  float wobble;   ///< share of the radius
  float density;  ///< 0 to 1
  std::uint32_t seed;
};

/// The part of the retina that a photograph shows.
struct RetinaView {
  RetinaPoint centre;
  float radius;       ///< degrees
  float half_height;  ///< degrees; below the radius where the frame cuts the disc
};

/// One eye. The anatomy depends on the seed alone; the lesions lie where the view shows them.
struct RetinaLayout {
  RetinaPoint disc;
  float disc_radius;
  float disc_aspect;  ///< vertical over horizontal
  RetinaPoint cup;
  float cup_ratio;  ///< of the disc's radius
  float pigment;    ///< brightness of the fundus, about 1
  float redness;    ///< about 0
  float tessellation;
  std::vector<RetinaVessel> vessels;
  std::vector<RetinaLesion> lesions;
};

/// Optic disc and vessels.
[[nodiscard]] RetinaLayout make_retina(std::uint64_t seed);

/// Adds what makes the grade, within the view (ICDR: see FundusPhantomOptions).
void add_lesions(RetinaLayout& retina, int grade, const RetinaView& view, std::uint64_t seed);

}  // namespace imaging::detail
