#include "mil/bags/bag_store.h"

#include <hdf5.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <span>

#include "imaging/base/files.h"
#include "imaging/base/random.h"
#include "tests/support/test_support.h"

namespace mil {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using support::HasCode;
using testing::AllOf;
using testing::HasSubstr;
using testing::Property;
using testing::Throws;

std::filesystem::path fixture(const std::string& name) {
  return support::source_root() / "tests" / "golden" / "formats" / name;
}

/// Values of a version 1 .npy of the fixtures, whose types the README states.
template <typename T>
std::vector<T> npy_values(const std::string& name) {
  const auto bytes = imaging::read_file(fixture(name));
  const auto header = static_cast<unsigned char>(bytes[8]) + 256U * static_cast<unsigned char>(bytes[9]);
  std::vector<T> values((bytes.size() - 10 - header) / sizeof(T));
  std::memcpy(values.data(), bytes.data() + 10 + header, values.size() * sizeof(T));
  return values;
}

Bag painted_bag(std::int64_t count, std::int64_t dim) {
  imaging::Random random(11);
  Bag bag{.id = "painted", .count = count, .dim = dim, .features = {}, .coords = {}};
  for (std::int64_t i = 0; i < count * dim; ++i) bag.features.push_back(static_cast<float>(random.normal()));
  for (std::int64_t i = 0; i < count; ++i) {
    bag.coords.push_back(256 * i);
    bag.coords.push_back(5'000'000'000 + i);
  }
  return bag;
}

class BagFixtureTest : public testing::TestWithParam<const char*> {};

TEST_P(BagFixtureTest, ReadsTheFeaturesThatWereWritten) {
  const std::string name = GetParam();
  const float tolerance =
      name.find("half") != std::string::npos || name.find("f16") != std::string::npos ? 1e-2F : 0.F;
  const auto features = npy_values<float>("features.npy");

  const auto bag = read_bag(fixture(name));

  EXPECT_EQ(bag.id, std::filesystem::path(name).stem());
  EXPECT_EQ(bag.count, 37);
  EXPECT_EQ(bag.dim, 64);
  ASSERT_EQ(bag.features.size(), features.size());
  for (std::size_t i = 0; i < features.size(); ++i) ASSERT_NEAR(bag.features[i], features[i], tolerance) << i;
}

INSTANTIATE_TEST_SUITE_P(Formats, BagFixtureTest,
                         testing::Values("slide_a.h5", "slide_f16.h5", "slide_gzip_3d.h5", "slide_a.pt",
                                         "slide_half.pt", "slide_strided.pt", "slide_3d.pt", "slide_dict.pt",
                                         "slide_script.pt"));

TEST(BagStoreTest, ReadsCoordinatesWhereTheFileHasThem) {
  const auto coords = npy_values<std::int64_t>("coords.npy");

  for (const auto* name :
       {"slide_a.h5", "slide_f16.h5", "slide_gzip_3d.h5", "slide_dict.pt", "slide_script.pt"}) {
    EXPECT_EQ(read_bag(fixture(name)).coords, coords) << name;
  }
  EXPECT_TRUE(read_bag(fixture("slide_a.pt")).coords.empty());
}

TEST(BagStoreTest, RefusesPickledObjectsAndLegacyFilesNamingTheCure) {
  for (const auto* name : {"slide_legacy.pt", "slide_numpy.pt"}) {
    EXPECT_THAT([&] { (void)read_bag(fixture(name)); },
                Throws<Error>(AllOf(HasCode(ErrorCode::unsupported_format),
                                    Property(&Error::what, HasSubstr("torch.save(features, path)")))))
        << name;
  }
}

TEST(BagStoreTest, RefusesADamagedTorchFile) {
  const support::TemporaryFolder folder;
  const auto whole = imaging::read_file(fixture("slide_a.pt"));
  imaging::write_file(folder / "cut.pt", whole.substr(0, whole.size() / 2));

  EXPECT_THAT([&] { (void)read_bag(folder / "cut.pt"); }, Throws<Error>(HasCode(ErrorCode::corrupt_data)));
}

TEST(BagStoreTest, RoundTripKeepsFeaturesCoordsScoresAndAttributes) {
  const support::TemporaryFolder folder;
  const auto bag = painted_bag(1100, 20);
  TileScores scores{.kind = "attention_per_class", .names = {"normal", "tumor"}, .values = {}};
  for (int i = 0; i < 2200; ++i) scores.values.push_back(static_cast<float>(i) * 0.25F);
  const BagFileExtras extras{.coords_attributes = {{"patch_size", std::int64_t{256}},
                                                   {"downsample", std::vector<double>{1.0, 4.5}},
                                                   {"mpp", 0.25},
                                                   {"name", std::string("painted")}},
                             .features_attributes = {{"encoder_sha256", "ab12"}},
                             .scores = scores};

  write_bag(folder / "painted.h5", bag, extras);

  const auto back = read_bag(folder / "painted.h5");
  EXPECT_EQ(back.features, bag.features);
  EXPECT_EQ(back.coords, bag.coords);
  EXPECT_EQ(back.id, "painted");
  const auto found = read_scores(folder / "painted.h5");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->kind, scores.kind);
  EXPECT_EQ(found->names, scores.names);
  EXPECT_EQ(found->values, scores.values);
  EXPECT_THAT(read_bag_attributes(folder / "painted.h5"),
              testing::IsSupersetOf(std::map<std::string, std::string>{{"patch_size", "256"},
                                                                       {"downsample", "1,4.5"},
                                                                       {"mpp", "0.25"},
                                                                       {"name", "painted"},
                                                                       {"encoder_sha256", "ab12"}}));
}

TEST(BagStoreTest, WritesTheSameBytesTwice) {
  const support::TemporaryFolder folder;
  const auto bag = painted_bag(700, 8);
  const BagFileExtras extras{
      .coords_attributes = {{"name", std::string("x")}}, .features_attributes = {}, .scores = {}};

  write_bag(folder / "a.h5", bag, extras);
  write_bag(folder / "b.h5", bag, extras);

  EXPECT_EQ(imaging::read_file(folder / "a.h5"), imaging::read_file(folder / "b.h5"));
}

TEST(BagWriterTest, WritesTheSameFileRowByRow) {
  const support::TemporaryFolder folder;
  for (const std::int64_t count : {1, 511, 512, 513, 1024, 1700}) {
    const auto bag = painted_bag(count, 8);
    TileScores scores{.kind = "attention", .names = {"attention"}, .values = {}};
    scores.values.assign(static_cast<std::size_t>(count), 0.5F);
    const BagFileExtras extras{.coords_attributes = {{"name", std::string("x")}},
                               .features_attributes = {{"encoder_sha256", "ab12"}},
                               .scores = scores};
    write_bag(folder / "whole.h5", bag, extras);

    BagWriter writer(folder / "rows.h5", bag.dim);
    for (std::int64_t first = 0; first < count; first += 37) {
      const auto rows = std::min<std::int64_t>(37, count - first);
      writer.append(
          std::span(bag.features)
              .subspan(static_cast<std::size_t>(first * bag.dim), static_cast<std::size_t>(rows * bag.dim)));
    }
    EXPECT_EQ(writer.count(), count);
    const auto back = writer.read_back("rows");
    EXPECT_EQ(back.count, count);
    EXPECT_EQ(back.features, bag.features);
    for (std::int64_t first = 0; first < count; first += 300) {  // what is written, what waits, and both
      const auto rows = std::min<std::int64_t>(300, count - first);
      const auto wanted =
          std::span(bag.features)
              .subspan(static_cast<std::size_t>(first * bag.dim), static_cast<std::size_t>(rows * bag.dim));
      EXPECT_TRUE(std::ranges::equal(writer.read_rows(first, rows), wanted)) << first;
    }
    EXPECT_THAT([&] { (void)writer.read_rows(1, count); },
                Throws<Error>(HasCode(ErrorCode::invalid_argument)));
    writer.finish(bag.coords, extras);

    EXPECT_EQ(read_bag(folder / "rows.h5").features, bag.features);
    EXPECT_EQ(imaging::read_file(folder / "rows.h5"), imaging::read_file(folder / "whole.h5")) << count;
  }
}

TEST(BagWriterTest, LeavesNothingWhenNotFinished) {
  const support::TemporaryFolder folder;
  const auto bag = painted_bag(600, 8);
  {
    BagWriter writer(folder / "bag.h5", bag.dim);
    writer.append(bag.features);
    EXPECT_THAT([&] { writer.append(std::span(bag.features).first(7)); },
                Throws<Error>(HasCode(ErrorCode::invalid_argument)));
    EXPECT_THAT([&] { writer.finish({1, 2}, {}); }, Throws<Error>(HasCode(ErrorCode::invalid_argument)));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(BagStoreTest, KeepsTheShapeOfAnEmptyBag) {
  const support::TemporaryFolder folder;

  write_bag(folder / "empty.h5", painted_bag(0, 12), {});

  const auto back = read_bag(folder / "empty.h5");
  EXPECT_EQ(back.count, 0);
  EXPECT_EQ(back.dim, 12);
  EXPECT_FALSE(read_scores(folder / "empty.h5"));
}

TEST(BagStoreTest, RefusesNotFiniteFeaturesNamingTheRow) {
  const support::TemporaryFolder folder;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  auto bag = painted_bag(300, 16);
  bag.features[16 * 211 + 3] = nan;

  EXPECT_THAT(
      [&] { write_bag(folder / "bad.h5", bag, {}); },
      Throws<Error>(AllOf(HasCode(ErrorCode::corrupt_data), Property(&Error::what, HasSubstr("row 211")))));
  EXPECT_FALSE(std::filesystem::exists(folder / "bad.h5"));

  write_bag(folder / "later.h5", painted_bag(300, 16), {});
  const auto file = H5Fopen((folder / "later.h5").c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  const auto dataset = H5Dopen2(file, "features", H5P_DEFAULT);
  bag.features[16 * 211 + 3] = std::numeric_limits<float>::infinity();
  H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, bag.features.data());
  H5Dclose(dataset);
  H5Fclose(file);
  EXPECT_THAT(
      [&] { (void)read_bag(folder / "later.h5"); },
      Throws<Error>(AllOf(HasCode(ErrorCode::corrupt_data), Property(&Error::what, HasSubstr("row 211")))));
}

TEST(BagStoreTest, RefusesFilesThatAreNoBags) {
  const support::TemporaryFolder folder;
  imaging::write_file(folder / "text.h5", "no HDF5 at all");
  write_coords(folder / "coords.h5", {0, 0, 256, 0}, {{"patch_size", std::int64_t{256}}});
  const auto whole = imaging::read_file(fixture("slide_a.h5"));
  imaging::write_file(folder / "cut.h5", whole.substr(0, whole.size() / 3));

  EXPECT_THAT([&] { (void)read_bag(folder / "none.h5"); }, Throws<Error>(HasCode(ErrorCode::not_found)));
  EXPECT_THAT([&] { (void)read_bag(folder / "none.pt"); }, Throws<Error>(HasCode(ErrorCode::not_found)));
  EXPECT_THAT([&] { (void)read_bag(folder / "text.h5"); }, Throws<Error>(HasCode(ErrorCode::corrupt_data)));
  EXPECT_THAT([&] { (void)read_bag(folder / "cut.h5"); }, Throws<Error>(HasCode(ErrorCode::corrupt_data)));
  EXPECT_THAT([&] { (void)read_bag(folder / "coords.h5"); },
              Throws<Error>(HasCode(ErrorCode::unsupported_format)));
}

TEST(BagStoreTest, LeavesTheMicrometreCoordinatesOfStampAbsent) {
  const support::TemporaryFolder folder;
  const auto path = folder / "stamp.h5";
  const float features[6] = {1, 2, 3, 4, 5, 6};
  const double coords[4] = {0, 0, 112.5, 0};
  const hsize_t features_size[2] = {2, 3};
  const hsize_t coords_size[2] = {2, 2};
  const auto file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const auto write = [&](const char* name, const hsize_t* size, hid_t type, const void* values) {
    const auto space = H5Screate_simple(2, size, nullptr);
    const auto dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    H5Dclose(dataset);
    H5Sclose(space);
  };
  write("feats", features_size, H5T_NATIVE_FLOAT, features);
  write("coords", coords_size, H5T_NATIVE_DOUBLE, coords);
  H5Fclose(file);

  const auto bag = read_bag(path);

  EXPECT_THAT(bag.features, testing::ElementsAreArray(features));
  EXPECT_TRUE(bag.coords.empty());
}

TEST(BagStoreTest, ReadsChunksOfAnyShape) {
  const support::TemporaryFolder folder;
  const auto bag = painted_bag(7, 5);
  const hsize_t features_size[] = {7, 5}, coords_size[] = {7, 2};
  const auto write = [&](const std::string& name, hsize_t rows, hsize_t columns, bool is_packed) {
    const auto file = H5Fcreate((folder / name).c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    const auto add = [&](const char* dataset_name, const hsize_t* size, hid_t type, const void* values) {
      const hsize_t chunk[] = {rows, std::min(columns, size[1])};
      const auto space = H5Screate_simple(2, size, nullptr);
      const auto creation = H5Pcreate(H5P_DATASET_CREATE);
      H5Pset_chunk(creation, 2, chunk);
      if (is_packed) H5Pset_deflate(creation, 1);
      const auto dataset = H5Dcreate2(file, dataset_name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
      H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
      H5Dclose(dataset);
      H5Pclose(creation);
      H5Sclose(space);
    };
    add("features", features_size, H5T_NATIVE_FLOAT, bag.features.data());
    add("coords", coords_size, H5T_NATIVE_INT64, bag.coords.data());
    H5Fclose(file);
  };
  write("rows.h5", 1, 5, false);
  write("thirds.h5", 3, 5, false);  // the last chunk is part full
  write("whole.h5", 7, 5, false);
  write("columns.h5", 3, 2, false);
  write("packed.h5", 3, 5, true);
  for (const auto* name : {"rows.h5", "thirds.h5", "whole.h5", "columns.h5", "packed.h5"}) {
    const auto read = read_bag(folder / name);
    EXPECT_EQ(read.features, bag.features) << name;
    EXPECT_EQ(read.coords, bag.coords) << name;
  }
}

TEST(BagStoreTest, JoinsTheSlidesOfAPatientAndRefusesWhatDoesNotFit) {
  const support::TemporaryFolder folder;
  const auto first = painted_bag(300, 4), second = painted_bag(5, 4), wide = painted_bag(5, 6);
  const auto write = [&](const char* name, const Bag& bag, const std::string& encoder) {
    write_bag(folder / name, bag,
              {.coords_attributes = {}, .features_attributes = {{"encoder_sha256", encoder}}, .scores = {}});
    return folder / name;
  };
  const auto a = write("a.h5", first, "ab12"), b = write("b.h5", second, "ab12");

  const auto joined = read_bag("patient", {a, b});

  EXPECT_EQ(joined.id, "patient");
  EXPECT_EQ(joined.count, 305);
  EXPECT_EQ(joined.slide_counts, (std::vector<std::int64_t>{300, 5}));
  EXPECT_TRUE(std::ranges::equal(std::span(joined.features).last(5 * 4), second.features));
  EXPECT_TRUE(std::ranges::equal(std::span(joined.coords).last(5 * 2), second.coords));
  auto bare = second;
  bare.coords.clear();
  EXPECT_TRUE(read_bag("patient", {a, write("bare.h5", bare, "ab12")}).coords.empty());
  EXPECT_THAT(
      [&] {
        (void)read_bag("patient", {a, write("wide.h5", wide, "ab12")});
      },
      Throws<Error>(HasCode(ErrorCode::incompatible)));
  EXPECT_THAT(
      [&] {
        (void)read_bag("patient", {a, write("other.h5", second, "cd34")});
      },
      Throws<Error>(HasCode(ErrorCode::incompatible)));
}

TEST(BagStoreTest, FindsBagsOfEveryLayoutAndPrefersHdf5) {
  const support::TemporaryFolder folder;
  for (const auto* name :
       {"b.h5", "h5_files/a.h5", "pt_files/a.pt", "pt_files/c.pt", ".tmp.h5", "note.txt"}) {
    imaging::write_file(folder / name, "x");
  }

  const auto found = find_bags(folder.path());

  EXPECT_EQ(found,
            (std::map<std::string, std::filesystem::path>{
                {"a", folder / "h5_files/a.h5"}, {"b", folder / "b.h5"}, {"c", folder / "pt_files/c.pt"}}));
  const support::TemporaryFolder empty;
  EXPECT_THAT([&] { (void)find_bags(empty.path()); }, Throws<Error>(HasCode(ErrorCode::not_found)));
}

}  // namespace
}  // namespace mil
