#include "data/datasets.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <numeric>

#include "engine/core/check.h"
#include "engine/core/letter_case.h"

namespace dgsam {
namespace {

namespace fs = std::filesystem;

bool is_folder(const fs::path& path) {
  std::error_code unknown;
  return fs::is_directory(path, unknown);
}

bool is_called(const KnownDomain& domain, const std::string& name) {
  return name == domain.name ||
         std::find(domain.spellings.begin(), domain.spellings.end(), name) != domain.spellings.end();
}

std::string joined(const std::vector<std::string>& names, std::size_t most = std::numeric_limits<std::size_t>::max()) {
  std::string text;
  for (std::size_t i = 0; i < std::min(most, names.size()); ++i) text += (i ? ", " : "") + names[i];
  if (names.size() > most) text += " and " + std::to_string(names.size() - most) + " more";
  return text;
}

std::vector<std::string> domain_names(const DatasetSpec& spec) {
  std::vector<std::string> names;
  for (const KnownDomain& domain : spec.domains) names.push_back(domain.name);
  return names;
}

bool holds_a_domain(const DatasetSpec& spec, const fs::path& path) {
  return std::any_of(spec.domains.begin(), spec.domains.end(), [&](const KnownDomain& domain) {
    return is_folder(path / domain.name) ||
           std::any_of(domain.spellings.begin(), domain.spellings.end(),
                       [&](const std::string& spelling) { return is_folder(path / spelling); });
  });
}

/// What stands in the place of the domains, as a clause.
std::string contents(const fs::path& path) {
  if (!is_folder(path)) return "is not a folder";
  std::vector<std::string> folders;
  std::error_code error;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
    if (is_folder(entry->path())) folders.push_back(entry->path().filename().string());
  }
  if (error) return "cannot be listed (" + error.message() + ")";
  std::sort(folders.begin(), folders.end());
  return folders.empty() ? "holds no folder" : "holds " + joined(folders, 8);
}

void verify_domains(const ImageFolder& folder, const DatasetSpec& spec) {
  const std::string start = folder.root.string() + " is not " + spec.name + ": ";
  const std::string remedy = ", or train on it as --dataset folder";
  std::vector<const Domain*> found(spec.domains.size());
  for (const Domain& domain : folder.domains) {
    const auto known = std::find_if(spec.domains.begin(), spec.domains.end(),
                                    [&](const KnownDomain& one) { return is_called(one, domain.name); });
    require(known != spec.domains.end(), start, "its folder '", domain.name, "' is none of the domains ",
            joined(domain_names(spec)), " and would shift the index of those after it; move it away", remedy);
    const Domain*& place = found[known - spec.domains.begin()];
    require(place == nullptr, start, "both '", place ? place->name : "", "' and '", domain.name,
            "' are names of one domain; move one of them away", remedy);
    place = &domain;
  }
  for (std::size_t index = 0; index < found.size(); ++index) {
    const std::string& name = spec.domains[index].name;
    require(found[index] != nullptr, start, "domain '", name, "' is missing (an incomplete download?)", remedy);
    const auto sorted = static_cast<std::size_t>(found[index] - folder.domains.data());
    require(sorted == index, start, "'", found[index]->name, "' sorts as domain ", sorted, ", but papers know it as ",
            index, "; rename it to '", name, "'", remedy);
  }
}

void verify_classes(const ImageFolder& folder, const DatasetSpec& spec) {
  const std::string start = folder.root.string() + " is not " + spec.name + ": ";
  const std::string remedy = ", or train on it as --dataset folder";
  for (const std::string& name : folder.classes) {
    if (std::binary_search(spec.classes.begin(), spec.classes.end(), name)) continue;
    const auto same_but_case = std::find_if(spec.classes.begin(), spec.classes.end(), [&](const std::string& one) {
      return lower_case(one) == lower_case(name);
    });
    require(same_but_case == spec.classes.end(), start, "class '", name, "' is called '",
            same_but_case == spec.classes.end() ? "" : *same_but_case,
            "' there, and labels follow the order of the names; rename it in every domain", remedy);
    fail(start, "its domains have a class '", name, "' that it does not have, which would shift the labels after it",
         "; move it away", remedy);
  }
  for (const std::string& name : spec.classes) {
    require(std::binary_search(folder.classes.begin(), folder.classes.end(), name), start, "class '", name,
            "' is missing in every domain (", folder.classes.size(), " of ", spec.classes.size(),
            " classes are there: an incomplete download?)", remedy);
  }
}

std::int64_t count(const Domain& domain) { return std::ssize(domain.samples); }

std::int64_t images_apart(const ImageFolder& folder, const Vintage& vintage) {
  std::int64_t apart = 0;
  for (std::size_t i = 0; i < folder.domains.size(); ++i)
    apart += std::abs(count(folder.domains[i]) - vintage.images[i]);
  return apart;
}

}  // namespace

std::int64_t Vintage::total() const { return std::accumulate(images.begin(), images.end(), std::int64_t{0}); }

const DatasetSpec& find_dataset(std::string_view name) {
  std::string known;
  for (const DatasetSpec& spec : known_datasets()) {
    if (spec.name == name) return spec;
    known += (known.empty() ? "" : ", ") + spec.name;
  }
  fail("--dataset ", name, " is not known: it is one of ", known);
}

std::filesystem::path dataset_root(const DatasetSpec& spec, const std::filesystem::path& data_dir) {
  std::error_code no_folder;
  const fs::path here = fs::current_path(no_folder);
  require(is_folder(data_dir), "--data-dir ", data_dir.string(), " is not a folder",
          data_dir.is_relative() ? " (it is relative to " + here.string() + ")" : "");
  if (spec.domains.empty()) return data_dir;
  std::vector<fs::path> candidates = {data_dir / spec.root};
  for (const std::string& other : spec.other_roots) {
    if (is_folder(data_dir / other)) candidates.push_back(data_dir / other);
  }
  candidates.push_back(data_dir);
  std::string looked;
  for (const fs::path& candidate : candidates) {
    if (holds_a_domain(spec, candidate)) return candidate;
    looked += (looked.empty() ? "" : "; ") + candidate.string() + " " + contents(candidate);
  }
  fail("--data-dir ", data_dir.string(), " holds no domain of ", spec.name, " (", joined(domain_names(spec)),
       "), neither itself nor below ", spec.root, ": ", looked);
}

std::string verify_known(const ImageFolder& folder, const DatasetSpec& spec) {
  if (!spec.domains.empty()) verify_domains(folder, spec);
  if (!spec.classes.empty()) verify_classes(folder, spec);
  return describe_counts(folder, spec);
}

const Vintage* closest_vintage(const ImageFolder& folder, const DatasetSpec& spec) {
  const Vintage* closest = nullptr;
  for (const Vintage& vintage : spec.vintages) {
    if (vintage.images.size() != folder.domains.size()) continue;
    if (!closest || images_apart(folder, vintage) < images_apart(folder, *closest)) closest = &vintage;
  }
  return closest;
}

const Vintage* matching_vintage(const ImageFolder& folder, const DatasetSpec& spec) {
  const Vintage* closest = closest_vintage(folder, spec);
  return closest && images_apart(folder, *closest) == 0 ? closest : nullptr;
}

std::string describe_counts(const ImageFolder& folder, const DatasetSpec& spec) {
  std::int64_t total = 0;
  for (const Domain& domain : folder.domains) total += count(domain);
  const std::string start = spec.name + ": " + grouped_digits(total) + " images";
  const Vintage* closest = closest_vintage(folder, spec);
  if (!closest) return start + " in " + std::to_string(folder.domains.size()) + " domain(s)";
  if (images_apart(folder, *closest) == 0)
    return start + ", " + closest->name + (closest->unfinished.empty() ? "" : "; " + closest->unfinished);
  std::string differences;
  for (std::size_t i = 0; i < folder.domains.size(); ++i) {
    const std::int64_t difference = count(folder.domains[i]) - closest->images[i];
    if (difference == 0) continue;
    differences += (differences.empty() ? "" : ", ") + folder.domains[i].name + (difference > 0 ? " +" : " -") +
                   grouped_digits(std::abs(difference));
  }
  return start + "; " + grouped_digits(closest->total()) + " are expected " + closest->name + ": " + differences;
}

std::string grouped_digits(std::int64_t number) {
  std::string text = std::to_string(number);
  const std::size_t first = number < 0 ? 1 : 0;
  for (std::size_t at = text.size(); at > first + 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

}  // namespace dgsam
