#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/core/check.h"
#include "engine/io/atomic_file.h"
#include "tools/lab/commands/lab_commands.h"
#include "tools/lab/experiments/toy.h"
#include "tools/lab/experiments/toy_figure.h"

namespace dgsam {

namespace {

struct ToyFlags {
  ToyOptions toy;
  double draw_rho = -1;  ///< negative: the largest of toy.rho
  std::string out;
};

void write(const std::filesystem::path& path, const std::string& text) { write_atomically(path.string(), text); }

void run_command(ToyFlags options) {
  check(options.toy);
  if (options.draw_rho < 0) options.draw_rho = *std::max_element(options.toy.rho.begin(), options.toy.rho.end());
  require(std::find(options.toy.rho.begin(), options.toy.rho.end(), options.draw_rho) != options.toy.rho.end(),
          "--draw-rho ", options.draw_rho, " is none of --rho");
  const std::filesystem::path folder(options.out);
  if (!options.out.empty()) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    require(!error && std::filesystem::is_directory(folder), "--out ", options.out,
            " cannot be made: ", error ? error.message() : "it is a file");
  }
  const ToyResult result = run_toy(options.toy);
  std::printf("%s", toy_table(result).c_str());
  if (options.out.empty()) return;
  write(folder / "toy.json", toy_json(result).dump() + "\n");
  write(folder / "toy.svg", toy_figure(result, options.draw_rho));
  std::printf("Figure: %s\n", (folder / "toy.svg").c_str());
}

}  // namespace

void add_toy_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "toy",
      "Trains two parameters on two domains whose mean loss has a fake flat minimum and a true one.\n"
      "At the fake one each domain is sharp and their curvatures cancel in the mean; the true one is flat in each.\n"
      "Prints how many starts end in which, per method and rho; docs/toy.md explains what each method can see");
  const auto options = std::make_shared<ToyFlags>();
  ToyOptions& toy = options->toy;
  command->add_option("--algorithms", toy.algorithms, "Methods, by comma: erm, sam, gsam, sagm, disam, gga-l, dgsam")
      ->delimiter(',')
      ->check(CLI::IsMember(std::vector<std::string>{kMethods.begin(), kMethods.end()}))
      ->capture_default_str();
  command->add_option("--rho", toy.rho, "Lengths of the ascent step, by comma; with 0 nothing is perturbed")
      ->delimiter(',')
      ->capture_default_str();
  command->add_option("--optimizer", toy.optimizer.name, "What turns a method's gradient into an update")
      ->check(CLI::IsMember({"sgd", "adam"}))
      ->capture_default_str();
  command->add_option("--lr", toy.optimizer.learning_rate, "Learning rate")->capture_default_str();
  command->add_option("--momentum", toy.optimizer.momentum, "Of sgd")->capture_default_str();
  command->add_option("--steps", toy.steps, "Of each run")->capture_default_str();
  command->add_option("--starts", toy.starts, "N: a grid of N x N starts over |u| < 2, |v| < 1.5")
      ->capture_default_str();
  command->add_option("--radius", toy.radius, "A run that ends within it of a minimum has ended in that minimum")
      ->capture_default_str();
  command->add_option("--seed", toy.seed, "Of DGSAM's domain orders")->capture_default_str();
  command->add_option("--domain-order", toy.domain_order, "Of DGSAM's ascent: anew at random in each step, or fixed")
      ->check(CLI::IsMember({"random", "fixed"}))
      ->capture_default_str();
  command
      ->add_option(
          "--dgsam-scale", toy.dgsam_scale,
          "Size of DGSAM's gradient: that of the sum over the domains, twice the others' here, or of their mean")
      ->check(CLI::IsMember({"sum", "mean"}))
      ->capture_default_str();
  command->add_option("--draw-rho", options->draw_rho, "Which rho the figure shows; without it the largest");
  command->add_option("--out", options->out, "Folder for toy.json (settings, fractions, paths) and toy.svg (figure)");
  command->callback([options] { run_command(*options); });
}

}  // namespace dgsam
