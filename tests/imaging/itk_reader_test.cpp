#include "imaging/slide/itk_reader.h"

#include <fmt/format.h>
#include <gdcmDataElement.h>
#include <gdcmImageWriter.h>
#include <gdcmLookupTable.h>
#include <gdcmSequenceOfFragments.h>
#include <gdcmTrace.h>
#include <itkMetaImageIO.h>
#include <itkNiftiImageIO.h>

#include <sys/resource.h>

#include <array>
#include <chrono>
#include <cstring>
#include <fstream>
#include <map>
#include <thread>

#include "imaging/base/files.h"
#include "imaging/base/random.h"
#include "imaging/raster/png.h"
#include "imaging/slide/detail/run_apart.h"
#include "imaging/slide/reader_table.h"
#include "tests/imaging/painted_slide.h"
#include "tests/support/test_support.h"

namespace imaging {
namespace {

using support::HasCode;
using testing::HasSubstr;
using testing::Throws;
namespace fs = std::filesystem;

std::vector<int> rgb_of(const SlideReader& reader, std::int64_t x, std::int64_t y) {
  const auto region = reader.read_region(x, y, 0, {1, 1});
  return {region.data()[0], region.data()[1], region.data()[2]};
}

testing::Matcher<Error> refused(ErrorCode code, const std::string& word) {
  return testing::AllOf(HasCode(code), testing::Property(&Error::what, HasSubstr(word)));
}

constexpr const char* kFundusPhotograph = "1.2.840.10008.5.1.4.1.1.77.1.5.1";

struct Dicom {
  unsigned width = 16, height = 8, frames = 1;
  gdcm::PixelFormat pixel{gdcm::PixelFormat::UINT8};
  gdcm::PhotometricInterpretation photometric{gdcm::PhotometricInterpretation::MONOCHROME2};
  gdcm::TransferSyntax syntax{gdcm::TransferSyntax::ExplicitVRLittleEndian};
  bool is_planar = false;
  std::map<gdcm::Tag, std::string> texts{{{0x0008, 0x0060}, "OP"}};
  std::string sop_class = kFundusPhotograph;
  std::string palette = {};  ///< 256 entries of 8 bits each for red, green, blue
};

void write_dicom(const fs::path& path, const Dicom& form, const std::string& bytes) {
  gdcm::Trace::WarningOff();
  gdcm::ImageWriter writer;
  auto& image = writer.GetImage();
  image.SetNumberOfDimensions(form.frames > 1 ? 3 : 2);
  const std::array<unsigned, 3> sides{form.width, form.height, form.frames};
  image.SetDimensions(sides.data());
  image.SetPixelFormat(form.pixel);
  image.SetPhotometricInterpretation(form.photometric);
  image.SetTransferSyntax(form.syntax);
  image.SetPlanarConfiguration(form.is_planar ? 1 : 0);
  if (!form.palette.empty()) {
    gdcm::SmartPointer<gdcm::LookupTable> table = new gdcm::LookupTable;
    table->Allocate(8);
    for (int c = 0; c < 3; ++c) {
      const auto kind = static_cast<gdcm::LookupTable::LookupTableType>(c);
      table->InitializeLUT(kind, 256, 0, 8);
      table->SetLUT(kind, reinterpret_cast<const unsigned char*>(form.palette.data()) + 256 * c, 256);
    }
    image.SetLUT(*table);
  }
  gdcm::DataElement pixels(gdcm::Tag(0x7fe0, 0x0010));
  if (form.syntax == gdcm::TransferSyntax::JPEGBaselineProcess1) {
    gdcm::SmartPointer<gdcm::SequenceOfFragments> fragments = new gdcm::SequenceOfFragments;
    gdcm::Fragment fragment;
    const auto even = bytes.size() % 2 == 0 ? bytes : bytes + '\0';
    fragment.SetByteValue(even.data(), static_cast<std::uint32_t>(even.size()));
    fragments->AddFragment(fragment);
    pixels.SetValue(*fragments);
  } else {
    pixels.SetByteValue(bytes.data(), static_cast<std::uint32_t>(bytes.size()));
  }
  image.SetDataElement(pixels);
  auto& set = writer.GetFile().GetDataSet();
  auto texts = form.texts;
  texts[{0x0008, 0x0016}] = form.sop_class;
  texts[{0x0010, 0x0010}] = "Secret^Patient";
  texts[{0x0010, 0x0020}] = "ID-4711";
  for (const auto& [tag, text] : texts) {
    gdcm::DataElement element(tag);
    const auto even = text.size() % 2 == 0 ? text : text + ' ';
    element.SetByteValue(even.data(), static_cast<std::uint32_t>(even.size()));
    element.SetVR(gdcm::VR::LO);
    set.Replace(element);
  }
  writer.SetFileName(path.c_str());
  ASSERT_TRUE(writer.Write());
}

std::string deep(const std::vector<int>& values) {
  std::string bytes;
  for (const auto value : values) {
    bytes += static_cast<char>(value & 255);
    bytes += static_cast<char>(value >> 8 & 255);
  }
  return bytes;
}

/// 0, 1, 2, ... in row order.
std::string counting(std::size_t count) {
  std::string bytes(count, '\0');
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<char>(i);
  return bytes;
}

gdcm::PixelFormat colour() {
  gdcm::PixelFormat pixel(gdcm::PixelFormat::UINT8);
  pixel.SetSamplesPerPixel(3);
  return pixel;
}

TEST(DicomReaderTest, ReadsAFundusPhotographWithEyeAndScaleAndNothingOfThePatient) {
  const support::TemporaryFolder folder;
  Dicom form{.pixel = colour(), .photometric = gdcm::PhotometricInterpretation::RGB};
  form.texts[{0x0020, 0x0062}] = "R";
  form.texts[{0x0028, 0x0030}] = "0.004\\0.005";
  form.texts[{0x0008, 0x1090}] = "Camera 7";
  write_dicom(folder / "eye.dcm", form, counting(16 * 8 * 3));

  const auto reader = open_slide(folder / "eye.dcm");
  const auto& info = reader->info();

  EXPECT_EQ(info.reader, "itk");
  EXPECT_EQ(info.vendor, "dicom");
  EXPECT_EQ(info.size_l0(), (SizeI{16, 8}));
  EXPECT_EQ(info.laterality, "R");
  ASSERT_TRUE(info.scale.has_value());
  EXPECT_DOUBLE_EQ(info.scale->mpp_x, 5) << "the second value lies between columns";
  EXPECT_DOUBLE_EQ(info.scale->mpp_y, 4);
  EXPECT_EQ(info.scale->source, "dicom.pixel_spacing");
  EXPECT_EQ(rgb_of(*reader, 3, 2),
            (std::vector{(2 * 16 + 3) * 3, (2 * 16 + 3) * 3 + 1, (2 * 16 + 3) * 3 + 2}));
  for (const auto& [name, value] : info.properties) {
    EXPECT_THAT(value, testing::Not(HasSubstr("Secret"))) << name;
    EXPECT_THAT(value, testing::Not(HasSubstr("4711"))) << name;
  }
  EXPECT_EQ(info.properties.at("dicom.ManufacturerModelName"), "Camera 7");
}

TEST(DicomReaderTest, TakesTheSidesFromTheImageBeforeTheSeries) {
  const support::TemporaryFolder folder;
  Dicom form;
  form.texts[{0x0020, 0x0060}] = "L";
  write_dicom(folder / "a.dcm", form, counting(128));
  EXPECT_EQ(open_slide(folder / "a.dcm")->info().laterality, "L");
  form.texts[{0x0020, 0x0062}] = "R";
  write_dicom(folder / "a.dcm", form, counting(128));
  EXPECT_EQ(open_slide(folder / "a.dcm")->info().laterality, "R");
  form.texts[{0x0020, 0x0062}] = "B";
  write_dicom(folder / "a.dcm", form, counting(128));
  EXPECT_EQ(open_slide(folder / "a.dcm")->info().laterality, std::nullopt);
}

TEST(DicomReaderTest, KeepsNoScaleThatIsNotPhysical) {
  const support::TemporaryFolder folder;
  Dicom form;
  for (const auto* spacing : {"1\\1", "0\\0", "abc\\0.005", "0.005", "-0.005\\-0.005", "nan\\nan"}) {
    form.texts[{0x0028, 0x0030}] = spacing;
    write_dicom(folder / "a.dcm", form, counting(128));
    EXPECT_FALSE(open_slide(folder / "a.dcm")->info().scale.has_value()) << spacing;
  }
}

TEST(DicomReaderTest, ReadsEveryPhotometricInterpretation) {
  const support::TemporaryFolder folder;
  write_dicom(folder / "grey.dcm", {}, counting(128));
  EXPECT_EQ(rgb_of(*open_slide(folder / "grey.dcm"), 3, 2), (std::vector{35, 35, 35}));

  write_dicom(folder / "inverse.dcm", {.photometric = gdcm::PhotometricInterpretation::MONOCHROME1},
              counting(128));
  EXPECT_EQ(rgb_of(*open_slide(folder / "inverse.dcm"), 3, 2)[0], 255 - 35);

  const auto interleaved = counting(16 * 8 * 3);
  std::string planes;
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t i = c; i < interleaved.size(); i += 3) planes += interleaved[i];
  }
  write_dicom(folder / "planar.dcm",
              {.pixel = colour(), .photometric = gdcm::PhotometricInterpretation::RGB, .is_planar = true},
              planes);
  EXPECT_EQ(rgb_of(*open_slide(folder / "planar.dcm"), 3, 2), (std::vector{105, 106, 107}));

  std::string ybr;
  for (int i = 0; i < 128; ++i) ybr += "\x7c\x56\xb6";  // (124, 86, 182) is (200, 100, 50)
  write_dicom(folder / "ybr.dcm",
              {.pixel = colour(), .photometric = gdcm::PhotometricInterpretation::YBR_FULL}, ybr);
  EXPECT_EQ(rgb_of(*open_slide(folder / "ybr.dcm"), 3, 2), (std::vector{200, 100, 50}));

  std::string palette(768, '\0');
  palette[35] = '\x0a';
  palette[256 + 35] = '\x14';
  palette[512 + 35] = '\x1e';
  write_dicom(folder / "palette.dcm",
              {.photometric = gdcm::PhotometricInterpretation::PALETTE_COLOR, .palette = palette},
              counting(128));
  EXPECT_EQ(rgb_of(*open_slide(folder / "palette.dcm"), 3, 2), (std::vector{10, 20, 30}));
}

TEST(DicomReaderTest, ReadsBaselineJpegWhateverColoursTheHeaderClaims) {
  const support::TemporaryFolder folder;
  Image8 truth(64, 48, 3);
  for (std::int64_t i = 0; i < 64 * 48; ++i) {
    const std::array<std::uint8_t, 3> pixel{200, 100, 50};
    std::copy(pixel.begin(), pixel.end(), truth.data() + 3 * i);
  }
  for (const auto photometric :
       {gdcm::PhotometricInterpretation::YBR_FULL_422, gdcm::PhotometricInterpretation::YBR_FULL,
        gdcm::PhotometricInterpretation::RGB}) {
    write_dicom(folder / "a.dcm",
                {.width = 64,
                 .height = 48,
                 .pixel = colour(),
                 .photometric = photometric,
                 .syntax = gdcm::TransferSyntax::JPEGBaselineProcess1},
                encode_jpeg(truth, 95));
    const auto pixel = rgb_of(*open_slide(folder / "a.dcm"), 30, 20);
    for (std::size_t c = 0; c < 3; ++c) EXPECT_NEAR(pixel[c], truth.data()[c], 2) << photometric;
  }
}

TEST(DicomReaderTest, MapsSixteenBitsByTheWindowElseByTheRule) {
  const support::TemporaryFolder folder;
  std::vector<int> values(128);
  for (int i = 0; i < 128; ++i) values[static_cast<std::size_t>(i)] = 32 * i;  // to 4064
  Dicom form{.pixel = gdcm::PixelFormat(gdcm::PixelFormat::UINT16)};
  write_dicom(folder / "a.dcm", form, deep(values));
  auto reader = open_slide(folder / "a.dcm");
  EXPECT_THAT(reader->info().warnings, testing::Contains(HasSubstr("0 to 4095")));
  EXPECT_EQ(rgb_of(*reader, 0, 4)[0], std::lround(255 * 2048 / 4095.0));

  form.texts[{0x0028, 0x1050}] = "1000\\40";
  form.texts[{0x0028, 0x1051}] = "501\\400";
  write_dicom(folder / "a.dcm", form, deep(values));
  reader = open_slide(folder / "a.dcm");
  EXPECT_THAT(reader->info().warnings, testing::Contains(HasSubstr("center 1000 and width 501")));
  EXPECT_EQ(rgb_of(*reader, 0, 0)[0], 0);
  EXPECT_EQ(rgb_of(*reader, 15, 7)[0], 255);
  EXPECT_EQ(rgb_of(*reader, 14, 1)[0], std::lround(255 * ((960 - 999.5) / 500 + 0.5)));

  Dicom negative{.pixel = gdcm::PixelFormat(gdcm::PixelFormat::INT16)};
  for (auto& value : values) value -= 1000;
  write_dicom(folder / "a.dcm", negative, deep(values));
  reader = open_slide(folder / "a.dcm");
  EXPECT_THAT(reader->info().warnings, testing::Contains(HasSubstr("1000 is added")));
  EXPECT_EQ(rgb_of(*reader, 0, 4)[0], std::lround(255 * 2048 / 4095.0));
}

TEST(DicomReaderTest, RefusesByNameWhatIsNoPhotograph) {
  const support::TemporaryFolder folder;
  const auto path = folder / "a.dcm";
  write_dicom(path, {.sop_class = "1.2.840.10008.5.1.4.1.1.77.1.6"}, counting(128));
  EXPECT_THAT([&] { (void)open_slide(path); },
              Throws<Error>(refused(ErrorCode::unsupported_format, "whole-slide")));
  Dicom scan;
  scan.texts[{0x0008, 0x0060}] = "CT";
  write_dicom(path, scan, counting(128));
  EXPECT_THAT([&] { (void)open_slide(path); },
              Throws<Error>(refused(ErrorCode::unsupported_format, "modality CT")));
  write_dicom(path, {.frames = 3}, counting(384));
  EXPECT_THAT([&] { (void)open_slide(path); },
              Throws<Error>(refused(ErrorCode::unsupported_format, "3 frames")));
}

TEST(DicomReaderTest, RefusesABigEndianFileThatEndsEarly) {
  const support::TemporaryFolder folder;
  write_dicom(folder / "a.dcm", {.syntax = gdcm::TransferSyntax::ExplicitVRBigEndian}, counting(128));
  EXPECT_EQ(rgb_of(*open_slide(folder / "a.dcm"), 15, 7)[0], 127);
  const auto bytes = read_file(folder / "a.dcm");
  write_file(folder / "a.dcm", bytes.substr(0, bytes.size() - 40));
  EXPECT_THAT([&] { (void)open_slide(folder / "a.dcm"); },
              Throws<Error>(refused(ErrorCode::corrupt_data, "ends early")));
}

TEST(DicomReaderTest, RefusesAHeaderThatClaimsMoreThanTheFileHolds) {
  const support::TemporaryFolder folder;
  write_dicom(folder / "a.dcm", {}, counting(128));
  auto bytes = read_file(folder / "a.dcm");
  const auto rows = bytes.find(std::string("\x28\x00\x10\x00US\x02\x00", 8));
  const auto columns = bytes.find(std::string("\x28\x00\x11\x00US\x02\x00", 8));
  ASSERT_NE(rows, std::string::npos);
  bytes.replace(rows + 8, 2, "\xff\xff");
  bytes.replace(columns + 8, 2, "\xff\xff");
  write_file(folder / "a.dcm", bytes);
  EXPECT_THAT([&] { (void)open_slide(folder / "a.dcm"); },
              Throws<Error>(refused(ErrorCode::resource_exhausted, "65535 x 65535")));
}

// --- MetaImage and NIfTI -------------------------------------------------------------------------------

struct Volume {
  std::vector<std::size_t> sides{20, 10};
  itk::IOComponentEnum type = itk::IOComponentEnum::UCHAR;
  unsigned components = 1;
  double spacing_mm = 0.005;
  bool is_compressed = false;
};
template <typename Io>
void write_volume(const fs::path& path, const Volume& form, const std::string& bytes) {
  const auto io = Io::New();
  io->SetFileName(path.string());
  io->SetNumberOfDimensions(static_cast<unsigned>(form.sides.size()));
  itk::ImageIORegion region(static_cast<unsigned>(form.sides.size()));
  for (unsigned i = 0; i < form.sides.size(); ++i) {
    io->SetDimensions(i, form.sides[i]);
    io->SetSpacing(i, form.spacing_mm);
    io->SetOrigin(i, 0);
    std::vector<double> direction(form.sides.size(), 0);
    direction[i] = 1;
    io->SetDirection(i, direction);
    region.SetSize(i, form.sides[i]);
  }
  io->SetIORegion(region);
  io->SetComponentType(form.type);
  io->SetNumberOfComponents(form.components);
  io->SetPixelType(form.components == 3 ? itk::IOPixelEnum::RGB : itk::IOPixelEnum::SCALAR);
  io->SetUseCompression(form.is_compressed);
  io->Write(bytes.data());
}

TEST(ItkReaderTest, ReadsMetaImagesWithTheirSpacing) {
  const support::TemporaryFolder folder;
  for (const bool is_compressed : {false, true}) {
    write_volume<itk::MetaImageIO>(folder / "a.mha", {.components = 3, .is_compressed = is_compressed},
                                   counting(600));
    const auto reader = open_slide(folder / "a.mha");
    EXPECT_EQ(reader->info().vendor, "metaimage");
    EXPECT_EQ(reader->info().size_l0(), (SizeI{20, 10}));
    EXPECT_EQ(rgb_of(*reader, 3, 1), (std::vector{69, 70, 71}));
    ASSERT_TRUE(reader->info().scale.has_value());
    EXPECT_DOUBLE_EQ(reader->info().scale->mpp_x, 5);
    EXPECT_EQ(reader->info().scale->source, "itk.spacing");
  }
  write_volume<itk::MetaImageIO>(folder / "one_slice.mha", {.sides = {20, 10, 1}}, counting(200));
  EXPECT_EQ(rgb_of(*open_slide(folder / "one_slice.mha"), 3, 1)[0], 23);
}

TEST(ItkReaderTest, TakesOnlyAStatedPhysicalSpacing) {
  const support::TemporaryFolder folder;
  write_volume<itk::MetaImageIO>(folder / "a.mha", {.spacing_mm = 1}, counting(200));
  EXPECT_FALSE(open_slide(folder / "a.mha")->info().scale.has_value());
  write_file(folder / "plain.mhd",
             "ObjectType = Image\nNDims = 2\nDimSize = 20 10\nElementType = MET_UCHAR\n"
             "ElementDataFile = plain.raw\n");
  write_file(folder / "plain.raw", counting(200));
  const auto reader = open_slide(folder / "plain.mhd");
  EXPECT_EQ(rgb_of(*reader, 3, 1)[0], 23);
  EXPECT_FALSE(reader->info().scale.has_value());
  EXPECT_TRUE(reader->info().warnings.empty());
  EXPECT_FALSE(is_readable_slide(folder / "plain.raw"));
}

TEST(ItkReaderTest, ReadsNiftiPlainAndGzipped) {
  const support::TemporaryFolder folder;
  for (const auto* name : {"a.nii", "a.nii.gz"}) {
    write_volume<itk::NiftiImageIO>(folder / name, {}, counting(200));
    const auto reader = open_slide(folder / name);
    EXPECT_EQ(reader->info().vendor, "nifti") << name;
    EXPECT_EQ(reader->info().size_l0(), (SizeI{20, 10})) << name;
    EXPECT_EQ(rgb_of(*reader, 3, 1)[0], 23) << name;
    ASSERT_TRUE(reader->info().scale.has_value()) << name;
    EXPECT_NEAR(reader->info().scale->mpp_x, 5, 1e-6) << name;
    EXPECT_EQ(reader->info().scale->source, "itk.spacing");
  }
  auto bytes = read_file(folder / "a.nii");
  bytes[123] = 0;  // no unit stated
  write_file(folder / "a.nii", bytes);
  EXPECT_FALSE(open_slide(folder / "a.nii")->info().scale.has_value());

  std::vector<int> values(200);
  for (int i = 0; i < 200; ++i) values[static_cast<std::size_t>(i)] = 20 * i;
  write_volume<itk::NiftiImageIO>(folder / "deep.nii.gz", {.type = itk::IOComponentEnum::SHORT},
                                  deep(values));
  const auto reader = open_slide(folder / "deep.nii.gz");
  EXPECT_EQ(rgb_of(*reader, 0, 5)[0], std::lround(255 * 2000 / 4095.0));
  EXPECT_THAT(reader->info().warnings, testing::Contains(HasSubstr("0 to 4095")));
}

TEST(ItkReaderTest, RefusesVolumesAndNumbersThatAreNoPicture) {
  const support::TemporaryFolder folder;
  write_volume<itk::MetaImageIO>(folder / "v.mha", {.sides = {20, 10, 3}}, counting(600));
  write_volume<itk::NiftiImageIO>(folder / "v.nii.gz", {.sides = {20, 10, 3}}, counting(600));
  for (const auto* name : {"v.mha", "v.nii.gz"}) {
    EXPECT_THAT([&] { (void)open_slide(folder / name); },
                Throws<Error>(refused(ErrorCode::unsupported_format, "20 x 10 x 3")))
        << name;
  }
  write_volume<itk::MetaImageIO>(folder / "f.mha", {.type = itk::IOComponentEnum::FLOAT}, counting(800));
  write_volume<itk::NiftiImageIO>(folder / "f.nii", {.type = itk::IOComponentEnum::FLOAT}, counting(800));
  for (const auto* name : {"f.mha", "f.nii"}) {
    EXPECT_THAT([&] { (void)open_slide(folder / name); },
                Throws<Error>(refused(ErrorCode::unsupported_format, "whole numbers")))
        << name;
  }
}

TEST(ItkReaderTest, SaysByHowMuchSignedSamplesAreLifted) {
  const support::TemporaryFolder folder;
  std::vector<int> values(200);
  for (int i = 0; i < 200; ++i) values[static_cast<std::size_t>(i)] = 20 * i - 1000;
  const Volume form{.type = itk::IOComponentEnum::SHORT};
  write_volume<itk::MetaImageIO>(folder / "a.mha", form, deep(values));
  write_volume<itk::NiftiImageIO>(folder / "a.nii", form, deep(values));
  for (const auto* name : {"a.mha", "a.nii"}) {
    EXPECT_THAT(open_slide(folder / name)->info().warnings, testing::Contains(HasSubstr("1000 is added")))
        << name;
  }
}

TEST(ItkReaderTest, SaysWhereNoProcessCanBeMade) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the check of types in a throw needs a file descriptor of its own";
#endif
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{0, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  std::exception_ptr thrown;
  try {
    (void)detail::run_apart([] { return std::string(); }, std::chrono::seconds(5));
  } catch (...) {
    thrown = std::current_exception();
  }
  setrlimit(RLIMIT_NOFILE, &before);
  ASSERT_TRUE(thrown);
  EXPECT_THAT([&] { std::rethrow_exception(thrown); },
              testing::Throws<Error>(support::HasCode(ErrorCode::resource_exhausted)));
}

TEST(ItkReaderTest, SeesTheEndOfADecoderWhileAnotherRuns) {
  const support::TemporaryFolder folder;
  for (int round = 0; round < 30; ++round) {
    const auto go = folder / fmt::format("go{}", round);
    std::jthread slow([&] {
      const auto wait = [&] {
        while (!fs::exists(go)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        return std::string("slow");
      };
      EXPECT_EQ(detail::run_apart(wait, std::chrono::seconds(60)), "slow");
    });
    // Where the other had this one's pipe, each would wait for the other.
    EXPECT_EQ(detail::run_apart([] { return std::string("quick"); }, std::chrono::seconds(60)), "quick");
    write_file(go, "");
  }
}

TEST(ItkReaderTest, ReadsNoFileFromElsewhere) {
  const support::TemporaryFolder folder;
  for (const auto* data : {"/etc/passwd", "../a.raw", "LIST", "slice%03d.raw 1 3 1", "missing.raw"}) {
    write_file(folder / "a.mhd", fmt::format("ObjectType = Image\nNDims = 2\nDimSize = 4 4\nElementType = "
                                             "MET_UCHAR\nElementDataFile = {}\n",
                                             data));
    EXPECT_THROW((void)open_slide(folder / "a.mhd"), Error) << data;
  }
}

// --- damage ---------------------------------------------------------------------------------------------

class DamagedMedicalImageTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const auto name = GetParam();
    if (name == "a.dcm") {
      write_dicom(folder_ / name, {.width = 64, .height = 48}, counting(64 * 48));
    } else if (name == "jpeg.dcm") {
      write_dicom(folder_ / name,
                  {.width = 64,
                   .height = 48,
                   .pixel = colour(),
                   .photometric = gdcm::PhotometricInterpretation::YBR_FULL_422,
                   .syntax = gdcm::TransferSyntax::JPEGBaselineProcess1},
                  encode_jpeg(support::paint_positions(64, 48), 90));
    } else if (name.find(".mha") != std::string::npos) {
      write_volume<itk::MetaImageIO>(
          folder_ / name, {.sides = {64, 48}, .is_compressed = name == "packed.mha"}, counting(64 * 48));
    } else {
      write_volume<itk::NiftiImageIO>(folder_ / name, {.sides = {64, 48}}, counting(64 * 48));
    }
    bytes_ = read_file(folder_ / name);
  }
  support::TemporaryFolder folder_;
  std::string bytes_;
};

TEST_P(DamagedMedicalImageTest, IsRefusedWhereCutAtEachTenth) {
  for (std::size_t tenth = 0; tenth < 10; ++tenth) {
    write_file(folder_ / ("cut_" + GetParam()), bytes_.substr(0, bytes_.size() * tenth / 10));
    EXPECT_THROW((void)open_slide(folder_ / ("cut_" + GetParam())), Error) << tenth;
  }
}

TEST_P(DamagedMedicalImageTest, NeverCrashesOnChangedBytes) {
  Random random(5, 8);
  testing::internal::CaptureStderr();
  for (int round = 0; round < 60; ++round) {
    auto damaged = bytes_;
    for (int i = 0; i < 3; ++i) {
      const auto span = round % 3 == 0 ? bytes_.size() : std::min<std::size_t>(400, bytes_.size());
      damaged[static_cast<std::size_t>(random.index(static_cast<std::int64_t>(span)))] =
          static_cast<char>(random.index(256));
    }
    write_file(folder_ / ("changed_" + GetParam()), damaged);
    try {
      (void)open_slide(folder_ / ("changed_" + GetParam()));
    } catch (const Error&) {
    }
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

INSTANTIATE_TEST_SUITE_P(Files, DamagedMedicalImageTest,
                         testing::Values("a.dcm", "jpeg.dcm", "a.mha", "packed.mha", "a.nii", "a.nii.gz"),
                         [](const auto& parameter) {
                           auto name = parameter.param;
                           std::ranges::replace(name, '.', '_');
                           return name;
                         });

TEST(ReaderTableTest, TakesNoPartOfASlideForAnImage) {
  TESSERA_NEED_DATA(path, "wsi/Mirax2-Fluorescence-2");
  for (const auto& entry : fs::directory_iterator(path))
    EXPECT_FALSE(is_readable_slide(entry.path())) << entry;
  const support::TemporaryFolder folder;
  write_file(folder / "meta.json", R"({"NDims": 2, "ElementDataFile": "x"})");
  write_file(folder / "empty.gz", "\x1f\x8b");
  for (const auto* name : {"meta.json", "empty.gz"}) EXPECT_FALSE(is_readable_slide(folder / name)) << name;
}

}  // namespace
}  // namespace imaging
