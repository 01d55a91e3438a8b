#include "imaging/slide/volume.h"

#include <fmt/format.h>
#include <itkMetaImageIO.h>
#include <itkNiftiImageIO.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/slide/detail/read_protocol.h"
#include "imaging/slide/detail/run_apart.h"
#include "imaging/slide/detail/volume_file.h"
#include "imaging/slide/detail/with_itk.h"
#include "imaging/slide/stored_picture.h"

namespace imaging {
namespace fs = std::filesystem;
namespace {

constexpr std::chrono::seconds kTimeLimit{120};
constexpr std::int64_t kMostChannels = 64;
using Component = itk::IOComponentEnum;
using Json = nlohmann::json;

template <typename Sample>
void convert(const std::vector<char>& bytes, std::int64_t voxels, std::int64_t components,
             std::vector<float>& values) {
  // ITK gives the components of a voxel together; channels are kept apart.
  for (std::int64_t i = 0; i < voxels; ++i) {
    for (std::int64_t c = 0; c < components; ++c) {
      Sample sample;
      std::memcpy(&sample, bytes.data() + static_cast<std::size_t>(i * components + c) * sizeof(Sample),
                  sizeof(Sample));
      values[static_cast<std::size_t>(c * voxels + i)] = static_cast<float>(sample);
    }
  }
}

void convert(const fs::path& path, Component type, const std::vector<char>& bytes, std::int64_t voxels,
             std::int64_t components, std::vector<float>& values) {
  switch (type) {
    case Component::UCHAR:
      return convert<std::uint8_t>(bytes, voxels, components, values);
    case Component::CHAR:
      return convert<std::int8_t>(bytes, voxels, components, values);
    case Component::USHORT:
      return convert<std::uint16_t>(bytes, voxels, components, values);
    case Component::SHORT:
      return convert<std::int16_t>(bytes, voxels, components, values);
    case Component::UINT:
      return convert<std::uint32_t>(bytes, voxels, components, values);
    case Component::INT:
      return convert<std::int32_t>(bytes, voxels, components, values);
    case Component::FLOAT:
      return convert<float>(bytes, voxels, components, values);
    case Component::DOUBLE:
      return convert<double>(bytes, voxels, components, values);
    default:
      refuse_kind(path,
                  fmt::format("its samples are of type {}, and a volume has numbers of 8, 16 or 32 bits; "
                              "export it so",
                              itk::ImageIOBase::GetComponentTypeAsString(type)));
  }
}

Volume read_with(const fs::path& path, itk::ImageIOBase& io) {
  io.SetFileName(path.string());
  io.ReadImageInformation();
  Volume volume;
  auto& geometry = volume.geometry;
  const auto axes = io.GetNumberOfDimensions();
  if (axes < 2 || axes > 4) refuse_kind(path, fmt::format("it has {} axes, and a volume has 2 to 4", axes));
  if (io.GetPixelType() == itk::IOPixelEnum::COMPLEX) refuse_kind(path, "its samples are complex numbers");
  for (unsigned axis = 0; axis < std::min(axes, 3U); ++axis) {
    geometry.size[axis] = static_cast<std::int64_t>(io.GetDimensions(axis));
    geometry.spacing_mm[axis] = io.GetSpacing(axis);
    geometry.origin_mm[axis] = io.GetOrigin(axis);
    const auto direction = io.GetDirection(axis);
    for (std::size_t i = 0; i < std::min<std::size_t>(3, direction.size()); ++i)
      geometry.direction[axis][i] = direction[i];
  }
  const auto components = static_cast<std::int64_t>(io.GetNumberOfComponents());
  const auto repeats = axes == 4 ? static_cast<std::int64_t>(io.GetDimensions(3)) : 1;
  if (components > kMostChannels || repeats > kMostChannels || (components > 1 && repeats > 1))
    refuse_kind(path, fmt::format("it has {} channels, and at most {} are read", components * repeats,
                                  kMostChannels));
  volume.channels = components * repeats;
  std::int64_t count = volume.channels;
  for (const auto side : geometry.size) {
    if (side < 1) refuse_damaged(path, "a side is 0");
    if (side > kMaxVolumeValues / count) {
      throw Error(
          ErrorCode::resource_exhausted,
          fmt::format("{}: {} x {} x {} voxels of {} channels are more than the {} values that a volume "
                      "may have; cut or resample it.",
                      path.string(), geometry.size[0], geometry.size[1], geometry.size[2], volume.channels,
                      kMaxVolumeValues));
    }
    count *= side;
  }
  itk::ImageIORegion region(axes);
  for (unsigned axis = 0; axis < axes; ++axis) region.SetSize(axis, io.GetDimensions(axis));
  io.SetIORegion(region);
  std::vector<char> bytes(static_cast<std::size_t>(io.GetImageSizeInBytes()));
  const auto type = io.GetComponentType();
  if (bytes.size() != static_cast<std::size_t>(count) * io.GetComponentSize())
    refuse_damaged(path, "its size is unclear");
  io.Read(bytes.data());
  volume.sample_type = itk::ImageIOBase::GetComponentTypeAsString(type);
  volume.values.resize(static_cast<std::size_t>(count));
  convert(path, type, bytes, count / components, components, volume.values);
  return volume;
}

/// A spacing that says something, else 1.
void settle_spacing(const fs::path& path, bool is_stated, Volume& volume) {
  auto& geometry = volume.geometry;
  const bool is_valid =
      std::ranges::all_of(geometry.spacing_mm, [](double side) { return side > 0 && std::isfinite(side); });
  if (!is_stated || !is_valid) {
    geometry.spacing_mm = {1, 1, 1};
    geometry.has_spacing = false;
    volume.warnings.push_back(fmt::format(
        "{}: states no spacing, so distances and volumes are given in voxels.", path.filename().string()));
    return;
  }
  const auto [least, most] = std::ranges::minmax(geometry.spacing_mm);
  if (most > 2 * least) {
    volume.warnings.push_back(fmt::format(
        "{}: a voxel is {:.4g} x {:.4g} x {:.4g} mm: slices are segmented one by one, and distances "
        "count the spacing.",
        path.filename().string(), geometry.spacing_mm[0], geometry.spacing_mm[1], geometry.spacing_mm[2]));
  }
}

Volume read_meta(const fs::path& path, const detail::MetaHeader& header) {
  detail::check_meta_file(path, header);
  auto volume = detail::with_itk(path, [&] { return read_with(path, *itk::MetaImageIO::New()); });
  settle_spacing(path, !header.field("ElementSpacing").empty(), volume);
  return volume;
}

Volume read_nifti(const fs::path& path, const detail::NiftiStart& start) {
  detail::check_nifti_kind(path, start);
  std::uint64_t samples = 1;
  const auto axes = std::clamp<std::int16_t>(start.value_at<std::int16_t>(40), 0, 7);
  for (int axis = 1; axis <= axes; ++axis) {
    const auto side = start.value_at<std::int16_t>(40 + 2 * static_cast<std::size_t>(axis));
    if (side < 1) refuse_damaged(path, fmt::format("its axis {} has {} voxels", axis, side));
    if (samples > static_cast<std::uint64_t>(kMaxVolumeValues)) break;  // judged after ITK's look at it
    samples *= static_cast<std::uint64_t>(side);
  }
  const auto bits = static_cast<std::uint64_t>(std::max<int>(0, start.value_at<std::int16_t>(72)));
  detail::check_nifti_end(path, start, samples * bits / 8);
  // ITK takes a pixdim of 0 for 1 and says nothing.
  bool is_stated = true;
  for (const std::size_t at : {80, 84, 88})
    is_stated = is_stated && (at == 88 && axes < 3 ? true : start.value_at<float>(at) > 0);
  auto volume = detail::with_itk(path, [&] { return read_with(path, *itk::NiftiImageIO::New()); });
  settle_spacing(path, is_stated, volume);
  if (volume.geometry.has_spacing && start.unit_mm() == 0)
    volume.warnings.push_back(
        fmt::format("{}: does not state the unit of its spacing; mm is taken.", path.filename().string()));
  return volume;
}

Volume read_here(const fs::path& path) {
  Volume volume;
  if (const auto header = detail::read_meta_header(path)) {
    volume = read_meta(path, *header);
  } else if (const auto start = detail::read_nifti_start(path)) {
    volume = read_nifti(path, *start);
  } else {
    refuse_kind(path, "neither a MetaImage nor a NIfTI with a whole header");
  }
  if (!std::ranges::all_of(volume.values, [](float value) { return std::isfinite(value); }))
    refuse_damaged(path, "it holds values that are no numbers (NaN or infinite)");
  return volume;
}

std::string pack(const Volume& volume) {
  const auto& geometry = volume.geometry;
  const Json header{{"failed", nullptr},
                    {"size", geometry.size},
                    {"spacing", geometry.spacing_mm},
                    {"has_spacing", geometry.has_spacing},
                    {"origin", geometry.origin_mm},
                    {"direction", geometry.direction},
                    {"channels", volume.channels},
                    {"type", volume.sample_type},
                    {"warnings", volume.warnings}};
  auto bytes = header.dump(-1, ' ', true, Json::error_handler_t::replace) + '\n';
  const auto start = bytes.size();
  bytes.resize(start + volume.values.size() * sizeof(float));
  std::memcpy(bytes.data() + start, volume.values.data(), volume.values.size() * sizeof(float));
  return bytes;
}

Volume unpack(const std::string& bytes) {
  const auto end = bytes.find('\n');
  const auto header = Json::parse(bytes.substr(0, end));
  detail::throw_if_failed(header);
  Volume volume;
  auto& geometry = volume.geometry;
  header.at("size").get_to(geometry.size);
  header.at("spacing").get_to(geometry.spacing_mm);
  header.at("has_spacing").get_to(geometry.has_spacing);
  header.at("origin").get_to(geometry.origin_mm);
  header.at("direction").get_to(geometry.direction);
  header.at("channels").get_to(volume.channels);
  header.at("type").get_to(volume.sample_type);
  header.at("warnings").get_to(volume.warnings);
  volume.values.resize(static_cast<std::size_t>(geometry.voxels() * volume.channels));
  if (bytes.size() - end - 1 != volume.values.size() * sizeof(float))
    throw std::runtime_error("its decoder ended early");
  std::memcpy(volume.values.data(), bytes.data() + end + 1, volume.values.size() * sizeof(float));
  return volume;
}

[[noreturn]] void refuse_for_memory(const fs::path& path) {
  throw Error(
      ErrorCode::resource_exhausted,
      fmt::format("{}: the volume needs more memory than is free; cut or resample it.", path.string()));
}

}  // namespace

bool is_volume(const fs::path& path) {
  if (const auto header = detail::read_meta_header(path)) {
    const auto sides = detail::numbers_of(header->field("DimSize"));
    const auto type = header->field("ElementType");
    const bool has_slices = sides.size() > 2 && std::ranges::any_of(sides.begin() + 2, sides.end(),
                                                                    [](double side) { return side > 1; });
    return has_slices || !(type.ends_with("UCHAR") || type.ends_with("SHORT"));
  }
  if (const auto start = detail::read_nifti_start(path); start && !start->is_second()) {
    bool has_slices = false;
    for (std::size_t axis = 3; axis <= 5; ++axis)
      has_slices = has_slices || start->value_at<std::int16_t>(40 + 2 * axis) > 1;
    const auto type = start->value_at<std::int16_t>(70);  // 2 uint8, 4 int16, 512 uint16, 128 RGB, 2304 RGBA
    return has_slices || !(type == 2 || type == 4 || type == 512 || type == 128 || type == 2304);
  }
  return false;
}

Volume read_volume(const fs::path& path) {
  std::error_code failed;
  if (!fs::is_regular_file(path, failed))
    throw Error(ErrorCode::not_found, fmt::format("{}: no such file.", path.string()));
  const auto work = [&] {
    try {
      try {
        return pack(read_here(path));
      } catch (const std::bad_alloc&) {
        refuse_for_memory(path);
      }
    } catch (const Error& error) {
      const Json said{{"code", static_cast<int>(error.code())}, {"message", error.what()}};
      return Json{{"failed", said}}.dump(-1, ' ', true, Json::error_handler_t::replace) + '\n';
    }
  };
  try {
    return unpack(detail::run_apart(work, kTimeLimit));
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    refuse_for_memory(path);
  } catch (const detail::WorkerFailure& failure) {
    refuse_damaged(path, failure.reason);
  } catch (const std::exception& error) {
    refuse_damaged(path, error.what());
  }
}

void write_label_volume(const fs::path& path, const VolumeGeometry& geometry,
                        std::span<const std::uint8_t> labels) {
  const auto name = path.filename().string();
  const bool is_meta = name.ends_with(".mha");
  if (!is_meta && !name.ends_with(".nii") && !name.ends_with(".nii.gz"))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: a label volume ends in .nii, .nii.gz or .mha.", path.string()));
  if (static_cast<std::int64_t>(labels.size()) != geometry.voxels())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} labels for {} voxels.", labels.size(), geometry.voxels()));
  const itk::ImageIOBase::Pointer io =
      is_meta ? itk::ImageIOBase::Pointer(itk::MetaImageIO::New()) : itk::NiftiImageIO::New();
  // AtomicFile's temporary name keeps the last extension alone, and ITK compresses by the whole one.
  const auto temporary = path.parent_path() / fmt::format(".unfinished-{}", name);
  itk::Object::GlobalWarningDisplayOff();
  std::error_code ignored;
  try {
    fs::create_directories(path.parent_path(), ignored);
    io->SetFileName(temporary.string());
    io->SetNumberOfDimensions(3);
    io->SetPixelType(itk::IOPixelEnum::SCALAR);
    io->SetComponentType(Component::UCHAR);
    io->SetNumberOfComponents(1);
    io->SetUseCompression(is_meta);
    itk::ImageIORegion region(3);
    for (unsigned axis = 0; axis < 3; ++axis) {
      io->SetDimensions(axis, static_cast<itk::SizeValueType>(geometry.size[axis]));
      io->SetSpacing(axis, geometry.spacing_mm[axis]);
      io->SetOrigin(axis, geometry.origin_mm[axis]);
      io->SetDirection(axis,
                       std::vector<double>(geometry.direction[axis].begin(), geometry.direction[axis].end()));
      region.SetSize(axis, static_cast<itk::SizeValueType>(geometry.size[axis]));
    }
    io->SetIORegion(region);
    io->WriteImageInformation();
    io->Write(labels.data());
    fs::rename(temporary, path);
  } catch (const std::exception& error) {
    fs::remove(temporary, ignored);
    throw Error(ErrorCode::io_error, fmt::format("{}: cannot be written ({}).", path.string(), error.what()));
  }
}

}  // namespace imaging
