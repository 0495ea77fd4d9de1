// Records and logs of SWAD's train_all.py in collect's tables.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "engine/core/check.h"
#include "tests/temporary_folder.h"
#include "tools/lab/collect/collect_tables.h"
#include "tools/lab/collect/swad_log.h"

namespace dgsam {
namespace {

/// Two unseen domains of one program run, with the colours of a terminal, its columns cut at ten letters.
std::string log_text(int seed, const std::string& swad, const std::string& average, bool whole = true) {
  const std::string stamp = "\x1b[37m\x1b[36mINFO\x1b[0m\x1b[0m 08/06 16:55:46 | ";
  std::string text = stamp + "Command :: train_all.py\nEnvironment:\n\tPython: 3.8\nArgs:\n\talgorithm: ERM\n";
  text += "\tdataset: PACS\n\tseed: " + std::to_string(seed) + "\n\ttrial_seed: " + std::to_string(seed) + "\n";
  text += "HParams:\n\t\x1b[36mlr: 5e-05\n\t\x1b[0mswad: " + swad + "\n\tswad_kwargs: \n\t  n_converge: 3\n";
  text += "Dataset:\n\t[PACS] #envs=3, #classes=7\n\tenv0: art_painting (#2048)\n\tenv1: photo (#16)\n\tenv2: s (#9)\n";
  for (const int env : {0, 1}) {
    const std::string own = std::to_string(env), other = std::to_string(1 - env);
    text += stamp + "Test envs = [" + own + "], name = te_x\n";
    text += stamp + "test_in     test_out    train_out   test_in_au  env" + own + "_in     env" + own + "_out    env" +
            other + "_out    env2_out    step        loss\n";
    text += stamp + "0.5         0.6         0.7         nan         0.5" + own +
            "0000    0.6         0.7         0.7    "
            "     0           1.2\n";
    text += "Model converged at step 600\n";
    text += stamp + "0.8         0.5         0.9         nan         0.8" + own +
            "0000    0.5         0.9         0.9    "
            "     200         0.3\n";
    if (!average.empty()) {
      text += "WARNING 08/06 17:00:00 | Evaluate SWAD ...\n" + stamp + "0.9 0.8 0.9 nan " + average +
              " 0.8 0.9 0.9 [1-150]  (N=4)\n";
    }
    if (whole || env == 0) text += stamp + "oracle = 50.0%\n" + stamp + "iid = 80.0%\n";
  }
  return text;
}

nlohmann::json record(int env, int step, double in, double validation, const nlohmann::json& swad) {
  nlohmann::json line{{"step", step},
                      {"args", {{"dataset", "PACS"}, {"algorithm", "ERM"}, {"seed", 0}, {"trial_seed", 0}}},
                      {"hparams", {{"lr", 5e-5}, {"swad", swad}, {"test_env", "te_" + std::to_string(env)}}},
                      {"test_in", in},
                      {"tr_outloss", 0.3}};
  line["args"]["test_envs"] = {{0}, {1}};
  line["args"]["real_test_envs"] = {env};
  for (const int domain : {0, 1, 2}) line["env" + std::to_string(domain) + "_out"] = validation;
  line["env" + std::to_string(env) + "_in"] = in;
  return line;
}

double value_at(const ResultTable& table, const std::string& row, std::size_t column) {
  for (const FigureRow& one : table.rows) {
    if (one.label == row) return one.figures[column].value;
  }
  return kMissing;
}

TEST_CASE("a log of SWAD's has a run for every unseen domain, its rows, its average and the domains' names") {
  const TemporaryFolder folder;
  write_bytes(folder / "a.log", log_text(0, "LossValley", "0.91") + log_text(1, "LossValley", "0.93"));
  REQUIRE(is_swad_log(folder / "a.log"));
  const Collection collection = read_swad_log(folder / "a.log");
  CHECK(collection.problems.empty());
  REQUIRE(collection.runs.size() == 4);
  CHECK(collection.runs[1].algorithm == "ERM + SWAD");
  CHECK(collection.runs[1].test_envs == std::vector{1});
  CHECK(collection.runs[3].trial.trial_seed == 1);
  CHECK(collection.runs[0].domains == std::vector<std::string>{"art_painting", "photo", "s"});
  CHECK(collection.runs[0].done);
  REQUIRE(collection.records.size() == 12);
  CHECK(collection.records[4].step == 200);
  CHECK(collection.records[4].in[1] == 0.81);
  CHECK(collection.records[4].out == std::vector{0.9, 0.5, 0.9});
  CHECK(collection.records[5].averaged);
  CHECK(collection.records[5].step == 150);
  CHECK(collection.records[5].in[1] == 0.91);
}

TEST_CASE("logs of SWAD's below a folder make the rows iid and swad, seeds being trials") {
  const TemporaryFolder folder;
  write_bytes(folder / "logs/erm.log", log_text(0, "False", "") + log_text(1, "False", ""));
  write_bytes(folder / "logs/swad.log", log_text(0, "LossValley", "0.91") + log_text(1, "LossValley", "0.93"));
  write_bytes(folder / "logs/other.log", "nothing of the kind\n");
  const Collection collection = collect({folder.path()});
  CHECK(collection.problems.empty());
  const ResultTable swad = swad_tables(collection)[0];
  CHECK(value_at(swad, "ERM iid", 0) == doctest::Approx(80));
  CHECK(value_at(swad, "ERM iid", 1) == doctest::Approx(81));
  CHECK(value_at(swad, "ERM oracle", 0) == doctest::Approx(50));
  CHECK(value_at(swad, "ERM + SWAD swad", 0) == doctest::Approx(92));
  const ResultTable selection = selection_tables(collection, SelectionMethod::training_domain)[0];
  CHECK(value_at(selection, "ERM + SWAD", 1) == doctest::Approx(92));
}

TEST_CASE("records of SWAD's repository are read with the averages of the log beside them") {
  const TemporaryFolder folder;
  std::string lines;
  for (const int env : {0, 1}) {
    lines += record(env, 0, .4, .6, "LossValley").dump() + "\n" +
             record(env, 200, .7 + .01 * env, .8, "LossValley").dump() + "\n";
  }
  write_bytes(folder / "run/results.jsonl", lines);
  write_bytes(folder / "run/log.txt", log_text(0, "LossValley", "0.91"));
  const Collection collection = collect({folder.path()});
  CHECK(collection.problems.empty());
  CHECK(collection.runs.size() == 2);
  const ResultTable swad = swad_tables(collection)[0];
  CHECK(value_at(swad, "ERM + SWAD iid", 0) == doctest::Approx(70));  // of the records, not of the log
  CHECK(value_at(swad, "ERM + SWAD iid", 1) == doctest::Approx(71));
  CHECK(value_at(swad, "ERM + SWAD swad", 0) == doctest::Approx(91));
}

TEST_CASE("a log that ends early is used so far and named; a file that is no log is refused") {
  const TemporaryFolder folder;
  write_bytes(folder / "a.log", log_text(0, "False", "", /*whole=*/false));
  write_bytes(folder / "b.txt", "hello\n");
  const Collection collection = collect({folder / "a.log"});
  CHECK(collection.records.size() == 4);
  REQUIRE(collection.problems.size() == 1);
  CHECK(collection.problems[0].kind == CollectProblem::Kind::incomplete);
  CHECK_THROWS_AS(collect({folder / "b.txt"}), Error);
}

}  // namespace
}  // namespace dgsam
