#include "tools/lab/report/report_findings.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "tools/lab/collect/collect_tables.h"
#include "tools/results/methods.h"
#include "tools/results/tables.h"

namespace dgsam {
namespace {

using Key = std::pair<Trial, int>;  // trial and unseen domain
using RunPair = std::pair<const FinishedRun*, const FinishedRun*>;

/// "57.7 % for ERM, 57.8 % for SAM and 52.8 % for DGSAM"; what is missing is left out.
std::string listed(const std::vector<std::string>& labels, const std::vector<Statistic>& values,
                   std::string (*write)(double), const std::string& unit) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (values[i].count == 0) continue;
    parts.push_back(format_statistic(values[i], values[i].count, write) + unit + " for " + labels[i]);
  }
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) text += i + 1 == parts.size() ? " and " : ", ";
    text += parts[i];
  }
  return text;
}

std::vector<RunPair> pairs_of(const std::vector<FinishedRun>& runs, const std::string& a, const std::string& b) {
  std::map<Key, const FinishedRun*> of_b;
  for (const FinishedRun& run : runs) {
    if (run.label == b) of_b[{run.trial, run.unseen}] = &run;
  }
  std::vector<RunPair> pairs;
  for (const FinishedRun& run : runs) {
    const auto partner = of_b.find({run.trial, run.unseen});
    if (run.label == a && partner != of_b.end()) pairs.emplace_back(&run, partner->second);
  }
  return pairs;
}

PairedFinding::Difference difference_of(const std::vector<RunPair>& pairs, const RunFigure& figure, double scale) {
  std::vector<double> differences;
  for (const auto& [a, b] : pairs) {
    const double difference = scale * (figure(*a) - figure(*b));
    if (std::isfinite(difference)) differences.push_back(difference);
  }
  const Figure mean = bootstrap_mean(differences);
  return {mean.value, mean.low, mean.high, differences.size()};
}

double ratio_of(const std::vector<RunPair>& pairs, const RunFigure& figure) {
  double of_a = 0, of_b = 0;
  for (const auto& [a, b] : pairs) {
    of_a += figure(*a);
    of_b += figure(*b);
  }
  return of_b > 0 ? of_a / of_b : kMissing;
}

/// Pairs of labels: see paired_findings().
std::vector<std::pair<std::string, std::string>> comparisons(const std::vector<FinishedRun>& runs) {
  std::map<std::pair<std::string, std::string>, std::vector<const FinishedRun*>> variants;  // and average
  std::set<std::string> seen;
  for (const FinishedRun& run : runs) {
    if (seen.insert(run.label).second) variants[{run.algorithm, run.average}].push_back(&run);
  }
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& [a, b] :
       {std::pair{"dgsam", "sam"}, {"dgsam", "disam"}, {"disam", "sam"}, {"sam", "erm"}, {"dgsam", "erm"}}) {
    for (const char* average : {"", "SWAD", "SMA"}) {
      const auto &of_a = variants[{a, average}], &of_b = variants[{b, average}];
      for (const FinishedRun* one : of_a) {
        for (const FinishedRun* other : of_b) {
          // A method of one variant (ERM knows no rho) is compared with every one of the other.
          const bool comparable = of_a.size() == 1 || of_b.size() == 1 || variant_of(*one) == variant_of(*other);
          if (comparable) pairs.emplace_back(one->label, other->label);
        }
      }
    }
  }
  return pairs;
}

std::string minus(std::string text) {
  if (text.starts_with("-")) text.replace(0, 1, "−");
  return text;
}

std::string difference_text(const PairedFinding::Difference& difference, int decimals, const std::string& unit) {
  std::string text = (difference.mean >= 0 ? "+" : "") + minus(format_number(difference.mean, decimals)) + unit;
  if (std::isnan(difference.low)) return text;
  return text + " [" + minus(format_number(difference.low, decimals)) + ", " +
         minus(format_number(difference.high, decimals)) + "]";
}

}  // namespace

std::string headline(const std::vector<FinishedRun>& runs) {
  const std::vector<Experiment> experiments = averaged_experiments(runs);
  const std::vector<std::string> labels = labels_of(runs);
  std::string text;
  const auto sentence = [&](const std::string& start, const RunFigure& figure, std::string (*write)(double),
                            const std::string& unit) {
    std::vector<Statistic> values;
    for (const std::string& label : labels) values.push_back(statistic_of(trial_averages(experiments, label, figure)));
    const std::string list = listed(labels, values, write, unit);
    if (!list.empty()) text += start + list + ". ";
  };
  const std::string where = experiments.size() > 1
                                ? "Averaged over " + std::to_string(experiments.size()) + " unseen domains,"
                                : "On the unseen domain " + experiments.front().unseen;
  sentence(where + " the accuracy is ", final_unseen, format_percent, "\u00a0%");
  sentence("On held-out images of the source domains the accuracy is ", final_source, format_percent, "\u00a0%");
  sentence("The one-step sharpness of a single source domain is on average ", source_sharpness, sharpness_text, "");
  if (!has_repetitions(experiments)) {
    text += "Each is a single run: another seed may change small differences and their order.";
  } else if (text.find("±") != std::string::npos) {
    text += "What follows a ± is the standard error over trials.";
  }
  return text;
}

std::vector<PairedFinding> paired_findings(const std::vector<FinishedRun>& runs) {
  std::vector<PairedFinding> findings;
  for (const auto& [a, b] : comparisons(runs)) {
    const std::vector<RunPair> pairs = pairs_of(runs, a, b);
    if (pairs.empty()) continue;
    findings.push_back({a + " − " + b, difference_of(pairs, final_unseen, 100),
                        difference_of(pairs, source_sharpness, 1),
                        ratio_of(pairs, [](const FinishedRun& run) { return run.domain_gradients; }),
                        ratio_of(pairs, [](const FinishedRun& run) { return run.seconds; })});
  }
  return findings;
}

std::string sentence_of(const PairedFinding& finding) {
  const std::size_t pairs = std::max(finding.accuracy.pairs, finding.sharpness.pairs);
  std::vector<std::string> parts;
  if (finding.accuracy.pairs > 0) {
    parts.push_back("accuracy on the unseen domain " + difference_text(finding.accuracy, 2, "\u00a0points"));
  }
  if (finding.sharpness.pairs > 0) {
    parts.push_back("sharpness of a single source domain " + difference_text(finding.sharpness, 4, ""));
  }
  if (!std::isnan(finding.gradients)) parts.push_back("gradients × " + format_number(finding.gradients, 2));
  if (!std::isnan(finding.seconds)) parts.push_back("seconds × " + format_number(finding.seconds, 2));
  std::string text = finding.name + ": ";
  for (std::size_t i = 0; i < parts.size(); ++i) text += (i > 0 ? "; " : "") + parts[i];
  return text + " (" + (pairs == 1 ? "one pair" : std::to_string(pairs) + " pairs") + ").";
}

std::string text_findings(const std::vector<FinishedRun>& runs) {
  std::string differences;
  for (const PairedFinding& finding : paired_findings(runs)) {
    if (finding.accuracy.pairs > 1 || finding.sharpness.pairs > 1) differences += "  " + sentence_of(finding) + "\n";
  }
  if (differences.empty()) return "";
  return "\nPaired differences over trials and unseen domains, with 95 % bootstrap intervals\n" + differences;
}

std::string findings_caveat(const std::vector<FinishedRun>& runs) {
  std::string text;
  std::set<double> lengths;
  bool averaged = false;
  for (const FinishedRun& run : runs) {
    if (!std::isnan(run.sharpness_rho)) lengths.insert(run.sharpness_rho);
    averaged = averaged || !run.average.empty();
  }
  if (lengths.size() > 1) {
    text +=
        "The one-step sharpness of a run is that of a step of its own length rho, and the runs differ in rho: compare "
        "it between equal ones alone. ";
  }
  if (averaged)
    text += "The one-step sharpness of a run with SWAD or SMA is that of its last weights, not of the average. ";
  return text;
}

}  // namespace dgsam
