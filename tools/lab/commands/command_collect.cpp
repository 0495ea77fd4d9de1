#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>

#include "engine/core/check.h"
#include "engine/io/atomic_file.h"
#include "tools/lab/collect/collect_format.h"
#include "tools/lab/commands/lab_commands.h"

namespace dgsam {

namespace {

const std::vector<std::string> kParts{"selection", "swad", "spread", "compare", "cost"};

struct CollectFlags {
  std::vector<std::string> folders, parts, compare;
  TableFormat format = TableFormat::text;
  CollectOptions collect;
  std::string out;
};

bool any_run(const Collection& collection, bool (*is)(const CollectedRun&)) {
  return std::any_of(collection.runs.begin(), collection.runs.end(), is);
}

/// Pairs to compare: as asked for, or each algorithm with those before it.
std::vector<std::pair<std::string, std::string>> pairs_of(const CollectFlags& options, const Collection& collection) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (std::size_t i = 0; i + 1 < options.compare.size(); i += 2)
    pairs.emplace_back(options.compare[i], options.compare[i + 1]);
  if (!pairs.empty()) return pairs;
  const std::vector<std::string> names = algorithm_names(collection);
  for (std::size_t b = 1; b < names.size(); ++b) {
    for (std::size_t a = 0; a < b; ++a) pairs.emplace_back(names[a], names[b]);
  }
  return pairs;
}

std::vector<ResultTable> tables_of(const CollectFlags& options, const Collection& collection) {
  const bool only_domainbed =
      !any_run(collection, [](const CollectedRun& run) { return !run.domainbed || run.swad_fork; });
  const bool pairs_left_out = any_run(collection, [](const CollectedRun& run) { return run.test_envs.size() == 2; });
  std::vector<std::string> parts = options.parts;
  if (parts.empty()) parts = only_domainbed ? std::vector<std::string>{"selection"} : kParts;
  if (!options.compare.empty()) parts.push_back("compare");
  const auto wanted = [&](const char* part) { return std::find(parts.begin(), parts.end(), part) != parts.end(); };

  std::vector<ResultTable> tables;
  const auto add = [&](std::vector<ResultTable> more) {
    std::move(more.begin(), more.end(), std::back_inserter(tables));
  };
  if (wanted("selection")) {
    add(selection_tables(collection, SelectionMethod::training_domain));
    // It needs runs that leave two domains out, which `train` does not make.
    if (only_domainbed || pairs_left_out) add(selection_tables(collection, SelectionMethod::leave_one_out));
    add(selection_tables(collection, SelectionMethod::oracle));
  }
  if (wanted("swad")) add(swad_tables(collection));
  if (wanted("spread")) add({spread_table(collection)});
  if (wanted("compare")) add(comparison_tables(collection, pairs_of(options, collection)));
  if (wanted("cost")) add(cost_tables(collection));
  return tables;
}

}  // namespace

void add_collect_command(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("collect", "Tables of many runs: DomainBed's and SWAD's model selection, costs, comparisons");
  command->footer(
      "Reads runs of `dgsam-run train`, sweeps, and folders that DomainBed wrote. Of the last it prints what "
      "DomainBed's "
      "own\ncollect_results prints. Records (results.jsonl) and logs of SWAD's train_all.py and its forks are read, "
      "too: their\nrows oracle, iid, last and swad stand in the table of --parts swad. What cannot be used is counted "
      "and named on standard error.\n\n"
      "Accuracies are those on the unseen domain's in-split (80 %), in %, mean over trials +/- standard error\n"
      "(population standard deviation / sqrt(trials), DomainBed's formula). A trial is a --trial-seed; where runs "
      "differ "
      "in\nnothing but --seed, every seed is one.\n\n"
      "A run with --swad on counts as an algorithm of its own, \"dgsam + SWAD\", and its result is its averaged "
      "weights.\n\n"
      "Example:\n"
      "  dgsam-run collect sweeps/pacs --compare sam dgsam --compare dgsam \"dgsam + SWAD\"");
  const auto options = std::make_shared<CollectFlags>();
  command->add_option("folders", options->folders, "Folders of runs; those below them are found. Or logs of SWAD's")
      ->required();
  command->add_option("--format", options->format, "text, markdown, latex, json or csv")
      ->transform(CLI::CheckedTransformer(table_formats()).description(""))
      ->default_str("text");
  command
      ->add_option(
          "--parts", options->parts,
          "Which tables, by comma: selection (DomainBed's), swad (rows oracle, iid, last, swad), spread (over unseen "
          "domains),\ncompare (paired, with bootstrap intervals), cost. Without it: all; of DomainBed's own "
          "runs selection")
      ->delimiter(',')
      ->check(CLI::IsMember(kParts));
  command
      ->add_option("--compare", options->compare,
                   "Two algorithms A B: accuracy of B minus A over the trials that both have; may be given again")
      ->expected(2, 2 * 50);
  command->add_flag("--unfinished", options->collect.unfinished, "Use runs that are not done, too");
  command->add_option("--out", options->out, "File to write the tables to, instead of standard output");
  command->callback([options] {
    require(options->compare.size() % 2 == 0, "--compare takes two algorithms");
    const Collection collection = collect({options->folders.begin(), options->folders.end()}, options->collect);
    std::fprintf(stderr, "%s", describe_problems(collection).c_str());
    require(!collection.records.empty(), "no finished run with results in ", options->folders.front(),
            options->folders.size() > 1 ? " and the others" : "",
            ": `dgsam-run train` writes results.jsonl at every evaluation, and done at the end");
    const std::string text = format_tables(collection, tables_of(*options, collection), options->format);
    if (options->out.empty()) {
      std::printf("%s", text.c_str());
      return;
    }
    write_atomically(options->out, text);
  });
}

}  // namespace dgsam
