// Runs into methods, repetitions into means, means into tables.
#include "tools/results/experiments.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/results/made_run.h"
#include "tools/results/tables.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;

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
  for (const int seed : {0, 1, 2}) runs.push_back(trial_run(folder.path(), "dgsam", 0, seed, 0.5 + 0.1 * seed, 0.2));
  runs.push_back(trial_run(folder.path(), "erm", 0, 0, 0.5, 0.4));
  const std::vector<FinishedRun> finished = read_runs(runs);
  CHECK(labels_of(finished) == std::vector<std::string>{"ERM", "DGSAM"});  // whatever the order of the folders
  const std::vector<Experiment> experiments = experiments_of(finished);
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
  for (const int seed : {0, 1, 2}) runs.push_back(trial_run(folder.path(), "sam", 0, seed, 0.5, 0.2 + 0.1 * seed));
  edit(runs[2] / "summary.json", {{"sharpness", {{"photo", nullptr}}}});
  const Table table = experiment_table(experiments_of(read_runs(runs))[0]);
  CHECK(row(table, "One-step sharpness", "photo")[0] == "0.250 ± 0.035 (2)");
  CHECK(row(table, "One-step sharpness", "sketch")[0] == "0.300 ± 0.047");
}

TEST_CASE("methods are told apart by the settings that differ, and SWAD") {
  const TemporaryFolder folder;
  fs::path averaged = trial_run(folder.path(), "sam", 0, 0, 0.5, 0.2, {{"rho", 0.1}, {"swad", true}});
  edit(averaged / "summary.json",
       {{"selection", {{"swad", {{"accuracies", {{"env0_in", 0.75}, {"env1_out", 0.5}, {"env2_out", 0.25}}}}}}}});
  const std::vector<FinishedRun> runs =
      read_runs({averaged, trial_run(folder.path(), "sam", 0, 0, 0.5, 0.2, {{"rho", 0.05}, {"threads", 1}}),
                 trial_run(folder.path(), "sam", 0, 0, 0.6, 0.2, {{"rho", 0.1}, {"threads", 2}}),
                 trial_run(folder.path(), "dgsam", 0, 0, 0.6, 0.2, {{"rho", 0.1}, {"dgsam_gradients", "fresh"}}),
                 trial_run(folder.path(), "dgsam", 0, 0, 0.6, 0.2, {{"rho", 0.1}, {"dgsam_gradients", "all"}})});
  CHECK(labels_of(runs) == std::vector<std::string>{"SAM, rho 0.05", "SAM, rho 0.1", "SAM, rho 0.1 + SWAD",
                                                    "DGSAM, gradients fresh", "DGSAM, gradients all"});
  const FinishedRun& swad = runs[2];
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
      runs.push_back(trial_run(folder.path(), "erm", unseen, seed, 0.4 + 0.2 * unseen + 0.1 * seed, 0.3));
    }
  }
  const std::vector<FinishedRun> finished = read_runs(runs);
  const std::vector<double> averages = trial_averages(averaged_experiments(finished), "ERM", final_unseen);
  REQUIRE(averages.size() == 2);
  CHECK(averages[0] == doctest::Approx(0.5));
  CHECK(averages[1] == doctest::Approx(0.6));
  const Table table = average_table(finished);
  CHECK(row(table, "Mean ± standard error", "trials")[0] == "2");
  CHECK(row(table, "Accuracy on the unseen domain, %", "art")[0] == "50.0 ± 4.7 (3)");
  CHECK(row(table, "Accuracy on the unseen domain, %", "mean")[0] == "55.0 ± 3.5");
}

TEST_CASE("costs are given as multiples of ERM's") {
  const TemporaryFolder folder;
  const std::vector<FinishedRun> runs =
      read_runs({trial_run(folder.path(), "erm", 0, 0, 0.5, 0.4), trial_run(folder.path(), "erm", 1, 0, 0.5, 0.4),
                 trial_run(folder.path(), "sam", 0, 0, 0.5, 0.4)});
  const Table table = cost_table(runs);
  CHECK(row(table, "Gradients of one domain's batch", "number") == std::vector<std::string>{"6", "12"});
  CHECK(row(table, "Gradients of one domain's batch", "times ERM") ==
        std::vector<std::string>{"1.00\u00a0×", "2.00\u00a0×"});
  CHECK(row(table, "Wall clock of the steps", "times ERM")[1] == "1.50\u00a0×");
  CHECK(row(table, "Floating-point operations of the passes", "times ERM")[1] == "–");  // not recorded
}

TEST_CASE("runs that share method and unseen domain are told apart by their directories") {
  const TemporaryFolder folder;
  const std::vector<FinishedRun> finished =
      read_runs({make_run(folder.path(), "seed0", "sam", "0"), make_run(folder.path(), "seed1", "sam", "0") / "",
                 make_run(folder.path(), "x", "sam", "1")});
  CHECK(finished[0].label == "SAM (seed0)");
  CHECK(finished[1].label == "SAM (seed1)");
  CHECK(finished[2].label == "SAM");
}

TEST_CASE("the terminal table shows each figure once, in aligned columns") {
  const TemporaryFolder folder;
  const std::string text =
      text_tables(read_runs({make_run(folder.path(), "a", "erm", "0"), make_run(folder.path(), "b", "dgsam", "0")}));
  CHECK(text ==
        "Unseen domain: art     ERM   DGSAM\n"
        "Accuracy, %\n"
        "  art, unseen         50.0    50.0\n"
        "  photo               70.0    70.0\n"
        "  sketch              90.0    90.0\n"
        "  mean of sources     80.0    80.0\n"
        "One-step sharpness\n"
        "  photo              0.250   0.250\n"
        "  sketch             0.750   0.750\n"
        "  mean of sources    0.500   0.500\n"
        "  total of sources   0.300   0.300\n"
        "Cost of one run\n"
        "  seconds             12.3    12.3\n"
        "  domain gradients      12      12\n"
        "  peak memory, MB      346     346\n");
}

TEST_CASE("with several unseen domains the averages need a run for each") {
  const TemporaryFolder folder;
  const std::vector<FinishedRun> runs =
      read_runs({make_run(folder.path(), "a", "erm", "0"), make_run(folder.path(), "b", "erm", "1"),
                 make_run(folder.path(), "c", "sam", "0"), make_run(folder.path(), "d", "sam", "null")});
  CHECK(experiments_of(runs).size() == 3);
  const std::vector<Experiment> experiments = averaged_experiments(runs);
  REQUIRE(experiments.size() == 2);
  CHECK(experiments[0].unseen == "art");
  CHECK(experiments[0].methods.size() == 2);
  CHECK(experiments[1].unseen == "photo");

  const Table table = average_table(runs);
  CHECK(table.columns == std::vector<std::string>{"ERM", "SAM"});
  const std::vector<TableRow>& unseen = table.groups[0].rows;
  CHECK(unseen[0].cells == std::vector<std::string>{"50.0", "50.0"});
  CHECK(unseen[1].cells == std::vector<std::string>{"95.0", "–"});
  CHECK(unseen[2].cells == std::vector<std::string>{"72.5", "–"});
  CHECK(table.groups[1].rows[0].cells[0] == "72.5");  // ((0.7 + 0.9) / 2 + (0.4 + 0.9) / 2) / 2
  CHECK(table.groups[3].rows[1].cells[0] == "12");
  CHECK(contains(text_tables(runs), "\nAverage over 2 unseen domains"));
}

}  // namespace
}  // namespace dgsam
