#include "tools/measure/average.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "engine/core/check.h"
#include "engine/io/safetensors.h"
#include "engine/make_backend.h"
#include "models/parameters.h"
#include "optim/moving_average.h"
#include "tools/train/batch_statistics.h"
#include "tools/train/split_scores.h"

namespace dgsam {

namespace {

/// Parameters and batch norm's statistics of one network.
struct NetworkWeights {
  NetworkWeights(Backend& backend, const Graph& graph)
      : theta(backend, graph.theta_layout(), graph.master()),
        statistics(backend, graph.statistic_layout(), graph.master()) {}
  FlatVector theta, statistics;
};

void load_into(const Checkpoint& checkpoint, Backend& backend, const Graph& graph, NetworkWeights& weights) {
  const LoadReport report = load_weights(checkpoint.path, graph, backend, weights.theta, weights.statistics);
  for (const std::string& note : report.notes) std::fprintf(stderr, "note: %s\n", note.c_str());
  require(!report.head_reinitialised, checkpoint.path, ": its last layer is not one for its ",
          checkpoint.classes.size(), " classes");
}

void require_alike(const Checkpoint& first, const Checkpoint& other, bool greedy) {
  const auto same = [&](const char* what, const auto& a, const auto& b) {
    require(nlohmann::json(a) == nlohmann::json(b), other.path, " has ", what, " ", nlohmann::json(b).dump(), ", but ",
            first.path, " has ", nlohmann::json(a).dump(), ": only runs of one network and task can be averaged");
  };
  const TrainConfig &a = first.config, &b = other.config;
  same("--model", a.model, b.model);
  same("--channels", a.channels, b.channels);
  same("the classes", first.classes, other.classes);
  same("the domains", first.domains, other.domains);
  same("--test-env", a.test_env, b.test_env);
  same("--image-size", a.image_size, b.image_size);
  same("the normalisation", first.mean, other.mean);
  same("the normalisation", first.std, other.std);
  same("--freeze-bn", a.freeze_bn, b.freeze_bn);
  if (!greedy) return;
  const bool same_split = a.trial_seed == b.trial_seed && a.holdout == b.holdout;
  require(same_split, other.path, " holds out other images (--trial-seed ", b.trial_seed, ", --holdout ", b.holdout,
          ") than ", first.path, " (", a.trial_seed, ", ", a.holdout,
          "), so that no validation is fair to both: leave out --greedy");
}

std::vector<Checkpoint> read_alike(const AverageOptions& options) {
  require(options.checkpoints.size() >= 2, "an average takes two checkpoints or more, not ",
          options.checkpoints.size());
  std::vector<Checkpoint> checkpoints;
  for (const std::string& path : options.checkpoints) {
    checkpoints.push_back(read_checkpoint(path));
    require_alike(checkpoints.front(), checkpoints.back(), options.greedy);
  }
  return checkpoints;
}

/// The first checkpoint's run, as --greedy and the estimate of statistics need it: data and networks.
std::unique_ptr<RunSetup> make_setup(const Checkpoint& checkpoint, const AverageOptions& options) {
  TrainConfig config = options.data.over(checkpoint.config);
  config.device = options.place.device;
  config.threads = options.place.threads;
  config.precision = options.place.precision.value_or(config.precision);
  config.weights.clear();
  config.swad = false;
  config.average = WeightAveraging::none;
  resolve(config);
  auto setup = std::make_unique<RunSetup>(config);
  require_same_data(checkpoint, setup->data.folder);
  return setup;
}

class Averager {
 public:
  explicit Averager(const AverageOptions& options) : options_(options), checkpoints_(read_alike(options)) {
    const Checkpoint& first = checkpoints_.front();
    const ModelSpec model = first.config.model_spec(static_cast<int>(first.classes.size()));
    const bool trained_statistics = !first.config.freeze_bn;
    if (options.greedy || trained_statistics) setup_ = make_setup(first, options);
    if (!setup_) own_backend_ = make_backend(options.place.device, backend_options(first.config));
    backend_ = setup_ ? &setup_->backend : own_backend_.get();
    NetworkOptions network;
    network.image_size = first.config.image_size;
    network.activation = setup_ ? setup_->config.activation() : first.config.activation();
    network.training = false;  // one image has no batch statistics, and the layouts are the same
    network.adapt_to(*backend_);
    graph_ = build_network(model, network).graph;
  }

  WeightAverage run() {
    if (options_.greedy) {
      take_greedily();
    } else {
      NetworkWeights one(*backend_, *graph_);
      for (const Checkpoint& checkpoint : checkpoints_) {
        load_into(checkpoint, *backend_, *graph_, one);
        add(one, mean_);
        result_.checkpoints.push_back({checkpoint.path});
      }
    }
    estimate_statistics_of(mean_);
    write();
    return std::move(result_);
  }

 private:
  /// A mean of the weights of `count` checkpoints.
  struct Mean {
    std::unique_ptr<NetworkWeights> weights;
    std::int64_t count = 0;
  };

  void add(const NetworkWeights& one, Mean& mean) const {
    if (!mean.weights) mean.weights = std::make_unique<NetworkWeights>(*backend_, *graph_);
    add_to_mean(*backend_, one.theta, mean.count, mean.weights->theta);
    add_to_mean(*backend_, one.statistics, mean.count, mean.weights->statistics);
    ++mean.count;
  }

  void take_greedily() {
    NetworkWeights one(*backend_, *graph_);
    for (const Checkpoint& checkpoint : checkpoints_) {
      load_into(checkpoint, *backend_, *graph_, one);
      result_.checkpoints.push_back({checkpoint.path, validation(one), false});
    }
    std::vector<std::size_t> order(checkpoints_.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return result_.checkpoints[a].accuracy > result_.checkpoints[b].accuracy;
    });
    for (const std::size_t next : order) {
      load_into(checkpoints_[next], *backend_, *graph_, one);
      Mean with = copy_of(mean_);
      add(one, with);
      estimate_statistics_of(with);
      const double accuracy = validation(*with.weights);
      if (mean_.count > 0 && accuracy < result_.accuracy) continue;
      add(one, mean_);
      result_.accuracy = accuracy;
      result_.checkpoints[next].taken = true;
    }
    std::vector<AveragedCheckpoint> sorted;
    for (const std::size_t next : order) sorted.push_back(result_.checkpoints[next]);
    result_.checkpoints = std::move(sorted);
  }

  Mean copy_of(const Mean& mean) const {
    Mean copy;
    if (mean.count == 0) return copy;
    copy.weights = std::make_unique<NetworkWeights>(*backend_, *graph_);
    backend_->copy(mean.weights->theta.all(), copy.weights->theta.all());
    backend_->copy(mean.weights->statistics.all(), copy.weights->statistics.all());
    copy.count = mean.count;
    return copy;
  }

  double validation(const NetworkWeights& weights) const {
    const std::vector<SplitScore> scores = evaluate_splits(*setup_, weights.theta, weights.statistics, 0, [] {});
    const std::optional<Validation> found = validation_of(scores, setup_->data);
    require(found.has_value(), "--greedy needs held-out images, and the checkpoints were trained with --holdout 0");
    return found->accuracy;
  }

  /// Statistics that were trained belong to the weights of one run, not to a mean.
  void estimate_statistics_of(Mean& mean) {
    if (!setup_ || !setup_->has_batch_statistics()) return;
    const int domains = setup_->data.source_count();
    const auto batches = setup_->training_batches(0);
    mean.weights->statistics =
        estimate_statistics(*backend_, setup_->model(), setup_->network_options(setup_->config.batch_size * domains),
                            setup_->arena(), *batches, domains, options_.statistics, mean.weights->theta);
    result_.statistics = options_.statistics;
  }

  void write() const {
    std::map<std::string, std::string> metadata = SafetensorsFile(checkpoints_.front().path).metadata();
    std::int64_t step = 0;
    for (const Checkpoint& checkpoint : checkpoints_) step = std::max(step, checkpoint.step);
    nlohmann::json files = nlohmann::json::array();
    for (const AveragedCheckpoint& one : result_.checkpoints) {
      if (one.taken) files.push_back(one.path);
    }
    metadata["step"] = std::to_string(step);
    metadata["averaged"] = files.dump();
    save_weights(options_.out, *graph_, *backend_, mean_.weights->theta, mean_.weights->statistics, metadata);
  }

  const AverageOptions& options_;
  std::vector<Checkpoint> checkpoints_;
  std::unique_ptr<RunSetup> setup_;  ///< where data are needed
  std::unique_ptr<Backend> own_backend_;
  Backend* backend_ = nullptr;
  std::optional<Graph> graph_;
  Mean mean_;
  WeightAverage result_;
};

}  // namespace

WeightAverage average_checkpoints(const AverageOptions& options) { return Averager(options).run(); }

}  // namespace dgsam
