#include "tools/lab/report/report_sharpness.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "tools/lab/report/report_html.h"

namespace dgsam {
namespace {

/// A figure of one loss.
using LossFigure = std::function<double(const SharpnessRecord::Loss&)>;

/// A loss, or the mean over several, as the reader sees it.
struct ShownLoss {
  std::string name;
  std::function<bool(const SharpnessRecord::Loss&)> is_part;
};

/// The mean over the parts that a run measured, kMissing without any.
RunFigure figure_of(const ShownLoss& shown, const LossFigure& figure) {
  return [shown, figure](const FinishedRun& run) {
    std::vector<double> values;
    if (!run.analysis.sharpness) return kMissing;
    for (const SharpnessRecord::Loss& loss : run.analysis.sharpness->losses) {
      if (shown.is_part(loss)) values.push_back(figure(loss));
    }
    return mean_of(values);
  };
}

/// What the table and the charts are made of: a method's statistic of a figure.
struct Source {
  std::vector<std::string> columns;  // methods
  std::vector<int> colours;
  std::vector<std::size_t> expected;                                                // runs or trials of each method
  std::function<std::vector<double>(std::size_t method, const RunFigure&)> values;  // over runs or trials

  Statistic statistic(std::size_t method, const RunFigure& figure) const {
    return statistic_of(values(method, figure));
  }
};

LossFigure worst_case(double radius, bool multi_step) {
  return [radius, multi_step](const SharpnessRecord::Loss& loss) {
    for (const SharpnessRecord::Loss::WorstCase& entry : loss.worst_case) {
      if (entry.radius == radius) return multi_step ? entry.multi_step : entry.one_step;
    }
    return kMissing;
  };
}

LossFigure eigenvalue(std::size_t index) {
  return [index](const SharpnessRecord::Loss& loss) {
    return index < loss.eigenvalues.size() ? loss.eigenvalues[index].value : kMissing;
  };
}

double largest_residual(const SharpnessRecord::Loss& loss) {
  double largest = kMissing;
  for (const SharpnessRecord::Loss::Eigenvalue& one : loss.eigenvalues) largest = std::fmax(largest, one.residual);
  return largest;
}

double trace(const SharpnessRecord::Loss& loss) { return loss.trace.value_or(kMissing); }
double trace_error(const SharpnessRecord::Loss& loss) { return loss.trace_error.value_or(kMissing); }

/// With decimals for three digits of the mean; the error has as many.
std::string digits_text(const Statistic& statistic, std::size_t expected) {
  const double size = std::abs(statistic.mean);
  if (size >= 100) return format_statistic(statistic, expected, [](double value) { return format_number(value, 0); });
  if (size >= 10) return format_statistic(statistic, expected, [](double value) { return format_number(value, 1); });
  if (size >= 1) return format_statistic(statistic, expected, [](double value) { return format_number(value, 2); });
  return format_statistic(statistic, expected, [](double value) { return format_number(value, 4); });
}

std::string radius_text(double radius) { return tick_text(radius); }

struct Extent {
  std::vector<double> radii;
  std::size_t eigenvalues = 0;
  bool trace = false;
};

Extent extent_of(const std::vector<const FinishedRun*>& runs) {
  std::set<double> radii;
  Extent extent;
  for (const FinishedRun* run : runs) {
    if (!run->analysis.sharpness) continue;
    for (const SharpnessRecord::Loss& loss : run->analysis.sharpness->losses) {
      for (const SharpnessRecord::Loss::WorstCase& entry : loss.worst_case) radii.insert(entry.radius);
      extent.eigenvalues = std::max(extent.eigenvalues, loss.eigenvalues.size());
      extent.trace = extent.trace || loss.trace;
    }
  }
  extent.radii.assign(radii.begin(), radii.end());
  return extent;
}

class Part {
 public:
  Part(Source source, std::vector<ShownLoss> losses, Extent extent, const std::vector<std::string>& labels)
      : source_(std::move(source)), losses_(std::move(losses)), extent_(std::move(extent)), labels_(labels) {}

  std::string html(const std::string& name) const {
    std::string text = charts();
    Table lead{"Sharpness and curvature, " + name, source_.columns, {}}, all = lead;
    all.title += ", all figures";
    if (!extent_.radii.empty()) {
      const double radius = extent_.radii[extent_.radii.size() / 2];
      lead.groups.push_back(over_losses("Worst-case increase of the loss within radius " + radius_text(radius),
                                        worst_case(radius, true)));
    }
    if (extent_.eigenvalues > 0) lead.groups.push_back(over_losses("Largest Hessian eigenvalue", eigenvalue(0)));
    if (extent_.trace) lead.groups.push_back(over_losses("Trace of the Hessian", trace));
    for (const ShownLoss& loss : losses_) all.groups.push_back(all_of(loss));
    return text + html_table(lead, "Worst case and curvature", labels_) +
           details("Every radius, eigenvalue, residual and error", html_table(all, "By loss", labels_));
  }

 private:
  TableRow row(std::string name, const ShownLoss& loss, const LossFigure& figure, bool lead = false) const {
    TableRow row{std::move(name), {}, lead};
    for (std::size_t method = 0; method < source_.columns.size(); ++method) {
      const Statistic statistic = source_.statistic(method, figure_of(loss, figure));
      row.cells.push_back(digits_text(statistic, source_.expected[method]));
    }
    return row;
  }

  TableGroup over_losses(std::string name, const LossFigure& figure) const {
    TableGroup group{std::move(name), {}};
    for (const ShownLoss& loss : losses_) group.rows.push_back(row(loss.name, loss, figure));
    return group;
  }

  TableGroup all_of(const ShownLoss& loss) const {
    TableGroup group{loss.name, {}};
    for (const double radius : extent_.radii) {
      const std::string within = ", radius " + radius_text(radius);
      group.rows.push_back(row("one step" + within, loss, worst_case(radius, false)));
      group.rows.push_back(row("multi-step" + within, loss, worst_case(radius, true)));
    }
    for (std::size_t i = 0; i < extent_.eigenvalues; ++i) {
      group.rows.push_back(row("eigenvalue " + std::to_string(i + 1), loss, eigenvalue(i)));
    }
    if (extent_.eigenvalues > 0) group.rows.push_back(row("largest residual", loss, largest_residual));
    if (extent_.trace) {
      group.rows.push_back(row("trace", loss, trace));
      group.rows.push_back(row("trace, Hutchinson's standard error", loss, trace_error));
    }
    return group;
  }

  std::string charts() const {
    if (extent_.radii.empty()) return "";
    std::string text;
    if (extent_.radii.size() == 1) {
      for (const bool multi_step : {false, true}) text += bars(multi_step);
      return "<div class=\"curves\">\n" + text + "</div>\n";
    }
    for (const ShownLoss& loss : losses_) text += lines(loss);
    return "<p class=\"note\">Solid: ascent of several steps; dashed: of one step. Thin: single runs. Each chart has "
           "its own "
           "scale.</p>\n<div class=\"curves\">\n" +
           text + "</div>\n";
  }

  std::string lines(const ShownLoss& loss) const {
    LineChart chart{"Worst-case increase of the loss of " + loss.name + " by radius", 4, true, {}, "radius", true};
    for (std::size_t method = 0; method < source_.columns.size(); ++method) {
      for (const bool multi_step : {false, true}) {
        Curve mean{source_.columns[method], source_.colours[method], {}, {}};
        mean.dashed = !multi_step;
        std::vector<Curve> single(source_.expected[method], mean);
        for (const double radius : extent_.radii) {
          const std::vector<double> values = source_.values(method, figure_of(loss, worst_case(radius, multi_step)));
          mean.x.push_back(radius);
          mean.y.push_back(statistic_of(values).mean);
          for (std::size_t run = 0; run < values.size(); ++run) {
            single[run].x.push_back(radius);
            single[run].y.push_back(values[run]);
          }
        }
        for (Curve& curve : single) {
          curve.thin = true;
          if (multi_step && source_.expected[method] > 1) chart.curves.push_back(curve);
        }
        chart.curves.push_back(std::move(mean));
      }
    }
    return figure(loss.name, "Worst-case increase within a radius", line_chart(chart));
  }

  std::string bars(bool multi_step) const {
    const std::string steps = multi_step ? "ascent of several steps" : "one step";
    BarChart chart{"Worst-case increase of the loss, " + steps, {}, {}, 4};
    for (const ShownLoss& loss : losses_) chart.groups.push_back(loss.name);
    for (std::size_t method = 0; method < source_.columns.size(); ++method) {
      Curve curve{source_.columns[method], source_.colours[method], {}, {}};
      for (const ShownLoss& loss : losses_) {
        const Statistic statistic =
            source_.statistic(method, figure_of(loss, worst_case(extent_.radii.front(), multi_step)));
        curve.y.push_back(statistic.mean);
        curve.error.push_back(statistic.error);
      }
      chart.bars.push_back(std::move(curve));
    }
    return figure("Worst-case increase within radius " + radius_text(extent_.radii.front()), steps, bar_chart(chart));
  }

  Source source_;
  std::vector<ShownLoss> losses_;
  Extent extent_;
  const std::vector<std::string>& labels_;
};

}  // namespace

std::string sharpness_part(const Experiment& experiment, const std::vector<std::string>& labels) {
  Source source;
  std::vector<std::vector<const FinishedRun*>> measured;  // runs that have a record, by method
  std::vector<const FinishedRun*> all;
  for (const MethodRuns& method : experiment.methods) {
    std::vector<const FinishedRun*> runs;
    for (const FinishedRun* run : method.runs) {
      if (run->analysis.sharpness) runs.push_back(run);
    }
    if (runs.empty()) continue;
    source.columns.push_back(method.label);
    source.colours.push_back(method.colour);
    source.expected.push_back(runs.size());
    all.insert(all.end(), runs.begin(), runs.end());
    measured.push_back(std::move(runs));
  }
  if (all.empty()) return "";
  source.values = [measured](std::size_t method, const RunFigure& figure) {
    std::vector<double> values;
    for (const FinishedRun* run : measured[method]) values.push_back(figure(*run));
    return values;
  };
  std::vector<ShownLoss> losses;
  for (const SharpnessRecord::Loss& loss : all.front()->analysis.sharpness->losses) {
    const std::string shown = loss.name + (loss.role == "unseen" ? ", unseen" : "");
    losses.push_back({shown, [name = loss.name](const SharpnessRecord::Loss& other) { return other.name == name; }});
  }
  return Part(std::move(source), std::move(losses), extent_of(all), labels)
      .html(experiment.unseen.empty() ? "no domain left out" : experiment.unseen + " left out");
}

std::string average_sharpness_part(const std::vector<Experiment>& experiments, const std::vector<std::string>& labels) {
  const auto has_record = [](const FinishedRun& run) { return run.analysis.sharpness ? 1.0 : kMissing; };
  Source source;
  std::vector<const FinishedRun*> all;
  for (std::size_t label = 0; label < labels.size(); ++label) {
    const std::size_t trials = statistic_of(trial_averages(experiments, labels[label], has_record)).count;
    if (trials == 0) continue;
    source.columns.push_back(labels[label]);
    source.colours.push_back(static_cast<int>(label));
    source.expected.push_back(trials);
    for (const Experiment& experiment : experiments) {
      const auto& runs = experiment.find(labels[label])->runs;
      all.insert(all.end(), runs.begin(), runs.end());
    }
  }
  if (all.empty()) return "";
  source.values = [&experiments, columns = source.columns](std::size_t method, const RunFigure& figure) {
    std::vector<double> values = trial_averages(experiments, columns[method], figure);
    std::erase_if(values, [](double value) { return std::isnan(value); });
    return values;
  };
  std::vector<ShownLoss> losses;
  for (const auto& [name, role] :
       {std::pair{"mean of sources", "source"}, {"unseen domain", "unseen"}, {"total of sources", "total"}}) {
    ShownLoss loss{name, [role = std::string(role)](const SharpnessRecord::Loss& other) { return other.role == role; }};
    const bool measured = std::any_of(all.begin(), all.end(), [&](const FinishedRun* run) {
      return run->analysis.sharpness &&
             std::any_of(run->analysis.sharpness->losses.begin(), run->analysis.sharpness->losses.end(), loss.is_part);
    });
    if (measured) losses.push_back(std::move(loss));
  }
  return Part(std::move(source), std::move(losses), extent_of(all), labels).html("average");
}

}  // namespace dgsam
