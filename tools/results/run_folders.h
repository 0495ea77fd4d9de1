// The runs in and below the folders that a user names.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace dgsam {

/// Folders of runs, and what was passed over.
struct RunFolders {
  std::vector<std::filesystem::path> runs;
  std::vector<std::string> skipped;  // runs that are not done: a folder and what is wrong with it
};

/// A folder that holds a run's config.json, results.jsonl or summary.json is taken as it is; of any other the finished
/// runs below it, in the order of their names. Throws Error for a folder that does not exist, or when there is no run.
RunFolders find_run_folders(const std::vector<std::filesystem::path>& folders);
/// Whether `folder` is one that find_run_folders() takes as it is.
bool is_run_folder(const std::filesystem::path& folder);

}  // namespace dgsam
