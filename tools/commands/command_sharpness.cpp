#include <memory>

#include "tools/commands/checkpoint_options.h"
#include "tools/commands/commands.h"
#include "tools/measure/sharpness_measure.h"

namespace dgsam {

namespace {

struct Command {
  std::vector<std::string> checkpoints;
  SharpnessOptions options;
  SharpnessBatch batch;
};

}  // namespace

void add_sharpness_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "sharpness",
      "Measures how sharp checkpoints are: worst-case loss increases and the Hessian's largest eigenvalues");
  command->footer(
      "For the loss L of every source domain, of the unseen domain and for the total, the mean of the sources:\n"
      "  one step    L(w + r g/|g|) - L(w), g the gradient: what SAM takes for the worst case within radius r\n"
      "  multi-step  the largest increase that projected gradient ascent finds within r; never below one step\n"
      "  lambda      the largest eigenvalues of the Hessian (Lanczos), each with its residual |Hv - lambda v|\n"
      "  trace       the sum of all eigenvalues (Hutchinson), with its standard error\n"
      "Everything is measured on the first images of each domain's in-split, without augmentation or dropout, batch\n"
      "norm with its running statistics.\n\n"
      "Costs about 1 + radii x restarts x steps + 2 (lanczos-steps + 2 top + trace-samples) gradients of --images\n"
      "images per loss, and the total as many as all sources together: with the defaults 103 gradients of 256 images,\n"
      "721 for four domains and the total. That is half an hour of a CPU core for ResNet-18 at 32x32; --images is the\n"
      "first thing to lower, then --top and --trace-samples.\n\n"
      "Each checkpoint gets a file beside it: best.safetensors gets best.sharpness.json, which `report` shows. Means\n"
      "per algorithm are printed after several checkpoints.\n\n"
      "Examples:  dgsam-run sharpness runs/pacs-sketch-dgsam/last.safetensors\n"
      "           dgsam-run sharpness --skip-existing --radii 0.05 --top 1 --trace-samples 0 sweeps/pacs/*/run/"
      "last.safetensors");
  const auto all = std::make_shared<Command>();
  SharpnessOptions& options = all->options;
  command->add_option("checkpoints", all->checkpoints, "best.safetensors or last.safetensors of runs")->required();
  command
      ->add_option("--domains", options.domains,
                   "Which losses, by comma: all, or total and names of domains, such as photo,total")
      ->delimiter(',')
      ->allow_extra_args(false)  // a checkpoint may follow
      ->capture_default_str();
  command->add_option("--radii", options.radii, "Of the worst cases, by comma: lengths in the space of parameters")
      ->delimiter(',')
      ->allow_extra_args(false)  // a checkpoint may follow
      ->capture_default_str();
  command->add_option("--steps", options.steps, "Of the ascent; 0: the one-step value alone")->capture_default_str();
  command
      ->add_option("--restarts", options.restarts,
                   "Starts of the ascent: where one step ends, then random points at that radius")
      ->capture_default_str();
  command->add_option("--top", options.top, "Eigenvalues; 0: none")->capture_default_str();
  command->add_option("--lanczos-steps", options.lanczos_steps, "At most; each keeps a vector of parameters in memory")
      ->capture_default_str();
  command->add_option("--trace-samples", options.trace_samples, "0: no trace")->capture_default_str();
  command->add_option("--hessian-step", options.hessian_step,
                      "Of the differences of gradients that products with the Hessian are [0.01; 1e-8 in f64]");
  command->add_option("--seed", options.seed, "Of random starts and directions")->capture_default_str();
  command->add_option("--images", options.surface.images, "Per domain, at most: the first of its in-split")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  add_data_options(*command, options.surface.data);
  add_place_options(*command, options.surface.place, "As for train; f64 on the CPU makes curvature exact [f32]");
  command->add_option("--json", all->batch.json, "Write to this file; with one checkpoint");
  command->add_flag("--skip-existing", all->batch.skip_existing,
                    "Take over files of the same settings that are there, so that a batch that was stopped goes on");
  command->callback([all] { run_sharpness(all->checkpoints, all->options, all->batch); });
}

}  // namespace dgsam
