// Where a run stands between two steps, beside its vectors.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "optim/swad.h"
#include "tools/train/run_files.h"

namespace dgsam {

/// By split: "env0_in", ...
using NamedAccuracies = std::vector<std::pair<std::string, double>>;

/// What a method of model selection takes.
struct Selection {
  std::int64_t step = 0;
  std::optional<double> accuracy;  ///< on the unseen domain, if there is one
};
using NamedSelections = std::vector<std::pair<std::string, Selection>>;

/// What the rest of a run, or its summary, depends on.
struct RunProgress {
  std::int64_t steps = 0;       ///< done
  bool evaluation_due = false;  ///< after the last of them, and not done yet
  std::int64_t updates = 0;     ///< of the base optimizer

  double loss_sum = 0, step_seconds = 0;  ///< of the steps since the last evaluation
  std::int64_t steps_since = 0;
  double training_seconds = 0;  ///< steps alone: without evaluation

  std::int64_t evaluated_step = -1;         ///< of the last evaluation
  std::optional<NamedAccuracies> accuracy;  ///< at the last evaluation
  NamedSelections selection;                ///< by method of model selection
  std::optional<double> best_validation, best_oracle;

  SwadState swad;  ///< with --swad on

  RunFiles::Lengths lengths;

  /// A step was done.
  void add_step(double loss, double seconds);
  /// The evaluation is done.
  void begin_interval();
  /// Notes what a method of model selection takes now.
  void select(const std::string& method, const Selection& choice);

  /// Numbers are printed so that reading them gives the same bits.
  std::string to_text() const;
  /// Throws Error when a value is missing or of another type.
  static RunProgress from_text(const std::string& text);
};

/// As states and summary.json have them: objects, or null for none.
nlohmann::ordered_json json_of(const std::optional<NamedAccuracies>& accuracies);
nlohmann::ordered_json json_of(const NamedSelections& selections);

}  // namespace dgsam
