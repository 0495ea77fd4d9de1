#include "tools/results/methods.h"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "engine/core/letter_case.h"
#include "tools/train/train_config.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;
using Values = std::map<std::string, std::string>;  // of settings by name

/// Values that say which run of a method this is, or where it ran; --swad and --average have words of their own.
const std::set<std::string> kNotOfMethod{
    "dataset",          "data_dir",  "test_env", "algorithm", "trial_seed",           "seed", "cache",
    "cache_gb",         "threads",   "onednn",   "device",    "save_every",           "swad", "average",
    "sharpness_images", "eval_mode", "oracle",   "manifest",  "allow_missing_classes"};

/// The settings of train that decide what the method is. Others in config.json follow from them or from the data.
Values method_settings(const FinishedRun& run) {
  static const nlohmann::ordered_json kTrain = TrainConfig().to_json();
  Values values;
  for (const auto& [name, value] : run.settings) {
    if (kTrain.contains(name) && !kNotOfMethod.contains(name)) values[name] = value;
  }
  return values;
}

int rank_of(const std::string& algorithm) {
  return static_cast<int>(std::find(kMethods.begin(), kMethods.end(), algorithm) - kMethods.begin());
}

/// "dgsam_gradients" of DGSAM is "gradients".
std::string short_name(std::string setting, const std::string& algorithm) {
  if (setting.starts_with(algorithm + "_")) setting.erase(0, algorithm.size() + 1);
  std::replace(setting.begin(), setting.end(), '_', ' ');
  return setting;
}

void set_labels(std::vector<FinishedRun>& runs) {
  std::map<std::string, std::map<std::string, std::set<std::string>>> values;  // by algorithm and setting
  std::map<std::string, std::size_t> count;
  for (const FinishedRun& run : runs) {
    ++count[run.algorithm];
    for (const auto& [name, value] : method_settings(run)) values[run.algorithm][name].insert(value);
  }
  for (FinishedRun& run : runs) {
    run.label = upper_case(run.algorithm);
    for (const auto& [name, value] : method_settings(run)) {
      if (values[run.algorithm][name].size() > 1) run.label += ", " + short_name(name, run.algorithm) + " " + value;
    }
    if (!run.average.empty()) run.label += " + " + run.average;
  }
}

void set_trials(std::vector<FinishedRun>& runs) {
  std::map<std::tuple<std::string, int, std::int64_t>, std::set<std::int64_t>> seeds;  // on the same splits
  for (const FinishedRun& run : runs) seeds[{run.label, run.unseen, run.trial.trial_seed}].insert(run.trial.seed);
  const bool seeds_are_trials =
      std::any_of(seeds.begin(), seeds.end(), [](const auto& of) { return of.second.size() > 1; });
  if (seeds_are_trials) return;
  for (FinishedRun& run : runs) run.trial.seed = 0;
}

/// A sweep's runs are all called "run": their jobs have the names.
std::string folder_name(const fs::path& folder) {
  fs::path path = (folder / "").lexically_normal().parent_path();
  if (path.filename() == "run") path = path.parent_path();
  return path.filename().string();
}

void tell_twins_apart(std::vector<FinishedRun>& runs) {
  using Key = std::tuple<std::string, int, Trial>;
  std::map<Key, std::size_t> count;
  for (const FinishedRun& run : runs) ++count[{run.label, run.unseen, run.trial}];
  for (FinishedRun& run : runs) {
    if (count[{run.label, run.unseen, run.trial}] > 1) run.label += " (" + folder_name(run.folder) + ")";
  }
}

}  // namespace

void name_methods(std::vector<FinishedRun>& runs) {
  set_labels(runs);
  set_trials(runs);
  tell_twins_apart(runs);
  std::map<std::string, std::size_t> first;  // places of labels
  for (const FinishedRun& run : runs) first.try_emplace(run.label, first.size());
  const auto key = [&](const FinishedRun& run) {
    // A run that leaves nothing out comes last.
    const auto unseen = static_cast<unsigned>(run.unseen);
    return std::tuple(rank_of(run.algorithm), run.average, first.at(run.label), unseen, run.trial);
  };
  std::stable_sort(runs.begin(), runs.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
}

std::string variant_of(const FinishedRun& run) { return run.label.substr(run.algorithm.size()); }

}  // namespace dgsam
