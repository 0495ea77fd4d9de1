#include "tools/results/experiments.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "engine/core/check.h"

namespace dgsam {

const MethodRuns* Experiment::find(const std::string& label) const {
  const auto place = std::find_if(methods.begin(), methods.end(), [&](const auto& one) { return one.label == label; });
  return place == methods.end() ? nullptr : &*place;
}

Statistic statistic_of(const std::vector<double>& values) {
  std::vector<double> known;
  std::copy_if(values.begin(), values.end(), std::back_inserter(known),
               [](double value) { return !std::isnan(value); });
  if (known.empty()) return {};
  Statistic statistic{.mean = mean_of(known), .count = known.size()};
  if (known.size() < 2) return statistic;
  double squares = 0;
  for (const double value : known) squares += (value - statistic.mean) * (value - statistic.mean);
  statistic.error = std::sqrt(squares) / static_cast<double>(known.size());
  return statistic;
}

Statistic statistic_of(const std::vector<const FinishedRun*>& runs, const RunFigure& figure) {
  std::vector<double> values;
  for (const FinishedRun* run : runs) values.push_back(figure(*run));
  return statistic_of(values);
}

double mean_of(const std::vector<double>& values) {
  if (values.empty()) return kMissing;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double unseen_accuracy(const FinishedRun& run, const SplitAccuracy& accuracy) {
  return run.unseen < 0 ? kMissing : accuracy.in[static_cast<std::size_t>(run.unseen)];
}

double source_accuracy(const FinishedRun& run, const SplitAccuracy& accuracy) {
  std::vector<double> values = accuracy.out;
  if (run.unseen >= 0) values.erase(values.begin() + run.unseen);
  return mean_of(values);
}

double source_sharpness(const FinishedRun& run) {
  std::vector<double> values = run.sharpness;
  if (run.unseen >= 0) values.erase(values.begin() + run.unseen);
  return mean_of(values);
}

double final_unseen(const FinishedRun& run) { return unseen_accuracy(run, run.final_accuracy); }
double final_source(const FinishedRun& run) { return source_accuracy(run, run.final_accuracy); }

std::vector<std::string> labels_of(const std::vector<FinishedRun>& runs) {
  std::vector<std::string> labels;
  for (const FinishedRun& run : runs) {
    if (std::find(labels.begin(), labels.end(), run.label) == labels.end()) labels.push_back(run.label);
  }
  return labels;
}

std::vector<Experiment> experiments_of(const std::vector<FinishedRun>& runs) {
  const std::vector<std::string> labels = labels_of(runs);
  std::map<unsigned, Experiment> experiments;  // -1, nothing left out, is the largest
  for (std::size_t method = 0; method < labels.size(); ++method) {
    for (const FinishedRun& run : runs) {
      if (run.label != labels[method]) continue;
      Experiment& experiment = experiments[static_cast<unsigned>(run.unseen)];
      experiment.unseen = run.unseen < 0 ? "" : run.domains[static_cast<std::size_t>(run.unseen)];
      const bool is_new = experiment.methods.empty() || experiment.methods.back().label != run.label;
      if (is_new) experiment.methods.push_back({run.label, static_cast<int>(method), {}});
      experiment.methods.back().runs.push_back(&run);
    }
  }
  std::vector<Experiment> result;
  for (auto& [unseen, experiment] : experiments) result.push_back(std::move(experiment));
  return result;
}

std::vector<Experiment> averaged_experiments(const std::vector<FinishedRun>& runs) {
  std::vector<Experiment> experiments = experiments_of(runs);
  if (experiments.size() > 1) {
    std::erase_if(experiments, [](const Experiment& experiment) { return experiment.unseen.empty(); });
  }
  return experiments;
}

std::vector<double> trial_averages(const std::vector<Experiment>& experiments, const std::string& label,
                                   const RunFigure& figure) {
  std::map<Trial, std::vector<double>> values;
  for (const Experiment& experiment : experiments) {
    const MethodRuns* method = experiment.find(label);
    if (method == nullptr) return {};
    for (const FinishedRun* run : method->runs) values[run->trial].push_back(figure(*run));
  }
  std::vector<double> averages;
  for (const auto& [trial, of_trial] : values) {
    if (of_trial.size() == experiments.size()) averages.push_back(mean_of(of_trial));
  }
  return averages;
}

std::vector<std::size_t> source_domains(const FinishedRun& run) {
  std::vector<std::size_t> sources(run.domains.size());
  std::iota(sources.begin(), sources.end(), std::size_t{0});
  if (run.unseen >= 0) sources.erase(sources.begin() + run.unseen);
  return sources;
}

void check_runs(const std::vector<FinishedRun>& runs) {
  require(!runs.empty(), "a report needs at least one run, got none");
  const FinishedRun& first = runs.front();
  for (const FinishedRun& run : runs) {
    require(run.domains == first.domains, "the runs ", first.folder.string(), " (", first.label, ") and ",
            run.folder.string(), " (", run.label, ") have different domains: report on one data set at a time");
  }
}

bool has_repetitions(const std::vector<Experiment>& experiments) {
  return std::any_of(experiments.begin(), experiments.end(), [](const Experiment& experiment) {
    return std::any_of(experiment.methods.begin(), experiment.methods.end(),
                       [](const MethodRuns& method) { return method.runs.size() > 1; });
  });
}

}  // namespace dgsam
