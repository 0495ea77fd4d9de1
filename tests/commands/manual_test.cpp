// Man pages and completions say what --help says: every command and option of each, and no others.
#include "tools/commands/manual.h"

#include <doctest/doctest.h>

#include <regex>
#include <set>

#include "tools/commands/command_tree.h"
#include "tools/commands/commands.h"

namespace dgsam::test {
namespace {

void add_commands(CLI::App& app) {
  app.require_subcommand(1);
  add_train_command(app);
  add_data_command(app);
  add_weights_command(app);
  add_info_command(app);
  add_manual_command(app);
}

/// All words like --name or -n of a text that begin a line or follow a space, comma, slash, bracket or quote.
std::set<std::string> flags_in(const std::string& text) {
  std::set<std::string> found;
  const std::regex flag("(^|[\\s,/(\\[`'])(--?[a-zA-Z][a-z0-9-]*)");
  for (std::sregex_iterator match(text.begin(), text.end(), flag), end; match != end; ++match)
    found.insert((*match)[2]);
  return found;
}

std::string without_troff(std::string page) {
  page = std::regex_replace(page, std::regex("\\\\-"), "-");
  return std::regex_replace(page, std::regex("\\\\f[A-Z]"), " ");
}

/// The flags that --help of the command and of all below it names.
void collect_help(CLI::App& command, std::set<std::string>& flags) {
  flags.merge(flags_in(command.help()));
  for (CLI::App* child : command.get_subcommands([](const CLI::App*) { return true; })) collect_help(*child, flags);
}

}  // namespace

TEST_CASE("a command's man page names the flags of its --help and of no other command") {
  CLI::App app{"Trains.", "dgsam-run"};
  add_commands(app);
  const std::map<std::string, std::string> files = manual_files(app, "1.2.3");
  CHECK(files.size() == 1 + 4 + 2);  // the overview, the commands that --help shows, two shells
  for (CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_name() == "manual") continue;
    CAPTURE(command->get_name());
    std::set<std::string> expected;
    collect_help(*command, expected);
    const std::string page = without_troff(files.at("man/man1/dgsam-run-" + command->get_name() + ".1"));
    CHECK(flags_in(page) == expected);
    CHECK(page.find("dgsam 1.2.3") != std::string::npos);
  }
  const std::string& overview = files.at("man/man1/dgsam-run.1");
  CHECK(overview.find("dgsam\\-run\\-train") != std::string::npos);
  CHECK(overview.find("manual") == std::string::npos);  // hidden
}

TEST_CASE("completions offer every flag, command and value, and no hidden one") {
  CLI::App app{"Trains.", "dgsam-run"};
  add_commands(app);
  const std::map<std::string, std::string> files = manual_files(app, "1.2.3");
  const std::string& bash = files.at("bash-completion/completions/dgsam-run");
  const std::string& zsh = files.at("zsh/site-functions/_dgsam-run");
  for (const std::string* script : {&bash, &zsh}) {
    for (const CLI::App* command : shown_commands(app)) {
      for (const ShownOption& option : shown_options(*command)) {
        if (option.positional) continue;
        for (const std::string& name : option.names) {
          CAPTURE(name);
          CHECK(script->find(name) != std::string::npos);
        }
      }
    }
    CHECK(script->find("erm sam gsam sagm disam gga-l dgsam") != std::string::npos);
    CHECK(script->find("terra-incognita") != std::string::npos);
  }
  CHECK(bash.find("/manual") == std::string::npos);
  CHECK(zsh.find("_manual") == std::string::npos);
}

TEST_CASE("a page escapes what troff would take for requests") {
  CLI::App app{"Trains.", "dgsam-run"};
  CLI::App* command = app.add_subcommand("odd", "Takes C:\\ apart\n.and a line that begins with a dot");
  command->add_option("--name", "'quoted' at the start");
  const std::string page = manual_files(app, "1").at("man/man1/dgsam-run-odd.1");
  CHECK(page.find("C:\\e apart") != std::string::npos);
  CHECK(page.find("\n\\&.and a line") != std::string::npos);
  CHECK(page.find("\n\\&'quoted'") != std::string::npos);
}

}  // namespace dgsam::test
