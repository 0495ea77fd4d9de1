// Everything that decides a training run: the flags of `dgsam-run train`, and their resolved values.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/core/dtype.h"
#include "models/network.h"
#include "optim/base_optimizer.h"
#include "optim/method.h"

namespace dgsam {

struct TrainConfig {
  // Data
  std::string dataset = "folder";
  std::string data_dir;
  std::string test_env = "0";  ///< index, name, or "none"
  int trial_seed = 0;          ///< of the splits
  double holdout = 0.2;
  int image_size = 224;
  std::string augment = "standard";  ///< or "none"
  std::string sampler = "random";    ///< or "sequential"
  double cache_gb = 4;
  // Model
  std::string model = "resnet50";
  std::string weights;
  double dropout = 0;
  bool freeze_bn = true;
  std::string bn_running = "first-pass";  ///< without freeze_bn: when running statistics move
  // Method
  std::string algorithm = "erm";
  OptimizerOptions optimizer;
  double rho = 0.05;
  std::string domain_order = "random";
  std::string dgsam_gradients = "all";
  std::string dgsam_scale = "sum";
  // Run
  std::int64_t steps = -1;  ///< -1: the data set's default
  std::int64_t eval_every = -1;
  int batch_size = 32;  ///< per source domain
  std::uint64_t seed = 0;
  std::string eval_mode = "fast";
  int sharpness_images = 256;  ///< per domain, for the one-step sharpness at the end; 0: none
  std::string device = "auto";
  std::string precision = "f32";
  int threads = 0;
  bool onednn = true;
  bool profile = false;
  bool overwrite = false;
  std::string out;

  DType activation() const;
  ModelSpec model_spec(int classes) const { return {model, classes, 3}; }
  /// Every field under its flag's name.
  nlohmann::ordered_json to_json() const;
};

/// Adds all flags, grouped, with help that teaches.
void add_train_options(CLI::App& command, TrainConfig& config);
/// Fills in the data set's defaults and checks what can be checked without touching the data. Throws Error that names
/// the flag.
void resolve(TrainConfig& config);
/// As the network's batch norm takes it.
RunningStatistics running_statistics(const TrainConfig& config);
/// The method as optim/ takes it, for `domains` source domains.
MethodOptions method_options(const TrainConfig& config, int domains);

}  // namespace dgsam
