#include <cstdio>
#include <memory>

#include "tools/commands/checkpoint_options.h"
#include "tools/commands/commands.h"
#include "tools/measure/average.h"

namespace dgsam {

void add_average_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("average", "Averages the weights of several runs into one checkpoint");
  command->footer(
      "All runs must have begun from the same weights, and differ in seeds or hyperparameters alone: then the mean of\n"
      "their weights is often better than each of them (DiWA; model soups). With --greedy, the checkpoints are taken\n"
      "from the best validation accuracy on, each only if the average's does not fall. Batch norm's statistics are\n"
      "averaged where they were frozen; where they were trained they are estimated anew from training batches.\n\n"
      "Examples:\n"
      "  dgsam-run average runs/*/best.safetensors --out diwa.safetensors\n"
      "  dgsam-run average runs/*/best.safetensors --greedy --out soup.safetensors\n"
      "  dgsam-run eval diwa.safetensors");
  const auto options = std::make_shared<AverageOptions>();
  command->add_option("checkpoints", options->checkpoints, "Checkpoints of runs of one network on one task")
      ->required();
  command->add_option("--out", options->out, "File to write, a checkpoint for eval, predict and the others")
      ->required();
  command->add_flag("--greedy", options->greedy, "Choose among them, by the accuracy on the sources' held-out images");
  command
      ->add_option("--statistics", options->statistics,
                   "After --freeze-bn off: training batches that batch norm's statistics are estimated from")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  add_data_options(*command, options->data);
  add_device_options(*command, options->place);
  command->callback([options] {
    const WeightAverage average = average_checkpoints(*options);
    for (const AveragedCheckpoint& one : average.checkpoints) {
      if (options->greedy) {
        std::printf("%-8s %.4f  %s\n", one.taken ? "taken" : "left out", one.accuracy, one.path.c_str());
      } else {
        std::printf("taken    %s\n", one.path.c_str());
      }
    }
    if (options->greedy) std::printf("Validation accuracy of the average: %.4f\n", average.accuracy);
    if (average.statistics > 0) {
      std::printf("Batch norm's statistics: estimated from %d training batches\n", average.statistics);
    }
    std::printf("Written to %s\n", options->out.c_str());
  });
}

}  // namespace dgsam
