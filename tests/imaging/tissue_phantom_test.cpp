#include "imaging/base/random.h"
#include "imaging/phantom/slide_phantom.h"
#include "imaging/slide/reader_table.h"
#include "imaging/tissue/tissue_mask.h"
#include "tests/support/test_support.h"

namespace imaging {
namespace {

/// A mask against the phantom's truth at the middle of every mask pixel.
struct Agreement {
  std::int64_t truth = 0, mask = 0, both = 0;
  std::array<std::int64_t, 3> spoilt{}, caught{};  // by PhantomArtefact

  [[nodiscard]] double dice() const {
    return 2 * static_cast<double>(both) / static_cast<double>(truth + mask);
  }
  [[nodiscard]] double share_caught(PhantomArtefact artefact) const {
    const auto i = static_cast<std::size_t>(artefact);
    return static_cast<double>(caught[i]) / static_cast<double>(spoilt[i]);
  }
};

/// @param counts_fat  fat is tissue in the truth, but a mask by colour leaves most of it out as glass
Agreement compare(const SlidePhantom& phantom, const TissueMask& tissue, PointD pixel_um, bool counts_fat) {
  Agreement result;
  for (std::int64_t y = 0; y < tissue.mask().height(); ++y) {
    for (std::int64_t x = 0; x < tissue.mask().width(); ++x) {
      const PointD um{(static_cast<double>(x) + 0.5) * pixel_um.x,
                      (static_cast<double>(y) + 0.5) * pixel_um.y};
      const auto what = phantom.class_at(um.x, um.y);
      if (what == TissueClass::fat && !counts_fat) continue;
      const bool is_mask = *tissue.mask().pixel(x, y) != 0;
      bool is_spoilt = false;
      for (const auto artefact : {PhantomArtefact::pen, PhantomArtefact::fold, PhantomArtefact::blur}) {
        if (!phantom.has_artefact(artefact, um.x, um.y)) continue;
        is_spoilt = true;
        ++result.spoilt[static_cast<std::size_t>(artefact)];
        if (!is_mask) ++result.caught[static_cast<std::size_t>(artefact)];
      }
      const bool is_truth = what != TissueClass::background && !is_spoilt;
      if (is_truth) ++result.truth;
      if (is_mask) ++result.mask;
      if (is_truth && is_mask) ++result.both;
    }
  }
  return result;
}

class TissuePhantomTest : public testing::TestWithParam<std::string_view> {
 protected:
  TissueOverview read(const SlidePhantomOptions& phantom, const TissueOptions& options = {}) {
    write_slide_phantom(folder_ / "phantom.tiff", phantom, {}, 2);
    const auto reader = open_slide(folder_ / "phantom.tiff");
    return read_tissue_overview(*reader, *reader->info().scale, options);
  }
  support::TemporaryFolder folder_;
};

TEST_P(TissuePhantomTest, FindsTheTissueAndRejectsNoneOfIt) {
  const SlidePhantomOptions options{
      .width = 1024, .height = 768, .mpp = 4, .domain = std::string(GetParam()), .tumour_fraction = 0.2};
  const auto overview = read(options);

  const auto tissue = find_tissue(overview, {});

  const SlidePhantom phantom(options);
  EXPECT_GT(compare(phantom, tissue, overview.pixel_um, false).dice(), 0.99);
  EXPECT_GT(compare(phantom, tissue, overview.pixel_um, true).dice(), 0.9) << "most fat is left out as glass";
  EXPECT_EQ(tissue.rejected().pen, 0);
  EXPECT_EQ(tissue.rejected().folds, 0);
  EXPECT_LT(tissue.rejected().blur, 0.001);
}

TEST_P(TissuePhantomTest, LeavesOutPenAndMostOfTheFolds) {
  const SlidePhantomOptions options{.width = 2048,
                                    .height = 1536,
                                    .mpp = 4,
                                    .domain = std::string(GetParam()),
                                    .tumour_fraction = 0.2,
                                    .pen = 3,
                                    .folds = 6};
  const auto overview = read(options, {.reject_blur = false});

  const auto tissue = find_tissue(overview, {.reject_blur = false});

  const SlidePhantom phantom(options);
  const auto agreement = compare(phantom, tissue, overview.pixel_um, false);
  EXPECT_GT(agreement.dice(), 0.975);
  EXPECT_GT(agreement.share_caught(PhantomArtefact::pen), 0.95);
  EXPECT_GT(agreement.share_caught(PhantomArtefact::fold), 0.5);
  EXPECT_GT(tissue.rejected().pen, 0.05);
  EXPECT_GT(tissue.rejected().folds, 0.015);

  const auto all = find_tissue(overview, {.reject_pen = false, .reject_folds = false, .reject_blur = false});
  EXPECT_LT(compare(phantom, all, overview.pixel_um, false).dice(), agreement.dice() - 0.02);
}

INSTANTIATE_TEST_SUITE_P(Domains, TissuePhantomTest, testing::ValuesIn(stain_domain_names()),
                         [](const auto& p) {
                           std::string name(p.param);
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

using BlurredPhantomTest = TissuePhantomTest;

TEST_P(BlurredPhantomTest, LeavesOutMostOfWhatIsOutOfFocusAndNothingElse) {
  const SlidePhantomOptions options{
      .width = 3072, .height = 2304, .mpp = 2, .domain = std::string(GetParam()), .blur = 2};
  const auto overview = read(options);

  const auto tissue = find_tissue(overview, {});

  const SlidePhantom phantom(options);
  const auto agreement = compare(phantom, tissue, overview.pixel_um, false);
  EXPECT_GT(agreement.share_caught(PhantomArtefact::blur), 0.75);
  EXPECT_GT(agreement.dice(), 0.93);
  EXPECT_NEAR(
      tissue.rejected().blur,
      static_cast<double>(agreement.caught[2]) / static_cast<double>(agreement.truth + agreement.spoilt[2]),
      0.05);
  const auto all = find_tissue(overview, {.reject_blur = false});
  EXPECT_GT(compare(phantom, all, overview.pixel_um, false).mask, agreement.mask);
}

INSTANTIATE_TEST_SUITE_P(Domains, BlurredPhantomTest, testing::Values("hospital-a", "hospital-h"),
                         [](const auto& p) { return std::string(p.param.substr(p.param.size() - 1)); });

}  // namespace
}  // namespace imaging
