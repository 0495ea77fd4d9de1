#include "tools/commands/man_page.h"

#include <algorithm>
#include <cctype>
#include <sstream>

#include "tools/commands/command_tree.h"

namespace dgsam {
namespace {

/// As troff reads it back: backslashes, hyphens, and no line that begins with a control character.
std::string escaped(const std::string& text) {
  std::string out;
  bool at_start = true;
  for (const char letter : text) {
    if (at_start && (letter == '.' || letter == '\'')) out += "\\&";
    out += letter == '\\' ? "\\e" : letter == '-' ? "\\-" : std::string(1, letter);
    at_start = letter == '\n';
  }
  return out;
}

/// Lines that stay lines, with their spaces.
std::string verbatim(const std::string& text) { return ".nf\n" + escaped(text) + "\n.fi\n"; }

/// A paragraph; lines of their own where the text breaks them.
std::string paragraph(const std::string& text) {
  std::istringstream lines(text);
  std::string out;
  for (std::string line; std::getline(lines, line);) {
    if (!out.empty()) out += line.empty() ? ".sp\n" : ".br\n";
    if (!line.empty()) out += escaped(line) + "\n";
  }
  return out;
}

std::string joined(const std::vector<std::string>& words, const char* between) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : between) + word;
  return out;
}

void add_options(const CLI::App& command, std::string& out) {
  for (const ShownOption& option : shown_options(command)) {
    out += ".TP\n.B " + escaped(joined(option.names, ", ")) + "\n";
    if (!option.usage.empty()) out.insert(out.size() - 1, "\\fR" + escaped(option.usage));
    out += option.text.empty() ? "\\&\n" : paragraph(option.text);
  }
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

/// "dgsam-run data import pacs" and what follows it.
std::string usage(const CLI::App& command, const std::string& words) {
  std::string line = ".B " + escaped(words) + "\n[OPTIONS]";
  for (const ShownOption& option : shown_options(command)) {
    if (option.positional) line += " " + escaped(option.names[0]) + (option.repeats ? "..." : "");
  }
  if (!shown_commands(command).empty()) line += " COMMAND";
  return line + "\n";
}

/// The commands below `command` with their options, one section each.
void add_commands_below(const CLI::App& command, const std::string& words, std::string& out) {
  for (const CLI::App* child : shown_commands(command)) {
    const std::string path = words + " " + child->get_name();
    out += ".SH \"" + escaped(upper(path.substr(path.find(' ') + 1))) + "\"\n";
    out += usage(*child, path) + ".PP\n" + paragraph(child->get_description());
    add_options(*child, out);
    if (!child->get_footer().empty()) out += ".PP\n" + verbatim(child->get_footer());
    add_commands_below(*child, path, out);
  }
}

std::string words_of(const CLI::App& command) {
  const CLI::App* parent = command.get_parent();
  return parent ? words_of(*parent) + " " + command.get_name() : command.get_name();
}

}  // namespace

std::string man_page(const CLI::App& command, const std::string& name, const std::string& version, bool is_overview) {
  const std::string words = words_of(command);
  std::string out = ".TH " + upper(escaped(name)) + " 1 \"\" \"" + escaped("dgsam " + version) + "\" \"dgsam\"\n";
  const std::string what = first_line(command.get_description());
  out += ".SH NAME\n" + escaped(name) + " \\- " + escaped(what.substr(0, what.find(':'))) + "\n";
  out += ".SH SYNOPSIS\n" + usage(command, words);
  out +=
      ".SH DESCRIPTION\n" + (is_overview ? verbatim(command.get_description()) : paragraph(command.get_description()));
  out += ".SH OPTIONS\n";
  add_options(command, out);
  if (is_overview) {
    out += ".SH COMMANDS\n";
    for (const CLI::App* child : shown_commands(command)) {
      out += ".TP\n.BR " + escaped(name + "-" + child->get_name()) + " (1)\n" +
             escaped(first_line(child->get_description())) + "\n";
    }
  } else {
    if (!command.get_footer().empty()) out += ".SH NOTES\n" + verbatim(command.get_footer());
    add_commands_below(command, words, out);
    out += ".SH SEE ALSO\n.BR " + escaped(words.substr(0, words.find(' '))) + " (1)\n";
  }
  return out;
}

}  // namespace dgsam
