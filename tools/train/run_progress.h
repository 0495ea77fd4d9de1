// Where a run stands between two steps, beside its vectors.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "optim/swad.h"
#include "tools/train/run_files.h"

namespace dgsam {

/// What the rest of a run, or its summary, depends on.
struct RunProgress {
  std::int64_t steps = 0;       ///< done
  bool evaluation_due = false;  ///< after the last of them, and not done yet
  std::int64_t updates = 0;     ///< of the base optimizer

  double loss_sum = 0, step_seconds = 0;  ///< of the steps since the last evaluation
  std::int64_t steps_since = 0;
  double training_seconds = 0;  ///< steps alone: without evaluation

  std::int64_t evaluated_step = -1;  ///< of the last evaluation
  nlohmann::ordered_json accuracy;   ///< at the last evaluation: "env0_in": ...
  nlohmann::ordered_json selection;  ///< by method of model selection: the step taken and the unseen domain's accuracy
  std::optional<double> best_validation, best_oracle;

  SwadState swad;  ///< with --swad on

  RunFiles::Lengths lengths;

  /// Numbers are printed so that reading them gives the same bits.
  std::string to_text() const;
  /// Throws Error when a value is missing or of another type.
  static RunProgress from_text(const std::string& text);
};

}  // namespace dgsam
