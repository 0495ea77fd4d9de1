// How to get a report's numbers again.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tools/lab/report/report.h"
#include "tools/lab/report/report_json.h"

namespace dgsam {

/// The `dgsam-run train` that config.json, whose contents are `config`, came from: the flags whose values are not
/// train's defaults. Throws Error naming `where` for a value that train cannot take.
std::string train_command(const ReportJson& config, const std::filesystem::path& folder, const std::string& where);

/// The commands that the runs came from, each once: of a sweep its launch, else a run's own.
std::vector<std::string> commands_of(const std::vector<ReportRun>& runs);

/// The section: commands, machines, versions and settings.
std::string reproduce_section(const ReportInput& input);

}  // namespace dgsam
