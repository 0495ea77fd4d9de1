#include "tools/train/train_config.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "data/datasets.h"
#include "engine/core/check.h"
#include "tools/train/settings.h"

namespace dgsam {

DType TrainConfig::activation() const {
  switch (precision) {
    case Precision::f64:
      return DType::f64;
    case Precision::bf16:
      return DType::bf16;
    case Precision::f32:
    case Precision::tf32:
      break;
  }
  return DType::f32;
}

void resolve(TrainConfig& config) {
  find_dataset(config.dataset);
  require(!config.data_dir.empty() || !config.manifest.empty(),
          "--data-dir is needed: the data set's root, or the folder that holds it; or --manifest, a list of images");
  require(config.data_dir.empty() || config.manifest.empty(),
          "--data-dir and --manifest both say where the images are: give one of them");
  require(config.manifest.empty() || config.dataset == "folder", "--manifest is for --dataset folder, not for ",
          config.dataset);
  if (config.round_steps && config.eval_every >= 1) {
    config.steps = std::max<std::int64_t>(0, config.steps) / config.eval_every * config.eval_every + 1;
  }
  check_ranges(config);
  require(!config.swad || config.holdout > 0, "--swad on needs a validation loss: leave it a --holdout");
  require(!config.swad || config.average == WeightAveraging::none,
          "--swad on and --average moving are two averages of one run: give one of them");
  require(config.average == WeightAveraging::none || config.average_from < config.steps, "--average-from ",
          config.average_from, " leaves nothing to average: the run's last step is ", config.steps - 1);
  if (config.sharpness_rho == 0) config.sharpness_rho = config.rho;
}

std::string absolute_path(const std::string& path) {
  if (path.empty()) return path;
  std::error_code no_folder;  // the present one may have been removed
  const std::filesystem::path absolute = std::filesystem::absolute(path, no_folder);
  return no_folder ? path : absolute.lexically_normal().string();
}

void make_paths_absolute(TrainConfig& config) {
  for (const SettingGroup& group : setting_groups()) {
    for (const Setting& setting : group.settings) {
      if (!setting.rules.path) continue;
      std::string& path = *std::get<std::string*>(setting.field.in(config));
      path = absolute_path(path);
    }
  }
}

BackendOptions backend_options(const TrainConfig& config) {
  return {.threads = config.threads,
          .onednn = config.onednn,
          .measure = config.conv_choice == ConvChoice::measured,
          .tf32 = config.precision == Precision::tf32};
}

MethodOptions method_options(const TrainConfig& config, int domains) {
  MethodOptions options;
  options.name = config.algorithm;
  options.rho = config.rho;
  options.gsam_alpha = config.gsam_alpha;
  options.sagm_alpha = config.sagm_alpha;
  options.adaptive = config.adaptive;
  options.disam_lambda = config.disam_lambda;
  options.gga_gamma = config.gga_gamma;
  options.seed = config.seed;
  options.gradients = config.dgsam_gradients;
  options.scale = config.dgsam_scale;
  const bool random = config.domain_order == OrderOfDomains::random;
  options.order = random ? random_order(domains, config.seed) : fixed_order(domains);
  return options;
}

void apply_defaults(TrainConfig& config, const std::set<std::string>& given) {
  const auto set = [&](const char* name, auto& field, const auto& value) {
    if (!given.contains(name)) field = value;
  };
  const DatasetSpec& dataset = find_dataset(config.dataset);
  const TrainingDefaults& defaults = dataset.training;
  const bool swad = config.protocol == Protocol::swad;
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
  set("eval_mode", config.eval_mode, swad ? EvalMode::fast : EvalMode::all);
  set("val_augment", config.val_augment, !swad);
  set("eval_last", config.eval_last, swad);
  set("oracle", config.oracle, swad ? Oracle::best : Oracle::last);
}

std::string flag_of(std::string field) {
  std::replace(field.begin(), field.end(), '_', '-');
  return "--" + field;
}

bool may_change(const std::string& field) {
  const Setting* setting = find_setting(field);
  return setting && setting->rules.on_resume == OnResume::change;
}

namespace {

nlohmann::ordered_json json_of(const SettingValue& value) {
  if (const WordChoice* choice = std::get_if<WordChoice>(&value)) return choice->word();
  return std::visit(
      []<class T>(const T& at) {
        if constexpr (std::is_pointer_v<T>) return nlohmann::ordered_json(*at);
        return nlohmann::ordered_json();
      },
      value);
}

/// False, and nothing is changed, for a value that the field cannot have.
bool set_from_json(SettingValue value, const nlohmann::ordered_json& json) {
  return std::visit(
      [&]<class T>(T& at) {
        if constexpr (std::is_same_v<T, WordChoice>) {
          return json.is_string() && at.set(json.get<std::string>());
        } else {
          using Field = std::remove_pointer_t<T>;
          bool fits = json.is_number_integer();
          if constexpr (std::is_same_v<Field, std::string>) fits = json.is_string();
          if constexpr (std::is_same_v<Field, bool>) fits = json.is_boolean();
          if constexpr (std::is_floating_point_v<Field>) fits = json.is_number();
          if (fits) *at = json.get<Field>();
          return fits;
        }
      },
      value);
}

}  // namespace

nlohmann::ordered_json TrainConfig::to_json() const {
  TrainConfig copy = *this;
  nlohmann::ordered_json json;
  for (const Setting* setting : recorded_settings()) json[setting->name] = json_of(setting->field.in(copy));
  return json;
}

TrainConfig TrainConfig::from_json(const nlohmann::ordered_json& json, const std::string& where) {
  require(json.is_object(), where, " is not a JSON object");
  TrainConfig config;
  for (const Setting* setting : recorded_settings()) {
    const auto found = json.find(setting->name);
    if (found == json.end()) continue;
    require(set_from_json(setting->field.in(config), *found), where, ": \"", setting->name, "\" is ", found->dump(),
            ", which ", setting->flag(), " cannot be");
  }
  return config;
}

TrainConfig configuration_to_resume(const TrainConfig& asked, const std::set<std::string>& given) {
  const std::filesystem::path path = std::filesystem::path(asked.out) / "config.json";
  std::ifstream file(path);
  if (!file) return asked;
  const auto recorded = nlohmann::ordered_json::parse(file, nullptr, false);
  require(!recorded.is_discarded(), path.string(), " is not JSON: the run cannot be resumed; --overwrite starts anew");
  TrainConfig config = TrainConfig::from_json(recorded, path.string());
  // Runs of earlier versions recorded paths as they were typed, relative to where they were begun.
  TrainConfig here = asked, there = config;
  make_paths_absolute(here);
  make_paths_absolute(there);
  const nlohmann::ordered_json wanted = here.to_json(), recorded_here = there.to_json();
  nlohmann::ordered_json merged = config.to_json();
  if (given.contains("manifest")) merged["data_dir"] = "";
  if (given.contains("data_dir")) merged["manifest"] = "";
  for (const auto& [field, value] : wanted.items()) {
    if (!given.contains(field) || recorded_here[field] == value) continue;
    require(may_change(field), flag_of(field), " is ", value.dump(), ", but the run in ", asked.out, " was begun with ",
            merged[field].dump(), ": leave the flag out to resume it, or choose another --out");
    merged[field] = value;
  }
  config = TrainConfig::from_json(merged, path.string());
  for (const SettingGroup& group : setting_groups()) {
    for (const Setting& setting : group.settings) {
      if (setting.rules.on_resume == OnResume::ask) setting.field.copy(asked, config);
    }
  }
  config.resume = true;
  return config;
}

}  // namespace dgsam
