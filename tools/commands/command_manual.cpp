// dgsam-run manual: for the build, which installs what it writes. --help does not show it.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>

#include "engine/core/check.h"
#include "tools/commands/commands.h"
#include "tools/commands/manual.h"
#include "tools/terminal/versions.h"

namespace dgsam {
namespace {

void write(const std::filesystem::path& file, const std::string& text) {
  std::error_code error;
  std::filesystem::create_directories(file.parent_path(), error);
  std::ofstream stream(file, std::ios::binary);
  stream << text << std::flush;
  require(stream.good(), "--out: ", file.string(), " cannot be written");
}

}  // namespace

void add_manual_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("manual", "Writes man pages and shell completions, as for a folder share/");
  command->group("");
  const auto out = std::make_shared<std::string>();
  command->add_option("--out", *out, "Folder that gets man/, bash-completion/ and zsh/")->required();
  command->callback([&app, out] {
    for (const auto& [path, text] : manual_files(app, release_version()))
      write(std::filesystem::path(*out) / path, text);
  });
}

}  // namespace dgsam
