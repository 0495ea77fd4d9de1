// The evaluations of a training run, and its end.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numeric>

#include "tools/profile/peaks.h"
#include "tools/profile/profile_table.h"
#include "tools/terminal/progress.h"
#include "tools/terminal/stop_signal.h"
#include "tools/terminal/versions.h"
#include "tools/train/batch_statistics.h"
#include "tools/train/one_step_sharpness.h"
#include "tools/train/tensorboard.h"
#include "tools/train/trainer.h"

namespace dgsam {

namespace {

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// Of a split's figures, as DomainBed spells it.
std::string key_of(int domain, bool in) { return "env" + std::to_string(domain) + (in ? "_in" : "_out"); }

}  // namespace

bool Trainer::is_evaluated(int domain, bool in) const {
  const Split& split = splits_[static_cast<std::size_t>(domain)];
  const bool skipped = in && domain != test_env_ && config_.eval_mode == "fast";
  return !skipped && !(in ? split.in : split.out).empty();
}

std::int64_t Trainer::images_to_evaluate() const {
  std::size_t images = 0;
  for (int domain = 0; domain < static_cast<int>(splits_.size()); ++domain) {
    const Split& split = splits_[static_cast<std::size_t>(domain)];
    images += (is_evaluated(domain, true) ? split.in.size() : 0) + (is_evaluated(domain, false) ? split.out.size() : 0);
  }
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(images));
}

std::vector<Trainer::SplitScore> Trainer::scores(const FlatVector& theta, const FlatVector& statistics,
                                                 std::int64_t step, const std::function<void()>& check) {
  std::vector<SplitScore> scores;
  ProgressBar progress("Evaluating", images_to_evaluate());
  const auto done = [&](int images) {
    progress.advance(images);
    check();
  };
  for (int domain = 0; domain < static_cast<int>(folder_.domains.size()); ++domain) {
    const Split& split = splits_[static_cast<std::size_t>(domain)];
    for (const bool in : {true, false}) {
      if (!is_evaluated(domain, in)) continue;
      EvalAugmentation augmentation{.seed = std::nullopt, .draw = step};
      if (domain != test_env_ && config_.val_augment && transform_.augment) augmentation.seed = config_.seed;
      scores.push_back(
          {domain, in,
           evaluator_->evaluate(*images_, {domain, in ? split.in : split.out}, theta, statistics, done, augmentation)});
    }
  }
  progress.pause();
  return scores;
}

void Trainer::evaluate(std::int64_t step) {
  const auto start = std::chrono::steady_clock::now();
  nlohmann::json line{{"step", step},
                      {"loss", progress_.loss_sum / static_cast<double>(progress_.steps_since)},
                      {"step_time", progress_.step_seconds / static_cast<double>(progress_.steps_since)},
                      {"mem_gb", peak_memory_mb() / 1e3},
                      {"args", config_.to_json()},
                      {"hparams",
                       {{"lr", config_.optimizer.learning_rate},
                        {"batch_size", config_.batch_size},
                        {"weight_decay", config_.optimizer.weight_decay},
                        {"resnet_dropout", config_.dropout},
                        {"freeze_bn", config_.freeze_bn},
                        {"rho", config_.rho}}}};
  std::string row = "step " + std::to_string(step);
  std::vector<double> validation_accuracy, validation_loss;
  nlohmann::ordered_json accuracy = nlohmann::ordered_json::object();
  for (const SplitScore& split : scores(theta_, statistics_, step, StopSignals::check)) {
    const std::string key = key_of(split.domain, split.in);
    const bool source = split.domain != test_env_;
    line[key + "_acc"] = split.score.accuracy;
    line[key + "_loss"] = split.score.loss;
    accuracy[key] = split.score.accuracy;
    if (source && !split.in) {
      validation_accuracy.push_back(split.score.accuracy);
      validation_loss.push_back(split.score.loss);
    }
    if (source != split.in) {
      char text[16];
      std::snprintf(text, sizeof text, " %.3f", split.score.accuracy);
      row += "  " + domain_name(split.domain) + (source ? "" : " (unseen)") + text;
    }
  }
  std::size_t smallest = std::numeric_limits<std::size_t>::max();
  for (const int domain : sources_) smallest = std::min(smallest, splits_[static_cast<std::size_t>(domain)].in.size());
  line["epoch"] = static_cast<double>(step) * config_.batch_size / static_cast<double>(smallest);
  line["eval_time"] = seconds_since(start);
  if (!validation_accuracy.empty()) {
    line["val_acc"] = mean(validation_accuracy);
    line["val_loss"] = mean(validation_loss);
  }
  files_.events(step, evaluation_scalars(line, domain_names()));
  files_.results(line);
  std::printf("%s\n", row.c_str());
  std::fflush(stdout);

  progress_.accuracy = std::move(accuracy);
  progress_.evaluated_step = step;
  if (swad_) swad_->end_segment(step, validation_loss.empty() ? std::nan("") : mean(validation_loss));
  save("last.safetensors", step, theta_, statistics_);
  select(step, validation_accuracy);
  progress_.loss_sum = progress_.step_seconds = 0;
  progress_.steps_since = 0;
  progress_.evaluation_due = false;
}

void Trainer::select(std::int64_t step, const std::vector<double>& validation) {
  const auto unseen = [&](const char* split) -> nlohmann::ordered_json {
    const std::string key = "env" + std::to_string(test_env_) + split;
    return progress_.accuracy.contains(key) ? progress_.accuracy[key] : nlohmann::ordered_json();
  };
  const nlohmann::ordered_json choice{{"step", step}, {"accuracy", unseen("_in")}};
  // Without held-out images there is nothing to select by, and the last checkpoint is the best one.
  const double score = validation.empty() ? static_cast<double>(step) : mean(validation);
  if (!progress_.best_validation || score > *progress_.best_validation) {
    progress_.best_validation = score;
    progress_.selection["training_domain_validation"] = choice;
    save("best.safetensors", step, theta_, statistics_);
  }
  progress_.selection["last"] = choice;
  const nlohmann::ordered_json oracle = unseen("_out");
  if (oracle.is_null()) return;
  if (config_.oracle == "last" || !progress_.best_oracle || oracle.get<double>() > *progress_.best_oracle) {
    progress_.best_oracle = oracle.get<double>();
    progress_.selection["test_domain_validation"] = choice;
  }
}

nlohmann::ordered_json Trainer::evaluate_swad() {
  const FlatVector& average = swad_->finish();
  const SwadState& state = swad_->state();
  // Those of training belong to the last weights, and frozen ones to all.
  FlatVector estimated;
  if (!config_.freeze_bn && statistics_.layout().parameters() > 0) {
    NetworkOptions options = network_options();
    options.batch = config_.batch_size * static_cast<int>(sources_.size());
    const auto batches = make_batches();
    estimated =
        estimate_statistics(*backend_, config_.model_spec(static_cast<int>(folder_.classes.size())), options, arena_,
                            *batches, static_cast<int>(sources_.size()), config_.swad_statistics, average);
  }
  const FlatVector& statistics = estimated.data() ? estimated : statistics_;
  save("swad.safetensors", state.last_step, average, statistics);
  nlohmann::ordered_json accuracy;
  for (const SplitScore& split : scores(average, statistics, state.last_step, [] {})) {
    accuracy[key_of(split.domain, split.in)] = split.score.accuracy;
  }
  const std::string unseen = key_of(test_env_, true);
  return {{"step", state.last_step},
          {"accuracy", accuracy.contains(unseen) ? accuracy[unseen] : nlohmann::ordered_json()},
          {"first_step", state.first_step},
          {"segments", state.averaged},
          {"converged", state.threshold.has_value()},
          {"valley_ended", state.dead},
          {"accuracies", accuracy}};
}

void Trainer::finish() {
  if (progress_.evaluated_step + 1 != progress_.steps)
    save("last.safetensors", progress_.steps - 1, theta_, statistics_);
  if (swad_) progress_.selection["swad"] = evaluate_swad();
  nlohmann::ordered_json summary{{"algorithm", config_.algorithm}};
  summary["test_env"] = test_env_ == kNoTestEnv ? nlohmann::ordered_json() : nlohmann::ordered_json(test_env_);
  summary["domains"] = nlohmann::ordered_json::array();
  for (const Domain& domain : folder_.domains) summary["domains"].push_back(domain.name);
  summary["seconds"] = progress_.training_seconds;
  summary["steps"] = progress_.steps;
  summary["domain_gradients"] = progress_.steps * method_->domain_gradients();
  // The program computes one domain's gradient, or those of all at once.
  const int gradients_per_run = gradient_->takes_domains_together() ? static_cast<int>(sources_.size()) : 1;
  summary["flops"] =
      static_cast<double>(progress_.steps) * method_->domain_gradients() / gradients_per_run * program_->flops();
  summary["accuracy"] = progress_.accuracy;
  if (test_env_ != kNoTestEnv || swad_) summary["selection"] = progress_.selection;
  summary["peak_rss_mb"] = peak_memory_mb();
  if (config_.sharpness_images > 0) {
    std::fprintf(stderr, "Measuring sharpness (%d images per domain)\n", config_.sharpness_images);
    std::vector<DomainIndices> parts;
    for (int domain = 0; domain < static_cast<int>(folder_.domains.size()); ++domain) {
      std::vector<int> indices = splits_[static_cast<std::size_t>(domain)].in;
      indices.resize(std::min(indices.size(), static_cast<std::size_t>(config_.sharpness_images)));
      parts.push_back({domain, std::move(indices)});
    }
    DomainLosses losses(*backend_, config_.model_spec(static_cast<int>(folder_.classes.size())), network_options(),
                        arena_, *images_, std::move(parts), statistics_);
    const Sharpness sharpness =
        one_step_sharpness(*backend_, losses, {sources_.begin(), sources_.end()}, theta_, config_.sharpness_rho);
    for (std::size_t domain = 0; domain < losses.size(); ++domain) {
      summary["sharpness"][folder_.domains[domain].name] = sharpness.domains[domain];
    }
    summary["sharpness_total"] = sharpness.total;
    summary["sharpness_rho"] = config_.sharpness_rho;
  }
  files_.write_json("summary.json", summary);
  files_.sync();
  files_.write("done", "done");
  remove_states(files_.folder());
  if (config_.profile) std::printf("%s", profile_table(*program_, measure_peaks(threads())).c_str());
}

}  // namespace dgsam
