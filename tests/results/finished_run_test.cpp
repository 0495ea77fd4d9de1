// What a run left behind, read back; where runs are found; the command that they came from.
#include "tools/results/finished_run.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/results/made_run.h"
#include "tools/results/experiments.h"
#include "tools/results/run_folders.h"
#include "tools/results/train_command.h"
#include "tools/train/train_config.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;

TEST_CASE("a run directory is read into the figures of the report") {
  const TemporaryFolder folder;
  const std::vector<FinishedRun> runs = read_runs({make_run(folder.path(), "a", "dgsam", "0")});
  REQUIRE(runs.size() == 1);
  const FinishedRun& run = runs[0];
  CHECK(run.label == "DGSAM");
  CHECK(run.domains == std::vector<std::string>{"art", "photo", "sketch"});
  CHECK(run.unseen == 0);
  CHECK(run.steps == std::vector<int>{0, 1, 2, 3});
  CHECK(run.loss[1] == 1.5);
  CHECK(std::isnan(run.loss[2]));
  REQUIRE(run.evaluations.size() == 2);
  CHECK(run.evaluations[1].step == 4);
  CHECK(unseen_accuracy(run, run.evaluations[1].accuracy) == 0.5);
  CHECK(source_accuracy(run, run.evaluations[1].accuracy) == doctest::Approx(0.8));
  CHECK(std::isnan(run.evaluations[1].accuracy.in[1]));
  CHECK(source_sharpness(run) == 0.5);
  CHECK(std::isnan(run.sharpness[0]));
  CHECK(run.peak_mb == 345.6);
  CHECK(run.versions == std::vector<std::pair<std::string, std::string>>{{"oneDNN", "2.7"}});
  CHECK(run.settings[2] == std::pair<std::string, std::string>{"adam.beta1", "0.9"});
}

TEST_CASE("the unseen domain may be an index, a name or none") {
  const TemporaryFolder folder;
  CHECK(read_runs({make_run(folder.path(), "a", "erm", "\"sketch\"")})[0].unseen == 2);
  CHECK(read_runs({make_run(folder.path(), "b", "erm", "\"none\"")})[0].unseen == -1);
  CHECK(read_runs({make_run(folder.path(), "c", "erm", "null")})[0].unseen == -1);
  CHECK(contains(error_of([&] { read_runs({make_run(folder.path(), "d", "erm", "3")}); }), "there are 3 domains"));
  CHECK(contains(error_of([&] { read_runs({make_run(folder.path(), "e", "erm", "\"cat\"")}); }), "\"cat\" is not one"));
}

TEST_CASE("a missing or malformed file is an error that names the file and the line") {
  const TemporaryFolder folder;
  const fs::path run = make_run(folder.path(), "a", "erm", "0");
  const auto error = [&] { return error_of([&] { read_runs({run}); }); };

  write_bytes(run / "metrics.jsonl", "{\"step\":0,\"loss\":2.0}\n{\"step\":1,\"los\n");
  CHECK(contains(error(), (run / "metrics.jsonl").string() + ":2 is not a JSON object: {\"step\":1,\"los"));
  write_bytes(run / "metrics.jsonl", "{\"step\":0,\"loss\":\"high\"}\n");
  CHECK(contains(error(), "metrics.jsonl:1: \"loss\" is \"high\", not a number"));
  write_bytes(run / "metrics.jsonl", "{\"step\":0,\"loss\":1}\n");
  write_bytes(run / "results.jsonl", "{\"env0_in_acc\":0.5}\n");
  CHECK(contains(error(), "results.jsonl:1 has no whole number \"step\""));
  write_bytes(run / "results.jsonl", "");
  CHECK(error().empty());
  write_bytes(run / "summary.json", "[]");
  CHECK(contains(error(), "summary.json is not a JSON object: []"));
  write_bytes(run / "summary.json", R"({"algorithm": "erm", "domains": []})");
  CHECK(contains(error(), "summary.json has no list of names \"domains\""));
  fs::remove(run / "summary.json");
  CHECK(contains(error(), "summary.json cannot be read"));
}

TEST_CASE("finished runs are found below a folder; others are named") {
  const TemporaryFolder folder;
  const fs::path sweep = folder / "sweep";
  trial_run(sweep / "b", "erm", 0, 0, 0.5, 0.4);
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
  nlohmann::ordered_json json = config.to_json();
  json["cpu_threads"] = 2;
  CHECK(train_command(json, "runs/a", "config.json") ==
        "dgsam-run train --dataset PACS --data-dir 'my data' --test-env 2 --algorithm dgsam --rho 0.1 --freeze-bn off "
        "--threads 2 --out runs/a");
}

}  // namespace
}  // namespace dgsam
