// The tables of dgsam-run sharpness: one checkpoint's, and the means over many.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>

#include "tools/measure/sharpness_report.h"
#include "tools/terminal/text_columns.h"

namespace dgsam {

namespace {

using Row = std::vector<std::string>;

/// Of the value: a residual or an error above it is remarked on.
constexpr double kLargeError = 0.05;
/// Algorithms side by side in 100 columns.
constexpr std::size_t kAlgorithmColumns = 4;

/// A setting: "0.05".
std::string setting(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

/// "1242", "0.05700" for four digits: without an exponent where that is short.
std::string significant(double value, int digits = 4) {
  const int exponent = value == 0 ? digits - 1 : static_cast<int>(std::floor(std::log10(std::abs(value))));
  const bool plain = std::isfinite(value) && exponent > -5 && exponent < 8;
  char text[64];
  std::snprintf(text, sizeof text, plain ? "%.*f" : "%.*e", plain ? std::max(0, digits - 1 - exponent) : digits - 1,
                value);
  return text;
}

std::string decimals(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", value);
  return text;
}

std::string label_of(const LossSharpness& loss) { return loss.name + (loss.role == "unseen" ? " (unseen)" : ""); }

std::string worst_case_table(const SharpnessReport& report) {
  Row over{"", ""}, header{"increase within", "loss"};
  const auto radii = report.about.at("radii").get<std::vector<double>>();
  for (const char* kind : {"one step", "multi-step"}) {
    for (const double radius : radii) {
      over.push_back(over.size() == 2 || over.size() == 2 + radii.size() ? kind : "");
      header.push_back(setting(radius));
    }
  }
  std::vector<Row> rows{over, header};
  for (const LossSharpness& loss : report.losses) {
    Row row{label_of(loss), decimals(loss.worst_case.loss)};
    for (const LossIncrease& increase : loss.worst_case.increases) row.push_back(decimals(increase.one_step));
    for (const LossIncrease& increase : loss.worst_case.increases) row.push_back(decimals(increase.multi_step));
    rows.push_back(std::move(row));
  }
  return text_columns(rows);
}

std::string trace_text(const LossSharpness& loss) {
  if (!loss.trace) return "";
  return significant(loss.trace->mean) + " +/- " + significant(loss.trace->standard_error, 2);
}

/// "" when neither eigenvalues nor the trace were measured.
std::string curvature_table(const SharpnessReport& report) {
  const auto top = report.about.at("top").get<std::size_t>();
  const bool trace = report.about.at("trace_samples") > 0;
  if (top == 0 && !trace) return "";
  Row header{"Hessian"};
  for (std::size_t i = 1; i <= top; ++i) header.push_back("lambda" + std::to_string(i) + " (residual)");
  if (trace) header.emplace_back("trace");
  std::vector<Row> rows{header};
  for (const LossSharpness& loss : report.losses) {
    Row row{label_of(loss)};
    for (const Eigenvalue& eigenvalue : loss.eigenvalues)
      row.push_back(significant(eigenvalue.value) + " (" + significant(eigenvalue.residual, 2) + ")");
    row.resize(1 + top);
    row.push_back(trace_text(loss));
    rows.push_back(std::move(row));
  }
  return "\n" + text_columns(rows);
}

/// Eigenvalues of which `part` is a large one: "photo lambda1 (28 %), sketch lambda2 (7 %)".
std::string inexact(const SharpnessReport& report, double Eigenvalue::*part) {
  std::string list;
  for (const LossSharpness& loss : report.losses) {
    for (std::size_t i = 0; i < loss.eigenvalues.size(); ++i) {
      const double value = std::abs(loss.eigenvalues[i].value), by = loss.eigenvalues[i].*part;
      if (by <= kLargeError * value) continue;
      list += (list.empty() ? "" : ", ") + loss.name + " lambda" + std::to_string(i + 1) + " (" +
              significant(100 * by / value, 2) + " %)";
    }
  }
  return list;
}

std::string remarks(const SharpnessReport& report) {
  std::string text;
  if (const std::string list = inexact(report, &Eigenvalue::residual); !list.empty()) {
    text += "note: large residuals, which more --lanczos-steps make smaller unless kinks make them:\n  " + list + "\n";
  }
  if (const std::string list = inexact(report, &Eigenvalue::error); !list.empty()) {
    text +=
        "note: large errors of finite differences, mostly from kinks, which --precision f64 avoids:\n  " + list + "\n";
  }
  return text;
}

struct Mean {
  double value = std::nan(""), error = std::nan("");  ///< of the mean; NaN for a single value
};

Mean mean_of(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const double value : values) sum += value;
  for (const double value : values) squares += (value - sum / n) * (value - sum / n);
  return {values.empty() ? std::nan("") : sum / n, values.size() > 1 ? std::sqrt(squares / (n - 1) / n) : std::nan("")};
}

std::string text_of(const Mean& mean) {
  if (std::isnan(mean.value)) return "-";
  return significant(mean.value) + (std::isnan(mean.error) ? "" : " +/- " + significant(mean.error, 2));
}

/// One figure of a loss; NaN for one that was not measured.
struct Figure {
  std::string name;
  std::function<double(const LossSharpness&)> of;
};

std::vector<Figure> figures_of(const SharpnessReport& report) {
  std::vector<Figure> figures{{"loss", [](const LossSharpness& loss) { return loss.worst_case.loss; }}};
  const auto radii = report.about.at("radii").get<std::vector<double>>();
  for (std::size_t i = 0; i < radii.size(); ++i) {
    figures.push_back({"one step " + setting(radii[i]),
                       [i](const LossSharpness& loss) { return loss.worst_case.increases.at(i).one_step; }});
  }
  for (std::size_t i = 0; i < radii.size(); ++i) {
    figures.push_back({"multi-step " + setting(radii[i]),
                       [i](const LossSharpness& loss) { return loss.worst_case.increases.at(i).multi_step; }});
  }
  for (std::size_t i = 0; i < report.about.at("top").get<std::size_t>(); ++i) {
    figures.push_back({"lambda" + std::to_string(i + 1), [i](const LossSharpness& loss) {
                         return i < loss.eigenvalues.size() ? loss.eigenvalues[i].value : std::nan("");
                       }});
  }
  if (report.about.at("trace_samples") > 0) {
    figures.push_back(
        {"trace", [](const LossSharpness& loss) { return loss.trace ? loss.trace->mean : std::nan(""); }});
  }
  return figures;
}

/// Of an algorithm's checkpoints: each one's mean over its losses of that role, and the mean of those.
Mean mean_over(const std::vector<SharpnessReport>& reports, const std::string& algorithm, const std::string& role,
               const Figure& figure) {
  std::vector<double> values;
  for (const SharpnessReport& report : reports) {
    if (report.about.at("algorithm") != algorithm) continue;
    std::vector<double> of_report;
    for (const LossSharpness& loss : report.losses) {
      if (loss.role == role) of_report.push_back(figure.of(loss));
    }
    if (!of_report.empty()) values.push_back(mean_of(of_report).value);
  }
  return mean_of(values);
}

}  // namespace

std::string sharpness_text(const SharpnessReport& report) {
  const auto& about = report.about;
  const auto number = [&](const char* key) { return setting(about.at(key).get<double>()); };
  std::string text = about.at("checkpoint").get<std::string>() + ": " + about.at("algorithm").get<std::string>() +
                     ", step " + number("step") + ", seed " + number("seed") + "\n" + "Up to " + number("images") +
                     " images per domain in " + about.at("precision").get<std::string>() + ", seed " +
                     number("measure_seed") + "; ascent: " + setting(about.at("ascent").at("steps")) +
                     " steps, starts: " + setting(about.at("ascent").at("restarts"));
  if (about.at("top") > 0) text += "; Lanczos: " + number("lanczos_steps") + " steps at most";
  if (about.at("trace_samples") > 0) text += "; trace: " + number("trace_samples") + " samples";
  return text + "\n\n" + worst_case_table(report) + curvature_table(report) + remarks(report);
}

std::string sharpness_summary(const std::vector<SharpnessReport>& reports) {
  std::vector<std::string> algorithms;
  for (const SharpnessReport& report : reports) {
    const auto name = report.about.at("algorithm").get<std::string>();
    if (std::find(algorithms.begin(), algorithms.end(), name) == algorithms.end()) algorithms.push_back(name);
  }
  const std::vector<std::pair<std::string, std::string>> roles{
      {"source", "sources, mean"}, {"unseen", "unseen domain"}, {"total", "total"}};
  std::string text = "Mean over checkpoints +/- standard error\n";
  for (std::size_t first = 0; first < algorithms.size(); first += kAlgorithmColumns) {
    const std::vector<std::string> shown(
        algorithms.begin() + static_cast<std::ptrdiff_t>(first),
        algorithms.begin() + static_cast<std::ptrdiff_t>(std::min(first + kAlgorithmColumns, algorithms.size())));
    Row header{""}, counts{"checkpoints"};
    for (const std::string& name : shown) {
      header.push_back(name);
      counts.push_back(std::to_string(std::count_if(
          reports.begin(), reports.end(), [&](const auto& report) { return report.about.at("algorithm") == name; })));
    }
    std::vector<Row> rows{header, counts};
    for (const auto& [role, title] : roles) {
      const auto is_role = [&](const LossSharpness& loss) { return loss.role == role; };
      if (std::none_of(reports.begin(), reports.end(), [&](const SharpnessReport& report) {
            return std::any_of(report.losses.begin(), report.losses.end(), is_role);
          })) {
        continue;
      }
      rows.push_back({title});
      for (const Figure& figure : figures_of(reports.front())) {
        Row& row = rows.emplace_back(Row{"  " + figure.name});
        for (const std::string& name : shown) row.push_back(text_of(mean_over(reports, name, role, figure)));
      }
    }
    text += "\n" + text_columns(rows);
  }
  return text;
}

}  // namespace dgsam
