// One command and all below it as a man page.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace dgsam {

/// `name` is the page's: "dgsam-run-train". `is_overview`: subcommands are listed with their pages, not explained.
std::string man_page(const CLI::App& command, const std::string& name, const std::string& version, bool is_overview);

}  // namespace dgsam
