// Finished runs by unseen domain and method, and figures over them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tools/results/finished_run.h"

namespace dgsam {

/// A figure of a run; kMissing where it was not measured.
using RunFigure = std::function<double(const FinishedRun&)>;

/// The runs of one method that leave out the same domain.
struct MethodRuns {
  std::string label;
  int colour = 0;  // the method's place in labels_of()
  std::vector<const FinishedRun*> runs;
};

/// The runs that leave out the same domain ("" when none is left out).
struct Experiment {
  std::string unseen;
  std::vector<MethodRuns> methods;  // in the order of labels_of(), those that have a run

  const FinishedRun& first() const { return *methods.front().runs.front(); }
  /// Nothing when the method has no run here.
  const MethodRuns* find(const std::string& label) const;
};

/// Mean over repetitions and its standard error: population standard deviation / sqrt(count), DomainBed's formula.
struct Statistic {
  double mean = kMissing, error = kMissing;  // error is kMissing unless count is 2 or more
  std::size_t count = 0;
};

/// What is kMissing is left out.
Statistic statistic_of(const std::vector<double>& values);
Statistic statistic_of(const std::vector<const FinishedRun*>& runs, const RunFigure& figure);

/// The mean, kMissing when there is no value or one of them is missing.
double mean_of(const std::vector<double>& values);

/// See finished_run.h for which split counts. kMissing for a run without an unseen domain.
double unseen_accuracy(const FinishedRun& run, const SplitAccuracy& accuracy);
/// The mean over the source domains.
double source_accuracy(const FinishedRun& run, const SplitAccuracy& accuracy);
/// The mean over the source domains of their individual sharpness.
double source_sharpness(const FinishedRun& run);
/// The same accuracies of the final model.
double final_unseen(const FinishedRun& run);
double final_source(const FinishedRun& run);

/// Sorted by the index of the unseen domain, the one without last. They refer to `runs`.
std::vector<Experiment> experiments_of(const std::vector<FinishedRun>& runs);
/// Those that averages are taken over: the ones with an unseen domain, when there are several.
std::vector<Experiment> averaged_experiments(const std::vector<FinishedRun>& runs);
/// The distinct labels in order of first appearance: a label's index is its colour.
std::vector<std::string> labels_of(const std::vector<FinishedRun>& runs);

/// A method's figure averaged over the experiments, for each trial that has a run in every one of them.
std::vector<double> trial_averages(const std::vector<Experiment>& experiments, const std::string& label,
                                   const RunFigure& figure);

/// Indices of the domains that a run trained on.
std::vector<std::size_t> source_domains(const FinishedRun& run);

/// Throws Error unless there is a run and all runs have the same domains.
void check_runs(const std::vector<FinishedRun>& runs);

/// Whether a method has more than one run in an experiment.
bool has_repetitions(const std::vector<Experiment>& experiments);

}  // namespace dgsam
