#include "app/report/report_files.h"

#include <fmt/format.h>

#include <limits>
#include <thread>

#include "app/report/html_writer.h"
#include "imaging/base/files.h"
#include "imaging/base/version.h"
#include "imaging/raster/ome_tiff.h"
#include "sample_case.h"
#include "tests/support/test_support.h"

namespace report {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using support::HasCode;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;
using testing::Property;
using testing::Throws;

constexpr auto kDate = "2026-11-23 14:05";

/// One for the process: fonts are loaded once.
const ReportFiles& writer() {
  static const ReportFiles files;
  return files;
}

class ReportTest : public testing::Test {
 protected:
  workflows::CaseFolder make_case(const workflows::CaseResult& result) {
    return support::write_sample_case(folder_ / result.case_name, result);
  }
  std::string html_of(const workflows::CaseResult& result) {
    const auto folder = make_case(result);
    writer().write(folder, kDate);
    return imaging::read_file(folder.report_html());
  }
  /// The text of each page, as a reader's search would find it.
  std::vector<std::string> pdf_pages(const workflows::CaseResult& result) {
    const auto folder = make_case(result);
    writer().write(folder, kDate);
    const auto run = support::run_command("pdftotext -layout '" + folder.report_pdf().string() + "' -");
    std::vector<std::string> pages;
    for (std::size_t at = 0; at < run.out.size();) {
      const auto end = std::min(run.out.find('\f', at), run.out.size());
      pages.push_back(run.out.substr(at, end - at));
      at = end + 1;
    }
    return pages;
  }
  static bool has_pdftotext() { return support::run_command("command -v pdftotext").exit_code == 0; }

  support::TemporaryFolder folder_;
};

std::string joined(const std::vector<std::string>& pages) {
  std::string all;
  for (const auto& page : pages) all += page;
  return all;
}

TEST_F(ReportTest, HtmlStatesVerdictProbabilitiesScaleAndProvenance) {
  const auto result = support::sample_result();

  const auto html = html_of(result);

  for (const auto* words : {"Tessera analysis report",
                            "painted-slide",
                            "tumour",
                            "97.3 %",
                            "normal",
                            "2.7 %",
                            "0.5 µm per pixel",
                            "stated in the slide file",
                            "140 of 256 px",
                            "72.9 % of the slide",
                            "1.9 MB",
                            "aperio",
                            "sums to 1 over the slide",
                            "not a probability of tumour",
                            "The model was trained on synthetic slides only.",
                            "min_tissue 0.25",
                            "seg_mpp 8.0",
                            "libtorch 1.13.1",
                            "phantom-encoder",
                            kDate}) {
    EXPECT_THAT(html, HasSubstr(words));
  }
  EXPECT_THAT(html, HasSubstr(imaging::kResearchUse));
  for (const auto& digest : {result.sha256, result.model_sha256, result.encoder_sha256}) {
    EXPECT_THAT(html, HasSubstr(digest));
  }
}

TEST_F(ReportTest, HtmlHoldsNoScriptNoLinkAndNoPath) {
  const auto html = html_of(support::sample_result());

  EXPECT_THAT(html, AllOf(Not(HasSubstr("<script")), Not(HasSubstr("http")), Not(HasSubstr("href"))));
  EXPECT_THAT(html, AllOf(Not(HasSubstr(folder_.path().string())), Not(HasSubstr("batch/"))));
}

TEST_F(ReportTest, HtmlGivesEveryPictureAnAlternativeText) {
  const auto html = html_of(support::sample_result());

  std::size_t pictures = 0;
  for (auto at = html.find("<img "); at != std::string::npos; at = html.find("<img ", at + 1)) {
    const auto tag = html.substr(at, html.find('>', at) - at);
    EXPECT_THAT(tag, AllOf(HasSubstr(" alt=\""), Not(HasSubstr("alt=\"\""))));
    ++pictures;
  }
  EXPECT_EQ(pictures, 2U + 8U);
}

TEST_F(ReportTest, HtmlEscapesEveryTextItIsGiven) {
  auto result = support::sample_result();
  const std::string nasty = "<b>\"a\" & 'b'";
  result.case_name = "case <b>&";
  result.patient = nasty;
  result.verdict = nasty;
  result.probabilities = {{nasty, 0.6}, {"normal", 0.4}};
  result.logits = result.probabilities;
  result.warnings = {nasty};
  result.model_name = nasty;
  result.vendor = nasty;
  result.options["note"] = nasty;
  result.versions = {{nasty, nasty}};

  const auto html = html_of(result);

  EXPECT_THAT(html, Not(HasSubstr("<b>\"")));
  EXPECT_THAT(html, Not(HasSubstr("case <b>")));
  EXPECT_THAT(html, HasSubstr("&lt;b&gt;&quot;a&quot; &amp; &#39;b&#39;"));
}

TEST_F(ReportTest, AnAbstentionStandsInThePlaceOfTheVerdict) {
  auto result = support::sample_result();
  result.verdict = "abstained";
  result.likeliest = "tumour";
  result.abstention = "The confidence 0.973 is below 0.990.";
  result.ood = 0.5;
  result.decision = {{"max_ood", 1.25}};

  const auto html = html_of(result);

  EXPECT_THAT(html, HasSubstr("No verdict: the model abstains"));
  EXPECT_THAT(html, HasSubstr("The confidence 0.973 is below 0.990. Its probability for “tumour” would be"));
  EXPECT_THAT(html, Not(HasSubstr("The model finds")));
  EXPECT_THAT(html, HasSubstr("score 0.5 (limit 1.25)"));
}

TEST_F(ReportTest, AThresholdIsNamedBesideTheProbability) {
  auto result = support::sample_result();
  result.verdict = result.likeliest = "normal";
  result.decision = {{"threshold", 0.98}};

  EXPECT_THAT(html_of(result), HasSubstr("2.7 % for “normal”; it calls “tumour” from 98.0 % on"));
}

TEST_F(ReportTest, IdentityIsPrintedOnlyWhenGiven) {
  auto result = support::sample_result();
  EXPECT_THAT(html_of(result), Not(HasSubstr("Patient")));

  result.patient = "P-0042";
  result.laterality = "left";

  EXPECT_THAT(html_of(result), AllOf(HasSubstr("P-0042"), HasSubstr("left")));
}

TEST_F(ReportTest, ProbabilitiesNeverRoundToCertainty) {
  auto result = support::sample_result();
  result.probabilities = {{"normal", 0.00001}, {"tumour", 0.99999}};

  EXPECT_THAT(html_of(result), AllOf(HasSubstr("&gt; 99.9 %"), HasSubstr("&lt; 0.1 %")));
}

TEST_F(ReportTest, SameInputAndDateGiveTheSameBytes) {
  const auto folder = make_case(support::sample_result());

  writer().write(folder, kDate);
  const auto html = imaging::read_file(folder.report_html());
  const auto pdf = imaging::read_file(folder.report_pdf());
  writer().write(folder, kDate);

  EXPECT_EQ(imaging::read_file(folder.report_html()), html);
  EXPECT_EQ(imaging::read_file(folder.report_pdf()), pdf);
  EXPECT_THAT(pdf, Not(HasSubstr("/CreationDate")));
  EXPECT_THAT(pdf, Not(HasSubstr(folder_.path().string())));
}

TEST_F(ReportTest, WritesTheSameFromAnotherThread) {
  const auto folder = make_case(support::sample_result());
  writer().write(folder, kDate);
  const auto pdf = imaging::read_file(folder.report_pdf());

  std::jthread([&] { writer().write(folder, kDate); }).join();

  EXPECT_EQ(imaging::read_file(folder.report_pdf()), pdf);
}

TEST_F(ReportTest, PdfFitsTwoPagesEachWithNoticeAndNumber) {
  if (!has_pdftotext()) GTEST_SKIP() << "needs pdftotext (poppler-utils)";

  const auto pages = pdf_pages(support::sample_result());

  ASSERT_EQ(pages.size(), 2U);
  for (std::size_t page = 0; page < pages.size(); ++page) {
    EXPECT_THAT(pages[page], HasSubstr("painted-slide"));
    EXPECT_THAT(pages[page], HasSubstr(imaging::kResearchUse));
    EXPECT_THAT(pages[page], ContainsRegex(fmt::format("{} ?/ ?2", page + 1)));
  }
  EXPECT_THAT(pages[0], AllOf(HasSubstr("Tessera analysis report"), HasSubstr("painted-slide"),
                              HasSubstr("97.3 %"), HasSubstr("not a probability of tumour")));
  EXPECT_THAT(joined(pages), AllOf(HasSubstr("x 2048, y 1024"), HasSubstr(support::sample_result().sha256)));
}

TEST_F(ReportTest, FailedCaseSaysWhatFailedAndWhatToDo) {
  const auto html = html_of(support::sample_failure());

  EXPECT_THAT(html, AllOf(HasSubstr("No result"), HasSubstr("does not say how large a pixel is"),
                          HasSubstr("--mpp"), HasSubstr(imaging::kResearchUse), Not(HasSubstr("<img"))));
}

TEST_F(ReportTest, FailedCaseFitsOnePdfPage) {
  if (!has_pdftotext()) GTEST_SKIP() << "needs pdftotext (poppler-utils)";

  const auto pages = pdf_pages(support::sample_failure());

  ASSERT_EQ(pages.size(), 1U);
  EXPECT_THAT(pages[0], AllOf(HasSubstr("No result"), HasSubstr("--mpp"), HasSubstr(imaging::kResearchUse)));
}

TEST_F(ReportTest, DegradedCaseNamesItsReasonBesideTheVerdict) {
  auto result = support::sample_result();
  result.status = "degraded";
  result.reason = "2 of 140 tissue tiles could not be decoded.";
  result.corrupt_tiles = {{3, 4, "bad JPEG"}, {5, 6, "bad JPEG"}};

  EXPECT_THAT(html_of(result), AllOf(HasSubstr("degraded"), HasSubstr(result.reason),
                                     HasSubstr("2 tissue tiles"), HasSubstr("97.3 %")));
}

TEST_F(ReportTest, ListsTwelveClassesAndVeryLongNamesWithinTwoPages) {
  auto result = support::sample_result();
  result.case_name = std::string(180, 'n');
  result.probabilities.clear();
  for (int at = 0; at < 12; ++at) {
    result.probabilities.emplace_back(fmt::format("class {} of a rather long histological name", at),
                                      at == 7 ? 0.45 : 0.05);
  }
  result.logits = result.probabilities;
  result.verdict = result.probabilities[7].first;

  const auto html = html_of(result);
  for (const auto& [name, probability] : result.probabilities) EXPECT_THAT(html, HasSubstr(name));
  if (!has_pdftotext()) GTEST_SKIP() << "the PDF's part needs pdftotext (poppler-utils)";
  const auto pages = pdf_pages(result);
  EXPECT_EQ(pages.size(), 2U);
  EXPECT_THAT(joined(pages), HasSubstr("class 11"));
}

TEST_F(ReportTest, LeavesTheGalleryOutWhenThereAreNoTopTiles) {
  auto result = support::sample_result();
  result.top_tiles.clear();

  EXPECT_THAT(html_of(result), AllOf(Not(HasSubstr("<ol class=\"gallery\">")), HasSubstr("97.3 %")));
}

TEST_F(ReportTest, ShowsTheChannelOfTheVerdictWhereScoresArePerClass) {
  auto result = support::sample_result();
  result.score_kind = "attention_per_class";
  result.score_names = {"normal", "tumour"};
  for (auto& tile : result.top_tiles) tile.scores = {0.9F, 0.05F};
  const auto folder = make_case(result);
  auto raster = support::sample_scores();
  imaging::ImageF two(raster.values.width(), raster.values.height(), 2);
  for (std::size_t at = 0; at < raster.values.values().size(); ++at) {
    two.values()[2 * at] = 0.9F;
    two.values()[2 * at + 1] = raster.values.values()[at];
  }
  raster.values = two;
  raster.channel_names = result.score_names;
  imaging::write_ome_tiff(folder.attention(), raster);

  const auto model = read_report_model(folder, kDate);

  EXPECT_EQ(model.overview->score_title, "Attention for tumour");
  EXPECT_NE(model.overview->high, "0.900");
  EXPECT_EQ(model.tiles.front().score, "0.0500");
  EXPECT_EQ(model.tiles.front().relative, "7.0 × average");
}

TEST_F(ReportTest, ScaleBarIsTrueToTheSlide) {
  auto result = support::sample_result();

  const auto physical = *read_report_model(make_case(result), kDate).overview->scale_bar;
  EXPECT_EQ(physical.label, "500 µm");
  EXPECT_DOUBLE_EQ(physical.share, 500 / (4096 * 0.5));

  result.scale = imaging::SlideScale{1, 1, "pixels"};
  const auto pixels = *read_report_model(make_case(result), kDate).overview->scale_bar;
  EXPECT_EQ(pixels.label, "1000 px");
  EXPECT_DOUBLE_EQ(pixels.share, 1000 / 4096.0);
}

TEST_F(ReportTest, RefusesScoresThatAreAllMissing) {
  const auto folder = make_case(support::sample_result());
  auto raster = support::sample_scores();
  for (auto& value : raster.values.values()) value = std::numeric_limits<float>::quiet_NaN();
  imaging::write_ome_tiff(folder.attention(), raster);

  EXPECT_THAT([&] { writer().write(folder, kDate); },
              Throws<Error>(AllOf(HasCode(ErrorCode::corrupt_data),
                                  Property(&Error::what, HasSubstr("no finite score")))));
}

TEST_F(ReportTest, NamesAMissingPicture) {
  for (const auto* name : {"thumbnail.png", "top_tiles/03.png"}) {
    const auto folder = make_case(support::sample_result());
    std::filesystem::remove(folder.path / name);

    EXPECT_THAT([&] { writer().write(folder, kDate); },
                Throws<Error>(AllOf(HasCode(ErrorCode::not_found), Property(&Error::what, HasSubstr(name)))));
    EXPECT_FALSE(std::filesystem::exists(folder.report_html()));
  }
}

}  // namespace
}  // namespace report
