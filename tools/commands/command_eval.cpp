#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "data/datasets.h"
#include "engine/core/check.h"
#include "tools/commands/checkpoint_options.h"
#include "tools/commands/commands.h"
#include "tools/measure/eval.h"
#include "tools/measure/measurement_file.h"

namespace dgsam {

void add_eval_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("eval", "Evaluates a checkpoint on every image of a data set");
  command->footer(
      "Prints accuracy and loss per domain, over all images and over the `in` and `out` splits of training, accuracy\n"
      "per class, and the confusion matrix of the unseen domain; --json has the matrices of all. --save writes the "
      "same\n"
      "beside the checkpoint, where `report` finds it. With --data-dir or --manifest the domains may be others than "
      "those\nof training, with classes that it had.\n\n"
      "Examples:\n"
      "  dgsam-run eval runs/pacs-sketch-dgsam/best.safetensors --data-dir data --json sketch.json\n"
      "  dgsam-run eval runs/pacs-sketch-dgsam/last.safetensors --mistakes 6 --save\n"
      "  dgsam-run eval runs/mine/best.safetensors --manifest new-site.csv --allow-missing-classes");
  const auto options = std::make_shared<EvalOptions>();
  const auto json = std::make_shared<std::string>();
  const auto save = std::make_shared<bool>(false);
  command->add_option("checkpoint", options->checkpoint, "best.safetensors or last.safetensors of a run")->required();
  add_data_options(*command, options->data);
  add_place_options(*command, options->place, "Of activations, as for train [the training's]");
  command
      ->add_option("--mistakes", options->mistakes,
                   "List in the JSON so many wrong answers per domain: those that the network was surest of")
      ->check(CLI::Range(0, 10000))
      ->capture_default_str();
  command->add_option("--json", *json, "Write everything to this file");
  command->add_flag("--save", *save, "Write everything beside the checkpoint: last.eval.json of last.safetensors");
  command->callback([options, json, save] {
    require(!*save || json->empty(), "--save and --json both say where to write: give one of them");
    if (*save) *json = eval_file(options->checkpoint);
    const Evaluation evaluation = evaluate_checkpoint(*options);
    std::printf("%s", evaluation.text.c_str());
    if (json->empty()) return;
    write_measurement(*json, evaluation.json);
    std::printf("\nWritten to %s\n", json->c_str());
  });
}

}  // namespace dgsam
