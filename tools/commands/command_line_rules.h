// What holds for the command lines of all subcommands.
#pragma once

#include <string>

namespace CLI {
class App;  // its header takes seconds to compile
class ParseError;
}  // namespace CLI

namespace dgsam {

/// Of a repeated flag that takes one value the last one counts, as in most programs: a script's flags can be overruled
/// behind it. Call it when all flags of `app` and its subcommands are added.
void let_last_flag_win(CLI::App& app);

/// What is wrong with a command line that `app` does not understand, and where its help is, in one line.
std::string error_line(const CLI::App& app, const CLI::ParseError& error);

}  // namespace dgsam
