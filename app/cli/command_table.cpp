#include "app/cli/command_table.h"

#include <array>

namespace cli {
namespace {

constexpr std::array kCommands{
    Command{"info", "Levels, scale and its source, vendor and properties of slides and images",
            "tessera info slide.svs\n"
            "tessera info --json slides/",
            &attach_info},
    Command{"doctor", "BLAS, threads, devices, readers and models: what is used and why", "tessera doctor",
            &attach_doctor},
};

}  // namespace

std::span<const Command> command_table() {
  return kCommands;
}

}  // namespace cli
