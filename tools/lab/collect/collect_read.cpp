// From folders to a Collection.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "engine/core/check.h"
#include "tools/lab/collect/collect.h"
#include "tools/lab/collect/swad_log.h"

namespace dgsam {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using Kind = CollectProblem::Kind;

constexpr const char* kResults = "results.jsonl";
constexpr const char* kMovingSuffix = " + SMA";
constexpr const char* kSwadLog = "log.txt";  // beside it, where SWAD's repository wrote it

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

/// Accuracies of every domain of which a record says anything. Their keys are "env0_in" and so on with a suffix.
void read_accuracies(const Json& line, const std::string& suffix, ResultRecord& record) {
  for (int domain = 0;; ++domain) {
    const std::string key = "env" + std::to_string(domain);
    const std::string in = key + "_in" + suffix, out = key + "_out" + suffix;
    if (!line.contains(in) && !line.contains(out)) return;
    record.in.push_back(number(line, in));
    record.out.push_back(number(line, out));
  }
}

/// Arguments that say which run this is of one choice of hyperparameters, or where it ran.
const std::set<std::string> kNotHparams{"dataset",    "data_dir",  "manifest",         "allow_missing_classes",
                                        "test_env",   "algorithm", "trial_seed",       "seed",
                                        "cache",      "cache_gb",  "threads",          "onednn",
                                        "save_every", "device",    "sharpness_images", "sharpness_rho",
                                        "tensorboard"};

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
    read_swad_log_averages(records);
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
    if (args.contains("real_test_envs")) {
      read_swad_args(line, args, run);
    } else if (domainbed_) {
      run.test_envs = field<std::vector<int>>(args, "test_envs");
      run.hparams.seed = field<std::int64_t>(args, "hparams_seed");
    } else {
      read_our_args(args, run);
    }
    ResultRecord record;
    record.step = field<std::int64_t>(line, "step");
    read_accuracies(line, run.swad_fork ? "" : "_acc", record);
    check(run, record, line);
    record.run = place_of(run);
    return record;
  }

  /// A file of SWAD's repository has the runs of all unseen domains.
  void read_swad_args(const Json& line, const Json& args, CollectedRun& run) {
    run.swad_fork = done_ = true;  // it leaves no mark of its end
    run.done = true;
    run.test_envs = field<std::vector<int>>(args, "real_test_envs");
    run.trial.seed = field<std::int64_t>(args, "seed");
    const Json hparams = field<Json>(line, "hparams");
    const Json averages = hparams.is_object() ? hparams.value("swad", Json(false)) : Json(false);
    if (averages != Json(false) && averages != Json("False")) run.algorithm += kSwadSuffix;
    run.hparams.values = swad_hparams(hparams);
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
    if (args.contains("average") && args["average"] == "moving") run.algorithm += kMovingSuffix;
    Json values = args;
    for (const std::string& key : kNotHparams) values.erase(key);
    run.hparams.values = values.dump();
  }

  /// A record of the averaged weights of every run that has them.
  void read_averages(std::vector<ResultRecord>& records) {
    for (std::size_t run = 0; run < runs_.size(); ++run) {
      const bool swad = runs_[run].algorithm.ends_with(kSwadSuffix);
      if (domainbed_ || !done_ || !(swad || runs_[run].algorithm.ends_with(kMovingSuffix))) continue;
      try {
        const Json selection = field<Json>(read_object(folder_ / "summary.json"), "selection");
        const Json average = field<Json>(selection, swad ? "swad" : "moving");
        const Json accuracies = field<Json>(average, "accuracies");
        ResultRecord record;
        record.run = run;
        record.averaged = true;
        record.step = field<std::int64_t>(average, "step");
        Json line = Json::object();
        for (const auto& [split, accuracy] : accuracies.items()) line[split + "_acc"] = accuracy;
        read_accuracies(line, "_acc", record);
        check(runs_[run], record, line);
        records.push_back(std::move(record));
      } catch (const Error& error) {
        problem(Kind::malformed, (folder_ / "summary.json").string() + " " + error.what());
      }
    }
  }

  /// The log beside SWAD's records has what they lack: the averaged weights, and the domains' names.
  void read_swad_log_averages(std::vector<ResultRecord>& records) {
    const bool swad_fork = std::any_of(runs_.begin(), runs_.end(), [](const auto& run) { return run.swad_fork; });
    if (!swad_fork || !fs::exists(folder_ / kSwadLog)) return;
    Collection log = read_swad_log(folder_ / kSwadLog);
    for (CollectedRun& run : runs_) {
      for (const CollectedRun& logged : log.runs) {
        if (logged.test_envs == run.test_envs) run.domains = logged.domains;
      }
    }
    for (ResultRecord& record : log.records) {
      const CollectedRun& logged = log.runs[record.run];
      const auto run = std::find_if(runs_.begin(), runs_.end(), [&](const CollectedRun& one) {
        return one.algorithm == logged.algorithm && one.test_envs == logged.test_envs;
      });
      if (!record.averaged || run == runs_.end()) continue;
      record.run = static_cast<std::size_t>(run - runs_.begin());
      records.push_back(std::move(record));
    }
  }

  void check(const CollectedRun& run, const ResultRecord& record, const Json& line) const {
    if (run.test_envs.empty()) malformed("leaves no domain out");
    for (const int env : run.test_envs) {
      const std::string in = "env" + std::to_string(env) + (run.swad_fork ? "_in" : "_in_acc");
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

/// Folders with results and logs of SWAD's elsewhere, in or below `folder`, by name. `without` gets the folders of runs
/// that have none.
void find_runs(const fs::path& folder, std::vector<fs::path>& found, std::vector<fs::path>& without) {
  if (fs::exists(folder / kResults)) {
    found.push_back(folder);
    return;
  }
  std::vector<fs::path> inside;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const fs::path& path = entry.path();
    const bool may_be_log = path.extension() == ".log" || path.filename() == kSwadLog;
    if (entry.is_symlink()) continue;
    if (entry.is_directory() || (may_be_log && is_swad_log(path))) inside.push_back(path);
  }
  std::sort(inside.begin(), inside.end());
  const std::size_t before = found.size() + without.size();
  for (const fs::path& path : inside) fs::is_directory(path) ? find_runs(path, found, without) : found.push_back(path);
  const bool begun = fs::exists(folder / "config.json") || fs::exists(folder / "job.json") ||
                     fs::exists(folder / "out.txt");  // the last one is DomainBed's
  if (begun && found.size() + without.size() == before) without.push_back(folder);
}

/// Where runs differ in nothing but --seed, seeds are trials; elsewhere DomainBed's rule holds: trials are trial_seeds.
void tell_trials_apart(Collection& collection) {
  std::map<std::string, bool> seeds_are_trials;  // by data set
  std::map<std::tuple<std::string, std::string, std::vector<int>, std::int64_t, Hparams>, std::int64_t> seed_of;
  for (const CollectedRun& run : collection.runs) {
    if (run.domainbed && !run.swad_fork) continue;
    const auto [place, is_new] = seed_of.try_emplace(
        {run.dataset, run.algorithm, run.test_envs, run.trial.trial_seed, run.hparams}, run.trial.seed);
    if (!is_new && place->second != run.trial.seed) seeds_are_trials[run.dataset] = true;
  }
  for (CollectedRun& run : collection.runs) {
    if (!seeds_are_trials[run.dataset]) run.trial.seed = 0;
  }
}

/// Two runs, of ours or of SWAD's, that should be one: a selection would see both.
void find_twins(Collection& collection) {
  std::map<std::tuple<std::string, std::string, std::vector<int>, Trial, Hparams>, fs::path> first;
  for (const CollectedRun& run : collection.runs) {
    if (run.domainbed && !run.swad_fork) continue;
    const auto [place, is_new] =
        first.try_emplace({run.dataset, run.algorithm, run.test_envs, run.trial, run.hparams}, run.folder);
    if (is_new) continue;
    collection.problems.push_back({Kind::not_comparable, run.folder.string() + " is the same run as " +
                                                             place->second.string() + ": both are used"});
  }
}

/// Behind what is there.
void append(Collection more, Collection& collection) {
  for (ResultRecord& record : more.records) {
    record.run += collection.runs.size();
    collection.records.push_back(std::move(record));
  }
  std::move(more.runs.begin(), more.runs.end(), std::back_inserter(collection.runs));
  std::move(more.problems.begin(), more.problems.end(), std::back_inserter(collection.problems));
}

}  // namespace

Collection collect(const std::vector<fs::path>& paths, const CollectOptions& options) {
  std::vector<fs::path> found, without;
  for (const fs::path& path : paths) {
    if (is_swad_log(path)) {
      found.push_back(path);
      continue;
    }
    require(fs::is_directory(path), path.string(),
            " is not a folder: collect takes folders of runs or sweeps, and logs of SWAD's train_all.py");
    find_runs(path, found, without);
  }
  Collection collection;
  for (const fs::path& path : without) {
    collection.problems.push_back({Kind::without_results, path.string() + " has no result yet"});
  }
  for (const fs::path& path : found) {
    if (fs::is_directory(path)) {
      FolderReader(path, options, collection).read();
    } else {
      append(read_swad_log(path), collection);
    }
  }
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
