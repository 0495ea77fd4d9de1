// Methods into paired differences; the commands behind a report.
#include "tools/lab/report/report_findings.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/results/made_run.h"
#include "tools/lab/report/report_reproduce.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;

TEST_CASE("differences are paired by trial and unseen domain") {
  const TemporaryFolder folder;
  std::vector<fs::path> runs;
  // Domain and trial move the accuracy far more than the method, which adds 2 points in every pair.
  for (const int unseen : {0, 1}) {
    for (const int seed : {0, 1, 2}) {
      const double base = 0.3 + 0.3 * unseen + 0.1 * seed;
      runs.push_back(trial_run(folder.path(), "sam", unseen, seed, base, 0.30));
      if (seed < 2) runs.push_back(trial_run(folder.path(), "dgsam", unseen, seed, base + 0.02, 0.25));
    }
  }
  runs.push_back(trial_run(folder.path(), "erm", 0, 0, 0.5, 0.6));
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
  std::vector<fs::path> runs{trial_run(folder.path(), "erm", 0, 0, 0.5, 0.4, {{"rho", 0.05}})};
  for (const double rho : {0.05, 0.1}) {
    for (const std::string algorithm : {"sam", "dgsam"}) {
      runs.push_back(trial_run(folder.path(), algorithm, 0, 0, 0.5, 0.4, {{"rho", rho}}));
      edit(runs.back() / "summary.json", {{"sharpness_rho", rho}});
    }
  }
  const std::vector<FinishedRun> finished = read_runs(runs);
  std::vector<std::string> names;
  for (const PairedFinding& finding : paired_findings(finished)) names.push_back(finding.name);
  CHECK(names == std::vector<std::string>{"DGSAM, rho 0.05 − SAM, rho 0.05", "DGSAM, rho 0.1 − SAM, rho 0.1",
                                          "SAM, rho 0.05 − ERM", "SAM, rho 0.1 − ERM", "DGSAM, rho 0.05 − ERM",
                                          "DGSAM, rho 0.1 − ERM"});
  CHECK(contains(findings_caveat(finished), "the runs differ in rho"));
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
