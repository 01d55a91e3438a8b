#include <fmt/format.h>

#include "app/cli/bind_fields.h"
#include "app/cli/command_table.h"
#include "app/workflows/import_model.h"
#include "app/workflows/model_library.h"
#include "app/workflows/model_registry.h"
#include "app/workflows/pack_model.h"
#include "app/workflows/refine_model.h"
#include "app/workflows/train_encoder.h"

namespace cli {
namespace {

namespace fs = std::filesystem;

void attach_list(CLI::App& command, Session& session) {
  auto folder = std::make_shared<fs::path>();
  command.add_option("DIR", *folder, "Where to look; by default all model folders")->type_name("");
  command.callback([folder, &session] {
    session.run([&](const imaging::JobContext&) {
      Reply reply;
      reply.json = nlohmann::ordered_json::array();
      for (const auto& model : workflows::list_models(*folder)) {
        reply.json.push_back({{"name", model.name},
                              {"path", model.path.string()},
                              {"task", model.task},
                              {"problem", model.problem}});
        reply.text += fmt::format("{:<28} {:<22} {}\n", model.name,
                                  model.problem.empty() ? model.task : "does not open", model.path.string());
      }
      if (reply.text.empty()) reply.text = "No model packages found.\n";
      return reply;
    });
  });
}

void attach_show(CLI::App& command, Session& session) {
  auto name = std::make_shared<std::string>();
  command.add_option("PKG", *name, "A package's path, or the name of an installed one")
      ->required()
      ->type_name("");
  command.callback([name, &session] {
    session.run([&](const imaging::JobContext&) {
      const auto package = workflows::find_package(*name);
      Reply reply;
      reply.json = package.manifest();
      reply.json["package_sha256"] = package.sha256();
      std::string stain;
      if (const auto target = workflows::stain_target_of(package))
        stain = fmt::format("stain normalised by {}\n", target->method);
      reply.text = fmt::format("{} ({}, {})\nsha256 {}\n{}\n{}\n", package.name(), package.task(),
                               package.architecture(), package.sha256(), stain, package.card());
      return reply;
    });
  });
}

void attach_verify(CLI::App& command, Session& session) {
  auto names = std::make_shared<std::vector<std::string>>();
  command.add_option("PKG", *names, "Packages: paths, or names of installed ones")->required()->type_name("");
  command.callback([names, &session] {
    session.run([&](const imaging::JobContext&) {
      Reply reply;
      reply.json = nlohmann::ordered_json::array();
      std::size_t failed = 0;
      for (const auto& name : *names) {
        try {
          const auto package = workflows::find_package(name);
          reply.json.push_back({{"name", package.name()}, {"valid", true}, {"sha256", package.sha256()}});
          reply.text += fmt::format("valid: {} {}\n", package.name(), package.sha256());
        } catch (const imaging::Error& error) {
          ++failed;
          reply.json.push_back({{"name", name},
                                {"valid", false},
                                {"code", imaging::to_string(error.code())},
                                {"message", error.what()}});
          reply.text += fmt::format("failed: {}\n", error.what());
        }
      }
      reply.exit_code = exit_code_of_batch(failed, names->size());
      return reply;
    });
  });
}

void attach_install(CLI::App& command, Session& session) {
  auto source = std::make_shared<fs::path>();
  command.add_option("PKG", *source, "A package's folder, or a .tsr")->required()->type_name("");
  command.callback([source, &session] {
    session.run([&](const imaging::JobContext&) {
      const auto place = workflows::install_model(*source);
      return Reply{.json = {{"path", place.string()}}, .text = fmt::format("installed: {}", place.string())};
    });
  });
}

void attach_remove(CLI::App& command, Session& session) {
  auto name = std::make_shared<std::string>();
  command.add_option("NAME", *name, "A package that was installed by `model install`")
      ->required()
      ->type_name("");
  command.callback([name, &session] {
    session.run([&](const imaging::JobContext&) {
      workflows::remove_model(*name);
      return Reply{.json = {{"removed", *name}}, .text = fmt::format("removed: {}", *name)};
    });
  });
}

void attach_pack(CLI::App& command, Session& session) {
  auto options = std::make_shared<models::PackOptions>();
  auto stain = std::make_shared<workflows::StainOptions>();
  auto segmenter = std::make_shared<models::SegmenterPackOptions>();
  auto task = std::make_shared<std::string>("patch-encoder");
  auto out = std::make_shared<fs::path>();
  command.add_option("FILE", options->weights, "TorchScript module (.pt) or state dict (.pth, .safetensors)")
      ->required()
      ->type_name("");
  command.add_option("--out", *out, "Package folder to make; with the extension .tsr, a zipped package")
      ->required()
      ->type_name("PKG");
  command.add_option("--task", *task, "What the weights do (patch-encoder, segmentation)")
      ->check(CLI::IsMember({"patch-encoder", "segmentation"}).description(""))
      ->capture_default_str();
  bind_fields(command, *options);
  bind_fields(command, *stain);
  bind_fields(command, *segmenter);
  command.footer(
      "Example:\n  tessera model pack wnet.pt --task segmentation --class-names background --class-names "
      "vessel "
      "--crop-to-field --out wnet/");
  command.callback([options, stain, segmenter, task, out, &session] {
    session.run([&](const imaging::JobContext&) {
      const bool is_segmenter = *task == "segmentation";
      const auto package = is_segmenter ? workflows::pack_segmentation_model(*options, *segmenter, *out)
                                        : workflows::pack_model(*options, *stain, *out);
      return Reply{
          .json = {{"name", package.name()},
                   {"path", out->string()},
                   {"task", package.task()},
                   {"sha256", package.sha256()}},
          .text = fmt::format("{}: {} package '{}', sha256 {}", out->string(),
                              is_segmenter ? "segmenter" : "encoder", package.name(), package.sha256())};
    });
  });
}

void attach_import(CLI::App& command, Session& session) {
  auto request = std::make_shared<workflows::ImportRequest>();
  command.add_option("FILE", request->checkpoint, "State dict (.pth, .pt) of CLAM, MHIM-MIL or TransMIL")
      ->required()
      ->type_name("");
  command.add_option("--encoder", request->encoder, "Encoder package whose features the classifier takes")
      ->type_name("PKG");
  command
      .add_option("--out", request->out, "Package folder to make; with the extension .tsr, a zipped package")
      ->required()
      ->type_name("PKG");
  bind_fields(command, request->options);
  command.footer(
      "Example:\n  tessera model import s_0_checkpoint.pt --class-name normal --class-name tumour --out "
      "clam/");
  command.callback([request, &session] {
    session.run([&](const imaging::JobContext&) {
      const auto package = workflows::import_model(*request);
      return Reply{
          .json = {{"name", package.name()},
                   {"path", request->out.string()},
                   {"task", package.task()},
                   {"architecture", package.architecture()},
                   {"sha256", package.sha256()}},
          .text = fmt::format("{}: slide classifier '{}' of the base {}, sha256 {}", request->out.string(),
                              package.name(), package.architecture(), package.sha256())};
    });
  });
}

void attach_seal(CLI::App& command, Session& session) {
  struct Request {
    fs::path folder;
    std::optional<fs::path> card, facts;
  };
  auto request = std::make_shared<Request>();
  command.add_option("PKG", request->folder, "Package folder that was edited")->required()->type_name("");
  command.add_option("--card", request->card, "Markdown that becomes the model card")->type_name("FILE");
  command.add_option("--facts", request->facts, "JSON merged into the manifest: metrics, limitations, ...")
      ->type_name("FILE");
  command.callback([request, &session] {
    session.run([&](const imaging::JobContext&) {
      const auto package = workflows::reseal_model(request->folder, request->card, request->facts);
      return Reply{.json = {{"name", package.name()}, {"sha256", package.sha256()}},
                   .text = fmt::format("sealed: {} {}", package.name(), package.sha256())};
    });
  });
}

void attach_train_encoder(CLI::App& command, Session& session) {
  auto request = std::make_shared<workflows::TrainEncoderRequest>();
  command.add_option("--cohort", request->cohort, "Folder that `tessera phantom cohort` wrote")
      ->required()
      ->type_name("DIR");
  command.add_option("--out", request->out, "Package folder to make")->required()->type_name("PKG");
  command.add_option("--name", request->name, "Name of the package; by default the folder's");
  bind_fields(command, request->sample);
  bind_fields(command, request->training);
  bind_fields(command, request->augment);
  bind_fields(command, request->stain);
  command.callback([request, &session] {
    session.run([&](const imaging::JobContext& job) {
      request->runtime = session.runtime();
      request->runtime.seed = request->training.seed;
      Reply reply;
      reply.json = workflows::train_encoder(*request, job);
      const auto& best = reply.json["best"];
      reply.text = fmt::format("{}: {} features, validation accuracy {:.3f}, balanced {:.3f}, from {} tiles",
                               request->out.string(), reply.json["dim"].get<std::int64_t>(),
                               best["accuracy"].get<double>(), best["balanced_accuracy"].get<double>(),
                               reply.json["train_tiles"].get<std::size_t>());
      return reply;
    });
  });
}

void bind_group(CLI::App& command, std::string& group) {
  command
      .add_option("--group", group, "What is one bag: a slide, or all slides of a patient (slide, patient)")
      ->check(CLI::IsMember({"slide", "patient"}).description(""))
      ->capture_default_str();
}

void attach_calibrate(CLI::App& command, Session& session) {
  auto request = std::make_shared<workflows::CalibrateRequest>();
  command.add_option("PKG", request->model, "Slide classifier: a path, or the name of an installed one")
      ->required()
      ->type_name("");
  command.add_option("--bags", request->bags, "Folder of features that the model was not trained on")
      ->required()
      ->type_name("DIR");
  command.add_option("--labels", request->labels, "Their labels")->required()->type_name("CSV");
  bind_group(command, request->group);
  command.add_option("--out", request->out, "New package: a folder, or with the extension .tsr a zipped one")
      ->required()
      ->type_name("PKG");
  bind_fields(command, request->abstention);
  command.footer(
      "Example:\n  tessera model calibrate run/model --bags held-out/ --labels held-out.csv "
      "--min-confidence 0.7 --out calibrated/");
  command.callback([request, &session] {
    session.run([&](const imaging::JobContext& job) {
      request->runtime = session.runtime();
      Reply reply;
      reply.json = workflows::calibrate_model(*request, job);
      const auto& fit = reply.json["calibration"];
      reply.text = fmt::format(
          "{}: temperature {:.4g} from {} bags; expected calibration error {:.3f} before, {:.3f} after\n",
          request->out.string(), fit["temperature"].get<double>(), fit["n"].get<std::int64_t>(),
          fit["ece_before"].get<double>(), fit["ece"].get<double>());
      return reply;
    });
  });
}

void attach_soup(CLI::App& command, Session& session) {
  auto request = std::make_shared<workflows::SoupRequest>();
  command.add_option("PKG", request->models, "Slide classifiers that started from the same weights")
      ->required()
      ->type_name("");
  command.add_flag("--greedy", request->greedy,
                   "Take in only what raises the accuracy on held-out bags, the best package first");
  command.add_option("--bags", request->bags, "Folder of held-out features")->type_name("DIR");
  command.add_option("--labels", request->labels, "Their labels")->type_name("CSV");
  bind_group(command, request->group);
  command.add_option("--out", request->out, "New package: a folder, or with the extension .tsr a zipped one")
      ->required()
      ->type_name("PKG");
  command.footer(
      "Example:\n  tessera model soup folds/fold_0/model folds/fold_1/model folds/fold_2/model --out soup/");
  command.callback([request, &session] {
    session.run([&](const imaging::JobContext& job) {
      request->runtime = session.runtime();
      Reply reply;
      reply.json = workflows::soup_models(*request, job);
      reply.text = fmt::format("{}: {} packages averaged, {} left out", request->out.string(),
                               reply.json["ingredients"].size(), reply.json["left_out"].size());
      if (const auto& metrics = reply.json["metrics"]; !metrics.is_null()) {
        reply.text += fmt::format("; {} bags, accuracy {:.3f}", metrics["cases"].get<std::int64_t>(),
                                  metrics["accuracy"].get<double>());
      }
      return reply;
    });
  });
}

}  // namespace

void attach_model(CLI::App& command, Session& session) {
  command.require_subcommand(1);
  attach_list(*command.add_subcommand("list", "Packages that are installed, or in a folder"), session);
  attach_show(*command.add_subcommand("show", "Manifest and model card of a package"), session);
  attach_verify(*command.add_subcommand("verify", "Check every file of packages against its sha256"),
                session);
  attach_install(*command.add_subcommand("install", "Copy a package into your own model folder"), session);
  attach_remove(*command.add_subcommand("remove", "Delete a package from your own model folder"), session);
  attach_pack(*command.add_subcommand("pack", "Make an encoder or segmenter package of weights"), session);
  attach_import(
      *command.add_subcommand("import", "Make a slide classifier of a CLAM, MHIM-MIL or TransMIL checkpoint"),
      session);
  attach_seal(*command.add_subcommand("seal", "Take the hashes of an edited package anew"), session);
  attach_calibrate(*command.add_subcommand("calibrate", "Make a classifier's probabilities honest"), session);
  attach_soup(*command.add_subcommand("soup", "Average the weights of classifiers"), session);
  attach_train_encoder(
      *command.add_subcommand("train-encoder", "Train a small tile encoder on a phantom cohort"), session);
}

}  // namespace cli
