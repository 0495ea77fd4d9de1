#include <iostream>
#include <memory>

#include "tools/commands/checkpoint_options.h"
#include "tools/commands/commands.h"
#include "tools/measure/predict.h"

namespace dgsam {

void add_predict_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("predict", "Prints the most likely classes of images");
  command->footer(
      "Images go through the evaluation transform of the training. One that cannot be read is named on standard\n"
      "error, the others go on, and the exit code is 1.\n\n"
      "Example:  dgsam-run predict runs/pacs-sketch-dgsam/best.safetensors photos/ --json > photos.jsonl");
  const auto options = std::make_shared<PredictOptions>();
  command->add_option("checkpoint", options->checkpoint, "best.safetensors or last.safetensors of a run")->required();
  command->add_option("images", options->paths, "Images, or folders: every image below, in sorted order")->required();
  command->add_option("--top", options->top, "Classes per image")->check(CLI::PositiveNumber)->capture_default_str();
  command->add_flag("--json", options->json,
                    "A line per image: {\"path\", \"top\": [{\"class\", \"index\", \"probability\"}]}");
  add_device_options(*command, options->place);
  command->callback([options] { predict(*options, std::cout, std::cerr); });
}

}  // namespace dgsam
