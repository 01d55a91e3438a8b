#include "models/runtime/pth_reader.h"

#include <caffe2/serialize/inline_container.h>
#include <torch/script.h>
#include <torch/torch.h>

#include <random>

#include "imaging/base/files.h"
#include "tests/support/test_support.h"

namespace models {
namespace {

namespace fs = std::filesystem;
using imaging::Error;
using imaging::ErrorCode;
using namespace std::string_literals;

void write_archive(const fs::path& path, const std::string& pickle,
                   const std::string& storage = std::string(24, '\0')) {
  caffe2::serialize::PyTorchStreamWriter writer(path.string());
  writer.writeRecord("data.pkl", pickle.data(), pickle.size());
  writer.writeRecord("data/0", storage.data(), storage.size());
  writer.writeEndOfFile();
}

std::string text(const std::string& value) {
  return "X"s + static_cast<char>(value.size()) + "\0\0\0"s + value;
}

/// Pickle of a tensor over storage "0" of `count` floats.
std::string tensor(char count, char offset, const std::string& sizes, const std::string& strides) {
  return "ctorch._utils\n_rebuild_tensor_v2\n(("s + text("storage") + "ctorch\nFloatStorage\n" + text("0") +
         text("cpu") + "K"s + count + "tQK"s + offset + "(" + sizes + "t(" + strides +
         "t\x89"
         "ccollections\nOrderedDict\n)RtR"s;
}

std::string dict_of(const std::string& name, const std::string& value) {
  return "\x80\x02}("s + text(name) + value + "u.";
}

void expect_refused(const fs::path& path, ErrorCode code, const std::string& part) {
  EXPECT_THAT([&] { (void)read_pth(path); },
              testing::Throws<Error>(testing::AllOf(
                  support::HasCode(code), testing::Property(&Error::what, testing::HasSubstr(part)))))
      << path;
}

TEST(PthReaderTest, ReadsADictOfTensorsAndNestedOnes) {
  const support::TemporaryFolder folder;
  std::string storage(24, '\0');
  for (int i = 0; i < 6; ++i) {
    const auto value = static_cast<float>(i);
    std::memcpy(storage.data() + 4 * i, &value, 4);
  }
  write_archive(folder / "a.pth", dict_of("w", tensor(6, 0, "K\x02K\x03", "K\x01K\x02")), storage);
  const auto found = read_pth(folder / "a.pth");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found.at("w").equal(torch::arange(6, torch::kFloat32).reshape({3, 2}).t()));
  EXPECT_TRUE(found.at("w").is_contiguous());

  const auto inner = "}("s + text("w") + tensor(6, 5, "K\x01", "K\x01") + "u";
  write_archive(
      folder / "b.pth",
      "\x80\x02}("s + text("epoch") + "K\x07" + text("state_dict") + "}(" + text("module.a") + inner + "uu.",
      storage);
  const auto nested = read_pth(folder / "b.pth");
  ASSERT_TRUE(nested.contains("a.w"));
  EXPECT_FLOAT_EQ(nested.at("a.w").item<float>(), 5.0F);
}

TEST(PthReaderTest, RefusesForeignObjectsByName) {
  const support::TemporaryFolder folder;
  write_archive(folder / "a.pth",
                "\x80\x02"
                "cos\nsystem\n("s +
                    text("echo hacked") + "tR.");
  expect_refused(folder / "a.pth", ErrorCode::unsupported_format, "os.system");
  write_archive(folder / "a.pth", dict_of("w", "cnumpy.core.multiarray\nscalar\n"));
  expect_refused(folder / "a.pth", ErrorCode::unsupported_format, "numpy.core.multiarray.scalar");
  write_archive(folder / "a.pth", dict_of("w", "ccollections\nOrderedDict\nK\x01\x85R"));
  expect_refused(folder / "a.pth", ErrorCode::unsupported_format, "OrderedDict");
  write_archive(folder / "a.pth", "\x80\x04}.");
  expect_refused(folder / "a.pth", ErrorCode::unsupported_format, "protocol 4");
  write_archive(folder / "a.pth", "\x80\x02K\x01.");
  expect_refused(folder / "a.pth", ErrorCode::unsupported_format, "no state dict");
  write_archive(folder / "a.pth", dict_of("epoch", "K\x01"));
  expect_refused(folder / "a.pth", ErrorCode::unsupported_format, "no named tensors");
}

TEST(PthReaderTest, RefusesTensorsThatLeaveTheirStorage) {
  const support::TemporaryFolder folder;
  const auto refused = [&](const std::string& value) {
    write_archive(folder / "a.pth", dict_of("w", value));
    expect_refused(folder / "a.pth", ErrorCode::corrupt_data, "damaged");
  };
  refused(tensor(6, 1, "K\x06", "K\x01"));              // one too far
  refused(tensor(6, 0, "K\x07", "K\x01"));              // larger
  refused(tensor(6, 0, "K\x02", "K\x06"));              // stride too wide
  refused(tensor(6, 0, "K\xffK\xff", "K\x00K\x00"s));   // expanded far beyond the storage
  refused(tensor(6, 0, "J\xff\xff\xff\xff", "K\x01"));  // negative size
  refused(tensor(6, 0, "K\x02", "J\xff\xff\xff\xff"));  // negative stride
  refused(tensor(6, 0, "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f", "K\x01"));
  refused(tensor(6, 0, "K\x02", "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"));
  refused(tensor(7, 0, "K\x01", "K\x01"));       // storage shorter than stated
  refused(tensor(6, 0, "K\x02K\x01", "K\x01"));  // ranks differ
}

TEST(PthReaderTest, SurvivesCyclesAndDepth) {
  const support::TemporaryFolder folder;
  write_archive(folder / "cycle.pth", "\x80\x02}q\x01(" + text("self") + "h\x01u.");
  expect_refused(folder / "cycle.pth", ErrorCode::unsupported_format, "no named tensors");
  write_archive(folder / "deep.pth",
                "\x80\x02" + std::string(1'000'000, ']') + std::string(999'999, 'a') + ".");
  expect_refused(folder / "deep.pth", ErrorCode::unsupported_format, "no state dict");
}

TEST(PthReaderTest, NeverCrashesOnAlteredPickles) {
  const support::TemporaryFolder folder;
  const auto good = dict_of("w", tensor(6, 0, "K\x02K\x03", "K\x03K\x01"));
  std::mt19937 random(2);
  int refused = 0;
  for (int i = 0; i < 500; ++i) {
    auto bytes = good;
    for (int n = 0; n < 3; ++n) bytes[random() % bytes.size()] = static_cast<char>(random());
    write_archive(folder / "a.pth", bytes);
    try {
      (void)read_pth(folder / "a.pth");
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 300);
}

TEST(PthReaderTest, TellsWhatAFileIs) {
  const support::TemporaryFolder folder;
  const auto formats = support::golden_root() / "formats";
  if (!fs::exists(formats / "slide_legacy.pt")) GTEST_SKIP() << "needs the golden family 'formats'";
  expect_refused(formats / "slide_legacy.pt", ErrorCode::unsupported_format, "state_dict()");
  expect_refused(formats / "slide_numpy.pt", ErrorCode::unsupported_format, "numpy");
  expect_refused(formats / "slide_script.pt", ErrorCode::unsupported_format, "TorchScript");
  expect_refused(formats / "slide_a.pt", ErrorCode::unsupported_format, "no state dict");
  expect_refused(folder / "none.pth", ErrorCode::not_found, "none.pth");
  EXPECT_TRUE(is_torchscript(formats / "slide_script.pt"));
  EXPECT_FALSE(is_torchscript(formats / "slide_dict.pt"));
  EXPECT_FALSE(is_torchscript(formats / "slide_legacy.pt"));
  const auto dict = read_pth(formats / "slide_dict.pt");
  EXPECT_EQ(dict.at("features").scalar_type(), torch::kFloat32);
  EXPECT_EQ(dict.at("coords").scalar_type(), torch::kInt32);
  const auto bytes = imaging::read_file(formats / "slide_dict.pt");
  imaging::write_file(folder / "cut.pth", bytes.substr(0, bytes.size() / 2));
  expect_refused(folder / "cut.pth", ErrorCode::corrupt_data, "damaged");
}

TEST(PthReaderTest, ReadsTheSameTensorsAsTorchScriptHolds) {
  TESSERA_NEED_DATA(state_file, "weights/squeezenet1.1_imagenet_state.pth");
  TESSERA_NEED_DATA(script_file, "weights/squeezenet1.1_imagenet.ts.pt");
  const auto state = read_pth(state_file);
  const auto module = torch::jit::load(script_file.string());
  std::size_t compared = 0;
  for (const auto& parameter : module.named_parameters()) {
    ASSERT_TRUE(state.contains(parameter.name)) << parameter.name;
    EXPECT_TRUE(state.at(parameter.name).equal(parameter.value)) << parameter.name;
    ++compared;
  }
  EXPECT_EQ(compared, state.size());
  EXPECT_GT(compared, 40U);
}

TEST(PthReaderTest, ReadsRealCheckpoints) {
  for (const char* name : {"weights/lwnet_wnet_drive", "weights/automorph_disc_cup_wnet28"}) {
    TESSERA_NEED_DATA(state_file, std::string(name) + "_state.pth");
    TESSERA_NEED_DATA(script_file, std::string(name) + ".ts.pt");
    const auto state = read_pth(state_file);
    const auto module = torch::jit::load(script_file.string());
    for (const auto& parameter : module.named_parameters()) {
      ASSERT_TRUE(state.contains(parameter.name)) << parameter.name;
      EXPECT_TRUE(state.at(parameter.name).equal(parameter.value)) << parameter.name;
    }
  }
}

}  // namespace
}  // namespace models
