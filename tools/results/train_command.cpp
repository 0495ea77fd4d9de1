#include "tools/results/train_command.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "tools/terminal/command_line.h"
#include "tools/train/settings.h"
#include "tools/train/train_config.h"

namespace dgsam {

using nlohmann::ordered_json;

std::string flag_value(const ordered_json& value) {
  if (value.is_boolean()) return value.get<bool>() ? "on" : "off";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string train_command(const ordered_json& config, const std::filesystem::path& folder, const std::string& where) {
  const TrainConfig run = TrainConfig::from_json(config, where);
  TrainConfig defaults;
  defaults.protocol = run.protocol;
  defaults.dataset = run.dataset;
  apply_defaults(defaults, {});
  const ordered_json assumed = defaults.to_json(), values = run.to_json();
  std::vector<std::string> words{"dgsam-run", "train"};
  for (const auto& [name, value] : values.items()) {
    const bool always =
        name == "algorithm" || name == "test_env" || name == "dataset" || (name == "data_dir" && run.manifest.empty());
    // With no number of threads given, all cores are used: as many as the run had give the same bits.
    const bool threads = name == "threads" && value == 0 && config.contains("cpu_threads");
    if (!always && !threads && value == assumed[name]) continue;
    words.push_back(flag_of(name));
    if (find_setting(name)->rules.bare) continue;  // it is on, as its default is off
    words.push_back(flag_value(threads ? config["cpu_threads"] : value));
  }
  words.insert(words.end(), {"--out", folder.string()});
  return shell_words(words);
}

}  // namespace dgsam
