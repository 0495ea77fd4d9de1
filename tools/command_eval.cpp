#include <cstdio>
#include <memory>

#include "data/datasets.h"
#include "engine/core/check.h"
#include "engine/io/atomic_file.h"
#include "tools/commands.h"
#include "tools/eval.h"

namespace dgsam {

void add_eval_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("eval", "Evaluates a checkpoint on every image of a data set");
  command->footer(
      "Prints accuracy and loss per domain, over all images and over the `in` and `out` splits of training, accuracy\n"
      "per class, and the confusion matrix of the unseen domain; --json has the matrices of all. --save writes the "
      "same\n"
      "beside the checkpoint, where `report` finds it.\n\n"
      "Examples:\n"
      "  dgsam-run eval runs/pacs-sketch-dgsam/best.safetensors --data-dir data --json sketch.json\n"
      "  dgsam-run eval runs/pacs-sketch-dgsam/last.safetensors --mistakes 6 --save");
  const auto options = std::make_shared<EvalOptions>();
  const auto json = std::make_shared<std::string>();
  const auto save = std::make_shared<bool>(false);
  command->add_option("checkpoint", options->checkpoint, "best.safetensors or last.safetensors of a run")->required();
  command->add_option("--dataset", options->dataset, "As for train [what the checkpoint was trained on]");
  command->add_option("--data-dir", options->data_dir, "The data set's root or its parent [the training's]");
  command->add_option("--test-env", options->test_env, "The domain to mark as unseen [the training's]");
  command->add_option("--trial-seed", options->trial_seed, "Seed of the splits [the training's]");
  command->add_option("--holdout", options->holdout, "Fraction of the `out` splits [the training's]");
  command->add_option("--batch-size", options->place.batch_size, "Images per pass; does not change results")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  command->add_option("--threads", options->place.threads, "CPU threads; 0: all cores")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command->add_option("--precision", options->place.precision, "Of activations, as for train [the training's]")
      ->check(CLI::IsMember({"f32", "tf32", "bf16", "f64"}));
  command->add_option("--device", options->place.device, "As for train")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->capture_default_str();
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
    const std::string text = evaluation.json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    write_atomically(*json, text + "\n");
    std::printf("\nWritten to %s\n", json->c_str());
  });
}

}  // namespace dgsam
