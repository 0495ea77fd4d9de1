#include "data/import_source.h"

#include <algorithm>
#include <map>
#include <set>

#include "data/image_folder.h"
#include "engine/core/check.h"
#include "engine/core/letter_case.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;

std::string joined(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 10;
  std::string text;
  for (std::size_t i = 0; i < std::min(kMost, names.size()); ++i) text += (i ? ", " : "") + names[i];
  if (names.size() > kMost) text += " and " + std::to_string(names.size() - kMost) + " more";
  return text;
}

/// The folder of each domain in `path`; empty for those that are not there.
std::vector<fs::path> domains_in(const DatasetSpec& spec, const fs::path& path) {
  const std::vector<std::string> names = folder_names(path);
  std::vector<fs::path> folders;
  for (const KnownDomain& domain : spec.domains) {
    const auto found = std::find_if(names.begin(), names.end(), [&](const std::string& name) {
      return lower_case(name) == lower_case(domain.name) ||
             std::any_of(domain.spellings.begin(), domain.spellings.end(),
                         [&](const std::string& spelling) { return lower_case(name) == lower_case(spelling); });
    });
    folders.push_back(found == names.end() ? fs::path() : path / *found);
  }
  return folders;
}

/// What `from` holds instead of the data set, as a clause.
std::string what_is_there(const DatasetSpec& spec, const fs::path& from, const DomainFolders& nearest) {
  std::string has, lacks;
  for (std::size_t i = 0; i < nearest.folders.size(); ++i) {
    std::string& list = nearest.folders[i].empty() ? lacks : has;
    list += (list.empty() ? "" : ", ") + spec.domains[i].name;
  }
  if (!has.empty()) return nearest.root.string() + " has " + has + " but not " + lacks;
  const std::vector<std::string> names = folder_names(from);
  return from.string() + (names.empty() ? " holds no folder" : " holds " + joined(names));
}

}  // namespace

std::vector<std::string> folder_names(const fs::path& path) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::error_code dangling;
    if (!name.starts_with('.') && entry->is_directory(dangling)) names.push_back(name);
  }
  require(!error, path.string(), ": cannot be listed (", error.message(), ")");
  std::sort(names.begin(), names.end());
  return names;
}

DomainFolders find_domains(const DatasetSpec& spec, const fs::path& from) {
  constexpr int kDepth = 2;
  std::error_code unknown;
  require(fs::is_directory(from, unknown), from.string(), ": no such folder; expected the unpacked ", spec.name);
  DomainFolders nearest;
  std::ptrdiff_t most = -1;
  std::vector<fs::path> level = {from};
  for (int depth = 0; depth <= kDepth; ++depth) {
    std::vector<DomainFolders> complete;
    for (const fs::path& path : level) {
      DomainFolders found{path, domains_in(spec, path)};
      const auto missing = std::count(found.folders.begin(), found.folders.end(), fs::path());
      if (missing == 0) complete.push_back(found);
      const std::ptrdiff_t present = std::ssize(found.folders) - missing;
      if (present > most) nearest = std::move(found), most = present;
    }
    if (complete.size() == 1) return complete.front();
    require(complete.empty(), from.string(), ": both ", complete.empty() ? "" : complete[0].root.string(), " and ",
            complete.size() < 2 ? "" : complete[1].root.string(), " hold the domains of ", spec.name,
            "; name one of them");
    std::vector<fs::path> below;
    for (const fs::path& path : level) {
      for (const std::string& name : folder_names(path)) below.push_back(path / name);
    }
    level = std::move(below);
  }
  fail(from.string(), ": is not ", spec.name, ", and nothing up to ", kDepth,
       " folders below is: ", what_is_there(spec, from, nearest), "; expected ", spec.what);
}

void add_images(ImportPlan& plan, const fs::path& folder, const std::string& destination) {
  std::error_code error;
  const auto options = fs::directory_options::follow_directory_symlink;
  for (fs::recursive_directory_iterator entry(folder, options, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::error_code dangling;
    const bool is_folder = entry->is_directory(dangling);
    if (name.starts_with('.')) {
      if (is_folder) entry.disable_recursion_pending();
    } else if (!is_folder && is_image_name(name)) {
      plan.items.push_back({entry->path(), destination + "/" + entry->path().lexically_relative(folder).string()});
    }
  }
  require(!error, folder.string(), ": cannot be listed (", error.message(), ")");
}

void add_classes(ImportPlan& plan, const DatasetSpec& spec, const std::string& domain, const fs::path& folder) {
  std::map<std::string, std::string> class_of;  // by its name in lower case
  for (const std::string& name : spec.classes) class_of[lower_case(name)] = name;
  std::set<std::string> found;
  std::vector<std::string> others;
  for (const std::string& name : folder_names(folder)) {
    const auto known = class_of.find(lower_case(name));
    if (known == class_of.end()) {
      others.push_back(name);
      continue;
    }
    require(found.insert(known->second).second, folder.string(), ": two folders are class '", known->second, "'");
    const std::size_t before = plan.items.size();
    add_images(plan, folder / name, domain + "/" + known->second);
    require(plan.items.size() > before, (folder / name).string(), ": this class folder holds no image");
  }
  for (const std::string& name : spec.classes)
    require(found.contains(name), folder.string(), ": class '", name, "' is missing",
            others.empty() ? " (an incomplete download?)" : "; there is " + joined(others));
  if (!others.empty())
    plan.notes.push_back("Left out, no class of " + spec.name + ": " + joined(others) + " in " + folder.string());
}

void finish_plan(ImportPlan& plan) {
  require(!plan.items.empty(), plan.source.string(), ": there is no image to import");
  std::sort(plan.items.begin(), plan.items.end(),
            [](const ImportItem& a, const ImportItem& b) { return a.destination < b.destination; });
  for (std::size_t i = 1; i < plan.items.size(); ++i)
    require(plan.items[i - 1].destination != plan.items[i].destination, plan.items[i - 1].source.string(), " and ",
            plan.items[i].source.string(), " would both become ", plan.items[i].destination);
}

ImportPlan plan_domains(const std::string& dataset, const fs::path& from) {
  const DatasetSpec& spec = find_dataset(dataset);
  const DomainFolders domains = find_domains(spec, from);
  ImportPlan plan{.dataset = dataset, .source = domains.root, .items = {}, .notes = {}};
  plan.notes.push_back("Recognised " + dataset + ": the domains are in " + domains.root.string());
  for (std::size_t i = 0; i < domains.folders.size(); ++i)
    add_classes(plan, spec, spec.domains[i].name, domains.folders[i]);
  finish_plan(plan);
  return plan;
}

}  // namespace dgsam
