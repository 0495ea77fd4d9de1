// From the files that a run leaves behind to the figures of a report.
#include <algorithm>
#include <cctype>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/core/check.h"
#include "tools/report.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::ifstream open_file(const fs::path& path) {
  std::ifstream file(path);
  require(file.good(), path.string(), " cannot be read: a report needs finished runs of dgsam-run train");
  return file;
}

Json parse(const std::string& text, const std::string& where) {
  const Json value = Json::parse(text, nullptr, false);
  require(value.is_object(), where, " is not a JSON object: ", text.empty() ? "it is empty" : text.substr(0, 60));
  return value;
}

Json read_object(const fs::path& path) {
  std::ifstream file = open_file(path);
  return parse({std::istreambuf_iterator<char>(file), {}}, path.string());
}

/// A number, or kMissing for null and for a key that is absent.
double number(const Json& object, const std::string& key, const std::string& where) {
  const auto place = object.find(key);
  if (place == object.end() || place->is_null()) return kMissing;
  require(place->is_number(), where, ": \"", key, "\" is ", place->dump(), ", not a number");
  return place->get<double>();
}

/// Calls `use(object, where)` for each line of a .jsonl file; `where` is "FILE:LINE".
template <class Use>
void for_each_line(const fs::path& path, const Use& use) {
  std::ifstream file = open_file(path);
  int line = 0;
  for (std::string text; std::getline(file, text);) {
    const std::string where = path.string() + ":" + std::to_string(++line);
    use(parse(text, where), where);
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
    accuracy.in.push_back(number(object, key + "_in" + suffix, where));
    accuracy.out.push_back(number(object, key + "_out" + suffix, where));
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

void read_summary(const fs::path& path, ReportRun& run) {
  const std::string where = path.string();
  const Json summary = read_object(path);
  const auto names = summary.find("domains");
  require(names != summary.end() && names->is_array() && !names->empty() &&
              std::all_of(names->begin(), names->end(), [](const Json& name) { return name.is_string(); }),
          where, " has no list of names \"domains\"");
  run.domains = names->get<std::vector<std::string>>();
  require(summary.contains("algorithm") && summary["algorithm"].is_string(), where, " has no text \"algorithm\"");
  run.algorithm = summary["algorithm"].get<std::string>();
  run.label = run.algorithm;
  for (char& letter : run.label) letter = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
  run.unseen = unseen_of(summary.value("test_env", Json()), run.domains, where);
  run.seconds = number(summary, "seconds", where);
  run.domain_gradients = number(summary, "domain_gradients", where);
  run.peak_mb = number(summary, "peak_rss_mb", where);

  const auto part = [&](const char* key) {
    const Json value = summary.value(key, Json::object());
    require(value.is_object(), where, ": \"", key, "\" is ", value.dump(), ", not an object");
    return value;
  };
  run.final_accuracy = accuracy_of(part("accuracy"), run.domains.size(), "", where);
  const Json sharpness = part("sharpness");
  for (const std::string& domain : run.domains) run.sharpness.push_back(number(sharpness, domain, where));
  run.total_sharpness = number(summary, "sharpness_total", where);
}

/// Nested objects become dotted names; "versions" is kept apart.
void read_settings(const Json& object, const std::string& prefix, ReportRun& run) {
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

ReportRun read_run(const fs::path& directory) {
  ReportRun run;
  read_summary(directory / "summary.json", run);
  read_settings(read_object(directory / "config.json"), "", run);
  for_each_line(directory / "metrics.jsonl", [&](const Json& line, const std::string& where) {
    run.steps.push_back(step_of(line, where));
    run.loss.push_back(number(line, "loss", where));
  });
  for_each_line(directory / "results.jsonl", [&](const Json& line, const std::string& where) {
    run.evaluations.push_back({step_of(line, where), accuracy_of(line, run.domains.size(), "_acc", where)});
  });
  return run;
}

}  // namespace

ReportInput read_runs(const std::vector<fs::path>& directories) {
  ReportInput input;
  for (const fs::path& directory : directories) input.runs.push_back(read_run(directory));
  const auto same = [](const ReportRun& a, const ReportRun& b) {
    return a.algorithm == b.algorithm && a.unseen == b.unseen;
  };
  for (std::size_t i = 0; i < input.runs.size(); ++i) {
    ReportRun& run = input.runs[i];
    const auto twins =
        std::count_if(input.runs.begin(), input.runs.end(), [&](const auto& other) { return same(run, other); });
    if (twins > 1) run.label += " (" + (directories[i] / "").parent_path().filename().string() + ")";
  }
  return input;
}

}  // namespace dgsam
