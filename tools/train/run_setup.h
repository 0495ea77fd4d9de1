// What a training run is made of: its data, the network with its memory, and the method that trains it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/network.h"
#include "models/network_gradient.h"
#include "optim/method.h"
#include "optim/moving_average.h"
#include "optim/swad.h"
#include "tools/batches/batches.h"
#include "tools/train/evaluation.h"
#include "tools/train/run_backend.h"
#include "tools/train/run_data.h"
#include "tools/train/train_config.h"

namespace dgsam {

class RunSetup {
 public:
  /// Opens the data, builds the networks and reads the images that are to be kept into what memory these leave. Nothing
  /// has values yet: start_or_resume() gives them. `config` is resolved. Throws Error for what is wrong with
  /// it, and when memory does not suffice.
  explicit RunSetup(const TrainConfig& config);
  RunSetup(const RunSetup&) = delete;
  RunSetup& operator=(const RunSetup&) = delete;

  const TrainConfig config;
  const RunData data;
  const RunBackend where;
  Backend& backend;  ///< where.get()

  FlatVector theta, statistics;
  std::unique_ptr<NetworkGradient> gradient;
  std::unique_ptr<BaseOptimizer> optimizer;
  std::unique_ptr<Method> method;
  std::unique_ptr<Swad> swad;             ///< with config.swad
  std::unique_ptr<MovingAverage> moving;  ///< with config.average
  std::unique_ptr<Evaluator> evaluator;
  std::unique_ptr<RunImages> images;

  /// The stream of training batches from a step on.
  std::unique_ptr<TrainingBatches> training_batches(std::int64_t from_step) const;
  /// The recorded gradient of one domain's batch, or that of all domains' batches together.
  Program& program() const { return gradient->program(); }
  ModelSpec model() const { return config.model_spec(data.classes()); }
  /// Of a network of the run for batches of so many images.
  NetworkOptions network_options(int batch_size) const;
  /// Domains whose batches one run of program() takes.
  int domains_per_program() const { return domains_together_ ? data.source_count() : 1; }
  /// What networks built later may use, too, one at a time with those of the run.
  const std::shared_ptr<Arena>& arena() const { return arena_; }
  /// As asked for, or one per core.
  int threads() const { return thread_count(config.threads); }
  bool has_batch_statistics() const { return !config.freeze_bn && statistics.layout().parameters() > 0; }

 private:
  void build_networks();
  void build_method();
  void check_memory(std::size_t free_at_first) const;
  void check_host_memory(std::optional<std::size_t> free_at_first) const;
  void read_images();
  /// Bytes of the largest pass, for so many images per domain.
  std::size_t activations_of(int batch_size) const;
  /// Bytes of host memory that a run takes beside what backends allocate: batches that are prepared ahead, and a copy
  /// of what is written when the state is saved.
  std::size_t prepared_batches() const;
  std::size_t saved_state() const;

  std::shared_ptr<Arena> arena_;
  bool domains_together_;
};

}  // namespace dgsam
