#include "tools/report.h"

#include <algorithm>
#include <cmath>
#include <fstream>

#include "engine/core/check.h"
#include "tools/report_chart.h"
#include "tools/report_style.h"
#include "tools/report_tables.h"

namespace dgsam {
namespace {

constexpr int kLossPoints = 50;  // of a loss curve: enough for its shape, few enough to smooth it

std::string element(const std::string& tag, const std::string& text) {
  return "<" + tag + ">" + escaped(text) + "</" + tag + ">\n";
}

std::string base64(const std::vector<std::uint8_t>& bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) group = group << 8 | (i + j < bytes.size() ? bytes[i + j] : 0u);
    for (std::size_t j = 0; j < 4; ++j) {
      text += i + j > bytes.size() ? '=' : kDigits[group >> (18 - 6 * j) & 63];
    }
  }
  return text;
}

class Page {
 public:
  explicit Page(const ReportInput& input)
      : input_(input), experiments_(experiments_of(input)), labels_(labels_of(input)) {}

  std::string html() const {
    std::string text =
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
    text +=
        element("title", input_.title) + "<style>" + std::string(kReportStyle) + "</style>\n</head>\n<body>\n<main>\n";
    text += "<header>\n" + element("h1", input_.title) + element("p", input_.explanation);
    text += "<p class=\"headline\">" + escaped(headline(input_)) + "</p>\n" + contents() + "</header>\n";
    text += samples();
    if (averaged_experiments(input_).size() > 1) {
      const Table averages = average_table(input_);
      text +=
          "<section id=\"average\">\n<h2>All unseen domains</h2>\n" + table(averages, averages.title) + "</section>\n";
    }
    for (std::size_t i = 0; i < experiments_.size(); ++i) text += experiment(i);
    return text + reading() + appendix() + "</main>\n</body>\n</html>\n";
  }

 private:
  int colour_of(const std::string& label) const {
    return static_cast<int>(std::find(labels_.begin(), labels_.end(), label) - labels_.begin());
  }

  std::string contents() const {
    if (experiments_.size() < 2) return "";
    std::string text = "<nav aria-label=\"Contents\"><ul>\n";
    if (averaged_experiments(input_).size() > 1) text += "<li><a href=\"#average\">All unseen domains</a></li>\n";
    for (std::size_t i = 0; i < experiments_.size(); ++i) {
      text += "<li><a href=\"#unseen-" + std::to_string(i) + "\">" + escaped(name_of(experiments_[i])) + "</a></li>\n";
    }
    return text + "<li><a href=\"#reproduce\">Reproduce</a></li>\n</ul></nav>\n";
  }

  static std::string name_of(const Experiment& experiment) {
    return experiment.unseen.empty() ? "No domain left out" : "Unseen domain: " + experiment.unseen;
  }

  std::string samples() const {
    if (input_.samples.empty()) return "";
    std::string text = "<section>\n<h2>The domains</h2>\n<div class=\"domains\">\n";
    for (const DomainSamples& domain : input_.samples) {
      const bool unseen = std::any_of(experiments_.begin(), experiments_.end(),
                                      [&](const auto& e) { return e.unseen == domain.domain; });
      const std::string tag = !unseen                   ? "source"
                              : experiments_.size() > 1 ? "unseen in its turn"
                                                        : "unseen in training";
      text += "<figure>\n<figcaption><b>" + escaped(domain.domain) + "</b><span class=\"tag" +
              (unseen ? " unseen" : "") + "\">" + tag + "</span></figcaption>\n<div class=\"thumbs\">\n";
      for (std::size_t i = 0; i < domain.pngs.size(); ++i) {
        text += "<img alt=\"" + escaped(domain.domain) + ", sample " + std::to_string(i + 1) + " of " +
                std::to_string(domain.pngs.size()) + "\" src=\"data:image/png;base64," + base64(domain.pngs[i]) +
                "\">\n";
      }
      text += "</div>\n</figure>\n";
    }
    return text + "</div>\n</section>\n";
  }

  std::string table(const Table& table, const std::string& caption) const {
    std::string text = "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"" + escaped(table.title) +
                       "\">\n<table>\n<caption>" + escaped(caption) + "</caption>\n<thead><tr><td></td>";
    for (const std::string& column : table.columns) {
      text += "<th scope=\"col\" class=\"c" + std::to_string(colour_of(column) % kColours) + "\">" + escaped(column) +
              "</th>";
    }
    text += "</tr></thead>\n";
    for (const TableGroup& group : table.groups) {
      text += "<tbody>\n<tr><th scope=\"rowgroup\" colspan=\"" + std::to_string(table.columns.size() + 1) + "\">" +
              escaped(group.name) + "</th></tr>\n";
      for (const TableRow& row : group.rows) {
        text +=
            std::string(row.lead ? "<tr class=\"lead\">" : "<tr>") + "<th scope=\"row\">" + escaped(row.name) + "</th>";
        for (const std::string& cell : row.cells) text += "<td>" + escaped(cell) + "</td>";
        text += "</tr>\n";
      }
      text += "</tbody>\n";
    }
    return text + "</table>\n</div>\n";
  }

  /// A curve over the evaluations of each run.
  template <class Value>
  std::vector<Curve> over_evaluations(const Experiment& experiment, const Value& value) const {
    std::vector<Curve> curves;
    for (const ReportRun* run : experiment.runs) {
      Curve curve{run->label, colour_of(run->label), {}, {}};
      for (const Evaluation& evaluation : run->evaluations) {
        curve.x.push_back(evaluation.step);
        curve.y.push_back(100 * value(*run, evaluation.accuracy));
      }
      curves.push_back(std::move(curve));
    }
    return curves;
  }

  static std::string figure(const std::string& title, const std::string& remark, const std::string& body) {
    return "<figure>\n<figcaption><b>" + escaped(title) + "</b>" +
           (remark.empty() ? "" : "<small>" + escaped(remark) + "</small>") + "</figcaption>\n" + body + "</figure>\n";
  }

  std::string loss_figure(const Experiment& experiment) const {
    std::vector<Curve> curves;
    std::size_t steps = 0;
    for (const ReportRun* run : experiment.runs) {
      const std::vector<double> x(run->steps.begin(), run->steps.end());
      curves.push_back(smoothed({run->label, colour_of(run->label), x, run->loss}, kLossPoints));
      steps = std::max(steps, run->steps.size());
    }
    const std::size_t window = (steps + kLossPoints - 1) / kLossPoints;
    const std::string remark = window > 1 ? "Each point is the mean of " + std::to_string(window) + " steps" : "";
    return figure("Training loss", remark, line_chart({"Training loss by step", 3, false, curves}));
  }

  std::string sharpness_figure(const Experiment& experiment) const {
    BarChart chart{"One-step sharpness by domain", {}, {}};
    const ReportRun& first = *experiment.runs.front();
    std::vector<std::size_t> sources;
    for (std::size_t domain = 0; domain < first.domains.size(); ++domain) {
      if (static_cast<int>(domain) == first.unseen) continue;
      sources.push_back(domain);
      chart.groups.push_back(first.domains[domain]);
    }
    chart.groups.push_back("total");
    std::string key = "<div class=\"key\">";
    for (const ReportRun* run : experiment.runs) {
      Curve bars{run->label, colour_of(run->label), {}, {}};
      for (const std::size_t domain : sources) bars.y.push_back(run->sharpness[domain]);
      bars.y.push_back(run->total_sharpness);
      key += "<span class=\"c" + std::to_string(bars.colour % kColours) + "\">" + escaped(run->label) + "</span>";
      chart.bars.push_back(std::move(bars));
    }
    return figure("One-step sharpness of the source domains",
                  "Rise of the loss after one ascent step; lower is flatter", key + "</div>\n" + bar_chart(chart));
  }

  std::string experiment(std::size_t index) const {
    const Experiment& experiment = experiments_[index];
    std::string text = "<section id=\"unseen-" + std::to_string(index) + "\">\n" + element("h2", name_of(experiment));
    text += "<div class=\"pair\">\n" + table(experiment_table(experiment), "Accuracy, sharpness and cost") +
            sharpness_figure(experiment) + "</div>\n";
    text += "<div class=\"curves\">\n" + loss_figure(experiment);
    if (!experiment.unseen.empty()) {
      const LineChart chart{"Accuracy on the unseen domain by step, in percent", 1, true,
                            over_evaluations(experiment, unseen_accuracy)};
      text += figure("Accuracy on " + experiment.unseen + ", %", "The domain unseen in training", line_chart(chart));
    }
    const LineChart chart{"Mean accuracy on the source domains by step, in percent", 1, true,
                          over_evaluations(experiment, source_accuracy)};
    text += figure("Accuracy on the sources, %", "Mean over their held-out images", line_chart(chart));
    return text + "</div>\n" + evaluations(experiment) + "</section>\n";
  }

  /// The points of the accuracy curves as text, for readers who do not see or hover the charts.
  std::string evaluations(const Experiment& experiment) const {
    std::string text =
        "<details>\n<summary>Every evaluation as numbers</summary>\n<div class=\"scroll\" tabindex=\"0\" "
        "role=\"region\" aria-label=\"Evaluations\">\n<table>\n<thead><tr><th scope=\"col\">method</th>"
        "<th scope=\"col\">step</th><th scope=\"col\">unseen, %</th><th scope=\"col\">sources, %</th></tr></thead>\n"
        "<tbody>\n";
    for (const ReportRun* run : experiment.runs) {
      for (const Evaluation& evaluation : run->evaluations) {
        text += "<tr><th scope=\"row\">" + escaped(run->label) + "</th><td>" + std::to_string(evaluation.step) +
                "</td><td>" + format_percent(unseen_accuracy(*run, evaluation.accuracy)) + "</td><td>" +
                format_percent(source_accuracy(*run, evaluation.accuracy)) + "</td></tr>\n";
      }
    }
    return text + "</tbody>\n</table>\n</div>\n</details>\n";
  }

  std::string reading() const {
    std::string text = "<section>\n<h2>How to read this</h2>\n";
    text +=
        element("p",
                "Accuracy on the unseen domain is that of its in-split, 80 % of its images unless set otherwise, none "
                "of which was trained on. Accuracy on a source is that of its held-out images. Both are of the final "
                "model.");
    text +=
        element("p",
                "One-step sharpness is the rise of a loss when the parameters take one ascent step of length rho: on "
                "one domain's loss (individual) or on the mean over the sources (total). The total can be flat "
                "while single domains are sharp.");
    text += element("p",
                    "A domain gradient is one gradient of one domain's batch. With S source domains a step costs S of "
                    "them in ERM, 2S in SAM and S + 1 in DGSAM.");
    const bool dgsam = std::any_of(input_.runs.begin(), input_.runs.end(),
                                   [](const ReportRun& run) { return run.algorithm == "dgsam"; });
    if (dgsam) {
      text +=
          element("p",
                  "DGSAM's training loss is the mean over its S + 1 passes, most of them at ascended parameters, so it "
                  "lies above the loss that ERM and SAM record at the parameters themselves.");
    }
    return text + "</section>\n";
  }

  /// Name and value; where runs differ, each distinct value once.
  std::string facts(const std::string& summary,
                    const std::vector<std::pair<std::string, std::string>> ReportRun::*list) const {
    std::vector<std::pair<std::string, std::vector<std::string>>> rows;
    for (const ReportRun& run : input_.runs) {
      for (const auto& [name, value] : run.*list) {
        auto row = std::find_if(rows.begin(), rows.end(), [&](const auto& known) { return known.first == name; });
        if (row == rows.end()) row = rows.insert(row, {name, {}});
        auto& values = row->second;
        if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
      }
    }
    if (rows.empty()) return "";
    std::string text = "<details>\n<summary>" + summary + "</summary>\n<table class=\"facts\">\n";
    for (const auto& [name, values] : rows) {
      text += "<tr><th scope=\"row\">" + escaped(name) + "</th><td>";
      for (std::size_t i = 0; i < values.size(); ++i) text += (i == 0 ? "" : ", ") + escaped(values[i]);
      text += "</td></tr>\n";
    }
    return text + "</table>\n</details>\n";
  }

  std::string appendix() const {
    std::string text = "<section id=\"reproduce\">\n<h2>Reproduce</h2>\n";
    if (!input_.commands.empty()) {
      text += "<pre tabindex=\"0\"><code>";
      for (const std::string& command : input_.commands) text += escaped(command) + "\n";
      text += "</code></pre>\n";
    }
    return text + facts("Versions", &ReportRun::versions) + facts("Settings of the runs", &ReportRun::settings) +
           "</section>\n";
  }

  const ReportInput& input_;
  std::vector<Experiment> experiments_;
  std::vector<std::string> labels_;
};

}  // namespace

std::string html_report(const ReportInput& input) {
  check_report(input);
  return Page(input).html();
}

void write_report(const std::filesystem::path& path, const ReportInput& input) {
  const std::string page = html_report(input);
  std::ofstream file(path, std::ios::binary);
  file << page;
  file.close();
  require(file.good(), path.string(), " cannot be written: check that its folder exists and that there is space");
}

}  // namespace dgsam
