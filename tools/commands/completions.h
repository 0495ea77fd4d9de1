// Completion of an application's commands, options and their values, for two shells.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace dgsam {

/// For bash: a script that bash-completion loads, or that can be sourced.
std::string bash_completion(const CLI::App& application);
/// For zsh: a file of a folder of fpath.
std::string zsh_completion(const CLI::App& application);

}  // namespace dgsam
