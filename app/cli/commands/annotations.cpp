#include "app/workflows/annotations.h"

#include <fmt/format.h>

#include "app/cli/bind_fields.h"
#include "app/cli/command_table.h"
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

void attach_convert(CLI::App& command, Session& session) {
  auto from = std::make_shared<fs::path>();
  auto to = std::make_shared<fs::path>();
  command.add_option("IN", *from, "GeoJSON of QuPath (also .gz or .zip), or XML of ASAP")
      ->required()
      ->type_name("");
  command.add_option("OUT", *to, "File to write; .xml is ASAP's, all else GeoJSON, .gz compressed")
      ->required()
      ->type_name("");
  command.callback([from, to, &session] {
    session.run([&](const imaging::JobContext&) {
      const auto set = imaging::read_annotations(*from);
      imaging::write_annotations(*to, set);
      auto reply = reply_of(set, session);
      reply.text = fmt::format("{} annotations written to {}\n", set.items.size(), to->string());
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
      if (const auto foreign = imaging::foreign_annotations(set, slide->info().size_l0()))
        throw imaging::Error(imaging::ErrorCode::incompatible,
                             fmt::format("{}: {}", given->file.string(), *foreign));
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

}  // namespace

void attach_annotations(CLI::App& command, Session& session) {
  command.require_subcommand(1);
  attach_convert(
      *command.add_subcommand("convert", "Between GeoJSON of QuPath and XML of ASAP, without loss"), session);
  attach_export(*command.add_subcommand("export", "Annotations as a mask and as labelled tiles for training"),
                session);
}

}  // namespace cli
