#include "tools/train/run_outcome.h"

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "models/parameters.h"
#include "tools/profile/peaks.h"
#include "tools/profile/profile_table.h"
#include "tools/terminal/stop_signal.h"
#include "tools/terminal/versions.h"
#include "tools/train/batch_statistics.h"
#include "tools/train/failed_read.h"
#include "tools/train/one_step_sharpness.h"
#include "tools/train/run_state.h"
#include "tools/train/step_log.h"
#include "tools/train/tensorboard.h"

namespace dgsam {

namespace {

using Json = nlohmann::ordered_json;

NamedAccuracies accuracies_of(const std::vector<SplitScore>& scores) {
  NamedAccuracies accuracies;
  for (const SplitScore& one : scores) accuracies.emplace_back(one.split.key(), one.score.accuracy);
  return accuracies;
}

}  // namespace

void RunOutcome::evaluate(std::int64_t step) {
  const auto start = StepLog::Clock::now();
  const std::vector<SplitScore> scores =
      reading([&] { return evaluate_splits(setup_, setup_.theta, setup_.statistics, step, StopSignals::check); });
  const std::optional<Validation> validation = validation_of(scores, setup_.data);
  write_results(step, scores, validation, seconds_since(start));
  print_row(step, scores);

  progress_.accuracy = accuracies_of(scores);
  progress_.evaluated_step = step;
  if (setup_.swad) setup_.swad->end_segment(step, validation ? validation->loss : std::nan(""));
  save("last.safetensors", step);
  select(step, scores, validation);
  progress_.begin_interval();
}

void RunOutcome::write_results(std::int64_t step, const std::vector<SplitScore>& scores,
                               const std::optional<Validation>& validation, double eval_seconds) {
  const TrainConfig& config = setup_.config;
  const auto steps = static_cast<double>(progress_.steps_since);
  nlohmann::json line{{"step", step},
                      {"loss", progress_.loss_sum / steps},
                      {"step_time", progress_.step_seconds / steps},
                      {"eval_time", eval_seconds},
                      {"mem_gb", peak_memory_mb() / 1e3},
                      {"args", config.to_json()},
                      {"hparams",
                       {{"lr", config.optimizer.learning_rate},
                        {"batch_size", config.batch_size},
                        {"weight_decay", config.optimizer.weight_decay},
                        {"resnet_dropout", config.dropout},
                        {"freeze_bn", config.freeze_bn},
                        {"rho", config.rho}}}};
  line["epoch"] =
      static_cast<double>(step) * config.batch_size / static_cast<double>(setup_.data.images_of_smallest_source());
  for (const auto& [split, score] : scores) {
    line[split.key() + "_acc"] = score.accuracy;
    line[split.key() + "_loss"] = score.loss;
  }
  if (validation) {
    line["val_acc"] = validation->accuracy;
    line["val_loss"] = validation->loss;
  }
  files_.events(step, evaluation_scalars(line, setup_.data.names()));
  files_.results(line);
}

void RunOutcome::print_row(std::int64_t step, const std::vector<SplitScore>& scores) const {
  std::string row = "step " + std::to_string(step);
  for (const auto& [split, score] : scores) {
    const bool source = setup_.data.is_source(split.domain);
    if (source == split.in) continue;  // of a source what is held out, of the unseen domain the rest
    char accuracy[16];
    std::snprintf(accuracy, sizeof accuracy, " %.3f", score.accuracy);
    row += "  " + setup_.data.name(split.domain) + (source ? "" : " (unseen)") + accuracy;
  }
  std::printf("%s\n", row.c_str());
  std::fflush(stdout);
}

void RunOutcome::select(std::int64_t step, const std::vector<SplitScore>& scores,
                        const std::optional<Validation>& validation) {
  const int unseen = setup_.data.test_env;
  const Selection choice{step, accuracy_of(scores, {unseen, true})};
  if (!validation) {
    save("best.safetensors", step);  // there is nothing to select by: the last one
  } else if (!progress_.best_validation || validation->accuracy > *progress_.best_validation) {
    progress_.best_validation = validation->accuracy;
    progress_.select("training_domain_validation", choice);
    save("best.safetensors", step);
  }
  progress_.select("last", choice);
  const std::optional<double> oracle = accuracy_of(scores, {unseen, false});
  if (!oracle) return;
  if (setup_.config.oracle == Oracle::last || !progress_.best_oracle || *oracle > *progress_.best_oracle) {
    progress_.best_oracle = oracle;
    progress_.select("test_domain_validation", choice);
  }
}

void RunOutcome::finish() {
  if (progress_.evaluated_step + 1 != progress_.steps) save("last.safetensors", progress_.steps - 1);
  files_.write_json("summary.json", summary());
  files_.sync();
  files_.write("done", "done");
  remove_states(files_.folder());
  if (setup_.config.profile) {
    std::printf("%s", profile_table(setup_.program(), measure_peaks(setup_.threads())).c_str());
  }
}

Json RunOutcome::summary() {
  const TrainConfig& config = setup_.config;
  const RunData& data = setup_.data;
  Json selection = json_of(progress_.selection);
  if (setup_.swad) selection["swad"] = finish_swad();
  if (setup_.moving) selection["moving"] = finish_moving();
  const std::int64_t gradients = progress_.steps * setup_.method->domain_gradients();
  const double program_runs = static_cast<double>(gradients) / setup_.domains_per_program();
  Json summary{{"algorithm", config.algorithm},
               {"test_env", data.test_env == kNoTestEnv ? Json() : Json(data.test_env)},
               {"domains", data.names()},
               {"seconds", progress_.training_seconds},
               {"steps", progress_.steps},
               {"domain_gradients", gradients},
               {"flops", program_runs * setup_.program().flops()},
               {"accuracy", json_of(progress_.accuracy)}};
  if (data.test_env != kNoTestEnv || setup_.swad || setup_.moving) summary["selection"] = std::move(selection);
  summary["peak_rss_mb"] = peak_memory_mb();
  if (config.sharpness_images > 0) add_sharpness(summary);
  return summary;
}

Json RunOutcome::finish_average(const std::string& name, std::int64_t step, const FlatVector& average) {
  const FlatVector estimated = statistics_of(average);
  const FlatVector& statistics = estimated.data() ? estimated : setup_.statistics;
  save(name + ".safetensors", step, average, statistics);
  const std::vector<SplitScore> scores =
      reading([&] { return evaluate_splits(setup_, average, statistics, step, [] {}); });
  const std::optional<double> unseen = accuracy_of(scores, {setup_.data.test_env, true});
  return {
      {"step", step}, {"accuracy", unseen ? Json(*unseen) : Json()}, {"accuracies", json_of(accuracies_of(scores))}};
}

Json RunOutcome::finish_swad() {
  const FlatVector& average = setup_.swad->finish();
  const SwadState& state = setup_.swad->state();
  Json entry = finish_average("swad", state.last_step, average);
  const Json accuracies = std::exchange(entry["accuracies"], Json());
  entry.erase("accuracies");
  entry["first_step"] = state.first_step;
  entry["segments"] = state.averaged;
  entry["converged"] = state.threshold.has_value();
  entry["valley_ended"] = state.dead;
  entry["accuracies"] = accuracies;
  return entry;
}

Json RunOutcome::finish_moving() {
  Json entry = finish_average("moving", progress_.steps - 1, setup_.moving->vector());
  entry["first_step"] = setup_.moving->from();
  return entry;
}

FlatVector RunOutcome::statistics_of(const FlatVector& average) {
  // Those of training belong to the last weights, and frozen ones to all.
  if (!setup_.has_batch_statistics()) return {};
  const int domains = setup_.data.source_count();
  const auto batches = setup_.training_batches(progress_.steps);
  return estimate_statistics(setup_.backend, setup_.model(), setup_.network_options(setup_.config.batch_size * domains),
                             setup_.arena(), *batches, domains, setup_.config.swad_statistics, average);
}

void RunOutcome::add_sharpness(Json& summary) {
  const TrainConfig& config = setup_.config;
  const std::vector<int>& sources = setup_.data.sources;
  std::fprintf(stderr, "Measuring sharpness (%d images per domain)\n", config.sharpness_images);
  DomainLosses losses(setup_.backend, setup_.model(), setup_.network_options(config.batch_size), setup_.arena(),
                      *setup_.images, setup_.data.first_images(config.sharpness_images), setup_.statistics);
  const Sharpness sharpness = reading([&] {
    return one_step_sharpness(setup_.backend, losses, {sources.begin(), sources.end()}, setup_.theta,
                              config.sharpness_rho);
  });
  for (int domain = 0; domain < setup_.data.domains(); ++domain) {
    summary["sharpness"][setup_.data.name(domain)] = sharpness.domains[static_cast<std::size_t>(domain)];
  }
  summary["sharpness_total"] = sharpness.total;
  summary["sharpness_rho"] = config.sharpness_rho;
}

void RunOutcome::save(const std::string& name, std::int64_t step, const FlatVector& theta,
                      const FlatVector& statistics) const {
  const TransformSpec& transform = setup_.data.transform;
  const Json normalisation{{"mean", transform.mean}, {"std", transform.std}};
  save_weights(files_.path(name), setup_.gradient->graph(), setup_.backend, theta, statistics,
               {{"config", setup_.config.to_json().dump()},
                {"step", std::to_string(step)},
                {"classes", Json(setup_.data.folder.classes).dump()},
                {"domains", Json(setup_.data.names()).dump()},
                {"normalisation", normalisation.dump()},
                {"files_md5", setup_.data.files_md5},
                {"revision", versions()[1].second}});
}

}  // namespace dgsam
