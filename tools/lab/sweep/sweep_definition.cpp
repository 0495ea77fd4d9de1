// sweep.json: what a sweep was asked for.
#include <algorithm>
#include <fstream>
#include <numeric>
#include <sstream>

#include "data/datasets.h"
#include "engine/core/check.h"
#include "engine/io/atomic_file.h"
#include "tools/commands/train_flags.h"
#include "tools/lab/sweep/sweep.h"
#include "tools/lab/sweep/sweep_job.h"
#include "tools/results/run_folders.h"
#include "tools/train/open_data.h"
#include "tools/train/settings.h"

namespace dgsam {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kFile = "sweep.json";
constexpr int kRandomHparams = 20;  // as DomainBed

/// Flags of train that the sweep sets for each job.
const std::set<std::string> kSetBySweep{"dataset", "algorithm", "test_env", "trial_seed",
                                        "seed",    "out",       "resume",   "overwrite"};

/// train's flags as given after `--`.
TrainFlags flags_after_dashes(std::vector<std::string> words, const std::string& dataset) {
  words.insert(words.begin(), {"--out", "job", "--dataset", dataset});
  TrainFlags flags = parse_train_flags(std::move(words), "the flags after --");
  flags.given.erase("dataset");
  flags.given.erase("out");
  apply_defaults(flags.config, flags.given);
  return flags;
}

void check_train_flags(const SweepDefinition& definition) {
  for (const std::string& word : definition.train) {
    for (const std::string& name : kSetBySweep) {
      const std::string flag = flag_of(name);
      require(word != flag && !word.starts_with(flag + "="), flag,
              " stands after --, but the sweep sets it for each job");
    }
  }
  const TrainFlags flags = flags_after_dashes(definition.train, definition.datasets.front());
  require(!flags.config.data_dir.empty() || !flags.config.manifest.empty(),
          "the folder of the data is needed: end the command with -- --data-dir DIR");
  for (const HparamValues& choice : definition.choices) {
    for (const auto& [name, value] : choice.items()) {
      require(!flags.given.contains(name), name, " is varied by --grid ", definition.grid,
              " and given after -- as well");
      require(!kSetBySweep.contains(name), "--grid ", definition.grid, " varies ", name,
              ", which the sweep sets for each job");
    }
  }
}

std::vector<std::string> domains_of(const SweepDefinition& definition, const std::string& dataset) {
  const DatasetSpec& spec = find_dataset(dataset);
  TrainConfig config = flags_after_dashes(definition.train, dataset).config;
  config.dataset = dataset;
  std::vector<std::string> names;
  for (const KnownDomain& domain : spec.domains) names.push_back(domain.name);
  if (names.empty()) {
    for (const Domain& domain : open_data(config).domains) names.push_back(domain.name);
  } else {
    dataset_root(spec, config.data_dir);  // throws when it is not there
  }
  return names;
}

void resolve_grid(SweepDefinition& definition, const std::set<std::string>& given) {
  require(!given.contains("n_hparams") || definition.n_hparams >= 1, "--n-hparams ", definition.n_hparams,
          ": at least one choice of hyperparameters is tried");
  if (definition.random()) {
    if (!given.contains("n_hparams")) definition.n_hparams = kRandomHparams;
    if (!given.contains("search")) definition.search = "every-trial";
    require(definition.search == "every-trial", "--search first-trial: DomainBed's random search draws other ",
            "hyperparameters for every trial, so none can be reused");
    return;
  }
  if (definition.choices.empty()) {
    definition.choices = definition.grid == "defaults" ? std::vector<HparamValues>{HparamValues::object()}
                         : definition.grid == "swad"   ? swad_grid()
                                                       : grid_from_file(definition.grid);
  }
  // Jobs may be started from another folder.
  for (HparamValues& choice : definition.choices) {
    for (const auto& [name, value] : choice.items()) {
      const Setting* const setting = find_setting(name);
      if (setting && setting->rules.path && value.is_string()) value = absolute_path(value.get<std::string>());
    }
  }
  if (given.contains("n_hparams")) {
    require(definition.n_hparams <= std::ssize(definition.choices), "--n-hparams ", definition.n_hparams, ": --grid ",
            definition.grid, " has ", definition.choices.size(), " choices");
    definition.choices.resize(static_cast<std::size_t>(definition.n_hparams));
  }
  definition.n_hparams = static_cast<int>(definition.choices.size());
  if (definition.search.empty()) definition.search = "first-trial";
}

void check_unique(const std::vector<std::string>& names, const char* flag) {
  require(!names.empty(), flag, " is empty");
  for (std::size_t i = 0; i < names.size(); ++i) {
    require(std::find(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(i), names[i]) ==
                names.begin() + static_cast<std::ptrdiff_t>(i),
            flag, " names ", names[i], " twice");
  }
}

void write(const fs::path& folder, const SweepDefinition& definition) {
  const std::string text = definition.to_json().dump(2) + "\n";
  write_atomically((folder / kFile).string(), text);
}

/// Given fields against recorded ones. The train flags that are new come in when only what may change does.
void require_agreement(SweepDefinition& recorded, const SweepDefinition& asked, const std::set<std::string>& given,
                       const fs::path& folder) {
  const Json before = recorded.to_json(), now = asked.to_json();
  for (const std::string& name : given) {
    if (name == "train") continue;
    const std::string flag = flag_of(name);
    require(before[name] == now[name], flag, " is ", now[name].dump(), ", but the sweep in ", folder.string(),
            " was defined with ", before[name].dump(), ": leave the flag out to continue it, or choose another --out");
  }
  if (given.contains("grid")) {
    require(recorded.choices == asked.choices, "--grid ", asked.grid, " holds other choices than when the sweep in ",
            folder.string(), " was defined: restore it, leave the flag out to continue, or choose another --out");
  }
  if (!given.contains("train")) return;
  const Json old_values = flags_after_dashes(recorded.train, recorded.datasets.front()).config.to_json();
  const Json new_values = flags_after_dashes(asked.train, recorded.datasets.front()).config.to_json();
  for (const auto& [name, value] : new_values.items()) {
    require(value == old_values[name] || may_change(name), "after --, ", name, " is ", value.dump(),
            ", but the sweep in ", folder.string(), " was defined with ", old_values[name].dump(),
            ": leave it as it was, or choose another --out");
  }
  recorded.train = asked.train;
}

template <class T>
T field(const Json& json, const char* name, const std::string& where) {
  const auto found = json.find(name);
  require(found != json.end(), where, " has no \"", name, "\": it is not a sweep's, or it is damaged");
  try {
    return found->get<T>();
  } catch (const nlohmann::json::exception&) {
    fail(where, ": \"", name, "\" is ", found->dump(), ", which it cannot be");
  }
}

}  // namespace

Json SweepDefinition::to_json() const {
  return {{"datasets", datasets}, {"algorithms", algorithms}, {"test_envs", test_envs}, {"trials", trials},
          {"grid", grid},         {"search", search},         {"n_hparams", n_hparams}, {"train", train},
          {"domains", domains},   {"choices", choices},       {"tried", tried}};
}

std::vector<int> SweepDefinition::hparams_of(const std::string& algorithm) const {
  if (const auto some = tried.find(algorithm); some != tried.end()) return some->second;
  std::vector<int> all(static_cast<std::size_t>(n_hparams));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

SweepDefinition SweepDefinition::from_json(const Json& json, const std::string& where) {
  require(json.is_object(), where, " is not a JSON object: it is not a sweep's, or it is damaged");
  SweepDefinition definition;
  const auto read = [&](const char* name, auto& value) {
    value = field<std::remove_cvref_t<decltype(value)>>(json, name, where);
  };
  read("datasets", definition.datasets);
  read("algorithms", definition.algorithms);
  read("test_envs", definition.test_envs);
  read("trials", definition.trials);
  read("grid", definition.grid);
  read("search", definition.search);
  read("n_hparams", definition.n_hparams);
  read("train", definition.train);
  read("domains", definition.domains);
  read("choices", definition.choices);
  if (json.contains("tried")) read("tried", definition.tried);
  require(definition.random() || definition.n_hparams == std::ssize(definition.choices), where, ": \"n_hparams\" is ",
          definition.n_hparams, ", but there are ", definition.choices.size(), " \"choices\"");
  for (const auto& [algorithm, numbers] : definition.tried) {
    for (const int number : numbers) {
      require(number >= 0 && number < definition.n_hparams, where, ": \"tried\" has choice ", number, " for ",
              algorithm, ", but they are numbered 0 to ", definition.n_hparams - 1);
    }
  }
  return definition;
}

void resolve(SweepDefinition& definition, const std::set<std::string>& given) {
  check_unique(definition.datasets, "--datasets");
  check_unique(definition.algorithms, "--algorithms");
  require(definition.trials >= 1, "--trials ", definition.trials, ": at least one trial is needed");
  for (const std::string& dataset : definition.datasets) find_dataset(dataset);
  resolve_grid(definition, given);
  check_train_flags(definition);
  for (const std::string& dataset : definition.datasets) {
    definition.domains[dataset] = domains_of(definition, dataset);
    test_envs_of(definition, dataset);
  }
}

std::vector<int> test_envs_of(const SweepDefinition& definition, const std::string& dataset) {
  const std::vector<std::string>& domains = definition.domains.at(dataset);
  std::vector<int> envs;
  if (definition.test_envs == "all") {
    for (int env = 0; env < static_cast<int>(domains.size()); ++env) envs.push_back(env);
    return envs;
  }
  std::istringstream words(definition.test_envs);
  for (std::string word; std::getline(words, word, ',');) {
    auto place = std::find(domains.begin(), domains.end(), word) - domains.begin();
    const bool number = !word.empty() && word.size() < 4 && word.find_first_not_of("0123456789") == std::string::npos;
    if (place == std::ssize(domains) && number) place = std::stoi(word);
    std::string known;
    for (const std::string& domain : domains) known += (known.empty() ? "" : ", ") + domain;
    require(place < std::ssize(domains), "--test-envs: ", word, " is not a domain of ", dataset, ": it has ", known,
            " (0 to ", domains.size() - 1, ")");
    require(std::find(envs.begin(), envs.end(), place) == envs.end(), "--test-envs names ", word, " twice");
    envs.push_back(static_cast<int>(place));
  }
  require(!envs.empty(), "--test-envs is empty");
  return envs;
}

Sweep Sweep::define(const fs::path& folder, SweepDefinition asked, const std::set<std::string>& given) {
  std::error_code error;
  fs::create_directories(folder, error);
  require(!error && fs::is_directory(folder), "--out ", folder.string(),
          " cannot be made: ", error ? error.message() : "it is a file");
  // Of two first launchers, one defines the sweep and the other one compares.
  const std::optional<JobLock> lock = JobLock::wait_for(folder / "lock");
  require(lock.has_value(), "--out ", folder.string(), " is being defined by another launcher: try again");
  asked.train = with_absolute_paths(std::move(asked.train));
  const bool exists = fs::exists(folder / kFile);
  if (exists) {
    Sweep sweep = open(folder);
    if (!given.empty()) {
      // What was not given is as recorded, so that a part of the flags can be compared.
      SweepDefinition merged = sweep.definition_;
      if (given.contains("datasets")) merged.datasets = asked.datasets;
      if (given.contains("algorithms")) merged.algorithms = asked.algorithms;
      if (given.contains("test_envs")) merged.test_envs = asked.test_envs;
      if (given.contains("trials")) merged.trials = asked.trials;
      if (given.contains("search")) merged.search = asked.search;
      if (given.contains("train")) merged.train = asked.train;
      if (given.contains("n_hparams")) merged.n_hparams = asked.n_hparams;
      if (given.contains("grid")) {
        merged.grid = asked.grid;
        merged.choices.clear();
        if (merged.grid == sweep.definition_.grid) resolve_grid(merged, {"n_hparams", "search"});
      }
      require_agreement(sweep.definition_, merged, given, folder);
      sweep.check_jobs();
      write(folder, sweep.definition_);
    }
    return sweep;
  }
  // Logs and what file servers leave are nobody's business; a run or another sweep's jobs are.
  require(!is_run_folder(folder), "--out ", folder.string(), " holds a run and no sweep.json: choose another folder");
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::error_code unreadable;
    require(!fs::exists(entry.path() / "job.json", unreadable), "--out ", folder.string(), " holds ",
            entry.path().filename().string(), ", a sweep's job, and no sweep.json: choose another folder");
  }
  dgsam::resolve(asked, given);
  Sweep sweep(folder, std::move(asked));
  sweep.check_jobs();
  write(folder, sweep.definition_);
  return sweep;
}

Sweep Sweep::open(const fs::path& folder) {
  const fs::path path = folder / kFile;
  std::ifstream file(path);
  require(file.good(), folder.string(), " holds no sweep: there is no ", kFile,
          "; `dgsam-run sweep launch --out` makes one");
  return {folder, SweepDefinition::from_json(Json::parse(file, nullptr, false), path.string())};
}

}  // namespace dgsam
