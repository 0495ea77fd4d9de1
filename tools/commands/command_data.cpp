// dgsam-run data: what concerns data sets rather than training.
#include "tools/commands/commands.h"

namespace dgsam {

void add_data_command(CLI::App& app) {
  CLI::App* data = app.add_subcommand("data", "Imports, makes and checks data sets");
  data->require_subcommand(1);
  add_data_import_command(*data);
  add_data_make_command(*data);
  add_data_check_commands(*data);
}

}  // namespace dgsam
