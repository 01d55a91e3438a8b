#include "app/cli/bind_inputs.h"

#include "app/cli/bind_fields.h"
#include "imaging/slide/reader_table.h"

namespace cli {

void bind_inputs(CLI::App& command, workflows::InputOptions& options, const std::string& mpp_flag) {
  command.add_option("INPUT", options.inputs, "Slides, images or folders of them")->required()->type_name("");
  bind_fields(command, options, {.rename = {{"mpp", mpp_flag}}});
  command.get_option(mpp_flag)->check([](const std::string& text) {
    try {
      (void)imaging::scale_from_text(text, "given");
    } catch (const imaging::Error& error) {
      return std::string(error.what());
    }
    return std::string();
  });
}

}  // namespace cli
