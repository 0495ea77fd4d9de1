#include "tools/lab/collect/collect_format.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "tools/terminal/text_columns.h"

namespace dgsam {

namespace {

using Part = ResultTable::Part;
using Words = std::vector<std::string>;

std::string decimal(double value, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

/// "84.5 +/- 0.3", "1.25 [0.10, 2.40]", "12" or "X".
std::string text_of(const Figure& figure, const char* plus_minus) {
  if (std::isnan(figure.value)) return "X";
  std::string text = decimal(figure.value, figure.decimals);
  if (!std::isnan(figure.error)) text += plus_minus + decimal(figure.error, figure.decimals);
  if (!std::isnan(figure.low)) {
    text += " [" + decimal(figure.low, figure.decimals) + ", " + decimal(figure.high, figure.decimals) + "]";
  }
  return text;
}

/// Header and rows as text.
std::vector<Words> cells_of(const ResultTable& table, const char* plus_minus) {
  std::vector<Words> rows{{table.part == Part::ablation ? "Setting" : "Algorithm"}};
  rows[0].insert(rows[0].end(), table.columns.begin(), table.columns.end());
  for (const FigureRow& row : table.rows) {
    rows.push_back({row.label});
    for (const Figure& figure : row.figures) rows.back().push_back(text_of(figure, plus_minus));
  }
  return rows;
}

/// DomainBed's width of a column.
std::size_t width_of(const ResultTable& table) { return table.dataset.empty() ? 25 : 20; }

std::string cut_and_filled(std::string text, std::size_t width) {
  text.resize(width, ' ');
  return text;
}

std::string joined(const Words& words, const std::string& separator, std::size_t width = 0) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    text += (i > 0 ? separator : "") + (width > 0 ? cut_and_filled(words[i], width) : words[i]);
  }
  return text;
}

std::string text_table(const ResultTable& table) {
  std::string text = "-------- " + table.title + "\n";
  const std::vector<Words> rows = cells_of(table, " +/- ");
  if (table.part != Part::selection) return text + text_columns(rows);
  for (const Words& row : rows) text += joined(row, "  ", width_of(table)) + " \n";
  return text;
}

std::string as_text(const Collection& collection, const std::vector<ResultTable>& tables) {
  std::string text = "Total records: " + std::to_string(collection.records.size()) + "\n";
  for (const ResultTable& table : tables) text += "\n" + text_table(table);
  return text;
}

std::string latex_escaped(const std::string& text) {
  std::string result;
  for (const char letter : text) {
    if (letter == '^') {
      result += "\\textasciicircum{}";
      continue;
    }
    if (std::string_view("%_&#").find(letter) != std::string_view::npos) result += '\\';
    result += letter;
  }
  return result;
}

std::string latex_table(const ResultTable& table) {
  std::string text = "\n\\begin{center}\n\\adjustbox{max width=\\textwidth}{%\n\\begin{tabular}{l" +
                     std::string(table.columns.size(), 'c') + "}\n\\toprule\n";
  std::vector<Words> rows = cells_of(table, " $\\pm$ ");
  for (std::string& cell : rows[0]) cell = "\\textbf{" + latex_escaped(cell) + "}";
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (row > 0) rows[row][0] = latex_escaped(rows[row][0]);
    // Figures of other tables are longer than DomainBed's, and nothing may be cut.
    const std::size_t width = table.part == Part::selection ? width_of(table) : 0;
    text += joined(rows[row], " & ", width) + " \\\\\n";
    if (row == 0) text += "\\midrule\n";
  }
  return text + "\\bottomrule\n\\end{tabular}}\n\\end{center}\n";
}

std::string as_latex(const Collection& collection, const std::vector<ResultTable>& tables) {
  std::string text =
      "\\documentclass{article}\n\\usepackage{booktabs}\n\\usepackage{adjustbox}\n\\begin{document}\n"
      "\\section{Full DomainBed results}\n% Total records: " +
      std::to_string(collection.records.size()) + "\n";
  std::string section;
  for (const ResultTable& table : tables) {
    if (table.part != Part::selection) {
      text += "\n\\subsection{" + latex_escaped(table.title) + "}\n";
    } else {
      if (table.selection != section) text += "\n\\subsection{Model selection: " + table.selection + "}\n";
      section = table.selection;
      text += "\n\\subsubsection{" + (table.dataset.empty() ? "Averages" : latex_escaped(table.dataset)) + "}\n";
    }
    text += latex_table(table);
  }
  return text + "\\end{document}\n";
}

std::string as_markdown(const std::vector<ResultTable>& tables) {
  std::string text;
  for (const ResultTable& table : tables) {
    text += (text.empty() ? "### " : "\n### ") + table.title + "\n\n";
    const std::vector<Words> rows = cells_of(table, " ± ");
    for (std::size_t row = 0; row < rows.size(); ++row) {
      text += "| " + joined(rows[row], " | ") + " |\n";
      if (row > 0) continue;
      text += "|---|";
      for (std::size_t column = 0; column < table.columns.size(); ++column) text += "---:|";
      text += "\n";
    }
  }
  return text;
}

const char* name_of(Part part) {
  switch (part) {
    case Part::selection:
      return "selection";
    case Part::swad:
      return "swad";
    case Part::spread:
      return "spread";
    case Part::comparison:
      return "comparison";
    case Part::cost:
      return "cost";
    case Part::ablation:
      return "ablation";
  }
  return "";
}

const char* name_of(CollectProblem::Kind kind) {
  switch (kind) {
    case CollectProblem::Kind::malformed:
      return "malformed";
    case CollectProblem::Kind::incomplete:
      return "incomplete";
    case CollectProblem::Kind::without_results:
      return "without_results";
    case CollectProblem::Kind::not_comparable:
      return "not_comparable";
  }
  return "";
}

nlohmann::ordered_json json_table(const ResultTable& table) {
  nlohmann::ordered_json json{{"part", name_of(table.part)},
                              {"dataset", table.dataset},
                              {"selection", table.selection},
                              {"title", table.title},
                              {"columns", table.columns}};
  for (const FigureRow& row : table.rows) {
    nlohmann::ordered_json figures = nlohmann::ordered_json::array();
    for (const Figure& figure : row.figures) {
      nlohmann::ordered_json cell = nlohmann::ordered_json::object();
      for (const auto& [key, value] :
           {std::pair{"value", figure.value}, {"error", figure.error}, {"low", figure.low}, {"high", figure.high}}) {
        if (!std::isnan(value)) cell[key] = value;
      }
      if (figure.count > 0) cell["n"] = figure.count;
      figures.push_back(std::move(cell));
    }
    json["rows"].push_back({{"label", row.label}, {"figures", std::move(figures)}});
  }
  return json;
}

std::string as_json(const Collection& collection, const std::vector<ResultTable>& tables) {
  nlohmann::ordered_json json{{"runs", collection.runs.size()}, {"records", collection.records.size()}};
  json["problems"] = nlohmann::ordered_json::array();
  for (const CollectProblem& problem : collection.problems) {
    json["problems"].push_back({{"kind", name_of(problem.kind)}, {"text", problem.text}});
  }
  json["tables"] = nlohmann::ordered_json::array();
  for (const ResultTable& table : tables) json["tables"].push_back(json_table(table));
  return json.dump(2) + "\n";
}

std::string csv_quoted(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char letter : text) quoted += letter == '"' ? std::string("\"\"") : std::string(1, letter);
  return quoted + "\"";
}

std::string as_csv(const std::vector<ResultTable>& tables) {
  std::string text = "part,dataset,selection,row,column,value,error,low,high,n\n";
  const auto exact = [](double value) { return std::isnan(value) ? std::string() : nlohmann::json(value).dump(); };
  for (const ResultTable& table : tables) {
    for (const FigureRow& row : table.rows) {
      for (std::size_t column = 0; column < row.figures.size(); ++column) {
        const Figure& figure = row.figures[column];
        text +=
            joined({name_of(table.part), csv_quoted(table.dataset), csv_quoted(table.selection), csv_quoted(row.label),
                    csv_quoted(table.columns[column]), exact(figure.value), exact(figure.error), exact(figure.low),
                    exact(figure.high), figure.count > 0 ? std::to_string(figure.count) : ""},
                   ",") +
            "\n";
      }
    }
  }
  return text;
}

}  // namespace

const std::map<std::string, TableFormat>& table_formats() {
  static const std::map<std::string, TableFormat> formats{{"text", TableFormat::text},
                                                          {"markdown", TableFormat::markdown},
                                                          {"latex", TableFormat::latex},
                                                          {"json", TableFormat::json},
                                                          {"csv", TableFormat::csv}};
  return formats;
}

std::string format_tables(const Collection& collection, const std::vector<ResultTable>& tables, TableFormat format) {
  switch (format) {
    case TableFormat::text:
      return as_text(collection, tables);
    case TableFormat::markdown:
      return as_markdown(tables);
    case TableFormat::latex:
      return as_latex(collection, tables);
    case TableFormat::json:
      return as_json(collection, tables);
    case TableFormat::csv:
      return as_csv(tables);
  }
  return "";
}

std::string format_table(const ResultTable& table, TableFormat format) {
  switch (format) {
    case TableFormat::text:
      return text_table(table);
    case TableFormat::markdown:
      return as_markdown({table});
    case TableFormat::latex:
      return latex_table(table);
    case TableFormat::json:
      return json_table(table).dump(2) + "\n";
    case TableFormat::csv:
      return as_csv({table});
  }
  return "";
}

std::string describe_problems(const Collection& collection) {
  std::string text;
  for (const auto& [kind, what] : {std::pair{CollectProblem::Kind::without_results, "without any result"},
                                   {CollectProblem::Kind::incomplete, "not done"},
                                   {CollectProblem::Kind::malformed, "malformed, left out"},
                                   {CollectProblem::Kind::not_comparable, "there twice"}}) {
    std::string lines;
    std::size_t count = 0;
    for (const CollectProblem& problem : collection.problems) {
      if (problem.kind != kind) continue;
      ++count;
      lines += "  " + problem.text + "\n";
    }
    const char* things = kind == CollectProblem::Kind::malformed ? " record(s) " : " run(s) ";
    if (count > 0) text += "note: " + std::to_string(count) + things + what + ":\n" + lines;
  }
  return text;
}

}  // namespace dgsam
