// The loop of a training run: steps, evaluations, states.
#include <cstdio>
#include <numeric>

#include "models/parameters.h"
#include "tools/terminal/progress.h"
#include "tools/terminal/stop_signal.h"
#include "tools/terminal/versions.h"
#include "tools/train/tensorboard.h"
#include "tools/train/trainer.h"

namespace dgsam {

namespace {

/// Between states, unless --save-every says otherwise: what a power cut may cost at most.
constexpr auto kStateInterval = std::chrono::minutes(2);

std::string title_of(const std::string& algorithm) {
  std::string title = algorithm;
  for (char& letter : title) letter = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
  return title;
}

}  // namespace

void Trainer::run() {
  const StopSignals signals;
  try {
    take_steps();
  } catch (const Stopped& stopped) {
    save_state_now();
    throw Stopped(stopped.signal(), "stopped after " + std::to_string(progress_.steps) + " of " +
                                        std::to_string(config_.steps) + " steps; continue with: dgsam-run train " +
                                        "--resume --out " + config_.out);
  }
  finish();
}

void Trainer::check_backend() {
  const auto batches = make_batches();
  ProgressBar progress("Comparing", config_.backend_check);
  while (progress_.steps < config_.backend_check) {
    take_step(*batches);
    progress.set(progress_.steps);
  }
  note_last_step();
  progress.finish();
  std::printf("%s, compared with %s: largest difference, as a part of the largest value\n%s", device_->name().c_str(),
              reference_->name().c_str(), compare_->report().c_str());
  require(compare_->passed(), "--backend-check: ", device_->name(),
          " differs from the CPU by more than rounding in the operations marked FAILED");
}

std::unique_ptr<TrainingBatches> Trainer::make_batches() const {
  std::vector<DomainIndices> parts;
  for (const int domain : sources_) parts.push_back({domain, splits_[static_cast<std::size_t>(domain)].in});
  return make_training_batches(*images_, std::move(parts),
                               {.batch_size = config_.batch_size,
                                .sampling = config_.sampler == "random" ? Sampling::kRandom : Sampling::kSequential,
                                .seed = config_.seed,
                                .start_step = progress_.steps,
                                .threads = threads()});
}

void Trainer::take_steps() {
  const auto batches = make_batches();
  if (config_.profile) program_->set_profiling(true);

  ProgressBar progress(title_of(method_->name()), config_.steps, progress_.steps);
  for (;;) {
    if (progress_.evaluation_due) {
      note_last_step();
      progress.pause();
      evaluate(progress_.steps - 1);
      save_state_when_due();
    }
    if (progress_.steps == config_.steps) break;
    if (swad_ && swad_->is_dead()) {
      progress.pause();
      std::printf("SWAD: the validation loss has left its valley, the run ends after %lld steps\n",
                  static_cast<long long>(progress_.steps));
      break;
    }
    take_step(*batches);
    progress.set(progress_.steps);
    save_state_when_due();
    StopSignals::check();
  }
  note_last_step();
  progress.finish();
}

void Trainer::take_step(TrainingBatches& batches) {
  const auto start = std::chrono::steady_clock::now();
  const std::int64_t step = progress_.steps;
  gradient_->stage(batches.next());
  method_->step(step, theta_, *gradient_);
  if (swad_) swad_->average(theta_);
  if (last_seconds_) note(step - 1, method_->report(1), *last_seconds_);
  last_seconds_ = seconds_since(start);
  progress_.steps = step + 1;
  progress_.evaluation_due = step % config_.eval_every == 0 || (config_.eval_last && step + 1 == config_.steps);
}

void Trainer::note_last_step() {
  if (!last_seconds_) return;
  const auto start = std::chrono::steady_clock::now();
  const StepReport report = method_->report();
  const double seconds = *last_seconds_ + seconds_since(start);
  last_seconds_.reset();
  note(progress_.steps - 1, report, seconds);
}

void Trainer::note(std::int64_t step, const StepReport& report, double seconds) {
  check_finite(step, report);
  write_metrics(step, report, seconds);
}

void Trainer::save_state_when_due() {
  const bool due = config_.save_every > 0 ? progress_.steps >= state_steps_ + config_.save_every
                                          : std::chrono::steady_clock::now() >= state_saved_ + kStateInterval;
  if (due) save_state_now();
}

void Trainer::save_state_now() {
  note_last_step();
  progress_.updates = optimizer_->updates();
  if (swad_) progress_.swad = swad_->state();
  progress_.lengths = files_.sync();
  save_state(files_.folder(), *backend_, state_vectors(), progress_.to_text());
  state_saved_ = std::chrono::steady_clock::now();
  state_steps_ = progress_.steps;
}

void Trainer::save(const std::string& name, std::int64_t step, const FlatVector& theta,
                   const FlatVector& statistics) const {
  nlohmann::ordered_json normalisation{{"mean", transform_.mean}, {"std", transform_.std}}, domains;
  for (const Domain& domain : folder_.domains) domains.push_back(domain.name);
  save_weights(files_.path(name), program_->graph(), *backend_, theta, statistics,
               {{"config", config_.to_json().dump()},
                {"step", std::to_string(step)},
                {"classes", nlohmann::ordered_json(folder_.classes).dump()},
                {"domains", domains.dump()},
                {"normalisation", normalisation.dump()},
                {"revision", versions()[1].second}});
}

void Trainer::check_finite(std::int64_t step, const StepReport& report) {
  try {
    require_finite(report, step, source_names_);
  } catch (const Error& error) {
    files_.flush();
    fail(error.what(),
         progress_.evaluated_step >= 0 ? "; the last good checkpoint is " + files_.path("last.safetensors")
                                       : "; no checkpoint had been written yet",
         ". A smaller --lr or --rho usually helps");
  }
}

void Trainer::write_metrics(std::int64_t step, const StepReport& report, double seconds) {
  nlohmann::ordered_json line{{"step", step}};
  double loss = report.losses[0];
  if (method_->name() == "dgsam") {
    loss = std::accumulate(report.losses.begin(), report.losses.end(), 0.0) / static_cast<double>(report.losses.size());
    std::vector<int> domains;
    for (const int position : report.domains) domains.push_back(sources_[static_cast<std::size_t>(position)]);
    line["loss"] = loss;
    line["losses"] = report.losses;
    line["domains"] = domains;
  } else {
    line["loss"] = loss;
    if (report.losses.size() == 2) line["perturbed_loss"] = report.losses[1];
  }
  line["grad_norms"] = report.norms;
  files_.metrics(line);
  files_.timing({{"step", step}, {"seconds", seconds}});
  files_.events(step, step_scalars(line, seconds));
  progress_.loss_sum += loss;
  progress_.step_seconds += seconds;
  progress_.training_seconds += seconds;
  ++progress_.steps_since;
}

}  // namespace dgsam
