#include "tools/lab/report/report_html.h"

#include <algorithm>

#include "tools/terminal/base64.h"

namespace dgsam {
namespace {

/// The standard error of a cell stands back behind its mean.
std::string cell_html(const std::string& cell) {
  const std::size_t error = cell.find(" ± ");
  if (error == std::string::npos) return escaped(cell);
  return escaped(cell.substr(0, error)) + "<span class=\"error\">" + escaped(cell.substr(error)) + "</span>";
}

}  // namespace

std::string element(const std::string& tag, const std::string& text) {
  return "<" + tag + ">" + escaped(text) + "</" + tag + ">\n";
}

std::string figure(const std::string& title, const std::string& remark, const std::string& body) {
  return "<figure>\n<figcaption><b>" + escaped(title) + "</b>" +
         (remark.empty() ? "" : "<small>" + escaped(remark) + "</small>") + "</figcaption>\n" + body + "</figure>\n";
}

std::string details(const std::string& summary, const std::string& body) {
  return "<details>\n<summary>" + escaped(summary) + "</summary>\n" + body + "</details>\n";
}

std::string scrolling(const std::string& name, const std::string& body) {
  return "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"" + escaped(name) + "\">\n" + body +
         "</div>\n";
}

std::string html_table(const Table& table, const std::string& caption, const std::vector<std::string>& labels) {
  std::string text = "<table>\n<caption>" + escaped(caption) + "</caption>\n<thead><tr><td></td>";
  for (const std::string& column : table.columns) {
    const auto colour = std::find(labels.begin(), labels.end(), column) - labels.begin();
    text += "<th scope=\"col\" class=\"" + colour_class(static_cast<int>(colour)) + "\">" + escaped(column) + "</th>";
  }
  text += "</tr></thead>\n";
  for (const TableGroup& group : table.groups) {
    text += "<tbody>\n<tr><th scope=\"rowgroup\" colspan=\"" + std::to_string(table.columns.size() + 1) + "\">" +
            escaped(group.name) + "</th></tr>\n";
    for (const TableRow& row : group.rows) {
      text +=
          std::string(row.lead ? "<tr class=\"lead\">" : "<tr>") + "<th scope=\"row\">" + escaped(row.name) + "</th>";
      for (const std::string& cell : row.cells) text += "<td>" + cell_html(cell) + "</td>";
      text += "</tr>\n";
    }
    text += "</tbody>\n";
  }
  return scrolling(table.title, text + "</table>\n");
}

std::string method_key(const Experiment& experiment) {
  std::string text = "<div class=\"key\">";
  for (const MethodRuns& method : experiment.methods) {
    text += "<span class=\"" + colour_class(method.colour) + "\">" + escaped(method.label) + "</span>";
  }
  return text + "</div>\n";
}

std::string embedded_image(const std::vector<std::uint8_t>& file, const std::string& description) {
  const bool jpeg = file.size() > 1 && file[0] == 0xFF && file[1] == 0xD8;
  return "<img alt=\"" + escaped(description) + "\" src=\"data:image/" + (jpeg ? "jpeg" : "png") + ";base64," +
         base64(file) + "\">\n";
}

std::vector<Curve> method_bars(const Experiment& experiment, const std::vector<RunFigure>& figures) {
  std::vector<Curve> bars;
  for (const MethodRuns& method : experiment.methods) {
    Curve curve{method.label, method.colour, {}, {}};
    for (const RunFigure& figure : figures) {
      const Statistic statistic = statistic_of(method.runs, figure);
      curve.y.push_back(statistic.mean);
      curve.error.push_back(statistic.error);
    }
    bars.push_back(std::move(curve));
  }
  return bars;
}

}  // namespace dgsam
