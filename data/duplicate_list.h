// The list of DomainNet's duplicate files that every protocol deletes.
#pragma once

#include <filesystem>
#include <string>
#include <unordered_set>

namespace dgsam {

/// The lines of a file like DomainBed's domain_net_duplicates.txt: domain/class/file, relative to the data set's root.
/// Empty lines and blanks at the end of a line do not count. Throws Error naming the path, and the line that is none.
std::unordered_set<std::string> read_duplicate_list(const std::filesystem::path& path);

}  // namespace dgsam
