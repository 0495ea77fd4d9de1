#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <set>

#include "engine/core/check.h"
#include "engine/io/atomic_file.h"
#include "tools/commands/train_flags.h"
#include "tools/lab/collect/collect_format.h"
#include "tools/lab/commands/lab_commands.h"
#include "tools/lab/experiments/ablate.h"
#include "tools/lab/experiments/ablate_figure.h"
#include "tools/lab/sweep/sweep_local.h"
#include "tools/terminal/command_line.h"

namespace dgsam {

namespace {

namespace fs = std::filesystem;

struct AblateFlags {
  std::string out;
  SweepDefinition definition;
  AblationOptions settings;
  int jobs = 1;
  std::vector<std::string> gpus;
  bool only_table = false;
  TableFormat format = TableFormat::text;
};

/// The ablation in --out: the one that there is, which what is given must agree with, or a new one.
Sweep ablation_in(AblateFlags& options, std::set<std::string> given) {
  bool settings_given = false;
  for (const char* name : {"vary", "full", "rho", "baselines", "sharpness_rho"}) {
    settings_given |= given.erase(name) > 0;
  }
  for (const char* name : {"out", "jobs", "gpus", "format", "only_table"}) given.erase(name);
  if (given.erase("dataset") > 0) given.insert("datasets");
  set_settings(options.definition, options.settings);
  if (fs::exists(fs::path(options.out) / "sweep.json")) {
    const Sweep recorded = Sweep::open(options.out);
    settings_of(recorded);
    const bool same = recorded.definition().choices == options.definition.choices &&
                      recorded.definition().tried == options.definition.tried;
    require(
        same || !settings_given, "the ablation in ", options.out,
        " was defined with other values of --vary, --full, --rho, --baselines or --sharpness-rho: leave them out to "
        "continue it, or choose another --out");
  }
  require(!options.only_table || fs::exists(fs::path(options.out) / "sweep.json"),
          "--only-table: there is no ablation ", "in ", options.out, " yet");
  return Sweep::define(options.out, options.definition, given);
}

void write_text(const fs::path& path, const std::string& text) { write_atomically(path.string(), text); }

void print_table(Sweep& sweep, TableFormat format) {
  const SweepDefinition& definition = sweep.definition();
  const std::string& dataset = definition.datasets.front();
  const std::vector<int> unseen = test_envs_of(definition, dataset);
  const std::vector<AblationSetting> settings = settings_of(sweep);
  const std::vector<AblationRun> runs = read_ablation(sweep, settings);
  require(!runs.empty(), "no run of ", sweep.folder().string(), " is done yet: dgsam-run sweep status --out ",
          shell_words({sweep.folder().string()}));
  ResultTable table = ablation_table(settings, runs, unseen.size());
  table.dataset = dataset;
  std::string domains;
  for (const int env : unseen) {
    domains += (domains.empty() ? "" : ", ") + definition.domains.at(dataset)[static_cast<std::size_t>(env)];
  }
  table.title = "Ablations on " + dataset + ", unseen: " + domains + "; " + std::to_string(definition.trials) +
                " trials; sharpness at radius " + definition.choices[0]["sharpness_rho"].dump() +
                "; differences to the default, with 95 % bootstrap intervals";
  std::printf("%s", format_table(table, format).c_str());
  write_text(sweep.folder() / "ablation.svg", ablation_figure(table));
}

void ablate(AblateFlags& options, const std::set<std::string>& given) {
  Sweep sweep = ablation_in(options, given);
  if (options.only_table) return print_table(sweep, options.format);
  const LaunchOutcome outcome =
      launch_local(sweep, {.jobs = options.jobs, .gpus = options.gpus, .again = "dgsam-run ablate"});
  const std::string out = shell_words({options.out});
  std::fprintf(stderr, "%zu of %zu runs done\n", outcome.done, outcome.done + outcome.failed + outcome.left);
  if (outcome.done > 0) print_table(sweep, options.format);
  require(outcome.failed == 0, outcome.failed, " run(s) of ", out, " failed: dgsam-run sweep status --out ", out,
          " names them, dgsam-run sweep retry --out ", out, " runs them again");
  require(outcome.left == 0, outcome.left, " run(s) of ", out, " stopped or run elsewhere: dgsam-run ablate --out ",
          out, " continues");
}

}  // namespace

void add_ablate_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "ablate", "Ablations of DGSAM in one command: domain order, gradients, scale and rho, with the table");
  command->footer(
      "A setting differs from the default (random order, all gradients, their sum, the first --rho) in one factor, or "
      "with\n--full in any. Each is trained on every trial with every unseen domain left out; then one row per setting "
      "is printed,\nwith its differences to the default paired by trial, and drawn in OUT/ablation.svg.\n\n"
      "OUT is a sweep: everything after -- goes to every `dgsam-run train`, the same command (or --out alone) "
      "continues "
      "one\nthat was stopped and prints the table of one that is done, and `dgsam-run sweep status` looks at it.\n\n"
      "Examples:\n"
      "  dgsam-run ablate --out ablation --jobs 2 -- --data-dir demo/data/styled_fashion --model resnet18 \\\n"
      "      --weights demo/backbone/last.safetensors --image-size 32 --augment none --steps 200 --lr 2e-4\n"
      "  dgsam-run ablate --out ablation --format markdown");
  const auto options = std::make_shared<AblateFlags>();
  options->definition.datasets = {"folder"};
  command->add_option("--out", options->out, "The ablation's folder")->required();
  const char* kGroup = "What is run";
  command->add_option("--vary", options->settings.vary, "Factors by comma")
      ->delimiter(',')
      ->check(CLI::IsMember({"order", "gradients", "scale", "rho"}))
      ->capture_default_str()
      ->group(kGroup);
  command->add_flag("--full", options->settings.full, "All combinations, instead of one factor at a time")
      ->group(kGroup);
  command->add_option("--rho", options->settings.rho, "Values by comma; the first one is the default's")
      ->delimiter(',')
      ->capture_default_str()
      ->group(kGroup);
  command
      ->add_option("--baselines", options->settings.baselines,
                   "Other algorithms by comma, at every --rho (erm and gga-l have none): erm, sam, gsam, sagm, disam, "
                   "gga-l; or none")
      ->delimiter(',')
      ->check(CLI::IsMember({"none", "erm", "sam", "gsam", "sagm", "disam", "gga-l"}))
      ->capture_default_str()
      ->group(kGroup);
  command
      ->add_option("--sharpness-rho", options->settings.sharpness_rho,
                   "Radius at which the sharpness of every run is measured, whatever its own --rho")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->group(kGroup);
  command->add_option("--dataset", options->definition.datasets, "A benchmark, or `folder` for any image tree")
      ->expected(1)
      ->capture_default_str()
      ->group(kGroup);
  command
      ->add_option("--test-envs", options->definition.test_envs,
                   "all: each domain left out once; or some, by index or name")
      ->capture_default_str()
      ->group(kGroup);
  command->add_option("--trials", options->definition.trials, "Splits of every domain, each with a seed of its own")
      ->capture_default_str()
      ->group(kGroup);
  command->add_option("train", options->definition.train, "After --: flags for every train, --data-dir at least");
  command->add_option("--jobs", options->jobs, "Processes at once; the cores are shared out among them")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_option("--gpus", options->gpus, "GPUs by comma, one process on each, in place of --jobs")
      ->delimiter(',');
  command->add_flag("--only-table", options->only_table, "Run nothing: the table of the runs that are done");
  command->add_option("--format", options->format, "text, markdown, latex, json or csv")
      ->transform(CLI::CheckedTransformer(table_formats()).description(""))
      ->default_str("text");
  command->callback([options, command] {
    std::set<std::string> given = given_fields(*command);
    if (command->get_option("train")->count() > 0) given.insert("train");
    std::erase(options->settings.baselines, "none");
    const auto& vary = options->settings.vary;
    require(!given.contains("rho") || std::find(vary.begin(), vary.end(), "rho") != vary.end(),
            "--rho lists values, but --vary leaves rho out: give one --rho after -- instead");
    ablate(*options, given);
  });
}

}  // namespace dgsam
