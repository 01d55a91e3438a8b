#include "imaging/slide/volume.h"

#include <itkMetaImageIO.h>
#include <itkNiftiImageIO.h>

#include <cmath>
#include <cstring>
#include <string>

#include "imaging/base/files.h"
#include "imaging/base/random.h"
#include "tests/support/test_support.h"

namespace {

using imaging::Error;
using imaging::ErrorCode;
using support::HasCode;
using testing::HasSubstr;
namespace fs = std::filesystem;

testing::Matcher<Error> refused(ErrorCode code, const std::string& word) {
  return testing::AllOf(HasCode(code), testing::Property(&Error::what, HasSubstr(word)));
}

imaging::VolumeGeometry oblique() {
  const double c = std::cos(0.3), s = std::sin(0.3);
  return {.size = {7, 5, 4},
          .spacing_mm = {0.5, 0.75, 3},
          .origin_mm = {-12.5, 40.25, 7},
          .direction = {{{c, s, 0}, {-s, c, 0}, {0, 0, 1}}}};
}

std::vector<std::uint8_t> counting(std::int64_t count) {
  std::vector<std::uint8_t> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::uint8_t>(i % 5);
  return values;
}

/// A file of float samples, with a fourth axis of channels where there are several.
template <typename Io>
void write_floats(const fs::path& path, std::vector<std::size_t> sides, const std::vector<float>& values) {
  const auto io = Io::New();
  const auto axes = static_cast<unsigned>(sides.size());
  io->SetFileName(path.string());
  io->SetNumberOfDimensions(axes);
  io->SetPixelType(itk::IOPixelEnum::SCALAR);
  io->SetComponentType(itk::IOComponentEnum::FLOAT);
  io->SetNumberOfComponents(1);
  itk::ImageIORegion region(axes);
  for (unsigned axis = 0; axis < axes; ++axis) {
    io->SetDimensions(axis, sides[axis]);
    io->SetSpacing(axis, 1);
    io->SetOrigin(axis, 0);
    std::vector<double> direction(axes);
    direction[axis] = 1;
    io->SetDirection(axis, direction);
    region.SetSize(axis, sides[axis]);
  }
  io->SetIORegion(region);
  io->WriteImageInformation();
  io->Write(values.data());
}

TEST(VolumeTest, LabelsComeBackWithTheirGeometryFromEveryFormat) {
  const support::TemporaryFolder folder;
  const auto geometry = oblique();
  const auto labels = counting(geometry.voxels());
  for (const auto* name : {"mask.nii", "mask.nii.gz", "mask.mha"}) {
    imaging::write_label_volume(folder / name, geometry, labels);
    EXPECT_TRUE(imaging::is_volume(folder / name)) << name;
    const auto back = imaging::read_volume(folder / name);
    EXPECT_EQ(back.geometry.size, geometry.size) << name;
    EXPECT_EQ(back.channels, 1);
    EXPECT_EQ(back.sample_type, "unsigned_char");
    EXPECT_TRUE(back.geometry.has_spacing);
    for (std::size_t axis = 0; axis < 3; ++axis) {
      EXPECT_NEAR(back.geometry.spacing_mm[axis], geometry.spacing_mm[axis], 1e-6) << name;
      EXPECT_NEAR(back.geometry.origin_mm[axis], geometry.origin_mm[axis], 1e-5) << name;
      for (std::size_t i = 0; i < 3; ++i)
        EXPECT_NEAR(back.geometry.direction[axis][i], geometry.direction[axis][i], 1e-6) << name;
    }
    EXPECT_TRUE(std::equal(labels.begin(), labels.end(), back.values.begin(), [](std::uint8_t a, float b) {
      return static_cast<float>(a) == b;
    })) << name;
    EXPECT_THAT(back.warnings, testing::ElementsAre(HasSubstr("0.5 x 0.75 x 3 mm"))) << name;
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 3) << "no temporary file stays";
}

TEST(VolumeTest, AFourthAxisIsChannels) {
  const support::TemporaryFolder folder;
  std::vector<float> values(4 * 3 * 2 * 3);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) + 0.5F;
  write_floats<itk::NiftiImageIO>(folder / "a.nii.gz", {4, 3, 2, 3}, values);
  const auto volume = imaging::read_volume(folder / "a.nii.gz");
  EXPECT_EQ(volume.channels, 3);
  EXPECT_EQ(volume.geometry.size, (std::array<std::int64_t, 3>{4, 3, 2}));
  EXPECT_EQ(volume.values, values) << "channel by channel, as the file has them";
}

TEST(VolumeTest, PicturesAreNoVolumesAndFloatsAre) {
  const support::TemporaryFolder folder;
  auto flat = oblique();
  flat.size = {7, 5, 1};
  imaging::write_label_volume(folder / "flat.mha", flat, counting(35));
  EXPECT_FALSE(imaging::is_volume(folder / "flat.mha"));
  write_floats<itk::MetaImageIO>(folder / "float.mha", {4, 3}, std::vector<float>(12, 1));
  EXPECT_TRUE(imaging::is_volume(folder / "float.mha"));
  EXPECT_EQ(imaging::read_volume(folder / "float.mha").geometry.size[2], 1);
  imaging::write_file(folder / "text.nii", "no volume");
  EXPECT_FALSE(imaging::is_volume(folder / "text.nii"));
}

TEST(VolumeTest, MissingSpacingIsSaidAndCountsVoxels) {
  const support::TemporaryFolder folder;
  imaging::write_file(folder / "a.mha",
                      "NDims = 3\nDimSize = 2 2 2\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n" +
                          std::string(8, '\1'));
  const auto volume = imaging::read_volume(folder / "a.mha");
  EXPECT_FALSE(volume.geometry.has_spacing);
  EXPECT_THAT(volume.warnings, testing::ElementsAre(HasSubstr("states no spacing")));

  imaging::write_label_volume(folder / "b.nii", oblique(), counting(140));
  auto bytes = imaging::read_file(folder / "b.nii");
  const float zero = 0;
  std::memcpy(bytes.data() + 80, &zero, 4);
  imaging::write_file(folder / "zero.nii", bytes);
  EXPECT_FALSE(imaging::read_volume(folder / "zero.nii").geometry.has_spacing);
  bytes = imaging::read_file(folder / "b.nii");
  bytes[123] = 0;
  imaging::write_file(folder / "unit.nii", bytes);
  EXPECT_THAT(imaging::read_volume(folder / "unit.nii").warnings,
              testing::Contains(HasSubstr("mm is taken")));
}

TEST(VolumeTest, DamagedVolumesAreRefusedWithAReason) {
  const support::TemporaryFolder folder;
  imaging::Random random(1);
  std::vector<std::uint8_t> noise(140);  // so that compression leaves something to cut
  for (auto& value : noise) value = static_cast<std::uint8_t>(random.index(256));
  for (const auto* name : {"a.mha", "a.nii", "a.nii.gz"}) {
    imaging::write_label_volume(folder / name, oblique(), noise);
    const auto bytes = imaging::read_file(folder / name);
    imaging::write_file(folder / (std::string("cut_") + name), bytes.substr(0, bytes.size() - 30));
    EXPECT_THAT([&] { (void)imaging::read_volume(folder / (std::string("cut_") + name)); },
                testing::Throws<Error>(HasCode(ErrorCode::corrupt_data)))
        << name;
  }
  auto bytes = imaging::read_file(folder / "a.nii");
  bytes[42] = bytes[43] = '\0';  // dim[1]
  imaging::write_file(folder / "side.nii", bytes);
  EXPECT_THAT([&] { (void)imaging::read_volume(folder / "side.nii"); },
              testing::Throws<Error>(refused(ErrorCode::corrupt_data, "axis 1 has 0")));
  imaging::write_file(folder / "header.mha", "NDims = 3\nDimSize = 2 2");
  EXPECT_THAT([&] { (void)imaging::read_volume(folder / "header.mha"); },
              testing::Throws<Error>(refused(ErrorCode::unsupported_format, "whole header")));
  imaging::write_file(folder / "list.mhd",
                      "NDims = 3\nDimSize = 2 2 2\nElementType = MET_UCHAR\nElementDataFile = LIST\n");
  EXPECT_THAT([&] { (void)imaging::read_volume(folder / "list.mhd"); },
              testing::Throws<Error>(refused(ErrorCode::unsupported_format, "list of files")));
  write_floats<itk::MetaImageIO>(folder / "nan.mha", {2, 2, 2}, std::vector<float>(8, std::nanf("")));
  EXPECT_THAT([&] { (void)imaging::read_volume(folder / "nan.mha"); },
              testing::Throws<Error>(refused(ErrorCode::corrupt_data, "no numbers")));
  imaging::write_file(
      folder / "large.mha",
      "NDims = 3\nDimSize = 60000 60000 60000\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n\1\1");
  EXPECT_THAT([&] { (void)imaging::read_volume(folder / "large.mha"); },
              testing::Throws<Error>(refused(ErrorCode::corrupt_data, "ends early")));
  EXPECT_THAT([&] { (void)imaging::read_volume(folder / "absent.nii"); },
              testing::Throws<Error>(HasCode(ErrorCode::not_found)));
}

TEST(VolumeTest, RefusesNamesAndCountsThatDoNotFit) {
  const support::TemporaryFolder folder;
  EXPECT_THAT([&] { imaging::write_label_volume(folder / "a.png", oblique(), counting(140)); },
              testing::Throws<Error>(refused(ErrorCode::invalid_argument, ".nii.gz")));
  EXPECT_THAT([&] { imaging::write_label_volume(folder / "a.nii", oblique(), counting(139)); },
              testing::Throws<Error>(HasCode(ErrorCode::invalid_argument)));
}

}  // namespace
