// The subcommands of dgsam-run. Each adds itself to the application and runs when it is parsed.
#pragma once

#include <CLI/CLI.hpp>

namespace dgsam {

void add_train_command(CLI::App& app);
void add_eval_command(CLI::App& app);
void add_predict_command(CLI::App& app);
void add_average_command(CLI::App& app);
void add_sharpness_command(CLI::App& app);
void add_data_command(CLI::App& app);
void add_data_check_commands(CLI::App& data);
void add_data_import_command(CLI::App& data);
void add_data_make_command(CLI::App& data);
void add_weights_command(CLI::App& app);
void add_gradcheck_command(CLI::App& app);
void add_info_command(CLI::App& app);
/// Last: what it writes is about the commands added before, and the application must outlive it.
void add_manual_command(CLI::App& app);

}  // namespace dgsam
