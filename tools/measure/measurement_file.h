// The files that sharpness, landscape and eval leave beside a checkpoint (docs/analysis.md).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace dgsam {

/// Writes `json` with the command that made it, "command". Complete or not at all. `indent` as for dump().
void write_measurement(const std::string& path, nlohmann::ordered_json json, int indent = 2);

}  // namespace dgsam
