#include "tools/commands/command_line_rules.h"

#include <CLI/CLI.hpp>
#include <algorithm>

namespace dgsam {

namespace {

/// The subcommand that the words of the command line led to.
const CLI::App& last_command(const CLI::App& app) {
  const CLI::App* at = &app;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
  return *at;
}

/// CLI11's message with the flag and its value first. Of a word that nobody knows and something that is missing, the
/// word is told: it may be the other one misspelt.
std::string message_of(const CLI::App& command, const CLI::ParseError& error) {
  const std::vector<std::string> unknown = command.remaining();
  const bool word_or_lack =
      dynamic_cast<const CLI::ExtrasError*>(&error) || dynamic_cast<const CLI::RequiredError*>(&error);
  if (word_or_lack && !unknown.empty()) {
    if (command.get_require_subcommand_min() > 0) return unknown.front() + ": no such subcommand";
    return CLI::detail::join(unknown, " ") + ": not expected here";
  }
  std::string message = error.what();
  std::replace(message.begin(), message.end(), '\n', ' ');
  const std::string prefix = "Could not convert: ", equals = " = ";
  if (message.starts_with(prefix)) {
    message.erase(0, prefix.size());
    const std::size_t at = message.find(equals);
    if (at != std::string::npos) message.replace(at, equals.size(), " ");
    message += ": not a value that this flag takes";
  }
  return message;
}

}  // namespace

void let_last_flag_win(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    const bool one_value = !option->get_positional() && option->get_items_expected_max() == 1;
    if (one_value) option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  }
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) let_last_flag_win(*command);
}

std::string error_line(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& command = last_command(app);
  std::string name = command.get_name();
  for (const CLI::App* at = command.get_parent(); at; at = at->get_parent()) name = at->get_name() + " " + name;
  return message_of(command, error) + "; see " + name + " --help";
}

}  // namespace dgsam
