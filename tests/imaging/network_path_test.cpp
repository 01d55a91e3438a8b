#include "imaging/slide/network_path.h"

#include "tests/support/test_support.h"

namespace imaging {
namespace {

namespace fs = std::filesystem;

TEST(NetworkPathTest, KnowsNetworkMountsAndTouchesNothingOnThem) {
  const support::TemporaryFolder folder;
  fs::create_directories(folder / "local");
  fs::create_directory_symlink("../far away/share", folder / "local/link");
  const auto mounts =
      "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
      "30 22 0:50 / " +
      folder.path().string() +
      "/far\\040away rw - nfs4 server:/x rw\n"
      "31 22 0:51 / " +
      folder.path().string() +
      "/stick rw - fuseblk /dev/sdb1 rw\n"
      "32 22 0:52 / " +
      folder.path().string() +
      "/ssh rw - fuse.sshfs host: rw\n"
      "33 22 0:53 / " +
      folder.path().string() + "/ssh rw - tmpfs tmpfs rw\n";
  const auto on_network = [&](const std::string& name) { return lies_on_network(folder / name, mounts); };
  EXPECT_TRUE(on_network("far away/slide.svs"));
  EXPECT_TRUE(on_network("far away/not/there.svs"));
  EXPECT_TRUE(on_network("local/../far away/slide.svs"));
  EXPECT_TRUE(on_network("local/link/slide.svs")) << "through a symbolic link";
  EXPECT_FALSE(on_network("far/slide.svs"));
  EXPECT_FALSE(on_network("local/slide.svs"));
  EXPECT_FALSE(on_network("stick/slide.svs")) << "a local disk, though FUSE drives it";
  EXPECT_FALSE(on_network("ssh/slide.svs")) << "hidden by a later mount";
  EXPECT_FALSE(lies_on_network(folder / "slide.svs", "no table"));
  fs::create_symlink(folder / "circle", folder / "circle");
  EXPECT_FALSE(on_network("circle/slide.svs"));
  EXPECT_FALSE(lies_on_network(folder / "local"));
}

}  // namespace
}  // namespace imaging
