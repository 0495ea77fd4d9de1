// From the files that a run leaves behind to its figures.
#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/core/check.h"
#include "tools/results/finished_run.h"
#include "tools/results/json_fields.h"
#include "tools/results/methods.h"
#include "tools/results/train_command.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// Calls `use(object, where)` for each line of a .jsonl file; `where` is "FILE:LINE".
template <class Use>
void for_each_line(const fs::path& path, const Use& use) {
  std::ifstream file(path);
  require(file.good(), path.string(), " cannot be read: a report needs finished runs of dgsam-run train");
  int line = 0;
  for (std::string text; std::getline(file, text);) {
    const std::string where = path.string() + ":" + std::to_string(++line);
    use(parse_object(text, where), where);
  }
}

int step_of(const Json& object, const std::string& where) {
  require(object.contains("step") && object["step"].is_number_integer(), where, " has no whole number \"step\"");
  return object["step"].get<int>();
}

/// DomainBed's keys: env0_in_acc and so on (suffix "_acc"), or env0_in (no suffix).
SplitAccuracy accuracy_of(const Json& object, std::size_t domains, const std::string& suffix,
                          const std::string& where) {
  SplitAccuracy accuracy;
  for (std::size_t domain = 0; domain < domains; ++domain) {
    const std::string key = "env" + std::to_string(domain);
    accuracy.in.push_back(number_of(object, key + "_in" + suffix, where));
    accuracy.out.push_back(number_of(object, key + "_out" + suffix, where));
  }
  return accuracy;
}

/// null, -1 and "none" mean that no domain was left out; else an index or a name.
int unseen_of(const Json& value, const std::vector<std::string>& domains, const std::string& where) {
  if (value.is_null() || value == "none") return -1;
  if (value.is_string()) {
    const auto place = std::find(domains.begin(), domains.end(), value.get<std::string>());
    require(place != domains.end(), where, ": test_env ", value.dump(), " is not one of the domains");
    return static_cast<int>(place - domains.begin());
  }
  require(value.is_number_integer(), where, ": test_env is ", value.dump(), ", not an index or a name");
  const int index = value.get<int>();
  require(index >= -1 && index < static_cast<int>(domains.size()), where, ": test_env is ", index, ", but there are ",
          domains.size(), " domains");
  return index;
}

Json part_of(const Json& object, const char* key, const std::string& where) {
  Json value = object.value(key, Json::object());
  require(value.is_object(), where, ": \"", key, "\" is ", value.dump(), ", not an object");
  return value;
}

/// Without .safetensors: the weights that a run's results are of, and their name in summary.json.
const char* file_of_average(const std::string& average) {
  if (average == "SWAD") return "swad";
  return average == "SMA" ? "moving" : "last";
}

void read_summary(const fs::path& path, FinishedRun& run) {
  const std::string where = path.string();
  const Json summary = read_object(path);
  const auto names = summary.find("domains");
  require(names != summary.end() && names->is_array() && !names->empty() &&
              std::all_of(names->begin(), names->end(), [](const Json& name) { return name.is_string(); }),
          where, " has no list of names \"domains\"");
  run.domains = names->get<std::vector<std::string>>();
  run.algorithm = text_of(summary, "algorithm", where);
  run.unseen = unseen_of(summary.value("test_env", Json()), run.domains, where);
  run.seconds = number_of(summary, "seconds", where);
  run.domain_gradients = number_of(summary, "domain_gradients", where);
  run.flops = number_of(summary, "flops", where);
  run.peak_mb = number_of(summary, "peak_rss_mb", where);
  if (!run.average.empty()) {
    const char* const name = file_of_average(run.average);
    const Json averaged = part_of(part_of(summary, "selection", where), name, where);
    require(!averaged.empty(), where, " has no \"", name, "\" in its \"selection\", but config.json says ",
            run.average == "SWAD" ? "--swad on" : "--average moving");
    run.final_accuracy = accuracy_of(part_of(averaged, "accuracies", where), run.domains.size(), "", where);
  } else {
    run.final_accuracy = accuracy_of(part_of(summary, "accuracy", where), run.domains.size(), "", where);
  }
  const Json sharpness = part_of(summary, "sharpness", where);
  for (const std::string& domain : run.domains) run.sharpness.push_back(number_of(sharpness, domain, where));
  run.total_sharpness = number_of(summary, "sharpness_total", where);
  run.sharpness_rho = number_of(summary, "sharpness_rho", where);
}

/// Nested objects become dotted names; "versions" is kept apart.
void read_settings(const Json& object, const std::string& prefix, FinishedRun& run) {
  for (const auto& [key, value] : object.items()) {
    const std::string name = prefix + key;
    if (value.is_object()) {
      read_settings(value, name + ".", run);
    } else {
      const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
      const bool version = name.starts_with("versions.");
      (version ? run.versions : run.settings).emplace_back(version ? key : name, text);
    }
  }
}

FinishedRun read_run(const fs::path& directory) {
  FinishedRun run;
  run.folder = directory;
  const Json config = read_object(directory / "config.json");
  const std::string where = (directory / "config.json").string();
  read_settings(config, "", run);
  run.command = train_command(config, directory, where);
  if (config.value("swad", Json()) == Json(true)) run.average = "SWAD";
  if (config.value("average", Json()) == Json("moving")) run.average = "SMA";
  run.trial = {whole_number_of(config, "trial_seed", where, 0), whole_number_of(config, "seed", where, 0)};
  read_summary(directory / "summary.json", run);
  for_each_line(directory / "metrics.jsonl", [&](const Json& line, const std::string& here) {
    run.steps.push_back(step_of(line, here));
    run.loss.push_back(number_of(line, "loss", here));
  });
  for_each_line(directory / "results.jsonl", [&](const Json& line, const std::string& here) {
    run.evaluations.push_back({step_of(line, here), accuracy_of(line, run.domains.size(), "_acc", here)});
  });
  run.analysis = read_analysis(directory, file_of_average(run.average));
  return run;
}

}  // namespace

std::vector<FinishedRun> read_runs(const std::vector<fs::path>& directories,
                                   const std::function<void(std::int64_t, std::int64_t)>& done) {
  std::vector<FinishedRun> runs;
  for (const fs::path& directory : directories) {
    runs.push_back(read_run(directory));
    if (done) done(std::ssize(runs), std::ssize(directories));
  }
  name_methods(runs);
  return runs;
}

}  // namespace dgsam
