#include "tools/commands/manual.h"

#include "tools/commands/command_tree.h"
#include "tools/commands/completions.h"
#include "tools/commands/man_page.h"

namespace dgsam {

std::map<std::string, std::string> manual_files(const CLI::App& application, const std::string& version) {
  const std::string name = application.get_name(), pages = "man/man1/";
  std::map<std::string, std::string> files;
  files[pages + name + ".1"] = man_page(application, name, version, true);
  for (const CLI::App* command : shown_commands(application)) {
    const std::string page = name + "-" + command->get_name();
    files[pages + page + ".1"] = man_page(*command, page, version, false);
  }
  files["bash-completion/completions/" + name] = bash_completion(application);
  files["zsh/site-functions/_" + name] = zsh_completion(application);
  return files;
}

}  // namespace dgsam
