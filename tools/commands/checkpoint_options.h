// The flags that commands on checkpoints share.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "tools/train/checkpoint.h"

namespace dgsam {

/// Which data the checkpoint is looked at with.
void add_data_options(CLI::App& command, DataChoice& data);
/// --device and --threads.
void add_device_options(CLI::App& command, NetworkPlace& place);
/// Where its network runs: these, --precision and --batch-size. `precision` is the help text of that flag.
void add_place_options(CLI::App& command, NetworkPlace& place, const std::string& precision);

}  // namespace dgsam
