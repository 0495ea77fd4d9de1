// From folders to a Collection.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "engine/core/check.h"
#include "tools/lab/collect/collect.h"

namespace dgsam {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using Kind = CollectProblem::Kind;

constexpr const char* kResults = "results.jsonl";

/// Python writes NaN, Infinity and -Infinity, which are not JSON: they become null.
std::string without_python_numbers(const std::string& text) {
  std::string result;
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '"' && (at == 0 || text[at - 1] != '\\')) quoted = !quoted;
    std::size_t skip = 0;
    for (const std::string_view word : {"-Infinity", "Infinity", "NaN"}) {
      if (!quoted && text.compare(at, word.size(), word) == 0) skip = word.size();
    }
    if (skip > 0) {
      result += "null";
      at += skip - 1;
    } else {
      result += text[at];
    }
  }
  return result;
}

double number(const Json& object, const std::string& key) {
  const auto found = object.find(key);
  return found == object.end() || !found->is_number() ? kMissing : found->get<double>();
}

Json read_object(const fs::path& path) {
  std::ifstream file(path);
  Json value = Json::parse(file, nullptr, false);
  return value.is_object() ? value : Json::object();
}

/// Thrown by what reads one record.
[[noreturn]] void malformed(const std::string& what) { throw Error(what); }

template <class T>
T field(const Json& object, const std::string& key) {
  const auto found = object.find(key);
  if (found == object.end()) malformed("has no \"" + key + "\"");
  try {
    return found->get<T>();
  } catch (const Json::exception&) {
    malformed("has a \"" + key + "\" that cannot be used: " + found->dump());
  }
}

/// Accuracies of every domain of which a record says anything.
void read_accuracies(const Json& line, ResultRecord& record) {
  for (int domain = 0;; ++domain) {
    const std::string key = "env" + std::to_string(domain);
    const std::string in = key + "_in_acc", out = key + "_out_acc";
    if (!line.contains(in) && !line.contains(out)) return;
    record.in.push_back(number(line, in));
    record.out.push_back(number(line, out));
  }
}

constexpr const char* kSwadSuffix = " + SWAD";

/// Arguments that say which run this is of one choice of hyperparameters, or where it ran.
const std::set<std::string> kNotHparams{"dataset",    "data_dir", "test_env",         "algorithm",     "trial_seed",
                                        "seed",       "cache",    "cache_gb",         "threads",       "onednn",
                                        "save_every", "device",   "sharpness_images", "sharpness_rho", "tensorboard"};

class FolderReader {
 public:
  FolderReader(const fs::path& folder, const CollectOptions& options, Collection& collection)
      : folder_(folder), options_(options), collection_(collection), done_(fs::exists(folder / "done")) {}

  void read() {
    std::ifstream file(folder_ / kResults);
    int number = 0, used = 0;
    std::vector<ResultRecord> records;
    for (std::string text; std::getline(file, text);) {
      const std::string where = (folder_ / kResults).string() + ":" + std::to_string(++number);
      try {
        const Json line = Json::parse(without_python_numbers(text), nullptr, false);
        if (!line.is_object()) malformed(file.eof() ? "ends in the middle of a record" : "is not a JSON object");
        records.push_back(read_record(line));
        ++used;
      } catch (const Error& error) {
        problem(Kind::malformed, where + " " + error.what());
      }
    }
    if (used == 0) problem(Kind::without_results, folder_.string() + " has no result yet");
    if (!done_ && used > 0) report_unfinished();
    if (!done_ && !domainbed_ && !options_.unfinished) return;
    read_averages(records);
    for (CollectedRun& run : runs_) {
      if (options_.costs) read_cost(run, records);
    }
    const std::size_t first = collection_.runs.size();
    for (CollectedRun& run : runs_) collection_.runs.push_back(std::move(run));
    for (ResultRecord& record : records) {
      record.run += first;
      collection_.records.push_back(std::move(record));
    }
  }

 private:
  void problem(Kind kind, std::string text) { collection_.problems.push_back({kind, std::move(text)}); }

  void report_unfinished() {
    problem(Kind::incomplete, folder_.string() + " is not done: " +
                                  (domainbed_            ? "used, as DomainBed does"
                                   : options_.unfinished ? "used up to its last evaluation"
                                                         : "left out"));
  }

  ResultRecord read_record(const Json& line) {
    const Json args = field<Json>(line, "args");
    if (!args.is_object()) malformed("has \"args\" that are not an object");
    domainbed_ = args.contains("test_envs");
    CollectedRun run;
    run.folder = folder_;
    run.domainbed = domainbed_;
    run.done = done_;
    run.dataset = field<std::string>(args, "dataset");
    run.algorithm = field<std::string>(args, "algorithm");
    run.trial.trial_seed = field<std::int64_t>(args, "trial_seed");
    if (domainbed_) {
      run.test_envs = field<std::vector<int>>(args, "test_envs");
      run.hparams.seed = field<std::int64_t>(args, "hparams_seed");
    } else {
      read_our_args(args, run);
    }
    ResultRecord record;
    record.step = field<std::int64_t>(line, "step");
    read_accuracies(line, record);
    check(run, record, line);
    record.run = place_of(run);
    return record;
  }

  void read_our_args(const Json& args, CollectedRun& run) {
    if (!config_) config_ = read_object(folder_ / "config.json");
    for (const Json& domain : config_->value("domains", Json::array())) {
      run.domains.push_back(domain.is_object() ? domain.value("name", "?") : "?");
    }
    run.trial.seed = field<std::int64_t>(args, "seed");
    const auto env = field<std::string>(args, "test_env");
    const auto name = std::find(run.domains.begin(), run.domains.end(), env);
    if (name != run.domains.end()) {
      run.test_envs = {static_cast<int>(name - run.domains.begin())};
    } else if (!env.empty() && env.size() < 4 && env.find_first_not_of("0123456789") == std::string::npos) {
      run.test_envs = {std::stoi(env)};
    } else {
      malformed("leaves out \"" + env + "\", which is none of the domains in config.json");
    }
    if (args.contains("swad") && args["swad"] == true) run.algorithm += kSwadSuffix;
    Json values = args;
    for (const std::string& key : kNotHparams) values.erase(key);
    run.hparams.values = values.dump();
  }

  /// A record of the averaged weights of every run that has them.
  void read_averages(std::vector<ResultRecord>& records) {
    for (std::size_t run = 0; run < runs_.size(); ++run) {
      if (domainbed_ || !done_ || !runs_[run].algorithm.ends_with(kSwadSuffix)) continue;
      try {
        const Json swad = field<Json>(field<Json>(read_object(folder_ / "summary.json"), "selection"), "swad");
        const Json accuracies = field<Json>(swad, "accuracies");
        ResultRecord record;
        record.run = run;
        record.averaged = true;
        record.step = field<std::int64_t>(swad, "step");
        Json line = Json::object();
        for (const auto& [split, accuracy] : accuracies.items()) line[split + "_acc"] = accuracy;
        read_accuracies(line, record);
        check(runs_[run], record, line);
        records.push_back(std::move(record));
      } catch (const Error& error) {
        problem(Kind::malformed, (folder_ / "summary.json").string() + " " + error.what());
      }
    }
  }

  void check(const CollectedRun& run, const ResultRecord& record, const Json& line) const {
    if (run.test_envs.empty()) malformed("leaves no domain out");
    for (const int env : run.test_envs) {
      const std::string in = "env" + std::to_string(env) + "_in_acc";
      if (env < 0 || static_cast<std::size_t>(env) >= record.in.size() || !line.contains(in)) {
        malformed("has no \"" + in + "\", the accuracy on the unseen domain");
      }
    }
    const auto held_out = std::count_if(record.out.begin(), record.out.end(), [](double a) { return !std::isnan(a); });
    if (!run.domainbed && held_out == 0) malformed("has no held-out accuracies: there is nothing to select by");
  }

  /// The run that a record belongs to: a folder has one, unless its lines disagree about their arguments.
  std::size_t place_of(const CollectedRun& run) {
    const auto key = [](const CollectedRun& one) {
      return std::tie(one.dataset, one.algorithm, one.test_envs, one.trial, one.hparams);
    };
    const auto found = std::find_if(runs_.begin(), runs_.end(), [&](const auto& one) { return key(one) == key(run); });
    const auto place = static_cast<std::size_t>(found - runs_.begin());
    if (place == runs_.size()) runs_.push_back(run);
    return place;
  }

  void read_cost(CollectedRun& run, const std::vector<ResultRecord>& records) const {
    for (const ResultRecord& record : records) run.cost.steps = std::max(run.cost.steps, record.step + 1);
    if (run.domainbed) return;
    const Json summary = read_object(folder_ / "summary.json");
    run.cost.gradients = number(summary, "domain_gradients");
    run.cost.flops = number(summary, "flops");
    run.cost.peak_mb = number(summary, "peak_rss_mb");
    run.cost.training_seconds = sum_of("timing.jsonl", "seconds");
    run.cost.evaluation_seconds = sum_of(kResults, "eval_time");
  }

  double sum_of(const std::string& name, const std::string& key) const {
    std::ifstream file(folder_ / name);
    double sum = kMissing;
    for (std::string text; std::getline(file, text);) {
      const double value = number(Json::parse(text, nullptr, false), key);
      if (!std::isnan(value)) sum = (std::isnan(sum) ? 0 : sum) + value;
    }
    return sum;
  }

  fs::path folder_;
  const CollectOptions& options_;
  Collection& collection_;
  bool done_, domainbed_ = false;
  std::optional<Json> config_;
  std::vector<CollectedRun> runs_;
};

/// Folders with results, in or below `folder`, by name. `without` gets the folders of runs that have none.
void find_runs(const fs::path& folder, std::vector<fs::path>& found, std::vector<fs::path>& without) {
  if (fs::exists(folder / kResults)) {
    found.push_back(folder);
    return;
  }
  std::vector<fs::path> inside;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_directory() && !entry.is_symlink()) inside.push_back(entry.path());
  }
  std::sort(inside.begin(), inside.end());
  const std::size_t before = found.size() + without.size();
  for (const fs::path& path : inside) find_runs(path, found, without);
  const bool begun = fs::exists(folder / "config.json") || fs::exists(folder / "job.json") ||
                     fs::exists(folder / "out.txt");  // the last one is DomainBed's
  if (begun && found.size() + without.size() == before) without.push_back(folder);
}

/// Where runs differ in nothing but --seed, seeds are trials; elsewhere DomainBed's rule holds: trials are trial_seeds.
void tell_trials_apart(Collection& collection) {
  std::map<std::string, bool> seeds_are_trials;  // by data set
  std::map<std::tuple<std::string, std::string, std::vector<int>, std::int64_t, Hparams>, std::int64_t> seed_of;
  for (const CollectedRun& run : collection.runs) {
    if (run.domainbed) continue;
    const auto [place, is_new] = seed_of.try_emplace(
        {run.dataset, run.algorithm, run.test_envs, run.trial.trial_seed, run.hparams}, run.trial.seed);
    if (!is_new && place->second != run.trial.seed) seeds_are_trials[run.dataset] = true;
  }
  for (CollectedRun& run : collection.runs) {
    if (!seeds_are_trials[run.dataset]) run.trial.seed = 0;
  }
}

/// Two of our runs that should be one: a selection would see both.
void find_twins(Collection& collection) {
  std::map<std::tuple<std::string, std::string, std::vector<int>, Trial, Hparams>, fs::path> first;
  for (const CollectedRun& run : collection.runs) {
    if (run.domainbed) continue;
    const auto [place, is_new] =
        first.try_emplace({run.dataset, run.algorithm, run.test_envs, run.trial, run.hparams}, run.folder);
    if (is_new) continue;
    collection.problems.push_back({Kind::not_comparable, run.folder.string() + " is the same run as " +
                                                             place->second.string() + ": both are used"});
  }
}

}  // namespace

Collection collect(const std::vector<fs::path>& folders, const CollectOptions& options) {
  std::vector<fs::path> found, without;
  for (const fs::path& folder : folders) {
    require(fs::is_directory(folder), folder.string(), " is not a folder: collect takes folders of runs or sweeps");
    find_runs(folder, found, without);
  }
  Collection collection;
  for (const fs::path& path : without) {
    collection.problems.push_back({Kind::without_results, path.string() + " has no result yet"});
  }
  for (const fs::path& path : found) FolderReader(path, options, collection).read();
  tell_trials_apart(collection);
  find_twins(collection);
  return collection;
}

std::vector<ResultGroup> groups_of(const Collection& collection) {
  std::map<std::tuple<std::string, std::string, int, Trial>, std::vector<const ResultRecord*>> groups;
  for (const ResultRecord& record : collection.records) {
    const CollectedRun& run = collection.runs[record.run];
    for (const int env : run.test_envs) groups[{run.dataset, run.algorithm, env, run.trial}].push_back(&record);
  }
  std::vector<ResultGroup> result;
  for (auto& [key, records] : groups) {
    const auto& [dataset, algorithm, env, trial] = key;
    result.push_back({dataset, algorithm, env, trial, std::move(records)});
  }
  return result;
}

}  // namespace dgsam
