// The files that a run learns from and is judged by, as far as they can be told without reading them: the splits, and
// so the results, depend on them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "data/image_folder.h"

namespace dgsam {

/// A line per image: domain, class, size in bytes, the split that the data give, and the path, relative to the root.
/// The same for a data set that was moved as a whole.
std::string file_list(const ImageFolder& folder);

/// MD5 of a list.
std::string digest_of(const std::string& list);

/// What is different `now`, each kind with its number and first files: "2 are gone (d0/cat/1.png, d0/cat/2.png), 1 is
/// new (...)". Empty for equal lists.
std::string list_difference(const std::string& before, const std::string& now);

/// As gzip has it, for a file that may be long.
std::string compressed_list(const std::string& list);
/// Nothing where there is no such file, or it is damaged.
std::optional<std::string> read_list(const std::filesystem::path& path);

/// Beside a run's config.json.
inline constexpr const char* kFileList = "files.gz";

/// list_difference() between the list in `run`, a run's folder, and `folder`, as a clause that also serves when the
/// list cannot be read.
std::string what_changed(const std::filesystem::path& run, const ImageFolder& folder);

}  // namespace dgsam
