// The commands of an application as --help shows them.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace dgsam {

/// Subcommands in the order in which they were added, without hidden ones.
std::vector<const CLI::App*> shown_commands(const CLI::App& command);

struct ShownOption {
  std::vector<std::string> names;   ///< with their dashes; one name without dashes for a positional
  std::string usage;                ///< as in --help: " TEXT:{on,off}=on"; empty for a flag
  std::string text;                 ///< what --help explains, of one or more lines
  std::vector<std::string> values;  ///< what it takes, where that is a set
  bool takes_value = false;
  bool repeats = false;
  bool positional = false;
};

std::vector<ShownOption> shown_options(const CLI::App& command);

/// The first line of a command's or an option's explanation.
std::string first_line(const std::string& text);

}  // namespace dgsam
