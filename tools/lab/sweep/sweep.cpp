#include "tools/lab/sweep/sweep.h"

#include <algorithm>
#include <cctype>

#include "data/splits.h"
#include "engine/core/check.h"
#include "engine/core/letter_case.h"
#include "tools/commands/train_flags.h"
#include "tools/lab/collect/collect_format.h"
#include "tools/lab/collect/collect_select.h"
#include "tools/results/train_command.h"
#include "tools/terminal/command_line.h"
#include "tools/train/settings.h"

namespace dgsam {

namespace {

namespace fs = std::filesystem;

/// What may stand in a folder's name.
std::string file_name(std::string text) {
  for (char& letter : text) {
    if (!std::isalnum(static_cast<unsigned char>(letter)) && letter != '_' && letter != '.') letter = '_';
  }
  return text;
}

std::string group_name(const std::string& dataset, const std::string& algorithm, const std::string& domain) {
  return dataset + ", " + algorithm + ", " + domain + " left out";
}

}  // namespace

SweepJob Sweep::make_job(const std::string& dataset, const std::string& algorithm, int env, int trial,
                         int hparams) const {
  SweepJob job;
  job.dataset = dataset;
  job.algorithm = algorithm;
  job.domain = definition_.domains.at(dataset)[static_cast<std::size_t>(env)];
  job.test_env = env;
  job.trial = trial;
  job.hparams = hparams;
  job.name = dataset + "-" + algorithm + "-" + std::to_string(env) + "-" + file_name(job.domain) + "-t" +
             std::to_string(trial) + "-h" + std::to_string(hparams);
  if (definition_.random()) {
    job.values = domainbed_hparams(dataset, algorithm, hparams, trial);
    // What the user fixed for every job is not drawn.
    for (const std::string& word : definition_.train) {
      std::string name = word.starts_with("--") ? word.substr(2, word.find('=') - 2) : "";
      std::replace(name.begin(), name.end(), '-', '_');
      job.values.erase(name);
    }
    job.seed = seed_hash("('" + dataset + "', '" + upper_case(algorithm) + "', [" + std::to_string(env) + "], " +
                         std::to_string(hparams) + ", " + std::to_string(trial) + ")");
  } else {
    job.values = definition_.choices[static_cast<std::size_t>(hparams)];
    job.seed = definition_.grid == "swad" ? 0 : static_cast<std::uint64_t>(trial);
  }
  return job;
}

SweepJobs Sweep::jobs() {
  SweepJobs result;
  const SweepDefinition& d = definition_;
  const bool two_stages = d.search == "first-trial" && d.n_hparams > 1 && d.trials > 1;
  const auto for_each_group = [&](const auto& use) {
    for (const std::string& dataset : d.datasets) {
      for (const int env : test_envs_of(d, dataset)) {
        for (const std::string& algorithm : d.algorithms) use(dataset, algorithm, env);
      }
    }
  };
  std::map<std::string, std::set<int>> tried;
  for (const std::string& algorithm : d.algorithms) {
    const std::vector<int> numbers = d.hparams_of(algorithm);
    tried[algorithm] = {numbers.begin(), numbers.end()};
  }
  for (int trial = 0; trial < (two_stages ? 1 : d.trials); ++trial) {
    for (int hparams = 0; hparams < d.n_hparams; ++hparams) {
      for_each_group([&](const std::string& dataset, const std::string& algorithm, int env) {
        if (!tried.at(algorithm).contains(hparams)) return;
        result.jobs.push_back(make_job(dataset, algorithm, env, trial, hparams));
      });
    }
  }
  if (!two_stages) return result;
  for (int trial = 1; trial < d.trials; ++trial) {
    for_each_group([&](const std::string& dataset, const std::string& algorithm, int env) {
      const int best = winner(dataset, algorithm, env, result);
      if (best < 0) {
        ++result.waiting;
        return;
      }
      result.jobs.push_back(make_job(dataset, algorithm, env, trial, best));
      result.jobs.back().second_stage = true;
    });
  }
  return result;
}

int Sweep::winner(const std::string& dataset, const std::string& algorithm, int env, SweepJobs& jobs) {
  std::vector<SweepJob> search;
  for (const int hparams : definition_.hparams_of(algorithm)) {
    search.push_back(make_job(dataset, algorithm, env, 0, hparams));
  }
  const std::string group = group_name(dataset, algorithm, search.front().domain);
  if (const auto known = winners_.find(group); known != winners_.end()) return known->second;
  const auto undone = std::count_if(search.begin(), search.end(),
                                    [&](const SweepJob& job) { return !fs::exists(run_folder(job) / "done"); });
  if (undone > 0) {
    jobs.open[group] = static_cast<std::size_t>(undone);
    return -1;
  }
  std::vector<fs::path> folders;
  for (const SweepJob& job : search) folders.push_back(run_folder(job));
  const Collection collection = collect(folders, {.costs = false});
  const std::vector<ResultGroup> groups = groups_of(collection);
  std::optional<Choice> best;
  for (const ResultGroup& one : groups) {  // more than one when --swad is among what is searched
    const std::optional<Choice> choice = select(collection, one, SelectionMethod::training_domain);
    if (choice && (!best || choice->validation > best->validation)) best = choice;
  }
  require(best.has_value(), folder_.string(), ": the search of ", group,
          " is done, and nothing can be chosen: ", describe_problems(collection));
  const fs::path& chosen = collection.runs[best->record->run].folder;
  const auto place = std::find(folders.begin(), folders.end(), chosen) - folders.begin();
  return winners_[group] = search[static_cast<std::size_t>(place)].hparams;
}

std::vector<std::string> Sweep::arguments(const SweepJob& job) const {
  std::vector<std::string> words{"train",        "--resume",
                                 "--out",        run_folder(job).string(),
                                 "--dataset",    job.dataset,
                                 "--algorithm",  job.algorithm,
                                 "--test-env",   std::to_string(job.test_env),
                                 "--trial-seed", std::to_string(job.trial),
                                 "--seed",       std::to_string(job.seed)};
  for (const auto& [name, value] : job.values.items()) {
    const Setting* const setting = find_setting(name);
    const bool bare = setting && setting->rules.bare && value.is_boolean();
    if (bare && !value.get<bool>()) continue;
    words.push_back(flag_of(name));
    if (!bare) words.push_back(flag_value(value));
  }
  words.insert(words.end(), definition_.train.begin(), definition_.train.end());
  return words;
}

TrainConfig Sweep::config(const SweepJob& job) const {
  std::vector<std::string> words = arguments(job);
  words.erase(words.begin());  // "train"
  auto [config, given] = parse_train_flags(std::move(words), "the flags of job " + job.name);
  apply_defaults(config, given);
  dgsam::resolve(config);
  return config;
}

nlohmann::ordered_json Sweep::describe(const SweepJob& job) const {
  std::vector<std::string> words = arguments(job);
  words.insert(words.begin(), "dgsam-run");
  return {{"name", job.name},
          {"dataset", job.dataset},
          {"algorithm", job.algorithm},
          {"domain", job.domain},
          {"trial", job.trial},
          {"hparams", job.hparams},
          {"values", job.values},
          {"command", shell_words(words)},
          {"config", config(job).to_json()}};
}

void Sweep::check_jobs() {
  for (const SweepJob& job : jobs().jobs) {
    const TrainConfig made = config(job);
    require(made.weights.empty() || fs::exists(made.weights), "--weights ", made.weights, " does not exist");
  }
}

}  // namespace dgsam
