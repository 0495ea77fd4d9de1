// Bringing a downloaded data set into the layout that training reads: first a plan of what goes where, then the files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/parallel.h"

namespace dgsam {

struct ImportItem {
  std::filesystem::path source;
  std::string destination;  // relative to the data set's root: domain/class/file
};

struct ImportPlan {
  std::string dataset;             // DatasetSpec::name
  std::filesystem::path source;    // the folder that holds all that is read; nothing is ever written to it
  std::vector<ImportItem> items;   // by destination, each destination once
  std::vector<std::string> notes;  // what was recognised and what was left out, one line each
};

// The recognisers. Each finds its data set in `from` or up to two folders below, by the names of the domains that
// DatasetSpec knows, and plans every image of every class. They throw Error that names what was found instead, a class
// that is missing, or two files that would get one name.

/// PACS as its archive unpacks (kfold/) or renamed (PACS/).
ImportPlan plan_pacs(const std::filesystem::path& from);

/// Office-Home as its archive unpacks (OfficeHomeDataset_10072016/); "Real World" may be spelt Real_World or RealWorld,
/// and classes in any case.
ImportPlan plan_office_home(const std::filesystem::path& from);

/// VLCS as DomainBed's archive unpacks (VLCS/<domain>/<class>/), or with <domain>/{full,train,crossval,test}/<class
/// index>/ as Dassl, JiGen and others distribute it: all parts are joined, and files of one name count once.
ImportPlan plan_vlcs(const std::filesystem::path& from);

/// DomainNet's six unpacked archives beside each other, less the files that `duplicates` lists: DomainBed's
/// domain_net_duplicates.txt, a line domain/class/file each.
ImportPlan plan_domain_net(const std::filesystem::path& from, const std::filesystem::path& duplicates);

/// TerraIncognita by DomainBed's procedure, from the images of Caltech Camera Traps (eccv_18_all_images_sm) and the
/// annotations of any year: four locations, ten categories; an image annotated with two of them goes to both. Images
/// that the folder lacks are noted.
ImportPlan plan_terra_incognita(const std::filesystem::path& images,
                                const std::vector<std::filesystem::path>& annotations);

enum class LinkKind {
  kAutomatic,  // hard links, or copies where the file system cannot link
  kHardlink,
  kSymlink,
  kCopy
};

struct ImportResult {
  std::filesystem::path root;  // <out>/<DatasetSpec::root>
  std::int64_t hardlinks = 0, symlinks = 0, copies = 0;
  std::int64_t already_there = 0;  // the same files from an earlier import
};

/// Places the plan's files below <out>/<DatasetSpec::root>. A file appears whole or not at all, so an interrupted
/// import is completed by repeating it. Copies keep the time of their source, by which they are recognised. `threads`
/// 0: one per core. Throws Error when root and source lie in each other, when root holds other images than the plan's,
/// when a file of another content is in the way, or when a file cannot be placed.
ImportResult execute_import(const ImportPlan& plan, const std::filesystem::path& out, LinkKind link, int threads,
                            const Progress& progress = {});

}  // namespace dgsam
