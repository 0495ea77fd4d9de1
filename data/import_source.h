// What the recognisers of import.h share: finding the domains of a data set and listing their images.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/datasets.h"
#include "data/import.h"

namespace dgsam {

struct DomainFolders {
  std::filesystem::path root;
  std::vector<std::filesystem::path> folders;  // of spec.domains, in that order
};

/// The folder at most two below `from` that holds all domains of `spec`, under any of their spellings in any case; the
/// nearest one. Throws Error when there is none, saying what is there, or when several are equally near.
DomainFolders find_domains(const DatasetSpec& spec, const std::filesystem::path& from);

/// The names of the folders in `path`, in byte order, without those that start with a dot.
std::vector<std::string> folder_names(const std::filesystem::path& path);

/// Plans every image below `folder` for `destination`/..., keeping the folders between. Names that start with a dot are
/// left out.
void add_images(ImportPlan& plan, const std::filesystem::path& folder, const std::string& destination);

/// Plans the classes of one domain from folder/<class>. Case does not matter, what is no class is left out with a note.
/// Throws Error for a class that is missing.
void add_classes(ImportPlan& plan, const DatasetSpec& spec, const std::string& domain,
                 const std::filesystem::path& folder);

/// Sorts the items. Throws Error when two sources have one destination, or when there is no item.
void finish_plan(ImportPlan& plan);

/// find_domains, add_classes for each, finish_plan: what most data sets need.
ImportPlan plan_domains(const std::string& dataset, const std::filesystem::path& from);

}  // namespace dgsam
