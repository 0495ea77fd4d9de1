// The subcommands of the lab, which compare many runs. dgsam-run does without them where DGSAM_LAB is off.
#pragma once

#include <CLI/CLI.hpp>

namespace dgsam {

void add_landscape_command(CLI::App& app);
void add_report_command(CLI::App& app);
void add_sweep_command(CLI::App& app);
void add_ablate_command(CLI::App& app);
void add_collect_command(CLI::App& app);
void add_toy_command(CLI::App& app);

}  // namespace dgsam
