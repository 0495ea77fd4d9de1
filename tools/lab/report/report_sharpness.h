// Worst-case loss increase and curvature (last.sharpness.json) in the report.
#pragma once

#include <string>
#include <vector>

#include "tools/results/experiments.h"

namespace dgsam {

/// Charts and tables per domain and total of the runs of an experiment that have a record; "" when none has.
std::string sharpness_part(const Experiment& experiment, const std::vector<std::string>& labels);

/// The same of the sources' mean, the unseen domain and the total, averaged over experiments in each trial; "" when no
/// method has a record in every one.
std::string average_sharpness_part(const std::vector<Experiment>& experiments, const std::vector<std::string>& labels);

}  // namespace dgsam
