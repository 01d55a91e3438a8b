#include "app/workflows/stain.h"

#include <fmt/format.h>

#include "app/workflows/run_environment.h"
#include "imaging/base/error.h"
#include "imaging/stain/stain_sample.h"

namespace workflows {

using imaging::Error;
using imaging::ErrorCode;
using imaging::StainProfile;

std::optional<StainProfile> stain_target_of(const StainOptions& options, const SlideSource& source,
                                            const imaging::JobContext& job) {
  imaging::check_options(options);
  if (options.stain_method == "none") {
    if (options.stain_target) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("The stain target '{}' is given without a method; add --stain-method macenko, "
                              "vahadane or reinhard.",
                              *options.stain_target));
    }
    return std::nullopt;
  }
  if (!options.stain_target) {
    if (auto published = imaging::find_stain_method(options.stain_method).published_target())
      return published;
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("The stain method '{}' has no published target; give an image with --stain-target.",
                    options.stain_method));
  }
  const auto reader = source.open(*options.stain_target, job);
  const auto pixels = imaging::sample_image_pixels(*reader);
  try {
    return imaging::measure_stain(options.stain_method, pixels);
  } catch (const Error& error) {
    throw Error(error.code(),
                fmt::format("'{}' cannot be a stain target: {}", *options.stain_target, error.what()));
  }
}

std::optional<StainProfile> stain_target_of(const models::ModelPackage& package) {
  const auto found = package.manifest().find("stain_normalisation");
  if (found == package.manifest().end()) return std::nullopt;
  try {
    return imaging::stain_profile_from_json(*found);
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("Package {}: in manifest.json, 'stain_normalisation': {}",
                                          package.path().string(), error.what()));
  }
}

SlideStain measure_slide_stain(const imaging::SlideReader& reader, const imaging::TileGrid& grid,
                               const std::optional<StainProfile>& target) {
  return measure_slide_stain([&] { return imaging::sample_slide_pixels(reader, grid); }, target);
}

SlideStain measure_slide_stain(const std::function<imaging::Image8()>& sample,
                               const std::optional<StainProfile>& target) {
  SlideStain stain;
  if (!target) return stain;
  stain.record = {{"method", target->method}, {"applied", false}, {"target", imaging::to_json(*target)}};
  try {
    const auto profile = imaging::measure_stain(target->method, sample());
    stain.record["applied"] = true;
    stain.record["slide"] = imaging::to_json(profile);
    stain.normalizer.emplace(profile, *target);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::insufficient_data && error.code() != ErrorCode::corrupt_data) throw;
    stain.warnings.push_back(
        fmt::format("The stain was not normalised, so the tiles stay as they are: {}", error.what()));
  }
  return stain;
}

std::string stain_words(const nlohmann::ordered_json& record) {
  if (!record.is_object()) return {};
  return record.value("applied", false)
             ? fmt::format("normalised by {} to the encoder's target", record.value("method", ""))
             : "as scanned: it could not be normalised";
}

std::map<std::string, std::string> features_attributes(const models::ModelPackage& encoder,
                                                       const SlideStain& stain) {
  auto attributes = encoder_attributes(encoder);
  if (!stain.record.is_null()) attributes["stain_normalisation"] = stain.record.dump();
  return attributes;
}

}  // namespace workflows
