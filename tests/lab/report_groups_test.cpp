// Runs into methods, repetitions into means, methods into paired differences; and where runs are found.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/lab/report_run.h"
#include "tools/lab/report/report_findings.h"
#include "tools/lab/report/report_reproduce.h"
#include "tools/results/experiments.h"
#include "tools/results/tables.h"
#include "tools/train/train_config.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// Merges `change` into a JSON file of a run.
void edit(const fs::path& path, const Json& change) {
  Json json = Json::parse(read_bytes(path));
  json.merge_patch(change);
  write_bytes(path, json.dump());
}

/// A run of a trial with an accuracy on the unseen domain and a sharpness of both sources.
fs::path trial(const fs::path& root, const std::string& algorithm, int unseen, int trial, double accuracy,
               double sharpness, const Json& config = Json::object()) {
  const std::string name = algorithm + std::to_string(unseen) + std::to_string(trial) +
                           std::to_string(std::hash<std::string>()(config.dump()));
  const fs::path run = make_run(root, name, algorithm, std::to_string(unseen));
  edit(run / "config.json", {{"trial_seed", trial}, {"seed", trial}});
  edit(run / "config.json", config);
  edit(run / "summary.json", {{"accuracy", {{"env" + std::to_string(unseen) + "_in", accuracy}}},
                              {"sharpness", {{"art", sharpness}, {"photo", sharpness}, {"sketch", sharpness}}},
                              {"domain_gradients", algorithm == "erm" ? 6 : 12},
                              {"seconds", algorithm == "erm" ? 10 : 15}});
  write_bytes(run / "done", "done");
  return run;
}

std::vector<std::string> row(const Table& table, const std::string& group, const std::string& name) {
  for (const TableGroup& one : table.groups) {
    if (one.name != group) continue;
    for (const TableRow& row : one.rows) {
      if (row.name == name) return row.cells;
    }
  }
  return {};
}

TEST_CASE("the standard error is the population's, over the square root of the number") {
  const Statistic statistic = statistic_of({1, 2, 3, 6, kMissing});
  CHECK(statistic.mean == 3);
  CHECK(statistic.count == 4);
  CHECK(statistic.error == doctest::Approx(std::sqrt((4 + 1 + 0 + 9) / 4.0) / 2));
  CHECK(std::isnan(statistic_of({5}).error));
  CHECK(statistic_of({kMissing}).count == 0);
}

TEST_CASE("runs that differ in their seeds alone are one method with mean and standard error") {
  const TemporaryFolder folder;
  std::vector<fs::path> runs;
  for (const int seed : {0, 1, 2}) runs.push_back(trial(folder.path(), "dgsam", 0, seed, 0.5 + 0.1 * seed, 0.2));
  runs.push_back(trial(folder.path(), "erm", 0, 0, 0.5, 0.4));
  const ReportInput input{.runs = read_runs(runs)};
  CHECK(labels_of(input.runs) == std::vector<std::string>{"ERM", "DGSAM"});  // whatever the order of the folders
  const std::vector<Experiment> experiments = experiments_of(input.runs);
  REQUIRE(experiments.size() == 1);
  REQUIRE(experiments[0].methods.size() == 2);
  CHECK(experiments[0].methods[1].runs.size() == 3);
  const Table table = experiment_table(experiments[0]);
  CHECK(row(table, "Mean ± standard error", "runs") == std::vector<std::string>{"1", "3"});
  CHECK(row(table, "Accuracy, %", "art, unseen") == std::vector<std::string>{"50.0", "60.0 ± 4.7"});
  CHECK(row(table, "One-step sharpness", "photo") == std::vector<std::string>{"0.400", "0.200"});
}

TEST_CASE("a value that some repetitions lack says how many have it") {
  const TemporaryFolder folder;
  std::vector<fs::path> runs;
  for (const int seed : {0, 1, 2}) runs.push_back(trial(folder.path(), "sam", 0, seed, 0.5, 0.2 + 0.1 * seed));
  edit(runs[2] / "summary.json", {{"sharpness", {{"photo", nullptr}}}});
  const Table table = experiment_table(experiments_of(read_runs(runs))[0]);
  CHECK(row(table, "One-step sharpness", "photo")[0] == "0.250 ± 0.035 (2)");
  CHECK(row(table, "One-step sharpness", "sketch")[0] == "0.300 ± 0.047");
}

TEST_CASE("methods are told apart by the settings that differ, and SWAD") {
  const TemporaryFolder folder;
  fs::path averaged = trial(folder.path(), "sam", 0, 0, 0.5, 0.2, {{"rho", 0.1}, {"swad", true}});
  edit(averaged / "summary.json",
       {{"selection", {{"swad", {{"accuracies", {{"env0_in", 0.75}, {"env1_out", 0.5}, {"env2_out", 0.25}}}}}}}});
  const ReportInput input{
      .runs = read_runs({averaged, trial(folder.path(), "sam", 0, 0, 0.5, 0.2, {{"rho", 0.05}, {"threads", 1}}),
                         trial(folder.path(), "sam", 0, 0, 0.6, 0.2, {{"rho", 0.1}, {"threads", 2}}),
                         trial(folder.path(), "dgsam", 0, 0, 0.6, 0.2, {{"rho", 0.1}, {"dgsam_gradients", "fresh"}}),
                         trial(folder.path(), "dgsam", 0, 0, 0.6, 0.2, {{"rho", 0.1}, {"dgsam_gradients", "all"}})})};
  CHECK(labels_of(input.runs) == std::vector<std::string>{"SAM, rho 0.05", "SAM, rho 0.1", "SAM, rho 0.1 + SWAD",
                                                          "DGSAM, gradients fresh", "DGSAM, gradients all"});
  const FinishedRun& swad = input.runs[2];
  CHECK(final_unseen(swad) == 0.75);
  CHECK(final_source(swad) == 0.375);
  edit(averaged / "summary.json", {{"selection", nullptr}});
  CHECK(contains(error_of([&] { read_runs({averaged}); }), "summary.json has no \"swad\""));
}

TEST_CASE("averages are taken over the domains of a trial first, and of complete trials alone") {
  const TemporaryFolder folder;
  std::vector<fs::path> runs;
  for (const int unseen : {0, 1}) {
    for (const int seed : {0, 1, 2}) {
      if (unseen == 1 && seed == 2) continue;
      runs.push_back(trial(folder.path(), "erm", unseen, seed, 0.4 + 0.2 * unseen + 0.1 * seed, 0.3));
    }
  }
  const ReportInput input{.runs = read_runs(runs)};
  const std::vector<double> averages = trial_averages(averaged_experiments(input.runs), "ERM", final_unseen);
  REQUIRE(averages.size() == 2);
  CHECK(averages[0] == doctest::Approx(0.5));
  CHECK(averages[1] == doctest::Approx(0.6));
  const Table table = average_table(input.runs);
  CHECK(row(table, "Mean ± standard error", "trials")[0] == "2");
  CHECK(row(table, "Accuracy on the unseen domain, %", "art")[0] == "50.0 ± 4.7 (3)");
  CHECK(row(table, "Accuracy on the unseen domain, %", "mean")[0] == "55.0 ± 3.5");
}

TEST_CASE("differences are paired by trial and unseen domain") {
  const TemporaryFolder folder;
  std::vector<fs::path> runs;
  // Domain and trial move the accuracy far more than the method, which adds 2 points in every pair.
  for (const int unseen : {0, 1}) {
    for (const int seed : {0, 1, 2}) {
      const double base = 0.3 + 0.3 * unseen + 0.1 * seed;
      runs.push_back(trial(folder.path(), "sam", unseen, seed, base, 0.30));
      if (seed < 2) runs.push_back(trial(folder.path(), "dgsam", unseen, seed, base + 0.02, 0.25));
    }
  }
  runs.push_back(trial(folder.path(), "erm", 0, 0, 0.5, 0.6));
  const std::vector<PairedFinding> findings = paired_findings(read_runs(runs));
  REQUIRE(findings.size() == 3);
  CHECK(findings[0].name == "DGSAM − SAM");
  CHECK(findings[0].accuracy.pairs == 4);
  CHECK(findings[0].accuracy.mean == doctest::Approx(2));
  CHECK(findings[0].accuracy.low == doctest::Approx(2));
  CHECK(findings[0].accuracy.high == doctest::Approx(2));
  CHECK(findings[0].sharpness.mean == doctest::Approx(-0.05));
  CHECK(findings[1].name == "SAM − ERM");
  CHECK(findings[1].accuracy.pairs == 1);
  CHECK(std::isnan(findings[1].accuracy.low));
  CHECK(findings[1].gradients == 2);
  CHECK(findings[1].seconds == 1.5);
  CHECK(sentence_of(findings[0]) ==
        "DGSAM − SAM: accuracy on the unseen domain +2.00\u00a0points [2.00, 2.00]; sharpness of a single source "
        "domain −0.0500 [−0.0500, −0.0500]; gradients × 1.00; seconds × 1.00 (4 pairs).");
  CHECK(contains(sentence_of(findings[1]), "(one pair)."));
}

TEST_CASE("variants of a method are compared with their own kind; unequal rho is said") {
  const TemporaryFolder folder;
  std::vector<fs::path> runs{trial(folder.path(), "erm", 0, 0, 0.5, 0.4, {{"rho", 0.05}})};
  for (const double rho : {0.05, 0.1}) {
    for (const std::string algorithm : {"sam", "dgsam"}) {
      runs.push_back(trial(folder.path(), algorithm, 0, 0, 0.5, 0.4, {{"rho", rho}}));
      edit(runs.back() / "summary.json", {{"sharpness_rho", rho}});
    }
  }
  const ReportInput input{.runs = read_runs(runs)};
  std::vector<std::string> names;
  for (const PairedFinding& finding : paired_findings(input.runs)) names.push_back(finding.name);
  CHECK(names == std::vector<std::string>{"DGSAM, rho 0.05 − SAM, rho 0.05", "DGSAM, rho 0.1 − SAM, rho 0.1",
                                          "SAM, rho 0.05 − ERM", "SAM, rho 0.1 − ERM", "DGSAM, rho 0.05 − ERM",
                                          "DGSAM, rho 0.1 − ERM"});
  CHECK(contains(findings_caveat(input.runs), "the runs differ in rho"));
}

TEST_CASE("costs are given as multiples of ERM's") {
  const TemporaryFolder folder;
  const ReportInput input{
      .runs = read_runs({trial(folder.path(), "erm", 0, 0, 0.5, 0.4), trial(folder.path(), "erm", 1, 0, 0.5, 0.4),
                         trial(folder.path(), "sam", 0, 0, 0.5, 0.4)})};
  const Table table = cost_table(input.runs);
  CHECK(row(table, "Gradients of one domain's batch", "number") == std::vector<std::string>{"6", "12"});
  CHECK(row(table, "Gradients of one domain's batch", "times ERM") ==
        std::vector<std::string>{"1.00\u00a0×", "2.00\u00a0×"});
  CHECK(row(table, "Wall clock of the steps", "times ERM")[1] == "1.50\u00a0×");
  CHECK(row(table, "Floating-point operations of the passes", "times ERM")[1] == "–");  // not recorded
}

TEST_CASE("finished runs are found below a folder; others are named") {
  const TemporaryFolder folder;
  const fs::path sweep = folder / "sweep";
  trial(sweep / "b", "erm", 0, 0, 0.5, 0.4);
  fs::rename(sweep / "b" / fs::directory_iterator(sweep / "b")->path().filename(), sweep / "b" / "run");
  const fs::path open = make_run(sweep / "a", "run", "sam", "0");
  write_bytes(sweep / "c" / "job.json", "{}");
  write_bytes(sweep / "d" / "job.json", "{}");
  write_bytes(sweep / "d" / "failed", "{}");
  const RunFolders found = find_run_folders({sweep});
  CHECK(found.runs == std::vector<fs::path>{sweep / "b" / "run"});
  CHECK(found.skipped == std::vector<std::string>{open.string() + " is not done",
                                                  (sweep / "c").string() + " has not begun",
                                                  (sweep / "d").string() + " has failed"});
  CHECK(find_run_folders({open}).runs == std::vector<fs::path>{open});  // asked for by name
  CHECK(contains(error_of([&] { find_run_folders({sweep / "a"}); }), "not done: 1, the first: " + open.string()));
  CHECK(contains(error_of([&] { find_run_folders({folder / "none"}); }), "none cannot be read: it is no folder"));
  ReportInput input{.runs = read_runs(found.runs)};
  input.skipped = found.skipped;
  const std::string page = html_report(input);
  CHECK(contains(page, "3 runs are not done and left out"));
  CHECK(contains(page, (sweep / "d").string() + " has failed"));
}

TEST_CASE("a run's command has the flags that are not train's defaults") {
  TrainConfig config;
  config.dataset = "PACS";
  apply_defaults(config, {"dataset"});
  config.data_dir = "my data";
  config.algorithm = "dgsam";
  config.test_env = "2";
  config.rho = 0.1;
  config.freeze_bn = false;
  Json json = config.to_json();
  json["cpu_threads"] = 2;
  CHECK(train_command(json, "runs/a", "config.json") ==
        "dgsam-run train --dataset PACS --data-dir 'my data' --test-env 2 --algorithm dgsam --rho 0.1 --freeze-bn off "
        "--threads 2 --out runs/a");
}

TEST_CASE("of a sweep the command is its launch, once") {
  const TemporaryFolder folder;
  const fs::path sweep = folder / "sweep";
  std::vector<fs::path> runs;
  for (const char* job : {"a", "b"}) {
    runs.push_back(make_run(sweep / job, "run", job == std::string("a") ? "erm" : "sam", "0"));
    write_bytes(sweep / job / "job.json", "{}");
  }
  write_bytes(sweep / "sweep.json",
              R"({"datasets": ["PACS"], "algorithms": ["erm", "sam"], "test_envs": "0", "trials": 3,
    "grid": "defaults", "search": "first-trial", "n_hparams": 1, "train": ["--data-dir", "data"],
    "domains": {"PACS": ["art", "photo", "sketch"]}, "choices": [{}]})");
  CHECK(commands_of(read_runs(runs)) ==
        std::vector<std::string>{"dgsam-run sweep launch --datasets PACS --algorithms erm,sam --test-envs 0 --trials 3 "
                                 "--grid defaults --out " +
                                 sweep.string() + " -- --data-dir data"});
}

}  // namespace
}  // namespace dgsam
