// Two layouts are in circulation. DomainBed's archive has the classes by name. The other, older one has the parts of a
// fixed split with the classes numbered in alphabetical order; `full` holds train and crossval again. Its file names
// tell the part (train_imgs_12.jpg), so that the parts can be joined by name. Both hold the same images.
#include <algorithm>
#include <array>
#include <unordered_map>

#include "data/import_source.h"
#include "engine/core/check.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;

constexpr std::array kParts = {"full", "train", "crossval", "test"};

bool is_split(const fs::path& domain) {
  const std::vector<std::string> names = folder_names(domain);
  return std::find_first_of(names.begin(), names.end(), kParts.begin(), kParts.end()) != names.end();
}

/// Plans the images of all parts, those that are in two parts once.
void add_parts(ImportPlan& plan, const DatasetSpec& spec, const std::string& domain, const fs::path& folder) {
  for (std::size_t label = 0; label < spec.classes.size(); ++label) {
    ImportPlan joined;
    for (const char* part : kParts) {
      const fs::path path = folder / part / std::to_string(label);
      if (fs::is_directory(path)) add_images(joined, path, domain + "/" + spec.classes[label]);
    }
    require(!joined.items.empty(), folder.string(), ": class ", label, " (", spec.classes[label],
            ") is missing in full, train, crossval and test");
    std::unordered_map<std::string, fs::path> seen;
    for (ImportItem& item : joined.items) {
      const auto [first, is_new] = seen.emplace(item.destination, item.source);
      require(is_new || fs::file_size(first->second) == fs::file_size(item.source), first->second.string(), " and ",
              item.source.string(), " have one name but different sizes");
      if (is_new) plan.items.push_back(std::move(item));
    }
  }
}

}  // namespace

ImportPlan plan_vlcs(const fs::path& from) {
  const DatasetSpec& spec = find_dataset("VLCS");
  const DomainFolders domains = find_domains(spec, from);
  if (!is_split(domains.folders.front())) return plan_domains(spec.name, from);

  ImportPlan plan{.dataset = spec.name, .source = domains.root, .items = {}, .notes = {}};
  plan.notes.push_back("Recognised VLCS in parts (full, train, crossval, test) with numbered classes in " +
                       domains.root.string() + "; the parts are joined");
  plan.notes.push_back(
      "File names, and with them the members of a split, differ from DomainBed's archive; the images are the same");
  try {
    for (std::size_t i = 0; i < domains.folders.size(); ++i)
      add_parts(plan, spec, spec.domains[i].name, domains.folders[i]);
  } catch (const fs::filesystem_error& error) {
    fail(error.what());
  }
  finish_plan(plan);
  return plan;
}

}  // namespace dgsam
