#include <algorithm>
#include <unordered_set>

#include "data/duplicate_list.h"
#include "data/import_source.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;

std::int64_t images_of(const ImportPlan& plan, const std::string& domain) {
  return std::count_if(plan.items.begin(), plan.items.end(),
                       [&](const ImportItem& item) { return item.destination.starts_with(domain + "/"); });
}

/// Says where the archives differ from the cleaned ones, and what to do about it.
void compare_archives(ImportPlan& plan, const DatasetSpec& spec) {
  const auto archives = std::find_if(spec.vintages.begin(), spec.vintages.end(),
                                     [](const Vintage& vintage) { return !vintage.unfinished.empty(); });
  for (std::size_t i = 0; i < spec.domains.size(); ++i) {
    const std::string& name = spec.domains[i].name;
    const std::int64_t found = images_of(plan, name), expected = archives->images[i];
    if (found == expected) continue;
    const bool has_two_editions = name == "clipart" || name == "painting";
    plan.notes.push_back(
        name + " holds " + grouped_digits(found) + " images, its cleaned archive " + grouped_digits(expected) + "; " +
        (has_two_editions ? "the cleaned one is groundtruth/" + name + ".zip of the download site, not " + name +
                                ".zip; or files have been removed already"
                          : "unpacked in part, or files have been removed already"));
  }
}

}  // namespace

ImportPlan plan_domain_net(const fs::path& from, const fs::path& duplicates) {
  const std::unordered_set<std::string> listed = read_duplicate_list(duplicates);
  ImportPlan plan = plan_domains("DomainNet", from);
  compare_archives(plan, find_dataset("DomainNet"));
  const auto removed = static_cast<std::int64_t>(
      std::erase_if(plan.items, [&](const ImportItem& item) { return listed.contains(item.destination); }));
  const std::int64_t absent = std::ssize(listed) - removed;
  plan.notes.push_back("Left out " + grouped_digits(removed) + " duplicates" +
                       (absent > 0 ? "; " + grouped_digits(absent) + " files on the list are not there" : ""));
  finish_plan(plan);
  return plan;
}

}  // namespace dgsam
