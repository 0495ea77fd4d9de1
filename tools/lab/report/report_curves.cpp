#include "tools/lab/report/report_curves.h"

#include <algorithm>

#include "tools/lab/report/report_html.h"

namespace dgsam {
namespace {

constexpr std::size_t kPoints = 50;  // of a curve: enough for its shape, few enough for a small page

/// Of each method the curves of its runs, thin, and their mean; of a single run the curve alone.
template <class CurveOf>
std::vector<Curve> curves_of(const Experiment& experiment, const CurveOf& curve_of) {
  std::vector<Curve> curves;
  for (const MethodRuns& method : experiment.methods) {
    std::vector<Curve> single;
    for (const FinishedRun* run : method.runs) {
      Curve curve{method.label, method.colour, {}, {}};
      curve_of(*run, curve);
      single.push_back(std::move(curve));
    }
    const Curve mean = mean_curve(single);
    curves.push_back(mean);
    for (Curve& curve : single) {
      curve.thin = true;
      if (single.size() > 1) curves.push_back(std::move(curve));
    }
  }
  return curves;
}

template <class Value>
std::string accuracy_figure(const Experiment& experiment, const std::string& title, const std::string& remark,
                            const Value& value) {
  const auto curves = curves_of(experiment, [&](const FinishedRun& run, Curve& curve) {
    for (const EvaluationPoint& evaluation : run.evaluations) {
      curve.x.push_back(evaluation.step);
      curve.y.push_back(100 * value(run, evaluation.accuracy));
    }
    curve = thinned(curve, kPoints);
  });
  return figure(title, remark, line_chart({title + ", by step", 1, true, curves}));
}

std::string loss_figure(const Experiment& experiment) {
  std::size_t steps = 1;
  for (const MethodRuns& method : experiment.methods) {
    for (const FinishedRun* run : method.runs) steps = std::max(steps, run->steps.size());
  }
  const std::size_t window = (steps + kPoints - 1) / kPoints;  // one for all runs, so that their points meet
  const auto curves = curves_of(experiment, [&](const FinishedRun& run, Curve& curve) {
    curve.x.assign(run.steps.begin(), run.steps.end());
    curve.y = run.loss;
    curve = smoothed(curve, window);
  });
  const std::string remark = window > 1 ? "Each point is the mean of " + std::to_string(window) + " steps" : "";
  return figure("Training loss", remark, line_chart({"Training loss, by step", 3, false, curves}));
}

}  // namespace

std::string curves(const Experiment& experiment) {
  std::string text = "<div class=\"curves\">\n" + loss_figure(experiment);
  if (!experiment.unseen.empty()) {
    text += accuracy_figure(experiment, "Accuracy on " + experiment.unseen + ", %", "The domain unseen in training",
                            unseen_accuracy);
  }
  text += accuracy_figure(experiment, "Accuracy on the sources, %", "Mean over their held-out images", source_accuracy);
  if (has_repetitions({experiment})) {
    text += "<p class=\"note\">Thin lines are single runs, bold ones their mean, as far as all of them go.</p>\n";
  }
  return text + "</div>\n";
}

std::string evaluations(const Experiment& experiment) {
  std::string rows;
  for (const MethodRuns& method : experiment.methods) {
    for (const FinishedRun* run : method.runs) {
      for (const EvaluationPoint& evaluation : run->evaluations) {
        rows += "<tr><th scope=\"row\">" + escaped(method.label) + "</th><td>" + std::to_string(run->trial.trial_seed) +
                "</td><td>" + std::to_string(run->trial.seed) + "</td><td>" + std::to_string(evaluation.step) +
                "</td><td>" + format_percent(unseen_accuracy(*run, evaluation.accuracy)) + "</td><td>" +
                format_percent(source_accuracy(*run, evaluation.accuracy)) + "</td></tr>\n";
      }
    }
  }
  if (rows.empty()) return "";
  const std::string head =
      "<table>\n<thead><tr><th scope=\"col\">method</th><th scope=\"col\">trial</th><th scope=\"col\">seed</th>"
      "<th scope=\"col\">step</th><th scope=\"col\">unseen, %</th><th scope=\"col\">sources, %</th></tr></thead>\n"
      "<tbody>\n";
  return details("Every evaluation as numbers", scrolling("Evaluations", head + rows + "</tbody>\n</table>\n"));
}

std::string sharpness_figure(const Experiment& experiment) {
  BarChart chart{"One-step sharpness by domain", {}, {}};
  const FinishedRun& first = experiment.first();
  std::vector<RunFigure> figures;
  for (const std::size_t domain : source_domains(first)) {
    chart.groups.push_back(first.domains[domain]);
    figures.push_back([domain](const FinishedRun& run) { return run.sharpness[domain]; });
  }
  chart.groups.push_back("total");
  figures.push_back([](const FinishedRun& run) { return run.total_sharpness; });
  chart.bars = method_bars(experiment, figures);
  const std::string whiskers = has_repetitions({experiment}) ? "; whiskers are standard errors" : "";
  return figure("One-step sharpness of the source domains",
                "Rise of the loss after one ascent step; lower is flatter" + whiskers,
                method_key(experiment) + bar_chart(chart));
}

std::string average_figures(const std::vector<Experiment>& experiments, const std::vector<std::string>& labels) {
  BarChart accuracy{"Accuracy by unseen domain, in percent", {}, {}, 1, true};
  BarChart sharpness{"One-step sharpness, averaged over the unseen domains", {"single source", "total of sources"}, {}};
  for (const Experiment& experiment : experiments) accuracy.groups.push_back(experiment.unseen);
  accuracy.groups.push_back("mean");
  Experiment all;  // for the key
  for (std::size_t label = 0; label < labels.size(); ++label) {
    Curve marks{labels[label], static_cast<int>(label), {}, {}}, bars = marks;
    const auto add = [](Curve& curve, const Statistic& statistic, double scale) {
      curve.y.push_back(scale * statistic.mean);
      curve.error.push_back(scale * statistic.error);
    };
    for (const Experiment& experiment : experiments) {
      const MethodRuns* method = experiment.find(labels[label]);
      add(marks, method ? statistic_of(method->runs, final_unseen) : Statistic{}, 100);
    }
    add(marks, statistic_of(trial_averages(experiments, labels[label], final_unseen)), 100);
    add(bars, statistic_of(trial_averages(experiments, labels[label], source_sharpness)), 1);
    add(bars,
        statistic_of(
            trial_averages(experiments, labels[label], [](const FinishedRun& run) { return run.total_sharpness; })),
        1);
    accuracy.bars.push_back(std::move(marks));
    sharpness.bars.push_back(std::move(bars));
    all.methods.push_back({labels[label], static_cast<int>(label), {}});
  }
  const std::string whiskers = has_repetitions(experiments) ? "Whiskers are standard errors" : "";
  return figure("Accuracy on the unseen domain, %", whiskers, method_key(all) + bar_chart(accuracy)) +
         figure("One-step sharpness, average", "Lower is flatter", bar_chart(sharpness));
}

}  // namespace dgsam
