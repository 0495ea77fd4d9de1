// Ablations of DGSAM: which settings are tried, as a sweep, and the table of what came of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/lab/collect/collect_tables.h"
#include "tools/lab/sweep/sweep.h"

namespace dgsam {

/// What `grid` is in an ablation's sweep.json.
inline constexpr const char* kAblationGrid = "ablation";

struct AblationOptions {
  std::vector<std::string> vary{"order", "gradients", "scale", "rho"};
  bool full = false;                                 ///< all combinations; else one factor at a time
  std::vector<double> rho{0.05, 0.01, 0.02, 0.1};    ///< to try; the first one is the default's
  std::vector<std::string> baselines{"erm", "sam"};  ///< other algorithms, each at every rho it can have
  double sharpness_rho = 0.05;                       ///< radius at which every run's sharpness is measured
};

/// Makes `definition` a sweep over the settings: its algorithms, grid and choices. The first choice is DGSAM's default.
/// Throws Error that names the flag.
void set_settings(SweepDefinition& definition, const AblationOptions& options);

/// A row of the table.
struct AblationSetting {
  std::string algorithm;
  int hparams = 0;    ///< number of the choice
  std::string label;  ///< "dgsam (default)", "dgsam, order fixed", "sam, rho 0.1"
};

/// Of an ablation's sweep, the default first. Throws Error when it is none.
std::vector<AblationSetting> settings_of(const Sweep& sweep);

/// What one finished run says of its last weights; kMissing where its files do not say.
struct AblationRun {
  std::size_t setting = 0;  ///< index into settings_of()
  int trial = 0, test_env = 0;
  double accuracy = kMissing;         ///< in-split of the unseen domain, 0..1
  double source_accuracy = kMissing;  ///< mean of the sources' out-splits, 0..1
  double sharpness = kMissing;        ///< one-step, mean over the source domains
  double sharpness_total = kMissing;  ///< of their mean loss
  double gradients = kMissing;        ///< of one domain's batch, per step
  double seconds = kMissing;          ///< of training
};

/// From the summaries of the jobs that are done. Throws Error that names a summary that cannot be used.
std::vector<AblationRun> read_ablation(Sweep& sweep, const std::vector<AblationSetting>& settings);

/// A row per setting. Accuracies and sharpness are means over trials of the mean over `domains` unseen domains, with
/// DomainBed's standard error; trials that lack a domain are left out. Differences to the first setting are paired by
/// trial, with the bootstrap's interval. Seconds are the median over runs.
ResultTable ablation_table(const std::vector<AblationSetting>& settings, const std::vector<AblationRun>& runs,
                           std::size_t domains);

}  // namespace dgsam
