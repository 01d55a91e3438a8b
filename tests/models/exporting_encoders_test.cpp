#include <cmath>
#include <fstream>

#include "imaging/base/files.h"
#include "imaging/base/random.h"
#include "models/encoders/encoder.h"
#include "models/encoders/pack_encoder.h"
#include "tests/support/test_support.h"

namespace models {
namespace {

namespace fs = std::filesystem;
using imaging::Image8;

/// The first Python on the machine that has torch; /usr/bin is where the distribution's is.
std::optional<std::string> find_python_with_torch() {
  for (const char* python : {"python3", "/usr/bin/python3"}) {
    if (support::run_command(std::string(python) + " -c 'import torch'").exit_code == 0) return python;
  }
  return std::nullopt;
}

std::string first_python_block(const std::string& page) {
  const std::string open = "```python\n";
  const auto begin = page.find(open);
  if (begin == std::string::npos) return "";
  const auto start = begin + open.size();
  return page.substr(start, page.find("```", start) - start);
}

TEST(ExportingEncodersTest, GivesTheFeaturesOfPythonForTheDocumentedExample) {
  const auto python = find_python_with_torch();
  if (!python) GTEST_SKIP() << "needs python3-torch";
  const auto snippet =
      first_python_block(imaging::read_file(support::source_root() / "resources/docs/exporting-encoders.md"));
  ASSERT_NE(snippet, "");
  const support::TemporaryFolder folder;
  Image8 tile(64, 64, 3);
  imaging::Random random(4);
  for (auto& value : tile.values()) value = static_cast<std::uint8_t>(random.index(256));
  imaging::write_file(folder / "tile.raw",
                      std::string_view(reinterpret_cast<const char*>(tile.data()), tile.bytes()));
  imaging::write_file(folder / "run.py", snippet + R"(
pixels = torch.frombuffer(bytearray(open("tile.raw", "rb").read()), dtype=torch.uint8).reshape(64, 64, 3)
x = pixels.permute(2, 0, 1).float().div(255)
mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
with torch.no_grad():
    features = encoder(((x - mean) / std).unsqueeze(0))[0]
open("features.txt", "w").write("\n".join(repr(float(value)) for value in features))
)");
  const auto ran = support::run_command("cd " + folder.path().string() + " && " + *python + " run.py");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;

  PackOptions options;
  options.weights = (folder / "encoder.pt").string();
  options.patch_size = 64;
  options.mpp = 0.5;
  pack_encoder(options, folder / "package");
  const auto found = open_encoder(ModelPackage::open(folder / "package"), "cpu")->encode(std::span(&tile, 1));

  std::ifstream expected(folder / "features.txt");
  std::size_t count = 0;
  for (double value = 0; expected >> value; ++count) {
    ASSERT_LT(count, found.size());
    EXPECT_NEAR(found[count], value, 1e-5 * std::max(1.0, std::abs(value))) << count;
  }
  EXPECT_EQ(count, found.size());
  EXPECT_EQ(count, 32U);
}

}  // namespace
}  // namespace models
