// Runs with --swad on in collect's tables: an algorithm of their own, whose result is the average of their weights.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/temporary_folder.h"
#include "tools/lab/collect/collect_tables.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// Accuracies by split: of the unseen domain 0, and of the held-out images of 1 and 2.
Json splits(double in, double out, double sources, const std::string& suffix) {
  return {{"env0_in" + suffix, in},
          {"env0_out" + suffix, out},
          {"env1_out" + suffix, sources},
          {"env2_out" + suffix, sources}};
}

/// A finished run with two checkpoints, and with the average `swad` when there is one.
void write_run(const fs::path& folder, double lr, const Json& first, const Json& second, const Json& swad = {}) {
  const Json domains{{{"name", "a"}}, {{"name", "b"}}, {{"name", "c"}}};
  write_bytes(folder / "config.json", Json{{"domains", domains}}.dump());
  std::string lines;
  for (const Json* accuracies : {&first, &second}) {
    Json line = *accuracies;
    line["step"] = accuracies == &first ? 0 : 10;
    line["args"] = {{"dataset", "folder"}, {"algorithm", "dgsam"},   {"test_env", "a"}, {"lr", lr}, {"trial_seed", 0},
                    {"seed", 0},           {"swad", !swad.is_null()}};
    lines += line.dump() + "\n";
  }
  write_bytes(folder / "results.jsonl", lines);
  if (!swad.is_null()) {
    write_bytes(folder / "summary.json", Json{{"selection", {{"swad", {{"step", 7}, {"accuracies", swad}}}}}}.dump());
  }
  write_bytes(folder / "done", "done");
}

double swad_value(const ResultTable& table, const std::string& row, const std::string& column) {
  for (const FigureRow& one : table.rows) {
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      if (one.label == row && table.columns[i] == column) return one.figures[i].value;
    }
  }
  return kMissing;
}

TEST_CASE("a run that averaged is another algorithm than one that did not, and its average is its result") {
  const TemporaryFolder folder;
  write_run(folder / "plain", 0.1, splits(.40, .41, .90, "_acc"), splits(.50, .43, .80, "_acc"));
  // Of the averages, that of lr 0.2 has the better held-out images of the sources; of the checkpoints, lr 0.1's have.
  write_run(folder / "swad1", 0.1, splits(.41, .42, .95, "_acc"), splits(.51, .44, .81, "_acc"),
            splits(.60, .46, .70, ""));
  write_run(folder / "swad2", 0.2, splits(.42, .48, .60, "_acc"), splits(.52, .45, .65, "_acc"),
            splits(.61, .40, .75, ""));
  const Collection collection = collect({folder.path()});
  CHECK(collection.problems.empty());
  CHECK(algorithm_names(collection) == std::vector<std::string>{"dgsam", "dgsam + SWAD"});

  const ResultTable validation = selection_tables(collection, SelectionMethod::training_domain)[0];
  CHECK(swad_value(validation, "dgsam", "a") == doctest::Approx(40));
  CHECK(swad_value(validation, "dgsam + SWAD", "a") == doctest::Approx(61));
  const ResultTable oracle = selection_tables(collection, SelectionMethod::oracle)[0];
  CHECK(swad_value(oracle, "dgsam", "a") == doctest::Approx(50));         // the last checkpoint
  CHECK(swad_value(oracle, "dgsam + SWAD", "a") == doctest::Approx(60));  // of the averages, .46 is more than .40

  const ResultTable swad = swad_tables(collection)[0];
  CHECK(swad.rows.size() == 3 + 4);
  CHECK(swad_value(swad, "dgsam iid", "a") == doctest::Approx(40));
  CHECK(swad_value(swad, "dgsam + SWAD oracle", "a") == doctest::Approx(42));  // checkpoints of lr 0.2
  CHECK(swad_value(swad, "dgsam + SWAD iid", "a") == doctest::Approx(52));
  CHECK(swad_value(swad, "dgsam + SWAD last", "a") == doctest::Approx(52));
  CHECK(swad_value(swad, "dgsam + SWAD swad", "a") == doctest::Approx(61));

  const ResultTable pair = comparison_tables(collection, {{"dgsam", "dgsam + SWAD"}})[0];
  CHECK(swad_value(pair, "dgsam + SWAD - dgsam", "a") == doctest::Approx(21));
}

TEST_CASE("a run with --swad on whose summary has no average is named") {
  const TemporaryFolder folder;
  write_run(folder / "torn", 0.1, splits(.4, .4, .9, "_acc"), splits(.5, .4, .8, "_acc"), splits(.6, .4, .7, ""));
  write_bytes(folder / "torn/summary.json", R"({"selection": {}})");
  const Collection collection = collect({folder.path()});
  REQUIRE(collection.problems.size() == 1);
  CHECK(collection.problems[0].text == (folder / "torn/summary.json").string() + " has no \"swad\"");
}

}  // namespace
}  // namespace dgsam
