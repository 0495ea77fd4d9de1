#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>
#include <set>

#include "engine/core/check.h"
#include "tools/commands/train_flags.h"
#include "tools/lab/commands/lab_commands.h"
#include "tools/lab/sweep/sweep_job.h"
#include "tools/lab/sweep/sweep_local.h"
#include "tools/lab/sweep/sweep_slurm.h"
#include "tools/terminal/command_line.h"
#include "tools/terminal/stop_signal.h"
#include "tools/terminal/text_columns.h"

namespace dgsam {

namespace {

struct LaunchOptions {
  std::string out, launcher = "local", sbatch;
  int jobs = 1, array_limit = 1000;
  std::vector<std::string> gpus;
};

void add_out(CLI::App& command, std::string& out) {
  command.add_option("--out", out, "The sweep's folder")->required();
}

void add_launch_options(CLI::App& command, LaunchOptions& options) {
  add_out(command, options.out);
  command
      .add_option("--launcher", options.launcher,
                  "local: processes of this machine; slurm: one job array; print: commands for another scheduler")
      ->check(CLI::IsMember({"local", "slurm", "print"}))
      ->capture_default_str()
      ->group("Launcher");
  command.add_option("--jobs", options.jobs, "local: processes at once; the cores are shared out among them")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str()
      ->group("Launcher");
  command.add_option("--gpus", options.gpus, "local: GPUs by comma, one process on each (CUDA_VISIBLE_DEVICES)")
      ->delimiter(',')
      ->group("Launcher");
  command
      .add_option("--sbatch", options.sbatch,
                  "slurm: options for sbatch, in one word: \"--partition=gpu --time=8:00:00\"")
      ->group("Launcher");
  command
      .add_option("--array-limit", options.array_limit,
                  "slurm: the most jobs in one array (MaxArraySize is 1001 by default)")
      ->check(CLI::Range(1, 4000000))
      ->capture_default_str()
      ->group("Launcher");
}

/// Where every job of a sweep stands.
struct Standing {
  SweepJobs jobs;
  std::vector<JobStatus> status;  ///< as many as jobs.jobs

  std::size_t count(JobState state, bool second_stage) const {
    std::size_t count = 0;
    for (std::size_t i = 0; i < status.size(); ++i)
      count += status[i].state == state && jobs.jobs[i].second_stage == second_stage;
    return count;
  }
};

Standing standing_of(Sweep& sweep) {
  Standing standing{sweep.jobs(), {}};
  const std::set<std::string> queued = queued_jobs(sweep);
  for (const SweepJob& job : standing.jobs.jobs) {
    JobStatus status = status_of(sweep, job);
    if (status.state != JobState::done && status.state != JobState::running && queued.contains(job.name)) {
      status = {JobState::queued, ""};
    }
    standing.status.push_back(std::move(status));
  }
  return standing;
}

void print_status(Sweep& sweep) {
  const Standing standing = standing_of(sweep);
  const SweepDefinition& definition = sweep.definition();
  const bool two_stages =
      standing.jobs.waiting > 0 || std::any_of(standing.jobs.jobs.begin(), standing.jobs.jobs.end(),
                                               [](const SweepJob& job) { return job.second_stage; });
  constexpr JobState kStates[] = {JobState::done,   JobState::running, JobState::queued,
                                  JobState::failed, JobState::stopped, JobState::fresh};
  std::vector<std::vector<std::string>> rows{{"", "jobs"}};
  for (const JobState state : kStates) rows[0].push_back(name_of(state));
  rows[0].push_back("waiting");
  for (const bool second : {false, true}) {
    if (second && !two_stages) continue;
    std::vector<std::string> counts;
    std::size_t jobs = second ? standing.jobs.waiting : 0;
    for (const JobState state : kStates) {
      jobs += standing.count(state, second);
      counts.push_back(std::to_string(standing.count(state, second)));
    }
    counts.push_back(std::to_string(second ? standing.jobs.waiting : 0));
    rows.push_back({!two_stages ? "jobs"
                    : second    ? "the choice, on the other trials"
                                : "search, on trial 0",
                    std::to_string(jobs)});
    rows.back().insert(rows.back().end(), counts.begin(), counts.end());
  }
  std::printf("%s: --grid %s (%d), %d trial(s)\n%s", sweep.folder().c_str(), definition.grid.c_str(),
              definition.n_hparams, definition.trials, text_columns(rows).c_str());
  for (const auto& [group, open] : standing.jobs.open) {
    std::printf("waiting  %s: %zu jobs of its search are not done\n", group.c_str(), open);
  }
  for (std::size_t i = 0; i < standing.status.size(); ++i) {
    const JobStatus& status = standing.status[i];
    const SweepJob& job = standing.jobs.jobs[i];
    if (status.state == JobState::done || status.state == JobState::fresh) continue;
    const std::int64_t total = sweep.config(job).steps;
    std::printf("%-7s  %s  %lld/%lld steps  %s\n", name_of(status.state), job.name.c_str(),
                static_cast<long long>(steps_done(sweep, job, total)), static_cast<long long>(total),
                status.note.c_str());
  }
}

void report(const Sweep& sweep, const LaunchOutcome& outcome) {
  const std::string out = shell_words({sweep.folder().string()});
  std::printf("%zu of %zu jobs done", outcome.done, outcome.done + outcome.failed + outcome.left);
  if (outcome.failed > 0) std::printf(", %zu failed: dgsam-run sweep retry --out %s", outcome.failed, out.c_str());
  if (outcome.left > 0) {
    std::printf(", %zu stopped, running elsewhere or waiting: dgsam-run sweep status --out %s", outcome.left,
                out.c_str());
  }
  std::printf("\nTables: dgsam-run collect %s\n", out.c_str());
}

/// Jobs for a launcher that does not run them itself: new and stopped ones, and with `retry` failed ones.
std::vector<std::string> missing_jobs(Sweep& sweep, bool retry) {
  const Standing standing = standing_of(sweep);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < standing.status.size(); ++i) {
    const JobState state = standing.status[i].state;
    const bool failed = state == JobState::failed;
    if (!failed && state != JobState::fresh && state != JobState::stopped) continue;
    if (failed && !retry) {
      std::fprintf(stderr, "failed  %s  %s\n", standing.jobs.jobs[i].name.c_str(), standing.status[i].note.c_str());
      continue;
    }
    names.push_back(standing.jobs.jobs[i].name);
  }
  if (standing.jobs.waiting > 0) {
    std::fprintf(stderr, "%zu jobs wait for the search on trial 0: launch again when it is done\n",
                 standing.jobs.waiting);
  }
  return names;
}

void launch(Sweep sweep, const LaunchOptions& options, bool retry) {
  if (options.launcher == "local") {
    const LaunchOutcome outcome = launch_local(sweep, {.jobs = options.jobs, .gpus = options.gpus, .retry = retry});
    report(sweep, outcome);
    require(outcome.failed == 0, outcome.failed, " job(s) of ", sweep.folder().string(), " failed");
    return;
  }
  std::vector<std::string> names = missing_jobs(sweep, retry);
  if (options.launcher == "print") {
    if (!names.empty()) std::printf("%s\n", shell_words({"cd", std::filesystem::current_path().string()}).c_str());
    for (const std::string& name : names)
      std::printf("%s%s\n", job_command(sweep, name).c_str(), retry ? " --retry" : "");
    return;
  }
  if (names.empty()) {
    std::printf("nothing to submit: dgsam-run sweep status --out %s\n", shell_words({sweep.folder().string()}).c_str());
    return;
  }
  const std::size_t missing = names.size();
  names.resize(std::min(missing, static_cast<std::size_t>(options.array_limit)));
  if (retry) {
    for (const std::string& name : names) std::filesystem::remove(sweep.folder() / name / "failed");
  }
  const std::string id = submit_array(sweep, {names, options.sbatch});
  std::printf("submitted job array %s with %zu of %zu missing jobs\n", id.c_str(), names.size(), missing);
}

/// For every option that says what the sweep is: its name with _ for -, when it stands on the command line.
std::set<std::string> definition_given(const CLI::App& command) {
  std::set<std::string> given = given_fields(command);
  for (const char* name : {"out", "launcher", "jobs", "gpus", "sbatch", "array_limit"}) given.erase(name);
  if (command.get_option("train")->count() > 0) given.insert("train");
  return given;
}

void add_launch_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("launch", "Runs what is missing of a sweep; defines it the first time");
  command->footer(
      "Everything after -- goes to every `dgsam-run train`. Launching again continues: what is done is skipped, what "
      "was\nstopped goes on from its last state; --out is then enough.\n\n"
      "Examples:\n"
      "  dgsam-run sweep launch --datasets PACS --algorithms erm,sam,dgsam --grid swad --out sweeps/pacs \\\n"
      "      -- --data-dir data --weights resnet50-0676ba61.pth\n"
      "  dgsam-run sweep launch --out sweeps/pacs --gpus 0,1,2,3\n"
      "  dgsam-run sweep launch --out sweeps/pacs --launcher slurm --sbatch \"--gres=gpu:1 --time=8:00:00\"");
  const auto definition = std::make_shared<SweepDefinition>();
  const auto options = std::make_shared<LaunchOptions>();
  const char* kGroup = "What is run";
  command->add_option("--datasets", definition->datasets, "By comma")
      ->delimiter(',')
      ->capture_default_str()
      ->group(kGroup);
  command->add_option("--algorithms", definition->algorithms, "By comma")
      ->delimiter(',')
      ->capture_default_str()
      ->group(kGroup);
  command->add_option("--test-envs", definition->test_envs, "all: each domain left out once; or some, by index or name")
      ->capture_default_str()
      ->group(kGroup);
  command->add_option("--trials", definition->trials, "Splits of every domain (--trial-seed 0, 1, ...)")
      ->capture_default_str()
      ->group(kGroup);
  command
      ->add_option("--grid", definition->grid,
                   "Hyperparameters to try. defaults: train's alone; swad: SWAD's 18; domainbed-random: DomainBed's "
                   "random search,\nto the bit; or a JSON file: {\"lr\": [1e-5, 5e-5]} (all combinations) or "
                   "[{\"lr\": 1e-5}]")
      ->capture_default_str()
      ->group(kGroup);
  command->add_option("--n-hparams", definition->n_hparams, "Only the first so many; domainbed-random: 20")
      ->group(kGroup);
  command
      ->add_option(
          "--search", definition->search,
          "first-trial: search on trial 0 by training-domain validation, use the choice on the others (SWAD);\n"
          "every-trial: search on each (DomainBed). Default: every-trial for domainbed-random, else first-trial")
      ->check(CLI::IsMember({"first-trial", "every-trial"}))
      ->group(kGroup);
  command->add_option("train", definition->train, "After --: flags for every train, --data-dir at least");
  add_launch_options(*command, *options);
  command->callback([definition, options, command] {
    launch(Sweep::define(options->out, *definition, definition_given(*command)), *options, false);
  });
}

void add_status_command(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("status", "Counts the jobs of a sweep; names those that run, failed or stopped");
  const auto out = std::make_shared<std::string>();
  add_out(*command, *out);
  command->callback([out] {
    Sweep sweep = Sweep::open(*out);
    print_status(sweep);
  });
}

void add_retry_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("retry", "As launch --out, and failed jobs are resumed, too");
  const auto options = std::make_shared<LaunchOptions>();
  add_launch_options(*command, *options);
  command->callback([options] { launch(Sweep::open(options->out), *options, true); });
}

void add_prune_command(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("prune", "Removes the folders of failed and stopped jobs, so that they begin anew");
  const auto out = std::make_shared<std::string>();
  const auto yes = std::make_shared<bool>(false);
  add_out(*command, *out);
  command->add_flag("--yes", *yes, "Do not ask");
  command->callback([out, yes] {
    Sweep sweep = Sweep::open(*out);
    const Standing standing = standing_of(sweep);
    std::vector<const SweepJob*> doomed;
    for (std::size_t i = 0; i < standing.status.size(); ++i) {
      const JobState state = standing.status[i].state;
      if (state != JobState::failed && state != JobState::stopped) continue;
      doomed.push_back(&standing.jobs.jobs[i]);
      std::printf("%-7s  %s\n", name_of(state), doomed.back()->name.c_str());
    }
    if (doomed.empty()) {
      std::printf("no job of %s has failed or stopped\n", out->c_str());
      return;
    }
    if (!*yes) {
      require(::isatty(STDIN_FILENO) == 1, "nobody is there to ask: --yes removes the ", doomed.size(), " folder(s)");
      std::printf("Remove these %zu folders? (y/n) ", doomed.size());
      std::fflush(stdout);
      std::string answer;
      std::getline(std::cin, answer);
      if (answer != "y" && answer != "yes") return;
    }
    std::size_t removed = 0;
    for (const SweepJob* job : doomed) {
      const std::optional<JobLock> lock = claim(sweep, *job, true);  // nobody may have begun it since
      if (!lock) continue;
      std::filesystem::remove_all(sweep.job_folder(*job));
      ++removed;
    }
    std::printf("removed %zu folder(s)\n", removed);
  });
}

void add_job_command(CLI::App& app) {
  struct JobFlags {
    std::string sweep, name, list;
    int index = 0;
    bool retry = false;
  };
  CLI::App* command = app.add_subcommand("job", "Runs one job of a sweep here: what launchers and schedulers call");
  const auto options = std::make_shared<JobFlags>();
  command->add_option("sweep", options->sweep, "The sweep's folder")->required();
  CLI::Option* name = command->add_option("name", options->name, "The job");
  CLI::Option* list =
      command->add_option("--list", options->list, "Instead of a name: a file of names")->excludes(name);
  command->add_option("--index", options->index, "The line of --list, from 0")->needs(list);
  command->add_flag("--retry", options->retry, "Also when it has failed before");
  command->callback([options] {
    Sweep sweep = Sweep::open(options->sweep);
    const std::string wanted = options->list.empty() ? options->name : listed_job(options->list, options->index);
    const SweepJobs jobs = sweep.jobs();
    const auto job =
        std::find_if(jobs.jobs.begin(), jobs.jobs.end(), [&](const SweepJob& one) { return one.name == wanted; });
    require(job != jobs.jobs.end(), "the sweep in ", options->sweep, " has no job ", wanted);
    std::optional<JobLock> lock = claim(sweep, *job, options->retry);
    if (!lock) {
      const JobStatus status = status_of(sweep, *job);
      require(status.state != JobState::failed, wanted, " has failed: ", status.note,
              "; `dgsam-run sweep retry` resumes it");
      std::printf("%s is %s: nothing to do\n", wanted.c_str(), name_of(status.state));
      return;
    }
    const StopSignals signals;
    JobProcess process(sweep, *job, std::move(*lock), {.own_group = false});
    std::optional<JobStatus> status;
    for (bool asked = false; !(status = process.finished());) {
      if (!asked && StopSignals::received() != 0) process.stop(StopSignals::received());
      asked = asked || StopSignals::received() != 0;
      ::usleep(20000);
    }
    std::printf("%s: %s %s\n", wanted.c_str(), name_of(status->state), status->note.c_str());
    if (status->state == JobState::stopped) {
      throw Stopped(StopSignals::received() != 0 ? StopSignals::received() : 15, wanted + " was stopped");
    }
    require(status->state == JobState::done, wanted, " failed: ", status->note);
  });
}

}  // namespace

void add_sweep_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "sweep",
      "Many runs: data sets, algorithms, domains left out, trials and hyperparameters, on one machine or a cluster");
  command->require_subcommand(1);
  add_launch_command(*command);
  add_status_command(*command);
  add_retry_command(*command);
  add_prune_command(*command);
  add_job_command(*command);
}

}  // namespace dgsam
