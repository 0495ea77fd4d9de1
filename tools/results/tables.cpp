#include "tools/results/tables.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace dgsam {
namespace {

using Format = std::string (*)(double);

std::string count_text(double value) { return format_number(value, 0); }
std::string seconds_text(double value) { return format_number(value, 1); }
std::string ratio_text(double value) { return std::isnan(value) ? "–" : format_number(value, 2) + "\u00a0×"; }

/// Floating-point operations in units of 10^12.
std::string tera_text(double value) { return format_number(value / 1e12, value < 1e13 ? 2 : 0); }

double total_sharpness(const FinishedRun& run) { return run.total_sharpness; }
double seconds(const FinishedRun& run) { return run.seconds; }
double gradients(const FinishedRun& run) { return run.domain_gradients; }
double flops(const FinishedRun& run) { return run.flops; }
double memory(const FinishedRun& run) { return run.peak_mb; }

double sharpness_of_unseen(const FinishedRun& run) {
  return run.unseen < 0 ? kMissing : run.sharpness[static_cast<std::size_t>(run.unseen)];
}

/// How many runs each column is the mean of.
TableGroup runs_group(const std::vector<std::string>& counts) { return {"Mean ± standard error", {{"runs", counts}}}; }

}  // namespace

std::string format_percent(double fraction) { return format_number(100 * fraction, 1); }
std::string sharpness_text(double value) { return format_number(value, 3); }

std::string format_statistic(const Statistic& statistic, std::size_t expected, Format write) {
  std::string text = write(statistic.mean);
  if (statistic.error > 1e-9 * std::abs(statistic.mean)) text += " ± " + write(statistic.error);
  if (statistic.count > 0 && statistic.count != expected) text += " (" + std::to_string(statistic.count) + ")";
  return text;
}

TableRow row_of(std::string name, const Experiment& experiment, const RunFigure& figure, Format write, bool lead) {
  TableRow row{std::move(name), {}, lead};
  for (const MethodRuns& method : experiment.methods) {
    row.cells.push_back(format_statistic(statistic_of(method.runs, figure), method.runs.size(), write));
  }
  return row;
}

Table experiment_table(const Experiment& experiment) {
  const FinishedRun& first = experiment.first();
  Table table{experiment.unseen.empty() ? "No domain left out" : "Unseen domain: " + experiment.unseen, {}, {}};
  std::vector<std::string> counts;
  for (const MethodRuns& method : experiment.methods) {
    table.columns.push_back(method.label);
    counts.push_back(std::to_string(method.runs.size()));
  }
  if (has_repetitions({experiment})) table.groups.push_back(runs_group(counts));

  TableGroup accuracy{"Accuracy, %", {}}, sharpness{"One-step sharpness", {}};
  const auto of_unseen = experiment.unseen + ", unseen";
  if (first.unseen >= 0) accuracy.rows.push_back(row_of(of_unseen, experiment, final_unseen, format_percent, true));
  for (const std::size_t domain : source_domains(first)) {
    const auto accuracy_of = [domain](const FinishedRun& run) { return run.final_accuracy.out[domain]; };
    const auto sharpness_of = [domain](const FinishedRun& run) { return run.sharpness[domain]; };
    accuracy.rows.push_back(row_of(first.domains[domain], experiment, accuracy_of, format_percent));
    sharpness.rows.push_back(row_of(first.domains[domain], experiment, sharpness_of, sharpness_text));
  }
  accuracy.rows.push_back(row_of("mean of sources", experiment, final_source, format_percent, true));
  sharpness.rows.push_back(row_of("mean of sources", experiment, source_sharpness, sharpness_text, true));
  sharpness.rows.push_back(row_of("total of sources", experiment, total_sharpness, sharpness_text));
  const bool unseen_measured =
      std::any_of(experiment.methods.begin(), experiment.methods.end(),
                  [](const MethodRuns& method) { return statistic_of(method.runs, sharpness_of_unseen).count > 0; });
  if (unseen_measured) sharpness.rows.push_back(row_of(of_unseen, experiment, sharpness_of_unseen, sharpness_text));
  TableGroup cost{"Cost of one run",
                  {row_of("seconds", experiment, seconds, seconds_text),
                   row_of("domain gradients", experiment, gradients, count_text),
                   row_of("peak memory, MB", experiment, memory, count_text)}};
  table.groups.insert(table.groups.end(), {std::move(accuracy), std::move(sharpness), std::move(cost)});
  return table;
}

Table average_table(const std::vector<FinishedRun>& runs) {
  const std::vector<Experiment> experiments = averaged_experiments(runs);
  Table table{"Average over " + std::to_string(experiments.size()) + " unseen domains", labels_of(runs), {}};
  std::vector<std::size_t> trials;
  std::vector<std::string> counts;
  for (const std::string& label : table.columns) {
    // 1 of every run: as many averages as there are trials with all domains.
    trials.push_back(trial_averages(experiments, label, [](const FinishedRun&) { return 1.0; }).size());
    counts.push_back(std::to_string(trials.back()));
  }
  const auto row = [&](std::string name, const RunFigure& figure, Format write, bool lead = false) {
    TableRow result{std::move(name), {}, lead};
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      const Statistic statistic = statistic_of(trial_averages(experiments, table.columns[i], figure));
      result.cells.push_back(format_statistic(statistic, trials[i], write));
    }
    return result;
  };
  TableGroup unseen{"Accuracy on the unseen domain, %", {}};
  for (const Experiment& experiment : experiments) {
    TableRow one{experiment.unseen, {}};
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      const MethodRuns* method = experiment.find(table.columns[i]);
      const Statistic statistic = method ? statistic_of(method->runs, final_unseen) : Statistic{};
      one.cells.push_back(format_statistic(statistic, std::max<std::size_t>(trials[i], 1), format_percent));
    }
    unseen.rows.push_back(std::move(one));
  }
  unseen.rows.push_back(row("mean", final_unseen, format_percent, true));
  if (has_repetitions(experiments)) table.groups.push_back({"Mean ± standard error", {{"trials", counts}}});
  table.groups.insert(table.groups.end(),
                      {std::move(unseen),
                       {"Accuracy on the sources, %", {row("mean", final_source, format_percent, true)}},
                       {"One-step sharpness",
                        {row("mean of sources", source_sharpness, sharpness_text, true),
                         row("total of sources", total_sharpness, sharpness_text)}},
                       {"Cost of one run",
                        {row("seconds", seconds, seconds_text), row("domain gradients", gradients, count_text),
                         row("peak memory, MB", memory, count_text)}}});
  return table;
}

Table cost_table(const std::vector<FinishedRun>& runs) {
  Table table{"Cost of training one run", labels_of(runs), {}};
  std::vector<std::vector<const FinishedRun*>> by_method(table.columns.size());
  int baseline = -1;
  std::vector<std::string> counts;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    for (const FinishedRun& run : runs) {
      if (run.label == table.columns[i]) by_method[i].push_back(&run);
    }
    if (baseline < 0 && by_method[i].front()->algorithm == "erm") baseline = static_cast<int>(i);
    counts.push_back(std::to_string(by_method[i].size()));
  }
  const auto add = [&](const std::string& name, const std::string& unit, const RunFigure& figure, Format write) {
    TableGroup group{name, {{unit, {}, true}}};
    TableRow ratio{baseline < 0 ? "" : "times " + table.columns[static_cast<std::size_t>(baseline)], {}};
    for (const auto& of_method : by_method) {
      const Statistic statistic = statistic_of(of_method, figure);
      group.rows[0].cells.push_back(format_statistic(statistic, of_method.size(), write));
      if (baseline < 0) continue;
      ratio.cells.push_back(
          ratio_text(statistic.mean / statistic_of(by_method[static_cast<std::size_t>(baseline)], figure).mean));
    }
    if (baseline >= 0) group.rows.push_back(std::move(ratio));
    table.groups.push_back(std::move(group));
  };
  if (has_repetitions(experiments_of(runs))) table.groups.push_back(runs_group(counts));
  add("Wall clock of the steps", "seconds", seconds, seconds_text);
  add("Gradients of one domain's batch", "number", gradients, count_text);
  add("Floating-point operations of the passes", "10¹²", flops, tera_text);
  add("Peak memory of the process", "MB", memory, count_text);
  return table;
}

}  // namespace dgsam
