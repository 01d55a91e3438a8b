#include <map>
#include <opencv2/imgproc.hpp>

#include "imaging/base/random.h"
#include "imaging/raster/png.h"
#include "imaging/slide/area_resample.h"
#include "imaging/slide/reader_table.h"
#include "imaging/tissue/detail/regions.h"
#include "imaging/tissue/focus.h"
#include "imaging/tissue/folds.h"
#include "imaging/tissue/pen_marks.h"
#include "imaging/tissue/tissue_mask.h"
#include "tests/support/test_support.h"

namespace imaging {
namespace {

using support::HasCode;
using testing::Throws;

constexpr PointD kEight{8, 8};
constexpr double kUsualOd = 0.3;
constexpr double kUsualTimes = 1.3;

using Colour = std::array<std::uint8_t, 3>;
constexpr Colour kGlass{243, 243, 245};
constexpr Colour kPink{225, 150, 190};

cv::Mat view_of(Image8& image) {
  return {static_cast<int>(image.height()), static_cast<int>(image.width()), CV_8UC(image.channels()),
          image.data()};
}

Image8 uniform(std::int64_t width, std::int64_t height, Colour colour) {
  Image8 image(width, height, 3);
  view_of(image) = cv::Scalar(colour[0], colour[1], colour[2]);
  return image;
}

void stroke(Image8& image, cv::Point from, cv::Point to, int thickness, Colour colour) {
  auto view = view_of(image);
  cv::line(view, from, to, cv::Scalar(colour[0], colour[1], colour[2]), thickness);
}

std::int64_t count(const Image8& mask) {
  return std::ranges::count_if(mask.values(), [](std::uint8_t value) { return value != 0; });
}

class RegionsTest : public testing::TestWithParam<int> {};

TEST_P(RegionsTest, AreThoseOfOpenCv) {
  const int connectivity = GetParam();
  cv::RNG random(11);
  for (const int side : {1, 2, 7, 64}) {
    Image8 mask(side + 3, side, 1);
    auto view = view_of(mask);
    random.fill(view, cv::RNG::UNIFORM, 0, 255);
    cv::threshold(view, view, 120, 255, cv::THRESH_BINARY);
    cv::Mat labels, stats, centres;
    const int labelled = cv::connectedComponentsWithStats(view, labels, stats, centres, connectivity, CV_32S);

    const detail::Regions regions(mask,
                                  connectivity == 8 ? detail::Neighbours::eight : detail::Neighbours::four);

    ASSERT_EQ(regions.regions().size(), static_cast<std::size_t>(labelled - 1));
    std::map<int, std::int32_t> region_of_label;
    for (int y = 0; y < view.rows; ++y) {
      for (int x = 0; x < view.cols; ++x) {
        if (view.at<std::uint8_t>(y, x) == 0) continue;
        const auto found = regions.at(x, y);
        EXPECT_EQ(region_of_label.try_emplace(labels.at<int>(y, x), found).first->second, found);
      }
    }
    for (const auto& [label, number] : region_of_label) {
      const auto& region = regions.regions()[static_cast<std::size_t>(number)];
      const int* box = stats.ptr<int>(label);
      EXPECT_EQ(region.area, box[cv::CC_STAT_AREA]);
      EXPECT_EQ(region.left, box[cv::CC_STAT_LEFT]);
      EXPECT_EQ(region.top, box[cv::CC_STAT_TOP]);
      EXPECT_EQ(region.right, box[cv::CC_STAT_LEFT] + box[cv::CC_STAT_WIDTH]);
      EXPECT_EQ(region.bottom, box[cv::CC_STAT_TOP] + box[cv::CC_STAT_HEIGHT]);
    }
    auto rest = mask;
    regions.paint(rest, 0, [](std::int32_t) { return true; });
    EXPECT_EQ(count(rest), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Connectivity, RegionsTest, testing::Values(4, 8));

class PenColourTest : public testing::TestWithParam<Colour> {};

TEST_P(PenColourTest, IsFoundOnGlassOverItsWholeWidth) {
  auto slide = uniform(400, 300, kGlass);
  stroke(slide, {50, 60}, {340, 230}, 40, GetParam());

  const auto pen = find_pen_marks(slide, kEight, kUsualOd);

  std::int64_t ink = 0;
  std::int64_t found = 0;
  for (std::int64_t y = 0; y < 300; ++y) {
    for (std::int64_t x = 0; x < 400; ++x) {
      if (slide.pixel(x, y)[1] != GetParam()[1]) continue;
      ++ink;
      if (*pen.pixel(x, y) != 0) ++found;
    }
  }
  EXPECT_EQ(found, ink);
  EXPECT_LT(count(pen), ink * 3 / 2) << "glass beside it stays out";
}

INSTANTIATE_TEST_SUITE_P(Markers, PenColourTest,
                         testing::Values(Colour{40, 70, 190}, Colour{20, 130, 70}, Colour{205, 35, 40},
                                         Colour{28, 27, 30}, Colour{90, 150, 225}));

class NotPenTest : public testing::TestWithParam<Colour> {};

TEST_P(NotPenTest, IsKeptHoweverWide) {
  auto slide = uniform(400, 300, kGlass);
  stroke(slide, {50, 60}, {340, 230}, 40, GetParam());
  EXPECT_EQ(count(find_pen_marks(slide, kEight, kUsualOd)), 0);
}

// Haematoxylin (two), eosin, blood, DAB, melanin.
INSTANTIATE_TEST_SUITE_P(Tissue, NotPenTest,
                         testing::Values(Colour{85, 80, 150}, Colour{70, 55, 120}, Colour{230, 120, 170},
                                         Colour{170, 60, 65}, Colour{130, 85, 50}, Colour{75, 50, 38}));

TEST(PenMarksTest, KeepsThinInkOfMarginsAndSpecksOfPigment) {
  auto slide = uniform(400, 300, kPink);
  stroke(slide, {20, 150}, {380, 150}, 9, {25, 25, 28});  // 72 µm
  for (int i = 0; i < 20; ++i) stroke(slide, {10 + 19 * i, 50}, {14 + 19 * i, 50}, 12, {30, 28, 30});
  EXPECT_EQ(count(find_pen_marks(slide, kEight, kUsualOd)), 0);
}

TEST(PenMarksTest, NeedsTheDensityAskedFor) {
  auto slide = uniform(400, 300, kGlass);
  stroke(slide, {50, 60}, {340, 230}, 40, {90, 150, 225});  // 0.43 OD in red light
  EXPECT_GT(count(find_pen_marks(slide, kEight, 0.4)), 0);
  EXPECT_EQ(count(find_pen_marks(slide, kEight, 0.5)), 0);
}

/// Pink tissue with some texture beside glass, and its mask.
std::pair<Image8, Image8> stained_field() {
  auto slide = uniform(800, 600, kPink);
  Random random(5);
  for (auto& value : slide.values()) value = static_cast<std::uint8_t>(value - random.index(20));
  Image8 tissue(800, 600, 1, 255);
  const cv::Rect glass(700, 0, 100, 600);
  view_of(slide)(glass) = cv::Scalar(kGlass[0], kGlass[1], kGlass[2]);
  view_of(tissue)(glass) = cv::Scalar(0);
  return {std::move(slide), std::move(tissue)};
}

TEST(FoldsTest, FindsADarkRidgeOfTheTissuesOwnColour) {
  auto [slide, tissue] = stained_field();
  stroke(slide, {60, 40}, {330, 250}, 16, {165, 55, 105});  // twice the density and more
  const auto folds = find_folds(slide, tissue, kEight, kUsualTimes);
  EXPECT_NEAR(static_cast<double>(count(folds)), 342.0 * 19, 1000);
  EXPECT_NE(*folds.pixel(195, 145), 0);
  EXPECT_EQ(*folds.pixel(330, 60), 0);
}

TEST(FoldsTest, KeepsDarkNucleiBloodWideAreasAndPaleRidges) {
  const auto folds_of = [](int thickness, Colour colour) {
    auto [slide, tissue] = stained_field();
    stroke(slide, {60, 40}, {330, 250}, thickness, colour);
    return count(find_folds(slide, tissue, kEight, kUsualTimes));
  };
  EXPECT_EQ(folds_of(16, {75, 55, 130}), 0) << "lymphocytes";
  EXPECT_EQ(folds_of(16, {160, 50, 45}), 0) << "blood";
  EXPECT_EQ(folds_of(90, {165, 55, 105}), 0) << "a wide dark area";
  EXPECT_EQ(folds_of(16, {215, 130, 175}), 0) << "a pale ridge";
}

class BlurTest : public testing::Test {
 protected:
  /// Blur estimates of a texture whose power falls with the square of the frequency, as tissue's.
  std::vector<float> estimates(double blur_px, double contrast) {
    Image8 image(1024, 1024, 3);
    cv::Mat sum = cv::Mat::zeros(1024, 1024, CV_32F);
    cv::RNG random(7);
    for (int octave = 0; octave < 8; ++octave) {  // equal power in each octave
      cv::Mat noise(1024 >> octave, 1024 >> octave, CV_32F);
      random.fill(noise, cv::RNG::NORMAL, 0, 1);
      cv::resize(noise, noise, {1024, 1024}, 0, 0, cv::INTER_CUBIC);
      sum += noise;
    }
    if (blur_px > 0) cv::GaussianBlur(sum, sum, {}, blur_px);
    cv::Mat grey;
    sum.convertTo(grey, CV_8U, contrast, 150);
    auto view = view_of(image);
    cv::merge(std::vector<cv::Mat>{grey, grey * 0.7, grey}, view);
    write_png(folder_ / "texture.png", image);
    const auto reader = open_slide(folder_ / "texture.png");
    const SlideScale scale{1, 1, "override"};
    const auto overview = read_whole(*reader, {128, 128});
    const auto blur = estimate_blur(*reader, scale, overview, {}).um;
    return {blur.values().begin(), blur.values().end()};
  }
  support::TemporaryFolder folder_;
};

TEST_F(BlurTest, IsSmallInFocusAndNearTheTruthOutOfIt) {
  EXPECT_LT(std::ranges::max(estimates(0, 12)), 3);
  for (const double truth : {5.0, 8.0}) {
    auto values = estimates(truth, 12);
    std::ranges::sort(values);
    EXPECT_GT(values[values.size() / 2], 0.6 * truth) << truth;
    EXPECT_LT(values[values.size() / 2], 1.2 * truth) << truth;
  }
}

TEST_F(BlurTest, DoesNotDependOnContrast) {
  const auto strong = estimates(6, 14);
  const auto weak = estimates(6, 7);
  double difference = 0;
  for (std::size_t i = 0; i < strong.size(); ++i)
    difference += std::abs(static_cast<double>(strong[i] - weak[i])) / static_cast<double>(strong.size());
  EXPECT_LT(difference, 0.4);
}

/// Noise as fine as can be beside hard edges: none of it is out of focus, near the edges neither. A step edge
/// alone seems blurred by 3.3 µm.
TEST_F(BlurTest, TakesNoStripBesideAHardEdgeForBlurred) {
  Image8 image(1280, 1024, 3, 245);
  auto view = view_of(image);
  cv::RNG random(3);
  const cv::Rect tissue(128, 128, 1024, 768);
  random.fill(view(tissue), cv::RNG::UNIFORM, cv::Scalar(190, 90, 150), cv::Scalar(220, 150, 180));
  cv::Mat darker = view({600, 128, 552, 768});
  darker *= 0.4;
  write_png(folder_ / "edges.png", image);
  const auto reader = open_slide(folder_ / "edges.png");
  for (const double seg_mpp : {4.0, 8.0}) {
    const auto overview = read_tissue_overview(*reader, {1, 1, "override"}, {.seg_mpp = seg_mpp});
    EXPECT_LT(std::ranges::max(overview.blur.um.values()), 3.5) << seg_mpp;
  }
}

TEST_F(BlurTest, IsTheSameOnAnyNumberOfThreads) {
  cv::setNumThreads(1);
  const auto one = estimates(5, 12);
  cv::setNumThreads(3);
  EXPECT_EQ(one, estimates(5, 12));
  cv::setNumThreads(-1);
}

TEST_F(BlurTest, GrowsIntoDoubtfulPixelsNearby) {
  ImageF blur(60, 1, 1, 0.5F);
  for (std::int64_t x = 20; x < 30; ++x) *blur.pixel(x, 0) = 5;
  for (std::int64_t x = 30; x < 60; ++x) *blur.pixel(x, 0) = 3;
  const auto found = find_blurred(blur, kEight, 4);
  EXPECT_EQ(count(found), 10 + 13) << "0.1 mm are 13 pixels (12.5 rounded up)";
  EXPECT_EQ(*found.pixel(19, 0), 0);
}

class TissueOverviewTest : public testing::Test {
 protected:
  void SetUp() override {
    auto slide = uniform(1600, 1200, kGlass);
    stroke(slide, {300, 300}, {1200, 800}, 400, kPink);
    stroke(slide, {100, 1000}, {700, 1000}, 200, {40, 70, 190});
    write_png(folder_ / "painted.png", slide);
    reader_ = open_slide(folder_ / "painted.png");
  }
  const SlideScale scale_{1, 1, "override"};
  support::TemporaryFolder folder_;
  std::unique_ptr<SlideReader> reader_;
};

TEST_F(TissueOverviewTest, ServesManyMasksAndTheOneStepFindsTheSame) {
  const auto overview = read_tissue_overview(*reader_, scale_, {});
  const auto usual = find_tissue(overview, {});
  EXPECT_EQ(usual.mask(), find_tissue(*reader_, scale_, {}).mask());
  EXPECT_GT(usual.rejected().pen, 0.1);
  EXPECT_EQ(usual.fraction({200, 950, 300, 100}), 0) << "ink on glass";
  const auto with_pen = find_tissue(overview, {.reject_pen = false});
  EXPECT_EQ(with_pen.rejected().pen, 0);
  EXPECT_GT(with_pen.area_fraction(), usual.area_fraction());
  EXPECT_NEAR(usual.area_fraction(), with_pen.area_fraction() * (1 - usual.rejected().pen), 0.01);
}

TEST_F(TissueOverviewTest, RefusesOptionsThatNeedAnotherReading) {
  const auto overview = read_tissue_overview(*reader_, scale_, {.reject_blur = false});
  EXPECT_TRUE(overview.serves({.a_t = 1, .reject_blur = false}));
  EXPECT_FALSE(overview.serves({}));
  EXPECT_FALSE(overview.serves({.seg_mpp = 16, .reject_blur = false}));
  EXPECT_THAT([&] { (void)find_tissue(overview, {}); }, Throws<Error>(HasCode(ErrorCode::invalid_argument)));
  EXPECT_THAT([&] { (void)find_tissue(overview, {.seg_mpp = 16, .reject_blur = false}); },
              Throws<Error>(HasCode(ErrorCode::invalid_argument)));
}

TEST_F(TissueOverviewTest, StopsWhenAsked) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW((void)read_tissue_overview(*reader_, scale_, {}, JobContext(stop.get_token())), Cancelled);
}

/// Real tissue is kept: a false rejection is worse than a miss.
class RealTissueTest : public testing::TestWithParam<std::pair<const char*, double>> {};

TEST_P(RealTissueTest, LosesNextToNothingToRejections) {
  TESSERA_NEED_DATA(folder, std::string("pathology/") + GetParam().first);
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto extension = entry.path().extension();
    if (extension == ".jpg" || extension == ".jpeg" || extension == ".tif" || extension == ".png")
      files.push_back(entry.path());
  }
  std::ranges::sort(files);
  ASSERT_FALSE(files.empty());
  const SlideScale scale{GetParam().second, GetParam().second, "override"};
  const auto step = std::max<std::size_t>(1, files.size() / 30);
  double rejected = 0;
  std::size_t read = 0;
  for (std::size_t i = 0; i < files.size(); i += step, ++read) {
    const auto shares = find_tissue(*open_slide(files[i]), scale, {}).rejected();
    rejected += shares.pen + shares.folds + shares.blur;
    EXPECT_LT(shares.pen + shares.folds + shares.blur, 0.02) << files[i].filename();
  }
  EXPECT_LT(rejected / static_cast<double>(read), 0.001);
}

INSTANTIATE_TEST_SUITE_P(Sets, RealTissueTest,
                         testing::Values(std::pair{"glas", 0.62}, std::pair{"ucsb_breast", 0.5},
                                         std::pair{"tnbc_nuclei", 0.25}, std::pair{"monuseg", 0.25},
                                         std::pair{"lc25000_colon", 1.7}),
                         [](const auto& p) { return std::string(p.param.first); });

TEST(RealSlideTest, LosesPaintedPenAndBlurButNothingElse) {
  TESSERA_NEED_DATA(path, "wsi/CMU-1-Small-Region.svs");
  const auto reader = open_slide(path);
  EXPECT_EQ(find_tissue(*reader, *reader->info().scale, {}).rejected().pen, 0);
  auto slide = read_whole(*reader, reader->info().size_l0());
  auto view = view_of(slide);
  cv::Mat marked = view.clone();
  cv::line(marked, {300, 900}, {1900, 1200}, cv::Scalar(40, 70, 190),
           700);  // multiplied: ink lets light through
  cv::Mat ink = marked != view;
  cv::multiply(view, cv::Scalar(40 / 245.0, 70 / 245.0, 190 / 245.0), marked);
  cv::extractChannel(ink, ink, 2);
  marked.copyTo(view, ink);
  const support::TemporaryFolder folder;
  write_png(folder / "marked.png", slide);
  const auto marked_reader = open_slide(folder / "marked.png");
  const auto tissue = find_tissue(*marked_reader, *reader->info().scale, {});
  EXPECT_GT(tissue.rejected().pen, 0.2);
  EXPECT_EQ(tissue.rejected().folds, 0);
  EXPECT_LT(tissue.fraction({900, 900, 400, 300}), 0.15);

  auto whole = read_whole(*reader, reader->info().size_l0());
  auto whole_view = view_of(whole);
  cv::GaussianBlur(whole_view, whole_view, {}, 16);  // 8 µm
  write_png(folder / "blurred.png", whole);
  const auto blurred = find_tissue(*open_slide(folder / "blurred.png"), *reader->info().scale, {});
  EXPECT_GT(blurred.rejected().blur, 0.9);
}

}  // namespace
}  // namespace imaging
