// How to get a report's numbers again.
#pragma once

#include <string>
#include <vector>

#include "tools/lab/report/report.h"

namespace dgsam {

/// The commands that the runs came from, each once: of a sweep its launch, else a run's own.
std::vector<std::string> commands_of(const std::vector<FinishedRun>& runs);

/// The section: commands, machines, versions and settings.
std::string reproduce_section(const ReportInput& input);

}  // namespace dgsam
