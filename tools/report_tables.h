// The figures of a report as tables of formatted text; the HTML page and the terminal show the same ones.
#pragma once

#include <string>
#include <vector>

#include "tools/report.h"

namespace dgsam {

/// The runs that leave out the same domain ("" when none is left out).
struct Experiment {
  std::string unseen;
  std::vector<const ReportRun*> runs;
};

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

/// Throws Error unless there is a run and all runs have the same domains.
void check_report(const ReportInput& input);

/// `value` with so many decimals, an en dash when it is missing.
std::string format_number(double value, int decimals);
/// A fraction as a percentage with one decimal, without the sign.
std::string format_percent(double fraction);

/// The mean, kMissing when there is no value or one of them is missing.
double mean_of(const std::vector<double>& values);

/// See report.h for which split counts. kMissing for a run without an unseen domain.
double unseen_accuracy(const ReportRun& run, const SplitAccuracy& accuracy);
/// The mean over the source domains.
double source_accuracy(const ReportRun& run, const SplitAccuracy& accuracy);
/// The mean over the source domains of their individual sharpness.
double source_sharpness(const ReportRun& run);

/// In order of first appearance.
std::vector<Experiment> experiments_of(const ReportInput& input);
/// Those that averages are taken over: the ones with an unseen domain, when there are several.
std::vector<Experiment> averaged_experiments(const ReportInput& input);
/// The distinct labels in order of first appearance: a label's index is its colour.
std::vector<std::string> labels_of(const ReportInput& input);

/// Runs as columns.
Table experiment_table(const Experiment& experiment);
/// Labels as columns, means over averaged_experiments(); a mean is missing unless the label has a run in each.
Table average_table(const ReportInput& input);

/// What the numbers say, in a few sentences without a judgement.
std::string headline(const ReportInput& input);

}  // namespace dgsam
