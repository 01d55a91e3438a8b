#include "app/report/html_writer.h"

#include <fmt/format.h>

#include <optional>

#include "app/report/html_page.h"
#include "imaging/raster/png.h"

namespace report {
namespace {

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const auto byte = [&](std::size_t offset) -> unsigned {
      return at + offset < bytes.size() ? static_cast<unsigned char>(bytes[at + offset]) : 0U;
    };
    const unsigned group = byte(0) << 16 | byte(1) << 8 | byte(2);
    for (std::size_t digit = 0; digit < 4; ++digit) {
      text += at + digit <= bytes.size() ? kDigits[group >> (18 - 6 * digit) & 63U] : '=';
    }
  }
  return text;
}

std::string picture(const imaging::Image8& image, std::string_view alternative) {
  return fmt::format(R"(<img src="data:image/jpeg;base64,{}" width="{}" height="{}" alt="{}">)",
                     base64(imaging::encode_jpeg(image, 90)), image.width(), image.height(),
                     escape_html(alternative));
}

void add_header(HtmlPage& page, const ReportModel& model) {
  page.add("<header>\n<div>");
  page.add(R"(<p class="title">{}</p>)", kTitle);
  page.add("<h1>{}</h1>", escape_html(model.case_name));
  if (!model.identity.empty()) {
    page.add(R"(<p class="identity">)");
    for (const auto& fact : model.identity) {
      page.add("<span><b>{}</b>{}</span>", escape_html(fact.name), escape_html(fact.value));
    }
    page.add("</p>");
  }
  page.add("</div>");
  page.add(R"(<div class="status"><p class="badge {}">{}</p><p class="printed">Printed {}</p></div>)",
           escape_html(model.status), escape_html(model.status_word), escape_html(model.printed_date));
  page.add("</header>");
}

void add_facts(HtmlPage& page, const std::vector<Fact>& facts) {
  page.add("<dl>");
  for (const auto& fact : facts) {
    const auto code = fact.code.empty() ? "" : fmt::format("<code>{}</code>", escape_html(fact.code));
    page.add("<dt>{}</dt><dd>{}{}</dd>", escape_html(fact.name), escape_html(fact.value), code);
  }
  page.add("</dl>");
}

void add_bars(HtmlPage& page, const std::vector<ClassBar>& classes) {
  if (classes.empty()) return;
  page.add(R"(<table class="bars" aria-label="Probability of each class">)");
  for (const auto& bar : classes) {
    page.add(
        R"(<tr{}><th scope="row">{}</th><td class="bar"><svg viewBox="0 0 100 10" preserveAspectRatio="none" )"
        R"(aria-hidden="true"><rect class="track" width="100" height="10"/><rect class="fill" width="{:.2f}" )"
        R"(height="10"/></svg></td><td>{}</td></tr>)",
        bar.is_verdict ? R"( class="verdict")" : "", escape_html(bar.name), 100 * bar.probability,
        escape_html(bar.percent));
  }
  page.add("</table>");
}

void add_result(HtmlPage& page, const ReportModel& model) {
  page.add(R"(<div class="columns">)");
  page.add("<section>\n<h2>Result</h2>");
  page.add(R"(<p class="headline">{}</p>)", escape_html(model.headline));
  if (model.status == "failed") {
    page.add("<p>{}</p>", escape_html(model.status_reason));
  } else {
    page.add("<p>{}</p>", escape_html(model.explanation));
  }
  add_bars(page, model.classes);
  if (!model.findings.empty()) {
    page.add(R"(<div class="findings">)");
    add_facts(page, model.findings);
    page.add("</div>");
  }
  page.add("</section>");
  if (!model.input.empty()) {
    page.add("<section>\n<h2>Input</h2>");
    add_facts(page, model.input);
    page.add("</section>");
  }
  page.add("</div>");
}

void add_notes(HtmlPage& page, const ReportModel& model) {
  if (model.status == "failed") {
    page.add(R"(<section class="notes failed"><h2>What to do</h2><p>{}</p></section>)",
             escape_html(model.explanation));
  }
  if (model.status == "degraded" && !model.status_reason.empty()) {
    page.add(R"(<section class="notes"><h2>Degraded</h2><p>{}</p></section>)",
             escape_html(model.status_reason));
  }
  if (model.warnings.empty()) return;
  page.add(R"(<section class="notes"><h2>{}</h2><ul>)", model.warnings.size() == 1 ? "Warning" : "Warnings");
  for (const auto& warning : model.warnings) page.add("<li>{}</li>", escape_html(warning));
  page.add("</ul></section>");
}

std::string scale_mark(const Overview& overview) {
  if (!overview.scale_bar) return "";
  return fmt::format(R"(<div class="scale"><span>{}</span><i style="width:{:.3f}%"></i></div>)",
                     escape_html(overview.scale_bar->label), 100 * overview.scale_bar->share);
}

/// The photograph or slide, and beside it what was painted over it.
void add_pictures(HtmlPage& page, const Overview& overview) {
  page.add(R"(<figure><div class="frame">{}{}</div><figcaption>{}</figcaption></figure>)",
           picture(overview.plain, overview.plain_alternative), scale_mark(overview),
           escape_html(overview.plain_title));
  if (overview.heatmap.empty()) return;
  const auto alternative = fmt::format("The same with each place coloured by its score, from {} to {}.",
                                       overview.low, overview.high);
  page.add(R"(<figure><div class="frame">{}{}</div><figcaption>{}</figcaption></figure>)",
           picture(overview.heatmap, alternative), scale_mark(overview), escape_html(overview.score_title));
}

void add_overview(HtmlPage& page, const Overview& overview) {
  page.add("<section>\n<h2>{}</h2>\n<div class=\"pictures\">", overview.heatmap.empty() ? overview.plain_title
                                                               : overview.legend.empty()
                                                                   ? "Where the model looked"
                                                                   : "What the model found");
  add_pictures(page, overview);
  if (overview.heatmap.empty()) {
    page.add("</div>\n</section>");
    return;
  }
  if (!overview.legend.empty()) {
    page.add(R"(<ul class="legend">)");
    for (const auto& [colour, name] : overview.legend) {
      page.add(R"(<li><span style="background:#{:02x}{:02x}{:02x}"></span>{}</li>)", colour[0], colour[1],
               colour[2], escape_html(name));
    }
    page.add("</ul>\n</div>\n<p class=\"meaning\">{}</p>\n</section>", escape_html(overview.score_sentence));
    return;
  }
  page.add(
      R"(<div class="colours" role="img" aria-label="Colour bar from {} at the bottom to {} at the top">)",
      escape_html(overview.low), escape_html(overview.high));
  page.add(R"(<svg viewBox="0 0 1 256" preserveAspectRatio="none" aria-hidden="true">)");
  for (std::size_t row = 0; row < 256; row += 2) {
    const auto& colour = overview.colours->rgb[255 - row];
    page.add(R"(<rect y="{}" width="1" height="3" fill="#{:02x}{:02x}{:02x}"/>)", row, colour[0], colour[1],
             colour[2]);
  }
  page.add("</svg><ol><li>{}</li><li>{}</li><li>{}</li></ol></div>", escape_html(overview.high),
           escape_html(overview.middle), escape_html(overview.low));
  page.add("</div>\n<p class=\"meaning\">{}</p>\n</section>", escape_html(overview.score_sentence));
}

void add_tiles(HtmlPage& page, const ReportModel& model) {
  page.add("<section>\n<h2>{}</h2>\n<ol class=\"gallery\">", escape_html(model.tiles_title));
  for (const auto& tile : model.tiles) {
    page.add(
        R"(<li>{}<p><strong>{}</strong><strong>{}</strong></p><p><span>{}</span><span>{}</span></p></li>)",
        picture(tile.image,
                fmt::format("Tile of rank {}, score {}, at {}.", tile.rank, tile.score, tile.position)),
        tile.rank, escape_html(tile.score), escape_html(tile.position), escape_html(tile.relative));
  }
  page.add("</ol>\n</section>");
}

void add_eye(HtmlPage& page, std::string_view title, const std::optional<EyeColumn>& eye) {
  page.add("<section>\n<h2>{}</h2>", title);
  if (!eye) {
    page.add("<p>No photograph.</p>\n</section>");
    return;
  }
  page.add(R"(<p class="headline">{}</p>)", escape_html(eye->headline));
  page.add("<p>{}</p>", escape_html(eye->explanation));
  if (eye->overview) {
    page.add(R"(<div class="eye-pictures">)");
    add_pictures(page, *eye->overview);
    page.add("</div>");
  }
  add_bars(page, eye->classes);
  page.add(R"(<div class="findings">)");
  add_facts(page, eye->findings);
  page.add("</div>");
  for (const auto& warning : eye->warnings) page.add(R"(<p class="warning">{}</p>)", escape_html(warning));
  page.add("</section>");
}

void add_eyes(HtmlPage& page, const std::vector<EyeRow>& rows) {
  for (const auto& row : rows) {
    page.add(R"(<div class="eyes">)");
    add_eye(page, "Right eye (OD)", row.right);
    add_eye(page, "Left eye (OS)", row.left);
    page.add("</div>");
  }
}

}  // namespace

std::string to_html(const ReportModel& model) {
  HtmlPage page(fmt::format("{}: {}", model.case_name, kTitle));
  add_header(page, model);
  add_result(page, model);
  add_notes(page, model);
  if (model.overview) add_overview(page, *model.overview);
  add_eyes(page, model.eyes);
  if (!model.tiles.empty()) add_tiles(page, model);
  page.add("<section class=\"provenance\">\n<h2>Provenance</h2>");
  add_facts(page, model.provenance);
  page.add("</section>");
  return page.finish();
}

}  // namespace report
