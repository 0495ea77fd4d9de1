// The report's figures of training: curves of every run with their means, and bars of one-step sharpness.
#pragma once

#include <string>
#include <vector>

#include "tools/results/experiments.h"

namespace dgsam {

/// Training loss, accuracy on the unseen domain and on the sources, by step.
std::string curves(const Experiment& experiment);

/// The points of the accuracy curves as text, for readers who do not see or hover the charts.
std::string evaluations(const Experiment& experiment);

/// One-step sharpness by source domain and of the total.
std::string sharpness_figure(const Experiment& experiment);

/// Accuracy by unseen domain, and one-step sharpness averaged over them.
std::string average_figures(const std::vector<Experiment>& experiments, const std::vector<std::string>& labels);

}  // namespace dgsam
