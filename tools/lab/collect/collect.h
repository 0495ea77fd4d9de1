// Results of many runs, as data: read from our run folders, from sweeps, from folders that DomainBed itself wrote, and
// from the folders and logs of SWAD's repository and its forks.
//
// The rule is DomainBed's: records are grouped by (trial, data set, algorithm, unseen domain), hyperparameters and
// checkpoint are chosen in each group by a selection method, and the score is the accuracy on the unseen domain's
// in-split (80 % of its images). What is chosen: collect_select.h. Tables: collect_tables.h.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include "tools/results/trial.h"

namespace dgsam {

/// What selection chooses among. DomainBed's runs: the number hparams_seed; ours: every value that decides a run beside
/// data set, domain, algorithm and seeds, as JSON.
struct Hparams {
  std::int64_t seed = 0;
  std::string values;
  auto operator<=>(const Hparams&) const = default;
};

/// What a run took; kMissing where its files do not say.
struct RunCost {
  double training_seconds = kMissing;  ///< of timing.jsonl
  double evaluation_seconds = kMissing;
  double gradients = kMissing;  ///< of one domain's batch
  double flops = kMissing;      ///< of the forward and backward passes of training
  double peak_mb = kMissing;
  std::int64_t steps = 0;  ///< done, as far as the files say
};

struct CollectedRun {
  std::filesystem::path folder;
  bool domainbed = false;  ///< written by DomainBed, or by what grew out of it
  bool swad_fork = false;  ///< of these: by SWAD's repository or a fork of it
  bool done = false;
  std::string dataset;
  std::string algorithm;       ///< of runs with averaged weights: "dgsam + SWAD" or "dgsam + SMA", others than "dgsam"
  std::vector<int> test_envs;  ///< by index; DomainBed's cross-validation has runs with two
  Trial trial;
  Hparams hparams;
  std::vector<std::string> domains;  ///< names by index; empty in DomainBed's runs
  RunCost cost;
};

/// One line of a results.jsonl, or the average of a run's weights, of which its summary.json tells.
struct ResultRecord {
  std::size_t run = 0;    ///< index into Collection::runs
  bool averaged = false;  ///< by --swad on or --average moving; `step` is the last one averaged
  std::int64_t step = 0;
  std::vector<double> in,
      out;  ///< accuracies in 0..1 by domain, as many as the record has; kMissing: not evaluated
};

/// What could not be used, or is used with a reservation.
struct CollectProblem {
  enum class Kind : std::uint8_t { malformed, incomplete, without_results, not_comparable };
  Kind kind;
  std::string text;  ///< names the file, or the file and the line
};

struct Collection {
  std::vector<CollectedRun> runs;     ///< in the order of their folders' names
  std::vector<ResultRecord> records;  ///< in the order of their runs and lines
  std::vector<CollectProblem> problems;
};

struct CollectOptions {
  bool unfinished = false;  ///< use our runs that are not done; DomainBed's are used always, as DomainBed does
  bool costs = true;        ///< read what runs took
};

/// Reads every results.jsonl in or below `paths`, and where there is none every log of SWAD's; a path may also be such
/// a log. Throws Error when a path does not exist or is neither.
Collection collect(const std::vector<std::filesystem::path>& paths, const CollectOptions& options = {});

/// Records with one unseen domain in common.
struct ResultGroup {
  std::string dataset, algorithm;
  int test_env = 0;
  Trial trial;
  std::vector<const ResultRecord*> records;
};

/// Sorted by data set, algorithm, domain and trial. A run with two unseen domains is in two groups.
std::vector<ResultGroup> groups_of(const Collection& collection);

/// Data sets in DomainBed's order, then others by name.
std::vector<std::string> dataset_names(const Collection& collection);
/// Algorithms in DomainBed's order, then ours, then others by name.
std::vector<std::string> algorithm_names(const Collection& collection);
/// What DomainBed's tables call the domains of a data set; other data sets: the folders' names.
std::vector<std::string> domain_labels(const Collection& collection, const std::string& dataset);

}  // namespace dgsam
