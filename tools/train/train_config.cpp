#include "tools/train/train_config.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <type_traits>

#include "data/datasets.h"
#include "engine/core/check.h"

namespace dgsam {

DType TrainConfig::activation() const {
  return precision == "f64" ? DType::f64 : precision == "bf16" ? DType::bf16 : DType::f32;
}

void resolve(TrainConfig& config) {
  find_dataset(config.dataset);
  require(!config.data_dir.empty(), "--data-dir is needed: the data set's root, or the folder that holds it");
  if (config.round_steps && config.eval_every >= 1) {
    config.steps = std::max<std::int64_t>(0, config.steps) / config.eval_every * config.eval_every + 1;
  }
  require(config.steps >= 1, "--steps ", config.steps, ": a run has at least one step");
  require(config.eval_every >= 1, "--eval-every ", config.eval_every, ": must be at least 1");
  require(config.batch_size >= 1 && config.batch_size < 65536, "--batch-size ", config.batch_size,
          ": must lie between 1 and 65535");
  require(config.image_size >= 1 && config.image_size <= 4096, "--image-size ", config.image_size,
          ": must lie between 1 and 4096");
  require(config.channels >= 1 && config.channels <= 3, "--channels ", config.channels, ": must be 1, 2 or 3");
  require(config.save_every >= 0, "--save-every ", config.save_every, ": must not be negative");
  require(config.holdout >= 0 && config.holdout < 1, "--holdout ", config.holdout, ": must lie in [0, 1)");
  require(config.cache_gb >= 0, "--cache-gb ", config.cache_gb, ": must not be negative");
  require(config.swad_tolerance >= 0, "--swad-tolerance ", config.swad_tolerance, ": must not be negative");
  require(!config.swad || config.holdout > 0, "--swad on needs a validation loss: leave it a --holdout");
  require(config.swad_statistics >= 1, "--swad-statistics ", config.swad_statistics, ": must be at least 1");
  require(config.dropout >= 0 && config.dropout < 1, "--dropout ", config.dropout, ": must lie in [0, 1)");
  require(config.sharpness_images >= 0, "--sharpness-images ", config.sharpness_images, ": must not be negative");
  require(config.sharpness_rho >= 0, "--sharpness-rho ", config.sharpness_rho, ": must not be negative");
  if (config.sharpness_rho == 0) config.sharpness_rho = config.rho;
  require(config.threads >= 0 && config.threads <= 1024, "--threads ", config.threads, ": must lie between 0 and 1024");
}

BackendOptions backend_options(const TrainConfig& config) {
  return {.threads = config.threads,
          .onednn = config.onednn,
          .measure = config.conv_choice == "measured",
          .tf32 = config.precision == "tf32"};
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
  options.gsam_alpha = config.gsam_alpha;
  options.sagm_alpha = config.sagm_alpha;
  options.gradients = config.dgsam_gradients == "all"         ? DgsamGradients::all
                      : config.dgsam_gradients == "perturbed" ? DgsamGradients::perturbed
                                                              : DgsamGradients::fresh;
  options.scale = config.dgsam_scale == "sum" ? DgsamScale::sum : DgsamScale::mean;
  options.order = config.domain_order == "random" ? random_order(domains, config.seed) : fixed_order(domains);
  return options;
}

void apply_defaults(TrainConfig& config, const std::set<std::string>& given) {
  const auto set = [&](const char* name, auto& field, const auto& value) {
    if (!given.contains(name)) field = value;
  };
  const DatasetSpec& dataset = find_dataset(config.dataset);
  const TrainingDefaults& defaults = dataset.training;
  const bool swad = config.protocol == "swad";
  set("steps", config.steps, swad ? defaults.steps : dataset.domainbed_2020.steps);
  set("eval_every", config.eval_every, swad ? defaults.eval_every : dataset.domainbed_2020.eval_every);
  set("batch_size", config.batch_size, defaults.batch_size);
  set("swad_tolerance", config.swad_tolerance, dataset.training.swad_tolerance);
  set("lr", config.optimizer.learning_rate, defaults.lr);
  set("model", config.model, defaults.model);
  set("image_size", config.image_size, defaults.image_size);
  set("channels", config.channels, defaults.channels);
  set("augment", config.augment, defaults.augment ? "standard" : "none");
  set("normalise", config.normalise, defaults.imagenet_normalisation ? "imagenet" : "none");
  set("eval_mode", config.eval_mode, swad ? "fast" : "all");
  set("val_augment", config.val_augment, !swad);
  set("eval_last", config.eval_last, swad);
  set("oracle", config.oracle, swad ? "best" : "last");
}

namespace {

/// field(name, value) for every field that decides a run's result, and for those that say where it ran.
template <class Config, class Field>
void for_each_field(Config& config, const Field& field) {
  field("protocol", config.protocol);
  field("dataset", config.dataset);
  field("data_dir", config.data_dir);
  field("test_env", config.test_env);
  field("algorithm", config.algorithm);
  field("model", config.model);
  field("weights", config.weights);
  field("steps", config.steps);
  field("batch_size", config.batch_size);
  field("lr", config.optimizer.learning_rate);
  field("weight_decay", config.optimizer.weight_decay);
  field("dropout", config.dropout);
  field("optimizer", config.optimizer.name);
  field("momentum", config.optimizer.momentum);
  field("nesterov", config.optimizer.nesterov);
  field("rho", config.rho);
  field("gsam_alpha", config.gsam_alpha);
  field("sagm_alpha", config.sagm_alpha);
  field("swad", config.swad);
  field("swad_tolerance", config.swad_tolerance);
  field("swad_statistics", config.swad_statistics);
  field("domain_order", config.domain_order);
  field("dgsam_gradients", config.dgsam_gradients);
  field("dgsam_scale", config.dgsam_scale);
  field("freeze_bn", config.freeze_bn);
  field("bn_running", config.bn_running);
  field("trial_seed", config.trial_seed);
  field("seed", config.seed);
  field("holdout", config.holdout);
  field("eval_every", config.eval_every);
  field("eval_last", config.eval_last);
  field("eval_mode", config.eval_mode);
  field("val_augment", config.val_augment);
  field("oracle", config.oracle);
  field("image_size", config.image_size);
  field("channels", config.channels);
  field("normalise", config.normalise);
  field("augment", config.augment);
  field("sampler", config.sampler);
  field("cache", config.cache);
  field("cache_gb", config.cache_gb);
  field("sharpness_images", config.sharpness_images);
  field("sharpness_rho", config.sharpness_rho);
  field("device", config.device);
  field("precision", config.precision);
  field("conv_choice", config.conv_choice);
  field("threads", config.threads);
  field("onednn", config.onednn);
  field("save_every", config.save_every);
  field("tensorboard", config.tensorboard);
}

std::string flag_of(std::string field) {
  std::replace(field.begin(), field.end(), '_', '-');
  return "--" + field;
}

}  // namespace

bool may_change(const std::string& field) {
  return field == "data_dir" || field == "cache" || field == "cache_gb" || field == "threads" ||
         field == "save_every" || field == "tensorboard";
}

nlohmann::ordered_json TrainConfig::to_json() const {
  nlohmann::ordered_json json;
  for_each_field(*this, [&](const char* name, const auto& value) { json[name] = value; });
  return json;
}

TrainConfig TrainConfig::from_json(const nlohmann::ordered_json& json, const std::string& where) {
  require(json.is_object(), where, " is not a JSON object");
  TrainConfig config;
  for_each_field(config, [&](const char* name, auto& value) {
    const auto found = json.find(name);
    if (found == json.end()) return;
    using T = std::remove_cvref_t<decltype(value)>;
    const bool fits = std::is_same_v<T, std::string> ? found->is_string()
                      : std::is_same_v<T, bool>      ? found->is_boolean()
                      : std::is_floating_point_v<T>  ? found->is_number()
                                                     : found->is_number_integer();
    require(fits, where, ": \"", name, "\" is ", found->dump(), ", which ", flag_of(name), " cannot be");
    value = found->template get<T>();
  });
  return config;
}

TrainConfig configuration_to_resume(const TrainConfig& asked, const std::set<std::string>& given) {
  const std::filesystem::path path = std::filesystem::path(asked.out) / "config.json";
  std::ifstream file(path);
  if (!file) return asked;
  const auto recorded = nlohmann::ordered_json::parse(file, nullptr, false);
  require(!recorded.is_discarded(), path.string(), " is not JSON: the run cannot be resumed; --overwrite starts anew");
  TrainConfig config = TrainConfig::from_json(recorded, path.string());
  const nlohmann::ordered_json wanted = asked.to_json();
  nlohmann::ordered_json merged = config.to_json();
  for (const auto& [field, value] : wanted.items()) {
    if (!given.contains(field) || merged[field] == value) continue;
    require(may_change(field), flag_of(field), " is ", value.dump(), ", but the run in ", asked.out, " was begun with ",
            merged[field].dump(), ": leave the flag out to resume it, or choose another --out");
    merged[field] = value;
  }
  config = TrainConfig::from_json(merged, path.string());
  config.out = asked.out;
  config.profile = asked.profile;
  config.recording = asked.recording;
  config.resume = true;
  return config;
}

}  // namespace dgsam
