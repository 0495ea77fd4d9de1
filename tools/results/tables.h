// The figures of finished runs as tables of formatted text; the terminal and the page of a report show the same ones.
#pragma once

#include <string>
#include <vector>

#include "tools/results/experiments.h"
#include "tools/terminal/format_number.h"

namespace dgsam {

struct TableRow {
  std::string name;
  std::vector<std::string> cells;
  bool lead = false;  // a figure to look at first
};

struct TableGroup {
  std::string name;
  std::vector<TableRow> rows;
};

/// Methods are columns, figures are rows: it fits a phone and an 80-column terminal.
struct Table {
  std::string title;
  std::vector<std::string> columns;
  std::vector<TableGroup> groups;
};

/// A fraction as a percentage with one decimal, without the sign.
std::string format_percent(double fraction);
/// "57.7", or "57.7 ± 0.4" of several that differ; with the number of values behind it where it is not `expected`.
std::string format_statistic(const Statistic& statistic, std::size_t expected, std::string (*write)(double));
std::string sharpness_text(double value);

/// Methods as columns, a row of `figure` over their runs.
TableRow row_of(std::string name, const Experiment& experiment, const RunFigure& figure, std::string (*write)(double),
                bool lead = false);

/// Accuracy and one-step sharpness by domain, and cost. Where methods have several runs, mean and standard error.
Table experiment_table(const Experiment& experiment);
/// Means over averaged_experiments(), in each trial, then over trials. Missing for a method without a run in each.
Table average_table(const std::vector<FinishedRun>& runs);
/// Of one run, mean over all runs of a method; and as a multiple of ERM's, where there is ERM.
Table cost_table(const std::vector<FinishedRun>& runs);

/// For a terminal: a table per unseen domain, then the averages when there are several. Throws Error when there is no
/// run or the runs have different domains.
std::string text_tables(const std::vector<FinishedRun>& runs);

}  // namespace dgsam
