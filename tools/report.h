// The report of one or several finished runs: one self-contained HTML page, and the same figures as text.
//
// Where the numbers come from: accuracy on the unseen domain is that of its in-split (DomainBed's convention: 80% of
// its images, none of them trained on), accuracy on a source that of its out-split (held-out images). Both are of the
// final model, as written to summary.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace dgsam {

/// A figure that was not measured.
inline constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

/// Accuracies in 0..1 of the two splits of every domain, by domain index; kMissing where not evaluated.
struct SplitAccuracy {
  std::vector<double> in, out;
};

struct Evaluation {
  int step = 0;
  SplitAccuracy accuracy;
};

/// One training run. All vectors "by domain" have as many elements as `domains`.
struct ReportRun {
  std::string label;      // what the reader sees; runs of one method share it: "ERM", "DGSAM"
  std::string algorithm;  // "erm", "sam", "dgsam"
  std::vector<std::string> domains;
  int unseen = -1;  // index of the domain left out, -1 when all were trained on

  std::vector<int> steps;  // ascending; loss[i] is the training loss of steps[i]
  std::vector<double> loss;
  std::vector<Evaluation> evaluations;  // in the order of their steps

  SplitAccuracy final_accuracy;
  std::vector<double> sharpness;  // one-step sharpness of each domain's loss, kMissing where not measured
  double total_sharpness = kMissing;
  double seconds = kMissing;
  double domain_gradients = kMissing;  // gradients of one domain's batch, over the whole run
  double peak_mb = kMissing;

  std::vector<std::pair<std::string, std::string>> settings, versions;  // for the appendix
};

/// Some images of one domain, each a whole PNG file.
struct DomainSamples {
  std::string domain;
  std::vector<std::vector<std::uint8_t>> pngs;
};

struct ReportInput {
  std::string title;
  std::string explanation;  // one paragraph
  std::vector<ReportRun> runs;
  std::vector<DomainSamples> samples;
  std::vector<std::string> commands;  // what to type to get these numbers again
};

/// Reads config.json, metrics.jsonl, results.jsonl and summary.json of each run directory. Only `runs` is filled.
/// The label is the algorithm in capitals; the directory's name is added where two runs would share label and unseen
/// domain. Throws Error naming the file, and the line in a .jsonl file, for anything missing or malformed.
ReportInput read_runs(const std::vector<std::filesystem::path>& directories);

/// The page: no script, no network, light and dark, every text escaped. Throws Error when there is no run
/// or the runs have different domains.
std::string html_report(const ReportInput& input);

/// html_report() into a file. Throws Error naming the path when it cannot be written.
void write_report(const std::filesystem::path& path, const ReportInput& input);

/// The tables of the report for a terminal: one per unseen domain, then averages when there are several. Throws Error
/// as html_report() does.
std::string text_table(const ReportInput& input);

}  // namespace dgsam
