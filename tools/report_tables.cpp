#include "tools/report_tables.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <numeric>

#include "engine/core/check.h"

namespace dgsam {
namespace {

using Figure = std::function<double(const ReportRun&)>;

using Format = std::string (*)(double);

/// A row of `figure` over runs.
TableRow row_of(std::string name, const std::vector<const ReportRun*>& runs, const Figure& figure, Format write,
                bool lead = false) {
  TableRow row{std::move(name), {}, lead};
  for (const ReportRun* run : runs) row.cells.push_back(write(figure(*run)));
  return row;
}

std::string sharpness_text(double value) { return format_number(value, 3); }
std::string count_text(double value) { return format_number(value, 0); }
std::string seconds_text(double value) { return format_number(value, 1); }

/// The run of `label` in each experiment, or nothing when one has none.
std::vector<const ReportRun*> runs_of(const std::string& label, const std::vector<Experiment>& experiments) {
  std::vector<const ReportRun*> found;
  for (const Experiment& experiment : experiments) {
    for (const ReportRun* run : experiment.runs) {
      if (run->label == label) {
        found.push_back(run);
        break;
      }
    }
  }
  if (found.size() != experiments.size()) found.clear();
  return found;
}

std::vector<double> each(const std::vector<const ReportRun*>& runs, const Figure& figure) {
  std::vector<double> values;
  for (const ReportRun* run : runs) values.push_back(figure(*run));
  return values;
}

double sum_of(const std::vector<double>& values) {
  return values.empty() ? kMissing : std::accumulate(values.begin(), values.end(), 0.0);
}

double largest_of(const std::vector<double>& values) {
  return std::isnan(sum_of(values)) ? kMissing : *std::max_element(values.begin(), values.end());
}

double final_unseen(const ReportRun& run) { return unseen_accuracy(run, run.final_accuracy); }
double final_source(const ReportRun& run) { return source_accuracy(run, run.final_accuracy); }
double total_sharpness(const ReportRun& run) { return run.total_sharpness; }
double seconds(const ReportRun& run) { return run.seconds; }
double gradients(const ReportRun& run) { return run.domain_gradients; }
double memory(const ReportRun& run) { return run.peak_mb; }

/// "57.7 % for ERM, 57.8 % for SAM and 52.8 % for DGSAM"; what is missing is left out.
std::string listed(const std::vector<std::string>& labels, const std::vector<double>& values, Format write,
                   const std::string& unit) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (!std::isnan(values[i])) parts.push_back(write(values[i]) + unit + " for " + labels[i]);
  }
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) text += i + 1 == parts.size() ? " and " : ", ";
    text += parts[i];
  }
  return text;
}

}  // namespace

void check_report(const ReportInput& input) {
  require(!input.runs.empty(), "a report needs at least one run, got none");
  for (const ReportRun& run : input.runs) {
    require(run.domains == input.runs.front().domains, "the runs ", input.runs.front().label, " and ", run.label,
            " have different domains: report on one data set at a time");
  }
}

std::string format_number(double value, int decimals) {
  if (std::isnan(value)) return "–";
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

std::string format_percent(double fraction) { return format_number(100 * fraction, 1); }

double mean_of(const std::vector<double>& values) { return sum_of(values) / static_cast<double>(values.size()); }

double unseen_accuracy(const ReportRun& run, const SplitAccuracy& accuracy) {
  return run.unseen < 0 ? kMissing : accuracy.in[static_cast<std::size_t>(run.unseen)];
}

double source_accuracy(const ReportRun& run, const SplitAccuracy& accuracy) {
  std::vector<double> values = accuracy.out;
  if (run.unseen >= 0) values.erase(values.begin() + run.unseen);
  return mean_of(values);
}

double source_sharpness(const ReportRun& run) {
  std::vector<double> values = run.sharpness;
  if (run.unseen >= 0) values.erase(values.begin() + run.unseen);
  return mean_of(values);
}

std::vector<Experiment> experiments_of(const ReportInput& input) {
  std::vector<Experiment> experiments;
  for (const ReportRun& run : input.runs) {
    const std::string unseen = run.unseen < 0 ? "" : run.domains[static_cast<std::size_t>(run.unseen)];
    auto place = std::find_if(experiments.begin(), experiments.end(),
                              [&](const Experiment& experiment) { return experiment.unseen == unseen; });
    if (place == experiments.end()) place = experiments.insert(place, Experiment{unseen, {}});
    place->runs.push_back(&run);
  }
  return experiments;
}

std::vector<std::string> labels_of(const ReportInput& input) {
  std::vector<std::string> labels;
  for (const ReportRun& run : input.runs) {
    if (std::find(labels.begin(), labels.end(), run.label) == labels.end()) labels.push_back(run.label);
  }
  return labels;
}

Table experiment_table(const Experiment& experiment) {
  const auto& runs = experiment.runs;
  const ReportRun& first = *runs.front();
  Table table{experiment.unseen.empty() ? "No domain left out" : "Unseen domain: " + experiment.unseen, {}, {}};
  for (const ReportRun* run : runs) table.columns.push_back(run->label);

  TableGroup accuracy{"Accuracy, %", {}}, sharpness{"One-step sharpness", {}};
  const auto of_unseen = experiment.unseen + ", unseen";
  if (first.unseen >= 0) accuracy.rows.push_back(row_of(of_unseen, runs, final_unseen, format_percent, true));
  for (std::size_t domain = 0; domain < first.domains.size(); ++domain) {
    if (static_cast<int>(domain) == first.unseen) continue;
    const auto accuracy_of = [domain](const ReportRun& run) { return run.final_accuracy.out[domain]; };
    const auto sharpness_of = [domain](const ReportRun& run) { return run.sharpness[domain]; };
    accuracy.rows.push_back(row_of(first.domains[domain], runs, accuracy_of, format_percent));
    sharpness.rows.push_back(row_of(first.domains[domain], runs, sharpness_of, sharpness_text));
  }
  accuracy.rows.push_back(row_of("mean of sources", runs, final_source, format_percent, true));
  sharpness.rows.push_back(row_of("mean of sources", runs, source_sharpness, sharpness_text, true));
  sharpness.rows.push_back(row_of("total of sources", runs, total_sharpness, sharpness_text));
  const auto sharpness_of_unseen = [&](const ReportRun& run) {
    return first.unseen < 0 ? kMissing : run.sharpness[static_cast<std::size_t>(first.unseen)];
  };
  if (std::any_of(runs.begin(), runs.end(), [&](auto run) { return !std::isnan(sharpness_of_unseen(*run)); })) {
    sharpness.rows.push_back(row_of(of_unseen, runs, sharpness_of_unseen, sharpness_text));
  }
  TableGroup cost{
      "Cost of training",
      {row_of("seconds", runs, seconds, seconds_text), row_of("domain gradients", runs, gradients, count_text),
       row_of("peak memory, MB", runs, memory, count_text)}};
  table.groups = {std::move(accuracy), std::move(sharpness), std::move(cost)};
  return table;
}

std::vector<Experiment> averaged_experiments(const ReportInput& input) {
  std::vector<Experiment> experiments = experiments_of(input);
  if (experiments.size() > 1) {
    std::erase_if(experiments, [](const Experiment& experiment) { return experiment.unseen.empty(); });
  }
  return experiments;
}

Table average_table(const ReportInput& input) {
  const std::vector<Experiment> experiments = averaged_experiments(input);
  Table table{"Average over " + std::to_string(experiments.size()) + " unseen domains", labels_of(input), {}};
  std::vector<std::vector<const ReportRun*>> runs;
  for (const std::string& label : table.columns) runs.push_back(runs_of(label, experiments));

  using Reduce = double (*)(const std::vector<double>&);
  const auto row = [&](std::string name, const Figure& figure, Reduce reduce, Format write, bool lead = false) {
    TableRow result{std::move(name), {}, lead};
    for (const auto& of_label : runs) result.cells.push_back(write(reduce(each(of_label, figure))));
    return result;
  };
  TableGroup unseen{"Accuracy on the unseen domain, %", {}};
  for (const Experiment& experiment : experiments) {
    TableRow one{experiment.unseen, {}};
    for (const std::string& label : table.columns) {
      const auto found = runs_of(label, {experiment});
      one.cells.push_back(format_percent(found.empty() ? kMissing : final_unseen(*found.front())));
    }
    unseen.rows.push_back(std::move(one));
  }
  unseen.rows.push_back(row("mean", final_unseen, mean_of, format_percent, true));
  table.groups = {
      std::move(unseen),
      {"Accuracy on the sources, %", {row("mean", final_source, mean_of, format_percent, true)}},
      {"One-step sharpness",
       {row("mean of sources", source_sharpness, mean_of, sharpness_text, true),
        row("total of sources", total_sharpness, mean_of, sharpness_text)}},
      {"Cost of training, all runs",
       {row("seconds", seconds, sum_of, seconds_text), row("domain gradients", gradients, sum_of, count_text),
        row("peak memory, MB", memory, largest_of, count_text)}}};
  return table;
}

std::string headline(const ReportInput& input) {
  const std::vector<Experiment> experiments = averaged_experiments(input);
  const std::vector<std::string> labels = labels_of(input);
  std::vector<double> unseen, source, sharpness;
  for (const std::string& label : labels) {
    const auto runs = runs_of(label, experiments);
    unseen.push_back(mean_of(each(runs, final_unseen)));
    source.push_back(mean_of(each(runs, final_source)));
    sharpness.push_back(mean_of(each(runs, source_sharpness)));
  }
  std::string text;
  const auto sentence = [&](const std::string& start, const std::vector<double>& values, Format write,
                            const std::string& unit) {
    const std::string list = listed(labels, values, write, unit);
    if (!list.empty()) text += start + list + ". ";
  };
  const std::string where = experiments.size() > 1
                                ? "Averaged over " + std::to_string(experiments.size()) + " unseen domains,"
                                : "On the unseen domain " + experiments.front().unseen;
  sentence(where + " the accuracy is ", unseen, format_percent, "\u00a0%");
  sentence("On held-out images of the source domains the accuracy is ", source, format_percent, "\u00a0%");
  sentence("The one-step sharpness of a single source domain is on average ", sharpness, sharpness_text, "");
  const bool one_run_each = labels.size() * experiments.size() == input.runs.size();
  if (one_run_each) text += "Each is a single run: another seed may change small differences and their order.";
  return text;
}

std::string text_table(const ReportInput& input) {
  check_report(input);
  std::vector<Table> tables;
  const std::vector<Experiment> experiments = experiments_of(input);
  for (const Experiment& experiment : experiments) tables.push_back(experiment_table(experiment));
  if (averaged_experiments(input).size() > 1) tables.push_back(average_table(input));

  // Columns on the screen, not bytes: continuation bytes of UTF-8 take no place.
  const auto width_of = [](const std::string& text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char letter) { return (letter & 0xC0) != 0x80; }));
  };
  const auto spaces = [](std::size_t width, std::size_t used) {
    return std::string(width > used ? width - used : 0, ' ');
  };
  std::string text;
  for (const Table& table : tables) {
    std::size_t name_width = width_of(table.title), cell_width = 8;
    for (const std::string& column : table.columns) cell_width = std::max(cell_width, width_of(column) + 2);
    for (const TableGroup& group : table.groups) {
      name_width = std::max(name_width, width_of(group.name));
      for (const TableRow& row : group.rows) {
        name_width = std::max(name_width, width_of(row.name) + 2);
        for (const std::string& cell : row.cells) cell_width = std::max(cell_width, width_of(cell) + 2);
      }
    }
    const auto line = [&](const std::string& name, const std::vector<std::string>& cells) {
      text += name + spaces(name_width, width_of(name));
      for (const std::string& cell : cells) text += spaces(cell_width, width_of(cell)) + cell;
      text += '\n';
    };
    if (!text.empty()) text += '\n';
    line(table.title, table.columns);
    for (const TableGroup& group : table.groups) {
      text += group.name + '\n';
      for (const TableRow& row : group.rows) line("  " + row.name, row.cells);
    }
  }
  return text;
}

}  // namespace dgsam
