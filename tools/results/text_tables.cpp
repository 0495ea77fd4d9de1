// The tables for a terminal.
#include <algorithm>

#include "tools/results/tables.h"

namespace dgsam {
namespace {

/// Columns on the screen, not bytes: continuation bytes of UTF-8 take no place.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char letter) { return (letter & 0xC0) != 0x80; }));
}

std::string spaces(std::size_t width, std::size_t used) { return std::string(width > used ? width - used : 0, ' '); }

std::string text_of(const Table& table) {
  std::size_t name_width = width_of(table.title);
  std::vector<std::size_t> widths;
  for (const std::string& column : table.columns) widths.push_back(std::max<std::size_t>(8, width_of(column) + 2));
  for (const TableGroup& group : table.groups) {
    name_width = std::max(name_width, width_of(group.name));
    for (const TableRow& row : group.rows) {
      name_width = std::max(name_width, width_of(row.name) + 2);
      for (std::size_t i = 0; i < row.cells.size(); ++i) widths[i] = std::max(widths[i], width_of(row.cells[i]) + 2);
    }
  }
  std::string text;
  const auto line = [&](const std::string& name, const std::vector<std::string>& cells) {
    text += name + spaces(name_width, width_of(name));
    for (std::size_t i = 0; i < cells.size(); ++i) text += spaces(widths[i], width_of(cells[i])) + cells[i];
    text += '\n';
  };
  line(table.title, table.columns);
  for (const TableGroup& group : table.groups) {
    text += group.name + '\n';
    for (const TableRow& row : group.rows) line("  " + row.name, row.cells);
  }
  return text;
}

}  // namespace

std::string text_tables(const std::vector<FinishedRun>& runs) {
  check_runs(runs);
  std::string text;
  for (const Experiment& experiment : experiments_of(runs)) {
    text += (text.empty() ? "" : "\n") + text_of(experiment_table(experiment));
  }
  if (averaged_experiments(runs).size() > 1) text += "\n" + text_of(average_table(runs));
  return text;
}

}  // namespace dgsam
