#include "tools/commands/command_tree.h"

#include <sstream>

namespace dgsam {
namespace {

/// {"a", "b"} of "TEXT:{a,b}".
std::vector<std::string> values_in(const std::string& type) {
  const std::size_t open = type.find('{'), close = type.find('}');
  std::vector<std::string> values;
  if (open == std::string::npos || close == std::string::npos) return values;
  std::istringstream list(type.substr(open + 1, close - open - 1));
  for (std::string value; std::getline(list, value, ',');) values.push_back(value);
  return values;
}

/// What --help writes behind the names.
std::string usage_of(const CLI::Option& option) { return CLI::Formatter().make_option_opts(&option); }

}  // namespace

std::vector<const CLI::App*> shown_commands(const CLI::App& command) {
  std::vector<const CLI::App*> shown;
  for (const CLI::App* child : command.get_subcommands([](const CLI::App*) { return true; })) {
    if (!child->get_group().empty()) shown.push_back(child);
  }
  return shown;
}

std::vector<ShownOption> shown_options(const CLI::App& command) {
  std::vector<ShownOption> shown;
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_group().empty()) continue;
    ShownOption one;
    for (const std::string& name : option->get_snames()) one.names.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) one.names.push_back("--" + name);
    one.positional = one.names.empty();
    if (one.positional) one.names.push_back(option->get_name(true));
    one.takes_value = option->get_type_size() != 0;
    one.usage = usage_of(*option);
    one.text = option->get_description();
    one.values = values_in(option->get_type_name());
    one.repeats = option->get_expected_max() > 1;
    shown.push_back(std::move(one));
  }
  return shown;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace dgsam
