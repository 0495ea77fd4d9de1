#include "tools/lab/collect/collect_tables.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "engine/core/check.h"
#include "engine/core/rng.h"

namespace dgsam {

namespace {

using Part = ResultTable::Part;

/// Accuracy in 0..1 by (data set, algorithm), domain and trial.
using DomainScores = std::map<int, std::map<Trial, double>>;
using Scores = std::map<std::pair<std::string, std::string>, DomainScores>;

template <class Score>  // (const ResultGroup&) -> std::optional<double>
Scores scores_of(const Collection& collection, const Score& score) {
  Scores scores;
  for (const ResultGroup& group : groups_of(collection)) {
    const std::optional<double> value = score(group);
    if (value) scores[{group.dataset, group.algorithm}][group.test_env][group.trial] = *value;
  }
  return scores;
}

Scores scores_of(const Collection& collection, SelectionMethod selection) {
  return scores_of(collection, [&](const ResultGroup& group) -> std::optional<double> {
    const std::optional<Choice> choice = select(collection, group, selection);
    if (!choice) return {};
    return choice->test;
  });
}

/// In %, with DomainBed's error.
Figure percentage(const std::vector<double>& accuracies) {
  if (accuracies.empty()) return {};
  return {
      .value = 100 * numpy_mean(accuracies), .error = 100 * domainbed_error(accuracies), .count = accuracies.size()};
}

/// "Avg": the mean of the figures, missing when one of them is.
Figure average(const std::vector<Figure>& figures) {
  double sum = 0;
  for (const Figure& figure : figures) sum += figure.value;
  return {.value = sum / static_cast<double>(figures.size())};
}

std::vector<double> values_of(const std::map<Trial, double>& trials) {
  std::vector<double> values;
  for (const auto& [trial, value] : trials) values.push_back(value);
  return values;
}

const DomainScores& scores_of(const Scores& scores, const std::string& dataset, const std::string& algorithm) {
  static const DomainScores none;
  const auto found = scores.find({dataset, algorithm});
  return found == scores.end() ? none : found->second;
}

/// A row by unseen domain, with the average.
FigureRow domain_row(const std::string& label, const DomainScores& scores, std::size_t domains) {
  FigureRow row{label, {}};
  for (int domain = 0; domain < static_cast<int>(domains); ++domain) {
    const auto found = scores.find(domain);
    row.figures.push_back(found == scores.end() ? Figure{} : percentage(values_of(found->second)));
  }
  row.figures.push_back(average(row.figures));
  return row;
}

/// By trial, the accuracies on the domains that it has.
std::map<Trial, std::vector<double>> by_trial(const DomainScores& scores) {
  std::map<Trial, std::vector<double>> trials;
  for (const auto& [domain, values] : scores) {
    for (const auto& [trial, value] : values) trials[trial].push_back(value);
  }
  return trials;
}

std::vector<std::string> with_average(std::vector<std::string> columns) {
  columns.push_back("Avg");
  return columns;
}

double variance(const std::vector<double>& values) {
  const double mean = numpy_mean(values);
  double sum = 0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return sum / static_cast<double>(values.size());
}

Figure mean_figure(const std::vector<double>& values, int decimals) {
  if (values.empty()) return {};
  return {.value = numpy_mean(values), .error = domainbed_error(values), .count = values.size(), .decimals = decimals};
}

/// The value below which a fraction of `sorted` lies, interpolated linearly.
double percentile(const std::vector<double>& sorted, double fraction) {
  const double place = fraction * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

/// b - a in points, over the trials that both have.
std::vector<double> differences_of(const std::map<Trial, double>& a, const std::map<Trial, double>& b) {
  std::vector<double> differences;
  for (const auto& [trial, value] : a) {
    const auto other = b.find(trial);
    if (other != b.end()) differences.push_back(100 * (other->second - value));
  }
  return differences;
}

/// Mean over domains by trial, of the trials that have all of `domains`.
std::map<Trial, double> complete_averages(const DomainScores& scores, std::size_t domains) {
  std::map<Trial, double> averages;
  for (const auto& [trial, values] : by_trial(scores)) {
    if (values.size() == domains) averages[trial] = numpy_mean(values);
  }
  return averages;
}

}  // namespace

std::vector<ResultTable> selection_tables(const Collection& collection, SelectionMethod selection) {
  const Scores scores = scores_of(collection, selection);
  const std::vector<std::string> datasets = dataset_names(collection), algorithms = algorithm_names(collection);
  std::vector<ResultTable> tables;
  for (const std::string& dataset : datasets) {
    const std::vector<std::string> labels = domain_labels(collection, dataset);
    ResultTable table{Part::selection, dataset, name_of(selection), "", with_average(labels), {}};
    table.title = "Dataset: " + dataset + ", model selection method: " + table.selection;
    for (const std::string& algorithm : algorithms) {
      table.rows.push_back(domain_row(algorithm, scores_of(scores, dataset, algorithm), labels.size()));
    }
    tables.push_back(std::move(table));
  }
  ResultTable averages{Part::selection, "", name_of(selection), "", with_average(datasets), {}};
  averages.title = "Averages, model selection method: " + averages.selection;
  for (const std::string& algorithm : algorithms) {
    FigureRow row{algorithm, {}};
    for (const std::string& dataset : datasets) {
      std::vector<double> means;
      for (const auto& [trial, values] : by_trial(scores_of(scores, dataset, algorithm)))
        means.push_back(numpy_mean(values));
      row.figures.push_back(percentage(means));
    }
    row.figures.push_back(average(row.figures));
    averages.rows.push_back(std::move(row));
  }
  tables.push_back(std::move(averages));
  return tables;
}

std::vector<ResultTable> swad_tables(const Collection& collection) {
  const std::pair<const char*, double SwadChoice::*> rows[] = {{"oracle", &SwadChoice::oracle},
                                                               {"iid", &SwadChoice::iid},
                                                               {"last", &SwadChoice::last},
                                                               {"swad", &SwadChoice::swad}};
  std::map<std::string, Scores> scores;
  for (const auto& [name, member] : rows) {
    scores[name] = scores_of(collection, [&, member = member](const ResultGroup& group) -> std::optional<double> {
      const std::optional<SwadChoice> choice = select_swad(collection, group);
      if (!choice || (member == &SwadChoice::swad && std::isnan(choice->swad))) return {};
      return (*choice).*member;
    });
  }
  std::vector<ResultTable> tables;
  for (const std::string& dataset : dataset_names(collection)) {
    const std::vector<std::string> labels = domain_labels(collection, dataset);
    ResultTable table{Part::swad, dataset, name_of(SelectionMethod::training_domain), "", with_average(labels), {}};
    table.title = "Dataset: " + dataset +
                  ", SWAD's rows: checkpoint by the unseen domain's held-out images (oracle), " +
                  "by the sources' (iid), the last one, the averaged weights (swad)";
    for (const std::string& algorithm : algorithm_names(collection)) {
      for (const auto& [name, member] : rows) {
        const DomainScores& of_row = scores_of(scores[name], dataset, algorithm);
        if (!of_row.empty()) table.rows.push_back(domain_row(algorithm + " " + name, of_row, labels.size()));
      }
    }
    tables.push_back(std::move(table));
  }
  return tables;
}

ResultTable spread_table(const Collection& collection) {
  const Scores scores = scores_of(collection, SelectionMethod::training_domain);
  ResultTable table{Part::spread, "", name_of(SelectionMethod::training_domain), "", {}, {}};
  table.title = "Spread of the accuracy over unseen domains: variance (points^2) and standard deviation (points)";
  const std::vector<std::string> datasets = dataset_names(collection);
  for (const std::string& dataset : datasets) {
    table.columns.push_back(dataset + " var");
    table.columns.push_back(dataset + " sd");
  }
  for (const std::string& algorithm : algorithm_names(collection)) {
    FigureRow row{algorithm, {}};
    for (const std::string& dataset : datasets) {
      const std::size_t domains = domain_labels(collection, dataset).size();
      std::vector<double> variances, deviations;
      for (auto& [trial, values] : by_trial(scores_of(scores, dataset, algorithm))) {
        if (values.size() != domains) continue;
        variances.push_back(1e4 * variance(values));
        deviations.push_back(std::sqrt(variances.back()));
      }
      row.figures.push_back(mean_figure(variances, 1));
      row.figures.push_back(mean_figure(deviations, 1));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::vector<ResultTable> cost_tables(const Collection& collection) {
  std::vector<ResultTable> tables;
  for (const std::string& dataset : dataset_names(collection)) {
    ResultTable table{Part::cost, dataset, "", "Dataset: " + dataset + ", cost of a run: mean over runs", {}, {}};
    table.columns = {"runs", "training s", "evaluation s", "gradients", "TFLOP", "peak MB", "all runs h"};
    for (const std::string& algorithm : algorithm_names(collection)) {
      std::vector<double> training, evaluation, gradients, flops, peak, hours;
      std::size_t runs = 0;
      for (const CollectedRun& run : collection.runs) {
        if (run.domainbed || run.dataset != dataset || run.algorithm != algorithm) continue;
        ++runs;
        const auto note = [](std::vector<double>& values, double value) {
          if (!std::isnan(value)) values.push_back(value);
        };
        note(training, run.cost.training_seconds);
        note(evaluation, run.cost.evaluation_seconds);
        note(gradients, run.cost.gradients);
        note(flops, run.cost.flops / 1e12);
        note(peak, run.cost.peak_mb);
        note(hours, (run.cost.training_seconds + run.cost.evaluation_seconds) / 3600);
      }
      if (runs == 0) continue;
      const auto mean = [](const std::vector<double>& values, int decimals) {
        Figure figure = mean_figure(values, decimals);
        figure.error = kMissing;
        return figure;
      };
      Figure total = mean(hours, 2);
      total.value *= static_cast<double>(std::exchange(total.count, 0));
      table.rows.push_back({algorithm,
                            {{.value = static_cast<double>(runs), .decimals = 0},
                             mean(training, 1),
                             mean(evaluation, 1),
                             mean(gradients, 0),
                             mean(flops, 3),
                             mean(peak, 0),
                             total}});
    }
    if (!table.rows.empty()) tables.push_back(std::move(table));
  }
  return tables;
}

std::vector<ResultTable> comparison_tables(const Collection& collection,
                                           const std::vector<std::pair<std::string, std::string>>& pairs) {
  const std::vector<std::string> known = algorithm_names(collection);
  for (const auto& [a, b] : pairs) {
    for (const std::string& name : {a, b}) {
      require(std::find(known.begin(), known.end(), name) != known.end(), "--compare ", a, " ", b, ": no run of ", name,
              " can be used");
    }
  }
  const Scores scores = scores_of(collection, SelectionMethod::training_domain);
  std::vector<ResultTable> tables;
  for (const std::string& dataset : dataset_names(collection)) {
    const std::vector<std::string> labels = domain_labels(collection, dataset);
    ResultTable table{Part::comparison,     dataset, name_of(SelectionMethod::training_domain), "",
                      with_average(labels), {}};
    table.title = "Dataset: " + dataset + ", paired differences in points over trials, 95 % bootstrap interval";
    for (const auto& [a, b] : pairs) {
      const DomainScores &of_a = scores_of(scores, dataset, a), &of_b = scores_of(scores, dataset, b);
      if (of_a.empty() || of_b.empty()) continue;
      FigureRow row{b + " - " + a, {}};
      for (int domain = 0; domain < static_cast<int>(labels.size()); ++domain) {
        const bool both = of_a.contains(domain) && of_b.contains(domain);
        row.figures.push_back(both ? bootstrap_mean(differences_of(of_a.at(domain), of_b.at(domain))) : Figure{});
      }
      row.figures.push_back(bootstrap_mean(
          differences_of(complete_averages(of_a, labels.size()), complete_averages(of_b, labels.size()))));
      table.rows.push_back(std::move(row));
    }
    if (!table.rows.empty()) tables.push_back(std::move(table));
  }
  return tables;
}

Figure bootstrap_mean(const std::vector<double>& differences) {
  if (differences.empty()) return {};
  Figure figure{.value = numpy_mean(differences), .count = differences.size(), .decimals = 2};
  if (differences.size() < 2) return figure;
  constexpr int kDraws = 10000;
  RandomStream random(0, "bootstrap");
  std::vector<double> means(kDraws);
  for (double& mean : means) {
    double sum = 0;
    for (std::size_t i = 0; i < differences.size(); ++i) sum += differences[random.below(differences.size())];
    mean = sum / static_cast<double>(differences.size());
  }
  std::sort(means.begin(), means.end());
  figure.low = percentile(means, 0.025);
  figure.high = percentile(means, 0.975);
  return figure;
}

}  // namespace dgsam
