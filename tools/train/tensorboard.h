// What TensorBoard shows of a run: the lines of its files as scalars.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tools/train/event_file.h"

namespace dgsam {

/// Of a line of metrics.jsonl and the step's seconds: train/loss, train/perturbed_loss, train/seconds_per_step,
/// pass_loss/1.. (DGSAM), grad_norm/1.. (one per pass).
Scalars step_scalars(const nlohmann::ordered_json& metrics, double seconds);

/// Of a line of results.jsonl: accuracy/NAME_in, accuracy/NAME_out, eval_loss/NAME_in, eval_loss/NAME_out of every
/// evaluated split, and val/accuracy, val/loss where there is a validation. `domains` are the names.
Scalars evaluation_scalars(const nlohmann::json& results, const std::vector<std::string>& domains);

}  // namespace dgsam
