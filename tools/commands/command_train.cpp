#include <cstdio>
#include <filesystem>
#include <memory>

#include "tools/commands/commands.h"
#include "tools/commands/train_flags.h"
#include "tools/results/tables.h"
#include "tools/train/trainer.h"

namespace dgsam {

void add_train_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("train", "Trains one network with one method, one domain left out");
  command->footer(
      "Writes into --out: config.json (every value), program.txt (the recorded program), metrics.jsonl (a line per\n"
      "step; timing.jsonl has their seconds), results.jsonl (a line per evaluation, DomainBed's keys), summary.json, "
      "last.safetensors and\n"
      "best.safetensors (highest accuracy on the sources' held-out images), and at the very end `done`.\n\n"
      "Example: DGSAM on PACS, sketch left out, from torchvision's ImageNet weights:\n"
      "  dgsam-run train --dataset PACS --data-dir data --test-env sketch --algorithm dgsam \\\n"
      "      --weights resnet50.safetensors --out runs/pacs-sketch-dgsam");
  const auto config = std::make_shared<TrainConfig>();
  add_train_flags(*command, *config);
  command->callback([config, command] {
    const std::set<std::string> given = given_fields(*command);
    apply_defaults(*config, given);
    make_paths_absolute(*config);
    if (config->resume) *config = configuration_to_resume(*config, given);
    resolve(*config);
    if (config->backend_check > 0) return Trainer(*config).check_backend();
    if (config->resume && std::filesystem::exists(std::filesystem::path(config->out) / "done")) {
      std::printf("%s is complete: nothing to resume\n", config->out.c_str());
    } else {
      Trainer(*config).run();
    }
    std::printf("%s", text_tables(read_runs({config->out})).c_str());
    std::printf("Written to %s\n", config->out.c_str());
  });
}

}  // namespace dgsam
