// The report of finished runs: one self-contained HTML page, and its main tables as text.
//
// Where the numbers come from: accuracy on the unseen domain is that of its in-split (DomainBed's convention: 80% of
// its images, none of them trained on), accuracy on a source that of its out-split (held-out images). Both are of the
// final model, with --swad on of the averaged weights, as written to summary.json. Runs that differ in data splits and
// seed alone are repetitions of one method: it is shown as mean and standard error.
#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "tools/lab/report/report_analysis.h"

namespace dgsam {

/// A figure that was not measured.
inline constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

/// Accuracies in 0..1 of the two splits of every domain, by domain index; kMissing where not evaluated.
struct SplitAccuracy {
  std::vector<double> in, out;
};

struct EvaluationPoint {
  int step = 0;
  SplitAccuracy accuracy;
};

/// Which repetition a run is. Where the runs of a method differ in --seed on the same splits, every seed is one; else
/// `seed` is 0 and the splits tell them apart (DomainBed's rule).
struct ReportTrial {
  std::int64_t trial_seed = 0, seed = 0;
  auto operator<=>(const ReportTrial&) const = default;
};

/// One training run. All vectors "by domain" have as many elements as `domains`.
struct ReportRun {
  std::filesystem::path folder;
  std::string label;      // of its method, which the runs of one method share: "ERM", "SAM, rho 0.1", "DGSAM + SWAD"
  std::string algorithm;  // "erm", "sam", "dgsam"
  bool swad = false;
  ReportTrial trial;
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

  AnalysisRecords analysis;  // of last.safetensors, with --swad on of swad.safetensors

  std::string command;                                                  // the `dgsam-run train` that it came from
  std::vector<std::pair<std::string, std::string>> settings, versions;  // of config.json, in its order
};

/// Some images of one domain, each a whole PNG or JPEG file.
struct DomainSamples {
  std::string domain;
  std::vector<std::vector<std::uint8_t>> images;
};

struct ReportInput {
  std::string title;
  std::string explanation;  // one paragraph
  std::vector<ReportRun> runs;
  std::vector<std::string> skipped;  // runs that are not done: a folder and what is wrong with it
  std::vector<DomainSamples> samples;
  std::filesystem::path images;       // root of the data set, for thumbnails of mistakes; empty: none are shown
  std::vector<std::string> commands;  // what to type to get these numbers again
};

/// Folders of runs, and what was passed over.
struct RunFolders {
  std::vector<std::filesystem::path> runs;
  std::vector<std::string> skipped;  // as in ReportInput
};

/// A folder that holds a run's config.json, results.jsonl or summary.json is taken as it is; of any other the finished
/// runs below it, in the order of their names. Throws Error for a folder that does not exist, or when there is no run.
RunFolders find_run_folders(const std::vector<std::filesystem::path>& folders);
/// Whether `folder` is one that find_run_folders() takes as it is.
bool is_run_folder(const std::filesystem::path& folder);

/// Reads config.json, metrics.jsonl, results.jsonl and summary.json of each run, and what the analysis commands left
/// beside its checkpoint. Only `runs` is filled: by method, ERM, SAM, DGSAM first. Runs of one method that could not be
/// told apart get their folders' names as a part of the label. `done` is told after each run how many were read.
/// Throws Error naming the file, and the line in a .jsonl file, for anything missing or malformed.
ReportInput read_runs(const std::vector<std::filesystem::path>& directories,
                      const std::function<void(std::int64_t done, std::int64_t total)>& done = {});

/// The page: no script, no network, light and dark, every text escaped. Throws Error when there is no run
/// or the runs have different domains.
std::string html_report(const ReportInput& input);

/// A page of html_report() into a file, which is replaced at once. Throws Error naming the path when it cannot be
/// written.
void write_report(const std::filesystem::path& path, const std::string& html);

/// The tables of the report for a terminal: one per unseen domain, then averages when there are several, and the paired
/// differences. Throws Error as html_report() does.
std::string text_table(const ReportInput& input);

}  // namespace dgsam
