#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "app/workflows/analyze.h"

namespace cli {

/// The files and folders that a command works on, with the options that choose among them. A wrong scale is
/// refused before anything is opened.
/// @param options   must outlive the parse
/// @param mpp_flag  the option that gives the slides' scale
void bind_inputs(CLI::App& command, workflows::InputOptions& options, const std::string& mpp_flag = "--mpp");

}  // namespace cli
