#include "tools/commands/train_flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "engine/core/check.h"
#include "tools/commands/choice_flag.h"
#include "tools/commands/command_line_rules.h"
#include "tools/train/settings.h"

namespace dgsam {

namespace {

/// Adds the flag of a setting whose value is at the place that it is called with.
class FlagAdder {
 public:
  FlagAdder(CLI::App& command, const Setting& setting) : command_(command), setting_(setting), flag_(setting.flag()) {}

  CLI::Option* operator()(bool* value) const {
    if (setting_.rules.bare) return command_.add_flag(flag_, *value, setting_.help);
    return add_switch(command_, flag_, *value, setting_.help);
  }
  CLI::Option* operator()(WordChoice choice) const {
    return add_word(
        command_, flag_, {choice.words().begin(), choice.words().end()}, choice.word(),
        [choice](const std::string& word) mutable { choice.set(word); }, setting_.help);
  }
  CLI::Option* operator()(std::string* value) const {
    CLI::Option* option = command_.add_option(flag_, *value, setting_.help)->capture_default_str();
    return setting_.rules.words.empty() ? option : option->check(CLI::IsMember(setting_.rules.words));
  }
  template <class Number>
  CLI::Option* operator()(Number* value) const {
    return command_.add_option(flag_, *value, setting_.help)->capture_default_str();
  }

 private:
  CLI::App& command_;
  const Setting& setting_;
  std::string flag_;
};

}  // namespace

void add_train_flags(CLI::App& command, TrainConfig& config) {
  for (const SettingGroup& group : setting_groups()) {
    for (const Setting& setting : group.settings) {
      CLI::Option* option = std::visit(FlagAdder(command, setting), setting.field.in(config));
      option->group(group.name)->required(setting.rules.required);
      if (!setting.rules.excludes.empty()) option->excludes(command.get_option(flag_of(setting.rules.excludes)));
    }
  }
}

std::set<std::string> given_fields(const CLI::App& command) {
  std::set<std::string> given;
  for (const CLI::Option* option : command.get_options()) {
    if (option->count() == 0) continue;
    for (std::string name : option->get_lnames()) {
      std::replace(name.begin(), name.end(), '-', '_');
      given.insert(name);
    }
  }
  return given;
}

TrainFlags parse_train_flags(std::vector<std::string> words, const std::string& whose) {
  TrainFlags flags;
  CLI::App app;
  add_train_flags(app, flags.config);
  let_last_flag_win(app);
  std::reverse(words.begin(), words.end());  // CLI11 takes them last first
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    fail(whose, " are not train's: ", error.what());
  }
  flags.given = given_fields(app);
  make_paths_absolute(flags.config);
  return flags;
}

std::vector<std::string> with_absolute_paths(std::vector<std::string> words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    for (const SettingGroup& group : setting_groups()) {
      for (const Setting& setting : group.settings) {
        if (!setting.rules.path) continue;
        const std::string flag = setting.flag(), joined = flag + "=";
        if (words[i].starts_with(joined)) {
          words[i] = joined + absolute_path(words[i].substr(joined.size()));
        } else if (i > 0 && words[i - 1] == flag) {
          words[i] = absolute_path(words[i]);
        }
      }
    }
  }
  return words;
}

}  // namespace dgsam
