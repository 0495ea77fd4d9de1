// Loss landscapes (last.landscape.json) in the report.
#pragma once

#include <string>

#include "tools/results/experiments.h"

namespace dgsam {

/// Of the first run of each method that has one: a panel per loss over the plane, all panels of the experiment on one
/// colour scale, or a chart per path. "" when no run has a record.
std::string landscape_part(const Experiment& experiment);

}  // namespace dgsam
