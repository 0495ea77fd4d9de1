// dgsam-run data import: downloaded data sets into the layout that training reads.
#include <cstdio>
#include <functional>
#include <memory>

#include "data/datasets.h"
#include "data/image_folder.h"
#include "data/import.h"
#include "tools/commands/commands.h"
#include "tools/terminal/late_progress.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;

/// The flags of every import; each data set uses its own part.
struct ImportFlags {
  fs::path from, duplicates, out;
  std::vector<fs::path> annotations;
  std::string link = "auto";
};

LinkKind link_kind(const std::string& word) {
  if (word == "hardlink") return LinkKind::kHardlink;
  if (word == "symlink") return LinkKind::kSymlink;
  return word == "copy" ? LinkKind::kCopy : LinkKind::kAutomatic;
}

/// "2,048 hard links, 3 copies", or what else was done with the files.
std::string describe(const ImportResult& result) {
  std::string text;
  const auto add = [&](std::int64_t count, const char* what) {
    if (count > 0) text += (text.empty() ? "" : ", ") + grouped_digits(count) + " " + what;
  };
  add(result.hardlinks, "hard links");
  add(result.symlinks, "symbolic links");
  add(result.copies, "copies");
  add(result.already_there, "already there");
  return text;
}

void run_import(const ImportPlan& plan, const ImportFlags& flags) {
  for (const std::string& note : plan.notes) std::printf("%s\n", note.c_str());
  std::fflush(stdout);
  LateProgress progress("Importing");
  const ImportResult result = execute_import(plan, flags.out, link_kind(flags.link), 0, progress.callback());
  progress.finish();
  std::printf("%s: %s\n", result.root.c_str(), describe(result).c_str());
  const ImageFolder folder = open_image_folder(result.root);
  for (const Domain& domain : folder.domains)
    std::printf("  %-14s %9s\n", domain.name.c_str(), grouped_digits(std::ssize(domain.samples)).c_str());
  std::printf("%s\n", verify_known(folder, find_dataset(plan.dataset)).c_str());
}

struct Import {
  CLI::App* command;
  std::shared_ptr<ImportFlags> flags;
};

Import add_import(CLI::App& import, const std::string& name, const std::string& help,
                  const std::function<ImportPlan(const ImportFlags&)>& plan) {
  CLI::App* command = import.add_subcommand(name, help);
  const auto flags = std::make_shared<ImportFlags>();
  command->add_option("--out", flags->out, "Folder of data sets; the data set becomes a folder in it")->required();
  command
      ->add_option("--link", flags->link,
                   "auto: hard links, which take no space, or copies where the file system cannot link; or hardlink,\n"
                   "symlink, copy. The source is never changed")
      ->check(CLI::IsMember({"auto", "hardlink", "symlink", "copy"}))
      ->capture_default_str();
  command->callback([flags, plan] { run_import(plan(*flags), *flags); });
  return {command, flags};
}

void add_from(const Import& import, const std::string& help) {
  import.command->add_option("--from", import.flags->from, help)->required();
}

}  // namespace

void add_data_import_command(CLI::App& data) {
  CLI::App* import = data.add_subcommand(
      "import", "Brings a downloaded data set into the layout that training reads; an interrupted import is repeated");
  import->require_subcommand(1);

  add_from(add_import(*import, "pacs", "PACS from its unpacked archive",
                      [](const ImportFlags& flags) { return plan_pacs(flags.from); }),
           "Folder that is, or holds, kfold/ or PACS/");
  add_from(add_import(*import, "vlcs", "VLCS from DomainBed's archive, or from the one in parts (full, train, ...)",
                      [](const ImportFlags& flags) { return plan_vlcs(flags.from); }),
           "Folder that is, or holds, VLCS/");
  add_from(add_import(*import, "office-home", "Office-Home from its unpacked archive",
                      [](const ImportFlags& flags) { return plan_office_home(flags.from); }),
           "Folder that is, or holds, OfficeHomeDataset_10072016/");

  const Import domain_net =
      add_import(*import, "domainnet", "DomainNet from its six unpacked archives, without the published duplicates",
                 [](const ImportFlags& flags) { return plan_domain_net(flags.from, flags.duplicates); });
  add_from(domain_net, "Folder that holds clipart/ infograph/ painting/ quickdraw/ real/ sketch/");
  domain_net.command
      ->add_option("--duplicates", domain_net.flags->duplicates,
                   "DomainBed's list domain_net_duplicates.txt: a line domain/class/file each")
      ->required();

  const Import terra =
      add_import(*import, "terra-incognita", "TerraIncognita from Caltech Camera Traps by DomainBed's procedure",
                 [](const ImportFlags& flags) { return plan_terra_incognita(flags.from, flags.annotations); });
  terra.command->add_option("--images", terra.flags->from, "Folder that is, or holds, eccv_18_all_images_sm/")
      ->required();
  terra.command
      ->add_option("--annotations", terra.flags->annotations,
                   "CaltechCameraTrapsECCV18.json; or the five *_annotations.json of eccv_18_annotation_files;\n"
                   "or LILA's caltech_images_20210113.json")
      ->required();
}

}  // namespace dgsam
