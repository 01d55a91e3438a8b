#include <fmt/format.h>

#include <filesystem>

#include "app/cli/bind_fields.h"
#include "app/cli/command_table.h"
#include "imaging/base/options_json.h"
#include "imaging/phantom/checker_slide.h"
#include "imaging/phantom/cohort.h"
#include "imaging/phantom/fundus_cohort.h"
#include "imaging/phantom/fundus_phantom.h"
#include "imaging/phantom/slide_phantom.h"

namespace cli {
namespace {

namespace fs = std::filesystem;

/// A view of options without their seed: every command has --seed already.
template <typename Options>
struct Unseeded {
  Options& options;
};

template <typename Visitor, typename Options>
void visit_fields(Visitor&& field, Unseeded<Options>& view) {
  visit_fields(
      [&](std::string_view name, auto& member, const imaging::FieldInfo& info) {
        if (name != "seed") field(name, member, info);
      },
      view.options);
}

template <typename Options>
void bind_unseeded(CLI::App& command, Options& options) {
  Unseeded<Options> view{options};
  bind_fields(command, view);
}

/// @param out_help  what --out is
/// @param truth     what was written beside it, for the last line; may be empty
/// @param write     makes the phantom from the options and the thread count
template <typename Options, typename Write>
void attach_writer(CLI::App& command, Session& session, const std::shared_ptr<Options>& options,
                   const char* out_type, const char* out_help, const char* truth, Write write) {
  auto out = std::make_shared<fs::path>();
  command.add_option("--out", *out, out_help)->required()->type_name(out_type);
  command.callback([options, out, truth, write, &session] {
    session.run([&](const imaging::JobContext& job) {
      write(*out, *options, job);
      const std::string name = out->filename().string();
      return Reply{
          .json = {{"out", name}, {"synthetic", true}, {"options", imaging::options_to_json(*options)}},
          .text = fmt::format("{}: synthetic, made by a program{}\n", name, truth)};
    });
  });
}

void attach_slide(CLI::App& command, Session& session) {
  auto options = std::make_shared<imaging::SlidePhantomOptions>();
  bind_unseeded(command, *options);
  attach_writer(
      command, session, options, "FILE.tiff", "Slide to write; its truth goes beside it (.geojson, .json)",
      "; its truth is beside it in .geojson and .json",
      [&session](const fs::path& out, imaging::SlidePhantomOptions& given, const imaging::JobContext& job) {
        given.seed = session.runtime().seed;
        imaging::write_slide_phantom(out, given, job, static_cast<int>(session.runtime().threads));
      });
}

void attach_cohort(CLI::App& command, Session& session) {
  auto options = std::make_shared<imaging::CohortOptions>();
  bind_unseeded(command, *options);
  attach_writer(
      command, session, options, "DIR", "Folder for slides/, labels.csv and splits/", "",
      [&session](const fs::path& out, imaging::CohortOptions& given, const imaging::JobContext& job) {
        given.seed = session.runtime().seed;
        imaging::write_cohort(out, given, job, static_cast<int>(session.runtime().threads));
      });
}

void attach_fundus(CLI::App& command, Session& session) {
  auto options = std::make_shared<imaging::FundusPhantomOptions>();
  bind_unseeded(command, *options);
  attach_writer(
      command, session, options, "FILE",
      "Photograph to write, .png or .jpg; its truth goes beside it (.json, -truth/)",
      "; its truth is beside it in .json and -truth/",
      [&session](const fs::path& out, imaging::FundusPhantomOptions& given, const imaging::JobContext&) {
        given.seed = session.runtime().seed;
        imaging::write_fundus_phantom(out, given);
      });
}

void attach_fundus_cohort(CLI::App& command, Session& session) {
  auto options = std::make_shared<imaging::FundusCohortOptions>();
  bind_unseeded(command, *options);
  attach_writer(
      command, session, options, "DIR", "Folder for images/, masks/, labels.csv and splits/", "",
      [&session](const fs::path& out, imaging::FundusCohortOptions& given, const imaging::JobContext& job) {
        given.seed = session.runtime().seed;
        imaging::write_fundus_cohort(out, given, job);
      });
}

void attach_checker(CLI::App& command, Session& session) {
  auto options = std::make_shared<imaging::CheckerOptions>();
  bind_fields(command, *options);
  command.add_option("--downsamples", options->downsamples, "Levels of a TIFF, 1 first")
      ->delimiter(',')
      ->capture_default_str()
      ->type_name("N,N,...");
  attach_writer(command, session, options, "FILE", "Board to write: .png, .tif or .tiff", "",
                [](const fs::path& out, const imaging::CheckerOptions& given, const imaging::JobContext&) {
                  imaging::write_checker_slide(out, given);
                });
}

}  // namespace

void attach_phantom(CLI::App& command, Session& session) {
  command.require_subcommand(1);
  attach_slide(*command.add_subcommand("slide", "An H&E-like tissue slide with its truth beside it"),
               session);
  attach_cohort(*command.add_subcommand("cohort", "A folder of slides with labels.csv and splits"), session);
  attach_fundus(*command.add_subcommand("fundus", "A fundus photograph with its truth beside it"), session);
  attach_fundus_cohort(
      *command.add_subcommand("fundus-cohort",
                              "A folder of graded fundus photographs with labels.csv and splits"),
      session);
  attach_checker(*command.add_subcommand("checker", "A board of numbered cells, for tests of geometry"),
                 session);
}

}  // namespace cli
