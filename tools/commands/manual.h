// Man pages and shell completions, written from the commands themselves: what --help says, in other forms.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>

namespace dgsam {

/// Files by their paths below a prefix's share/: man/man1/NAME.1 and man/man1/NAME-COMMAND.1 for each subcommand,
/// bash-completion/completions/NAME and zsh/site-functions/_NAME, where NAME is the application's. Commands and options
/// that --help hides are left out. `version` stands in the pages' footers.
std::map<std::string, std::string> manual_files(const CLI::App& application, const std::string& version);

}  // namespace dgsam
