#include "models/runtime/model_package.h"

#ifdef TESSERA_HAS_LIBZIP
#include <zip.h>
#endif

#include "imaging/base/files.h"
#include "tests/support/test_support.h"

namespace models {
namespace {

namespace fs = std::filesystem;
using imaging::Error;
using imaging::ErrorCode;
using nlohmann::ordered_json;

ordered_json encoder_manifest() {
  return {{"schema", "tessera.model/1"}, {"name", "tiny"},
          {"task", "patch-encoder"},     {"architecture", "resnet18"},
          {"licence", "Apache-2.0"},     {"patch_size_pixels", 64},
          {"spacing_um_px", 0.5},        {"transform", ordered_json::array({{{"name", "ToTensor"}}})}};
}

/// A sealed package with two files.
fs::path make_package(const support::TemporaryFolder& folder) {
  const auto path = folder / "tiny";
  imaging::write_file(path / "README.md", "# Tiny\n");
  imaging::write_file(path / "model.safetensors", "weights");
  seal_package(path, encoder_manifest());
  return path;
}

void expect_error(const fs::path& path, ErrorCode code, const std::string& part) {
  EXPECT_THAT([&] { (void)ModelPackage::open(path); },
              testing::Throws<Error>(testing::AllOf(
                  support::HasCode(code), testing::Property(&Error::what, testing::HasSubstr(part)))));
}

TEST(ModelPackageTest, OpensWhatWasSealed) {
  const support::TemporaryFolder folder;
  const auto path = make_package(folder);

  const auto package = ModelPackage::open(path);

  EXPECT_EQ(package.name(), "tiny");
  EXPECT_EQ(package.task(), "patch-encoder");
  EXPECT_EQ(package.architecture(), "resnet18");
  EXPECT_EQ(package.patch_size_pixels(), 64);
  EXPECT_DOUBLE_EQ(package.spacing_um_px(), 0.5);
  EXPECT_DOUBLE_EQ(package.mpp_tolerance(), 0.1);
  EXPECT_TRUE(package.class_names().empty());
  EXPECT_EQ(package.card(), "# Tiny\n");
  EXPECT_EQ(package.sha256(), imaging::sha256_of_file(path / "manifest.json"));
  EXPECT_EQ(imaging::read_file(package.file("model.safetensors")), "weights");
}

TEST(ModelPackageTest, RefusesAnAlteredMissingOrUnlistedFile) {
  const support::TemporaryFolder folder;
  const auto path = make_package(folder);
  imaging::write_file(path / "model.safetensors", "weightz");
  expect_error(path, ErrorCode::hash_mismatch, "model.safetensors");
  fs::remove(path / "model.safetensors");
  expect_error(path, ErrorCode::hash_mismatch, "lacks its file 'model.safetensors'");
  imaging::write_file(path / "model.safetensors", "weights");
  EXPECT_NO_THROW((void)ModelPackage::open(path));
  imaging::write_file(path / "more" / "extra.bin", "x");
  expect_error(path, ErrorCode::hash_mismatch, "more/extra.bin");
  fs::remove_all(path / "more");
  fs::create_symlink("/etc/hostname", path / "link");
  expect_error(path, ErrorCode::hash_mismatch, "link");
}

TEST(ModelPackageTest, RefusesHashesThatPointOutside) {
  const support::TemporaryFolder folder;
  const auto path = make_package(folder);
  auto manifest = ordered_json::parse(imaging::read_file(path / "manifest.json"));
  imaging::write_file(folder / "secret", "x");
  for (const std::string name : {"../secret", "/etc/passwd", "a/../../secret", "./README.md", ""}) {
    auto altered = manifest;
    altered["sha256"][name] = imaging::sha256_of("x");
    imaging::write_file(path / "manifest.json", altered.dump());
    expect_error(path, ErrorCode::corrupt_data, "invalid entry");
  }
}

TEST(ModelPackageTest, NamesTheFaultyKeyOfAManifest) {
  const support::TemporaryFolder folder;
  const auto path = make_package(folder);
  const auto good = ordered_json::parse(imaging::read_file(path / "manifest.json"));
  const std::vector<std::pair<std::string, ordered_json>> faults{{"schema", "tessera.model/9"},
                                                                 {"name", "../up"},
                                                                 {"task", "magic"},
                                                                 {"architecture", 3},
                                                                 {"patch_size_pixels", 0},
                                                                 {"spacing_um_px", "0.5"},
                                                                 {"transform", "none"},
                                                                 {"mpp_tolerance", -1},
                                                                 {"class_names", ordered_json::array()},
                                                                 {"sha256", 1}};
  for (const auto& [key, value] : faults) {
    auto altered = good;
    altered[key] = value;
    imaging::write_file(path / "manifest.json", altered.dump());
    expect_error(path, ErrorCode::corrupt_data, "'" + key + "'");
  }
  imaging::write_file(path / "manifest.json", "{");
  expect_error(path, ErrorCode::corrupt_data, "not valid JSON");
  fs::remove(path / "manifest.json");
  expect_error(path, ErrorCode::corrupt_data, "manifest.json");
  expect_error(folder / "nowhere", ErrorCode::not_found, "nowhere");
}

TEST(ModelPackageTest, SealsOnlyCompletePackages) {
  const support::TemporaryFolder folder;
  imaging::write_file(folder / "model.safetensors", "weights");
  EXPECT_THAT([&] { seal_package(folder.path(), encoder_manifest()); },
              testing::Throws<Error>(support::HasCode(ErrorCode::invalid_argument)));
  imaging::write_file(folder / "README.md", "card");
  auto manifest = encoder_manifest();
  manifest.erase("spacing_um_px");
  EXPECT_THAT([&] { seal_package(folder.path(), manifest); },
              testing::Throws<Error>(support::HasCode(ErrorCode::invalid_argument)));
}

TEST(ModelPackageTest, ListsWhatOpensAndWhatDoesNot) {
  const support::TemporaryFolder folder;
  (void)make_package(folder);
  imaging::write_file(folder / "broken" / "manifest.json", "{");
  imaging::write_file(folder / "unrelated" / "notes.txt", "x");

  const auto listings = list_packages(folder.path());

  ASSERT_EQ(listings.size(), 2U);
  EXPECT_EQ(listings[0].name, "broken");
  EXPECT_FALSE(listings[0].problem.empty());
  EXPECT_EQ(listings[1].name, "tiny");
  EXPECT_EQ(listings[1].task, "patch-encoder");
  EXPECT_EQ(listings[1].problem, "");
}

#ifdef TESSERA_HAS_LIBZIP

/// A zip archive with entries of any name.
void write_zip(const fs::path& path, const std::vector<std::pair<std::string, std::string>>& entries) {
  int failed = 0;
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &failed);
  ASSERT_NE(archive, nullptr);
  for (const auto& [name, content] : entries) {
    zip_source_t* source = zip_source_buffer(archive, content.data(), content.size(), 0);
    ASSERT_GE(zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8), 0);
  }
  ASSERT_EQ(zip_close(archive), 0);
}

TEST(ModelPackageTest, OpensAZippedPackageAndLeavesNothingBehind) {
  const support::TemporaryFolder folder;
  const auto path = make_package(folder);
  zip_package(path, folder / "tiny.tsr");
  zip_package(path, folder / "again.tsr");
  EXPECT_EQ(imaging::read_file(folder / "tiny.tsr"), imaging::read_file(folder / "again.tsr"));

  fs::path unpacked;
  {
    const auto package = ModelPackage::open(folder / "tiny.tsr");
    const auto copy = package;
    unpacked = package.folder();
    EXPECT_EQ(package.sha256(), ModelPackage::open(path).sha256());
    EXPECT_EQ(imaging::read_file(copy.file("model.safetensors")), "weights");
    EXPECT_EQ(package.path(), folder / "tiny.tsr");
  }
  EXPECT_FALSE(fs::exists(unpacked));
}

TEST(ModelPackageTest, OpensAPackageZippedWithItsFolder) {
  const support::TemporaryFolder folder;
  const auto path = make_package(folder);
  write_zip(folder / "by_hand.tsr", {{"tiny/README.md", imaging::read_file(path / "README.md")},
                                     {"tiny/model.safetensors", "weights"},
                                     {"tiny/manifest.json", imaging::read_file(path / "manifest.json")}});
  EXPECT_EQ(ModelPackage::open(folder / "by_hand.tsr").name(), "tiny");
}

TEST(ModelPackageTest, RefusesHostileArchives) {
  const support::TemporaryFolder folder;
  for (const std::string name : {"../evil", "/tmp/evil", "a/../../evil", "..\\evil"}) {
    write_zip(folder / "x.tsr", {{name, "x"}});
    expect_error(folder / "x.tsr", ErrorCode::corrupt_data, "outside its folder");
  }
  EXPECT_FALSE(fs::exists(folder / "evil"));
  write_zip(folder / "bomb.tsr", {{"zeros", std::string(8U << 20, '\0')}});
  expect_error(folder / "bomb.tsr", ErrorCode::corrupt_data, "far more than its size");
  imaging::write_file(folder / "noise.tsr", "this is no archive");
  expect_error(folder / "noise.tsr", ErrorCode::corrupt_data, "no zip archive");
  const auto good = make_package(folder);
  zip_package(good, folder / "cut.tsr");
  auto bytes = imaging::read_file(folder / "cut.tsr");
  imaging::write_file(folder / "cut.tsr", bytes.substr(0, bytes.size() / 2));
  expect_error(folder / "cut.tsr", ErrorCode::corrupt_data, "valid package");
}

#endif

}  // namespace
}  // namespace models
