#include "imaging/phantom/fundus_phantom.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <nlohmann/json.hpp>

#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/base/options_json.h"
#include "imaging/base/random.h"
#include "imaging/phantom/detail/fundus_painter.h"
#include "imaging/raster/png.h"

namespace imaging {
namespace {

constexpr std::uint64_t kAim = 21;

detail::FundusFrame aim_camera(const FundusPhantomOptions& options, const FundusDomain& domain,
                               const detail::RetinaLayout& retina) {
  Random random(static_cast<std::uint64_t>(options.seed), kAim);
  const auto about = [&](double value, double spread) { return value + random.uniform(-spread, spread); };
  const auto width = static_cast<double>(domain.width);
  const auto height = static_cast<double>(domain.height);
  const double radius = domain.radius * height;
  const double slack = std::min(0.02 * height, std::max(2.0, 0.5 * height - radius));
  const double field = 0.5 * domain.field_degrees;
  const double aim = about(domain.aim, 0.1);
  const detail::RetinaPoint centre{static_cast<float>(aim * static_cast<double>(retina.disc.x)),
                                   static_cast<float>(about(aim * static_cast<double>(retina.disc.y), 1.2))};
  const detail::RetinaView view{centre, static_cast<float>(field),
                                static_cast<float>(std::min(1.0, 0.5 * height / radius) * field)};
  return {domain.width,
          domain.height,
          {about(0.5 * width, slack), about(0.5 * height, 0.3 * slack)},
          radius,
          options.laterality == "L",
          view};
}

const char* name_of(detail::LesionKind kind) {
  switch (kind) {
    case detail::LesionKind::microaneurysm:
      return "microaneurysms";
    case detail::LesionKind::haemorrhage:
      return "haemorrhages";
    case detail::LesionKind::hard_exudate:
      return "hard_exudates";
    case detail::LesionKind::soft_exudate:
      return "soft_exudates";
    case detail::LesionKind::preretinal_haemorrhage:
      return "preretinal_haemorrhages";
  }
  return "";
}

std::string truth_json(const FundusPhantom& phantom, const FundusPhantomOptions& options) {
  nlohmann::ordered_json json{
      {"schema", "tessera.fundus-phantom/1"},
      {"synthetic", true},
      {"grade", options.grade},
      {"laterality", options.laterality},
      {"domain", options.domain},
      {"width", phantom.photograph.width()},
      {"height", phantom.photograph.height()},
      {"field_of_view", {{"x", phantom.centre.x}, {"y", phantom.centre.y}, {"radius", phantom.radius}}},
      {"fovea", {{"x", phantom.fovea.x}, {"y", phantom.fovea.y}}},
      {"optic_disc", {{"x", phantom.disc.x}, {"y", phantom.disc.y}}},
      {"lesions", phantom.lesions},
      {"options", options_to_json(options)}};
  return json.dump(2) + "\n";
}

}  // namespace

FundusPhantom make_fundus_phantom(const FundusPhantomOptions& options) {
  check_options(options);
  const auto& domain = find_fundus_domain(options.domain);
  const auto seed = static_cast<std::uint64_t>(options.seed);
  auto retina = detail::make_retina(seed);
  const auto frame = aim_camera(options, domain, retina);
  const auto vessels = retina.vessels.size();
  detail::add_lesions(retina, static_cast<int>(options.grade), frame.view, seed);

  auto painted = detail::paint_fundus(retina, frame, domain,
                                      {options.blur, options.darkness, options.haze, options.partial}, seed);
  FundusPhantom phantom;
  phantom.jpeg = encode_jpeg(painted.photograph, domain.jpeg_quality);
  phantom.photograph = decode_image(phantom.jpeg);
  phantom.masks = std::move(painted.truth);
  phantom.centre = frame.centre;
  phantom.radius = frame.radius;
  phantom.fovea = frame.to_pixels({0, 0});
  phantom.disc = frame.to_pixels(retina.disc);
  for (const auto& lesion : retina.lesions) ++phantom.lesions[name_of(lesion.kind)];
  for (auto i = vessels; i < retina.vessels.size(); ++i) {
    ++phantom.lesions[retina.vessels[i].kind == detail::VesselKind::irma ? "irma" : "neovascularisation"];
  }
  return phantom;
}

void write_fundus_phantom(const std::filesystem::path& path, const FundusPhantomOptions& options) {
  auto extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const bool is_jpeg = extension == ".jpg" || extension == ".jpeg";
  if (!is_jpeg && extension != ".png") {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: a fundus phantom is written as .png, .jpg or .jpeg.", path.string()));
  }
  const auto phantom = make_fundus_phantom(options);
  auto truth = path;
  truth.replace_extension();
  truth += "-truth";
  for (const auto& [name, mask] : phantom.masks) write_png(truth / (name + ".png"), mask);
  auto json = path;
  write_file(json.replace_extension(".json"), truth_json(phantom, options));
  write_file(path, is_jpeg ? phantom.jpeg : encode_png(phantom.photograph));
}

}  // namespace imaging
