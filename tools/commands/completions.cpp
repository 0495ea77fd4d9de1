#include "tools/commands/completions.h"

#include <algorithm>
#include <vector>

#include "tools/commands/command_tree.h"

namespace dgsam {
namespace {

/// A name that shells take for a function.
std::string function_name(const std::string& words) {
  std::string name = "_" + words;
  std::replace_if(
      name.begin(), name.end(), [](char letter) { return letter == '-' || letter == ' ' || letter == '/'; }, '_');
  return name;
}

// bash. A path is "" for the application and "/data/import" below it.

struct BashCases {
  std::string steps;   ///< the paths of all commands, by |
  std::string values;  ///< what may follow an option
  std::string words;   ///< what may stand at a path
};

void add_bash_cases(const CLI::App& command, const std::string& path, BashCases& cases) {
  std::string words;
  for (const CLI::App* child : shown_commands(command)) {
    words += child->get_name() + " ";
    const std::string below = path + "/" + child->get_name();
    cases.steps += (cases.steps.empty() ? "" : " | ") + below;
    add_bash_cases(*child, below, cases);
  }
  std::string free_values;
  for (const ShownOption& option : shown_options(command)) {
    if (option.positional) continue;
    for (const std::string& name : option.names) {
      words += name + " ";
      if (!option.takes_value) continue;
      const std::string at = "\"" + path + " " + name + "\"";
      if (option.values.empty()) {
        free_values += (free_values.empty() ? "" : " | ") + at;
        continue;
      }
      std::string values;
      for (const std::string& value : option.values) values += (values.empty() ? "" : " ") + value;
      cases.values += "    " + at + ") words=\"" + values + "\" ;;\n";
    }
  }
  if (!free_values.empty()) cases.values += "    " + free_values + ") return ;;\n";
  if (!words.empty()) words.pop_back();
  cases.words += "    \"" + path + "\") words=\"" + words + "\" ;;\n";
}

// zsh.

/// Inside single quotes, with what _arguments reads in brackets and between colons.
std::string zsh_text(const std::string& text) {
  std::string out;
  for (const char letter : text) {
    if (letter == '\'') {
      out += "'\\''";
    } else {
      if (letter == '[' || letter == ']' || letter == ':' || letter == '\\') out += '\\';
      out += letter;
    }
  }
  return out;
}

/// A description for _arguments stands in double brackets, where a colon is itself.
std::string zsh_specification(const ShownOption& option, const std::string& name) {
  std::string action = "_files";
  if (!option.values.empty()) {
    action = "(";
    for (const std::string& value : option.values) action += (action.size() > 1 ? " " : "") + value;
    action += ")";
  }
  if (option.positional) {
    return std::string("'") + (option.repeats ? "*" : "") + ":" + zsh_text(name) + ":" + action + "'";
  }
  std::string out =
      std::string("'") + (option.repeats ? "*" : "") + name + "[" + zsh_text(first_line(option.text)) + "]";
  if (option.takes_value) out += ":value:" + action;
  return out + "'";
}

void add_zsh_function(const CLI::App& command, const std::string& words, std::string& out) {
  const std::vector<const CLI::App*> children = shown_commands(command);
  std::string body;
  for (const ShownOption& option : shown_options(command)) {
    for (const std::string& name : option.names) body += " \\\n    " + zsh_specification(option, name);
  }
  if (children.empty()) {
    out += function_name(words) + "() {\n  _arguments" + body + "\n}\n\n";
    return;
  }
  std::string names, calls;
  for (const CLI::App* child : children) {
    add_zsh_function(*child, words + " " + child->get_name(), out);
    names += "\n        '" + child->get_name() + ":" + zsh_text(first_line(child->get_description())) + "'";
    calls += "        " + child->get_name() + ") " + function_name(words + " " + child->get_name()) + " ;;\n";
  }
  out += function_name(words) + "() {\n  local curcontext=\"$curcontext\" state line\n  _arguments -C" + body +
         " \\\n    '1: :->command' '*:: :->rest'\n  case $state in\n    command)\n      local -a commands=(" + names +
         ")\n      _describe command commands ;;\n    rest)\n      case $line[1] in\n" + calls +
         "      esac ;;\n  esac\n}\n\n";
}

}  // namespace

std::string bash_completion(const CLI::App& application) {
  const std::string name = application.get_name(), function = function_name(name);
  BashCases cases;
  add_bash_cases(application, "", cases);
  return "# bash completion of " + name + ", written by `" + name + " manual`\n" + function +
         "() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} path= words= word\n"
         "  COMPREPLY=()\n"
         "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
         "    case \"$path/$word\" in\n"
         "      " +
         cases.steps +
         ") path=$path/$word ;;\n"
         "    esac\n"
         "  done\n"
         "  case \"$path $previous\" in\n" +
         cases.values +
         "  esac\n"
         "  [ -n \"$words\" ] || case \"$path\" in\n" +
         cases.words +
         "  esac\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
         "}\n"
         "complete -o default -F " +
         function + " " + name + "\n";
}

std::string zsh_completion(const CLI::App& application) {
  const std::string name = application.get_name();
  std::string out = "#compdef " + name + "\n# Written by `" + name + " manual`.\n\n";
  add_zsh_function(application, name, out);
  return out + function_name(name) + " \"$@\"\n";
}

}  // namespace dgsam
