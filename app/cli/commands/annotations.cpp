#include "app/workflows/annotations.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "app/cli/bind_fields.h"
#include "app/cli/command_table.h"
#include "app/workflows/export_region.h"
#include "imaging/annotation/annotation_files.h"
#include "imaging/slide/reader_table.h"

namespace cli {
namespace {

namespace fs = std::filesystem;

Reply reply_of(const imaging::AnnotationSet& set, Session& session) {
  for (const auto& warning : set.warnings) session.say(warning);
  Reply reply;
  reply.json["annotations"] = set.items.size();
  reply.json["warnings"] = set.warnings;
  return reply;
}

void refuse_foreign(const imaging::AnnotationSet& set, const fs::path& file, const imaging::SlideInfo& info) {
  if (const auto foreign = imaging::foreign_annotations(set, info.size_l0()))
    throw imaging::Error(imaging::ErrorCode::incompatible, fmt::format("{}: {}", file.string(), *foreign));
}

void attach_convert(CLI::App& command, Session& session) {
  struct Options {
    fs::path from, to;
    std::optional<fs::path> slide;
    bool adds = false;
  };
  auto given = std::make_shared<Options>();
  command
      .add_option("IN", given->from,
                  "GeoJSON of QuPath (also .gz or .zip), XML of ASAP, or a mask of class numbers (PNG, TIFF)")
      ->required()
      ->type_name("");
  command.add_option("OUT", given->to, "File to write; .xml is ASAP's, all else GeoJSON, .gz compressed")
      ->required()
      ->type_name("");
  command
      .add_option("--slide", given->slide,
                  "The slide that they belong to: needed for a mask, and refuses those of another slide")
      ->type_name("FILE");
  command.add_flag("--add", given->adds, "Keep what OUT holds already, and add to it");
  command.callback([given, &session] {
    session.run([&](const imaging::JobContext&) {
      std::optional<imaging::SlideInfo> slide;
      if (given->slide) slide = imaging::open_slide(*given->slide)->info();
      auto set = workflows::read_annotations_or_mask(given->from,
                                                     slide ? std::optional{slide->size_l0()} : std::nullopt);
      if (slide) refuse_foreign(set, given->from, *slide);
      std::error_code ignored;
      if (given->adds && fs::exists(given->to, ignored)) {
        auto all = imaging::read_annotations(given->to);
        std::ranges::move(set.items, std::back_inserter(all.items));
        std::ranges::move(set.warnings, std::back_inserter(all.warnings));
        for (const auto& [key, value] : set.extra.items()) {
          if (!all.extra.contains(key)) all.extra[key] = value;
        }
        set = std::move(all);
      }
      imaging::write_annotations(given->to, set);
      auto reply = reply_of(set, session);
      reply.text = fmt::format("{} annotations written to {}\n", set.items.size(), given->to.string());
      return reply;
    });
  });
}

void attach_export(CLI::App& command, Session& session) {
  struct Options {
    fs::path file, slide, out;
    std::optional<std::string> mpp;
    workflows::AnnotationExportOptions options;
  };
  auto given = std::make_shared<Options>();
  command.add_option("FILE", given->file, "Annotations: GeoJSON or ASAP XML")->required()->type_name("");
  command.add_option("--slide", given->slide, "The slide that they belong to")->required()->type_name("FILE");
  command.add_option("--out", given->out, "Folder for the mask and the tables")->required()->type_name("DIR");
  command.add_option("--mpp", given->mpp, "Scale of the slide in um/px, or 'pixels'")->type_name("um/px");
  bind_fields(command, given->options);
  command.callback([given, &session] {
    session.run([&](const imaging::JobContext& job) {
      const auto set = imaging::read_annotations(given->file);
      const auto slide = imaging::open_slide(given->slide);
      const auto scale = imaging::resolve_scale(slide->info(), given->mpp, std::nullopt);
      refuse_foreign(set, given->file, slide->info());
      const auto done = workflows::export_annotations(set, slide->info(), scale, given->options, given->out,
                                                      given->slide.stem().string(), job);
      auto reply = reply_of(set, session);
      reply.json["classes"] = done.classes;
      reply.json["mask_width"] = done.mask_size.width;
      reply.json["mask_height"] = done.mask_size.height;
      reply.json["tiles"] = done.tiles;
      for (const auto& file : done.files) reply.json["files"].push_back(file.filename().string());
      reply.text = fmt::format("{} classes, {} labelled tiles; {}\n", done.classes.size(), done.tiles,
                               done.files.front().string());
      return reply;
    });
  });
}

void attach_region(CLI::App& command, Session& session) {
  struct Options {
    fs::path file, slide, out;
    std::optional<std::string> mpp;
    std::size_t number = 1;
    double region_mpp = 0;
  };
  auto given = std::make_shared<Options>();
  command.add_option("FILE", given->file, "Annotations: GeoJSON or ASAP XML")->required()->type_name("");
  command.add_option("--slide", given->slide, "The slide that they belong to")->required()->type_name("FILE");
  command.add_option("--number", given->number, "Which annotation of the file, counted from 1")
      ->type_name("N")
      ->capture_default_str();
  command.add_option("--out", given->out, "Pyramidal TIFF to write")->required()->type_name("FILE");
  command.add_option("--mpp", given->mpp, "Scale of the slide in um/px, or 'pixels'")->type_name("um/px");
  command
      .add_option("--region-mpp", given->region_mpp, "Resolution to write at; 0: that of the slide itself")
      ->type_name("um/px")
      ->check(CLI::Range(0.0, 1000.0).description(""));
  command.callback([given, &session] {
    session.run([&](const imaging::JobContext& job) {
      const auto set = imaging::read_annotations(given->file);
      if (given->number < 1 || given->number > set.items.size())
        throw imaging::Error(imaging::ErrorCode::invalid_argument,
                             fmt::format("{} holds {} annotations; --number {} is none of them.",
                                         given->file.string(), set.items.size(), given->number));
      const auto slide = imaging::open_slide(given->slide);
      refuse_foreign(set, given->file, slide->info());
      const auto scale = imaging::resolve_scale(slide->info(), given->mpp, std::nullopt);
      const auto size =
          workflows::export_region(*slide, imaging::bounds_of(set.items[given->number - 1].geometry), scale,
                                   given->region_mpp, given->out, job);
      auto reply = reply_of(set, session);
      reply.json["width"] = size.width;
      reply.json["height"] = size.height;
      reply.text = fmt::format("{}, {} x {} pixels\n", given->out.string(), size.width, size.height);
      return reply;
    });
  });
}

}  // namespace

void attach_annotations(CLI::App& command, Session& session) {
  command.require_subcommand(1);
  attach_convert(
      *command.add_subcommand("convert", "Between GeoJSON of QuPath and XML of ASAP, without loss"), session);
  attach_export(*command.add_subcommand("export", "Annotations as a mask and as labelled tiles for training"),
                session);
  attach_region(*command.add_subcommand("region", "The part of the slide around an annotation, as an image"),
                session);
}

}  // namespace cli
