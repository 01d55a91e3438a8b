#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <tiffio.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <set>

#include "imaging/base/csv.h"
#include "imaging/phantom/slide_phantom.h"
#include "imaging/raster/png.h"
#include "imaging/slide/pyramid_tiff_writer.h"
#include "mil/bags/bag_store.h"
#include "models/runtime/model_package.h"
#include "tests/integration/command_fixture.h"

/// Whatever is wrong with an input, it is named in one sentence, the exit code says who is to blame, the
/// lists of the run hold it, and nothing half-written stays behind.
namespace {

namespace fs = std::filesystem;
using support::run_tessera;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

// --------------------------------------------------------------------------------- files made by the byte

/// A little-endian TIFF or BigTIFF header with directories of entries, as no honest writer makes them.
class TiffBytes {
 public:
  explicit TiffBytes(std::uint32_t first_directory) {
    bytes_ = "II*";
    bytes_.push_back('\0');
    number(first_directory);
  }
  struct Entry {
    std::uint16_t tag, type;
    std::uint32_t count, value;
  };
  TiffBytes& directory(const std::vector<Entry>& entries, std::uint32_t next) {
    number(static_cast<std::uint16_t>(entries.size()));
    for (const auto& entry : entries) {
      number(entry.tag);
      number(entry.type);
      number(entry.count);
      number(entry.value);
    }
    number(next);
    return *this;
  }
  [[nodiscard]] std::string padded(std::size_t size) const {
    return bytes_ + std::string(size - std::min(size, bytes_.size()), '\0');
  }

 private:
  template <typename Number>
  void number(Number value) {
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    bytes_.append(raw, sizeof raw);
  }
  std::string bytes_;
};

constexpr std::uint16_t kShort = 3, kLong = 4;

/// A tiled RGB picture of one tile, as its directory states it.
std::vector<TiffBytes::Entry> tiled(std::uint32_t width, std::uint32_t height, std::uint32_t tile_width,
                                    std::uint32_t tile_height, std::uint32_t compression = 1) {
  return {{256, kLong, 1, width},        {257, kLong, 1, height},       {258, kShort, 1, 8},
          {259, kShort, 1, compression}, {262, kShort, 1, 2},           {277, kShort, 1, 3},
          {284, kShort, 1, 1},           {322, kLong, 1, tile_width},   {323, kLong, 1, tile_height},
          {324, kLong, 1, 512},          {325, kLong, 1, 256 * 256 * 3}};
}

/// Signature and IHDR of a PNG of 10^9 x 10^9 pixels, with a right checksum.
std::string absurd_png() {
  std::string chunk = "IHDR";
  chunk += std::string("\x3b\x9a\xca\x00\x3b\x9a\xca\x00\x08\x02\x00\x00\x00", 13);
  std::uint32_t crc = 0xffffffff;
  for (const char c : chunk) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320U : 0U);
  }
  crc = ~crc;
  std::string bytes("\x89PNG\r\n\x1a\n\0\0\0\x0d", 12);
  bytes += chunk;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(crc >> shift));
  return bytes;
}

void write_pyramid(const fs::path& path, const fs::path& picture) {
  constexpr std::int64_t kRows = imaging::PyramidTiffWriter::kTilePx;
  const auto image = imaging::decode_image(imaging::read_file(picture));
  imaging::PyramidTiffOptions options;
  options.size = {image.width(), image.height()};
  options.mpp_x = options.mpp_y = 1;
  imaging::PyramidTiffWriter writer(path, options);
  for (std::int64_t y = 0; y < image.height(); y += kRows) {
    imaging::Image8 rows(image.width(), std::min(kRows, image.height() - y), 3);
    std::copy_n(image.row(y), rows.width() * rows.height() * 3, rows.data());
    writer.append_rows(rows);
  }
  writer.finish();
}

// ---------------------------------------------------------------------------------------------- the fixture

class BadInput : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(in_); }

  /// An input that nothing is wrong with.
  void add_good() { support::paint_tissue_png(in_ / "good.png", {256, 256}, {32, 32, 192, 192}, 1); }

  [[nodiscard]] std::string analyze_arguments(const fs::path& inputs, const std::string& extra = "") const {
    return fmt::format(
        "analyze '{}' --mpp 1 --a-t 0 --seg-mpp 4 --batch 4 --no-report --model '{}' --encoder '{}' --out "
        "'{}' {}",
        inputs.string(), classifier_.string(), encoder_.string(), out_.string(), extra);
  }

  struct Row {
    std::string status, code, reason;
  };
  /// What run.json says of every input, held against cohort.csv and the cases' own results.
  [[nodiscard]] std::map<std::string, Row> rows() const {
    std::map<std::string, Row> rows;
    const auto run = nlohmann::json::parse(imaging::read_file(out_ / "run.json"));
    for (const auto& input : run["inputs"]) {
      rows[input["file"]] = {input["status"], input["reason_code"], input["reason"]};
      const auto result = nlohmann::json::parse(
          imaging::read_file(out_ / "cases" / input["case"].get<std::string>() / "result.json"));
      EXPECT_EQ(result["status"], input["status"]);
    }
    const auto table = imaging::read_csv_with_header(out_ / "cohort.csv");
    EXPECT_EQ(table.rows.size(), rows.size());
    for (const auto& line : table.rows) {
      EXPECT_EQ(line[*table.find_column("status")], rows[line[*table.find_column("file")]].status);
    }
    return rows;
  }

  /// No temporary file, and of a failed case nothing but the result that says so.
  void expect_nothing_half_written() const {
    if (!fs::exists(out_)) return;
    for (const auto& entry : fs::recursive_directory_iterator(out_)) {
      const auto name = entry.path().filename().string();
      EXPECT_FALSE(name.starts_with(".") || name.find(".tmp") != std::string::npos) << entry.path();
      if (name == "result.json" &&
          nlohmann::json::parse(imaging::read_file(entry.path()))["status"] == "failed") {
        for (const auto& beside : fs::directory_iterator(entry.path().parent_path()))
          EXPECT_EQ(beside.path().filename(), "result.json") << beside.path();
      }
    }
  }

  static void expect_sentence(const std::string& text, const std::string& subject) {
    EXPECT_THAT(text, HasSubstr(subject));
    EXPECT_THAT(text, testing::EndsWith("."));
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    EXPECT_LT(text.size(), 500U) << text;
  }

  /// The command fails with this exit code and one line on standard error that holds every part.
  static void expect_refused(const support::CommandOutput& output, int exit_code,
                             const std::vector<std::string>& parts) {
    EXPECT_EQ(output.exit_code, exit_code) << output.out << output.err;
    const auto begin = output.err.find("error: ");
    ASSERT_NE(begin, std::string::npos) << output.err;
    const auto line = output.err.substr(begin, output.err.find('\n', begin) - begin);
    for (const auto& part : parts) EXPECT_THAT(line, HasSubstr(part));
    EXPECT_EQ(output.err.find('\n', begin), output.err.size() - 1) << output.err;
  }

  support::TemporaryFolder folder_;
  const fs::path in_ = folder_ / "in";
  const fs::path out_ = folder_ / "out";
  fs::path classifier_ = support::tiny_models().classifier;
  fs::path encoder_ = support::tiny_models().encoder;
};

// --------------------------------------------------------------------------------------------- cut files

struct Cut {
  const char* name;  ///< of the test
  const char* extension;
  std::function<bool(const fs::path&)> write;  ///< false where the file cannot be had here
};

void PrintTo(const Cut& cut, std::ostream* out) {
  *out << cut.name;
}

bool paint(const fs::path& path) {
  support::paint_tissue_png(path, {640, 512}, {64, 64, 512, 384}, 2);
  return true;
}

/// The painted picture's bytes behind a header.
bool paint_behind(const fs::path& path, const std::function<std::string(const imaging::Image8&)>& header) {
  const auto painted = fs::path(path).replace_extension(".png");
  paint(painted);
  const auto image = imaging::decode_image(imaging::read_file(painted));
  imaging::write_file(
      path, header(image) + std::string(reinterpret_cast<const char*>(image.data()), image.bytes()));
  return fs::remove(painted);
}

std::string mha_header(const imaging::Image8& image) {
  return fmt::format(
      "ObjectType = Image\nNDims = 2\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
      "CompressedData = False\nElementSpacing = 0.001 0.001\nDimSize = {} {}\n"
      "ElementNumberOfChannels = 3\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n",
      image.width(), image.height());
}

/// Explicit VR, little-endian: what a reader needs to know of an RGB photograph.
std::string dicom_header(const imaging::Image8& image) {
  std::string bytes = std::string(128, '\0') + "DICM";
  const auto number = [](auto value) {
    std::string raw(sizeof value, '\0');
    std::memcpy(raw.data(), &value, sizeof value);
    return raw;
  };
  const auto element = [&](std::uint16_t group, std::uint16_t tag, const char* kind, std::string value) {
    if (value.size() % 2 != 0) value.push_back(std::string_view(kind) == "UI" ? '\0' : ' ');
    return number(group) + number(tag) + kind + number(static_cast<std::uint16_t>(value.size())) + value;
  };
  const auto word = [&](std::int64_t value) { return number(static_cast<std::uint16_t>(value)); };
  const auto meta = element(2, 0x10, "UI", "1.2.840.10008.1.2.1");
  bytes += element(2, 0, "UL", number(static_cast<std::uint32_t>(meta.size()))) + meta;
  bytes += element(8, 0x16, "UI", "1.2.840.10008.5.1.4.1.1.77.1.5.1") + element(8, 0x60, "CS", "OP");
  bytes += element(0x28, 2, "US", word(3)) + element(0x28, 4, "CS", "RGB") + element(0x28, 6, "US", word(0));
  bytes += element(0x28, 0x10, "US", word(image.height())) + element(0x28, 0x11, "US", word(image.width()));
  bytes += element(0x28, 0x100, "US", word(8)) + element(0x28, 0x101, "US", word(8));
  bytes += element(0x28, 0x102, "US", word(7)) + element(0x28, 0x103, "US", word(0));
  return bytes + number(std::uint16_t{0x7fe0}) + number(std::uint16_t{0x10}) + std::string("OB\0\0", 4) +
         number(static_cast<std::uint32_t>(image.bytes()));
}

const std::vector<Cut>& cuts() {
  static const std::vector<Cut> all = {
      {"svs", ".svs",
       [](const fs::path& path) {
         const auto slide = support::find_data("wsi/CMU-1-Small-Region.svs");
         return slide && fs::copy_file(*slide, path);
       }},
      {"pyramid", ".tiff",
       [](const fs::path& path) {
         const auto painted = fs::path(path).replace_extension(".png");
         write_pyramid(path, (paint(painted), painted));
         return fs::remove(painted);
       }},
      {"phantom", ".tif",
       [](const fs::path& path) {
         const auto output = run_tessera(
             fmt::format("phantom slide --width 1024 --height 1024 --seed 3 --out '{}'", path.string()));
         fs::remove(fs::path(path).replace_extension(".json"));
         fs::remove(fs::path(path).replace_extension(".geojson"));
         return output.exit_code == 0 && fs::exists(path);
       }},
      {"png", ".png", &paint},
      {"mha", ".mha", [](const fs::path& path) { return paint_behind(path, &mha_header); }},
      {"dicom", ".dcm", [](const fs::path& path) { return paint_behind(path, &dicom_header); }},
      {"jpeg", ".jpg", [](const fs::path& path) {
         const auto painted = fs::path(path).replace_extension(".png");
         paint(painted);
         const auto made =
             support::run_command(fmt::format("vips copy '{}' '{}[Q=90]'", painted.string(), path.string()));
         fs::remove(painted);
         return made.exit_code == 0;
       }}};
  return all;
}

class CutFile : public BadInput, public testing::WithParamInterface<Cut> {};

/// Cut at every tenth. No decoder may fill what is missing and call the slide done.
TEST_P(CutFile, IsNeverReadAsWhole) {
  const auto& cut = GetParam();
  const auto whole_path = folder_ / (std::string("whole") + cut.extension);
  if (!cut.write(whole_path)) GTEST_SKIP() << "no " << cut.name << " file can be had here";
  EXPECT_EQ(run_tessera("info '" + whole_path.string() + "'").exit_code, 0);
  const auto whole = imaging::read_file(whole_path);
  add_good();
  for (std::size_t tenth = 0; tenth < 10; ++tenth) {
    imaging::write_file(in_ / fmt::format("cut{}{}", tenth, cut.extension),
                        whole.substr(0, whole.size() * tenth / 10));
  }
  const auto output = run_tessera(analyze_arguments(in_));
  EXPECT_EQ(output.exit_code, 4) << output.out << output.err;
  const auto found = rows();
  EXPECT_EQ(found.size(), 11U);
  for (const auto& [file, row] : found) {
    if (file == "good.png") {
      EXPECT_EQ(row.status, "done") << row.reason;
      continue;
    }
    EXPECT_NE(row.status, "done") << file;
    EXPECT_NE(row.code, "internal") << row.reason;
    expect_sentence(row.reason, row.status == "failed" ? file : "");
  }
  expect_nothing_half_written();
}

INSTANTIATE_TEST_SUITE_P(Formats, CutFile, testing::ValuesIn(cuts()),
                         [](const auto& test) { return std::string(test.param.name); });

// ------------------------------------------------------------------------------------------- hostile files

/// Every file that lies about itself, in one run with a good one: each fails by itself.
TEST_F(BadInput, FilesThatLieFailOneByOneAndStopNobody) {
  add_good();
  const auto add = [&](const std::string& name, const std::string& bytes) {
    imaging::write_file(in_ / name, bytes);
  };
  add("empty.svs", "");
  add("text.tiff", "This is a letter and no slide.\n");
  add("noise.ndpi", std::string(4096, '\x5a'));
  add("zero_directories.tiff", TiffBytes(0).padded(64));
  add("no_entries.tiff", TiffBytes(8).directory({}, 0).padded(64));
  add("directory_outside.tiff", TiffBytes(0x7fffffff).padded(64));
  add("directory_loop.tiff", TiffBytes(8).directory(tiled(256, 256, 256, 256), 8).padded(200'000));
  add("absurd_tiled.tiff",
      TiffBytes(8).directory(tiled(1'000'000'000, 1'000'000'000, 256, 256), 0).padded(200'000));
  add("absurd_tile.tiff", TiffBytes(8).directory(tiled(256, 256, 0x40000000, 0x40000000), 0).padded(200'000));
  add("zero_tile.tiff", TiffBytes(8).directory(tiled(256, 256, 0, 0), 0).padded(200'000));
  add("odd_tile.tiff", TiffBytes(8).directory(tiled(4096, 4096, 17, 3), 0).padded(200'000));
  add("zero_width.tiff", TiffBytes(8).directory(tiled(0, 0, 256, 256), 0).padded(200'000));
  add("jpeg_of_zeros.tiff", TiffBytes(8).directory(tiled(256, 256, 256, 256, 7), 0).padded(200'000));
  add("short_tile.tiff", TiffBytes(8).directory(tiled(256, 256, 256, 256), 0).padded(1024));
  add("absurd.png", absurd_png());
  const auto output = run_tessera(analyze_arguments(in_));
  EXPECT_EQ(output.exit_code, 4) << output.out << output.err;
  for (const auto& [file, row] : rows()) {
    // A loop of directories is harmless where the first one is all that is needed; it then shows no tissue.
    EXPECT_EQ(row.status, file == "good.png" ? "done" : "failed") << file;
    EXPECT_NE(row.code, "internal") << row.reason;
    if (row.status == "failed") expect_sentence(row.reason, file);
  }
  expect_nothing_half_written();

  const auto info = run_tessera("info --json '" + in_.string() + "'");
  EXPECT_EQ(info.exit_code, 4) << info.err;
}

/// Scattered damage costs a slide its tiles, not the batch its slide.
TEST_F(BadInput, ScatteredCorruptTilesDegradeTheirSlideAlone) {
  add_good();
  constexpr std::int64_t kStored = imaging::PyramidTiffWriter::kTilePx;
  support::paint_tissue_png(folder_ / "painted.png", {2560, 1280}, {256, 256, 2048, 768}, 1);
  for (const auto& [name, damaged] : std::map<std::string, std::vector<std::uint32_t>>{
           {"whole", {}}, {"few", {4}}, {"many", {2, 4, 6, 7}}}) {
    const auto slide = in_ / (name + ".tiff");
    write_pyramid(slide, folder_ / "painted.png");
    std::vector<std::uint64_t> offsets;
    {
      const std::unique_ptr<TIFF, void (*)(TIFF*)> file(TIFFOpen(slide.c_str(), "r"), &TIFFClose);
      for (const auto column : damaged)
        offsets.push_back(TIFFGetStrileOffset(
            file.get(), TIFFComputeTile(file.get(), column * kStored, column % 3 * kStored + kStored, 0, 0)));
    }
    auto bytes = imaging::read_file(slide);
    for (const auto offset : offsets) bytes.replace(offset, 7, "damaged");
    imaging::write_file(slide, bytes);
  }
  const auto output = run_tessera(analyze_arguments(in_));
  EXPECT_EQ(output.exit_code, 4) << output.out << output.err;
  auto found = rows();
  EXPECT_EQ(found["good.png"].status, "done");
  EXPECT_EQ(found["whole.tiff"].status, "done");
  EXPECT_EQ(found["few.tiff"].status, "degraded");
  EXPECT_EQ(found["many.tiff"].code, "corrupt_data");
  expect_sentence(found["many.tiff"].reason, "many.tiff");
  const auto ledger =
      nlohmann::json::parse(imaging::read_file(out_ / "cases/few/result.json"))["corrupt_tiles"];
  EXPECT_GT(ledger.size(), 0U);
  for (const auto& tile : ledger) {
    EXPECT_EQ(tile["column"].get<int>() / (kStored / 32), 4);
    EXPECT_EQ(tile["row"].get<int>() / (kStored / 32), 2);
  }
  expect_nothing_half_written();
}

TEST_F(BadInput, AFileIsReadByItsContentWhateverItIsCalled) {
  support::paint_tissue_png(in_ / "x.png", {256, 256}, {32, 32, 192, 192}, 1);
  fs::rename(in_ / "x.png", in_ / "picture.svs");
  const auto output = run_tessera(analyze_arguments(in_));
  EXPECT_EQ(output.exit_code, 0) << output.out << output.err;
}

TEST_F(BadInput, AFolderNamedLikeASlideHoldsNone) {
  fs::create_directories(in_ / "x.svs");
  expect_refused(run_tessera(analyze_arguments(in_ / "x.svs")), 3, {"x.svs", "No slide or image"});
  EXPECT_FALSE(fs::exists(out_ / "cases"));
}

TEST_F(BadInput, ASlideWithoutTissueSaysWhatToLower) {
  add_good();
  support::paint_tissue_png(in_ / "blank.png", {256, 256}, {0, 0, 0, 0}, 1);
  EXPECT_EQ(run_tessera(analyze_arguments(in_)).exit_code, 4);
  const auto row = rows()["blank.png"];
  EXPECT_EQ(row.code, "no_tissue");
  expect_sentence(row.reason, "--sthresh");
  expect_nothing_half_written();
}

TEST_F(BadInput, AMissingScaleIsNamedWithItsCures) {
  add_good();
  auto arguments = analyze_arguments(in_ / "good.png");
  arguments.erase(arguments.find("--mpp 1 "), 8);
  EXPECT_EQ(run_tessera(arguments).exit_code, 3);
  const auto row = rows()["good.png"];
  EXPECT_EQ(row.code, "missing_scale");
  expect_sentence(row.reason, "--mpp M");
}

// ------------------------------------------------------------------------------------------------ packages

class BadPackage : public BadInput {
 protected:
  void SetUp() override {
    BadInput::SetUp();
    add_good();
    fs::copy(classifier_, package_, fs::copy_options::recursive);
    classifier_ = package_;
  }
  void expect_package_refused(const std::vector<std::string>& parts) {
    expect_refused(run_tessera(analyze_arguments(in_)), 3, parts);
    EXPECT_FALSE(fs::exists(out_ / "cases"));
    expect_nothing_half_written();
    EXPECT_EQ(run_tessera("model verify '" + package_.string() + "'").exit_code, 3);
  }
  [[nodiscard]] nlohmann::ordered_json manifest() const {
    return nlohmann::ordered_json::parse(imaging::read_file(package_ / "manifest.json"));
  }
  [[nodiscard]] fs::path weights() const {
    for (const auto& entry : fs::directory_iterator(package_)) {
      if (entry.path().extension() == ".safetensors") return entry.path();
    }
    return {};
  }
  const fs::path package_ = folder_ / "package";
};

TEST_F(BadPackage, WithAWrongHashIsRefused) {
  auto bytes = imaging::read_file(weights());
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  imaging::write_file(weights(), bytes);
  expect_package_refused({package_.string(), weights().filename().string(), "sha256", "get it again"});
}

TEST_F(BadPackage, WithoutAFileIsRefused) {
  const auto missing = weights().filename().string();
  fs::remove(weights());
  expect_package_refused({package_.string(), missing, "lacks"});
}

TEST_F(BadPackage, WithAStrangersFileIsRefused) {
  imaging::write_file(package_ / "extra.py", "import os");
  expect_package_refused({package_.string(), "extra.py"});
}

TEST_F(BadPackage, WhoseWeightsAreNoneIsRefused) {
  imaging::write_file(weights(), std::string(64, '\x7f'));
  models::seal_package(package_, manifest());
  expect_refused(run_tessera(analyze_arguments(in_)), 3,
                 {weights().filename().string(), "not a valid safetensors file"});
  EXPECT_FALSE(fs::exists(out_ / "cases"));
}

TEST_F(BadPackage, WhoseDimensionsDoNotFitItsEncoderIsRefused) {
  auto changed = manifest();
  changed["input_bag"]["dim"] = changed["input_bag"]["dim"].get<int>() + 1;
  models::seal_package(package_, changed);
  const auto output = run_tessera(analyze_arguments(in_));
  expect_refused(output, 3, {"tiny-classifier", "input_bag"});
  EXPECT_FALSE(fs::exists(out_ / "cases"));
}

TEST_F(BadPackage, WhoseClassesDoNotFitItsWeightsIsRefused) {
  auto changed = manifest();
  changed["class_names"] = {"one", "two", "three"};
  models::seal_package(package_, changed);
  expect_refused(run_tessera(analyze_arguments(in_)), 3, {"tiny-classifier", "3 class names"});
}

TEST_F(BadPackage, WithABrokenManifestIsRefused) {
  const auto good = imaging::read_file(package_ / "manifest.json");
  const std::vector<std::pair<std::string, std::string>> broken = {
      {good.substr(0, good.size() / 2), "not valid JSON"},
      {std::string(100'000, '['), "nested deeper"},
      {"{\"schema\": NaN}", "not valid JSON"},
      {"{\"schema\": \"tessera.model/1\", " + good.substr(1), "twice"},
      {"", "not valid JSON"},
      {"[]", "not a JSON object"}};
  std::string packages;
  for (std::size_t number = 0; number < broken.size(); ++number) {
    const auto copy = folder_ / fmt::format("package{}", number);
    fs::copy(package_, copy, fs::copy_options::recursive);
    imaging::write_file(copy / "manifest.json", broken[number].first);
    packages += fmt::format(" '{}'", copy.string());
  }
  const auto output = run_tessera("model verify --json" + packages);
  EXPECT_EQ(output.exit_code, 3) << output.err;
  const auto replies = nlohmann::json::parse(output.out);
  ASSERT_EQ(replies.size(), broken.size());
  for (std::size_t number = 0; number < broken.size(); ++number) {
    expect_sentence(replies[number]["message"], fmt::format("package{}", number));
    EXPECT_THAT(replies[number]["message"].get<std::string>(), HasSubstr(broken[number].second));
    EXPECT_EQ(replies[number]["code"], "corrupt_data");
  }
}

TEST_F(BadPackage, CutAtEveryTenthIsRefused) {
  const auto zipped = folder_ / "package.tsr";
  models::zip_package(package_, zipped);
  const auto whole = imaging::read_file(zipped);
  std::string packages;
  for (std::size_t tenth = 0; tenth < 10; ++tenth) {
    const auto cut = folder_ / fmt::format("cut{}.tsr", tenth);
    imaging::write_file(cut, whole.substr(0, whole.size() * tenth / 10));
    packages += fmt::format(" '{}'", cut.string());
  }
  const auto output = run_tessera("model verify --json" + packages);
  EXPECT_EQ(output.exit_code, 3) << output.err;
  for (const auto& reply : nlohmann::json::parse(output.out)) {
    EXPECT_EQ(reply["code"], "corrupt_data");
    expect_sentence(reply["message"], "not a valid package");
  }
}

// ---------------------------------------------------------------------------------------------------- bags

class BadBag : public BadInput {
 protected:
  void SetUp() override {
    bag_ = {.id = "a", .count = 40, .dim = 32, .features = mil::FeatureVector(40 * 32, 0.5F), .coords = {}};
    const auto dim =
        nlohmann::json::parse(imaging::read_file(classifier_ / "manifest.json"))["input_bag"]["dim"];
    bag_.dim = dim;
    bag_.features.assign(static_cast<std::size_t>(bag_.count * bag_.dim), 0.5F);
    for (std::int64_t i = 0; i < bag_.count; ++i) bag_.coords.insert(bag_.coords.end(), {32 * i, 0});
    write(bag_);
    whole_ = imaging::read_file(path_);
  }
  void write(const mil::Bag& bag) {
    const auto encoder = models::ModelPackage::open(encoder_);
    mil::write_bag(
        path_, bag,
        {.coords_attributes = {{"tile_px", std::int64_t{32}},
                               {"tile_mpp", 1.0},
                               {"patch_size_level0", std::int64_t{32}}},
         .features_attributes = {{"encoder", encoder.name()}, {"encoder_sha256", encoder.sha256()}},
         .scores = std::nullopt});
  }
  [[nodiscard]] support::CommandOutput predict(const std::string& extra = "") const {
    return run_tessera(fmt::format("mil predict --model '{}' --bags '{}' --out '{}' {}", classifier_.string(),
                                   in_.string(), out_.string(), extra));
  }
  void expect_bag_refused(const std::string& what) const {
    const auto output = predict();
    EXPECT_EQ(output.exit_code, 3) << output.out << output.err;
    EXPECT_THAT(output.out + output.err, HasSubstr("a.h5"));
    EXPECT_THAT(output.out + output.err, HasSubstr(what));
    expect_nothing_half_written();
  }
  mil::Bag bag_;
  std::string whole_;
  const fs::path path_ = in_ / "a.h5";
};

TEST_F(BadBag, WholeIsTaken) {
  EXPECT_EQ(predict().exit_code, 0);
}

TEST_F(BadBag, CutAtEveryTenthIsRefused) {
  for (std::size_t tenth = 0; tenth < 10; tenth += 3) {
    imaging::write_file(path_, whole_.substr(0, whole_.size() * tenth / 10));
    expect_bag_refused("not a whole HDF5 file");
  }
}

TEST_F(BadBag, OfTextIsRefused) {
  imaging::write_file(path_, "features");
  expect_bag_refused("not a whole HDF5 file");
}

TEST_F(BadBag, WithNanIsRefusedByItsRow) {
  auto bytes = whole_;
  const float half = 0.5F, nan = std::numeric_limits<float>::quiet_NaN();
  std::string needle(8, '\0'), poison(4, '\0');
  std::memcpy(needle.data(), &half, 4);
  std::memcpy(needle.data() + 4, &half, 4);
  std::memcpy(poison.data(), &nan, 4);
  bytes.replace(bytes.find(needle), 4, poison);
  imaging::write_file(path_, bytes);
  expect_bag_refused("row 0 of the features holds NaN or inf");
}

TEST_F(BadBag, OfAnotherWidthIsRefused) {
  auto wide = bag_;
  wide.dim += 1;
  wide.features.assign(static_cast<std::size_t>(wide.count * wide.dim), 0.5F);
  write(wide);
  expect_bag_refused(std::to_string(wide.dim));
}

TEST_F(BadBag, AmongGoodOnesIsListedAndStopsNobody) {
  fs::copy_file(path_, in_ / "b.h5");
  imaging::write_file(path_, whole_.substr(0, whole_.size() / 2));
  const auto output = predict();
  EXPECT_EQ(output.exit_code, 4) << output.out << output.err;
  EXPECT_THAT(output.out, HasSubstr("a.h5"));
  expect_nothing_half_written();
}

TEST_F(BadBag, WithBrokenOutlinesNamesTheFile) {
  fs::create_directories(folder_ / "truth");
  const std::map<std::string, std::string> broken = {
      {"{\"features\":" + std::string(100'000, '['), "nested deeper"},
      {R"({"features":[],"features":[]})", "twice"},
      {R"({"features":[{"geometry":{"type":"Polygon","coordinates":[[[NaN,0]]]}}]})",
       "not GeoJSON of annotations, parse error"},
      {R"({"type":"FeatureCollection"})", "GeoJSON"},
      {R"({"features":[{"properties":{"name":"Tumour"},"geometry":{"type":"Polygon","coordinates":[["x"]]}}]})",
       "GeoJSON"},
      {"", "neither GeoJSON"}};
  for (const auto& [text, what] : broken) {
    imaging::write_file(folder_ / "truth/a.geojson", text);
    const auto output = predict("--truth '" + (folder_ / "truth").string() + "'");
    EXPECT_EQ(output.exit_code, 3) << output.out << output.err;
    EXPECT_THAT(output.out + output.err, AllOf(HasSubstr("a.geojson"), HasSubstr(what)));
    expect_nothing_half_written();
  }
}

// --------------------------------------------------------------------------------------------- other files

/// Options are the command, wherever they stand: exit code 2.
TEST_F(BadInput, ABrokenFileOfOptionsIsRefused) {
  add_good();
  const auto config = folder_ / "options.json";
  const std::map<std::string, std::string> broken = {{"{\"mpp\": 1", "not valid JSON"},
                                                     {std::string(100'000, '{'), "not valid JSON"},
                                                     {std::string(100'000, '['), "nested deeper"},
                                                     {R"({"mpp": 1, "mpp": 2})", "twice"},
                                                     {R"({"mpp": NaN})", "not valid JSON"},
                                                     {"", "not valid JSON"}};
  for (const auto& [text, what] : broken) {
    imaging::write_file(config, text);
    expect_refused(run_tessera(analyze_arguments(in_, "--config '" + config.string() + "'")), 2,
                   {config.string(), what});
    EXPECT_FALSE(fs::exists(out_));
  }
}

TEST_F(BadInput, ATableThatIsNoneIsRefused) {
  add_good();
  const auto table = folder_ / "table.csv";
  for (const auto& [text, what] : std::map<std::string, std::string>{
           {"", "empty"}, {"file,mpp\n\"good.png,1\n", "never closed"}, {"file\ngood.png,1,2\n", "cells"}}) {
    imaging::write_file(table, text);
    expect_refused(run_tessera(analyze_arguments(in_, "--table '" + table.string() + "'")), 3,
                   {table.string(), what});
    EXPECT_FALSE(fs::exists(out_ / "cases"));
  }
}

// ------------------------------------------------------------------------------------------- output folders

/// Root writes everywhere unless it gives that right up.
std::string as_anyone() {
  return geteuid() == 0 ? "setpriv --inh-caps=-all --bounding-set=-dac_override,-dac_read_search " : "";
}

TEST_F(BadInput, AnOutputFolderWithoutPermissionIsNamed) {
  add_good();
  fs::create_directories(out_);
  fs::permissions(out_, fs::perms::owner_read | fs::perms::owner_exec);
  if (support::run_command(as_anyone() + "true").exit_code != 0 ||
      support::run_command(as_anyone() + "touch '" + (out_ / "probe").string() + "'").exit_code == 0)
    GTEST_SKIP() << "cannot give up the right to write everywhere";
  for (const auto& out : {out_, out_ / "inside"}) {
    auto arguments = analyze_arguments(in_);
    arguments.replace(arguments.find("'" + out_.string()), out_.string().size() + 2,
                      "'" + out.string() + "'");
    const auto output =
        support::run_command(as_anyone() + (support::bin_folder() / "tessera").string() + " " + arguments);
    expect_refused(output, 3, {out_.string(), "Permission denied"});
  }
  EXPECT_TRUE(fs::is_empty(out_));
  fs::permissions(out_, fs::perms::owner_all);
}

TEST_F(BadInput, AnOutputFolderThatIsAFileIsNamed) {
  add_good();
  imaging::write_file(out_, "a file");
  expect_refused(run_tessera(analyze_arguments(in_)), 3, {out_.string()});
  EXPECT_EQ(imaging::read_file(out_), "a file");
}

/// A file system of this many bytes at `path`, gone with the object.
class SmallDisk {
 public:
  SmallDisk(fs::path path, std::int64_t bytes) : path_(std::move(path)) {
    fs::create_directories(path_);
    mounted_ = mount("none", path_.c_str(), "tmpfs", 0, fmt::format("size={}", bytes).c_str()) == 0;
  }
  ~SmallDisk() {
    if (mounted_) umount2(path_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  [[nodiscard]] bool is_there() const { return mounted_; }

 private:
  fs::path path_;
  bool mounted_ = false;
};

class FullDisk : public BadInput, public testing::WithParamInterface<std::int64_t> {};

TEST_P(FullDisk, IsSaidAndLeavesNothingHalfWritten) {
  add_good();
  const SmallDisk disk(out_, GetParam());
  if (!disk.is_there()) GTEST_SKIP() << "may not mount a small disk";
  const auto output = run_tessera(analyze_arguments(in_));
  EXPECT_EQ(output.exit_code, 3) << output.out << output.err;
  EXPECT_THAT(output.out + output.err, HasSubstr("No space left on device"));
  expect_nothing_half_written();
}

INSTANTIATE_TEST_SUITE_P(Sizes, FullDisk, testing::Values(4096, 32768, 65536));

}  // namespace
