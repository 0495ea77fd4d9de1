#include "tools/lab/report/report_reproduce.h"

#include <algorithm>
#include <set>

#include "tools/lab/report/report_html.h"
#include "tools/lab/sweep/sweep.h"
#include "tools/terminal/command_line.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCommands = 8;  // more are shown on demand

/// Values of config.json that say where a run ran.
const std::set<std::string> kMachine{"backend", "cpu", "cpu_threads", "device", "precision", "images", "arena_mb"};

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) text += (i == 0 ? "" : ",") + words[i];
  return text;
}

std::string launch_command(const fs::path& folder, const SweepDefinition& definition) {
  std::vector<std::string> words{"dgsam-run",
                                 "sweep",
                                 "launch",
                                 "--datasets",
                                 join(definition.datasets),
                                 "--algorithms",
                                 join(definition.algorithms),
                                 "--test-envs",
                                 definition.test_envs,
                                 "--trials",
                                 std::to_string(definition.trials),
                                 "--grid",
                                 definition.grid};
  if (definition.n_hparams > 1) {
    for (const std::string& word : {std::string("--n-hparams"), std::to_string(definition.n_hparams),
                                    std::string("--search"), definition.search}) {
      words.push_back(word);
    }
  }
  words.insert(words.end(), {"--out", folder.string(), "--"});
  words.insert(words.end(), definition.train.begin(), definition.train.end());
  return shell_words(words);
}

/// Values by name, each distinct one once, in order of first appearance.
class Facts {
 public:
  void add(const std::string& name, const std::string& value) {
    auto row = std::find_if(rows_.begin(), rows_.end(), [&](const auto& known) { return known.first == name; });
    if (row == rows_.end()) row = rows_.insert(row, {name, {}});
    auto& values = row->second;
    if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
  }
  std::string table(const std::string& caption) const {
    std::string text = "<table class=\"facts\">\n<caption>" + escaped(caption) + "</caption>\n<tbody>\n";
    for (const auto& [name, values] : rows_) {
      text += "<tr><th scope=\"row\">" + escaped(name) + "</th><td>";
      for (std::size_t i = 0; i < values.size(); ++i) text += (i == 0 ? "" : ", ") + escaped(values[i]);
      text += "</td></tr>\n";
    }
    return rows_.empty() ? "" : text + "</tbody>\n</table>\n";
  }

 private:
  std::vector<std::pair<std::string, std::vector<std::string>>> rows_;
};

void add_once(std::vector<std::string>& commands, const std::string& command) {
  if (std::find(commands.begin(), commands.end(), command) == commands.end()) commands.push_back(command);
}

std::string listing(const std::vector<std::string>& commands) {
  std::string text = "<pre tabindex=\"0\"><code>";
  for (const std::string& command : commands) text += escaped(command) + "\n";
  return text + "</code></pre>\n";
}

}  // namespace

std::vector<std::string> commands_of(const std::vector<FinishedRun>& runs) {
  std::vector<std::string> commands;
  for (const FinishedRun& run : runs) {
    const fs::path job = (run.folder / "").lexically_normal().parent_path().parent_path(), sweep = job.parent_path();
    std::string command = run.command;
    if (fs::exists(job / "job.json") && fs::exists(sweep / "sweep.json")) {
      command = launch_command(sweep, Sweep::open(sweep).definition());
    }
    add_once(commands, command);
  }
  return commands;
}

std::string reproduce_section(const ReportInput& input) {
  std::string text = "<section id=\"reproduce\">\n<h2>Reproduce</h2>\n";
  std::vector<std::string> commands = commands_of(input.runs);
  if (!input.commands.empty()) {
    text += listing(input.commands);
    text += details("The command of every run, from its configuration", listing(commands));
  } else if (commands.size() <= kCommands) {
    text += listing(commands);
  } else {
    text += details(std::to_string(commands.size()) + " commands, one per run", listing(commands));
  }
  std::vector<std::string> measurements;
  for (const FinishedRun& run : input.runs) {
    for (const std::string& command : run.analysis.commands) add_once(measurements, command);
  }
  if (!measurements.empty()) text += details("What measured sharpness, landscapes and mistakes", listing(measurements));
  text += element("p",
                  "Folders are as they were where the runs were made. The same command on the same kind of processor, "
                  "with the same number of threads, gives the same bits.");
  Facts machines, versions, settings;
  for (const FinishedRun& run : input.runs) {
    for (const auto& [name, value] : run.versions) versions.add(name, value);
    for (const auto& [name, value] : run.settings) (kMachine.contains(name) ? machines : settings).add(name, value);
  }
  return text + "<div class=\"columns\">\n" + machines.table("Machine") + versions.table("Versions") + "</div>\n" +
         details("Settings of the runs", settings.table("Every value that was used; of several, each once")) +
         "</section>\n";
}

}  // namespace dgsam
