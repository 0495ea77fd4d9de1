// A training run from its configuration to its files.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/loader.h"
#include "data/splits.h"
#include "models/network.h"
#include "optim/method.h"
#include "optim/program_gradient.h"
#include "tools/evaluation.h"
#include "tools/run_files.h"
#include "tools/train_config.h"

namespace dgsam {

class Trainer {
 public:
  /// Opens the data, builds the networks and writes config.json and program.txt. `config` is resolved.
  explicit Trainer(const TrainConfig& config);
  ~Trainer();

  /// All steps and evaluations, then the sharpness and the summary. Throws Error when a loss or norm is not finite.
  void run();

 private:
  static constexpr int kNoTestEnv = -1;

  struct Step {
    StepReport report;
    double seconds = 0;
  };

  int find_test_env() const;
  void open_data();
  void build_networks();
  void write_config(const std::vector<std::string>& notes) const;
  void save(const std::string& name, std::int64_t step) const;
  void write_metrics(std::int64_t step, const Step& taken);
  /// One line of results.jsonl, one row of the terminal's table, and the checkpoints.
  void evaluate(std::int64_t step);
  /// False for an empty split, and for the sources' training splits in fast mode.
  bool is_evaluated(int domain, bool in) const;
  std::int64_t images_to_evaluate() const;
  void finish();
  /// Throws Error that names the step, the domain and the last good checkpoint.
  void check_finite(std::int64_t step, const StepReport& report);

  NetworkOptions network_options() const;
  /// As asked for, or one per core.
  int threads() const;
  const std::string& domain_name(int domain) const { return folder_.domains[static_cast<std::size_t>(domain)].name; }

  TrainConfig config_;
  RunFiles files_;
  ImageFolder folder_;
  int test_env_ = kNoTestEnv;
  std::vector<int> sources_;  ///< domains trained on; position in this list is what optim/ calls a domain
  std::vector<std::string> source_names_;
  std::vector<Split> splits_;
  TransformSpec transform_;
  std::unique_ptr<ImageCache> cache_;

  std::unique_ptr<Backend> backend_;
  std::shared_ptr<Arena> arena_;
  std::unique_ptr<Program> batch_program_, all_program_;  ///< one domain's batch; all domains' together
  Program* program_ = nullptr;                            ///< the one of the two that was built
  std::unique_ptr<Evaluator> evaluator_;
  FlatVector theta_, statistics_;
  std::unique_ptr<BaseOptimizer> optimizer_;
  std::unique_ptr<Method> method_;
  std::unique_ptr<ProgramGradient> gradient_;

  double loss_sum_ = 0, step_seconds_ = 0;  ///< since the last evaluation
  std::int64_t steps_since_ = 0;
  double training_seconds_ = 0;  ///< steps alone: without evaluation
  std::optional<double> best_validation_;
  nlohmann::ordered_json last_accuracy_;
  bool saved_ = false;
};

}  // namespace dgsam
