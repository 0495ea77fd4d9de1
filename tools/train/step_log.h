// metrics.jsonl and timing.jsonl: a line per step.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "tools/train/run_files.h"
#include "tools/train/run_progress.h"
#include "tools/train/run_setup.h"

namespace dgsam {

/// Writes what each step saw, one step late: it reads a step's losses from the device when the next one is queued, so
/// that the device is never left without work.
class StepLog {
 public:
  /// All must outlive this. `progress` gets the sums that an evaluation averages.
  StepLog(const RunSetup& setup, RunFiles& files, RunProgress& progress);

  using Clock = std::chrono::steady_clock;
  /// The method has queued `step`, which began at `start`. Writes the step before it. Throws Error that names the step,
  /// the domain and the last good checkpoint when a loss or norm is not finite.
  void add(std::int64_t step, Clock::time_point start);
  /// Waits for the last step and writes it, if that is still to be done. Throws as add() does.
  void finish();

 private:
  struct Pending {
    std::int64_t step;
    double seconds;
  };
  void write(const Pending& pending, const StepReport& report);
  nlohmann::ordered_json line(std::int64_t step, const StepReport& report) const;
  void check_finite(std::int64_t step, const StepReport& report);

  const RunSetup& setup_;
  RunFiles& files_;
  RunProgress& progress_;
  const std::vector<std::string> source_names_;
  std::optional<Pending> pending_;  ///< the last step, when it is still to be written
};

/// Seconds of wall time.
double seconds_since(StepLog::Clock::time_point start);

}  // namespace dgsam
