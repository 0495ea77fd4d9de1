#include <algorithm>
#include <cstdio>
#include <memory>

#include "engine/core/check.h"
#include "engine/gradcheck/gradcheck.h"
#include "engine/make_backend.h"
#include "tools/commands/commands.h"

namespace dgsam {

void add_gradcheck_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "gradcheck", "Checks every operation's gradient against finite differences in double, and prints the table");
  const auto device = std::make_shared<std::string>("cpu");
  command->add_option("--device", *device, "cpu or cuda")->capture_default_str();
  command->callback([device] {
    const std::unique_ptr<Backend> backend = make_backend(*device, {.threads = 1});  // the operands are tiny
    const std::vector<GradcheckRow> rows = gradcheck(*backend);
    std::printf("%s", gradcheck_table(rows).c_str());
    const auto failed = std::count_if(rows.begin(), rows.end(), [](const GradcheckRow& row) { return !passed(row); });
    require(failed == 0, failed, " of ", rows.size(), " gradients are wrong on ", backend->name());
  });
}

}  // namespace dgsam
