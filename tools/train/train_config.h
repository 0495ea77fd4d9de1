// Everything that decides a training run: the values of the flags of `dgsam-run train`, which settings.cpp describes.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>

#include "engine/core/dtype.h"
#include "engine/make_backend.h"
#include "models/network.h"
#include "optim/base_optimizer.h"
#include "optim/make_method.h"
#include "tools/train/choices.h"

namespace dgsam {

struct TrainConfig {
  // Data
  Protocol protocol = Protocol::swad;  ///< decides the defaults of some fields below
  std::string dataset = "folder";
  std::string data_dir;
  std::string manifest;                ///< a list of images in its place
  bool allow_missing_classes = false;  ///< the classes are those of all domains together
  std::string test_env = "0";          ///< index, name, or "none"
  int trial_seed = 0;                  ///< of the splits
  double holdout = 0.2;
  int image_size = 224;
  int channels = 3;                    ///< of the network's input: the first of red, green, blue
  std::string normalise = "imagenet";  ///< or "none": pixels in [0, 1]
  std::string augment = "standard";    ///< or "none"
  bool val_augment = false;            ///< evaluate source domains with the training augmentation
  Sampling sampler = Sampling::kRandom;
  std::string cache = "auto";  ///< of images: "gpu", "ram", "none"
  double cache_gb = 4;         ///< of "ram"
  // Model
  std::string model = "resnet50";
  std::string weights;
  double dropout = 0;
  bool freeze_bn = true;
  RunningStatistics bn_running = RunningStatistics::first_pass;  ///< without freeze_bn: when running statistics move
  // Method
  std::string algorithm = "erm";
  OptimizerOptions optimizer;
  double rho = 0.05;
  double gsam_alpha = MethodOptions{}.gsam_alpha;
  double sagm_alpha = MethodOptions{}.sagm_alpha;
  bool adaptive = false;
  double disam_lambda = MethodOptions{}.disam_lambda;
  double gga_gamma = MethodOptions{}.gga_gamma;
  bool swad = false;
  double swad_tolerance = 0.3;
  int swad_statistics = 500;  ///< batches that batch norm's statistics of an average are estimated from
  WeightAveraging average = WeightAveraging::none;
  std::int64_t average_from = 100;  ///< the first step whose weights count
  OrderOfDomains domain_order = OrderOfDomains::random;
  DgsamGradients dgsam_gradients = DgsamGradients::all;
  DgsamScale dgsam_scale = DgsamScale::sum;
  // Run
  std::int64_t steps = 5001;
  std::int64_t eval_every = 200;
  bool round_steps = false;  ///< cut steps to a multiple of eval_every, plus 1
  bool eval_last = true;     ///< evaluate after the last step, whatever eval_every says
  int batch_size = 32;       ///< per source domain
  std::uint64_t seed = 0;
  EvalMode eval_mode = EvalMode::fast;
  Oracle oracle = Oracle::best;  ///< checkpoint that test-domain validation selects
  int sharpness_images = 256;    ///< per domain, for the one-step sharpness at the end; 0: none
  double sharpness_rho = 0;      ///< its radius; 0 becomes rho in resolve()
  std::string device = "auto";
  Precision precision = Precision::f32;
  ConvChoice conv_choice = ConvChoice::measured;
  int threads = 0;
  bool onednn = true;
  bool profile = false;
  std::int64_t backend_check = 0;  ///< steps whose every operation is compared with the CPU's, instead of training
  bool recording = true;           ///< steps are recorded and replayed where the device can
  std::int64_t save_every = 0;     ///< steps between states to resume from; 0: by time
  bool tensorboard = false;        ///< write event files, too
  bool overwrite = false;
  bool resume = false;
  std::string out;

  /// f32 for tf32, which is a way to compute with f32 tensors.
  DType activation() const;
  ModelSpec model_spec(int classes) const { return {model, classes, channels}; }
  /// Every field that decides the result, under its flag's name with _ for -.
  nlohmann::ordered_json to_json() const;
  /// The inverse; fields that `json` lacks keep their defaults. Throws Error that names `where` and the field.
  static TrainConfig from_json(const nlohmann::ordered_json& json, const std::string& where);
};

/// "--eval-every" for "eval_every".
std::string flag_of(std::string field);
/// Sets what the data set and the protocol decide, except for fields that were given, as to_json() spells them.
void apply_defaults(TrainConfig& config, const std::set<std::string>& given);
/// Makes every file and folder that was given absolute, so that a run can be gone on with from another folder.
void make_paths_absolute(TrainConfig& config);
/// The same for one; empty stays empty.
std::string absolute_path(const std::string& path);
/// Fills in what follows from other fields, and checks what can be checked without touching the data. Throws Error that
/// names the flag.
void resolve(TrainConfig& config);
/// Whether a field, as to_json() spells it, may change between a run and its continuation.
bool may_change(const std::string& field);
/// The configuration to go on with when `asked.out` holds a run: the recorded one. Fields that were given must agree,
/// except those that cannot change the result (and --threads, which changes roundings). Throws Error that names the
/// first that does not. `asked` itself when there is no run yet.
TrainConfig configuration_to_resume(const TrainConfig& asked, const std::set<std::string>& given);
/// As make_backend() takes them.
BackendOptions backend_options(const TrainConfig& config);
/// The method as optim/ takes it, for `domains` source domains.
MethodOptions method_options(const TrainConfig& config, int domains);

}  // namespace dgsam
