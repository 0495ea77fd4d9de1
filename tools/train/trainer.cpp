#include "tools/train/trainer.h"

#include <cctype>
#include <cstdio>
#include <string>

#include "engine/core/check.h"
#include "tools/terminal/command_line.h"
#include "tools/terminal/progress.h"
#include "tools/terminal/stop_signal.h"
#include "tools/train/failed_read.h"
#include "tools/train/run_start.h"

namespace dgsam {

namespace {

/// Between states, unless --save-every says otherwise: what a power cut may cost at most.
constexpr auto kStateInterval = std::chrono::minutes(2);

RunFiles::Existing existing_run(const TrainConfig& config) {
  if (config.resume) return RunFiles::Existing::resume;
  return config.overwrite ? RunFiles::Existing::replace : RunFiles::Existing::refuse;
}

std::string title_of(const std::string& algorithm) {
  std::string title = algorithm;
  for (char& letter : title) letter = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
  return title;
}

}  // namespace

Trainer::Trainer(const TrainConfig& config)
    : files_(config.out, existing_run(config)),
      setup_(config),
      progress_(start_or_resume(setup_, files_)),
      log_(setup_, files_, progress_),
      outcome_(setup_, files_, progress_),
      state_steps_(progress_.steps) {}

void Trainer::run() {
  const StopSignals signals;
  const TrainConfig& config = setup_.config;
  if (config.profile) setup_.program().set_profiling(true);
  try {
    const auto batches = setup_.training_batches(progress_.steps);
    ProgressBar bar(title_of(setup_.method->name()), config.steps, progress_.steps);
    const auto evaluate_when_due = [&] {
      if (!progress_.evaluation_due) return;
      log_.finish();
      bar.pause();
      outcome_.evaluate(progress_.steps - 1);
      save_state_when_due();
    };

    evaluate_when_due();  // where a resumed run was stopped just before
    while (!is_over()) {
      take_step(*batches);
      bar.set(progress_.steps);
      save_state_when_due();
      StopSignals::check();
      evaluate_when_due();
    }
    if (progress_.steps < config.steps) {
      bar.pause();
      std::printf("SWAD: the validation loss has left its valley, the run ends after %lld steps\n",
                  static_cast<long long>(progress_.steps));
    }
    log_.finish();
    bar.finish();
  } catch (const Stopped& stopped) {
    save_state();
    throw Stopped(stopped.signal(), "stopped " + how_to_continue());
  } catch (const FailedRead& error) {
    try {
      save_state();
    } catch (const Error&) {
      throw Error(error.what());  // with the state before, if there is one
    }
    fail(error.what(), "; stopped ", how_to_continue());
  }
  try {
    outcome_.finish();
  } catch (const FailedRead&) {
    if (!setup_.swad) save_state();  // SWAD's average may be closed by now: the state before goes on to the same end
    throw;
  }
}

std::string Trainer::how_to_continue() const {
  const TrainConfig& config = setup_.config;
  return "after " + std::to_string(progress_.steps) + " of " + std::to_string(config.steps) +
         " steps; continue with: " + shell_words({"dgsam-run", "train", "--resume", "--out", config.out});
}

void Trainer::take_step(TrainingBatches& batches) {
  const auto start = StepLog::Clock::now();
  const TrainConfig& config = setup_.config;
  const std::int64_t step = progress_.steps;
  setup_.gradient->stage(reading([&] { return batches.next(); }));
  setup_.method->step(step, setup_.theta, *setup_.gradient);
  if (setup_.swad) setup_.swad->average(setup_.theta);
  if (setup_.moving) setup_.moving->add(step, setup_.theta);
  log_.add(step, start);
  progress_.steps = step + 1;
  progress_.evaluation_due = step % config.eval_every == 0 || (config.eval_last && step + 1 == config.steps);
}

bool Trainer::is_over() const {
  return progress_.steps == setup_.config.steps || (setup_.swad && setup_.swad->is_dead());
}

void Trainer::save_state_when_due() {
  const std::int64_t save_every = setup_.config.save_every;
  const bool due = save_every > 0 ? progress_.steps >= state_steps_ + save_every
                                  : std::chrono::steady_clock::now() >= state_saved_ + kStateInterval;
  if (due) save_state();
}

void Trainer::save_state() {
  log_.finish();
  save_run(setup_, files_, progress_);
  state_saved_ = std::chrono::steady_clock::now();
  state_steps_ = progress_.steps;
}

void Trainer::check_backend() {
  const auto batches = setup_.training_batches(progress_.steps);
  ProgressBar bar("Comparing", setup_.config.backend_check);
  while (progress_.steps < setup_.config.backend_check) {
    take_step(*batches);
    bar.set(progress_.steps);
  }
  log_.finish();
  bar.finish();
  setup_.where.report_differences();
}

}  // namespace dgsam
