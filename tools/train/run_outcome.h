// What comes of a training run: evaluations, checkpoints, the choice among them, the summary.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tools/train/run_files.h"
#include "tools/train/run_progress.h"
#include "tools/train/run_setup.h"
#include "tools/train/split_scores.h"

namespace dgsam {

class RunOutcome {
 public:
  /// All must outlive this.
  RunOutcome(RunSetup& setup, RunFiles& files, RunProgress& progress)
      : setup_(setup), files_(files), progress_(progress) {}

  /// One line of results.jsonl, one row of the terminal's table, the checkpoints, and what each method of model
  /// selection takes so far. Throws Stopped when a signal comes and FailedRead, having changed
  /// nothing.
  void evaluate(std::int64_t step);
  /// The last checkpoint, SWAD's average, the sharpness, summary.json and done.
  void finish();

 private:
  void write_results(std::int64_t step, const std::vector<SplitScore>& scores,
                     const std::optional<Validation>& validation, double eval_seconds);
  void print_row(std::int64_t step, const std::vector<SplitScore>& scores) const;
  void select(std::int64_t step, const std::vector<SplitScore>& scores, const std::optional<Validation>& validation);

  nlohmann::ordered_json summary();
  /// `name`.safetensors, averaged weights whose last step is `step`, and their entry among summary.json's selections.
  nlohmann::ordered_json finish_average(const std::string& name, std::int64_t step, const FlatVector& average);
  nlohmann::ordered_json finish_swad();
  nlohmann::ordered_json finish_moving();
  /// The buffers that go with the averaged weights, where training's do not; else no vector.
  FlatVector statistics_of(const FlatVector& average);
  void add_sharpness(nlohmann::ordered_json& summary);

  void save(const std::string& name, std::int64_t step) const { save(name, step, setup_.theta, setup_.statistics); }
  void save(const std::string& name, std::int64_t step, const FlatVector& theta, const FlatVector& statistics) const;

  RunSetup& setup_;
  RunFiles& files_;
  RunProgress& progress_;
};

}  // namespace dgsam
