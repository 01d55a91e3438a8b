#include <fmt/format.h>
#include <itkMetaImageIO.h>
#include <itkNiftiImageIO.h>

#include "imaging/base/error.h"
#include "imaging/slide/detail/volume_file.h"
#include "imaging/slide/detail/with_itk.h"
#include "imaging/slide/file_scale.h"
#include "imaging/slide/stored_picture.h"

namespace imaging {
namespace fs = std::filesystem;
namespace {

/// Reads the samples; the header must have been looked at. Rows, 2-D, 8 or 16 bits.
StoredPicture read_slice(const fs::path& path, itk::ImageIOBase& io, std::vector<std::string>& warnings) {
  std::int64_t slices = 1;
  std::string sides;
  for (unsigned i = 0; i < io.GetNumberOfDimensions(); ++i) {
    const auto side = static_cast<std::int64_t>(io.GetDimensions(i));
    sides += fmt::format("{}{}", i == 0 ? "" : " x ", side);
    if (i >= 2 && side != 1) slices = side;
  }
  if (io.GetNumberOfDimensions() < 2) refuse_kind(path, "its image has one dimension, and a picture has two");
  if (slices != 1) {
    refuse_kind(
        path,
        fmt::format("a volume of {} voxels, and a picture has one slice; give it to tessera segment, or "
                    "export the slice wanted as a 2-D image",
                    sides));
  }
  StoredPicture picture;
  auto& format = picture.format;
  format.size = {static_cast<std::int64_t>(io.GetDimensions(0)),
                 static_cast<std::int64_t>(io.GetDimensions(1))};
  format.channels = static_cast<int>(io.GetNumberOfComponents());
  const auto type = io.GetComponentType();
  const bool is_deep = type == itk::IOComponentEnum::USHORT || type == itk::IOComponentEnum::SHORT;
  if (!is_deep && type != itk::IOComponentEnum::UCHAR) {
    refuse_kind(
        path,
        fmt::format("its samples are of type {}, and a picture has whole numbers of 8 or 16 bits; export it "
                    "so",
                    itk::ImageIOBase::GetComponentTypeAsString(type)));
  }
  if (format.channels != 1 && format.channels != 3 && format.channels != 4)
    refuse_kind(path,
                fmt::format("its pixels have {} components, and a picture has 1, 3 or 4", format.channels));
  format.bits = is_deep ? 16 : 8;
  check_stored_size(path, format.size, format.bits * format.channels);

  itk::ImageIORegion region(io.GetNumberOfDimensions());
  for (unsigned i = 0; i < io.GetNumberOfDimensions(); ++i) region.SetSize(i, io.GetDimensions(i));
  io.SetIORegion(region);
  picture.samples.resize(static_cast<std::size_t>(io.GetImageSizeInBytes()));
  if (picture.samples.size() !=
      static_cast<std::size_t>(format.size.width * format.size.height * format.channels * format.bits / 8)) {
    refuse_damaged(path, "its size is unclear");
  }
  io.Read(picture.samples.data());
  if (type == itk::IOComponentEnum::SHORT) lift_signed(picture.samples, warnings);
  return picture;
}

/// Opens a file with ITK and reads its one slice.
template <typename Io>
StoredPicture read_with(const fs::path& path, std::vector<std::string>& warnings) {
  return detail::with_itk(path, [&] {
    const auto io = Io::New();
    io->SetFileName(path.string());
    io->ReadImageInformation();
    return read_slice(path, *io, warnings);
  });
}

}  // namespace

bool is_meta_image(const fs::path& path) {
  return detail::read_meta_header(path).has_value();
}

bool is_nifti(const fs::path& path) {
  return detail::read_nifti_start(path).has_value();
}

StoredPicture read_meta_picture(const fs::path& path, SlideInfo& info) {
  const auto header = detail::read_meta_header(path);
  if (!header) refuse_damaged(path, "its header is incomplete");
  detail::check_meta_file(path, *header);
  auto picture = read_with<itk::MetaImageIO>(path, info.warnings);
  const auto spacing = detail::numbers_of(header->field("ElementSpacing"));
  if (spacing.size() >= 2)
    info.scale = judge_spacing({1000 * spacing[0], 1000 * spacing[1], "itk.spacing"}, info.warnings);
  return picture;
}

StoredPicture read_nifti_picture(const fs::path& path, SlideInfo& info) {
  const auto start = detail::read_nifti_start(path);
  if (!start) refuse_damaged(path, "its header is incomplete");
  detail::check_nifti_kind(path, *start);
  auto picture = read_with<itk::NiftiImageIO>(path, info.warnings);
  detail::check_nifti_end(path, *start, picture.samples.size());
  if (const double um = 1000 * start->unit_mm(); um > 0) {
    const auto x = static_cast<double>(start->value_at<float>(80));
    const auto y = static_cast<double>(start->value_at<float>(84));
    info.scale = judge_spacing({um * x, um * y, "itk.spacing"}, info.warnings);
  }
  return picture;
}

}  // namespace imaging
