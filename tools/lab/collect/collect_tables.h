// Tables of a Collection, as numbers with names. How they look: tools/collect/collect_format.h.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tools/lab/collect/collect.h"
#include "tools/lab/collect/collect_select.h"

namespace dgsam {

/// One cell. `value` is kMissing where there is nothing to show.
struct Figure {
  double value = kMissing;
  double error = kMissing;                 ///< standard error, DomainBed's
  double low = kMissing, high = kMissing;  ///< 95 % interval
  std::size_t count = 0;                   ///< of trials, pairs or runs that `value` is the mean of; 0: not a mean
  int decimals = 1;
};

struct FigureRow {
  std::string label;
  std::vector<Figure> figures;  ///< as many as the table has columns
};

struct ResultTable {
  enum class Part : std::uint8_t { selection, swad, spread, comparison, cost, ablation };
  Part part = Part::selection;
  std::string dataset;    ///< empty: all of them
  std::string selection;  ///< name of the method of model selection; empty where none is used
  std::string title;
  std::vector<std::string> columns;  ///< without that of the labels
  std::vector<FigureRow> rows;
};

/// DomainBed's: for each data set, accuracies in % by unseen domain, mean over trials and standard error, and "Avg",
/// the mean of the means; then "Averages": per trial over domains first, then over trials. Where a domain has no trial,
/// its average is missing, too, in the former and over the domains there are in the latter, as in DomainBed.
std::vector<ResultTable> selection_tables(const Collection& collection, SelectionMethod selection);

/// SWAD's: rows oracle, iid and last of each algorithm, and swad of those that averaged, at the hyperparameters that
/// training-domain validation selects.
std::vector<ResultTable> swad_tables(const Collection& collection);

/// Variance (in points^2) and standard deviation of the accuracy over the unseen domains of a data set, population
/// formulas, per trial; mean over the trials that have every domain. Training-domain validation.
ResultTable spread_table(const Collection& collection);

/// Per run and algorithm: seconds, gradients, floating-point operations, memory. Our runs only.
std::vector<ResultTable> cost_tables(const Collection& collection);

/// For each pair (a, b): accuracy of b minus that of a in points, over the trials that both have; training-domain
/// validation. The interval is the bootstrap's: percentiles of 10,000 means of pairs drawn with replacement, from a
/// fixed seed. Throws Error when an algorithm has no result.
std::vector<ResultTable> comparison_tables(const Collection& collection,
                                           const std::vector<std::pair<std::string, std::string>>& pairs);

/// Mean of `differences` and its 95 % bootstrap interval, which needs at least two.
Figure bootstrap_mean(const std::vector<double>& differences);

}  // namespace dgsam
