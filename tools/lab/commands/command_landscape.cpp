#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/core/check.h"
#include "engine/io/atomic_file.h"
#include "tools/commands/checkpoint_options.h"
#include "tools/lab/commands/lab_commands.h"
#include "tools/lab/landscape/landscape_figure.h"
#include "tools/measure/measurement_file.h"

namespace dgsam {

namespace {

struct LandscapeCommand {
  LandscapeOptions options;
  bool linear = false;
  std::optional<double> max_loss;
  std::vector<double> scale;  ///< low and high, or nothing
  std::string out;
};

/// What is wrong is said before hours of measuring.
void check_scale(const LandscapeCommand& command) {
  if (command.max_loss) {
    require(std::isfinite(*command.max_loss) && *command.max_loss > 0, "--max-loss ", *command.max_loss,
            " is not a positive number");
  }
  if (command.scale.empty()) return;
  const double low = command.scale[0], high = command.scale[1];
  require(low < high && std::isfinite(high - low) && (command.linear || low > 0), "--scale ", low, ",", high,
          " is no scale: a lower and a higher loss", command.linear ? "" : ", both above 0 unless --linear");
}

ColourScale colours(const LandscapeCommand& command, std::span<const Landscape> landscapes) {
  if (command.scale.empty()) return scale_of(landscapes, !command.linear, command.max_loss);
  return {command.scale[0], command.scale[1], !command.linear};
}

void draw(const std::string& prefix, const Landscape& landscape, const ColourScale& scale) {
  write_atomically(prefix + ".svg", landscape_svg(landscape, scale));
}

/// Draws files of earlier measurements, all on one scale.
void draw_again(const LandscapeCommand& command) {
  const std::vector<std::string>& paths = command.options.checkpoints;
  require(command.out.empty() || paths.size() == 1, "--out names one picture, but there are ", paths.size());
  std::vector<Landscape> landscapes;
  for (const std::string& path : paths) landscapes.push_back(read_landscape(path));
  const ColourScale scale = colours(command, landscapes);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const std::string prefix =
        command.out.empty() ? std::filesystem::path(paths[i]).replace_extension().string() : command.out;
    draw(prefix, landscapes[i], scale);
    std::printf("Drawn to %s.svg\n", prefix.c_str());
  }
}

void measure_and_draw(const LandscapeCommand& command) {
  const std::filesystem::path first = command.options.checkpoints[0];
  const std::string prefix =
      command.out.empty() ? (first.parent_path() / first.stem()).string() + ".landscape" : command.out;
  const std::filesystem::path folder = std::filesystem::path(prefix).parent_path();
  require(command.out.empty() || folder.empty() || std::filesystem::is_directory(folder), "--out ", prefix, ": ",
          folder.string(), " is not a folder");
  const Landscape landscape = measure_landscape(command.options);
  write_measurement(prefix + ".json", landscape.json(), -1);
  std::printf("%s", landscape.text().c_str());
  draw(prefix, landscape, colours(command, {&landscape, 1}));
  std::printf("\nWritten to %s.json and .svg\n", prefix.c_str());
}

}  // namespace

void add_landscape_command(CLI::App& app) {
  CLI::App& command = *app.add_subcommand("landscape", "Draws the losses around a checkpoint, or between several");
  command.footer(
      "One checkpoint: the plane of two random directions, filter by filter as long as its weights (Li et al. 2018),\n"
      "or with --path the line along the first. Two: the path from one to the other. Three: the plane through them.\n"
      "Drawn are the loss of every domain and their total over the sources, on one scale of colours. "
      "docs/landscape.md\n"
      "explains what is seen.\n\n"
      "A plane costs points x points evaluations of --images images of every domain; a first look takes\n"
      "--points 11 --images 64. The numbers are kept in a .json file: given in the place of checkpoints, such files "
      "are\n"
      "drawn again without measuring, several on one scale. Browsers show the .svg file; `rsvg-convert -o out.png` "
      "makes\n"
      "pixels of it.\n\n"
      "Examples:  dgsam-run landscape runs/dgsam/last.safetensors\n"
      "           dgsam-run landscape runs/erm/last.safetensors runs/dgsam/last.safetensors --out erm-to-dgsam\n"
      "           dgsam-run landscape runs/erm/last.landscape.json runs/dgsam/last.landscape.json");
  const auto all = std::make_shared<LandscapeCommand>();
  LandscapeOptions& options = all->options;
  SurfaceOptions& surface = options.surface;
  command.add_option("checkpoints", options.checkpoints, "One to three best.safetensors or last.safetensors of runs")
      ->required();
  command.add_flag("--path", options.path, "Of one checkpoint: a line instead of a plane");
  command.add_option("--range", options.range, "One checkpoint: from -range to range along each direction")
      ->capture_default_str();
  command.add_option("--extend", options.extend, "Several: how far beyond them, as a part of their distance")
      ->capture_default_str();
  command.add_option(
      "--points", options.points,
      "Per axis, odd for one checkpoint; of a path between two, those from one to the other [21; a path: 51]");
  command.add_option("--images", surface.images, "Of every domain at most, the first of its in-split")
      ->check(CLI::Range(1, 1000000000))
      ->capture_default_str();
  command.add_option("--seed", options.seed, "Of the random directions")->capture_default_str();
  command.add_option("--out", all->out, "Prefix of the files [CHECKPOINT.landscape beside the first checkpoint]");
  command.add_flag("--linear", all->linear, "Colours in even steps of the loss, not of its logarithm");
  CLI::Option* max_loss =
      command.add_option("--max-loss", all->max_loss, "Where the scale ends [the highest loss, at most 5 ln classes]");
  command.add_option("--scale", all->scale, "LOW,HIGH: both ends of the scale, the same in pictures to be compared")
      ->delimiter(',')
      ->expected(2)
      ->excludes(max_loss);
  add_data_options(command, surface.data);
  add_place_options(command, surface.place, "Of activations, as for train [the training's]");
  command.callback([all] {
    const std::vector<std::string>& paths = all->options.checkpoints;
    const auto measured = std::count_if(paths.begin(), paths.end(), [](const std::string& path) {
      return std::filesystem::path(path).extension() == ".json";
    });
    require(measured == 0 || measured == std::ssize(paths),
            "checkpoints are measured and .json files drawn again, but not both at once");
    check_scale(*all);
    measured > 0 ? draw_again(*all) : measure_and_draw(*all);
  });
}

}  // namespace dgsam
