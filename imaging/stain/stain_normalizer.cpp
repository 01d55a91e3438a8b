#include "imaging/stain/stain_normalizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "imaging/base/error.h"
#include "imaging/stain/detail/level_table.h"
#include "imaging/stain/macenko.h"
#include "imaging/stain/vahadane.h"

namespace imaging {
namespace {

using Json = nlohmann::ordered_json;
using detail::LevelTable;

constexpr double kStrengthPercentile = 0.95;
constexpr float kOwnShare = 2;           ///< a pixel shows one dye where there is this many times more of it
constexpr double kLeastStrength = 0.02;  ///< OD; less is noise, and dividing by it would make stain of it
constexpr double kLn10 = 2.302585092994046;

float percentile(std::vector<float>& values, double share) {
  const auto at =
      values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

/// Each dye on the pixels that are mostly its own: in dark nuclei the noise is as strong as the eosin.
template <typename AmountsOf>
std::array<double, 2> measure_strength(std::span<const Density> densities, const AmountsOf& amounts_of) {
  std::array<std::vector<float>, 2> amounts;
  for (const auto& od : densities) {
    const auto of_pixel = amounts_of(od);
    for (std::size_t k = 0; k < 2; ++k) {
      if (of_pixel[k] > kOwnShare * std::max(0.0F, of_pixel[1 - k])) amounts[k].push_back(of_pixel[k]);
    }
  }
  std::array<double, 2> strength{};
  for (std::size_t k = 0; k < 2; ++k) {
    strength[k] = amounts[k].empty() ? 0 : percentile(amounts[k], kStrengthPercentile);
    if (!(strength[k] >= kLeastStrength))
      throw Error(ErrorCode::insufficient_data,
                  fmt::format("The stained pixels hold no {}.", k == 0 ? "haematoxylin" : "eosin"));
  }
  return strength;
}

/// Least squares, as a function of one density.
auto linear_amounts(const StainVectors& stains) {
  return [inverse = pseudo_inverse(stains)](const Density& od) {
    std::array<float, 2> amounts{};
    for (std::size_t k = 0; k < 2; ++k) {
      amounts[k] = static_cast<float>(inverse[k][0]) * od[0] + static_cast<float>(inverse[k][1]) * od[1] +
                   static_cast<float>(inverse[k][2]) * od[2];
    }
    return amounts;
  };
}

StainProfile measure_macenko(const Image8& pixels) {
  const auto white = estimate_white_level(pixels);
  const auto densities = stained_densities(pixels, white, kStainedOd);
  const auto stains = estimate_macenko(densities);
  return {"macenko", white, DyeProfile{stains, measure_strength(densities, linear_amounts(stains))}};
}

StainProfile measure_vahadane(const Image8& pixels) {
  const auto white = estimate_white_level(pixels);
  const auto densities = stained_densities(pixels, white, kStainedOd);
  const auto stains = estimate_vahadane(densities);
  return {"vahadane", white,
          DyeProfile{stains, measure_strength(densities, SparseAmounts(stains, kVahadaneLambda))}};
}

StainProfile measure_reinhard(const Image8& pixels) {
  const auto white = estimate_white_level(pixels);
  return {"reinhard", white, measure_colours(pixels, white)};
}

/// The reference that Macenko's own code normalises to, its strengths in natural logarithms turned to OD.
std::optional<StainProfile> macenko_target() {
  return StainProfile{
      "macenko", {240, 240, 240}, DyeProfile{kMacenkoStains, {1.9705 / kLn10, 1.0308 / kLn10}}};
}

std::optional<StainProfile> no_target() {
  return std::nullopt;
}

constexpr std::array kMethods{StainMethod{"macenko", &measure_macenko, &macenko_target},
                              StainMethod{"vahadane", &measure_vahadane, &no_target},
                              StainMethod{"reinhard", &measure_reinhard, &no_target}};

Matrix3 multiply(const Matrix3& a, const Matrix3& b) {
  Matrix3 product{};
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      for (std::size_t k = 0; k < 3; ++k) product[i][j] += a[i][k] * b[k][j];
    }
  }
  return product;
}

std::array<Density, 3> to_float(const Matrix3& m) {
  std::array<Density, 3> result{};
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) result[i][j] = static_cast<float>(m[i][j]);
  }
  return result;
}

float dot(const Density& a, const Density& b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

}  // namespace

struct StainNormalizer::Impl {
  virtual ~Impl() = default;
  virtual void apply(Image8& tile) const = 0;
};

namespace {

/// density + (target stains x strengths' quotient - source stains) x amounts(density).
template <typename AmountsOf>
class DyeNormalizer final : public StainNormalizer::Impl {
 public:
  DyeNormalizer(const StainProfile& source, const StainProfile& target, AmountsOf amounts_of)
      : densities_(density_tables(source.white)),
        levels_{LevelTable(target.white[0]), LevelTable(target.white[1]), LevelTable(target.white[2])},
        amounts_of_(std::move(amounts_of)) {
    const auto& from = std::get<DyeProfile>(source.colours);
    const auto& to = std::get<DyeProfile>(target.colours);
    for (std::size_t k = 0; k < 2; ++k) {
      for (std::size_t c = 0; c < 3; ++c)
        change_[c][k] = static_cast<float>(to.stains.rows[k][c] * (to.strength[k] / from.strength[k]) -
                                           from.stains.rows[k][c]);
    }
  }

  void apply(Image8& tile) const override {
    std::uint8_t* p = tile.data();
    for (std::uint8_t* const end = p + tile.values().size(); p != end; p += 3) {
      const Density od{densities_[0][p[0]], densities_[1][p[1]], densities_[2][p[2]]};
      const auto amounts = amounts_of_(od);
      for (std::size_t c = 0; c < 3; ++c)
        p[c] = levels_[c](od[c] + change_[c][0] * amounts[0] + change_[c][1] * amounts[1]);
    }
  }

 private:
  std::array<std::array<float, 256>, 3> densities_;
  std::array<LevelTable, 3> levels_;
  AmountsOf amounts_of_;
  std::array<std::array<float, 2>, 3> change_;
};

class ReinhardNormalizer final : public StainNormalizer::Impl {
 public:
  ReinhardNormalizer(const StainProfile& source, const StainProfile& target)
      : densities_(density_tables(source.white)) {
    const auto& from = std::get<ColourStatistics>(source.colours);
    const auto& to = std::get<ColourStatistics>(target.colours);
    const auto& to_lab = log_lms_to_lab();
    Matrix3 scaled{}, back{};
    for (std::size_t i = 0; i < 3; ++i) {
      const double factor = to.deviation[i] / from.deviation[i];
      for (std::size_t j = 0; j < 3; ++j) {
        scaled[i][j] = factor * to_lab[i][j];
        back[j][i] = to_lab[i][j];
      }
    }
    const auto change = multiply(back, scaled);
    change_ = to_float(change);
    for (std::size_t i = 0; i < 3; ++i) {
      double shift = 0;
      for (std::size_t j = 0; j < 3; ++j)
        shift += back[i][j] * (to.mean[j] - to.deviation[j] / from.deviation[j] * from.mean[j]);
      shift_[i] = static_cast<float>(shift);
    }
    to_lms_ = to_float(rgb_to_lms());
    from_lms_ = to_float(invert(rgb_to_lms()));
    for (std::size_t c = 0; c < 3; ++c) glass_[c] = static_cast<float>(target.white[c] / source.white[c]);
    for (std::size_t i = 0; i < logarithms_.size(); ++i)
      logarithms_[i] = static_cast<float>(
          std::log10(std::max(1.0 / 3, static_cast<double>(i) / static_cast<double>(kLogSteps))));
    for (std::size_t i = 0; i < powers_.size(); ++i)
      powers_[i] = static_cast<float>(std::pow(
          10.0, static_cast<double>(i) / static_cast<double>(kPowerSteps) + static_cast<double>(kLeastLog)));
  }

  void apply(Image8& tile) const override {
    std::uint8_t* p = tile.data();
    for (std::uint8_t* const end = p + tile.values().size(); p != end; p += 3) {
      const Density rgb{static_cast<float>(p[0]), static_cast<float>(p[1]), static_cast<float>(p[2])};
      Density log_lms{}, lms{};
      for (std::size_t i = 0; i < 3; ++i) log_lms[i] = logarithm(dot(to_lms_[i], rgb));
      for (std::size_t i = 0; i < 3; ++i) lms[i] = power(dot(change_[i], log_lms) + shift_[i]);
      const float stained = stained_share({densities_[0][p[0]], densities_[1][p[1]], densities_[2][p[2]]});
      for (std::size_t c = 0; c < 3; ++c) {
        const float moved = dot(from_lms_[c], lms);
        const float level = stained * moved + (1 - stained) * rgb[c] * glass_[c];
        p[c] = static_cast<std::uint8_t>(std::clamp(level, 0.0F, 255.0F) + 0.5F);
      }
    }
  }

 private:
  static constexpr float kLogSteps = 16;     // entries a grey level
  static constexpr float kPowerSteps = 512;  // entries a decade
  static constexpr float kLeastLog = -0.5F;

  [[nodiscard]] float logarithm(float value) const {
    const float at = value * kLogSteps;
    const auto index = std::min(static_cast<std::size_t>(at), logarithms_.size() - 2);
    return logarithms_[index] +
           (at - static_cast<float>(index)) * (logarithms_[index + 1] - logarithms_[index]);
  }
  [[nodiscard]] float power(float exponent) const {
    const float at =
        std::clamp((exponent - kLeastLog) * kPowerSteps, 0.0F, static_cast<float>(powers_.size() - 2));
    const auto index = static_cast<std::size_t>(at);
    return powers_[index] + (at - static_cast<float>(index)) * (powers_[index + 1] - powers_[index]);
  }
  /// 0 on glass, 1 from the density on at which pixels count as stained.
  [[nodiscard]] static float stained_share(const Density& od) {
    constexpr auto kFull = static_cast<float>(kStainedOd * kStainedOd);
    const float share = std::min(1.0F, dot(od, od) / kFull);
    return share * share * (3 - 2 * share);
  }

  std::array<std::array<float, 256>, 3> densities_;
  std::array<Density, 3> change_, to_lms_, from_lms_;
  Density shift_, glass_;
  std::array<float, 4098> logarithms_;
  std::array<float, 1794> powers_;  // from 10^-0.5 to 10^3
};

double number_in(const Json& value, const char* key, double low, double high) {
  if (!value.is_number() || !(value.get<double>() >= low && value.get<double>() <= high)) {
    throw Error(ErrorCode::corrupt_data,
                fmt::format("The stain profile's '{}' holds {}, not a number from {} to {}.", key,
                            value.dump(), low, high));
  }
  return value.get<double>();
}

template <std::size_t N>
std::array<double, N> numbers_in(const Json& json, const char* key, double low, double high) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_array() || found->size() != N) {
    throw Error(ErrorCode::corrupt_data,
                fmt::format("The stain profile's '{}' is no list of {} numbers.", key, N));
  }
  std::array<double, N> values{};
  for (std::size_t i = 0; i < N; ++i) values[i] = number_in((*found)[i], key, low, high);
  return values;
}

std::array<double, 3> direction_in(const Json& json, const char* key) {
  const auto v = numbers_in<3>(json, key, 0, 1);
  if (std::abs(v[0] * v[0] + v[1] * v[1] + v[2] * v[2] - 1) > 0.01) {
    throw Error(ErrorCode::corrupt_data, fmt::format("The stain profile's '{}' is no unit vector.", key));
  }
  return v;
}

}  // namespace

Json to_json(const StainProfile& profile) {
  Json json{{"method", profile.method}, {"white", profile.white}};
  if (const auto* dyes = std::get_if<DyeProfile>(&profile.colours)) {
    json["haematoxylin"] = dyes->stains.rows[0];
    json["eosin"] = dyes->stains.rows[1];
    json["strength"] = dyes->strength;
  } else {
    const auto& statistics = std::get<ColourStatistics>(profile.colours);
    json["mean"] = statistics.mean;
    json["deviation"] = statistics.deviation;
  }
  return json;
}

StainProfile stain_profile_from_json(const Json& json) {
  const auto method = json.is_object() ? json.find("method") : json.end();
  if (!json.is_object() || method == json.end() || !method->is_string())
    throw Error(ErrorCode::corrupt_data, "The stain profile does not say its method.");
  StainProfile profile;
  profile.method = method->get<std::string>();
  const auto names = stain_method_names();
  if (profile.method == "none" || std::find(names.begin(), names.end(), profile.method) == names.end()) {
    throw Error(ErrorCode::corrupt_data,
                fmt::format("The stain profile's method '{}' is not one of: {}.", profile.method,
                            fmt::join(names.begin() + 1, names.end(), ", ")));
  }
  profile.white = numbers_in<3>(json, "white", 1, 255);
  if (profile.method == "reinhard") {
    profile.colours =
        ColourStatistics{numbers_in<3>(json, "mean", -10, 10), numbers_in<3>(json, "deviation", 1e-4, 10)};
    return profile;
  }
  DyeProfile dyes{{{direction_in(json, "haematoxylin"), direction_in(json, "eosin")}},
                  numbers_in<2>(json, "strength", kLeastStrength, 10)};
  try {
    (void)pseudo_inverse(dyes.stains);
  } catch (const Error&) {
    throw Error(ErrorCode::corrupt_data, "The stain profile's two stains are parallel.");
  }
  profile.colours = dyes;
  return profile;
}

std::span<const StainMethod> stain_methods() {
  return kMethods;
}

std::vector<std::string_view> stain_method_names() {
  std::vector<std::string_view> names{"none"};
  for (const auto& method : kMethods) names.push_back(method.name);
  return names;
}

const StainMethod& find_stain_method(std::string_view name) {
  for (const auto& method : kMethods) {
    if (method.name == name) return method;
  }
  throw Error(ErrorCode::invalid_argument, fmt::format("Unknown stain method '{}'; known are: {}.", name,
                                                       fmt::join(stain_method_names(), ", ")));
}

StainProfile measure_stain(std::string_view method, const Image8& pixels) {
  return find_stain_method(method).measure(pixels);
}

StainNormalizer::StainNormalizer(const StainProfile& source, const StainProfile& target) {
  if (source.method != target.method) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("The slide's stain was measured by {}, the target's by {}.", source.method,
                            target.method));
  }
  if (source.method == "reinhard") {
    impl_ = std::make_unique<ReinhardNormalizer>(source, target);
    return;
  }
  const auto& stains = std::get<DyeProfile>(source.colours).stains;
  if (source.method == "vahadane") {
    impl_ = std::make_unique<DyeNormalizer<SparseAmounts>>(source, target,
                                                           SparseAmounts(stains, kVahadaneLambda));
  } else {
    auto amounts_of = linear_amounts(stains);
    impl_ = std::make_unique<DyeNormalizer<decltype(amounts_of)>>(source, target, amounts_of);
  }
}

StainNormalizer::~StainNormalizer() = default;
StainNormalizer::StainNormalizer(StainNormalizer&&) noexcept = default;
StainNormalizer& StainNormalizer::operator=(StainNormalizer&&) noexcept = default;

void StainNormalizer::apply(Image8& tile) const {
  if (tile.channels() != 3) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("Stain normalisation needs 3 channels, the tile has {}.", tile.channels()));
  }
  impl_->apply(tile);
}

}  // namespace imaging
