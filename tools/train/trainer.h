// A training run from its configuration to its files, in one go or in several.
//
// A run is a function of its configuration: it can be stopped at any instant and resumed, and metrics.jsonl and the
// checkpoints end with the bits that they would have had. What a step needs of the past is θ, the optimizer's vectors
// and RunProgress; batches, augmentation, dropout and domain order are functions of the seed and the step.
//
//   RunSetup    what a run is made of
//   Trainer     how it goes: the loop
//   RunOutcome  what comes of it
#pragma once

#include <chrono>
#include <string>

#include "tools/train/run_files.h"
#include "tools/train/run_outcome.h"
#include "tools/train/run_progress.h"
#include "tools/train/run_setup.h"
#include "tools/train/step_log.h"
#include "tools/train/train_config.h"

namespace dgsam {

class Trainer {
 public:
  /// Opens the data, builds the networks and writes config.json and program.txt; or, with config.resume and a run in
  /// config.out, restores where it stands. `config` is resolved.
  explicit Trainer(const TrainConfig& config);

  /// The remaining steps and evaluations, then the sharpness and the summary. Throws Error when a loss or norm is not
  /// finite, and, with the state saved, when an image cannot be read and (Stopped) after SIGINT, SIGTERM or SIGHUP.
  void run();

  /// With config.backend_check: that many steps and the table of differences, no evaluations. Throws Error when an
  /// operation differs by more than rounding explains.
  void check_backend();

 private:
  /// Queues the next step; the device is never left without work.
  void take_step(TrainingBatches& batches);
  /// All steps are done, or SWAD's valley has ended.
  bool is_over() const;
  /// How far it is, and the command that goes on.
  std::string how_to_continue() const;
  void save_state_when_due();
  void save_state();

  RunFiles files_;
  RunSetup setup_;
  RunProgress progress_;
  StepLog log_;
  RunOutcome outcome_;
  std::chrono::steady_clock::time_point state_saved_ = std::chrono::steady_clock::now();
  std::int64_t state_steps_;  ///< done when the last state was saved
};

}  // namespace dgsam
