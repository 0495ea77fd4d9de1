// What a finished run left behind, read back.
//
// Where the numbers come from: accuracy on the unseen domain is that of its in-split (DomainBed's convention: 80% of
// its images, none of them trained on), accuracy on a source that of its out-split (held-out images). Both are of the
// final model, with --swad on of the averaged weights, as written to summary.json. Runs that differ in data splits and
// seed alone are repetitions of one method: it is shown as mean and standard error.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tools/results/analysis_records.h"
#include "tools/results/trial.h"

namespace dgsam {

/// Accuracies in 0..1 of the two splits of every domain, by domain index; kMissing where not evaluated.
struct SplitAccuracy {
  std::vector<double> in, out;
};

struct EvaluationPoint {
  int step = 0;
  SplitAccuracy accuracy;
};

/// One training run. All vectors "by domain" have as many elements as `domains`.
struct FinishedRun {
  std::filesystem::path folder;
  std::string label;      // of its method, which the runs of one method share: "ERM", "SAM, rho 0.1", "DGSAM + SWAD"
  std::string algorithm;  // "erm", "sam", "dgsam"
  std::string average;    // of weights, that its results are of: "", "SWAD" or "SMA"
  Trial trial;
  std::vector<std::string> domains;
  int unseen = -1;  // index of the domain left out, -1 when all were trained on

  std::vector<int> steps;  // ascending; loss[i] is the training loss of steps[i]
  std::vector<double> loss;
  std::vector<EvaluationPoint> evaluations;  // in the order of their steps

  SplitAccuracy final_accuracy;
  std::vector<double> sharpness;  // one-step sharpness of each domain's loss, kMissing where not measured
  double total_sharpness = kMissing;
  double sharpness_rho = kMissing;  // length of that step
  double seconds = kMissing;
  double domain_gradients = kMissing;  // gradients of one domain's batch, over the whole run
  double flops = kMissing;             // of the forward and backward passes of training
  double peak_mb = kMissing;

  AnalysisRecords analysis;  // of last.safetensors, or of the averaged weights

  std::string command;                                                  // the `dgsam-run train` that it came from
  std::vector<std::pair<std::string, std::string>> settings, versions;  // of config.json, in its order
};

/// Reads config.json, metrics.jsonl, results.jsonl and summary.json of each run, and what the analysis commands left
/// beside its checkpoint. Sorted by method, ERM, SAM, DGSAM first. Runs of one method that could not be told apart get
/// their folders' names as a part of the label. `done` is told after each run how many were read.
/// Throws Error naming the file, and the line in a .jsonl file, for anything missing or malformed.
std::vector<FinishedRun> read_runs(const std::vector<std::filesystem::path>& directories,
                                   const std::function<void(std::int64_t done, std::int64_t total)>& done = {});

}  // namespace dgsam
