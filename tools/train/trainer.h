// A training run from its configuration to its files, in one go or in several.
//
// A run is a function of its configuration: it can be stopped at any instant and resumed, and metrics.jsonl and the
// checkpoints end with the bits that they would have had. What a step needs of the past is θ, the optimizer's vectors
// and RunProgress; batches, augmentation, dropout and domain order are functions of the seed and the step.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/splits.h"
#include "engine/check/compare_backend.h"
#include "models/network.h"
#include "models/network_gradient.h"
#include "optim/method.h"
#include "optim/swad.h"
#include "tools/batches/batches.h"
#include "tools/train/evaluation.h"
#include "tools/train/run_files.h"
#include "tools/train/run_progress.h"
#include "tools/train/run_state.h"
#include "tools/train/train_config.h"

namespace dgsam {

class Trainer {
 public:
  /// Opens the data, builds the networks and writes config.json and program.txt; or, with config.resume and a run in
  /// config.out, restores where it stands. `config` is resolved.
  explicit Trainer(const TrainConfig& config);
  ~Trainer();

  /// The remaining steps and evaluations, then the sharpness and the summary. Throws Error when a loss or norm is not
  /// finite, and Stopped after SIGINT or SIGTERM, with the state saved.
  void run();

  /// With config.backend_check: that many steps and the table of differences, no evaluations. Throws Error when an
  /// operation differs by more than rounding explains.
  void check_backend();

 private:
  // trainer.cpp: what a run is made of
  void open_data();
  void build_networks();
  /// Reads the images that are to be kept, into what memory the networks leave.
  void open_images();
  /// Initial values, and the files of a new run.
  void start();
  /// The values and files of the run that there is; false when it was stopped before it had saved a state.
  bool resume();
  nlohmann::ordered_json describe(const std::vector<std::string>& notes) const;
  std::vector<StateVector> state_vectors();

  // trainer_run.cpp: how it goes
  std::unique_ptr<TrainingBatches> make_batches() const;
  void take_steps();
  /// Queues the next step, then notes what the one before it saw: the device is never left without work.
  void take_step(TrainingBatches& batches);
  /// Notes what the last step saw, if that is still to be done.
  void note_last_step();
  void note(std::int64_t step, const StepReport& report, double seconds);
  void write_metrics(std::int64_t step, const StepReport& report, double seconds);
  /// Writes the state, if it is time.
  void save_state_when_due();
  void save_state_now();
  void save(const std::string& name, std::int64_t step, const FlatVector& theta, const FlatVector& statistics) const;

  // trainer_evaluation.cpp: what comes of it
  /// One line of results.jsonl, one row of the terminal's table, and the checkpoints. Throws Stopped, having changed
  /// nothing, when a signal comes.
  void evaluate(std::int64_t step);
  /// Notes what each method of model selection takes so far.
  void select(std::int64_t step, const std::vector<double>& validation);
  struct SplitScore {
    int domain;
    bool in;
    Score score;
  };
  /// Of every split that is evaluated, with these parameters and buffers. `check` is called now and then.
  std::vector<SplitScore> scores(const FlatVector& theta, const FlatVector& statistics, std::int64_t step,
                                 const std::function<void()>& check);
  /// False for an empty split, and for the sources' training splits in fast mode.
  bool is_evaluated(int domain, bool in) const;
  std::int64_t images_to_evaluate() const;
  /// swad.safetensors, the averaged weights, and their entry among the selections of summary.json.
  nlohmann::ordered_json evaluate_swad();
  /// Sharpness, summary.json and done.
  void finish();
  /// Throws Error that names the step, the domain and the last good checkpoint.
  void check_finite(std::int64_t step, const StepReport& report);

  NetworkOptions network_options() const;
  /// As asked for, or one per core.
  int threads() const { return thread_count(config_.threads); }
  static double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  std::vector<std::string> domain_names() const {
    std::vector<std::string> names;
    for (const Domain& domain : folder_.domains) names.push_back(domain.name);
    return names;
  }
  const std::string& domain_name(int domain) const { return folder_.domains[static_cast<std::size_t>(domain)].name; }

  TrainConfig config_;
  RunFiles files_;
  ImageFolder folder_;
  int test_env_ = kNoTestEnv;
  std::vector<int> sources_;  ///< domains trained on; position in this list is what optim/ calls a domain
  std::vector<std::string> source_names_;
  std::vector<Split> splits_;
  TransformSpec transform_;

  std::unique_ptr<Backend> device_, reference_;  ///< with config.backend_check: what backend_ compares
  std::unique_ptr<Backend> backend_;
  CompareBackend* compare_ = nullptr;  ///< backend_, when it compares
  std::shared_ptr<Arena> arena_;
  std::unique_ptr<Evaluator> evaluator_;
  FlatVector theta_, statistics_;
  std::unique_ptr<BaseOptimizer> optimizer_;
  std::unique_ptr<Method> method_;
  std::unique_ptr<NetworkGradient> gradient_;
  Program* program_ = nullptr;  ///< gradient_'s
  std::unique_ptr<Swad> swad_;  ///< with config.swad
  std::unique_ptr<RunImages> images_;

  RunProgress progress_;
  std::optional<double> last_seconds_;  ///< of the last step, when it is still to be noted
  std::chrono::steady_clock::time_point state_saved_ = std::chrono::steady_clock::now();
  std::int64_t state_steps_ = 0;  ///< done when the last state was saved
};

}  // namespace dgsam
