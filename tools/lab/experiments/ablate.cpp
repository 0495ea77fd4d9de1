#include "tools/lab/experiments/ablate.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>

#include "engine/core/check.h"
#include "optim/make_method.h"

namespace dgsam {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// Something that is varied: its name for users, its field in TrainConfig, and its values, the default's first.
struct Factor {
  std::string name, field;
  std::vector<HparamValues> values;
};

const std::vector<Factor>& factors() {
  static const std::vector<Factor> all{{"order", "domain_order", {"random", "fixed"}},
                                       {"gradients", "dgsam_gradients", {"all", "perturbed", "fresh"}},
                                       {"scale", "dgsam_scale", {"sum", "mean"}},
                                       {"rho", "rho", {}}};  // as asked for
  return all;
}

std::vector<Factor> varied(const AblationOptions& options) {
  std::vector<Factor> result;
  for (const std::string& name : options.vary) {
    const auto known =
        std::find_if(factors().begin(), factors().end(), [&](const Factor& one) { return one.name == name; });
    require(known != factors().end(), "--vary ", name, ": what can be varied is order, gradients, scale and rho");
    require(std::none_of(result.begin(), result.end(), [&](const Factor& one) { return one.name == name; }),
            "--vary names ", name, " twice");
    result.push_back(*known);
    if (name != "rho") continue;
    for (const double rho : options.rho) {
      require(rho >= 0, "--rho ", rho, ": must not be negative");
      require(std::count(options.rho.begin(), options.rho.end(), rho) == 1, "--rho names ", rho, " twice");
      result.back().values.emplace_back(rho);
    }
    require(!options.rho.empty(), "--rho is empty");
  }
  return result;
}

/// Every value of each factor with the others at their defaults, or all combinations. The defaults come first.
std::vector<HparamValues> choices_of(const std::vector<Factor>& factors, bool full) {
  std::vector<HparamValues> choices{HparamValues::object()};
  for (const Factor& factor : factors) {
    const std::size_t before = full ? choices.size() : 1;
    for (HparamValues& choice : choices) choice[factor.field] = factor.values[0];
    for (std::size_t value = 1; value < factor.values.size(); ++value) {
      for (std::size_t i = 0; i < before; ++i) {
        choices.push_back(choices[i]);
        choices.back()[factor.field] = factor.values[value];
      }
    }
  }
  return choices;
}

std::string text_of(const HparamValues& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

/// ", order fixed, rho 0.1": what a choice has other than `standard`.
std::string label_of(const HparamValues& choice, const HparamValues& standard) {
  std::string label;
  for (const Factor& factor : factors()) {
    if (!choice.contains(factor.field)) continue;
    if (standard.contains(factor.field) && standard[factor.field] == choice[factor.field]) continue;
    label += ", " + factor.name + " " + text_of(choice[factor.field]);
  }
  return label;
}

AblationRun read_summary(const fs::path& path) {
  std::ifstream file(path);
  const Json summary = Json::parse(file, nullptr, false);
  try {
    const int unseen = summary.at("test_env");
    const std::vector<std::string> domains = summary.at("domains");
    AblationRun run;
    run.test_env = unseen;
    run.accuracy = summary.at("accuracy").at("env" + std::to_string(unseen) + "_in");
    run.gradients = summary.at("domain_gradients").get<double>() / summary.at("steps").get<double>();
    run.seconds = summary.at("seconds");
    std::vector<double> accuracies, sharpness;
    for (int domain = 0; domain < static_cast<int>(domains.size()); ++domain) {
      if (domain == unseen) continue;
      const std::string key = "env" + std::to_string(domain) + "_out";
      if (summary["accuracy"].contains(key)) accuracies.push_back(summary["accuracy"][key]);
      if (summary.contains("sharpness")) {
        sharpness.push_back(summary["sharpness"].at(domains[static_cast<std::size_t>(domain)]));
      }
    }
    run.source_accuracy = numpy_mean(accuracies);
    run.sharpness = numpy_mean(sharpness);
    if (summary.contains("sharpness")) run.sharpness_total = summary.at("sharpness_total");
    return run;
  } catch (const Json::exception& error) {
    fail(path.string(), " is not a finished run's summary: ", error.what(),
         "; remove the job's folder to have it run again");
  }
}

using Member = double AblationRun::*;

/// By trial: the mean over unseen domains, of the trials that have all of `domains`.
std::map<int, double> by_trial(const std::vector<AblationRun>& runs, std::size_t setting, Member member,
                               std::size_t domains) {
  std::map<int, std::vector<double>> values;
  for (const AblationRun& run : runs) {
    if (run.setting == setting && !std::isnan(run.*member)) values[run.trial].push_back(run.*member);
  }
  std::map<int, double> means;
  for (const auto& [trial, of_trial] : values) {
    if (of_trial.size() == domains) means[trial] = numpy_mean(of_trial);
  }
  return means;
}

Figure over_trials(const std::map<int, double>& trials, double unit, int decimals) {
  std::vector<double> values;
  for (const auto& [trial, value] : trials) values.push_back(unit * value);
  if (values.empty()) return {};
  return {.value = numpy_mean(values), .error = domainbed_error(values), .count = values.size(), .decimals = decimals};
}

Figure paired_difference(const std::map<int, double>& standard, const std::map<int, double>& trials, double unit,
                         int decimals) {
  std::vector<double> differences;
  for (const auto& [trial, value] : trials) {
    if (const auto other = standard.find(trial); other != standard.end()) {
      differences.push_back(unit * (value - other->second));
    }
  }
  Figure figure = bootstrap_mean(differences);
  figure.decimals = decimals;
  return figure;
}

Figure median(std::vector<double> values, int decimals) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  const double middle = values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
  return {.value = middle, .count = values.size(), .decimals = decimals};
}

}  // namespace

void set_settings(SweepDefinition& definition, const AblationOptions& options) {
  const std::vector<Factor> factors = varied(options);
  definition.grid = kAblationGrid;
  definition.algorithms = {"dgsam"};
  definition.choices = choices_of(factors, options.full);
  const auto try_from = [&](const std::string& algorithm, std::size_t first) {
    for (std::size_t i = first; i < definition.choices.size(); ++i) {
      definition.tried[algorithm].push_back(static_cast<int>(i));
    }
  };
  try_from("dgsam", 0);
  for (const std::string& baseline : options.baselines) {
    definition.algorithms.push_back(baseline);
    const std::size_t first = definition.choices.size();
    std::vector<Factor> own;
    if (has_ascent(baseline)) {
      std::copy_if(factors.begin(), factors.end(), std::back_inserter(own),
                   [](const Factor& factor) { return factor.name == "rho"; });
    }
    for (HparamValues& choice : choices_of(own, true)) definition.choices.push_back(std::move(choice));
    try_from(baseline, first);
  }
  // Sharpness at different radii says nothing about the settings.
  for (HparamValues& choice : definition.choices) choice["sharpness_rho"] = options.sharpness_rho;
  definition.search = "every-trial";
}

std::vector<AblationSetting> settings_of(const Sweep& sweep) {
  const SweepDefinition& definition = sweep.definition();
  require(definition.grid == kAblationGrid && !definition.choices.empty(), sweep.folder().string(),
          " holds a sweep with --grid ", definition.grid, ", not an ablation: choose another --out");
  std::vector<AblationSetting> settings;
  for (const std::string& algorithm : definition.algorithms) {
    const bool is_dgsam = algorithm == "dgsam";
    for (const int hparams : definition.hparams_of(algorithm)) {
      const HparamValues& choice = definition.choices[static_cast<std::size_t>(hparams)];
      const std::string label = label_of(choice, is_dgsam ? definition.choices[0] : HparamValues::object());
      settings.push_back({algorithm, hparams, algorithm + (settings.empty() ? " (default)" : label)});
    }
  }
  return settings;
}

std::vector<AblationRun> read_ablation(Sweep& sweep, const std::vector<AblationSetting>& settings) {
  std::vector<AblationRun> runs;
  for (const SweepJob& job : sweep.jobs().jobs) {
    const fs::path folder = sweep.run_folder(job);
    if (!fs::exists(folder / "done")) continue;
    const auto setting = std::find_if(settings.begin(), settings.end(), [&](const AblationSetting& one) {
      return one.algorithm == job.algorithm && one.hparams == job.hparams;
    });
    runs.push_back(read_summary(folder / "summary.json"));
    runs.back().setting = static_cast<std::size_t>(setting - settings.begin());
    runs.back().trial = job.trial;
  }
  return runs;
}

ResultTable ablation_table(const std::vector<AblationSetting>& settings, const std::vector<AblationRun>& runs,
                           std::size_t domains) {
  ResultTable table;
  table.part = ResultTable::Part::ablation;
  table.columns = {"accuracy %",     "sources %", "sharpness",           "total sharpness",
                   "gradients/step", "seconds",   "accuracy difference", "sharpness difference"};
  const auto trials_of = [&](std::size_t setting, Member member) { return by_trial(runs, setting, member, domains); };
  const auto accuracy = trials_of(0, &AblationRun::accuracy), sharpness = trials_of(0, &AblationRun::sharpness);
  for (std::size_t setting = 0; setting < settings.size(); ++setting) {
    std::vector<double> gradients, seconds;
    for (const AblationRun& run : runs) {
      if (run.setting != setting) continue;
      gradients.push_back(run.gradients);
      seconds.push_back(run.seconds);
    }
    const auto own_accuracy = trials_of(setting, &AblationRun::accuracy);
    const auto own_sharpness = trials_of(setting, &AblationRun::sharpness);
    FigureRow row{
        settings[setting].label,
        {over_trials(own_accuracy, 100, 1), over_trials(trials_of(setting, &AblationRun::source_accuracy), 100, 1),
         over_trials(own_sharpness, 1, 4), over_trials(trials_of(setting, &AblationRun::sharpness_total), 1, 4),
         median(std::move(gradients), 0), median(std::move(seconds), 1)}};
    // The default does not differ from itself.
    row.figures.push_back(setting == 0 ? Figure{} : paired_difference(accuracy, own_accuracy, 100, 2));
    row.figures.push_back(setting == 0 ? Figure{} : paired_difference(sharpness, own_sharpness, 1, 4));
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace dgsam
