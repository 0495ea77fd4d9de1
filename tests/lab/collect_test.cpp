// dgsam-run collect: DomainBed's tables to the letter, the choices behind them, and nothing dropped in silence.
#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/temporary_folder.h"
#include "tools/lab/collect/collect_format.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

const fs::path kGolden = fs::path(DGSAM_SOURCE_DIR) / "tests/golden/domainbed";

/// A run of ours on three domains, the first one left out; `accuracies` has a line (in 0, out 0, out 1, out 2) per
/// evaluation, at steps 0, 10, ...
void write_run(const fs::path& folder, const std::string& algorithm, int trial, int seed,
               const std::vector<std::vector<double>>& accuracies, const std::string& test_env = "0", double lr = 0.1) {
  Json domains;
  for (const char* name : {"a", "b", "c"}) domains.push_back({{"name", name}});
  write_bytes(folder / "config.json", Json{{"domains", domains}}.dump());
  std::string lines, timing;
  for (std::size_t i = 0; i < accuracies.size(); ++i) {
    const Json args{{"dataset", "folder"}, {"algorithm", algorithm}, {"test_env", test_env}, {"lr", lr},
                    {"trial_seed", trial}, {"seed", seed},           {"threads", trial}};
    lines += Json{{"args", args},
                  {"step", 10 * i},
                  {"eval_time", 0.5},
                  {"env0_in_acc", accuracies[i][0]},
                  {"env0_out_acc", accuracies[i][1]},
                  {"env1_out_acc", accuracies[i][2]},
                  {"env2_out_acc", accuracies[i][3]}}
                 .dump() +
             "\n";
    timing += "{\"step\":" + std::to_string(i) + ",\"seconds\":2.0}\n";
  }
  write_bytes(folder / "results.jsonl", lines);
  write_bytes(folder / "timing.jsonl", timing);
  write_bytes(folder / "summary.json", Json{{"domain_gradients", 40}, {"flops", 3e12}, {"peak_rss_mb", 100}}.dump());
  write_bytes(folder / "done", "done");
}

double value_at(const ResultTable& table, const std::string& row, const std::string& column) {
  for (const FigureRow& one : table.rows) {
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      if (one.label == row && table.columns[i] == column) return one.figures[i].value;
    }
  }
  FAIL("no ", row, " ", column);
  return 0;
}

TEST_CASE("of DomainBed's runs collect prints what DomainBed's collect_results prints, to the letter") {
  const TemporaryFolder folder;
  std::ifstream records(kGolden / "records.jsonl");
  for (std::string line; std::getline(records, line);) {
    const std::string name = line.substr(8, line.find('"', 8) - 8);  // {"dir":"run001",...
    fs::create_directories(folder / name);
    std::ofstream(folder / name / "results.jsonl", std::ios::app) << line << '\n';
  }
  const Collection collection = collect({folder.path()});
  CHECK(collection.records.size() == 334);
  std::vector<ResultTable> tables;
  for (const SelectionMethod selection :
       {SelectionMethod::training_domain, SelectionMethod::leave_one_out, SelectionMethod::oracle}) {
    for (ResultTable& table : selection_tables(collection, selection)) tables.push_back(std::move(table));
  }
  CHECK(format_tables(collection, tables, TableFormat::text) == read_bytes(kGolden / "results.txt"));
  CHECK(format_tables(collection, tables, TableFormat::latex) == read_bytes(kGolden / "results.tex"));
}

TEST_CASE("the first of equal checkpoints counts, and of equal hyperparameters those that sort last") {
  const TemporaryFolder folder;
  write_run(folder / "small", "erm", 0, 0, {{.1, .5, .6, .8}, {.2, .9, .8, .6}, {.3, .4, .7, .6}}, "0", 0.1);
  write_run(folder / "large", "erm", 0, 0, {{.4, .5, .7, .7}, {.5, .4, .7, .6}}, "0", 0.2);
  const Collection collection = collect({folder.path()});
  const std::vector<ResultGroup> groups = groups_of(collection);
  REQUIRE(groups.size() == 1);
  const auto iid = select(collection, groups[0], SelectionMethod::training_domain);
  REQUIRE(iid);
  CHECK(iid->validation == doctest::Approx(0.7));
  CHECK(iid->test == 0.4);  // lr 0.2's first checkpoint; lr 0.1 has the same validation
  CHECK(iid->record->step == 0);
  CHECK(select(collection, groups[0], SelectionMethod::oracle)->test == 0.5);  // the last checkpoint
  const auto swad = select_swad(collection, groups[0]);
  REQUIRE(swad);
  CHECK(swad->iid == 0.4);
  CHECK(swad->oracle == 0.4);  // .5 of the first checkpoint's held-out images is more than .4
  CHECK(swad->last == 0.5);
  CHECK(!select(collection, groups[0], SelectionMethod::leave_one_out));  // needs runs without two domains
}

TEST_CASE("seeds are trials where runs differ in nothing else, and trial seeds are elsewhere") {
  const TemporaryFolder folder;
  write_run(folder / "0", "erm", 0, 11, {{.5, .5, .5, .5}});
  write_run(folder / "1", "erm", 1, 12, {{.5, .5, .5, .5}});
  CHECK(groups_of(collect({folder.path()})).size() == 2);
  CHECK(collect({folder.path()}).runs[0].trial == Trial{0, 0});
  write_run(folder / "2", "erm", 1, 13, {{.5, .5, .5, .5}});
  CHECK(groups_of(collect({folder.path()})).size() == 3);
  CHECK(collect({folder.path()}).runs[0].trial == Trial{0, 11});
}

TEST_CASE("spread, cost and paired differences are those computed by hand") {
  const TemporaryFolder folder;
  for (const int trial : {0, 1}) {
    for (const int env : {0, 1, 2}) {
      // On domain d, trial t: 50 + 10 d + t points for erm, and 3 + t more for sam. Domain 0's accuracy is env0_in.
      for (const char* algorithm : {"erm", "sam"}) {
        const double accuracy = 0.5 + 0.1 * env + 0.01 * trial + (*algorithm == 's' ? 0.03 + 0.01 * trial : 0);
        const fs::path run = folder / (std::string(algorithm) + std::to_string(trial) + std::to_string(env));
        write_run(run, algorithm, trial, 0, {{accuracy, .5, .5, .5}, {0, .4, .4, .4}}, std::string(1, "abc"[env]));
        std::string lines = read_bytes(run / "results.jsonl");
        const std::string key = "env" + std::to_string(env) + "_in_acc";
        for (std::size_t at = 0; (at = lines.find("env0_in_acc", at)) != std::string::npos; ++at)
          lines.replace(at, key.size(), key);
        write_bytes(run / "results.jsonl", lines);
      }
    }
  }
  const Collection collection = collect({folder.path()});
  CHECK(collection.problems.empty());
  const ResultTable iid = selection_tables(collection, SelectionMethod::training_domain)[0];
  CHECK(iid.columns == std::vector<std::string>{"a", "b", "c", "Avg"});
  CHECK(value_at(iid, "erm", "c") == doctest::Approx(70.5));
  CHECK(value_at(iid, "sam", "Avg") == doctest::Approx(64));
  CHECK(iid.rows[0].figures[0].error == doctest::Approx(0.5 / std::sqrt(2)));  // 50 and 51: 0.5 over sqrt(2)

  const ResultTable spread = spread_table(collection);
  CHECK(value_at(spread, "erm", "folder var") == doctest::Approx(200.0 / 3));  // 50, 60, 70
  CHECK(value_at(spread, "erm", "folder sd") == doctest::Approx(std::sqrt(200.0 / 3)));

  const ResultTable cost = cost_tables(collection)[0];
  CHECK(value_at(cost, "sam", "runs") == 6);
  CHECK(value_at(cost, "sam", "training s") == doctest::Approx(4));
  CHECK(value_at(cost, "sam", "evaluation s") == doctest::Approx(1));
  CHECK(value_at(cost, "sam", "gradients") == 40);
  CHECK(value_at(cost, "sam", "TFLOP") == doctest::Approx(3));
  CHECK(value_at(cost, "sam", "all runs h") == doctest::Approx(6 * 5 / 3600.0));

  const ResultTable pairs = comparison_tables(collection, {{"erm", "sam"}})[0];
  CHECK(pairs.rows[0].label == "sam - erm");
  CHECK(value_at(pairs, "sam - erm", "a") == doctest::Approx(3.5));
  const Figure all = pairs.rows[0].figures.back();
  CHECK(all.value == doctest::Approx(3.5));
  CHECK(all.count == 2);
  CHECK(all.low == doctest::Approx(3));  // two pairs, of which every fourth draw is twice the same one
  CHECK(all.high == doctest::Approx(4));
  CHECK(error_of([&] {
          comparison_tables(collection, {{"erm", "irm"}});
        }) == "--compare erm irm: no run of irm can be used");
}

TEST_CASE("a bootstrap interval is the same every time and that of the normal distribution for many differences") {
  std::vector<double> differences;
  for (int i = 0; i < 400; ++i) differences.push_back((i % 2 ? 1.0 : -1.0) + 0.1);  // deviation 1
  const Figure figure = bootstrap_mean(differences);
  CHECK(figure.low == bootstrap_mean(differences).low);
  CHECK(figure.low == doctest::Approx(0.1 - 1.96 / 20).epsilon(0.1));
  CHECK(figure.high == doctest::Approx(0.1 + 1.96 / 20).epsilon(0.1));
  CHECK(std::isnan(bootstrap_mean({2.0}).low));
  CHECK(bootstrap_mean({2.0}).value == 2);
}

TEST_CASE("incomplete and malformed records are counted and named") {
  const TemporaryFolder folder;
  write_run(folder / "good", "erm", 0, 0, {{.5, .5, .5, .5}});
  write_run(folder / "undone", "erm", 1, 0, {{.5, .5, .5, .5}});
  fs::remove(folder / "undone/done");
  write_run(folder / "twin", "erm", 0, 0, {{.5, .5, .5, .5}});
  fs::create_directories(folder / "begun");
  write_bytes(folder / "begun/config.json", "{}");
  const std::string line = read_bytes(folder / "good/results.jsonl");
  write_run(folder / "torn", "erm", 2, 0, {{.5, .5, .5, .5}});
  std::string torn = read_bytes(folder / "torn/results.jsonl");
  torn += "nonsense\n{\"step\": 3}\n" + line.substr(0, 40);
  write_bytes(folder / "torn/results.jsonl", torn);
  write_run(folder / "none", "erm", 0, 0, {{.5, .5, .5, .5}}, "none");

  const Collection collection = collect({folder.path()});
  const std::string said = describe_problems(collection);
  const auto at = [&](const char* name) { return (folder / name).string(); };
  CHECK(said == "note: 2 run(s) without any result:\n  " + at("begun") + " has no result yet\n  " + at("none") +
                    " has no result yet\nnote: 1 run(s) not done:\n  " + at("undone") +
                    " is not done: left out\nnote: 4 record(s) malformed, left out:\n  " + at("none") +
                    "/results.jsonl:1 leaves out \"none\", which is none of the domains in config.json\n  " +
                    at("torn") + "/results.jsonl:2 is not a JSON object\n  " + at("torn") +
                    "/results.jsonl:3 has no \"args\"\n  " + at("torn") +
                    "/results.jsonl:4 ends in the middle of a record\nnote: 1 run(s) there twice:\n  " + at("twin") +
                    " is the same run as " + at("good") + ": both are used\n");
  CHECK(collection.records.size() == 3);
  CHECK(collect({folder.path()}, {.unfinished = true}).records.size() == 4);
  CHECK(error_of([&] { collect({folder / "nowhere"}); }).find("nowhere is not a folder") != std::string::npos);
  const Json json = Json::parse(format_tables(collection, {}, TableFormat::json));
  CHECK(json["problems"].size() == collection.problems.size());
}

TEST_CASE("every format has every figure, and special characters in names do not break it") {
  const TemporaryFolder folder;
  write_run(folder / "run", "a_b,c", 0, 0, {{.123456, .5, .5, .5}});
  const Collection collection = collect({folder.path()});
  const std::vector<ResultTable> tables = selection_tables(collection, SelectionMethod::training_domain);
  CHECK(format_tables(collection, tables, TableFormat::text).find("a_b,c                 12.3 +/- 0.0          X") !=
        std::string::npos);
  CHECK(format_tables(collection, tables, TableFormat::markdown).find("| a_b,c | 12.3 ± 0.0 | X | X | X |") !=
        std::string::npos);
  CHECK(format_tables(collection, tables, TableFormat::latex).find("a\\_b,c               & 12.3 $\\pm$ 0.0") !=
        std::string::npos);
  CHECK(format_tables(collection, tables, TableFormat::csv)
            .find("selection,folder,training-domain validation set,\"a_b,c\",a,12.3456,0.0,,,1\n") !=
        std::string::npos);
  const Json json = Json::parse(format_tables(collection, tables, TableFormat::json));
  CHECK(json["tables"][0]["rows"][0]["figures"][0] == Json{{"value", 12.3456}, {"error", 0.0}, {"n", 1}});
  CHECK(json["tables"][0]["rows"][0]["figures"][1] == Json::object());
}

}  // namespace
}  // namespace dgsam
