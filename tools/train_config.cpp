#include "tools/train_config.h"

#include "engine/core/check.h"
#include "tools/datasets.h"

namespace dgsam {

namespace {

/// A flag that takes one of a few words.
CLI::Option* add_choice(CLI::App& command, const std::string& flag, std::string& value, const std::string& help,
                        std::vector<std::string> words) {
  return command.add_option(flag, value, help)->check(CLI::IsMember(std::move(words)))->capture_default_str();
}

template <class T>
CLI::Option* add_value(CLI::App& command, const std::string& flag, T& value, const std::string& help) {
  return command.add_option(flag, value, help)->capture_default_str();
}

/// on|off. The option's text is converted when it is parsed, so the field itself stays a bool.
void add_switch(CLI::App& command, const std::string& flag, bool& value, const std::string& help,
                const std::string& group) {
  command
      .add_option_function<std::string>(
          flag, [&value](const std::string& text) { value = text == "on"; }, help)
      ->check(CLI::IsMember({"on", "off"}))
      ->default_str(value ? "on" : "off")
      ->group(group);
}

void add_data_options(CLI::App& command, TrainConfig& config) {
  constexpr const char* kGroup = "Data";
  std::string datasets = "Which benchmark, or `folder` for any image tree:";
  for (const DatasetSpec& spec : known_datasets()) datasets += "\n  " + spec.name + ": " + spec.what;
  add_value(command, "--dataset", config.dataset, datasets)->group(kGroup);
  add_value(command, "--data-dir", config.data_dir, "The data set's root (root/domain/class/image), or its parent")
      ->required()
      ->group(kGroup);
  add_value(command, "--test-env", config.test_env,
            "The domain left out, by index or name; `none` trains on every domain")
      ->group(kGroup);
  add_value(command, "--trial-seed", config.trial_seed, "Seed of the split of each domain (DomainBed's trial_seed)")
      ->group(kGroup);
  add_value(command, "--holdout", config.holdout, "Fraction of each domain held out of training (the `out` split)")
      ->group(kGroup);
  add_value(command, "--image-size", config.image_size, "Rows and columns of the network's input")->group(kGroup);
  add_choice(command, "--augment", config.augment,
             "Training images: crop, flip, colour jitter and grey as DomainBed does, or only resized",
             {"standard", "none"})
      ->group(kGroup);
  add_choice(command, "--sampler", config.sampler,
             "random: uniform with replacement, as DomainBed; sequential: the split in its order, wrapping around",
             {"random", "sequential"})
      ->group(kGroup);
  add_value(command, "--cache-gb", config.cache_gb, "Memory for decoded images")->group(kGroup);
}

void add_model_options(CLI::App& command, TrainConfig& config) {
  constexpr const char* kGroup = "Model";
  add_choice(command, "--model", config.model, "Architecture", {"resnet18", "resnet50", "mnist-cnn"})->group(kGroup);
  add_value(command, "--weights", config.weights,
            "A safetensors file with torchvision's names to start from; a head with another number of classes is "
            "initialised anew")
      ->group(kGroup);
  add_value(command, "--dropout", config.dropout, "Dropout of the pooled features")->group(kGroup);
  add_switch(command, "--freeze-bn", config.freeze_bn,
             "on: batch norm uses the loaded running statistics as constants (the protocol; gamma and beta still "
             "train).\noff: statistics of each batch. Then every pass of DGSAM normalises by the statistics of ONE "
             "domain,\nwhile ERM and SAM see all domains together: not a fair comparison",
             kGroup);
  add_choice(command, "--bn-running", config.bn_running,
             "With --freeze-bn off, which passes of a step move the running statistics. first-pass: not SAM's and "
             "DGSAM's perturbed ones",
             {"first-pass", "every-pass", "never"})
      ->group(kGroup);
}

void add_method_options(CLI::App& command, TrainConfig& config) {
  constexpr const char* kGroup = "Method";
  add_choice(command, "--algorithm", config.algorithm,
             "erm: S gradients per step for S source domains; sam: 2S; dgsam: S+1", {"erm", "sam", "dgsam"})
      ->group(kGroup);
  add_choice(command, "--optimizer", config.optimizer.name, "Base optimizer", {"adam", "adamw", "sgd"})->group(kGroup);
  add_value(command, "--lr", config.optimizer.learning_rate, "Learning rate, constant")->group(kGroup);
  add_value(command, "--weight-decay", config.optimizer.weight_decay,
            "Added to the gradient (adam, sgd) or decoupled (adamw); never part of an ascent")
      ->group(kGroup);
  add_value(command, "--momentum", config.optimizer.momentum, "Of sgd")->group(kGroup);
  command.add_flag("--nesterov", config.optimizer.nesterov, "Of sgd")->group(kGroup);
  add_value(command, "--rho", config.rho, "Length of SAM's ascent step, and of each of DGSAM's")->group(kGroup);
  add_choice(command, "--domain-order", config.domain_order, "Order of DGSAM's ascent over the domains",
             {"random", "fixed"})
      ->group(kGroup);
  add_choice(command, "--dgsam-gradients", config.dgsam_gradients,
             "Which gradients DGSAM descends with: all S+1; perturbed: without the first, taken at the unperturbed "
             "point; fresh: S new ones at the end of the ascent (2S gradients per step)",
             {"all", "perturbed", "fresh"})
      ->group(kGroup);
  add_choice(command, "--dgsam-scale", config.dgsam_scale,
             "Scale of DGSAM's descent gradient: of the sum of S domain losses (the authors'), or of their mean",
             {"sum", "mean"})
      ->group(kGroup);
}

void add_run_options(CLI::App& command, TrainConfig& config) {
  constexpr const char* kGroup = "Run";
  add_value(command, "--out", config.out, "Folder for everything the run writes; made if it does not exist")
      ->required()
      ->group(kGroup);
  command.add_flag("--overwrite", config.overwrite, "Replace the run that --out holds")->group(kGroup);
  command.add_option("--steps", config.steps, "Updates [the data set's: 5001, DomainNet 15001]")->group(kGroup);
  add_value(command, "--batch-size", config.batch_size, "Images per source domain and step")->group(kGroup);
  add_value(command, "--seed", config.seed, "Of initialisation, sampling, augmentation, dropout and domain order")
      ->group(kGroup);
  command
      .add_option("--eval-every", config.eval_every, "Steps between evaluations [the data set's: 200, DomainNet 1000]")
      ->group(kGroup);
  add_choice(command, "--eval-mode", config.eval_mode,
             "fast: all but the sources' training splits, as SWAD does; all: every split of every domain",
             {"fast", "all"})
      ->group(kGroup);
  add_value(command, "--sharpness-images", config.sharpness_images,
            "Images per domain for the one-step sharpness at the end of the run; 0: do not measure")
      ->group(kGroup);
  add_choice(command, "--device", config.device, "auto: cuda if there is one", {"auto", "cpu", "cuda"})->group(kGroup);
  add_choice(command, "--precision", config.precision,
             "Of activations. bf16 keeps parameters, statistics and sums in f32; f64 is for checking",
             {"f32", "bf16", "f64"})
      ->group(kGroup);
  add_value(command, "--threads", config.threads, "CPU threads; 0: all cores. Results depend on it by rounding only")
      ->group(kGroup);
  add_switch(command, "--onednn", config.onednn, "off: our own loops instead of oneDNN, as a reference", kGroup);
  command.add_flag("--profile", config.profile, "At the end, print time, FLOPs and bytes per operation")->group(kGroup);
}

}  // namespace

void add_train_options(CLI::App& command, TrainConfig& config) {
  add_data_options(command, config);
  add_model_options(command, config);
  add_method_options(command, config);
  add_run_options(command, config);
}

DType TrainConfig::activation() const {
  return precision == "f64" ? DType::f64 : precision == "bf16" ? DType::bf16 : DType::f32;
}

void resolve(TrainConfig& config) {
  const DatasetSpec& dataset = find_dataset(config.dataset);
  if (config.steps < 0) config.steps = dataset.steps;
  if (config.eval_every < 0) config.eval_every = dataset.eval_every;
  require(config.steps >= 1, "--steps ", config.steps, ": a run has at least one step");
  require(config.eval_every >= 1, "--eval-every ", config.eval_every, ": must be at least 1");
  require(config.batch_size >= 1 && config.batch_size < 65536, "--batch-size ", config.batch_size,
          ": must lie between 1 and 65535");
  require(config.image_size >= 1 && config.image_size <= 4096, "--image-size ", config.image_size,
          ": must lie between 1 and 4096");
  require(config.holdout >= 0 && config.holdout < 1, "--holdout ", config.holdout, ": must lie in [0, 1)");
  require(config.cache_gb >= 0, "--cache-gb ", config.cache_gb, ": must not be negative");
  require(config.dropout >= 0 && config.dropout < 1, "--dropout ", config.dropout, ": must lie in [0, 1)");
  require(config.sharpness_images >= 0, "--sharpness-images ", config.sharpness_images, ": must not be negative");
  require(config.threads >= 0 && config.threads <= 1024, "--threads ", config.threads, ": must lie between 0 and 1024");
}

RunningStatistics running_statistics(const TrainConfig& config) {
  return config.bn_running == "first-pass"   ? RunningStatistics::first_pass
         : config.bn_running == "every-pass" ? RunningStatistics::every_pass
                                             : RunningStatistics::never;
}

MethodOptions method_options(const TrainConfig& config, int domains) {
  MethodOptions options;
  options.name = config.algorithm;
  options.rho = config.rho;
  options.gradients = config.dgsam_gradients == "all"         ? DgsamGradients::all
                      : config.dgsam_gradients == "perturbed" ? DgsamGradients::perturbed
                                                              : DgsamGradients::fresh;
  options.scale = config.dgsam_scale == "sum" ? DgsamScale::sum : DgsamScale::mean;
  options.order = config.domain_order == "random" ? random_order(domains, config.seed) : fixed_order(domains);
  return options;
}

nlohmann::ordered_json TrainConfig::to_json() const {
  return {{"dataset", dataset},
          {"data_dir", data_dir},
          {"test_env", test_env},
          {"algorithm", algorithm},
          {"model", model},
          {"weights", weights},
          {"steps", steps},
          {"batch_size", batch_size},
          {"lr", optimizer.learning_rate},
          {"weight_decay", optimizer.weight_decay},
          {"dropout", dropout},
          {"optimizer", optimizer.name},
          {"momentum", optimizer.momentum},
          {"nesterov", optimizer.nesterov},
          {"rho", rho},
          {"domain_order", domain_order},
          {"dgsam_gradients", dgsam_gradients},
          {"dgsam_scale", dgsam_scale},
          {"freeze_bn", freeze_bn},
          {"bn_running", bn_running},
          {"trial_seed", trial_seed},
          {"seed", seed},
          {"holdout", holdout},
          {"eval_every", eval_every},
          {"eval_mode", eval_mode},
          {"image_size", image_size},
          {"augment", augment},
          {"sampler", sampler},
          {"cache_gb", cache_gb},
          {"sharpness_images", sharpness_images},
          {"device", device},
          {"precision", precision},
          {"threads", threads},
          {"onednn", onednn}};
}

}  // namespace dgsam
